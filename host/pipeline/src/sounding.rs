//! One sample held against its history, once: what the detectors say of a value that nobody watches.
//!
//! Nothing is kept. The history ends before the trouble began, so what is unusual now has not been learnt.

use tidegate_domain::event::Opinion;
use tidegate_domain::number::{Bytes, Number};
use tidegate_domain::rules::Watch;
use tidegate_domain::series::{self, Answer, Judgement, Standing, Verdict};
use tidegate_domain::time::Timestamp;

use crate::entry::answer;
use crate::learning::MOST_AT_ONCE;
use crate::scorer::{ScoreError, Scorer, ask};

/// What came out of it.
#[derive(Clone, Debug)]
pub struct Sounding {
    /// All detectors considered. The band is one that the standing follows from: a normal value lies in it.
    pub judgement: Judgement,
    /// Each detector's own view, without its state.
    pub opinions: Vec<Opinion>,
    /// The detectors that have not seen enough to judge.
    pub abstained: Vec<String>,
    /// The detectors that could not be asked, and why.
    pub failed: Vec<(String, ScoreError)>,
}

/// Samples of one series, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// Milliseconds since the Unix epoch, strictly ascending.
    pub timestamps: &'a [i64],
    /// One value per timestamp, all finite.
    pub values: &'a [f64],
}

/// Judges one sample by the rules of a watch. Without a `quorum` all detectors must agree that can judge it. `history` ends
/// before the sample.
#[must_use]
pub fn sound(
    watch: &Watch,
    quorum: Option<usize>,
    detectors: &[Box<dyn Scorer>],
    history: History<'_>,
    (at, value): (Timestamp, f64),
) -> Sounding {
    let (mut answers, mut opinions) = (Vec::new(), Vec::new());
    let (mut abstained, mut failed) = (Vec::new(), Vec::new());
    for detector in detectors.iter().filter(|_| value.is_finite()) {
        let scored = learnt(&**detector, history).and_then(|state| ask(&**detector, &state.0, &[at.0], &[value]));
        let given = answer(&scored);
        opinions.push(Opinion {
            detector: detector.name().to_owned(),
            digest: detector.digest().to_owned(),
            score: match given {
                Answer::Judged(verdict) => Number(verdict.score),
                Answer::Abstained | Answer::Failed => Number::NAN,
            },
            note: scored.as_ref().ok().and_then(|scored| scored.note.clone()),
            state: Bytes::default(),
        });
        if given == Answer::Abstained {
            abstained.push(detector.name().to_owned());
        }
        failed.extend(scored.err().map(|error| (detector.name().to_owned(), error)));
        answers.push(given);
    }
    let able = answers.iter().filter(|answer| **answer != Answer::Abstained).count();
    let watch = Watch { quorum: quorum.unwrap_or(able).max(1), ..watch.clone() };
    let mut judgement = series::judge(&watch, value, None, &answers);
    if judgement.standing == Standing::Normal {
        judgement.verdict = around(value, &answers).unwrap_or(judgement.verdict);
    }
    Sounding { judgement, opinions, abstained, failed }
}

/// The closest call among those for whom a normal value is none too much. Where all of them find it too far on the side
/// that does not count, the band is open to that side.
fn around(value: f64, answers: &[Answer]) -> Option<Verdict> {
    let judged = answers.iter().filter_map(|answer| match answer {
        Answer::Judged(verdict) => Some(*verdict),
        Answer::Abstained | Answer::Failed => None,
    });
    let mut by_score: Vec<Verdict> = judged.collect();
    by_score.sort_by(|one, other| other.score.total_cmp(&one.score));
    let within = by_score.iter().find(|verdict| verdict.score <= 1.0).copied();
    within.or_else(|| {
        let open = |verdict: &Verdict| Verdict {
            lower: if value < verdict.lower { f64::NEG_INFINITY } else { verdict.lower },
            upper: if value > verdict.upper { f64::INFINITY } else { verdict.upper },
            ..*verdict
        };
        by_score.first().map(open)
    })
}

/// The state of a detector that has seen all of the history. One that fails half-way has none: by a part of it a usual
/// value may be unusual, and the other way round.
fn learnt(detector: &dyn Scorer, history: History<'_>) -> Result<Bytes, ScoreError> {
    let mut state = Bytes::default();
    let pieces = history.timestamps.chunks(MOST_AT_ONCE).zip(history.values.chunks(MOST_AT_ONCE));
    for (timestamps, values) in pieces {
        state = Bytes(ask(detector, &state.0, timestamps, values)?.state);
    }
    Ok(state)
}
