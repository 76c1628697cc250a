//! What the tool and the guest say to each other.
//!
//! The guest is the program that runs as PID 1 in the booted kernel (`tests/guest`). It reads its
//! [`Instructions`] from the initramfs and reports what it observes, one JSON object a line, over a
//! virtio port of its own. It judges nothing: what an observation is worth is decided outside, by
//! code that can be tested without a kernel.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The form of instructions and reports. Neither side takes another one.
pub const VERSION: u32 = 2;
/// Where the guest finds its instructions in the initramfs, as JSON.
pub const INSTRUCTIONS: &str = "/instructions.json";
/// The name of the virtio port that reports go to.
pub const PORT: &str = "mptcp-kernels.report";
/// How many bytes go there and back where one end knows no MPTCP.
pub const INTEROPERATION: u64 = 256 << 10;
/// The longest line of a report, in bytes, its end included.
pub const MAX_LINE: usize = 1 << 20;

/// What the guest is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instructions {
    /// [`VERSION`] of who wrote them.
    pub version: u32,
    /// The files of the modules that the machine itself needs (virtio and the like), in the order of
    /// loading; paths in the initramfs. They are loaded before the report's port is opened.
    pub drivers: Vec<String>,
    /// The modules that are to be tried, in order.
    pub modules: Vec<Module>,
    /// The modules that are no part of the kernel's package, in order. Of none of them one is loaded before.
    pub given: Vec<Module>,
    /// The values to try on sysctls, in a network namespace of their own.
    pub trials: Vec<Trial>,
    /// What to select in turn, each for a transfer of its own, in order.
    pub choices: Vec<Choice>,
    /// How many bytes a transfer moves each way.
    pub payload: u64,
    /// How many bytes of frames a link carries in a second each way, where it has to be the bottleneck.
    pub rate: u32,
    /// What to break, to see that it is noticed.
    pub sabotage: Option<Sabotage>,
}

/// A kernel module with what it depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Module {
    /// Its name.
    pub name: String,
    /// Its files, in the order of loading, its own last; paths in the initramfs. A file that is loaded
    /// already is no error.
    pub files: Vec<String>,
}

/// A value to write to a sysctl.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Its name, with dots: `net.mptcp.enabled`.
    pub sysctl: String,
    /// The value to write. What was there before is written back afterwards.
    pub value: String,
}

/// The kinds of things of which a kernel may have several, and uses one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A path manager of MPTCP.
    PathManager,
    /// A packet scheduler of MPTCP.
    Scheduler,
    /// A congestion control of TCP.
    CongestionControl,
}

/// One of several things of a kind, to be used instead of the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The sysctl of the initial network namespace that selects it by its name.
    pub sysctl: String,
    /// How many bytes go from the client to the server.
    pub payload: u64,
    /// Whether they wait for a second subflow.
    pub joins: bool,
    /// A parameter of its module that is to be told: `mptcp_ndiffports.num_subflows`.
    pub parameter: Option<String>,
}

/// Negative controls: what the guest breaks on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sabotage {
    /// A blackhole route stands in the way of every second subflow.
    BlockJoins,
    /// Where one link should die, both do.
    CutBothLinks,
    /// One byte of what was received is changed before it is compared.
    FlipByte,
    /// The guest ends after the kernel was looked at.
    Die,
    /// The guest stops there without a word.
    Hang,
    /// Half a line is the last that is written there; then the machine is powered off.
    CutLine,
    /// A line of version [`VERSION`] + 1 is written there.
    NewerProtocol,
    /// Escape sequences, HTML and a record of level `err` are written to the kernel log and raw to the
    /// console.
    HostileLog,
}

/// One line of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// [`VERSION`] of who wrote it.
    pub version: u32,
    /// Counts from 0, so that a lost line is noticed.
    pub sequence: u64,
    /// Microseconds since the kernel began (`CLOCK_BOOTTIME`).
    pub time: u64,
    /// What happened.
    pub event: Event,
}

