use protocol::{Event, Line};

use super::*;

const LIMITS: Limits = Limits {
    life: Duration::from_secs(5),
    boot: Duration::from_secs(30),
    pause: Duration::from_secs(15),
    step: Duration::from_secs(100),
    steps: Duration::from_secs(400),
    shutdown: Duration::from_secs(10),
};

/// Seconds on the watcher's clock.
fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn line(sequence: u64, event: Event) -> Vec<u8> {
    let line = Line {
        version: VERSION,
        sequence,
        time: 0,
        event,
    };
    let mut bytes = serde_json::to_vec(&line).expect("JSON");
    bytes.push(b'\n');
    bytes
}

/// A watch whose QEMU was started in second 1, and whose guest said the events after one another.
fn watched(events: &[Event]) -> Watch {
    let mut watch = Watch::new(LIMITS);
    watch.report(at(1), b"@started\n");
    for (sequence, event) in events.iter().enumerate() {
        watch.report(at(2), &line(sequence as u64, event.clone()));
    }
    watch
}

fn exit(code: i64) -> Exit {
    Exit {
        code,
        out_of_memory: false,
    }
}

#[track_caller]
fn assert_broken(watch: Watch, now: u64, status: Option<i64>, expected: &str) {
    match watch.finish(at(now), status.map(exit)).ending {
        Ending::Broken(reason) => assert!(reason.contains(expected), "{reason}"),
        ending => panic!("{ending:?}"),
    }
}

fn whole() -> Vec<Event> {
    vec![
        Event::Hello,
        Event::Begin(Step::Kernel),
        Event::End(Step::Kernel),
        Event::Bye,
    ]
}

#[test]
fn a_run_that_powers_off_after_the_last_word_is_complete() {
    let mut watch = Watch::new(LIMITS);
    watch.console(at(1), b"[    0.0] Linux version 6.12\n");
    let mut report = b"@started\n".to_vec();
    for (sequence, event) in whole().into_iter().enumerate() {
        report.extend(line(sequence as u64, event));
    }
    // However it is cut into pieces.
    for piece in report.chunks(7) {
        assert_ne!(watch.report(at(3), piece), Next::Stop);
    }
    watch.console(at(4), b"[    9.0] reboot: Power down\n");
    let observed = watch.finish(at(5), Some(exit(0)));
    assert_eq!(observed.ending, Ending::Complete);
    assert_eq!(observed.lines.len(), 4);
    assert_eq!(observed.lines[0].at, Duration::ZERO);
    assert_eq!(observed.duration, at(2));
}

#[test]
fn every_other_end_is_broken_and_says_how() {
    let hello = [Event::Hello];
    let step = [Event::Hello, Event::Begin(Step::LinkDown)];
    assert_broken(watched(&[]), 9, Some(0), "before the guest ran");
    assert_broken(
        watched(&whole()),
        9,
        Some(0),
        "reset instead of powering itself off",
    );
    assert_broken(watched(&hello), 9, Some(0), "during the checks");
    assert_broken(watched(&step), 9, Some(0), "during the step link-down");
    assert_broken(watched(&[]), 9, Some(127), "no QEMU in the container");
    assert_broken(watched(&hello), 9, Some(127), "status 127");
    assert_broken(watched(&whole()), 9, Some(1), "QEMU failed with status 1");
    assert_broken(watched(&step), 9, Some(137), "killed by signal 9");
    for status in [134, 139] {
        // Even in the middle of a line of the report.
        let mut watch = watched(&step);
        watch.report(at(3), b"{");
        let ending = watch.finish(at(9), Some(exit(status))).ending;
        assert!(matches!(ending, Ending::Crashed(reason) if reason.contains("QEMU crashed")));
    }
    let starved = Exit {
        code: 137,
        out_of_memory: true,
    };
    let ending = watched(&hello).finish(at(9), Some(starved)).ending;
    assert!(matches!(ending, Ending::Broken(reason) if reason.contains("out of the memory")));
    let mut words = watched(&[]);
    words.report(at(2), b"qemu: \x1b[31mcould not load kernel\n");
    assert_broken(
        words,
        9,
        Some(1),
        "QEMU said: qemu: \u{fffd}[31mcould not load kernel",
    );
}

