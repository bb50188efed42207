//! The smallest and the largest ever seen: how far beyond them, in twentieths of the way between them.

use super::Measure;
use crate::order::{larger, smaller};

/// In so many units the range is cut, so that a distance of this view is about as rare as one of the others.
const UNITS: f64 = 20.0;

tidegate_guest::state! {
    /// The smallest and the largest ever seen.
    #[derive(Clone, Copy, Debug)]
    pub struct Range("range", 1) {
        low: f64,
        high: f64,
    }
}

impl Range {
    pub(crate) fn starting_at(value: f64) -> Self {
        Range { low: value, high: value }
    }

    pub(crate) fn low(&self) -> f64 {
        self.low
    }

    pub(crate) fn high(&self) -> f64 {
        self.high
    }

    /// Everything within the range is at a distance below zero.
    pub(crate) fn measure(&self, least_unit: f64) -> Measure {
        let width = self.high - self.low;
        let scale = larger(width, least_unit) / UNITS;
        Measure { offset: -0.5 * width / scale, ..Measure::around(self.low.midpoint(self.high), scale) }
    }

    pub(crate) fn learn(&mut self, value: f64) {
        self.low = smaller(value, self.low);
        self.high = larger(value, self.high);
    }
}
