//! The figures, as tables that can be put into a page as they are, and as JSON.

use serde_json::{Map, Value, json};

use crate::cost::Cost;
use crate::events::{self, Events};
use crate::nab::{self, Nab, PROFILES};
use crate::play::{By, Play};

/// All that was measured of one detector.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its name.
    pub detector: String,
    /// By the name of the set.
    pub sets: Vec<(String, Ranked)>,
    /// What it cost.
    pub cost: Cost,
    /// What must be known to read its figures.
    pub remarks: Vec<String>,
}

/// How well it did on one set. Only what follows from a ranking is not the same in both.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// Each sample by its own score.
    pub by_score: Figures,
    /// By the level of the watch.
    pub by_level: Figures,
}

impl Ranked {
    /// Scores what was said of the series of a set.
    #[must_use]
    pub fn of(set: &str, plays: &[Play]) -> Ranked {
        Ranked { by_score: Figures::of(set, plays, By::Score), by_level: Figures::of(set, plays, By::Level) }
    }
}

/// The figures of one set.
#[derive(Clone, Debug, PartialEq)]
pub enum Figures {
    /// In the way of the Numenta Anomaly Benchmark. None where the set has no window.
    Nab(Option<Nab>),
    /// By events.
    Events(Events),
}

impl Figures {
    /// In the way that the name of the set asks for.
    fn of(set: &str, plays: &[Play], by: By) -> Figures {
        if nab::is_nab(set) { Figures::Nab(nab::score(plays, by)) } else { Figures::Events(events::score(plays, by)) }
    }
}

const LEGEND: &str = "\
`standard`, `low FP` and `low FN` are NAB's scores of the alerts as they came. `best` is the standard one with a threshold (in
brackets) that would have been best afterwards: what a ranking of samples is worth, by their scores and by the watch's level.
";

/// The tables, one a set and one of costs, and below them the remarks.
#[must_use]
pub fn tables(rows: &[Row]) -> String {
    let sets = rows.first().map_or(&[][..], |row| &row.sets);
    let mut text = format!("{LEGEND}\n");
    for (which, (set, ranked)) in sets.iter().enumerate() {
        let head: &[&str] = match ranked.by_score {
            Figures::Nab(_) => {
                &[set, "standard", "low FP", "low FN", "windows hit", "false alerts", "best by score", "best by level"]
            }
            Figures::Events(_) => {
                &[set, "events hit", "", "false alerts", "per 1,000", "AUC-PR by score", "AUC-PR by level"]
            }
        };
        let body = rows.iter().filter_map(|row| Some(line(&row.detector, &row.sets.get(which)?.1)));
        text += &table(head, &body.collect::<Vec<_>>());
        text.push('\n');
    }
    let head = ["cost", "ns a sample, one a call", "ns a sample, 500 a call", "state, mean", "state, largest"];
    let costs = rows.iter().map(|row| {
        let cost = row.cost;
        let times = [cost.ns_one_by_one(), cost.ns_in_chunks()].map(|ns| format!("{ns:.0}"));
        let state = [cost.state_mean(), cost.state_largest as f64].map(|bytes| format!("{bytes:.0} B"));
        [row.detector.clone()].into_iter().chain(times).chain(state).collect()
    });
    text += &table(&head, &costs.collect::<Vec<_>>());
    for remark in rows.iter().flat_map(|row| &row.remarks) {
        text += &format!("\n{remark}\n");
    }
    text
}

