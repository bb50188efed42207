//! A folder of labelled series: `<set>/<series>.csv` with the columns `timestamp` and `value`, and `labels.json`.
//!
//! Files are read as they are. Samples that are late or come twice stay in, for a host has to bear them as well.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::labels::{self, Span, milliseconds};
use crate::nab;

/// From so many samples at the start of a series its step is taken.
const STEP_SAMPLES: usize = 100;

/// One set of series that are scored together.
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    /// Name of its folder.
    pub name: String,
    /// By name.
    pub series: Vec<Series>,
}

/// One series with its labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Name of its file, without `.csv`.
    pub name: String,
    /// Milliseconds since the Unix epoch, in the order of the file.
    pub timestamps: Vec<i64>,
    /// One a timestamp; NaN where there is none.
    pub values: Vec<f64>,
    /// The labelled stretches.
    pub spans: Vec<Span>,
    /// What whoever configures a watch knows of it: see [`step`].
    pub step: Duration,
}

/// All that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Folder {
    /// By name. None of them is empty.
    pub sets: Vec<Set>,
    /// What was left out.
    pub remarks: Vec<String>,
}

/// Why a folder cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The labels are none.
    #[error("{}: {what}", path.display())]
    Labels {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A series is none.
    #[error("{}:{line}: {what}", path.display())]
    Row {
        /// Where.
        path: PathBuf,
        /// The first line is 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// There is nothing to judge.
    #[error("{}: no set of it has a folder here; lay series out as SET/SERIES.csv", path.display())]
    Nothing {
        /// The labels.
        path: PathBuf,
    },
}

/// Reads a folder: every series that the labels name. A set without a folder is left out, with a remark.
///
/// # Errors
///
/// The first thing that is wrong with a file, and where.
pub fn read(folder: &Path) -> Result<Folder, DataError> {
    let (mut sets, mut remarks) = (Vec::new(), Vec::new());
    for (name, spans) in labels::read(folder)? {
        let of_set = folder.join(&name);
        if !of_set.is_dir() || spans.is_empty() {
            remarks.push(format!("set {name} is left out: there is no folder {}, or no series", of_set.display()));
            continue;
        }
        remarks.extend(unlabelled(&of_set, &spans));
        let read = spans.into_iter().map(|(series, spans)| read_series(folder, &name, series, spans));
        let series = read.collect::<Result<Vec<_>, _>>()?;
        sets.push(Set { name, series });
    }
    if sets.is_empty() {
        return Err(DataError::Nothing { path: folder.join(labels::FILE) });
    }
    Ok(Folder { sets, remarks })
}

/// Files that no label speaks of: whether something is wrong in them, nobody has said.
fn unlabelled(folder: &Path, spans: &BTreeMap<String, Vec<Span>>) -> Option<String> {
    let files = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let series = files.filter(|path| path.extension().is_some_and(|extension| extension == "csv"));
    let known = |path: &PathBuf| path.file_stem().is_some_and(|stem| spans.contains_key(&*stem.to_string_lossy()));
    let unknown = series.filter(|path| !known(path)).count();
    (unknown > 0).then(|| {
        format!(
            "{unknown} series of {} are left out: {} does not name them. A series in which nothing is wrong has an empty list there",
            folder.display(),
            labels::FILE
        )
    })
}

fn read_series(folder: &Path, set: &str, name: String, spans: Vec<Span>) -> Result<Series, DataError> {
    let path = folder.join(set).join(format!("{name}.csv"));
    let text = std::fs::read(&path).map_err(|error| DataError::Unreadable { path: path.clone(), error })?;
    let (timestamps, values) =
        parse(&text).map_err(|(line, what)| DataError::Row { path: path.clone(), line, what })?;
    let Some(step) = step(&timestamps) else {
        let what = "it needs two samples at different times, for else it has no step".to_owned();
        return Err(DataError::Row { path, line: 1, what });
    };
    if nab::is_nab(set) {
        nab::windows(&timestamps, &spans).map_err(|what| DataError::Labels {
            path: folder.join(labels::FILE),
            what: format!("{set}/{name}: {what}"),
        })?;
    }
    Ok(Series { name, timestamps, values, spans, step })
}

type Columns = (Vec<i64>, Vec<f64>);

fn parse(text: &[u8]) -> Result<Columns, (u64, String)> {
    let line = |position: Option<&csv::Position>| position.map_or(1, |position| line(text, position.byte()));
    let broken = |error: csv::Error| (line(error.position()), error.to_string());
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
    let header = reader.headers().map_err(broken)?;
    let column = |name: &str| {
        let found = header.iter().position(|column| column == name);
        found.ok_or_else(|| (1, format!("there is no column {name}; the first line must name timestamp and value")))
    };
    let (timestamp, value) = (column("timestamp")?, column("value")?);
    let (mut timestamps, mut values) = (Vec::new(), Vec::new());
    for row in reader.records() {
        let row = row.map_err(broken)?;
        let (at, read) = (row.get(timestamp).unwrap_or_default(), row.get(value).unwrap_or_default());
        let Some(at) = at.parse().ok().and_then(milliseconds) else {
            return Err((line(row.position()), format!("timestamp {at:?} is not a time in Unix seconds")));
        };
        // A missing value is written as nothing or as NaN.
        let read = if read.is_empty() { Ok(f64::NAN) } else { read.parse::<f64>() };
        let none = |_| (line(row.position()), "value is not a number; leave a missing one empty".to_owned());
        values.push(read.map_err(none)?);
        timestamps.push(at);
    }
    Ok((timestamps, values))
}

/// The line in which a row begins that was found at this byte: empty lines before it are found with it.
fn line(text: &[u8], byte: u64) -> u64 {
    let (before, row) = text.split_at(usize::try_from(byte).unwrap_or(usize::MAX).min(text.len()));
    let empty = row.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    let ends = before.iter().chain(empty).filter(|byte| **byte == b'\n');
    1 + ends.count() as u64
}

/// The step of a series, as whoever configures a watch on it would know it from its beginning: the median of the distances
/// between the first hundred samples, those left out that are late or come twice. What comes later must not count, for
/// then a score would follow from the future. None where there is no distance.
#[must_use]
pub fn step(timestamps: &[i64]) -> Option<Duration> {
    let mut newest = None;
    let mut distances = Vec::new();
    for at in timestamps.iter().take(STEP_SAMPLES) {
        match newest {
            Some(before) if *at <= before => continue,
            Some(before) => distances.push(at - before),
            None => {}
        }
        newest = Some(*at);
    }
    distances.sort_unstable();
    let median = distances.get(distances.len() / 2)?;
    Some(Duration::from_millis(u64::try_from(*median).ok()?))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::{parse, read, step};

    const LABELS: &str = r#"{"nab": {"a": [[60, 120]], "b": []}, "mine": {"c": [[1, 1000]]}}"#;
    const SERIES: &str = "timestamp,value\n0,1\n60,2.5\n120,\n180,NaN\n180,4\n30,-inf\n";

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (file, text) in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            fs::write(path, text).expect("a file");
        }
        folder
    }

    #[test]
    fn a_folder_as_it_is_laid_out() {
        let folder =
            folder(&[("labels.json", LABELS), ("nab/a.csv", SERIES), ("nab/b.csv", SERIES), ("nab/x.csv", "")]);
        let read = read(folder.path()).expect("valid");
        let [set] = &read.sets[..] else { panic!("{read:?}") };
        assert_eq!((set.name.as_str(), set.series.len()), ("nab", 2));
        let series = &set.series[0];
        assert_eq!(series.timestamps, [0, 60_000, 120_000, 180_000, 180_000, 30_000]);
        let bits = series.values.iter().map(|value| value.to_string()).collect::<Vec<_>>();
        assert_eq!(bits, ["1", "2.5", "NaN", "NaN", "4", "-inf"]);
        assert_eq!(series.step, Duration::from_secs(60));
        let remarks = read.remarks.join("\n");
        assert!(remarks.contains("set mine is left out") && remarks.contains("1 series of"), "{remarks}");
    }

    #[test]
    fn a_folder_that_is_none_says_what_is_wrong() {
        let cases: [(&[(&str, &str)], &str); 6] = [
            (&[], "labels.json: No such file"),
            (&[("labels.json", LABELS)], "labels.json: no set of it has a folder here"),
            (&[("labels.json", LABELS), ("nab/a.csv", SERIES)], "b.csv: No such file"),
            (
                &[("labels.json", LABELS), ("mine/c.csv", "timestamp,value\n1,2\n1,3\n")],
                "c.csv:1: it needs two samples",
            ),
            (
                &[("labels.json", LABELS), ("mine/c.csv", "timestamp,value\n1,2\nsoon,3\n")],
                "c.csv:3: timestamp \"soon\"",
            ),
            (
                &[("labels.json", LABELS), ("nab/a.csv", "timestamp,value\n0,1\n61,1\n120,1\n")],
                "labels.json: nab/a: no sample has the time 60",
            ),
        ];
        for (files, what) in cases {
            let folder = folder(files);
            let error = read(folder.path()).expect_err(what).to_string();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_none_names_the_line() {
        for (text, line, what) in [
            ("", 1, "no column timestamp"),
            ("timestamp,score\n1,2\n", 1, "no column value"),
            ("timestamp,value\n1,2\n2\n", 3, "record with 1 fields"),
            ("timestamp,value\n1,2\n\n2,much\n", 4, "value is not a number"),
            ("timestamp,value\n1394414940000,2\n", 2, "not a time in Unix seconds"),
            ("timestamp,value\nNaN,2\n", 2, "not a time"),
            ("timestamp,value\n,2\n", 2, "not a time"),
        ] {
            let (at, error) = parse(text.as_bytes()).expect_err(text);
            assert_eq!(at, line, "{text}: {error}");
            assert!(error.contains(what), "{text}: {error}");
        }
        assert!(parse(b"timestamp,value\n1,\xff\n").is_err());
        // Columns beside the two, in any order, and blanks around.
        assert_eq!(parse(b"value, note, timestamp\n 7 , x , 1.5 \n").expect("valid"), (vec![1500], vec![7.0]));
    }

    #[test]
    fn the_step_is_that_of_the_beginning() {
        for (timestamps, seconds) in [
            (&[0, 60, 120, 180][..], Some(60)),
            (&[0, 60, 120, 1000], Some(60)),
            (&[0, 60, 30, 60, 120], Some(60)),
            (&[5, 5, 5], None),
            (&[5], None),
            (&[], None),
        ] {
            let timestamps: Vec<i64> = timestamps.iter().map(|at| at * 1000).collect();
            assert_eq!(step(&timestamps), seconds.map(Duration::from_secs), "{timestamps:?}");
        }
        let beginning = (0..100).map(|at| at * 60_000);
        let later: Vec<i64> = beginning.chain((1..100_000).map(|at| 99 * 60_000 + at)).collect();
        assert_eq!(step(&later), Some(Duration::from_secs(60)));
    }
}
