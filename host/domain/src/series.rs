//! What the scores of one series mean, sample by sample: judgement, persistence, and the freeze on learning.
//!
//! The detector call itself happens outside: the caller scores a sample against [`Track::states`], hands the answers to
//! [`judge`], the judgement to [`Track::advance`], and does with the new states what the returned [`Learn`] says.

use crate::rules::{Direction, Severity, Watch};

mod accepted;
mod apart;
mod track;

pub use accepted::Accepted;
pub use apart::{Apart, OCCURRENCES, Set};
pub use track::{Change, Learn, OPENING, Phase, RECENT_SAMPLES, Track, opening};

/// What one detector said of one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer {
    /// Its verdict.
    Judged(Verdict),
    /// It has not seen enough yet.
    Abstained,
    /// It could not be asked: a trap, a time-out, a quarantine. Never a score of zero.
    Failed,
}

/// A score with the band it came from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Above 1 is anomalous.
    pub score: f64,
    /// Expected value, in the unit of the series.
    pub expected: f64,
    /// Lower edge of the band.
    pub lower: f64,
    /// Upper edge of the band.
    pub upper: f64,
}

impl Verdict {
    const NONE: Verdict = Verdict { score: f64::NAN, expected: f64::NAN, lower: f64::NAN, upper: f64::NAN };
}

/// What a sample is, all detectors and filters considered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Counts towards an incident.
    Anomalous,
    /// As it should be.
    Normal,
    /// Nobody can tell.
    Unjudged(Unjudged),
}

/// Why nobody can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unjudged {
    /// The value is NaN or infinite.
    NotFinite,
    /// Too young for the detectors, and no static bound given.
    Learning,
    /// A detector whose vote matters could not be asked.
    GuestFailed,
    /// A known event that has not been seen often enough yet, and no static bound given.
    KnownEvent,
}

impl Unjudged {
    /// Snake-case name, as in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Unjudged::NotFinite => "not_finite",
            Unjudged::Learning => "learning",
            Unjudged::GuestFailed => "guest_failed",
            Unjudged::KnownEvent => "known_event",
        }
    }
}

/// The judgement of one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// What it is.
    pub standing: Standing,
    /// Healthy on the watched side; None where nobody can tell.
    pub calm: Option<bool>,
    /// Healthy on both sides, as after a repair; None where nobody can tell.
    pub healthy: Option<bool>,
    /// The verdict that counted.
    pub verdict: Verdict,
    /// Severity of that score.
    pub severity: Severity,
    /// True where static bounds judged.
    pub cold_start: bool,
}

impl Judgement {
    fn unjudged(why: Unjudged) -> Judgement {
        Judgement {
            standing: Standing::Unjudged(why),
            calm: None,
            healthy: None,
            verdict: Verdict::NONE,
            severity: Severity::Low,
            cold_start: false,
        }
    }
}

/// Judges one sample. `unfit` says why the detectors cannot judge it yet, if they cannot: then the static bounds do.
#[must_use]
pub fn judge(watch: &Watch, value: f64, unfit: Option<Unjudged>, answers: &[Answer]) -> Judgement {
    if !value.is_finite() {
        return Judgement::unjudged(Unjudged::NotFinite);
    }
    if let Some(why) = unfit {
        return judge_by_bounds(watch, value, why);
    }
    let counts = |v: &Verdict| counts(watch, value, v);
    let anomalous = poll(watch.quorum, answers, counts);
    let well = |sided: bool| {
        let bad = poll(watch.quorum, answers, |v| {
            v.score >= watch.recover_below && (!sided || on_side(watch, value, v)) && matters(watch, value, v)
        });
        bad.map(|bad| !bad)
    };
    // What speaks for an anomaly also says how bad it is; a detector that looks the other way does not.
    let mut leading: Vec<&Verdict> = judged(answers).filter(|v| anomalous != Some(true) || counts(v)).collect();
    leading.sort_by(|a, b| b.score.total_cmp(&a.score));
    Judgement {
        standing: match anomalous {
            Some(true) => Standing::Anomalous,
            Some(false) => Standing::Normal,
            None if answers.contains(&Answer::Failed) => Standing::Unjudged(Unjudged::GuestFailed),
            None => Standing::Unjudged(Unjudged::Learning),
        },
        calm: well(true),
        healthy: well(false),
        // The score that a quorum reaches: where two must agree, the second highest one counts.
        severity: watch.severity.of(leading.get(watch.quorum.saturating_sub(1)).map_or(0.0, |v| v.score)),
        verdict: leading.first().map_or(Verdict::NONE, |v| **v),
        cold_start: false,
    }
}

fn judge_by_bounds(watch: &Watch, value: f64, why: Unjudged) -> Judgement {
    let bounds = &watch.cold_start;
    if bounds.above.is_none() && bounds.below.is_none() {
        return Judgement { cold_start: true, ..Judgement::unjudged(why) };
    }
    let outside = bounds.above.is_some_and(|above| value > above) || bounds.below.is_some_and(|below| value < below);
    Judgement {
        standing: if outside { Standing::Anomalous } else { Standing::Normal },
        calm: Some(!outside),
        healthy: Some(!outside),
        verdict: Verdict {
            lower: bounds.below.unwrap_or(f64::NEG_INFINITY),
            upper: bounds.above.unwrap_or(f64::INFINITY),
            ..Verdict::NONE
        },
        // A bound says that something is wrong, not how badly.
        severity: Severity::Medium,
        cold_start: true,
    }
}

/// Do at least `quorum` detectors hold `view`? Three-valued: a failed detector could have said either, and an
/// abstaining one has no vote as long as somebody else does.
fn poll(quorum: usize, answers: &[Answer], view: impl Fn(&Verdict) -> bool) -> Option<bool> {
    let (mut yes, mut no, mut failed) = (0, 0, 0);
    for answer in answers {
        match answer {
            Answer::Judged(verdict) if verdict.score.is_nan() => {}
            Answer::Judged(verdict) if view(verdict) => yes += 1,
            Answer::Judged(_) => no += 1,
            Answer::Failed => failed += 1,
            Answer::Abstained => {}
        }
    }
    if yes >= quorum {
        Some(true)
    } else if yes + failed >= quorum || no == 0 {
        None
    } else {
        Some(false)
    }
}

/// Does this verdict alone speak for an anomaly?
fn counts(watch: &Watch, value: f64, verdict: &Verdict) -> bool {
    verdict.score > 1.0 && on_side(watch, value, verdict) && matters(watch, value, verdict)
}

fn on_side(watch: &Watch, value: f64, verdict: &Verdict) -> bool {
    match watch.direction {
        // An unknown expectation must not hide an anomaly.
        _ if verdict.expected.is_nan() => true,
        Direction::Both => true,
        Direction::AboveExpected => value > verdict.expected,
        Direction::BelowExpected => value < verdict.expected,
    }
}

/// Is the distance from the expected value large enough to care about?
fn matters(watch: &Watch, value: f64, verdict: &Verdict) -> bool {
    let distance = (value - verdict.expected).abs();
    // An unknown expectation must not hide an anomaly.
    !(distance < watch.min_dev || distance < watch.min_rel_dev * verdict.expected.abs())
}

fn judged(answers: &[Answer]) -> impl Iterator<Item = &Verdict> {
    answers.iter().filter_map(|answer| match answer {
        Answer::Judged(verdict) if !verdict.score.is_nan() => Some(verdict),
        _ => None,
    })
}
