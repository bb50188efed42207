//! The few samples before: distance from the median of nine, in mean distances from it. A first difference that one odd
//! sample does not lead astray, and that does not take the end of a spike for another one.
//!
//! It goes on for a while where nothing is learnt: in an incident that it has found, what has jumped does not become healthy
//! by the second sample. After that they are not the samples before any more, and it says nothing.

use super::Measure;
use crate::order::{larger, smaller};

/// So many samples are a few.
pub(crate) const FEW: usize = 9;

/// As in the other views, mean deviations are turned into standard ones.
const PER_MEAN: f64 = 1.25;

/// How quickly the mean distance follows. A distance counts for at most so many times the mean, once so many were seen.
const FOLLOWS: f64 = 0.01;
const MOST: f64 = 8.0;
const FREE: f64 = 30.0;

/// Before so many samples the median is none of what the metric is like.
const LEAST: u64 = 50;

/// The few are those before for so many steps: half an hour by the minute. A season or the long window has to say so from
/// then on, or a change that comes every morning would be trouble until the evening.
const BEFORE: f64 = 30.5;

tidegate_guest::state! {
    /// The few samples before, and how far the next one is from them.
    #[derive(Clone, Copy, Debug)]
    pub struct Change("change", 3) {
        /// Their median.
        before: f64,
        mean: f64,
        last: f64,
        /// The smallest change from one sample to the next ever seen; 0 before any.
        grain: f64,
    }
}

impl Change {
    pub(crate) fn starting_at(value: f64) -> Self {
        Change { before: value, mean: 0.0, last: value, grain: 0.0 }
    }

    /// The median of the few samples before.
    pub(crate) fn before(&self) -> f64 {
        self.before
    }

    /// The smallest change ever seen.
    pub(crate) fn grain(&self) -> Option<f64> {
        (self.grain > 0.0).then_some(self.grain)
    }

    /// How the view measures, after `seen` samples of this mean deviation from the level, the newest so many steps ago.
    pub(crate) fn measure(&self, deviation: f64, least_unit: f64, seen: u64, steps: f64) -> Option<Measure> {
        let scale = larger(larger(PER_MEAN * self.mean, least_unit), 0.1 * deviation);
        (seen > LEAST && steps < BEFORE).then(|| Measure::around(self.before, scale))
    }

    /// Takes in the sample that makes it so many; `few` is the median of the newest, this one included.
    pub(crate) fn learn(&mut self, value: f64, seen: u64, few: f64) {
        let change = (value - self.last).abs();
        if change > 0.0 {
            self.grain = self.grain().map_or(change, |grain| smaller(grain, change));
        }
        if seen > LEAST {
            let measured = (seen - LEAST) as f64;
            let distance = (value - self.before).abs();
            let free = measured <= FREE || self.mean == 0.0;
            let counted = if free { distance } else { smaller(distance, MOST * self.mean) };
            self.mean += larger(FOLLOWS, 1.0 / measured) * (counted - self.mean);
        }
        (self.last, self.before) = (value, few);
    }
}