fn line(detector: &str, ranked: &Ranked) -> Vec<String> {
    let number =
        |value: Option<f64>, digits: usize| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"));
    let mut cells = vec![detector.to_owned()];
    match (&ranked.by_score, &ranked.by_level) {
        (Figures::Nab(Some(by_score)), Figures::Nab(Some(by_level))) => {
            cells.extend(by_score.profiles.iter().map(|profile| format!("{:.1}", profile.shipped)));
            cells.push(format!("{} of {}", by_score.windows_hit, by_score.windows));
            cells.push(by_score.false_alerts.to_string());
            let best = |nab: &Nab| format!("{:.1} ({:.2})", nab.profiles[0].best, nab.profiles[0].threshold);
            cells.extend([best(by_score), best(by_level)]);
        }
        (Figures::Events(by_score), Figures::Events(by_level)) => {
            cells.push(format!("{} of {}", by_score.hit, by_score.events));
            cells.push(by_score.recall().map_or_else(|| "-".to_owned(), |recall| format!("{:.0} %", 100.0 * recall)));
            cells.push(by_score.false_alerts.to_string());
            cells.push(number(by_score.false_per_1000(), 2));
            cells.extend([by_score, by_level].map(|events| number(events.auc_pr, 3)));
        }
        // No window at all.
        _ => cells.extend((0..7).map(|_| "-".to_owned())),
    }
    cells
}

/// A table in Markdown, with its columns in line: words to the left, numbers to the right.
fn table(head: &[&str], body: &[Vec<String>]) -> String {
    let mut lines: Vec<Vec<&str>> = vec![head.to_vec()];
    lines.extend(body.iter().map(|cells| cells.iter().map(String::as_str).collect()));
    let width =
        |column: usize| lines.iter().filter_map(|cells| cells.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..head.len()).map(|column| width(column).unwrap_or(0).max(3)).collect();
    let mut text = String::new();
    for (which, cells) in lines.iter().enumerate() {
        let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        text += &format!("| {} |\n", padded.collect::<Vec<_>>().join(" | "));
        if which == 0 {
            let rule = widths.iter().enumerate().map(|(column, width)| {
                if column == 0 { "-".repeat(width + 2) } else { format!("{}:", "-".repeat(width + 1)) }
            });
            text += &format!("|{}|\n", rule.collect::<Vec<_>>().join("|"));
        }
    }
    text
}

/// The same as JSON: by detector, in it by set, and in that by what samples are ranked by.
#[must_use]
pub fn json(rows: &[Row]) -> Value {
    let detectors = rows.iter().map(|row| {
        let sets = row.sets.iter().map(|(set, ranked)| {
            let [by_score, by_level] = [&ranked.by_score, &ranked.by_level].map(json_of_figures);
            (set.clone(), json!({ "by_score": by_score, "by_level": by_level }))
        });
        let cost = json!({
            "samples": row.cost.samples,
            "ns_a_sample": { "one_a_call": row.cost.ns_one_by_one(), "500_a_call": row.cost.ns_in_chunks() },
            "state_bytes": { "mean": row.cost.state_mean(), "largest": row.cost.state_largest },
        });
        let of_detector = json!({ "sets": sets.collect::<Map<_, _>>(), "cost": cost, "remarks": row.remarks });
        (row.detector.clone(), of_detector)
    });
    json!({ "detectors": detectors.collect::<Map<_, _>>() })
}

fn json_of_figures(figures: &Figures) -> Value {
    match figures {
        Figures::Nab(nab) => nab.as_ref().map_or(Value::Null, json_of_nab),
        Figures::Events(events) => json!({
            "auc_pr": events.auc_pr,
            "events_hit": [events.hit, events.events],
            "event_recall": events.recall(),
            "false_alerts": events.false_alerts,
            "false_per_1000": events.false_per_1000(),
        }),
    }
}

/// A threshold that no score reaches is null.
fn json_of_nab(nab: &Nab) -> Value {
    let profiles = PROFILES.iter().zip(&nab.profiles).map(|((name, ..), profile)| {
        let threshold = profile.threshold;
        let figures = json!({ "shipped": profile.shipped, "best": profile.best, "best_threshold": threshold });
        ((*name).to_owned(), figures)
    });
    let mut figures: Map<String, Value> = profiles.collect();
    figures.insert("windows_hit".to_owned(), json!([nab.windows_hit, nab.windows]));
    figures.insert("false_alerts".to_owned(), json!(nab.false_alerts));
    Value::Object(figures)
}

#[cfg(test)]
mod tests {
    use super::{Ranked, Row, json, tables};
    use crate::cost::Cost;
    use crate::labels::Span;
    use crate::play::Play;

