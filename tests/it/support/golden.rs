//! The bytes that `mini` comes out as: its plan, and what `SHA256SUMS` tells.

use std::fs;
use std::path::PathBuf;

use super::scratch::repository;

/// How the committed one is written anew.
pub(crate) const RENEW: &str = "MPTCP_KERNELS_UPDATE=1 cargo test --release --locked --workspace --test real -- \
    --ignored --nocapture mini_has_the_bytes_that_are_committed";
/// What the file begins with.
const HEAD: &str = "# The plan of `mini`, and the SHA256SUMS that it comes out with. MPTCP_KERNELS_UPDATE=1 lets the real tests write it.\n";

/// A plan and its bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Golden {
    pub(crate) plan: String,
    pub(crate) sums: String,
}

impl Golden {
    /// The committed one.
    pub(crate) fn committed() -> Self {
        let text = fs::read_to_string(path()).expect("the golden bytes");
        Self::parse(&text).unwrap_or_else(|| panic!("no golden bytes:\n{text}"))
    }

    fn parse(text: &str) -> Option<Self> {
        let (plan, sums) = text.strip_prefix(HEAD)?.split_once('\n')?;
        Some(Self {
            plan: plan.strip_prefix("plan ")?.to_owned(),
            sums: sums.to_owned(),
        })
    }

    /// Takes the place of the committed one.
    pub(crate) fn commit(&self) {
        let Self { plan, sums } = self;
        fs::write(path(), format!("{HEAD}plan {plan}\n{sums}")).expect("it can be written");
    }

    /// What is wrong with what was built, if these are the right bytes.
    pub(crate) fn complaint(&self, built: &Self) -> Option<String> {
        if self.plan != built.plan {
            return Some(format!(
                "the plan of `mini` moved from {} to {}: renew the golden bytes by `{RENEW}`",
                self.plan, built.plan
            ));
        }
        (self.sums != built.sums).then(|| {
            format!(
                "`mini` has other bytes than the committed ones, although its plan is the same: either what the tool \
                 does to them was changed, and the plan has to move with it (the digest of a script, or the number \
                 of the pipeline), or something that is not in the plan crept in\n{}",
                changed(&self.sums, &built.sums)
            )
        })
    }
}

/// The lines of one text that the other has not, both ways.
fn changed(committed: &str, built: &str) -> String {
    let only = |sign: &str, of: &str, other: &str| -> String {
        let lines = of
            .lines()
            .filter(|line| !other.lines().any(|it| it == *line));
        lines.map(|line| format!("{sign} {line}\n")).collect()
    };
    only("committed:", committed, built) + &only("built:    ", built, committed)
}

fn path() -> PathBuf {
    repository().join("tests/fixtures/golden/mini.txt")
}
