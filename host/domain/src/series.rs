//! What the scores of one series mean, sample by sample: judgement, persistence, and the freeze on learning.
//!
//! The detector call itself happens outside: the caller scores a sample against [`Track::states`], hands the answers to
//! [`judge`], the judgement to [`Track::advance`], and does with the new states what the returned [`Learn`] says.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::number::{Bytes, Number};
use crate::rules::{Direction, Severity, Watch};
use crate::time::Timestamp;

/// How many recent samples a track keeps, for the person and the policy that look at an incident.
pub const RECENT_SAMPLES: usize = 60;

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
}

impl Unjudged {
    /// Snake-case name, as in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Unjudged::NotFinite => "not_finite",
            Unjudged::Learning => "learning",
            Unjudged::GuestFailed => "guest_failed",
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

/// Judges one sample. `cold` is true while the series is too young for the detectors.
#[must_use]
pub fn judge(watch: &Watch, value: f64, cold: bool, answers: &[Answer]) -> Judgement {
    if !value.is_finite() {
        return Judgement::unjudged(Unjudged::NotFinite);
    }
    if cold {
        return judge_by_bounds(watch, value);
    }
    let counts = |v: &Verdict| v.score > 1.0 && on_side(watch, value, v) && matters(watch, value, v);
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

fn judge_by_bounds(watch: &Watch, value: f64) -> Judgement {
    let bounds = &watch.cold_start;
    if bounds.above.is_none() && bounds.below.is_none() {
        return Judgement { cold_start: true, ..Judgement::unjudged(Unjudged::Learning) };
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

/// Where a series stands between samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Phase {
    /// Nothing unusual.
    Normal,
    /// Some anomalous samples, not enough for an incident. Learning is frozen.
    Streak {
        /// The first anomalous sample.
        since: Timestamp,
        /// Anomalous samples so far.
        count: u32,
        /// Everything since then: folded in should the streak open nothing.
        pending: Vec<(Timestamp, Number)>,
    },
    /// Part of an incident. Learning is frozen.
    Incident {
        /// The first anomalous sample.
        since: Timestamp,
        /// Healthy samples in a row.
        well: u32,
        /// The worst severity reported.
        severity: Severity,
    },
}

/// What the host keeps of one series. A cache: it can be made again from history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// The newest sample that was folded in; samples up to it are dropped.
    pub cursor: Timestamp,
    /// The oldest sample that was folded in.
    pub history_from: Option<Timestamp>,
    /// One state per detector of the watch. While learning is frozen: from before the streak.
    pub states: Vec<Bytes>,
    /// Where the series stands.
    pub phase: Phase,
    /// Recent finite samples, oldest first, at most [`RECENT_SAMPLES`].
    pub recent: VecDeque<(Timestamp, Number)>,
}

/// What to do with the states that the detectors returned.
#[derive(Clone, Debug, PartialEq)]
pub enum Learn {
    /// Keep them.
    Keep,
    /// Throw them away: anomalies are not learnt.
    Discard,
    /// The streak opened nothing: fold these samples, then the one just judged, into the states from before.
    Refold(Vec<(Timestamp, Number)>),
    /// The level is the new normal: begin anew with the history from this time on.
    Relearn(Timestamp),
}

/// What changed for the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Enough anomalous samples in a row.
    Opened {
        /// The first of them.
        since: Timestamp,
    },
    /// Part of an incident that got worse.
    Worsened {
        /// The new severity.
        severity: Severity,
    },
    /// Enough healthy samples in a row.
    Recovered,
    /// Anomalous for so long that it is the new normal.
    Accepted,
}

impl Track {
    /// A series never seen, with one empty state per detector.
    #[must_use]
    pub fn new(detectors: usize) -> Track {
        Track {
            cursor: Timestamp::MIN,
            history_from: None,
            states: vec![Bytes::default(); detectors],
            phase: Phase::Normal,
            recent: VecDeque::new(),
        }
    }

    /// True while the series is too young for the detectors.
    #[must_use]
    pub fn is_cold(&self, watch: &Watch, at: Timestamp) -> bool {
        self.history_from.is_none_or(|from| at.since(from) < watch.cold_start.history)
    }

