//! A run in which all is well, for tests to spoil.

pub(crate) mod out_of_tree;

use std::collections::BTreeMap;
use std::time::Duration;

use model::digest::Sha256;
use model::kconfig::DotConfig;
use model::recipe::{self, Line};
use model::smoke::{Machine, Retry, SCHEMA, Smoke};
use protocol::{
    Counters, Death, Direction, End, Event, Failover, Family, Features, Implementation,
    Interoperation, Kernel, Loaded, Log, Module, Record, Routed, Sample, Step, Sysctls, Transfer,
    Tried, VERSION, Way,
};

use crate::judge::{Expected, Judgement, judge};
use crate::line;
use crate::observed::{Ending, Observed, Seen};

pub(crate) const PAYLOAD: u64 = 24_000_000;
pub(crate) const RELEASE: &str = "6.12.117-mptcp-test";

/// The name and value of each sysctl of such a kernel.
const SYSCTLS: [(&str, &str); 11] = [
    ("net.mptcp.add_addr_timeout", "120"),
    ("net.mptcp.allow_join_initial_addr_port", "1"),
    ("net.mptcp.available_schedulers", "default"),
    ("net.mptcp.blackhole_timeout", "3600"),
    ("net.mptcp.checksum_enabled", "0"),
    ("net.mptcp.close_timeout", "60"),
    ("net.mptcp.enabled", "1"),
    ("net.mptcp.pm_type", "0"),
    ("net.mptcp.scheduler", "default"),
    ("net.mptcp.stale_loss_cnt", "4"),
    ("net.mptcp.unheard_of", "7"),
];

/// The counters of such a kernel that checks look at, and one that they do not.
const COUNTERS: [&str; 17] = [
    "MPCapableSYNRX",
    "MPCapableSYNTX",
    "MPCapableSYNACKRX",
    "MPCapableACKRX",
    "MPCapableFallbackACK",
    "MPCapableFallbackSYNACK",
    "MPCapableSYNTXDrop",
    "MPJoinNoTokenFound",
    "MPJoinSynRx",
    "MPJoinSynAckRx",
    "MPJoinSynAckHMacFailure",
    "MPJoinAckRx",
    "MPJoinAckHMacFailure",
    "DataCsumErr",
    "DSSCorruptionFallback",
    "MPFailTx",
    "MPRstTx",
];

pub(crate) fn config() -> DotConfig {
    let text =
        "CONFIG_MPTCP=y\nCONFIG_TCP_CONG_CUBIC=y\nCONFIG_TCP_CONG_BBR=m\nCONFIG_TCP_CONG_HSTCP=m\n";
    DotConfig::parse(text).unwrap()
}

pub(crate) fn recipe() -> recipe::Smoke {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let sysctls = [
        ("net.mptcp.enabled", "1"),
        ("net.mptcp.scheduler", "default"),
        ("net.mptcp.unheard_of", "7"),
    ];
    recipe::Smoke {
        sysctls: sysctls
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        congestion_controls: names(&["reno", "cubic"]),
        path_managers: names(&["kernel", "userspace"]),
        schedulers: names(&["default"]),
    }
}

/// Judges a run against what [`good`] should be.
pub(crate) fn judged(observed: &Observed) -> Judgement {
    judged_as(observed, &recipe())
}

pub(crate) fn judged_as(observed: &Observed, smoke: &recipe::Smoke) -> Judgement {
    judged_with(observed, smoke, &config())
}

pub(crate) fn judged_with(
    observed: &Observed,
    smoke: &recipe::Smoke,
    config: &DotConfig,
) -> Judgement {
    judge(&expected(smoke, config), observed)
}

/// Judges a run to which modules were given.
pub(crate) fn judged_with_modules(observed: &Observed, modules: &[Module]) -> Judgement {
    let (smoke, config) = (recipe(), config());
    let expected = Expected {
        modules,
        ..expected(&smoke, &config)
    };
    judge(&expected, observed)
}

fn expected<'a>(smoke: &'a recipe::Smoke, config: &'a DotConfig) -> Expected<'a> {
    Expected {
        line: line::facts(Line::Upstream),
        kernel_release: RELEASE,
        smoke,
        config,
        modules: &[],
        payload: PAYLOAD,
    }
}

/// A run that passes.
pub(crate) fn good() -> Observed {
    observed(steps())
}

/// A run that passes with two modules, and these.
pub(crate) fn good_with_modules() -> (Observed, Vec<Module>) {
    let names = ["toy_core", "toy"].map(str::to_owned);
    let loaded = names.clone().map(|name| Loaded {
        name,
        error: None,
        state: Some("Live".to_owned()),
    });
    let mut steps = steps();
    let after = steps.iter().position(|(step, ..)| *step == Step::Routing);
    let step = (Step::Modules, Event::Modules(loaded.into()), 30);
    steps.insert(after.unwrap(), step);
    let modules = names.map(|name| Module {
        files: vec![format!("/modules/{name}.ko")],
        name,
    });
    (observed(steps), modules.into())
}

