//! What a watch said of one series, in the form in which it is scored.

use tidegate_pipeline::rehearsal::Rehearsed;

use crate::labels::Span;

/// One series with what was said of each of its samples. All columns are of one length.
#[derive(Clone, Debug, PartialEq)]
pub struct Play {
    /// Milliseconds since the Unix epoch, as in the file.
    pub timestamps: Vec<i64>,
    /// The score that the watch went by; NaN where no detector's score was looked at.
    pub scores: Vec<f64>,
    /// Whether an incident opened.
    pub alerts: Vec<bool>,
    /// The labelled stretches.
    pub spans: Vec<Span>,
}

impl Play {
    /// The score for a ranking: what was not judged is the last thing that would have alerted.
    pub(crate) fn ranked(&self) -> impl Iterator<Item = f64> {
        self.scores.iter().map(|score| if score.is_nan() { 0.0 } else { *score })
    }
}

/// The score that a sample is ranked by: that of the verdict which the watch went by. Above 1 it was anomalous. NaN where
/// it was not judged, or by static bounds.
#[must_use]
pub fn score(sample: &Rehearsed) -> f64 {
    sample.judgement.map_or(f64::NAN, |judgement| judgement.verdict.score)
}
