//! Small archives that unpack to more than any kernel is: refused soon, and with little memory.

use std::fs;
use std::time::{Duration, Instant};

use tar::EntryType;

use super::tarball::Place;
use super::{assert_nothing_locked, without_git};
use crate::cli::each;
use crate::support::{Kernel, Run, Scratch};

/// What one may take; it reads a few GiB of zeros at most.
const DEADLINE: Duration = Duration::from_secs(60);
/// The most memory that the tool may use, in KiB: what design and architecture promise.
const MEMORY: u64 = 150 << 10;
/// How many zeros one frame of Zstandard stands for.
const FRAME: u64 = 128 << 20;

/// What an archive holds besides a kernel: snapshot, kind of an entry, how many bytes it announces, and how many it has.
type Row = (&'static str, EntryType, u64, u64);

const BOMBS: &[Row] = &[
    ("big_file", EntryType::Regular, 9 << 30, 1 << 30),
    ("big_folder", EntryType::Directory, 9 << 30, 9 << 30),
    ("big_remark", EntryType::XGlobalHeader, 9 << 30, 9 << 30),
    ("long_name", EntryType::GNULongName, 1 << 30, 1 << 30),
    ("long_target", EntryType::GNULongLink, 1 << 30, 1 << 30),
    ("long_header", EntryType::XHeader, 1 << 30, 1 << 30),
];

/// A kernel, and an entry whose bytes are all zero.
fn bomb((_, kind, announced, there): &Row) -> Vec<u8> {
    let tar = Kernel::out_of_tree().tar();
    let tar = tar.announced("linux/big", *kind, *announced).open_end();
    let mut bytes = zstd::encode_all(&tar[..], 1).expect("writing to memory");
    let zeros = vec![0; usize::try_from(FRAME).expect("it fits")];
    let frame = zstd::encode_all(&zeros[..], 1).expect("writing to memory");
    for _ in 0..there / FRAME {
        bytes.extend(&frame);
    }
    assert!(bytes.len() < 4 << 20, "it is small: {}", bytes.len());
    bytes
}

/// Locks, and tells what memory that took at most, in KiB.
fn lock_measured(scratch: &Scratch) -> (Run, u64) {
    let mut running = scratch.start(&["--quiet", "lock", "oot"]);
    let status = format!("/proc/{}/status", running.id());
    let mut peak = 0;
    while running.is_running() {
        peak = peak.max(peak_memory(&status).unwrap_or_default());
        std::thread::sleep(Duration::from_millis(5));
    }
    (running.wait(DEADLINE), peak)
}

/// `VmHWM`, the most that a process had in memory, in KiB.
fn peak_memory(status: &str) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn an_archive_bomb_is_refused_soon_and_with_little_memory() {
    each(
        BOMBS,
        |row| row.0.to_owned(),
        |row| {
            let place = Place::new("linux.tar.zst", bomb(row));
            let started = Instant::now();
            let (run, peak) = lock_measured(&place.scratch);
            let text = without_git(&place.scratch.stable(&run.text()));
            assert!(started.elapsed() < DEADLINE, "{}", row.0);
            assert!(text.len() < 2000, "{} of {} bytes", row.0, text.len());
            insta::assert_snapshot!(row.0, text);
            assert_eq!((run.code, &run.stdout[..]), (1, ""), "{}", row.0);
            assert!(peak > 0 && peak < MEMORY, "{}: {peak} KiB", row.0);
            assert_nothing_locked(&place.scratch);
        },
    );
}
