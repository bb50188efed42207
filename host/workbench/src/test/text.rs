//! Test results as lines for people.

use std::fmt::Write as _;
use std::time::Duration;

use super::report::{GuestReport, Purity, Report, Status, Tested};
use crate::text::elapsed;

/// How far explanations are set in, below the name of their test.
const INDENT: &str = "      ";

/// The lines of one test: how it ended, its name, how long it took, and why it did not pass. `verbose` adds what it shows.
#[must_use]
pub fn test_lines(test: &Tested, verbose: bool) -> String {
    // What never ran took no time.
    let took = if test.took.is_zero() { String::new() } else { format!(" ({})", took(test.took)) };
    let mut lines = format!("{:5} {}{took}\n", test.status.name(), test.name);
    if verbose || matches!(test.status, Status::Fail | Status::Error) {
        indented(&mut lines, &test.what);
    }
    if let Some(file) = test.file.as_ref().filter(|_| test.status == Status::Fail) {
        indented(&mut lines, &format!("in {}", file.display()));
    }
    indented(&mut lines, &test.why);
    lines
}

fn indented(lines: &mut String, text: &str) {
    for line in text.lines() {
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{}", format_args!("{INDENT}{line}").to_string().trim_end());
    }
}

fn took(took: Duration) -> String {
    elapsed(took.as_nanos() as f64)
}

/// What is said of a guest after its tests: the verdict on its purity where it is a bad one, and what it had no tests for.
/// `verbose` adds how it was opened.
#[must_use]
pub fn guest_lines(guest: &GuestReport, verbose: bool) -> String {
    let mut lines = String::new();
    let name = &guest.name;
    if let Purity::Impure(why) = &guest.purity {
        let _ = writeln!(lines, "IMPURE {name}: the same input does not always give the same bits: {why}");
        indented(&mut lines, "a replay of an incident would come to other verdicts, and so would another worker");
    }
    if guest.kind.is_some() && guest.cases_found == 0 {
        let where_from = match &guest.cases {
            Some(folder) => format!("{} holds none", folder.display()),
            None => "there is no folder of them beside it".to_owned(),
        };
        let _ = writeln!(lines, "note: {name} has no cases of its own: {where_from}");
    }
    if verbose && !guest.settings.is_empty() {
        let _ = writeln!(lines, "note: {name} was held against the contract with {}", guest.settings);
    }
    lines
}

/// The last line: how many tests ended how.
#[must_use]
pub fn summary(report: &Report) -> String {
    let counts = Status::ALL.map(|status| (status, report.count(status)));
    let shown: Vec<String> = counts
        .iter()
        .filter(|(status, count)| *count > 0 || matches!(status, Status::Pass | Status::Fail | Status::Error))
        .map(|(status, count)| format!("{}: {count}", status.name()))
        .collect();
    let impure = report.guests.iter().filter(|guest| matches!(guest.purity, Purity::Impure(_))).count();
    let impure = if impure > 0 { format!(", IMPURE: {impure}") } else { String::new() };
    let filtered: usize = report.guests.iter().map(|guest| guest.filtered).sum();
    let filtered = if filtered > 0 { format!("; {filtered} left out by the filter") } else { String::new() };
    format!("{}{impure} ({}){filtered}\n", shown.join(", "), took(report.took))
}
