//! The sample before: distance from it, in mean changes.
//!
//! It says something only where it is the sample before: not after a gap, nor in an incident, which is not learnt.

use super::Measure;
use crate::order::{larger, smaller};

/// As in the other views, mean deviations are turned into standard ones.
const PER_MEAN: f64 = 1.25;

/// How quickly the mean change follows. A change counts for at most so many times the mean, once so many were seen.
const FOLLOWS: f64 = 0.01;
const MOST: f64 = 8.0;
const FREE: f64 = 20.0;

tidegate_guest::state! {
    /// The sample before, and how much samples change.
    #[derive(Clone, Copy, Debug)]
    pub struct Change("change", 2) {
        last: f64,
        mean: f64,
        /// The smallest change ever seen; 0 before any.
        grain: f64,
    }
}

impl Change {
    pub(crate) fn starting_at(value: f64) -> Self {
        Change { last: value, mean: 0.0, grain: 0.0 }
    }

    /// The sample before.
    pub(crate) fn last(&self) -> f64 {
        self.last
    }

    /// The smallest change ever seen.
    pub(crate) fn grain(&self) -> Option<f64> {
        (self.grain > 0.0).then_some(self.grain)
    }

    pub(crate) fn measure(&self, least_unit: f64) -> Measure {
        Measure::around(self.last, larger(PER_MEAN * self.mean, least_unit))
    }

    /// Takes in the sample that makes it so many.
    pub(crate) fn learn(&mut self, value: f64, seen: f64) {
        let change = (value - self.last).abs();
        if change > 0.0 {
            self.grain = self.grain().map_or(change, |grain| smaller(grain, change));
        }
        let counted = if seen > FREE { smaller(change, MOST * larger(self.mean, 1e-12)) } else { change };
        self.mean += larger(FOLLOWS, 1.0 / seen) * (counted - self.mean);
        self.last = value;
    }
}