/// What the guest tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The guest runs; always first.
    Hello,
    /// A step begins.
    Begin(Step),
    /// A step ended, after whatever it observed was told.
    End(Step),
    /// A step could not be carried out: what was attempted and why it failed. Its observation is missing
    /// or incomplete.
    Failed {
        /// The step.
        step: Step,
        /// What happened.
        error: String,
    },
    /// What kernel this is.
    Kernel(Kernel),
    /// Its MPTCP settings.
    Sysctls(Sysctls),
    /// What it can do.
    Features(Features),
    /// What came of the modules that are no part of the kernel's package, in their order.
    Modules(Vec<Loaded>),
    /// Which way packets took.
    Routing(Vec<Routed>),
    /// A transfer over two links.
    Transfer(Transfer),
    /// A transfer that lost a link.
    Failover(Failover),
    /// A connection with one end that knows no MPTCP.
    Interoperation(Interoperation),
    /// Transfers with all choices of one kind, in their order.
    Chosen(Vec<Chosen>),
    /// What the kernel logged.
    Log(Log),
    /// All steps were done; the machine is powered off next. Always last.
    Bye,
}

/// The steps, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Which kernel and which MPTCP this is.
    Kernel,
    /// Reading all of MPTCP's sysctls, and the trials.
    Sysctls,
    /// Loading modules, then listing congestion controls, path managers and schedulers.
    Features,
    /// Loading modules that are no part of the kernel's package; only where there are any.
    Modules,
    /// A rule, a table and a packet.
    Routing,
    /// Both directions over both links, IPv4.
    TransferIpv4,
    /// The first subflow's link silently loses everything.
    LinkLoss,
    /// The first subflow's link goes down.
    LinkDown,
    /// An MPTCP client and a TCP server.
    TcpServer,
    /// A TCP client and an MPTCP server.
    TcpClient,
    /// Both directions over both links, IPv6.
    TransferIpv6,
    /// Each path manager in turn; only where there is a choice.
    PathManagers,
    /// Each packet scheduler in turn; only where there is a choice.
    Schedulers,
    /// Each congestion control that is MPTCP's own in turn; only where there is a choice.
    CongestionControls,
    /// Reading the kernel log.
    Log,
}

/// Which MPTCP a kernel has, told by what it does and not by its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Implementation {
    /// Linux 5.6 and later: `IPPROTO_MPTCP` sockets.
    Upstream,
    /// `multipath-tcp/mptcp`: every TCP socket.
    OutOfTree,
}

/// What kernel runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// `uname -r`.
    pub release: String,
    /// `uname -v`.
    pub version: String,
    /// `uname -m`.
    pub machine: String,
    /// The processors online.
    pub cpus: u32,
    /// The MPTCP it has, if any.
    pub implementation: Option<Implementation>,
    /// What that was told by, each thing tried with what came of it, for people.
    pub evidence: Vec<String>,
}

/// MPTCP's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sysctls {
    /// All below `net.mptcp` in the initial network namespace, as the kernel booted with them. One that cannot
    /// be read is not there.
    pub values: BTreeMap<String, String>,
    /// What came of each trial, in their order.
    pub trials: Vec<Tried>,
}

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// The sysctl.
    pub sysctl: String,
    /// What was written.
    pub value: String,
    /// The kernel's error, where it refused.
    pub refused: Option<String>,
    /// What was read afterwards, where it did not.
    pub read_back: Option<String>,
}

/// What a kernel can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// The modules that were tried: `None`, or the kernel's error.
    pub modules: BTreeMap<String, Option<String>>,
    /// TCP's congestion controls.
    pub congestion_controls: Vec<String>,
    /// MPTCP's path managers.
    pub path_managers: Vec<String>,
    /// MPTCP's packet schedulers.
    pub schedulers: Vec<String>,
    /// The names of its MPTCP counters.
    pub counters: Vec<String>,
}

/// What came of loading a module that is no part of the kernel's package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// Its name.
    pub name: String,
    /// Why it, or what it depends on, could not be loaded, with the kernel's error.
    pub error: Option<String>,
    /// Its state in `/proc/modules` once all were tried: `Live`, `Loading` or `Unloading`; `None` where it is not
    /// listed.
    pub state: Option<String>,
}

/// The version of the Internet Protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// The way that two equal packets took: before a rule sent them to a table of their own, and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routed {
    /// Over which protocol.
    pub family: Family,
    /// The link before (0 is the first); `None` where the packet did not arrive.
    pub before: Option<usize>,
    /// The link after.
    pub after: Option<usize>,
    /// Why there was no rule, table or packet.
    pub error: Option<String>,
}

