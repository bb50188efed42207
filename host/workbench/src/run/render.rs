//! Verdicts as text: a table for people, CSV and JSON for programs.

use std::io::{self, Write};
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::judge::{Judged, Judgement, Row, Unjudged, Verdict};
use crate::instant::show;
use crate::text::{bytes, count, duration, full, grouped, json as number, printable, short};

/// What was run, for the head of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The guest's own name.
    pub guest: &'a str,
    /// Its version.
    pub version: &'a str,
    /// SHA-256 of its bytes, in hexadecimal.
    pub digest: &'a str,
    /// What it was opened with.
    pub settings: &'a Value,
    /// The distance between two samples that it was opened for.
    pub step: Duration,
    /// Finite samples that it needs before it judges.
    pub min_samples: u64,
}

/// Which rows are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only {
    /// All of them.
    All,
    /// Anomalous ones, and those that brought no answer.
    Anomalous,
}

impl Only {
    fn shows(self, row: &Row) -> bool {
        match (self, &row.verdict) {
            (Only::All, _) | (Only::Anomalous, Verdict::Unjudged(Unjudged::Failed { .. })) => true,
            (Only::Anomalous, verdict) => verdict.is_anomalous(),
        }
    }
}

/// Longest remark in a table, in characters; CSV and JSON have it whole.
const MAX_NOTE: usize = 160;

const RED: &str = "\u{1b}[31m";
const DIM: &str = "\u{1b}[2m";
const PLAIN: &str = "\u{1b}[0m";

/// A table, and a line that sums it up. Anomalous rows begin with a `!`, unanswered ones with a `?`.
///
/// # Errors
///
/// Where `out` cannot be written to.
pub fn table(out: &mut impl Write, subject: &Subject<'_>, judged: &Judged, only: Only, color: bool) -> io::Result<()> {
    if !judged.name.is_empty() {
        writeln!(out, "{}", printable(&judged.name, 400))?;
    }
    let shown = || judged.rows.iter().filter(|row| only.shows(row));
    if shown().next().is_some() {
        // Every cell is made twice: a table of millions of rows would not fit into memory for the sake of its widths.
        let decimals = decimals(shown());
        let mut widths = HEAD.map(str::len);
        for row in shown() {
            for (width, cell) in widths.iter_mut().zip(cells(row, decimals)) {
                *width = cell.chars().count().max(*width);
            }
        }
        writeln!(out, "{}", line(&HEAD.map(str::to_owned), &widths))?;
        for row in shown() {
            let paint = match &row.verdict {
                verdict if color && verdict.is_anomalous() => RED,
                Verdict::Unjudged(_) if color => DIM,
                _ => "",
            };
            let end = if paint.is_empty() { "" } else { PLAIN };
            writeln!(out, "{paint}{}{end}", line(&cells(row, decimals), &widths))?;
        }
    }
    out.write_all(summary(subject, judged).as_bytes())
}

const HEAD: [&str; 8] = ["", "TIME", "VALUE", "SCORE", "EXPECTED", "LOWER", "UPPER", "NOTE"];

/// Numbers to the right, texts to the left, the mark as narrow as it is.
fn line(cells: &[String; 8], widths: &[usize; 8]) -> String {
    let [mark, time, value, score, expected, lower, upper, note] = cells;
    let [_, wt, wv, ws, we, wl, wu, _] = *widths;
    let line =
        format!("{mark:1} {time:wt$}  {value:>wv$}  {score:>ws$}  {expected:>we$}  {lower:>wl$}  {upper:>wu$}  {note}");
    line.trim_end().to_owned()
}

/// How many digits behind the point the numbers of a table have, so that they line up: about five in all. `None` where
/// the numbers are too large or too small for that.
fn decimals<'a>(rows: impl Iterator<Item = &'a Row>) -> Option<usize> {
    let all = rows.flat_map(|row| {
        let judgement = row.verdict.judgement();
        let expected =
            judgement.map_or([f64::NAN; 3], |judgement| [judgement.expected, judgement.lower, judgement.upper]);
        expected.into_iter().chain([row.value])
    });
    let largest = all.filter(|number| number.is_finite()).map(f64::abs).fold(0.0, f64::max);
    match largest {
        0.0 => Some(0),
        largest if (1e-3..1e9).contains(&largest) => Some((4.0 - largest.log10().floor()).clamp(0.0, 6.0) as usize),
        _ => None,
    }
}

fn number_with(number: f64, decimals: Option<usize>) -> String {
    match decimals {
        Some(decimals) if number.is_finite() => {
            let text = format!("{number:.decimals$}");
            // What would be shown as zero and is not.
            if number != 0.0 && !text.contains(|digit| matches!(digit, '1'..='9')) { short(number) } else { text }
        }
        _ => short(number),
    }
}

fn cells(row: &Row, decimals: Option<usize>) -> [String; 8] {
    let (mark, numbers, note) = match &row.verdict {
        Verdict::Judged(Judgement { score, expected, lower, upper, note }) => {
            let anomalous = *score > 1.0;
            let note = note.as_deref().filter(|_| anomalous).map_or_else(String::new, |note| printable(note, MAX_NOTE));
            let [expected, lower, upper] = [*expected, *lower, *upper].map(|number| number_with(number, decimals));
            let score = number_with(*score, if *score < 1_000.0 { Some(3) } else { None });
            (if anomalous { "!" } else { "" }, [score, expected, lower, upper], note)
        }
        Verdict::Unjudged(why) => {
            let mark = if matches!(why, Unjudged::Failed { .. }) { "?" } else { "" };
            (mark, ["-"; 4].map(str::to_owned), printable(&why.to_string(), MAX_NOTE))
        }
    };
    let [score, expected, lower, upper] = numbers;
    [mark.to_owned(), show(row.at), number_with(row.value, decimals), score, expected, lower, upper, note]
}

