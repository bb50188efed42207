//! Persistence and the freeze on learning: what one series has been through, and what its detectors are to learn of it.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Accepted, Apart, Judgement, Standing, Unjudged};
use crate::number::{Bytes, Number};
use crate::rules::{Severity, Watch};
use crate::time::Timestamp;

/// How many recent samples a track keeps, for the person and the policy that look at an incident.
pub const RECENT_SAMPLES: usize = 60;

/// How much of an incident is learnt when it is over: that such a thing happens, and not that it is usual. No outage is so
/// short that a few samples would make it normal.
pub const OPENING: usize = 3;

/// For one sample of a beginning so many without trouble must have been learnt, so that trouble that comes and goes does not
/// become normal beginning by beginning.
const FOR_ONE: u8 = 24;

/// Room for two beginnings that follow one another, because a detector may keep count of its alarms. With what is added
/// meanwhile that is 11 of the 120 samples of a usual window, and they are still three deviations off.
const FOR_ALL: u8 = 2 * FOR_ONE * OPENING as u8;

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
        /// The first samples of it, at most [`OPENING`]: what is learnt of it once it is over.
        opening: Vec<(Timestamp, Number)>,
        /// Healthy samples in a row.
        well: u32,
        /// The first of these.
        well_since: Timestamp,
        /// The worst severity reported.
        severity: Severity,
        /// Static bounds found it, and may say that it is over.
        by_bounds: bool,
    },
}

impl Phase {
    /// An incident of which no more is known than how it began.
    #[must_use]
    pub fn incident(since: Timestamp, severity: Severity, by_bounds: bool, opening: Vec<(Timestamp, Number)>) -> Phase {
        Phase::Incident { since, opening, well: 0, well_since: Timestamp::MIN, severity, by_bounds }
    }
}

/// How trouble began, by the samples that were recent when it became an incident, oldest first.
pub fn opening<'w>(
    since: Timestamp,
    window: impl IntoIterator<Item = &'w (Timestamp, Number)>,
) -> Vec<(Timestamp, Number)> {
    window.into_iter().filter(|(at, _)| *at >= since).take(OPENING).copied().collect()
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
    /// How many samples without trouble were learnt, less [`FOR_ONE`] for each that was the beginning of an incident.
    untroubled: u8,
    /// A level is being accepted, until the history since it began has been learnt.
    pub accepted: Option<Box<Accepted>>,
    /// What was learnt of known events. None for most series.
    pub apart: Option<Box<Apart>>,
}

/// What to do with the states that the detectors returned.
#[derive(Clone, Debug, PartialEq)]
pub enum Learn {
    /// Keep them.
    Keep,
    /// Throw them away: anomalies are not learnt.
    Discard,
    /// The trouble is over: fold these samples, then the one just judged, into the states from before. All of a streak that
    /// opened nothing; of an incident how it began, and what ended it.
    Refold(Vec<(Timestamp, Number)>),
    /// The level is the new normal: fold the history from this time on into the states from before, and into
    /// [new ones](Accepted).
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
            untroubled: FOR_ALL,
            accepted: None,
            apart: None,
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

    /// A judgement as far as it says something of what the series goes through; `unfit` as for [`judge`](super::judge). Static
    /// bounds are far wider than what detectors find unusual: that trouble is over which these found they cannot say.
    #[must_use]
    pub fn weigh(&self, judgement: Judgement, unfit: Option<Unjudged>) -> Judgement {
        match (&self.phase, unfit) {
            (Phase::Incident { by_bounds: false, .. }, Some(why)) if judgement.calm == Some(true) => {
                Judgement { cold_start: true, ..Judgement::unjudged(why) }
            }
            _ => judgement,
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
        // It is learnt apart, unless it comes in an incident: the next time, the fault would be what the event is like.
        if judgement.standing == Standing::Unjudged(Unjudged::KnownEvent) {
            let lasts = matches!(self.phase, Phase::Incident { .. });
            return (if lasts { Learn::Discard } else { Learn::Keep }, None);
        }
        match &mut self.phase {
            Phase::Normal if anomalous => {
                if watch.consecutive <= 1 {
                    return self.open(at, judgement);
                }
                self.phase = Phase::Streak { since: at, count: 1, pending: vec![(at, Number(value))] };
                (Learn::Discard, None)
            }
            Phase::Normal => {
                self.untroubled = FOR_ALL.min(self.untroubled.saturating_add(1));
                (Learn::Keep, None)
            }
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
            Phase::Incident { since, opening, well, well_since, severity, .. } => {
                let calm = if repaired { judgement.healthy } else { judgement.calm };
                // Only a level that is there and has been there: neither a recovery nor a gap is one.
                if calm == Some(false) && dense && at.since(*since) >= watch.accept_after {
                    let since = *since;
                    return self.accept(since);
                }
                match calm {
                    Some(true) => {
                        *well += 1;
                        if *well == 1 {
                            *well_since = at;
                        }
                        if *well >= watch.recover_after {
                            let (opening, well_since) = (std::mem::take(opening), *well_since);
                            // Whether a repair was any good is judged by what was before, a relapse included.
                            let opening = if repaired { Vec::new() } else { opening };
                            return (self.recover(opening, well_since, at), Some(Change::Recovered));
                        }
                        (Learn::Discard, None)
                    }
                    Some(false) => {
                        *well = 0;
                        // Where one sample is enough for an incident, the next ones still belong to its beginning.
                        if opening.len() < OPENING {
                            opening.push((at, Number(value)));
                        }
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

    /// Of what was anomalous only the beginning is learnt, however long it lasted; of what ended it all that is at hand.
    fn recover(&mut self, mut opening: Vec<(Timestamp, Number)>, well_since: Timestamp, at: Timestamp) -> Learn {
        self.phase = Phase::Normal;
        opening.truncate(usize::from(self.untroubled / FOR_ONE));
        self.untroubled = self.untroubled.saturating_sub(FOR_ONE * opening.len() as u8);
        let healthy = self.recent.iter().filter(|(sample, _)| (well_since..at).contains(sample));
        Learn::Refold(opening.into_iter().chain(healthy.copied()).collect())
    }

    fn accept(&mut self, since: Timestamp) -> (Learn, Option<Change>) {
        self.phase = Phase::Normal;
        self.recent.clear();
        self.apart.iter_mut().for_each(|apart| apart.doubt());
        self.cursor = Timestamp(since.0.saturating_sub(1));
        // The series is as old as it was: static bounds would refuse what was just accepted.
        self.accepted = Some(Box::new(Accepted::new(since, self.states.len())));
        (Learn::Relearn(since), Some(Change::Accepted))
    }

    /// Ends the learning of what was accepted. A detector that finds the newest sample anomalous all the same keeps
    /// nothing of what was before.
    pub fn settle(&mut self) {
        if let Some(accepted) = self.accepted.take() {
            accepted.settle(&mut self.states);
        }
    }

    fn open(&mut self, since: Timestamp, judgement: &Judgement) -> (Learn, Option<Change>) {
        let opening = opening(since, &self.recent);
        self.phase = Phase::incident(since, judgement.severity, judgement.cold_start, opening);
        (Learn::Discard, Some(Change::Opened { since }))
    }
}
