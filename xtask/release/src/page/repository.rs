//! The repository of one distribution: what is in it, and how a machine gets it.

use maud::{Markup, html};
use model::recipe::{PackageFormat, Target};
use model::release::{Kernel, Release};

use super::{command, kernel, lines};
use crate::text::{anchor, clean};

/// The kernels of a repository, of which those of one recipe follow each other, the newest first.
pub(super) fn section(release: &Release, kernels: &[&Kernel]) -> Markup {
    let recipes: Vec<_> = kernels.chunk_by(|a, b| a.recipe == b.recipe).collect();
    html! {
        @if let Some(first) = kernels.first() {
            section id=(anchor(&first.repository())) {
                h2 { (name(&first.target)) }
                ul .kernels { @for versions in &recipes { (row(versions)) } }
                h3 { "Add the repository, and install" }
                @for line in lines(release, first) { (command(&line)) }
                (hints(first, recipes.len()))
                @for versions in &recipes { (kernel::article(versions)) }
            }
        }
    }
}

/// The newest kernel of a recipe.
fn row(versions: &[&Kernel]) -> Markup {
    html! {
        @if let Some(newest) = versions.first() {
            li {
                p .name { a href={ "#" (kernel::anchor(newest)) } { (newest.recipe) } }
                p { (clean(&newest.summary)) }
                dl .facts {
                    div { dt { "Newest version" } dd .code { (clean(&newest.version)) } }
                    div { dt { "Kernel release" } dd .code { (clean(&newest.kernel_release)) } }
                    div { dt { "Package to install" } dd .code { (clean(&newest.install)) } }
                }
            }
        }
    }
}

fn hints(first: &Kernel, recipes: usize) -> Markup {
    let elsewhere =
        html! { "with one that you " a href="#keys" { "have from somewhere else" } "." };
    html! {
        @if recipes > 1 {
            p .hint {
                "The second line installs " code { (first.recipe) }
                ". For another kernel, put its package in the place of the last word."
            }
        }
        @if first.format() == PackageFormat::Deb {
            p .hint {
                "Between the two, " code { "gpg --show-keys /usr/share/keyrings/mptcp-kernels.asc" }
                " shows whose key was fetched: compare its fingerprint " (elsewhere)
            }
        } @else {
            p .hint { "When you are asked whether to trust the key, compare its fingerprint " (elsewhere) }
        }
    }
}

/// A distribution and its release, for people.
pub(super) fn name(target: &Target) -> String {
    let distribution = match target.distribution.as_str() {
        "debian" => "Debian".to_owned(),
        "fedora" => "Fedora".to_owned(),
        "opensuse" => "openSUSE".to_owned(),
        "rocky" => "Rocky Linux".to_owned(),
        "ubuntu" => "Ubuntu".to_owned(),
        other => capitalised(other),
    };
    format!("{distribution} {}", clean(&target.release))
}

fn capitalised(word: &str) -> String {
    let mut characters = word.chars();
    let first = characters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}