    /// Notes that a sample was seen. Call it for each one, in order, before judging.
    pub fn see(&mut self, at: Timestamp, value: f64) {
        self.cursor = at;
        self.history_from.get_or_insert(at);
        if value.is_finite() {
            if self.recent.len() == RECENT_SAMPLES {
                self.recent.pop_front();
            }
            self.recent.push_back((at, Number(value)));
        }
    }

    /// Takes in the judgement of one sample. `repaired` is true once a repair has been tried on the group: then both
    /// sides count, for a restart that kills the traffic is no recovery.
    pub fn advance(
        &mut self,
        watch: &Watch,
        at: Timestamp,
        value: f64,
        judgement: &Judgement,
        repaired: bool,
    ) -> (Learn, Option<Change>) {
        let anomalous = judgement.standing == Standing::Anomalous;
        let dense = self.is_dense(watch, at);
        match &mut self.phase {
            Phase::Normal if anomalous => {
                if watch.consecutive <= 1 {
                    return self.open(at, judgement);
                }
                self.phase = Phase::Streak { since: at, count: 1, pending: vec![(at, Number(value))] };
                (Learn::Discard, None)
            }
            Phase::Normal => (Learn::Keep, None),
            Phase::Streak { since, count, pending } => match judgement.standing {
                Standing::Anomalous => {
                    *count += 1;
                    pending.push((at, Number(value)));
                    if *count >= watch.consecutive {
                        let since = *since;
                        return self.open(since, judgement);
                    }
                    (Learn::Discard, None)
                }
                Standing::Normal => {
                    let pending = std::mem::take(pending);
                    self.phase = Phase::Normal;
                    (Learn::Refold(pending), None)
                }
                Standing::Unjudged(_) => {
                    // A gap neither adds to a streak nor ends it. Bounded, should a guest fail for days.
                    if value.is_finite() && pending.len() < RECENT_SAMPLES {
                        pending.push((at, Number(value)));
                    }
                    (Learn::Discard, None)
                }
            },
            Phase::Incident { since, well, severity } => {
                let calm = if repaired { judgement.healthy } else { judgement.calm };
                // Only a level that is there and has been there: neither a recovery nor a gap is one.
                if calm == Some(false) && dense && at.since(*since) >= watch.accept_after {
                    let since = *since;
                    return self.accept(since);
                }
                match calm {
                    Some(true) => {
                        *well += 1;
                        if *well >= watch.recover_after {
                            self.phase = Phase::Normal;
                            return (Learn::Discard, Some(Change::Recovered));
                        }
                        (Learn::Discard, None)
                    }
                    Some(false) => {
                        *well = 0;
                        if anomalous && judgement.severity > *severity {
                            *severity = judgement.severity;
                            return (Learn::Discard, Some(Change::Worsened { severity: judgement.severity }));
                        }
                        (Learn::Discard, None)
                    }
                    None => (Learn::Discard, None),
                }
            }
        }
    }

    /// True where the recent samples follow one another, with no more than every other one missing.
    fn is_dense(&self, watch: &Watch, at: Timestamp) -> bool {
        let oldest = self.recent.front().map_or(at, |(oldest, _)| *oldest);
        let steps = u32::try_from(2 * self.recent.len()).unwrap_or(u32::MAX);
        at.since(oldest) <= watch.step.saturating_mul(steps)
    }

    fn accept(&mut self, since: Timestamp) -> (Learn, Option<Change>) {
        let history_from = self.history_from;
        *self = Track::new(self.states.len());
        self.cursor = Timestamp(since.0.saturating_sub(1));
        // Its detectors begin anew, the series is as old as it was: static bounds would refuse what was just accepted.
        self.history_from = history_from;
        (Learn::Relearn(since), Some(Change::Accepted))
    }

    fn open(&mut self, since: Timestamp, judgement: &Judgement) -> (Learn, Option<Change>) {
        self.phase = Phase::Incident { since, well: 0, severity: judgement.severity };
        (Learn::Discard, Some(Change::Opened { since }))
    }
}
