//! The release as one HTML page that needs nothing else: no script, no font, no picture, no network.

mod changes;
mod kernel;
mod keys;
mod lines;
mod repository;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::text;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use model::release::{Kernel, Release};

pub use lines::lines;

/// The page may style itself, and do nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
const STYLE: &str = include_str!("page/style.css");
const TITLE: &str = "Linux kernels with Multipath TCP";

/// The kernels of a release by repository; those of one recipe follow each other, the newest first.
type Repositories<'a> = BTreeMap<String, Vec<&'a Kernel>>;

/// Renders `index.html` of a release.
pub(crate) fn page(release: &Release) -> String {
    let mut repositories = Repositories::new();
    for kernel in &release.kernels {
        let kernels = repositories.entry(kernel.repository()).or_default();
        kernels.push(kernel);
    }
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (TITLE) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (header(release, &repositories))
                main {
                    @if repositories.is_empty() {
                        p .nothing { "There is nothing here yet: this release has no kernels." }
                    }
                    @for kernels in repositories.values() { (repository::section(release, kernels)) }
                    (keys::section(release))
                    (rollback())
                }
            }
        }
    };
    markup.into_string()
}

fn header(release: &Release, repositories: &Repositories) -> Markup {
    html! {
        header {
            h1 { (TITLE) }
            p .lead {
                "Packages that you can rebuild yourself, in a signed repository for each distribution. "
                "They are " a href="#rollback" { "not signed for UEFI Secure Boot" } "."
            }
            dl .facts {
                div { dt { "Released" } dd { (text::date(release.date)) } }
                div { dt { "Signatures are valid until" } dd { (text::date(release.valid_until)) } }
                div .long { dt { "Address" } dd { (address(&release.url)) } }
            }
            nav aria-label="On this page" {
                ul {
                    @for kernels in repositories.values() { (entry(kernels)) }
                    li { a href="#keys" { "Checksums and keys" } }
                    li { a href="#rollback" { "Going back" } }
                }
            }
        }
    }
}

fn entry(kernels: &[&Kernel]) -> Markup {
    html! {
        @if let Some(kernel) = kernels.first() {
            li { a href={ "#" (text::anchor(&kernel.repository())) } { (repository::name(&kernel.target)) } }
        }
    }
}

/// Where the release is served; a link only where that leads to a web server.
fn address(url: &str) -> Markup {
    let shown = text::clean(url);
    let is_web = ["https://", "http://"]
        .iter()
        .any(|scheme| shown.starts_with(scheme));
    html! {
        @if is_web { a href=(shown) { (shown) } } @else { (shown) }
    }
}

/// A line for a shell, in a box of its own.
fn command(line: &str) -> Markup {
    html! { pre .command { code { (line) } } }
}

fn rollback() -> Markup {
    html! {
        section id="rollback" {
            h2 { "Going back" }
            p {
                "Your distribution's own kernel stays installed. Choose it in the boot menu, and remove the packages "
                "that came from here once it runs."
            }
            aside .note {
                p {
                    strong { "These kernels are not signed for UEFI Secure Boot." }
                    " Where that is switched on, they start only once you have signed them with a key of your own "
                    "that your firmware knows. Where it refuses one of them, choose your distribution's own kernel."
                }
            }
        }
    }
}
