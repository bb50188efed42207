//! How far the samples are off the level of late against how far they were before: a metric that grows restless without
//! leaving its range.

use super::Measure;
use crate::order::{larger, smaller};

/// How quickly the two mean distances follow. A distance counts for at most so many times the mean, once so many were seen.
const FAST: f64 = 0.1;
const SLOW: f64 = 0.004;
const MOST: f64 = 8.0;
const FREE: f64 = 50.0;

/// Twice the mean distance of before is a distance of so much of this view.
const UNITS: f64 = 2.0;

tidegate_guest::state! {
    /// The mean distance of late and before.
    #[derive(Clone, Copy, Debug)]
    pub struct Spread("spread", 2) {
        fast: f64,
        slow: f64,
    }
}

impl Spread {
    pub(crate) fn starting() -> Self {
        Spread { fast: 0.0, slow: 0.0 }
    }

    /// The mean distance of late, with one more sample so far from the level.
    pub(crate) fn with(&self, distance: f64) -> f64 {
        self.fast + FAST * (distance - self.fast)
    }

    /// The mean distance before.
    pub(crate) fn before(&self) -> f64 {
        self.slow
    }

    /// The distance is how much further the samples are off of late, the next one included; above and below are the same.
    pub(crate) fn measure(&self, level: f64, least_unit: f64) -> Measure {
        let usual = larger(self.slow, least_unit);
        let offset = UNITS * ((1.0 - FAST) * self.fast / usual - 1.0);
        Measure { centre: level, scale: usual / (UNITS * FAST), offset, one_sided: true }
    }

    /// Takes in the sample that makes it so many, so far from the level of late.
    pub(crate) fn learn(&mut self, distance: f64, seen: f64) {
        let distance = if seen > FREE { smaller(distance, MOST * larger(self.slow, 1e-12)) } else { distance };
        self.fast = self.with(distance);
        self.slow += larger(SLOW, 1.0 / seen) * (distance - self.slow);
    }
}
