//! What a detector said beside what a case expects of it, as text that shows where and by how much they differ.

use std::collections::BTreeMap;

use super::format::{Expect, Row};
use crate::testing::contract::FoldedIn;
use crate::testing::{instant, verdict};
use crate::{Timestamp, Verdict};

/// Most samples shown that are not as expected; the rest is counted.
const MAX_SHOWN: usize = 8;

/// How many samples before and after one are shown with it.
const AROUND: usize = 2;

/// Every difference, each as some lines of text.
pub(super) fn differences(expect: &Expect, rows: &[Option<(Timestamp, f64)>], folded: &FoldedIn) -> Vec<String> {
    let mut differences = Vec::new();
    let table = Table::new(rows, folded);
    let wrong = wrong_rows(expect, &table);
    if !wrong.is_empty() {
        differences.push(table.show(&wrong));
    }
    if let Some(most) = expect.max_state_bytes
        && folded.state.len() > most
    {
        differences.push(format!("expected a state of at most {most} bytes, got {} bytes", folded.state.len()));
    }
    if let Some(wanted) = &expect.note {
        match &folded.note {
            Some(note) if note.contains(wanted) => {}
            Some(note) => differences.push(format!("expected a note with `{wanted}`, got\n{note}")),
            None => differences.push(format!("expected a note with `{wanted}`, got none")),
        }
    }
    differences
}

/// For each sample that is not as expected, what was expected of it.
fn wrong_rows(expect: &Expect, table: &Table<'_>) -> BTreeMap<usize, Vec<String>> {
    let mut wrong: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    type Holds = fn(&Verdict) -> bool;
    let kinds: [(&str, _, Holds); 3] = [
        ("not judged", &expect.not_judged, |v| v.score.is_nan()),
        ("normal", &expect.normal, |v| v.score <= 1.0),
        ("anomalous", &expect.anomalous, |v| v.score > 1.0),
    ];
    for (name, spans, holds) in kinds {
        for index in spans.iter().flat_map(|span| span.indexes()) {
            let verdict = table.verdict(index);
            if !holds(&verdict) {
                wrong.entry(index).or_default().push(format!("should be {name}, is {}", kind(&verdict)));
            }
        }
    }
    let mut compare = |index: usize, row: &Row| {
        let verdict = table.verdict(index);
        for (name, bound, got) in [
            ("score", &row.score, verdict.score),
            ("expected", &row.expected, verdict.expected),
            ("lower", &row.lower, verdict.lower),
            ("upper", &row.upper, verdict.upper),
        ] {
            if let Some(bound) = bound
                && !bound.admits(got)
            {
                wrong.entry(index).or_default().push(format!("{name} should be {bound}, is {got}"));
            }
        }
    };
    for at in &expect.at {
        at.sample.indexes().for_each(|index| compare(index, &at.row()));
    }
    if let (Some(row), Some(last)) = (&expect.last, table.rows.iter().rposition(Option::is_some)) {
        compare(last, row);
    }
    wrong
}

fn kind(verdict: &Verdict) -> &'static str {
    match verdict.score {
        score if score.is_nan() => "not judged",
        score if score > 1.0 => "anomalous",
        _ => "normal",
    }
}

/// The series and the verdicts, side by side.
struct Table<'a> {
    rows: &'a [Option<(Timestamp, f64)>],
    /// For each row the index of its verdict.
    places: Vec<Option<usize>>,
    folded: &'a FoldedIn,
}

impl<'a> Table<'a> {
    fn new(rows: &'a [Option<(Timestamp, f64)>], folded: &'a FoldedIn) -> Self {
        let mut next = 0..;
        let places = rows.iter().map(|row| row.and_then(|_| next.next())).collect();
        Table { rows, places, folded }
    }

    fn verdict(&self, index: usize) -> Verdict {
        match self.places.get(index).copied().flatten() {
            Some(place) => verdict(&self.folded.verdicts, place),
            None => Verdict::not_judged(),
        }
    }