/// The steps of such a run, with what each told and the milliseconds that it took.
fn steps() -> Vec<(Step, Event, u64)> {
    vec![
        (Step::Kernel, kernel(), 40),
        (Step::Sysctls, sysctls(), 120),
        (Step::Features, features(), 350),
        (Step::Routing, routing(), 210),
        (Step::TransferIpv4, transfer(Family::Ipv4, 4.0), 1900),
        (Step::LinkLoss, failover(Death::Loss, 6.0, 1_900_000), 3400),
        (Step::LinkDown, failover(Death::Down, 9.6, 450_000), 1700),
        (Step::TcpServer, interoperation(End::Client), 600),
        (Step::TcpClient, interoperation(End::Server), 620),
        (Step::TransferIpv6, transfer(Family::Ipv6, 13.0), 1800),
        (Step::Log, log(), 60),
    ]
}

fn observed(steps: Vec<(Step, Event, u64)>) -> Observed {
    let mut events = vec![(0, Event::Hello)];
    for (step, observation, took) in steps {
        events.extend([
            (5, Event::Begin(step)),
            (took, observation),
            (5, Event::End(step)),
        ]);
    }
    events.push((10, Event::Bye));
    let mut at = 2_700;
    let mut lines = Vec::new();
    for (sequence, (took, event)) in events.into_iter().enumerate() {
        at += took;
        lines.push(Seen {
            at: Duration::from_millis(at),
            line: protocol::Line {
                version: VERSION,
                sequence: sequence as u64,
                time: at * 1000 - 1_100_000,
                event,
            },
        });
    }
    Observed {
        lines,
        console: b"[    0.000000] Linux version 6.12\r\n[    0.100000] Run /init\r\n".to_vec(),
        ending: Ending::Complete,
        duration: Duration::from_millis(at + 300),
    }
}

fn kernel() -> Event {
    Event::Kernel(Kernel {
        release: RELEASE.to_owned(),
        version: "#1 SMP".to_owned(),
        machine: "x86_64".to_owned(),
        cpus: 2,
        implementation: Some(Implementation::Upstream),
        evidence: vec!["socket(IPPROTO_MPTCP): works".to_owned()],
    })
}

fn sysctls() -> Event {
    let values = SYSCTLS.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let facts = line::facts(Line::Upstream);
    let trials = line::trials_of(facts, &recipe());
    let trials = trials.into_iter().map(|trial| {
        let bad = |known: &line::Sysctl| {
            known.name == trial.sysctl && known.bad.contains(&trial.value.as_str())
        };
        let there = SYSCTLS.iter().any(|(name, _)| *name == trial.sysctl);
        let refused = match () {
            () if !there => Some("No such file or directory (os error 2)".to_owned()),
            () if facts.sysctls.iter().any(bad) => {
                Some("Invalid argument (os error 22)".to_owned())
            }
            () => None,
        };
        Tried {
            read_back: refused.is_none().then(|| trial.value.clone()),
            refused,
            sysctl: trial.sysctl,
            value: trial.value,
        }
    });
    Event::Sysctls(Sysctls {
        values: values.into(),
        trials: trials.collect(),
    })
}

fn features() -> Event {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let modules = ["tcp_bbr", "tcp_highspeed"].map(|name| (name.to_owned(), None));
    Event::Features(Features {
        modules: modules.into(),
        congestion_controls: names(&["reno", "cubic", "bbr", "highspeed"]),
        path_managers: names(&["kernel", "userspace"]),
        schedulers: names(&["default"]),
        counters: names(&COUNTERS),
    })
}

fn routing() -> Event {
    let routed = |family| Routed {
        family,
        before: Some(0),
        after: Some(1),
        error: None,
    };
    Event::Routing(vec![routed(Family::Ipv4), routed(Family::Ipv6)])
}

/// Counters that are 1 where they are named, and 0 otherwise.
fn counters(client: &[&str], server: &[&str]) -> Counters {
    let of = |counted: &[&str]| {
        let value = |name: &str| u64::from(counted.contains(&name));
        let all = COUNTERS
            .iter()
            .map(|name| ((*name).to_owned(), value(name)));
        all.collect::<BTreeMap<_, _>>()
    };
    Counters {
        client: of(client),
        server: of(server),
    }
}

fn joined() -> Counters {
    counters(
        &["MPCapableSYNTX", "MPCapableSYNACKRX", "MPJoinSynAckRx"],
        &[
            "MPCapableSYNRX",
            "MPCapableACKRX",
            "MPJoinSynRx",
            "MPJoinAckRx",
        ],
    )
}

/// Samples every 20 ms; `rates` tells the bytes per millisecond of each link from the part of the time.
fn samples(begin: f64, millis: u64, rates: impl Fn(u64) -> [u64; 2]) -> Vec<Sample> {
    let begin = Duration::from_secs_f64(begin).as_micros();
    let begin = u64::try_from(begin).unwrap();
    let mut total = [0; 2];
    let at = (0..=millis).step_by(20);
    at.map(|at| {
        let sample = Sample {
            time: begin + at * 1000,
            sent: [total[0] / 30, total[1] / 30],
            received: total,
        };
        let wobble = 17 + at * 7919 % 7;
        total = std::array::from_fn(|link| total[link] + rates(at)[link] * wobble);
        sample
    })
    .collect()
}

