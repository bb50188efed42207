//! What a watch said of one series, in the form in which it is scored.

use tidegate_pipeline::rehearsal::Rehearsed;

use crate::labels::Span;

/// After so many samples of an incident an anomalous one is half the news.
const HALF: f64 = 16.0;

/// What is left of a level with each healthy sample, until the incident is over.
const HELD: f64 = 0.7;

/// One series with what was said of each of its samples. All columns are of one length.
#[derive(Clone, Debug, PartialEq)]
pub struct Play {
    /// Milliseconds since the Unix epoch, as in the file.
    pub timestamps: Vec<i64>,
    /// The score that the watch went by; NaN where no detector's score was looked at.
    pub scores: Vec<f64>,
    /// See [`levels`].
    pub levels: Vec<f64>,
    /// Whether an incident opened.
    pub alerts: Vec<bool>,
    /// The labelled stretches.
    pub spans: Vec<Span>,
}

/// By what samples are ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Each by its own score.
    Score,
    /// By the level of the watch.
    Level,
}

impl Play {
    /// What samples are ranked by: what was not judged is the last thing that would have alerted.
    pub(crate) fn ranked(&self, by: By) -> impl Iterator<Item = f64> {
        let column = match by {
            By::Score => &self.scores,
            By::Level => &self.levels,
        };
        column.iter().map(|value| if value.is_nan() { 0.0 } else { *value })
    }
}

/// The scores of samples: those of the verdicts which the watch went by. Above 1 a sample was anomalous. NaN where it was
/// not judged, or by static bounds.
#[must_use]
pub fn scores(samples: &[Rehearsed]) -> Vec<f64> {
    let score = |sample: &Rehearsed| sample.judgement.map_or(f64::NAN, |judgement| judgement.verdict.score);
    samples.iter().map(score).collect()
}

/// The level of a watch: how much news each sample is to somebody who has been alerted once an incident.
///
/// Outside of incidents, and where one opens, it is the score. While one is open an anomaly that lasts is ever less news:
/// what a score is above 1 halves every sixteen samples. And one healthy sample ends nothing: the level goes down
/// to seven tenths of the one before, not below. It is NaN where the score is.
#[must_use]
pub fn levels(samples: &[Rehearsed]) -> Vec<f64> {
    let (mut age, mut before) = (0.0, 0.0_f64);
    let level = |(sample, score): (&Rehearsed, f64)| {
        age = if sample.in_incident { age + 1.0 } else { 0.0 };
        if score.is_nan() {
            return score;
        }
        before = match sample.in_incident {
            false => score,
            true if score > 1.0 => 1.0 + (score - 1.0) * (-age / HALF).exp2(),
            true => score.max(HELD * before),
        };
        before
    };
    samples.iter().zip(scores(samples)).map(level).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidegate_domain::defaults;
    use tidegate_domain::series::{self, Answer, Verdict};
    use tidegate_pipeline::rehearsal::Rehearsed;

    use super::{levels, scores};

    /// A score outside, and a score in an incident.
    fn sample((score, in_incident): (f64, bool)) -> Rehearsed {
        let watch = defaults::watch("w".to_owned(), Duration::from_secs(60), Vec::new(), []);
        let verdict = Verdict { score, expected: 1.0, lower: 0.0, upper: 2.0 };
        let judgement = Some(series::judge(&watch, 1.0, None, &[Answer::Judged(verdict)]));
        Rehearsed { judgement: judgement.filter(|_| !score.is_nan()), opened: None, in_incident }
    }

    #[test]
    fn within_an_incident_news_fade_and_health_is_not_believed_at_once() {
        let samples: Vec<Rehearsed> = [
            (0.5, false),
            (9.0, false),
            (9.0, true),
            (f64::NAN, true),
            (0.1, true),
            (0.9, true),
            (0.0, true),
            (0.2, false),
            (3.0, false),
            (1.0, true),
            (f64::INFINITY, true),
        ]
        .into_iter()
        .map(sample)
        .collect();
        let faded = 1.0 + 8.0 * (-1.0_f64 / 16.0).exp2();
        let held = [0.7 * faded, 0.7 * (0.7 * faded), 0.7 * (0.7 * (0.7 * faded))];
        let expected = [0.5, 9.0, faded, f64::NAN, held[0], held[1], held[2], 0.2, 3.0, 0.7 * 3.0, f64::INFINITY];
        for (place, (level, expected)) in levels(&samples).into_iter().zip(expected).enumerate() {
            let same = level == expected || (level - expected).abs() < 1e-12 || level.is_nan() && expected.is_nan();
            assert!(same, "{place}: {level} instead of {expected}");
        }
        assert_eq!(scores(&samples)[..3], [0.5, 9.0, 9.0]);
    }

    #[test]
    fn what_lasts_stays_above_one() {
        let mut samples = vec![sample((2.0, false))];
        samples.extend(std::iter::repeat_n(sample((2.0, true)), 160));
        let levels = levels(&samples);
        assert_eq!((levels[16], levels[32]), (1.5, 1.25));
        assert!(levels.is_sorted_by(|a, b| a >= b) && levels[160] > 1.0, "{levels:?}");
    }
}
