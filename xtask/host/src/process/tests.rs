use super::*;
use crate::clock::Stopwatch;

fn shell(script: &str) -> Process {
    Process::new("sh", "/", Duration::from_secs(20), "the test's script").arguments(["-c", script])
}

fn capture(script: &str) -> Captured {
    shell(script).capture(&Cancel::new()).unwrap()
}

fn text(process: &Process) -> String {
    process.capture(&Cancel::new()).unwrap().text().unwrap()
}

#[test]
fn the_environment_holds_only_what_is_allowed() {
    let process =
        Process::new("env", "/", Duration::from_secs(20), "env").environment("EXTRA", "1");
    let found = text(&process);
    let mut names: Vec<_> = found
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect();
    names.retain(|name| *name != "HOME");
    names.sort_unstable();
    assert_eq!(names, ["EXTRA", "LANG", "LC_ALL", "PATH", "TZ"]);
    assert!(found.contains("TZ=UTC"), "{found}");
    let replaced = Process::new("env", "/", Duration::from_secs(20), "env").environment("TZ", "X");
    assert!(text(&replaced).contains("TZ=X"));
}

#[test]
fn arguments_directory_and_input_are_as_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path())
        .unwrap()
        .canonicalize_utf8()
        .unwrap();
    let process = Process::new("sh", &path, Duration::from_secs(20), "sh")
        .arguments(["-c", "pwd; cat; printf '%s' \"$1\"", "sh"])
        .argument("a b;c");
    assert_eq!(text(&process), format!("{path}\na b;c"));
}

#[test]
fn an_input_is_read_from_its_beginning_each_time() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"one\ntwo\n").unwrap();
    let process = shell("cat").input(file);
    assert_eq!(text(&process), "one\ntwo\n");
    assert_eq!(text(&process.clone()), "one\ntwo\n");
}

#[test]
fn a_failure_says_what_ran_and_what_it_said() {
    let error = capture("echo 'no \u{1b}[31mluck' >&2; exit 7")
        .success()
        .unwrap_err();
    let message = error.to_string();
    for part in ["sh -c", "exit status: 7", "no \u{fffd}[31mluck"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(!message.contains('\u{1b}'), "{message}");
    assert!(matches!(
        shell("exit 3").run(&Cancel::new()),
        Err(ProcessError::Failed { .. })
    ));
    shell("exit 0").run(&Cancel::new()).unwrap();
}

#[test]
fn a_program_that_is_not_installed_is_said_to_be_missing() {
    let process = Process::new("no-such-program", "/", Duration::from_secs(1), "it");
    let error = process.capture(&Cancel::new()).unwrap_err();
    assert!(matches!(error, ProcessError::NotFound { .. }), "{error}");
    assert_eq!(error.category(), Category::Host);
}

#[test]
fn only_the_end_of_a_long_output_is_kept() {
    let script = "head -c 5000000 /dev/zero; echo end; head -c 3000000 /dev/zero >&2; echo e >&2";
    let captured = capture(script);
    for (output, total, end) in [
        (&captured.stdout, 5_000_004, &b"end\n"[..]),
        (&captured.stderr, 3_000_002, &b"e\n"[..]),
    ] {
        assert_eq!(output.bytes.len(), MAX_CAPTURED);
        assert_eq!(output.dropped + output.bytes.len() as u64, total);
        assert!(output.bytes.ends_with(end));
    }
    let error = captured.text().unwrap_err();
    assert!(matches!(error, ProcessError::Output { .. }), "{error}");
    let error = capture("printf '\\377'").text().unwrap_err();
    assert!(matches!(error, ProcessError::Output { .. }), "{error}");
}

#[test]
fn a_pipe_passes_everything_on() {
    let mut sink = Vec::new();
    let script = "head -c 5000000 /dev/zero; echo note >&2";
    let captured = shell(script)
        .pipe(&Cancel::new(), &mut sink)
        .unwrap()
        .success()
        .unwrap();
    assert_eq!(sink.len(), 5_000_000);
    assert_eq!(captured.stderr.bytes, b"note\n");

    let mut full = io::Cursor::new([0; 10]);
    let watch = Stopwatch::start();
    let error = shell("yes")
        .pipe(&Cancel::new(), &mut full.get_mut().as_mut_slice())
        .unwrap_err();
    assert!(matches!(error, ProcessError::Sink { .. }), "{error}");
    assert!(watch.elapsed() < Duration::from_secs(10));
}

#[test]
fn the_deadline_kills_and_says_what_was_waited_for() {
    let process = |script: &str| {
        Process::new("sh", "/", Duration::from_millis(300), "the clone of x")
            .arguments(["-c", script])
    };
    for error in [
        process("echo started >&2; sleep 30")
            .capture(&Cancel::new())
            .unwrap_err(),
        // Streams closed, program alive.
        process("exec >&- 2>&-; sleep 30")
            .capture(&Cancel::new())
            .unwrap_err(),
        // Never silent.
        process("yes").capture(&Cancel::new()).unwrap_err(),
        process("exec sleep 30").run(&Cancel::new()).unwrap_err(),
    ] {
        assert!(matches!(error, ProcessError::Deadline { .. }), "{error}");
        assert!(error.to_string().contains("the clone of x"), "{error}");
    }
    let error = process("echo started >&2; sleep 30")
        .capture(&Cancel::new())
        .unwrap_err();
    assert!(error.to_string().contains("started"), "{error}");
}

#[test]
fn cancelling_kills_the_whole_group_even_when_it_ignores_the_polite_request() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("alive");
    let script = format!(
        "trap '' TERM; (sleep 4; touch {}) & sleep 30; sleep 30",
        mark.display()
    );
    let cancel = Cancel::new();
    let other = cancel.clone();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        other.cancel();
    });
    let watch = Stopwatch::start();
    let error = shell(&script).capture(&cancel).unwrap_err();
    assert!(matches!(error, ProcessError::Interrupted(_)), "{error}");
    assert!(
        watch.elapsed() < Duration::from_secs(3),
        "{:?}",
        watch.elapsed()
    );
    thread.join().unwrap();
    std::thread::sleep(Duration::from_millis(4500).saturating_sub(watch.elapsed()));
    assert!(!mark.exists(), "a grandchild survived");
    assert!(matches!(
        shell("true").run(&cancel),
        Err(ProcessError::Interrupted(_))
    ));
}

#[test]
fn a_grandchild_that_keeps_the_streams_open_does_not_block() {
    let watch = Stopwatch::start();
    let captured = capture("sleep 15 & echo done");
    assert_eq!(captured.stdout.bytes, b"done\n");
    assert!(captured.status.success());
    assert!(
        watch.elapsed() < Duration::from_secs(8),
        "{:?}",
        watch.elapsed()
    );
}
