//! One module for each thing that people rely on.

#![expect(clippy::expect_used, reason = "tests should fail loudly")]

mod archive;
mod check;
mod ci;
mod doctor;
mod engine;
mod escapes;
mod layers;
mod locks;
mod names;
mod plan;
mod release;
mod smoke;
mod sources;

/// Compares a run with its snapshot, digests, ports and folders left out.
macro_rules! assert_run {
    ($name:expr, $scratch:expr, $run:expr, $code:expr) => {{
        let run: $crate::support::Run = $run;
        insta::assert_snapshot!($name, $scratch.stable(&run.text()));
        assert_eq!(run.code, $code, "{}", run.text());
        assert!(
            run.code == 0 || run.stdout.is_empty(),
            "a failure writes no result: {}",
            run.stdout
        );
    }};
}
use assert_run;

/// Tries every row of a table at the same time, and fails with the names of those that failed.
fn each<T: Sync>(rows: &[T], name: impl Fn(&T) -> String, test: impl Fn(&T) + Sync) {
    let test = &test;
    let failed = std::thread::scope(|scope| {
        let threads: Vec<_> = rows
            .iter()
            .map(|row| (row, scope.spawn(move || test(row))))
            .collect();
        let failed = threads
            .into_iter()
            .filter_map(|(row, thread)| thread.join().err().map(|_| name(row)));
        failed.collect::<Vec<_>>()
    });
    assert!(
        failed.is_empty(),
        "failed, see above: {}",
        failed.join("; ")
    );
}
