//! Checksums and keys, and how a release is checked by who trusts nothing of it.

use maud::{Markup, html};
use model::release::Release;

use super::command;
use super::lines::argument;
use crate::text::{clean, in_fours};

/// What signs and what is signed, at the top of the tree.
const FILES: [(&str, &str); 6] = [
    ("SHA256SUMS", "the digest of every file"),
    ("SHA256SUMS.asc", "its OpenPGP signature"),
    ("SHA256SUMS.minisig", "its minisign signature"),
    ("mptcp-kernels.asc", "the OpenPGP key"),
    ("mptcp-kernels.pub", "the minisign key"),
    (
        "mptcp-kernels.pem",
        "the same key as PEM; it signs provenance too",
    ),
];

pub(super) fn section(release: &Release) -> Markup {
    html! {
        section id="keys" {
            h2 { "Checksums and keys" }
            ul .files {
                @for (file, what) in FILES {
                    li { a .code href=(file) { (file) } " " span .muted { (what) } }
                }
            }
            dl .facts {
                div .long { dt { "OpenPGP fingerprint" } dd .fingerprint { (in_fours(&release.keys.openpgp)) } }
                div .long { dt { "minisign key id" } dd .fingerprint { (clean(&release.keys.minisign)) } }
            }
            aside .note {
                p {
                    strong { "Take the fingerprint from somewhere else than this page." }
                    " Whoever could put other files here could put another fingerprint here too."
                }
            }
            (standard())
            (project(release))
        }
    }
}

fn standard() -> Markup {
    html! {
        h3 { "Check with standard tools" }
        p .hint { "With OpenPGP: who signed the checksums." }
        (command(
            "gpg --dearmor < mptcp-kernels.asc > mptcp-kernels.gpg && \
             gpgv --keyring ./mptcp-kernels.gpg SHA256SUMS.asc SHA256SUMS"
        ))
        p .hint { "With minisign, the same:" }
        (command("minisign -Vm SHA256SUMS -p mptcp-kernels.pub"))
        p .hint {
            "Then the files themselves (with " code { "--ignore-missing" }
            " where you did not fetch every one of them):"
        }
        (command("sha256sum --check SHA256SUMS"))
    }
}

fn project(release: &Release) -> Markup {
    let key = argument(&release.keys.openpgp);
    html! {
        h3 { "Check with this project's tool" }
        p .hint { "The whole tree: signatures, dates, indexes and every package." }
        (command(&format!("cargo xtask verify {} --key {key}", argument(&release.url))))
    }
}