#[test]
fn a_report_that_is_not_ours_ends_the_run_at_once() {
    let good = line(0, Event::Hello);
    let newer = String::from_utf8_lossy(&good).replace("\"version\":2", "\"version\":3");
    let cases: [(Vec<u8>, &str); 5] = [
        (
            newer.into_bytes(),
            "version 3 of the protocol, and this tool reads version 2",
        ),
        (
            line(3, Event::Hello),
            "line 0 of the report is missing: line 3 came",
        ),
        (b"{\"version\":2,\"seq\n".to_vec(), "no report line"),
        (
            b"{\"version\":2,\"sequence\":0,\"time\":0,\"event\":\"unheard-of\"}\n".to_vec(),
            "no report line",
        ),
        (
            [b"{".as_slice(), &vec![b'a'; MAX_LINE + 1]].concat(),
            "longer than",
        ),
    ];
    for (bytes, reason) in cases {
        let mut watch = watched(&[]);
        assert_eq!(watch.report(at(2), &bytes), Next::Until(at(2)), "{reason}");
        assert_eq!(watch.deadline(at(2)), Next::Stop);
        assert_broken(watch, 2, None, reason);
    }
    let mut half = watched(&whole());
    half.report(at(3), b"{\"version\":2");
    assert_broken(half, 9, Some(0), "in the middle of a line");
}

#[test]
fn every_wait_has_a_deadline_that_says_what_it_waited_for() {
    let step = [Event::Hello, Event::Begin(Step::LinkLoss)];
    let between = [
        Event::Hello,
        Event::Begin(Step::Kernel),
        Event::End(Step::Kernel),
    ];
    let mut alive = watched(&[]);
    alive.console(at(2), b"Linux version 6\n");
    let cases = [
        (Watch::new(LIMITS), 30, "QEMU was not started within 30 s"),
        (watched(&[]), 6, "no sign of life within 5 s"),
        (alive, 31, "the guest did not say that it runs within 30 s"),
        (
            watched(&step),
            102,
            "the step link-loss did not end within 100 s",
        ),
        (
            watched(&between),
            17,
            "the guest fell silent: nothing came within 15 s",
        ),
        (
            watched(&whole()),
            12,
            "did not power itself off within 10 s",
        ),
    ];
    for (mut watch, due, reason) in cases {
        assert_eq!(watch.next(), Next::Until(at(due)), "{reason}");
        assert_eq!(
            watch.deadline(at(due - 1)),
            Next::Until(at(due)),
            "too early: {reason}"
        );
        watch.deadline(at(due));
        assert_eq!(watch.deadline(at(due)), Next::Stop, "{reason}");
        assert_broken(watch, due, None, reason);
    }
}

#[test]
fn a_kernel_that_is_lost_ends_the_run_after_its_last_words() {
    for lost in [
        "Kernel panic - not syncing: Attempted to kill init!",
        "BUG: kernel NULL pointer dereference, address: 0000000000000000",
        "Oops: general protection fault",
        "watchdog: BUG: soft lockup - CPU#0 stuck for 26s!",
        "INFO: task guest:1 blocked for more than 120 seconds.",
        "rcu: INFO: rcu_sched self-detected stall on CPU",
    ] {
        let mut watch = watched(&[Event::Hello]);
        let text = format!("[    1.0] {lost}\r\n[    1.1] Call Trace:\r\n");
        assert_eq!(
            watch.console(at(10), text.as_bytes()),
            Next::Until(at(12)),
            "{lost}"
        );
        assert_ne!(watch.deadline(at(11)), Next::Stop);
        assert_eq!(watch.deadline(at(12)), Next::Stop);
        assert_broken(watch, 12, None, lost);
    }
    let mut fine = watched(&[Event::Hello]);
    fine.console(
        at(10),
        b"[    1.0] random: crng init done\n[    1.1] WARNING: harmless here\n",
    );
    assert_ne!(fine.deadline(at(12)), Next::Stop);
}

#[test]
fn a_panic_is_named_even_after_the_oops_that_led_to_it() {
    let mut watch = watched(&[]);
    watch.console(
        at(3),
        b"Oops: 0002 [#1] SMP\nKernel panic - not syncing: Fatal exception\n",
    );
    // With panic=-1 the machine resets itself then, and QEMU ends.
    assert_broken(
        watch,
        4,
        Some(0),
        "Kernel panic - not syncing: Fatal exception",
    );
}

#[test]
fn a_flood_ends_the_run() {
    let mut console = watched(&[Event::Hello]);
    console.console(at(3), &vec![b'x'; MAX_CONSOLE + 1]);
    assert_eq!(console.deadline(at(3)), Next::Stop);
    let mut report = watched(&[Event::Hello]);
    for _ in 0..=MAX_REPORT >> 20 {
        report.report(
            at(3),
            &[b"x".repeat((1 << 20) - 1), b"\n".to_vec()].concat(),
        );
    }
    assert_eq!(report.deadline(at(3)), Next::Stop);
    assert_broken(report, 3, None, "the report is longer than");
}
