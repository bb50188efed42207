//! Series from files, and the choice among them.

use std::path::Path;

use tidegate_domain::labels::{Labels, Matcher};
use tidegate_pipeline::frame::FrameSeries;
use tidegate_workbench::run::csv;
use tidegate_workbench::run::series::Series;

use crate::cli::exit::Failure;
use crate::cli::guest::file::{self, MAX_DATA};
use crate::prometheus::{RangeAnswer, parse_range};

/// Reads a CSV file.
pub(super) fn from_csv(path: &Path) -> Result<Series, Failure> {
    let bytes = file::read(path, MAX_DATA)?;
    let read = csv::read(&bytes).map_err(|error| Failure::Usage(format!("{}: {error}", file::shown(path))))?;
    Ok(read.series)
}

/// Reads an answer of `query_range`, and takes the series that `selector` selects.
pub(super) fn from_range_json(path: &Path, selector: Option<&str>) -> Result<Vec<Series>, Failure> {
    let wrong = |what: String| Failure::Usage(format!("{}: {what}", file::shown(path)));
    let bytes = file::read(path, MAX_DATA)?;
    let answer = parse_range(&bytes).map_err(|error| wrong(error.to_string()))?;
    selected(answer, selector).map_err(wrong)
}

/// The series of an answer that a selector selects; all of them where there is none. Never none.
pub(super) fn selected(answer: RangeAnswer, selector: Option<&str>) -> Result<Vec<Series>, String> {
    for warning in answer.warnings.iter().chain(&answer.infos) {
        eprintln!("warning: Prometheus says: {warning}");
    }
    if answer.frame.series.is_empty() && answer.histograms_skipped > 0 {
        return Err(
            "there are only native histograms; ask for numbers, for example with histogram_quantile()".to_owned()
        );
    }
    if answer.frame.series.is_empty() {
        return Err("there is no series in it".to_owned());
    }
    let matchers = selector.map_or_else(|| Ok(Vec::new()), matchers)?;
    let names: Vec<String> = answer.frame.series.iter().map(|series| name(&series.labels)).collect();
    let taken: Vec<Series> = answer
        .frame
        .series
        .into_iter()
        .filter(|series| matchers.iter().all(|matcher| matcher.matches(&series.labels)))
        .map(|FrameSeries { labels, timestamps, values }| Series { name: name(&labels), timestamps, values })
        .collect();
    if taken.is_empty() {
        return Err(format!("--series selects none of {}", listed(&names)));
    }
    Ok(taken)
}

/// As PromQL writes it, the metric's name in front.
fn name(labels: &Labels) -> String {
    let metric = labels.get("__name__").unwrap_or_default();
    let others = Labels::new(labels.iter().filter(|(name, _)| *name != "__name__"));
    if others.is_empty() && !metric.is_empty() { metric.to_owned() } else { format!("{metric}{others}") }
}

/// Some names, for messages.
pub(super) fn listed(names: &[String]) -> String {
    const MOST: usize = 10;
    let mut shown: Vec<&str> = names.iter().take(MOST).map(String::as_str).collect();
    let more = names.len().saturating_sub(MOST);
    let rest = format!("{more} more");
    if more > 0 {
        shown.push(&rest);
    }
    format!("the {} series: {}", names.len(), crate::cli::table::plain(&shown.join(", ")))
}

/// The matchers of a selector, `{job="shop", code=~"5.."}`, with or without a metric's name in front.
fn matchers(selector: &str) -> Result<Vec<Matcher>, String> {
    let wrong = || format!("--series {selector:?} is no selector; write one such as '{{job=\"shop\"}}'");
    let text = selector.trim();
    let (metric, inside) = match text.split_once('{') {
        Some((metric, rest)) => (metric.trim(), rest.strip_suffix('}').ok_or_else(wrong)?),
        None if text.contains(['=', '~']) => ("", text),
        None => (text, ""),
    };
    let mut parts = split(inside);
    if !metric.is_empty() {
        parts.push(format!("__name__=\"{metric}\""));
    }
    if parts.is_empty() {
        // Empty means nothing, never all.
        return Err(wrong());
    }
    parts.iter().map(|part| Matcher::parse(part).map_err(|error| format!("--series: {error}"))).collect()
}

/// Cut at commas outside of quotes.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for character in text.chars() {
        match character {
            ',' if !quoted => {
                parts.push(String::new());
                continue;
            }
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = quoted && character == '\\' && !escaped;
        if let Some(part) = parts.last_mut() {
            part.push(character);
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"{"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"__name__":"up","job":"a,b"},"values":[[1,"1"],[2.5,"NaN"]]},
        {"metric":{"job":"c\"d"},"values":[[1,"+Inf"]]}]}}"#;

    fn from(json: &str, selector: Option<&str>) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("range.json");
        std::fs::write(&file, json).expect("a file");
        let series = from_range_json(&file, selector).map_err(|failure| failure.to_string())?;
        Ok(series.into_iter().map(|series| series.name).collect())
    }

    #[test]
    fn series_are_selected_by_their_labels() {
        let both = [r#"up{job="a,b"}"#, r#"{job="c\"d"}"#];
        for (selector, expected) in [
            (None, both.as_slice()),
            (Some(r#"{job="a,b"}"#), &both[..1]),
            (Some("up"), &both[..1]),
            (Some(r#"up{job=~"a.*"}"#), &both[..1]),
            (Some(r#"{job="c\"d"}"#), &both[1..]),
            (Some(r#"{job!="x", __name__=""}"#), &both[1..]),
            (Some("job=~\".+\""), &both),
        ] {
            assert_eq!(from(TWO, selector).as_deref(), Ok(expected.map_to_owned().as_slice()), "{selector:?}");
        }
    }

    trait Owned {
        fn map_to_owned(&self) -> Vec<String>;
    }

    impl Owned for [&str] {
        fn map_to_owned(&self) -> Vec<String> {
            self.iter().map(|&text| text.to_owned()).collect()
        }
    }

    #[test]
    fn answers_that_hold_no_series_are_told() {
        let matrix =
            |result: &str| format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":{result}}}}}"#);
        for (json, selector, said) in [
            (TWO, Some(r#"{job="x"}"#), "selects none of the 2 series"),
            (TWO, Some("{}"), "is no selector"),
            (TWO, Some("{job=\"a\""), "is no selector"),
            (TWO, Some("{job}"), "not a label matcher"),
            ("", None, "range.json"),
            ("{}", None, "not one of Prometheus' API"),
            (r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#, None, "parse error"),
            (r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#, None, "matrix was expected"),
            (&matrix("[]"), None, "there is no series"),
            (&matrix(r#"[{"metric":{},"histograms":[[1,{}]]}]"#), None, "histogram_quantile"),
            (&matrix(r#"[{"metric":{"a":"b"},"values":[[2,"1"],[1,"1"]]}]"#), None, "not in order"),
        ] {
            let error = from(json, selector).expect_err(said);
            assert!(error.contains(said), "{json}: {error}");
        }
    }
}
