//! Test cases of detectors as JSON files: settings, a series, and what must be said of which sample.
//!
//! ```json
//! {
//!   "what": "One sentence: what this case shows.",
//!   "settings": { "threshold": 3 },
//!   "step_ms": 60000,
//!   "start_ms": 0,
//!   "values": [1.0, "NaN", null],
//!   "expect": {
//!     "not_judged": [[0, 29]],
//!     "normal": [[30, 119]],
//!     "anomalous": [120],
//!     "last": { "score": 0.5, "expected": 1.0, "lower": 0.0, "upper": 2.0 },
//!     "max_state_bytes": 1100,
//!     "note": "at this time"
//!   }
//! }
//! ```
//!
//! `values` are numbers, or `"NaN"`, `"+Inf"`, `"-Inf"` as Prometheus writes them, or `null` where the sample is missing.
//! Under `expect`, samples are named by their index in `values`, or as `[first, last]`; each part may be left out.
//! `last` is compared to nine digits, `note` is a part of the note after the last sample. A case with
//! `"refused": "a part of the message"` under `expect` must fail to open, and needs no values.

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::contract::folds_alike;
use super::{Series, Subject, verdict};
use crate::{Error, Samples, Timestamp, Verdict, Verdicts};

/// One case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    what: String,
    settings: serde_json::Value,
    step_ms: u64,
    #[serde(default)]
    start_ms: Timestamp,
    #[serde(default)]
    values: Vec<Option<Value>>,
    expect: Expect,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Value {
    Number(f64),
    Name(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    refused: Option<String>,
    #[serde(default)]
    not_judged: Vec<Span>,
    #[serde(default)]
    normal: Vec<Span>,
    #[serde(default)]
    anomalous: Vec<Span>,
    last: Option<Row>,
    max_state_bytes: Option<usize>,
    note: Option<String>,
}

/// What must hold of a verdict.
type Holds = fn(&Verdict) -> bool;

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Span {
    One(usize),
    Run(usize, usize),
}

impl Span {
    fn indexes(&self) -> RangeInclusive<usize> {
        match *self {
            Span::One(index) => index..=index,
            Span::Run(first, last) => first..=last,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    score: f64,
    expected: f64,
    lower: f64,
    upper: f64,
}

/// Reads all cases of a folder, in the order of their file names.
///
/// # Errors
/// The file or folder that could not be read, and why; a folder without any case is an error.
pub fn read(folder: &Path) -> Result<Vec<Case>, String> {
    read_all(folder)
}

/// Every JSON file of a folder as one case.
pub(super) fn read_all<T: DeserializeOwned>(folder: &Path) -> Result<Vec<T>, String> {
    let list = fs::read_dir(folder).map_err(|e| format!("{}: cannot be listed: {e}", folder.display()))?;
    let mut paths: Vec<_> = list
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(|e| format!("{}: cannot be listed: {e}", folder.display()))?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    if paths.is_empty() {
        return Err(format!("{}: holds no case", folder.display()));
    }
    paths
        .iter()
        .map(|path| {
            let text = fs::read(path).map_err(|e| format!("{}: cannot be read: {e}", path.display()))?;
            serde_json::from_slice(&text).map_err(|e| format!("{}: not a case: {e}", path.display()))
        })
        .collect()
}

impl Case {
    /// Opens a detector with the settings of this case, feeds it the series in every way, and compares.
    ///
    /// # Errors
    /// What this case shows, and every way in which the detector did otherwise.
    pub fn check<S: Subject>(&self, open: impl FnOnce(&str, u64) -> Result<S, Error>) -> Result<(), String> {
        self.mismatches(open)
            .and_then(|mismatches| match mismatches.as_slice() {
                [] => Ok(()),
                some => Err(some.join("\n  ")),
            })
            .map_err(|why| format!("case \"{}\":\n  {why}", self.what))
    }

    fn mismatches<S: Subject>(&self, open: impl FnOnce(&str, u64) -> Result<S, Error>) -> Result<Vec<String>, String> {
        let opened = open(&self.settings.to_string(), self.step_ms);
        if let Some(part) = &self.expect.refused {
            return match opened {
                Err(Error::InvalidSettings(message)) if message.contains(part) => Ok(vec![]),
                Err(other) => Err(format!("refused with {other:?}, expected a message with `{part}`")),
                Ok(_) => Err(format!("opened, expected a refusal with `{part}`")),
            };
        }
        let mut subject = opened.map_err(|e| format!("refused: {e:?}"))?;
        let (fresh, places) = self.samples()?;
        folds_alike(&mut subject, &fresh)?;
        let mut series = Series::new(&mut subject);
        let verdicts = series.feed(&fresh).map_err(|e| format!("{e:?}"))?;
        let mut wrong = self.compare(&verdicts, &places)?;
        if let Some(most) = self.expect.max_state_bytes
            && series.state.len() > most
        {
            wrong.push(format!("state of {} bytes, expected at most {most}", series.state.len()));
        }
        if let Some(part) = &self.expect.note
            && !series.note.as_ref().is_some_and(|note| note.contains(part))
        {
            wrong.push(format!("note {:?}, expected one with `{part}`", series.note));
        }
        Ok(wrong)
    }

    /// The samples, and for each index of `values` the row of the verdicts that belongs to it.
    fn samples(&self) -> Result<(Samples, Vec<Option<usize>>), String> {
        let mut samples = Samples { timestamps: vec![], values: vec![] };
        let mut rows = vec![];
        for (index, value) in self.values.iter().enumerate() {
            let value = match value {
                None => {
                    rows.push(None);
                    continue;
                }
                Some(Value::Number(number)) => *number,
                Some(Value::Name(name)) => match name.as_str() {
                    "NaN" => f64::NAN,
                    "+Inf" => f64::INFINITY,
                    "-Inf" => f64::NEG_INFINITY,
                    _ => return Err(format!("value {index} is `{name}`, not a number, NaN, +Inf or -Inf")),
                },
            };
            rows.push(Some(samples.values.len()));
            samples.timestamps.push(self.start_ms + index as i64 * self.step_ms as i64);
            samples.values.push(value);
        }
        Ok((samples, rows))
    }

    fn compare(&self, verdicts: &Verdicts, rows: &[Option<usize>]) -> Result<Vec<String>, String> {
        let mut wrong = vec![];
        let parts: [(&str, &[Span], Holds); 3] = [
            ("not judged", &self.expect.not_judged, |v| v.score.is_nan()),
            ("normal", &self.expect.normal, |v| v.score <= 1.0),
            ("anomalous", &self.expect.anomalous, |v| v.score > 1.0),
        ];
        for (name, spans, holds) in parts {
            for index in spans.iter().flat_map(Span::indexes) {
                let row = rows.get(index).copied().flatten();
                let row = row.ok_or_else(|| format!("expects sample {index} to be {name}, and there is none"))?;
                let verdict = verdict(verdicts, row);
                if !holds(&verdict) {
                    wrong.push(format!("sample {index}: expected it {name}, got {verdict:?}"));
                }
            }
        }
        if let Some(row) = &self.expect.last {
            let got = verdict(verdicts, verdicts.scores.len().saturating_sub(1));
            let pairs =
                [(got.score, row.score), (got.expected, row.expected), (got.lower, row.lower), (got.upper, row.upper)];
            if !pairs.iter().all(|(got, wanted)| (got - wanted).abs() <= 1e-9 * wanted.abs().max(1e-9)) {
                wrong.push(format!("last sample: got {got:?}, expected {row:?}"));
            }
        }
        Ok(wrong)
    }
}