    fn rows() -> Vec<Row> {
        let play = |alert: usize| Play {
            timestamps: (0..40).map(|at| at * 1000).collect(),
            scores: (0..40).map(|at| if at == alert { 2.0 } else { 0.5 }).collect(),
            levels: (0..40).map(|at| if at >= alert { 2.0 } else { 0.5 }).collect(),
            alerts: (0..40).map(|at| at == alert).collect(),
            spans: vec![Span { from: 20_000, until: 29_000 }],
        };
        let cost = Cost {
            samples: 40,
            one_by_one: 80_000.0,
            in_chunks: 20_000.0,
            series: 2,
            state_sum: 3001,
            state_largest: 2000,
        };
        let row = |detector: &str, alert: usize| Row {
            detector: detector.to_owned(),
            sets: ["mine", "nab", "nab-empty"]
                .map(|set| {
                    (set.to_owned(), Ranked::of(set, &if set == "nab-empty" { vec![] } else { vec![play(alert)] }))
                })
                .into(),
            cost,
            remarks: Vec::new(),
        };
        let silent =
            Row { remarks: vec!["seasonal could not be used on 3 of 4 series.".to_owned()], ..row("seasonal", 99) };
        vec![row("tide", 20), silent]
    }

    #[test]
    fn tables_for_a_page() {
        let expected = "\
`standard`, `low FP` and `low FN` are NAB's scores of the alerts as they came. `best` is the standard one with a threshold (in
brackets) that would have been best afterwards: what a ranking of samples is worth, by their scores and by the watch's level.

| mine     | events hit |       | false alerts | per 1,000 | AUC-PR by score | AUC-PR by level |
|----------|-----------:|------:|-------------:|----------:|----------------:|----------------:|
| tide     |     1 of 1 | 100 % |            0 |      0.00 |           0.325 |           0.500 |
| seasonal |     0 of 1 |   0 % |            0 |      0.00 |           0.250 |           0.250 |

| nab      | standard | low FP | low FN | windows hit | false alerts | best by score | best by level |
|----------|---------:|-------:|-------:|------------:|-------------:|--------------:|--------------:|
| tide     |    100.0 |  100.0 |  100.0 |      1 of 1 |            0 |  100.0 (2.00) |   56.0 (2.00) |
| seasonal |      0.0 |    0.0 |    0.0 |      0 of 1 |            0 |     0.0 (inf) |     0.0 (inf) |

| nab-empty | standard | low FP | low FN | windows hit | false alerts | best by score | best by level |
|-----------|---------:|-------:|-------:|------------:|-------------:|--------------:|--------------:|
| tide      |        - |      - |      - |           - |            - |             - |             - |
| seasonal  |        - |      - |      - |           - |            - |             - |             - |

| cost     | ns a sample, one a call | ns a sample, 500 a call | state, mean | state, largest |
|----------|------------------------:|------------------------:|------------:|---------------:|
| tide     |                    2000 |                     500 |      1500 B |         2000 B |
| seasonal |                    2000 |                     500 |      1500 B |         2000 B |

seasonal could not be used on 3 of 4 series.
";
        assert_eq!(tables(&rows()), expected, "{}", tables(&rows()));
    }

    #[test]
    fn the_same_as_json() {
        let json = json(&rows());
        let tide = &json["detectors"]["tide"];
        assert_eq!(tide["sets"]["nab"]["by_score"]["standard"]["shipped"], 100.0);
        assert_eq!(tide["sets"]["nab"]["by_level"]["windows_hit"], serde_json::json!([1, 1]));
        assert_eq!(tide["sets"]["mine"]["by_score"]["events_hit"], serde_json::json!([1, 1]));
        assert!(tide["sets"]["nab-empty"]["by_score"].is_null());
        assert_eq!(tide["cost"]["state_bytes"]["largest"], 2000);
        assert!(json["detectors"]["seasonal"]["sets"]["nab"]["by_score"]["standard"]["best_threshold"].is_null());
    }

    #[test]
    fn nothing_at_all() {
        assert!(tables(&[]).contains("\n\n| cost"));
    }
}
