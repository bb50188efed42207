//! Test cases of detectors as JSON files: settings, a series, and what must be said of which sample.
//!
//! `docs/cases.md` describes the format; [`schema`] is its JSON Schema.

mod compare;
mod format;

use std::path::{Path, PathBuf};

use schemars::generate::SchemaSettings;
use serde_json::Value;

use self::format::File;
use super::contract::{self, FoldedIn};
use super::{CaseError, Ending, Fault, Series, Subject, file, part, series_file};
use crate::{Error, Samples, Timestamp};

/// One case.
#[derive(Debug)]
pub struct Case {
    name: String,
    file: File,
    /// One entry for each index that the case may name; `None` where the sample is missing.
    rows: Vec<Option<(Timestamp, f64)>>,
}

/// The JSON Schema (draft 2020-12) of a detector's case.
pub fn schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<File>().to_value()
}

/// The case files of a folder, in the order of their names, unread. There may be none.
///
/// # Errors
/// A folder that cannot be listed.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, CaseError> {
    file::list(folder)
}

/// Reads all cases of a folder, in the order of their file names.
///
/// # Errors
/// The file or folder that could not be read, and why; a folder without any case is an error.
pub fn read(folder: &Path) -> Result<Vec<Case>, String> {
    file::all(folder, Case::read)
}

impl Case {
    /// Reads one case and the series that it names.
    ///
    /// # Errors
    /// The file, line and key at fault.
    pub fn read(path: &Path) -> Result<Case, CaseError> {
        let file: File = file::json(path)?;
        let rows = rows(path, &file)?;
        let case = Case { name: file::name(path), file, rows };
        case.check_indexes(path)?;
        Ok(case)
    }

    /// The name of its file, without the ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it shows, in one sentence.
    pub fn what(&self) -> &str {
        &self.file.what
    }

    /// What `open` is given.
    pub fn settings(&self) -> &Value {
        &self.file.settings
    }

    /// The distance between two samples, in milliseconds.
    pub fn step_ms(&self) -> u64 {
        self.file.step_ms
    }

    /// The part of the message with which the settings must be refused, for a case that is about that.
    pub fn refused(&self) -> Option<&str> {
        self.file.expect.refused.as_deref()
    }

    /// Opens a detector with the settings of this case, feeds it the series in every way, and compares.
    ///
    /// # Errors
    /// What this case shows, and every way in which the detector did otherwise.
    pub fn check<S: Subject, E: Into<Fault>>(&self, open: impl FnMut(&str, u64) -> Result<S, E>) -> Result<(), String> {
        match self.run(open) {
            Ending::Pass => Ok(()),
            Ending::Warn(why) | Ending::Fail(why) | Ending::Error(why) => {
                Err(format!("case {}: {}\n  {}", self.name, self.file.what, why.replace('\n', "\n  ")))
            }
        }
    }

    /// As [`Case::check`], telling a detector that answered otherwise from one that did not answer.
    pub fn run<S: Subject, E: Into<Fault>>(&self, mut open: impl FnMut(&str, u64) -> Result<S, E>) -> Ending {
        let settings = self.file.settings.to_string();
        let mut open = || open(&settings, self.file.step_ms).map_err(Into::into);
        let opened = open();
        if let Some(wanted) = &self.file.expect.refused {
            return refusal(wanted, opened.err());
        }
        let mut subject = match opened {
            Ok(subject) => subject,
            Err(fault) => return Ending::of_fault("open", &fault),
        };
        let fresh = self.samples();
        let answer = Series::new(&mut subject).feed(&fresh);
        if let Some(wanted) = &self.file.expect.fails {
            return match answer {
                Err(Fault::Guest(error)) => failure(wanted, &Fault::Guest(error)),
                Err(fault) => Ending::of_fault("score", &fault),
                Ok(_) => Ending::Fail(format!("expected an error with `{wanted}`, and score answered with verdicts")),
            };
        }
        let folded = match contract::fold_every_way(&mut subject, &fresh) {
            Ok(folded) => folded,
            Err(ending) => return ending,
        };
        let wrong = compare::differences(&self.file.expect, &self.rows, &folded);
        if !wrong.is_empty() {
            return Ending::Fail(wrong.join("\n"));
        }
        match open() {
            Ok(second) => resume(&mut subject, second, &fresh, &folded),
            Err(fault) => Ending::of_fault("open, a second time", &fault),
        }
    }

    fn samples(&self) -> Samples {
        let (timestamps, values) = self.rows.iter().flatten().copied().unzip();
        Samples { timestamps, values }
    }

