//! Everything that is written: results to standard output, all else to standard error.

use std::io::{self, IsTerminal, Write};

use host::category::Category;
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
        Format::Text => text(value),
    };
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

/// A line for people on standard error.
pub(crate) fn note(global: &Global, text: &str) {
    if !global.quiet {
        // Whoever closed standard error does not want to know.
        let _ = writeln!(io::stderr(), "{text}");
    }
}

/// Shows why a command failed.
pub(crate) fn render_failure(failure: &Failure, global: &Global) {
    if failure.category() == Some(Category::Interrupted) {
        note(
            global,
            "stopped; containers are gone, and the result before is untouched",
        );
        return;
    }
    let styles = if wants_colour() {
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
        .with_context_lines(1);
    let mut text = String::new();
    if handler.render_report(&mut text, failure).is_err() {
        text = failure.to_string();
    }
    let _ = writeln!(
        io::stderr(),
        "error: {}",
        text.trim_start().trim_start_matches(['×', ' ']).trim_end()
    );
}

fn terminal_size_or(default: usize) -> usize {
    var("COLUMNS")
        .and_then(|columns| columns.parse().ok())
        .unwrap_or(default)
        .clamp(60, 140)
}
