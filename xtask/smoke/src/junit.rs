//! The result as JUnit XML, for services that show tests.

use std::time::Duration;

use model::smoke::{Check, Smoke, Verdict};
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use crate::text;

/// How much of the end of a console is part of the report, in bytes.
const CONSOLE: usize = 64 << 10;

/// Renders a result: a suite for each group of checks, a case for each check; where nothing was booted, one case
/// that was skipped.
///
/// # Errors
/// It cannot be written as XML.
pub(crate) fn junit(smoke: &Smoke, console: &[u8]) -> Result<String, SerializeError> {
    let mut report = Report::new("smoke");
    let mut rest = smoke.checks.as_slice();
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|check| check.group == first.group);
        let (group, others) = rest.split_at(same.count());
        report.add_test_suite(suite(smoke, group));
        rest = others;
    }
    // A verdict without a check that says so must not look like success.
    let failed = smoke.checks.iter().any(|check| !check.passed);
    if smoke.verdict == Verdict::NotRun || (smoke.verdict == Verdict::Failed && !failed) {
        report.add_test_suite(verdict(smoke));
    }
    if let Some(last) = report.test_suites.last_mut() {
        last.set_system_out(text::console(console, CONSOLE));
    }
    report.to_string()
}

fn suite(smoke: &Smoke, checks: &[Check]) -> TestSuite {
    let name = checks.first().map_or("", |check| &check.group);
    let mut suite = TestSuite::new(name);
    if let Some(phase) = smoke.phases.iter().find(|phase| phase.name == name) {
        let took = Duration::try_from_secs_f64(phase.end - phase.start);
        suite.set_time(took.unwrap_or_default());
    }
    suite.add_test_cases(checks.iter().map(case));
    suite
}

fn case(check: &Check) -> TestCase {
    let expectation = format!("expected {}, found {}", check.expected, check.found);
    let mut status = TestCaseStatus::success();
    if !check.passed {
        status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(&expectation);
        status.set_description(&expectation);
    }
    let mut case = TestCase::new(&check.name, status);
    case.set_classname(&check.group);
    case
}

fn verdict(smoke: &Smoke) -> TestSuite {
    let mut status = match smoke.verdict {
        Verdict::NotRun => TestCaseStatus::skipped(),
        _ => TestCaseStatus::non_success(NonSuccessKind::Failure),
    };
    status.set_message(smoke.reason.as_deref().unwrap_or("no reason was given"));
    let mut suite = TestSuite::new("boot");
    suite.add_test_case(TestCase::new("verdict", status));
    suite
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::{HOSTILE, good, out_of_tree, result, result_of};

    fn read(text: &str) -> Report {
        Report::deserialize_from_str(text).unwrap()
    }

    #[test]
    fn every_check_is_a_case() {
        let smoke = result(&good());
        let report = read(&junit(&smoke, b"booted\n").unwrap());
        assert_eq!(report.tests, smoke.checks.len());
        assert_eq!((report.failures, report.errors), (0, 0));
        let suites: Vec<_> = report.test_suites.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(suites[..4], ["boot", "kernel", "sysctls", "features"]);
        let last = report.test_suites.last().unwrap();
        assert_eq!(last.system_out.as_deref().map(str::trim), Some("booted"));
    }

    #[test]
    fn choices_are_suites_of_their_own() {
        let smoke = result_of(out_of_tree::judged(&out_of_tree::good()));
        let report = read(&junit(&smoke, b"").unwrap());
        assert_eq!((report.tests, report.failures), (smoke.checks.len(), 0));
        for name in ["path-managers", "schedulers", "congestion-controls"] {
            let mut suites = report.test_suites.iter();
            assert!(suites.any(|suite| suite.name.as_str() == name), "{name}");
        }
    }

    #[test]
    fn what_failed_fails() {
        let mut smoke = result(&good());
        smoke.checks[0].passed = false;
        assert_eq!(read(&junit(&smoke, b"").unwrap()).failures, 1);
        let mut smoke = result(&good());
        smoke.verdict = Verdict::Failed;
        assert_eq!(read(&junit(&smoke, b"").unwrap()).failures, 1);
    }

    #[test]
    fn what_was_not_run_is_skipped() {
        let smoke = Smoke::not_run(None, BTreeMap::new(), None, 0, "no QEMU".to_owned());
        let report = read(&junit(&smoke, b"").unwrap());
        assert_eq!((report.tests, report.failures), (1, 0));
        let text = junit(&smoke, b"").unwrap();
        assert!(
            text.contains("<skipped") && text.contains("no QEMU"),
            "{text}"
        );
    }

    #[test]
    fn hostile_text_stays_text() {
        let mut smoke = result(&good());
        let hostile = String::from_utf8_lossy(HOSTILE).into_owned();
        smoke.checks[0].passed = false;
        smoke.checks[0].name.clone_from(&hostile);
        smoke.checks[0].found.clone_from(&hostile);
        let text = junit(&smoke, HOSTILE).unwrap();
        assert!(!text.contains("<script") && !text.contains("]]>"));
        let acts = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
        assert!(!text.contains(acts), "{text}");
        read(&text);
    }
}