    fn show(&self, wrong: &BTreeMap<usize, Vec<String>>) -> String {
        let shown: Vec<usize> = wrong.keys().copied().take(MAX_SHOWN).collect();
        let near = |index: usize| shown.iter().any(|wrong| wrong.abs_diff(index) <= AROUND);
        let mut lines =
            vec![["", "sample", "time", "value", "score", "expected", "lower", "upper", ""].map(str::to_owned)];
        let mut before = None;
        for (index, row) in self.rows.iter().enumerate().filter(|(index, _)| near(*index)) {
            if before.is_some_and(|before: usize| before + 1 < index) {
                lines.push(["", "..", "", "", "", "", "", "", ""].map(str::to_owned));
            }
            before = Some(index);
            let faults = wrong.get(&index).filter(|_| shown.contains(&index));
            let mark = if faults.is_some() { ">" } else { "" };
            let remark = faults.map(|faults| faults.join("; ")).unwrap_or_default();
            lines.push(self.line(mark, index, *row, remark));
        }
        let mut text = format!("{} not as expected:\n{}", counted(wrong.len()), aligned(&lines));
        if wrong.len() > shown.len() {
            let rest: Vec<usize> = wrong.keys().copied().skip(shown.len()).collect();
            text.push_str(&format!("\nand {} more: {}", rest.len(), runs(&rest)));
        }
        text
    }

    fn line(&self, mark: &str, index: usize, row: Option<(Timestamp, f64)>, remark: String) -> [String; 9] {
        let (time, value) = match row {
            Some((at, value)) => (instant::written(at), short(value)),
            None => (String::new(), "missing".to_owned()),
        };
        let Verdict { score, expected, lower, upper } = self.verdict(index);
        let [score, expected, lower, upper] = [score, expected, lower, upper].map(short);
        [mark.to_owned(), index.to_string(), time, value, score, expected, lower, upper, remark]
    }
}

fn counted(samples: usize) -> String {
    if samples == 1 { "1 sample is".to_owned() } else { format!("{samples} samples are") }
}

/// Indexes as the format writes them: `3, 5-9`.
fn runs(indexes: &[usize]) -> String {
    /// Most runs written out.
    const MAX_RUNS: usize = 10;
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &index in indexes {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == index => *last = index,
            _ => runs.push((index, index)),
        }
    }
    let written: Vec<String> = runs
        .iter()
        .take(MAX_RUNS)
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
        .collect();
    written.join(", ") + if runs.len() > MAX_RUNS { ", .." } else { "" }
}

/// Columns as wide as their widest cell, numbers to the right; the last one is free.
fn aligned(lines: &[[String; 9]]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..8).map(width).collect();
    let rows: Vec<String> = lines
        .iter()
        .map(|line| {
            let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}"));
            let row = cells.collect::<Vec<_>>().join("  ") + "  " + &line[8];
            row.trim_end().to_owned()
        })
        .collect();
    rows.join("\n")
}

/// A number to six digits: the table shows the course of things, and what was compared stands beside it in full.
fn short(number: f64) -> String {
    let size = number.abs();
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    if !(1e-4..1e9).contains(&size) {
        return format!("{number:.4e}");
    }
    let decimals = (5.0 - size.log10().floor()).clamp(0.0, 6.0) as usize;
    let digits = format!("{number:.decimals$}");
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.').to_owned() } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (number, text) in [
            (0.0, "0"),
            (10.0, "10"),
            (0.123_456_789, "0.123457"),
            (123_456.789, "123457"),
            (-12.5, "-12.5"),
            (1e-9, "1.0000e-9"),
            (1e300, "1.0000e300"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(short(number), text);
        }
    }

    #[test]
    fn indexes_are_written_as_runs() {
        assert_eq!(runs(&[3]), "3");
        assert_eq!(runs(&[1, 2, 3, 7, 9, 10]), "1-3, 7, 9-10");
        assert!(runs(&(0..100).map(|n| n * 2).collect::<Vec<_>>()).ends_with(", 18, .."));
    }
}
