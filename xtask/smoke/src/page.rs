//! The result as one HTML page that needs nothing else: no script, no font, no picture, no network.

mod checks;
mod choices;
mod counters;
mod plot;
mod scale;
mod timeline;
mod transfers;
mod verdict;

#[cfg(test)]
mod tests;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use model::smoke::{Smoke, Verdict};

use crate::text;

/// How much of the end of a console is part of the page, in bytes.
const CONSOLE: usize = 256 << 10;
/// The page may style itself, and do nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
const STYLE: &str = include_str!("page/style.css");

/// Renders a result, with what the console showed.
pub(crate) fn page(smoke: &Smoke, console: &[u8]) -> String {
    let release = smoke.kernel_release.as_deref().unwrap_or("unknown kernel");
    let title = format!("{}: {}", verdict::word(smoke.verdict), clean(release));
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (verdict::header(smoke))
                    @if smoke.verdict != Verdict::NotRun {
                        (timeline::section(&smoke.phases))
                        (transfers::section(smoke))
                        (choices::section(&smoke.choices))
                        (checks::section(&smoke.checks))
                        (counters::section(&smoke.counters))
                        (counters::capabilities(&smoke.capabilities))
                    }
                    (console_section(console))
                }
            }
        }
    };
    markup.into_string()
}

fn console_section(console: &[u8]) -> Markup {
    let shown = text::console(console, CONSOLE);
    let part = if console.len() > CONSOLE {
        format!(
            "the last {} of {}",
            bytes(CONSOLE as u64),
            bytes(console.len() as u64)
        )
    } else {
        bytes(console.len() as u64)
    };
    html! {
        section .console {
            h2 { "Console" }
            @if console.is_empty() {
                p .muted { "Nothing was written to it." }
            } @else {
                details {
                    summary { "Everything the machine wrote, " (part) }
                    pre tabindex="0" { (shown) }
                }
            }
        }
    }
}

/// Text that is in a result, without what acts instead of being shown: who reads a result cannot know
/// who wrote it.
fn clean(text: &str) -> String {
    text::line(text, 2000)
}

/// Bytes for people, in powers of 1024 where that makes them shorter.
fn bytes(bytes: u64) -> String {
    let mut value = scale::float(bytes);
    for unit in ["bytes", "KiB", "MiB"] {
        if value < 1024.0 {
            let digits = usize::from(unit != "bytes" && value < 100.0);
            return format!("{value:.digits$} {unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.1} GiB")
}

/// What a group of checks is about, for people.
fn title(group: &str) -> String {
    let known = match group {
        "boot" => "Boot",
        "report" => "Report",
        "kernel" => "Kernel",
        "sysctls" => "Sysctls",
        "features" => "Features",
        "routing" => "Routing",
        "transfer-ipv4" => "Transfer, IPv4",
        "transfer-ipv6" => "Transfer, IPv6",
        "link-loss" => "Link loses everything",
        "link-down" => "Link goes down",
        "tcp-server" => "MPTCP client, TCP server",
        "tcp-client" => "TCP client, MPTCP server",
        "path-managers" => "Path managers",
        "schedulers" => "Schedulers",
        "congestion-controls" => "Congestion controls",
        "kernel-log" => "Kernel log",
        "console" => "Console",
        "shutdown" => "Shutdown",
        other => return clean(other),
    };
    known.to_owned()
}

/// The order in which groups happen; unknown ones come last, by name.
fn rank(group: &str) -> (usize, &str) {
    const ORDER: [&str; 6] = [
        "transfer-ipv4",
        "link-loss",
        "link-down",
        "tcp-server",
        "tcp-client",
        "transfer-ipv6",
    ];
    let place = ORDER.iter().position(|known| *known == group);
    (place.unwrap_or(ORDER.len()), group)
}
