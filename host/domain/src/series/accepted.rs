//! A level that has lasted for so long that it is the new normal, while it is being learnt.
//!
//! What came since it began is folded twice: into the states from before, so that seasons and tails are kept, and into new
//! ones. A detector for which the level is still wrong after that goes on with the new one.

use serde::{Deserialize, Serialize};

use super::{Answer, counts};
use crate::number::Bytes;
use crate::rules::Watch;
use crate::time::Timestamp;

/// What is known of it so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// When it began.
    pub since: Timestamp,
    /// One state per detector, which has seen nothing but the level.
    pub anew: Vec<Bytes>,
    /// By detector: its state from before cannot get used to it.
    refused: Vec<bool>,
}

impl Accepted {
    /// A level of which nothing has been learnt yet.
    #[must_use]
    pub fn new(since: Timestamp, detectors: usize) -> Accepted {
        Accepted { since, anew: vec![Bytes::default(); detectors], refused: vec![false; detectors] }
    }

    /// Notes what a detector says of the newest sample, by its state from before with the level in it.
    pub fn note(&mut self, watch: &Watch, detector: usize, value: f64, answer: Answer) {
        if let Some(refused) = self.refused.get_mut(detector) {
            *refused = match answer {
                Answer::Judged(verdict) => counts(watch, value, &verdict),
                Answer::Abstained => false,
                // Nobody can tell. One that goes on with the level alone is at least not stuck in what was before.
                Answer::Failed => true,
            };
        }
    }

    /// One new state per detector goes the way of the ones from before, when these are put in another order.
    #[must_use]
    pub fn sorted(self, places: &[Option<usize>]) -> Accepted {
        let anew = |place: &Option<usize>| place.and_then(|place| self.anew.get(place).cloned()).unwrap_or_default();
        let refused = |place: &Option<usize>| place.and_then(|place| self.refused.get(place).copied()).unwrap_or(false);
        Accepted {
            since: self.since,
            anew: places.iter().map(anew).collect(),
            refused: places.iter().map(refused).collect(),
        }
    }

    /// True where there is one of everything for so many detectors.
    #[must_use]
    pub fn fits(&self, detectors: usize) -> bool {
        self.anew.len() == detectors && self.refused.len() == detectors
    }

    pub(super) fn settle(self, states: &mut [Bytes]) {
        for ((state, anew), refused) in states.iter_mut().zip(self.anew).zip(self.refused) {
            if refused {
                *state = anew;
            }
        }
    }
}
