//! States that are learnt apart: one set for each known event of a series. The ordinary ones never see what such an event
//! brings, and these see nothing else.

use serde::{Deserialize, Serialize};

use crate::number::Bytes;
use crate::time::Timestamp;

/// So many times an event must have been seen to its end before the detectors judge the next one: what came once may have
/// been chance.
pub const OCCURRENCES: u8 = 2;

/// What was learnt of the known events of one series, by their place among those of the watch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Apart(Vec<Set>);

/// What was learnt of one of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Set {
    /// Its place among the events of the watch.
    event: u16,
    /// One state per detector of the watch.
    pub states: Vec<Bytes>,
    /// The newest sample that was folded in.
    pub newest: Timestamp,
    /// How many occurrences were seen to their end; no more than [`OCCURRENCES`] are counted.
    complete: u8,
    /// The end of the latest occurrence.
    until: Timestamp,
    /// It was seen from its beginning.
    whole: bool,
}

impl Apart {
    /// What is known of an event.
    #[must_use]
    pub fn get(&self, event: usize) -> Option<&Set> {
        self.0.iter().find(|set| usize::from(set.event) == event)
    }

    /// What is known of an event, to be changed; begun where there is nothing.
    pub fn of(&mut self, event: usize, detectors: usize) -> &mut Set {
        let place = self.0.iter().position(|set| usize::from(set.event) == event).unwrap_or_else(|| {
            self.0.push(Set {
                event: u16::try_from(event).unwrap_or(u16::MAX),
                states: vec![Bytes::default(); detectors],
                newest: Timestamp::MIN,
                complete: 0,
                until: Timestamp::MIN,
                whole: false,
            });
            self.0.len() - 1
        });
        &mut self.0[place]
    }

    /// The series has a new level for good: nobody knows what events are like at that. They are counted anew, and learnt on
    /// top of what is there.
    pub fn doubt(&mut self) {
        for set in &mut self.0 {
            (set.complete, set.whole) = (0, false);
        }
    }

    /// All sets.
    pub fn sets(&mut self) -> impl Iterator<Item = &mut Set> {
        self.0.iter_mut()
    }

    /// Puts the states of every set in another order: each is the one that was at this place, or empty.
    pub fn sort(&mut self, places: &[Option<usize>]) {
        for set in &mut self.0 {
            let state =
                |place: &Option<usize>| place.and_then(|place| set.states.get(place).cloned()).unwrap_or_default();
            set.states = places.iter().map(state).collect();
        }
    }

    /// True where each set has as many states as there are detectors.
    #[must_use]
    pub fn fits(&self, detectors: usize) -> bool {
        self.0.iter().all(|set| set.states.len() == detectors)
    }
}

impl Set {
    /// Takes note of an occurrence by its end, at each sample of it. `whole` where the series was there before it began.
    pub fn enter(&mut self, until: Timestamp, whole: bool) {
        // History that is learnt again has been counted.
        if until > self.until {
            self.complete = (self.complete + u8::from(self.whole)).min(OCCURRENCES);
            (self.until, self.whole) = (until, whole);
        }
    }

    /// True once the detectors may judge.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.complete >= OCCURRENCES
    }

    /// Takes over the states of a lost table that judged a sample, from the evidence of an incident.
    pub fn recall(&mut self, states: Vec<Bytes>, newest: Timestamp, known: bool) {
        (self.states, self.newest) = (states, newest);
        self.complete = if known { OCCURRENCES } else { 0 };
    }
}