/// Both ends' MPTCP counters, by name; zeros included. Each network namespace begins at zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Of the end that connects.
    pub client: BTreeMap<String, u64>,
    /// Of the end that listens.
    pub server: BTreeMap<String, u64>,
}

/// What the links had carried at a moment: bytes of frames that the client sent and received on each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Microseconds since the kernel began.
    pub time: u64,
    /// Sent by the client, by link.
    pub sent: [u64; 2],
    /// Received by the client, by link.
    pub received: [u64; 2],
}

/// A transfer over two links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Over which protocol.
    pub family: Family,
    /// Why it did not end as it should; then the rest tells how far it came.
    pub error: Option<String>,
    /// What happened each way, in order.
    pub ways: Vec<Way>,
    /// The counters afterwards.
    pub counters: Counters,
    /// The links in time, from before the connection to after it.
    pub samples: Vec<Sample>,
}

/// A direction of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// One direction of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// Which.
    pub direction: Direction,
    /// The bytes that arrived.
    pub bytes: u64,
    /// The position of the first byte that was not what it should be.
    pub first_wrong: Option<u64>,
    /// From the first byte sent to the last compared, in microseconds.
    pub duration: u64,
    /// The bytes of frames in this direction that each link carried meanwhile.
    pub links: [u64; 2],
    /// Whether the stream ended after them, once its sender had closed it; both directions are closed after
    /// both were used.
    pub ended: bool,
}

/// How a link dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Death {
    /// It loses every packet, both ways, and nobody is told.
    Loss,
    /// It goes down.
    Down,
}

/// A transfer that lost the link of its first subflow after a quarter of the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failover {
    /// How the link died.
    pub death: Death,
    /// Why it did not end as it should.
    pub error: Option<String>,
    /// The bytes that had arrived when the link died, and the moment, in microseconds since the kernel
    /// began; `None` where it did not come so far.
    pub cut: Option<(u64, u64)>,
    /// The bytes that arrived in all.
    pub bytes: u64,
    /// The position of the first byte that was not what it should be.
    pub first_wrong: Option<u64>,
    /// From the cut to the last byte compared, in microseconds.
    pub recovery: Option<u64>,
    /// Whether the stream ended after them, once its sender had closed it.
    pub ended: bool,
    /// The bytes of frames that each link carried after the cut, in the direction of the data, as seen where
    /// they arrive.
    pub links_after: [u64; 2],
    /// The counters afterwards.
    pub counters: Counters,
    /// The links in time.
    pub samples: Vec<Sample>,
}

/// A connection with one end that knows no MPTCP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interoperation {
    /// The end that uses MPTCP.
    pub mptcp: End,
    /// Why it did not end as it should.
    pub error: Option<String>,
    /// The bytes that came back: the server returns what it gets.
    pub bytes: u64,
    /// The position of the first byte that was not what it should be.
    pub first_wrong: Option<u64>,
    /// Whether the stream ended after them in both directions, once its sender had closed it.
    pub ended: bool,
    /// The counters afterwards.
    pub counters: Counters,
}

/// A transfer from the client to the server with one of several things selected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// The kind of what was selected.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Why it did not end as it should; then the rest tells how far it came.
    pub error: Option<String>,
    /// What the sysctl said once it was written.
    pub selected: Option<String>,
    /// The parameter of its module that was asked for.
    pub parameter: Option<String>,
    /// The congestion control of the client's socket.
    pub congestion_control: Option<String>,
    /// The subflows of the connection once everything had arrived, as the client counts them.
    pub subflows: Option<u64>,
    /// What happened.
    pub way: Option<Way>,
    /// The counters afterwards.
    pub counters: Counters,
}

/// An end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The one that connects.
    Client,
    /// The one that listens.
    Server,
}

/// The kernel log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// The first record that is left, and all that tell of something wrong.
    pub records: Vec<Record>,
    /// Whether there were more of them than are told.
    pub truncated: bool,
    /// Whether records were overwritten before they were read, or could not be understood.
    pub lost: bool,
    /// `/proc/sys/kernel/tainted`, a bit for each reason; Documentation/admin-guide/tainted-kernels.rst.
    pub tainted: u64,
}

/// A record of the kernel log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its level, 0 (emergency) to 7 (debug); syslog(2).
    pub level: u8,
    /// Microseconds since the kernel began.
    pub time: u64,
    /// Its text, without control characters.
    pub text: String,
}
