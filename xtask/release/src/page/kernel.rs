//! Every version of a recipe's kernel: what it was made of, what came of it, and where it is.

use maud::{Markup, html};
use model::release::{Kernel, Package};

use super::changes;
use crate::text::{self, bytes, clean, date, link};

/// What stands beside the packages, and what it is.
const PAPERS: [(&str, &str); 5] = [
    ("smoke.html", "Smoke boot"),
    ("config", "Configuration"),
    ("manifest.json", "Manifest"),
    ("sbom.spdx.json", "Bill of materials (SPDX)"),
    ("provenance.json", "Provenance"),
];

/// The versions of a recipe in one repository, the newest first.
pub(super) fn article(versions: &[&Kernel]) -> Markup {
    html! {
        @if let Some((newest, older)) = versions.split_first() {
            article id=(anchor(newest)) {
                h3 { (newest.recipe) " " span .version { (clean(&newest.version)) } }
                (version(newest))
                @for kernel in older { (folded(kernel)) }
            }
        }
    }
}

/// What a recipe's kernels are called in links to them.
pub(super) fn anchor(kernel: &Kernel) -> String {
    text::anchor(&format!("{}.{}", kernel.repository(), kernel.recipe))
}

fn folded(kernel: &Kernel) -> Markup {
    html! {
        details .older {
            summary {
                "Version " span .version { (clean(&kernel.version)) }
                " " span .muted { "released " (date(kernel.released)) }
            }
            (version(kernel))
        }
    }
}

fn version(kernel: &Kernel) -> Markup {
    html! {
        ul .papers {
            @for (file, name) in PAPERS {
                li { a href=(link(&format!("{}/{file}", kernel.folder))) { (name) } }
            }
        }
        ul .packages { @for package in &kernel.packages { (entry(package)) } }
        (changes::section(kernel.changes.as_ref()))
        (facts(kernel))
    }
}

fn entry(package: &Package) -> Markup {
    html! {
        li {
            p {
                a .code href=(link(&package.path)) { (clean(&package.name)) }
                " " span .size { (bytes(package.size)) }
            }
            p .digest { span { "SHA-256 " } code { (package.sha256) } }
            @if package.built != package.sha256 {
                p .digest { span { "before it was signed " } code { (package.built) } }
            }
            @if !package.indexed {
                p .apart { "not in the repository's index, because it would replace the distribution's own" }
            }
        }
    }
}

fn facts(kernel: &Kernel) -> Markup {
    let scratch = if kernel.from_scratch {
        "yes: every object, without a compiler's cache"
    } else {
        "no: some objects came out of a compiler's cache"
    };
    html! {
        dl .facts .origin {
            div { dt { "Kernel release" } dd .code { (clean(&kernel.kernel_release)) } }
            div { dt { "Released" } dd { (date(kernel.released)) } }
            div { dt { "Compiled from scratch" } dd { (scratch) } }
            div { dt { "Reproduced" } dd { (reproduced(kernel.reproduced)) } }
            div .long { dt { "Plan" } dd .code { (kernel.plan_id) } }
            div .long { dt { "Commit" } dd .code { (clean(&kernel.commit)) } }
        }
    }
}

/// Whether a second build was equal, by a sign and words and not by colour alone.
fn reproduced(reproduced: bool) -> Markup {
    html! {
        @if reproduced {
            span .good { span aria-hidden="true" { "✓ " } "built twice under variation, every byte the same" }
        } @else {
            "not built twice"
        }
    }
}
