//! `labels.json`: which stretches of which series are anomalous, by people who looked at them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path};

use crate::data::DataError;

/// A labelled stretch: the times of its first and its last sample, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First.
    pub from: i64,
    /// Last, included.
    pub until: i64,
}

/// By set and series. A series without a labelled stretch is there with none.
pub type Labels = BTreeMap<String, BTreeMap<String, Vec<Span>>>;

/// The name of the file.
pub const FILE: &str = "labels.json";

/// Reads the labels of a folder.
///
/// # Errors
///
/// When the file is not there, is no JSON of that shape, or a stretch ends before it begins.
pub fn read(folder: &Path) -> Result<Labels, DataError> {
    let path = folder.join(FILE);
    let text = fs::read_to_string(&path).map_err(|error| DataError::Unreadable { path: path.clone(), error })?;
    parse(&text).map_err(|what| DataError::Labels { path, what })
}

fn parse(text: &str) -> Result<Labels, String> {
    let sets: BTreeMap<String, BTreeMap<String, Vec<(f64, f64)>>> = serde_json::from_str(text).map_err(|error| {
        format!("{error}; it must be {{\"SET\": {{\"SERIES\": [[FIRST, LAST], ...]}}}}, times in Unix seconds")
    })?;
    let mut labels = Labels::new();
    for (set, series) in sets {
        file_name(&set)?;
        let mut spans = BTreeMap::new();
        for (name, stretches) in series {
            file_name(&name)?;
            let read =
                stretches.into_iter().map(|stretch| span(stretch).map_err(|what| format!("{set}/{name}: {what}")));
            let read = read.collect::<Result<Vec<Span>, String>>()?;
            spans.insert(name, read);
        }
        labels.insert(set, spans);
    }
    Ok(labels)
}

fn span((from, until): (f64, f64)) -> Result<Span, String> {
    match (milliseconds(from), milliseconds(until)) {
        (Some(from), Some(until)) if from <= until => Ok(Span { from, until }),
        (Some(_), Some(_)) => Err(format!("[{from}, {until}] ends before it begins")),
        _ => Err(format!("[{from}, {until}] are not times in Unix seconds")),
    }
}

/// Names become paths: of what is read, and of what is written beside the data.
fn file_name(name: &str) -> Result<(), String> {
    let mut parts = Path::new(name).components();
    if matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) && !name.contains(['/', '\\']) {
        return Ok(());
    }
    Err(format!("{name:?} cannot be the name of a file; NAB's folders are part of a name here, as in FOLDER__SERIES"))
}

/// Unix seconds as milliseconds; None for what is none: the year 5138 is far enough, and milliseconds taken for seconds are
/// beyond it.
pub(crate) fn milliseconds(seconds: f64) -> Option<i64> {
    (seconds.abs() < 1e11).then(|| (seconds * 1000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::{Span, parse};

    #[test]
    fn stretches_by_set_and_series() {
        let labels = parse(r#"{"nab": {"a": [], "b": [[10, 20], [30.5, 30.5]]}, "mine": {}}"#).expect("valid");
        assert_eq!(labels["nab"]["a"], []);
        let [first, second] = [Span { from: 10_000, until: 20_000 }, Span { from: 30_500, until: 30_500 }];
        assert_eq!(labels["nab"]["b"], [first, second]);
        assert!(labels["mine"].is_empty());
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, what) in [
            ("", "EOF while parsing a value at line 1 column 0"),
            ("{\"nab\": {\"a\": []},\n \"b\": 3}", "at line 2"),
            (r#"{"nab": {"a": [[1]]}}"#, "line 1"),
            (r#"{"nab": {"a": [[20, 10]]}}"#, "nab/a: [20, 10] ends before it begins"),
            (r#"{"nab": {"a": [[1394414940000, 1394414940001]]}}"#, "not times in Unix seconds"),
            (r#"{"nab": {"real/a": []}}"#, "\"real/a\" cannot be the name of a file"),
            (r#"{"..": {"a": []}}"#, "\"..\" cannot be"),
            (r#"{"nab": {"": []}}"#, "\"\" cannot be"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(what), "{text}: {error}");
        }
    }
}
