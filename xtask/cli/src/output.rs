//! Everything that is written: results to standard output, all else to standard error.

use std::io::{self, IsTerminal, Write};

use host::environment::var;
use miette::{GraphicalReportHandler, GraphicalTheme, ThemeStyles};
use serde::Serialize;
use tracing_subscriber::filter::LevelFilter;

use crate::arguments::{Format, Global};
use crate::failure::Failure;

/// Whether standard error is a terminal that wants colours and bars.
pub(crate) fn is_lively() -> bool {
    io::stderr().is_terminal() && var("CI").is_none() && var("TERM").as_deref() != Some("dumb")
}

fn wants_colour() -> bool {
    is_lively() && var("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Warnings, and with `MPTCP_KERNELS_LOG=debug` more, go to standard error.
pub(crate) fn start_logging(global: &Global) {
    let level = match var("MPTCP_KERNELS_LOG").and_then(|level| level.parse().ok()) {
        Some(level) => level,
        None if global.quiet => LevelFilter::ERROR,
        None => LevelFilter::WARN,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .init();
}

/// Writes a result: the value itself as JSON, or what `text` makes of it.
pub(crate) fn result<T: Serialize>(
    global: &Global,
    value: &T,
    text: impl FnOnce(&T) -> String,
) -> Result<(), Failure> {
    let text = match global.format {
        Format::Json => serde_json::to_string_pretty(value).map_err(io::Error::other)? + "\n",
        Format::Text => inert(&text(value), false),
    };
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

/// Writes a text that is a result by itself, the same in both formats.
pub(crate) fn plain(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(inert(text, false).as_bytes())?;
    Ok(stdout.flush()?)
}

/// A line for people on standard error.
pub(crate) fn note(global: &Global, text: &str) {
    if !global.quiet {
        // Whoever closed standard error does not want to know.
        let _ = writeln!(io::stderr(), "{}", inert(text, false));
    }
}

/// Says that a command was stopped.
pub(crate) fn render_interruption(global: &Global) {
    note(
        global,
        "stopped; containers are gone, and what is in out/ is complete",
    );
}

/// Shows why a command failed.
pub(crate) fn render_failure(failure: &Failure) {
    let colour = wants_colour();
    let styles = if colour {
        ThemeStyles::ansi()
    } else {
        ThemeStyles::none()
    };
    let theme = GraphicalTheme {
        styles,
        ..GraphicalTheme::unicode()
    };
    let width = terminal_size_or(100);
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(width)
        .with_links(false)
        .with_wrap_lines(false)
        .with_context_lines(1);
    let mut text = String::new();
    if handler.render_report(&mut text, failure).is_err() {
        text = failure.to_string();
    }
    let text = inert(&text, colour);
    let text = text.trim_start().trim_start_matches(['×', ' ']).trim_end();
    let _ = writeln!(io::stderr(), "error: {text}");
}

/// Text without anything that a terminal obeys: recipes, packages and compilers may say what they
/// like. With `colour`, what sets colours stays, because our own rendering does that.
fn inert(text: &str, colour: bool) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if let Some(length) = colour_sequence(rest).filter(|_| colour) {
            safe.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        let harmless = !character.is_control() || matches!(character, '\n' | '\t');
        safe.push(if harmless { character } else { '\u{fffd}' });
        rest = &rest[character.len_utf8()..];
    }
    safe
}

/// The length of the colour sequence (`ESC [ digits m`) that `text` begins with.
fn colour_sequence(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    parameters[end..].starts_with('m').then_some(2 + end + 1)
}

fn terminal_size_or(default: usize) -> usize {
    var("COLUMNS")
        .and_then(|columns| columns.parse().ok())
        .unwrap_or(default)
        .clamp(60, 140)
}

#[cfg(test)]
mod tests {
    use super::inert;

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        assert_eq!(inert("plain\n\ttext é", false), "plain\n\ttext é");
        assert_eq!(
            inert("\u{1b}[31mred\u{1b}[0m", true),
            "\u{1b}[31mred\u{1b}[0m"
        );
        assert_eq!(inert("\u{1b}[31mred", false), "\u{fffd}[31mred");
        for hostile in [
            "\u{1b}]0;title\u{7}",
            "\u{1b}[2J",
            "\r",
            "\u{9b}2J",
            "\u{1b}[",
            "\u{1b}",
        ] {
            assert!(
                !inert(hostile, true).contains(['\u{1b}', '\u{7}', '\r', '\u{9b}']),
                "{hostile:?}"
            );
        }
    }
}