fn transfer(family: Family, begin: f64) -> Event {
    let way = |direction| Way {
        direction,
        bytes: PAYLOAD,
        first_wrong: None,
        duration: 920_000,
        links: [PAYLOAD / 10 * 6, PAYLOAD / 10 * 5],
        ended: true,
    };
    Event::Transfer(Transfer {
        family,
        error: None,
        ways: vec![way(Direction::Up), way(Direction::Down)],
        counters: joined(),
        samples: samples(begin, 1860, |at| match at {
            0..60 | 1800.. => [0, 0],
            60..300 => [6000 + 40 * at, 20 * at],
            _ => [16_000 - at % 700, 13_000 + at % 900],
        }),
    })
}

fn failover(death: Death, begin: f64, recovery: u64) -> Event {
    let died = 500;
    let begin_again = died + recovery / 4000;
    let cut = Duration::from_secs_f64(begin) + Duration::from_millis(died);
    Event::Failover(Failover {
        death,
        error: None,
        cut: Some((PAYLOAD / 4 + 1000, u64::try_from(cut.as_micros()).unwrap())),
        bytes: PAYLOAD,
        first_wrong: None,
        recovery: Some(recovery),
        ended: true,
        links_after: [3000, PAYLOAD / 4 * 3],
        counters: joined(),
        samples: samples(begin, died + recovery / 1000 + 60, |at| match at {
            0..40 => [0, 0],
            _ if at < died => [7000, 6500 + at],
            _ if at < begin_again => [0, 300],
            _ => [0, 13_500 - at % 800],
        }),
    })
}

fn interoperation(mptcp: End) -> Event {
    let counters = match mptcp {
        End::Client => counters(&["MPCapableSYNTX", "MPCapableFallbackSYNACK"], &[]),
        End::Server => counters(&[], &[]),
    };
    Event::Interoperation(Interoperation {
        mptcp,
        error: None,
        bytes: protocol::INTEROPERATION,
        first_wrong: None,
        ended: true,
        counters,
    })
}

fn log() -> Event {
    let record = |level, time, text: &str| Record {
        level,
        time,
        text: text.to_owned(),
    };
    Event::Log(Log {
        records: vec![
            record(5, 0, "Linux version 6.12"),
            record(4, 10, "a mere warning"),
            record(6, 100_000, "Run /init as init process"),
        ],
        truncated: false,
        lost: false,
        // A module that is not part of the kernel, and not signed.
        tainted: 1 << 12 | 1 << 13,
    })
}

/// The result that the tool would write of a run.
pub(crate) fn result(observed: &Observed) -> Smoke {
    result_of(judged(observed))
}

/// The same of a judgement.
pub(crate) fn result_of(judgement: Judgement) -> Smoke {
    let package = |name: &str| (name.to_owned(), Sha256::of(name));
    Smoke {
        schema: SCHEMA,
        verdict: judgement.verdict(),
        reason: judgement.reason,
        manifest: Some(Sha256::of("manifest")),
        packages: [
            package("linux-headers-6.12.117-mptcp-test_6.12.117-1_amd64.deb"),
            package("linux-image-6.12.117-mptcp-test_6.12.117-1_amd64.deb"),
        ]
        .into(),
        kernel_release: Some(RELEASE.to_owned()),
        machine: Some(machine()),
        retries: Vec::new(),
        started: 1_789_199_741,
        phases: judgement.phases,
        checks: judgement.checks,
        counters: judgement.counters,
        links: judgement.links,
        choices: judgement.choices,
        throughput: judgement.throughput,
        cuts: judgement.cuts,
        capabilities: judgement.capabilities,
        incremental: false,
        earlier_failures: Vec::new(),
    }
}

fn machine() -> Machine {
    Machine {
        accelerator: "kvm".to_owned(),
        cpus: 2,
        memory: 512 << 20,
        qemu: "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)".to_owned(),
        container: "mptcp-kernels/qemu:3f9a1c5d7e21".to_owned(),
        guest: Sha256::of("guest"),
        initramfs: 3_456_789,
        command_line: "console=ttyS0 panic=-1 oops=panic rdinit=/init".to_owned(),
        sabotage: None,
    }
}

/// A retry, for pages and reports that show one.
pub(crate) fn retry() -> Retry {
    Retry {
        accelerator: "kvm".to_owned(),
        reason: "/dev/kvm is there, but cannot be opened".to_owned(),
    }
}

/// What a console may hold at its worst.
pub(crate) const HOSTILE: &[u8] =
    b"\x1b[31mred\x1b]0;title\x07 <script>alert(1)</script> ]]> </pre> \0 \xff\xfe & \" ' \xc2\x9b2J \xe2\x80\xae\r\n";