    /// Every sample that is named must be there: a case that expects something of nothing would always pass.
    fn check_indexes(&self, path: &Path) -> Result<(), CaseError> {
        let expect = &self.file.expect;
        let at: Vec<_> = expect.at.iter().map(|at| at.sample).collect();
        for (key, spans) in [
            ("not_judged", &expect.not_judged),
            ("normal", &expect.normal),
            ("anomalous", &expect.anomalous),
            ("at", &at),
        ] {
            for (place, span) in spans.iter().enumerate() {
                let key = format!("expect.{key}[{place}]");
                if span.indexes().is_empty() {
                    return Err(CaseError::at(path, key, "ends before it begins"));
                }
                let absent = span.indexes().find(|index| self.rows.get(*index).copied().flatten().is_none());
                if let Some(index) = absent {
                    let what = format!("there is no sample {index}: the series has {}", self.extent());
                    return Err(CaseError::at(path, key, what));
                }
            }
        }
        if expect.last.is_some() && self.rows.iter().flatten().next().is_none() {
            return Err(CaseError::at(path, "expect.last", "there is no sample"));
        }
        Ok(())
    }

    fn extent(&self) -> String {
        match self.rows.len() {
            0 => "none".to_owned(),
            len => {
                let missing = self.rows.iter().filter(|row| row.is_none()).count();
                format!(
                    "0 to {}{}",
                    len - 1,
                    if missing > 0 { format!(", {missing} of them missing") } else { String::new() }
                )
            }
        }
    }
}

fn rows(path: &Path, file: &File) -> Result<Vec<Option<(Timestamp, f64)>>, CaseError> {
    let step = i64::try_from(file.step_ms).unwrap_or(i64::MAX);
    let at = |index: usize| {
        let index = i64::try_from(index).unwrap_or(i64::MAX);
        file.start_ms.saturating_add(index.saturating_mul(step))
    };
    match (&file.values, &file.series) {
        (Some(_), Some(_)) => Err(CaseError::at(path, "series", "stands beside `values`; leave one of them out")),
        (Some(values), None) => {
            Ok(values.iter().enumerate().map(|(index, value)| value.map(|value| (at(index), value.0))).collect())
        }
        (None, Some(named)) => {
            let (series, text) = file::beside(path, named)?;
            let lines = series_file::read(&text)
                .map_err(|(line, what)| CaseError { place: Some((line, 1)), ..CaseError::of(&series, what) })?;
            Ok(lines
                .into_iter()
                .enumerate()
                .map(|(index, (time, value))| value.map(|value| (time.unwrap_or_else(|| at(index)), value)))
                .collect())
        }
        (None, None) => Ok(vec![]),
    }
}

fn refusal(wanted: &str, fault: Option<Fault>) -> Ending {
    match fault {
        Some(Fault::Guest(Error::InvalidSettings(message))) if message.contains(wanted) => Ending::Pass,
        Some(Fault::Guest(error)) => Ending::Fail(format!(
            "expected open to refuse the settings with `{wanted}`, and it did so with\n{}",
            Fault::Guest(error)
        )),
        Some(fault) => Ending::of_fault("open", &fault),
        None => Ending::Fail(format!("expected open to refuse the settings with `{wanted}`, and it took them")),
    }
}

/// Whether an error says what was wanted of it.
pub(super) fn failure(wanted: &str, fault: &Fault) -> Ending {
    let said = fault.to_string();
    if said.contains(wanted) {
        return Ending::Pass;
    }
    Ending::Fail(format!("expected an error with `{wanted}`, and it is\n{said}"))
}

/// Half of the series on one instance, the rest from the saved state on another: the same bits as all at once.
fn resume(first: &mut impl Subject, mut second: impl Subject, fresh: &Samples, folded: &FoldedIn) -> Ending {
    let len = fresh.values.len();
    let half = len / 2;
    let mut before = Series::new(first);
    if let Err(fault) = before.feed(&part(fresh, 0..half)) {
        return Ending::of_fault("the first half of the series", &fault);
    }
    let mut after = Series::resumed(&mut second, before.state);
    match after.feed(&part(fresh, half..len)) {
        Err(fault) => Ending::of_fault(&format!("another instance, from the state after {half} samples"), &fault),
        Ok(rest) if folded.ends_with(&rest, &after.state) => Ending::Pass,
        Ok(_) => Ending::Fail(format!(
            "another instance went on from the state saved after {half} samples, and answered otherwise than one that saw all"
        )),
    }
}
