//! New rules and detectors for a watch that runs. States go on where they mean the same, and are learnt again where not.
//!
//! A state belongs to a detector's name and [model](crate::scorer::Scorer::model). Another version of a guest is given
//! the states of the one before it; whether it can read them is tried at once, with a call of no samples.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tidegate_domain::labels::Labels;
use tidegate_domain::number::Bytes;
use tidegate_domain::rules::Watch;
use tidegate_domain::time::Timestamp;

use crate::entry::Entry;
use crate::fold::WatchFold;
use crate::group::Groups;
use crate::report::Report;
use crate::scorer::{Scorer, ask};

/// Whose a state is. Digests, because it stands in every row of the series table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// The detector's name and model, and the known events of the watch.
    pub(crate) model: u64,
    /// The version of the guest.
    pub(crate) guest: u64,
}

impl Mark {
    /// Of the detectors of a watch. What its known events are learnt apart by is part of what states mean: a baseline with a
    /// batch job in it is another one.
    pub(crate) fn all(watch: &Watch, detectors: &[Box<dyn Scorer>]) -> Vec<Mark> {
        let events: String = watch.known_events.iter().map(|event| event.definition() + "\n").collect();
        let of = |detector: &dyn Scorer| Mark {
            model: short([detector.name(), detector.model(), &events]),
            guest: short([detector.digest()]),
        };
        detectors.iter().map(|detector| of(&**detector)).collect()
    }
}

/// 64 bits tell a few detectors apart.
fn short<const N: usize>(parts: [&str; N]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// What a retooling did.
#[derive(Clone, Debug, Default)]
pub struct Retooled {
    /// Series whose states another version of a guest was tried on.
    pub tried: usize,
    /// Series of which a state is to be learnt again.
    pub relearning: usize,
    /// Calls, and what went wrong with them. A state that is only unreadable is not among the failures.
    pub report: Report,
}

impl WatchFold {
    /// Puts other rules and detectors in the place of those so far, between two cycles. Nothing that is known of a
    /// series is lost but the states that mean nothing to the new detectors: those are
    /// [awaiting history](Self::awaiting_history) from now on.
    ///
    /// The name and the query of the watch must be the same: other series are another watch.
    pub fn retool(&mut self, watch: Watch, detectors: Vec<Box<dyn Scorer>>) -> Retooled {
        let before = std::mem::replace(&mut self.watch, watch);
        let marks = Mark::all(&self.watch, &detectors);
        let old = std::mem::replace(&mut self.marks, marks);
        self.detectors = detectors;
        if old != self.marks {
            let old: Vec<Option<Mark>> = old.into_iter().map(Some).collect();
            for entry in self.shards.iter_mut().flat_map(HashMap::values_mut) {
                entry.sort_states(&old, &self.marks);
            }
        }
        if before.group_by != self.watch.group_by || before.identity != self.watch.identity {
            self.regroup();
        }
        self.try_doubtful()
    }

    fn regroup(&mut self) {
        self.groups = Groups::default();
        for (labels, entry) in self.shards.iter_mut().flatten() {
            entry.group = self.groups.of(self.watch.group_of(entry.known_as.as_ref().unwrap_or(labels)));
            entry.group.see(entry.seen);
        }
    }

    /// Finds the states that another version of a guest wrote and this one cannot read.
    pub(crate) fn try_doubtful(&mut self) -> Retooled {
        let detectors = &self.detectors;
        // One that fails at this has no fault to be called for a hundred thousand times: the next cycle will tell.
        let broken: Vec<AtomicBool> = detectors.iter().map(|_| AtomicBool::new(false)).collect();
        let run = |shard: &mut HashMap<Labels, Entry>| {
            let mut part = Retooled::default();
            for entry in shard.values_mut() {
                if std::mem::take(&mut entry.doubtful) {
                    part.tried += 1;
                    entry.try_states(detectors, &broken, &mut part.report);
                }
                part.relearning += usize::from(entry.missing.is_some());
            }
            part
        };
        let parts: Vec<Retooled> = std::thread::scope(|scope| {
            let run = &run;
            let threads: Vec<_> = self.shards.iter_mut().map(|shard| scope.spawn(move || run(shard))).collect();
            threads.into_iter().map(|t| t.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        parts.into_iter().fold(Retooled::default(), |mut whole, part| {
            whole.tried += part.tried;
            whole.relearning += part.relearning;
            whole.report.merge(part.report);
            whole
        })
    }
}

impl Entry {
    /// Puts states that lie in the order of `old` in the order of `marks`. What has none, or none that can be told whose
    /// it is, is to be learnt again.
    pub(crate) fn sort_states(&mut self, old: &[Option<Mark>], marks: &[Mark]) {
        let missing = self.missing.take();
        let mut states = std::mem::take(&mut self.track.states);
        let (mut lost, mut places) = (Vec::new(), Vec::new());
        for (which, mark) in marks.iter().enumerate() {
            let place = old.iter().position(|old| old.is_some_and(|old| old.model == mark.model));
            let place = place.filter(|place| !missing.as_ref().is_some_and(|missing| missing.has(*place)));
            let state = place.and_then(|place| states.get_mut(place)).map(std::mem::take);
            let another = place.and_then(|place| old[place]).is_some_and(|old| old.guest != mark.guest);
            places.push(place);
            match state {
                // Under another version an empty state is one that the version before could not make.
                Some(state) if !(another && state.0.is_empty()) => {
                    self.doubtful |= another;
                    self.track.states.push(state);
                }
                _ => {
                    self.track.states.push(Bytes::default());
                    lost.push(which);
                }
            }
        }
        match &mut self.track.apart {
            // Where nothing goes on, what was counted of events begins anew as well.
            apart if places.iter().all(Option::is_none) => *apart = None,
            apart => apart.iter_mut().for_each(|apart| apart.sort(&places)),
        }
        if let Some(accepted) = self.track.accepted.take() {
            self.track.accepted = Some(Box::new(accepted.sorted(&places)));
        }
        lost.into_iter().for_each(|which| self.lose(which));
    }

    fn try_states(&mut self, detectors: &[Box<dyn Scorer>], broken: &[AtomicBool], report: &mut Report) {
        if self.track.cursor == Timestamp::MIN {
            return;
        }
        for (which, (detector, broken)) in detectors.iter().zip(broken).enumerate() {
            if self.is_missing(which) || broken.load(Relaxed) {
                continue;
            }
            report.counts.calls += 1;
            match ask(&**detector, &self.track.states[which].0, &[], &[]) {
                // The state as it is, not what came back: swapping changes no bits.
                Ok(_) => {}
                Err(error) if error.unreadable_state => self.lose(which),
                Err(error) => {
                    broken.store(true, Relaxed);
                    report.failed(detector.name(), &error);
                }
            }
        }
    }
}
