//! Folds a series through a detector, one sample a call as the host does, and keeps what was said of each.

use std::collections::BTreeMap;

use tidegate_sandbox::{CallError, Detector};

use super::series::Series;
use crate::plot::{Band, Point};

/// What became of one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// When it was taken, in milliseconds since the Unix epoch.
    pub at: i64,
    /// Its value.
    pub value: f64,
    /// What the detector said of it.
    pub verdict: Verdict,
}

/// What a detector said of one sample.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It was judged.
    Judged(Judgement),
    /// It was not, and why.
    Unjudged(Unjudged),
}

/// The judgement of one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// 0 or above; above 1 means anomalous.
    pub score: f64,
    /// What was expected, in the unit of the series.
    pub expected: f64,
    /// Lower edge of the band. May be minus infinity.
    pub lower: f64,
    /// Upper edge of the band. May be plus infinity.
    pub upper: f64,
    /// The detector's remark, where it made one.
    pub note: Option<String>,
}

/// Why a sample has no score. None of these means that it is normal.
#[derive(Debug, Clone, PartialEq)]
pub enum Unjudged {
    /// The detector has seen fewer samples than it needs.
    Learning,
    /// The value is NaN or infinite.
    NoNumber,
    /// The detector gave no score, for a reason of its own.
    ByGuest,
    /// The call brought no answer; the state is as it was before.
    Failed {
        /// One of [`CallError::KINDS`].
        kind: &'static str,
        /// What happened.
        what: String,
    },
}

impl std::fmt::Display for Unjudged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Learning => f.write_str("learning"),
            Self::NoNumber => f.write_str("not a number"),
            Self::ByGuest => f.write_str("not judged by the guest"),
            Self::Failed { what, .. } => f.write_str(what),
        }
    }
}

impl Verdict {
    /// The judgement, if there is one.
    #[must_use]
    pub fn judgement(&self) -> Option<&Judgement> {
        match self {
            Self::Judged(judgement) => Some(judgement),
            Self::Unjudged(_) => None,
        }
    }

    /// Whether the sample is anomalous.
    #[must_use]
    pub fn is_anomalous(&self) -> bool {
        self.judgement().is_some_and(|judgement| judgement.score > 1.0)
    }
}

/// A series with its verdicts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// The series' labels, as PromQL writes them; may be empty.
    pub name: String,
    /// Samples that were only learnt from, before the first row.
    pub history: u64,
    /// Every sample from where judging was asked for.
    pub rows: Vec<Row>,
    /// Length of the state after the last sample, in bytes.
    pub state_bytes: usize,
    /// Calls without an answer, history included, by kind, with what the first of each said.
    pub failures: BTreeMap<&'static str, (u64, String)>,
}

impl Judged {
    /// The samples as a chart takes them.
    #[must_use]
    pub fn points(&self) -> Vec<Point> {
        let band = |judgement: &Judgement| {
            let &Judgement { score, expected, lower, upper, .. } = judgement;
            Band { anomalous: score > 1.0, score, expected, lower, upper }
        };
        self.rows
            .iter()
            .map(|row| Point { at: row.at, value: row.value, band: row.verdict.judgement().map(band) })
            .collect()
    }

    /// How many samples have a score.
    #[must_use]
    pub fn judged(&self) -> u64 {
        self.count(|verdict| verdict.judgement().is_some())
    }

    /// How many samples are anomalous.
    #[must_use]
    pub fn anomalous(&self) -> u64 {
        self.count(Verdict::is_anomalous)
    }

    /// How many samples are unjudged for this reason.
    #[must_use]
    pub fn unjudged(&self, why: &Unjudged) -> u64 {
        self.count(|verdict| matches!(verdict, Verdict::Unjudged(found) if found == why))
    }

    /// How many calls brought no answer.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failures.values().map(|(count, _)| count).sum()
    }

    fn count(&self, holds: impl Fn(&Verdict) -> bool) -> u64 {
        self.rows.iter().filter(|row| holds(&row.verdict)).count() as u64
    }
}

/// Folds the series from empty state. Samples before `from` are history: learnt from, and not told of.
///
/// After a call without an answer the state is as it was, and the next sample is tried: as in the host.
#[must_use]
pub fn judge(detector: &Detector, series: &Series, from: Option<i64>) -> Judged {
    let history = from.map_or(0, |from| series.timestamps.partition_point(|&at| at < from));
    let mut fold = Fold { detector, state: Vec::new(), seen: 0, min: detector.needs().min_samples };
    let mut judged = Judged { name: series.name.clone(), history: history as u64, ..Judged::default() };
    for (place, (&at, &value)) in series.timestamps.iter().zip(&series.values).enumerate() {
        let verdict = fold.push(at, value);
        if let Verdict::Unjudged(Unjudged::Failed { kind, what }) = &verdict {
            judged.failures.entry(kind).or_insert_with(|| (0, what.clone())).0 += 1;
        }
        if place >= history {
            judged.rows.push(Row { at, value, verdict });
        }
    }
    judged.state_bytes = fold.state.len();
    judged
}

struct Fold<'a> {
    detector: &'a Detector,
    state: Vec<u8>,
    /// Samples that were learnt from.
    seen: u64,
    min: u64,
}

impl Fold<'_> {
    fn push(&mut self, at: i64, value: f64) -> Verdict {
        let scored = match self.detector.score(&self.state, &[at], &[value]) {
            Ok(scored) => scored,
            Err(error) => return Verdict::Unjudged(failed(&error)),
        };
        self.state = scored.state;
        let learning = self.seen < self.min;
        if value.is_finite() {
            self.seen += 1;
        }
        // The sandbox lets no answer through whose columns are not of one entry each.
        let first = |column: &[f64]| column.first().copied().unwrap_or(f64::NAN);
        let verdicts = &scored.verdicts;
        let score = first(&verdicts.scores);
        if score.is_nan() {
            return Verdict::Unjudged(if !value.is_finite() {
                Unjudged::NoNumber
            } else if learning {
                Unjudged::Learning
            } else {
                Unjudged::ByGuest
            });
        }
        Verdict::Judged(Judgement {
            score,
            expected: first(&verdicts.expected),
            lower: first(&verdicts.lower),
            upper: first(&verdicts.upper),
            note: scored.note,
        })
    }
}

fn failed(error: &CallError) -> Unjudged {
    // How long a pause still lasts differs from sample to sample and says nothing about the sample.
    let what = match error {
        CallError::Quarantined { .. } => "not asked: it trapped too often".to_owned(),
        other => other.to_string(),
    };
    Unjudged::Failed { kind: error.kind(), what }
}