/// One line: how many samples, what became of them, and what it took.
#[must_use]
pub fn summary(subject: &Subject<'_>, judged: &Judged) -> String {
    let mut parts = vec![count(judged.rows.len() as u64, "sample")];
    if judged.history > 0 {
        parts.push(format!("after {} of history", grouped(judged.history)));
    }
    parts.push(format!("{} judged", grouped(judged.judged())));
    parts.push(format!("{} anomalous", grouped(judged.anomalous())));
    for (why, what) in [
        (Unjudged::Learning, format!("learning (it needs {})", grouped(subject.min_samples))),
        (Unjudged::NoNumber, "not a number".to_owned()),
        (Unjudged::ByGuest, "not judged by the guest".to_owned()),
    ] {
        let count = judged.unjudged(&why);
        if count > 0 {
            parts.push(format!("{} {what}", grouped(count)));
        }
    }
    if judged.failed() > 0 {
        parts.push(format!("{} without an answer", grouped(judged.failed())));
    }
    parts.push(format!("state {}", bytes(judged.state_bytes as u64)));
    parts.push(format!("step {}", duration(subject.step)));
    let chosen = subject.settings.as_object().is_some_and(|settings| !settings.is_empty());
    let settings =
        if chosen { format!(" {}", printable(&subject.settings.to_string(), MAX_NOTE)) } else { String::new() };
    format!("{} {}{settings}: {}\n", subject.guest, subject.version, parts.join(", "))
}

/// The first line of what [`csv()`] writes.
pub const CSV_HEADER: &str = "timestamp,value,score,expected,lower,upper,anomalous,note,series\n";

/// Lines of CSV, without the header. What was not judged has no score, and the reason under `note`.
///
/// # Errors
///
/// Where `out` cannot be written to.
pub fn csv(out: &mut impl Write, judged: &Judged, only: Only) -> io::Result<()> {
    let name = quoted(&judged.name);
    for row in judged.rows.iter().filter(|row| only.shows(row)) {
        let (at, value) = (show(row.at), full(row.value));
        match &row.verdict {
            Verdict::Judged(Judgement { score, expected, lower, upper, note }) => {
                let numbers = [*score, *expected, *lower, *upper].map(full).join(",");
                let (anomalous, note) = (*score > 1.0, quoted(note.as_deref().unwrap_or_default()));
                writeln!(out, "{at},{value},{numbers},{anomalous},{note},{name}")?;
            }
            Verdict::Unjudged(why) => writeln!(out, "{at},{value},,,,,,{},{name}", quoted(&why.to_string()))?,
        }
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// All of it as one JSON document. Numbers that JSON has not are strings, as Prometheus writes them.
///
/// # Errors
///
/// Where `out` cannot be written to.
pub fn document(out: &mut impl Write, subject: &Subject<'_>, series: &[Judged], only: Only) -> io::Result<()> {
    let document = Document {
        guest: json!({ "name": subject.guest, "version": subject.version, "digest": subject.digest }),
        settings: subject.settings,
        step_ms: u64::try_from(subject.step.as_millis()).unwrap_or(u64::MAX),
        min_samples: subject.min_samples,
        series: series.iter().map(|judged| one(judged, only)).collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

/// The outside of the answer.
#[derive(Serialize)]
struct Document<'a> {
    guest: Value,
    settings: &'a Value,
    step_ms: u64,
    min_samples: u64,
    series: Vec<One<'a>>,
}

#[derive(Serialize)]
struct One<'a> {
    series: &'a str,
    samples: Samples<'a>,
    summary: Value,
}

/// Written one after the other: as one tree, a million samples would take gigabytes.
struct Samples<'a>(&'a [Row], Only);

impl Serialize for Samples<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Samples(rows, only) = self;
        to.collect_seq(rows.iter().filter(|row| only.shows(row)).map(sample))
    }
}

fn one(judged: &Judged, only: Only) -> One<'_> {
    let failures =
        judged.failures.iter().map(|(kind, (count, first))| json!({ "kind": kind, "count": count, "first": first }));
    One {
        series: &judged.name,
        samples: Samples(&judged.rows, only),
        summary: json!({
            "samples": judged.rows.len(),
            "history": judged.history,
            "judged": judged.judged(),
            "anomalous": judged.anomalous(),
            "failures": failures.collect::<Vec<_>>(),
            "state_bytes": judged.state_bytes,
        }),
    }
}

fn sample(row: &Row) -> Value {
    let mut shape = json!({ "timestamp": show(row.at), "value": number(row.value) });
    match &row.verdict {
        Verdict::Judged(Judgement { score, expected, lower, upper, note }) => {
            shape["score"] = number(*score);
            shape["expected"] = number(*expected);
            shape["lower"] = number(*lower);
            shape["upper"] = number(*upper);
            shape["anomalous"] = (*score > 1.0).into();
            if let Some(note) = note {
                shape["note"] = note.as_str().into();
            }
        }
        Verdict::Unjudged(why) => {
            shape["score"] = Value::Null;
            shape["unjudged"] = why.to_string().into();
        }
    }
    shape
}

#[cfg(test)]
mod tests;
