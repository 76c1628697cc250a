//! Runs the binary under a deadline.

use std::io::Read;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often a running process is looked at.
const TICK: Duration = Duration::from_millis(10);

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_xtask");

/// What a finished run left.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit code; -1 for a process that a signal ended.
    pub(crate) code: i32,
    /// All of standard output.
    pub(crate) stdout: String,
    /// All of standard error.
    pub(crate) stderr: String,
}

impl Run {
    /// Code and both streams in one text, for snapshots.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("exit {}\n", self.code);
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !stream.is_empty() {
                text.push_str(&format!("--- {name}\n{stream}"));
            }
        }
        text
    }

    /// Standard output as JSON; there must be nothing else.
    pub(crate) fn json(&self) -> serde_json::Value {
        let parsed = serde_json::from_str(&self.stdout);
        parsed
            .unwrap_or_else(|error| panic!("no JSON on standard output: {error}\n{}", self.text()))
    }

    /// This run, if it ended with `code`.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.text());
        self
    }
}

/// A running binary; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
    started: Instant,
    what: String,
}

impl Running {
    /// Starts the binary with these arguments and nothing but this environment.
    pub(crate) fn start(
        folder: &Path,
        arguments: &[&str],
        environment: &[(String, String)],
    ) -> Self {
        Self::start_by(&[BINARY], folder, arguments, environment)
    }

    /// The same by a program, with what it needs before these arguments, that starts [`BINARY`].
    pub(crate) fn start_by(
        program: &[&str],
        folder: &Path,
        arguments: &[&str],
        environment: &[(String, String)],
    ) -> Self {
        let (program, before) = program.split_first().expect("a program");
        #[expect(
            clippy::disallowed_methods,
            reason = "the binary under test is run from outside"
        )]
        let mut command = std::process::Command::new(program);
        command.args(before).args(arguments);
        command.current_dir(folder).env_clear();
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let stdout = child.stdout.take().map(collect);
        let stderr = child.stderr.take().map(collect);
        Self {
            child,
            stdout,
            stderr,
            started: Instant::now(),
            what: arguments.join(" "),
        }
    }

    /// The process id, for signals.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("a child can be waited for")
            .is_none()
    }

    /// Waits for the end, at most so long since the start; then it is killed, and the test fails.
    pub(crate) fn wait(mut self, deadline: Duration) -> Run {
        let status = loop {
            match self.child.try_wait().expect("a child can be waited for") {
                Some(status) => break Some(status),
                None if self.started.elapsed() > deadline => break None,
                None => std::thread::sleep(TICK),
            }
        };
        if status.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        let run = Run {
            code: status.as_ref().and_then(ExitStatus::code).unwrap_or(-1),
            stdout: join(self.stdout.take()),
            stderr: join(self.stderr.take()),
        };
        assert!(
            status.is_some(),
            "`{}` ran longer than {deadline:?}\n{}",
            self.what,
            run.text()
        );
        run
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(mut stream: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error is still worth showing.
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8(bytes).expect("the binary writes UTF-8")
    })
}

fn join(thread: Option<JoinHandle<String>>) -> String {
    thread.map_or_else(String::new, |thread| {
        thread.join().expect("a stream was UTF-8")
    })
}
