//! The level of the last few samples against the level before: a small shift that lasts is as telling as a large one.
//!
//! Two exponentially weighted means (S. W. Roberts 1959, "Control Chart Tests Based on Geometric Moving Averages"), one of
//! the last ten samples or so and one of the last few hundred.

use super::Measure;
use crate::order::larger;

/// How quickly the two means follow; the slow one as a plain mean until so many were seen.
const FAST: f64 = 0.2;
const SLOW: f64 = 0.0025;
const YOUNG: f64 = 200.0;

/// How quickly the mean deviation from the slow one follows.
const DEVIATION: f64 = 0.01;

/// A mean of ten samples varies less than one sample.
const STEADIER: f64 = 1.5;

tidegate_guest::state! {
    /// The level of late and the level before.
    #[derive(Clone, Copy, Debug)]
    pub struct Level("level", 2) {
        fast: f64,
        slow: f64,
        deviation: f64,
    }
}

impl Level {
    pub(crate) fn starting_at(value: f64) -> Self {
        Level { fast: value, slow: value, deviation: 0.0 }
    }

    /// The distance is that of the level of late, the next sample included, from the level before.
    pub(crate) fn measure(&self, least_unit: f64) -> Measure {
        let centre = (self.slow - (1.0 - FAST) * self.fast) / FAST;
        Measure::around(centre, larger(self.deviation, least_unit) / (FAST * STEADIER))
    }

    /// The level before.
    pub(crate) fn before(&self) -> f64 {
        self.slow
    }

    /// The level of late.
    pub(crate) fn of_late(&self) -> f64 {
        self.fast
    }

    /// The level of late with one more sample.
    pub(crate) fn with(&self, value: f64) -> f64 {
        self.fast + FAST * (value - self.fast)
    }

    /// The mean distance from the level before.
    pub(crate) fn deviation(&self) -> f64 {
        self.deviation
    }

    /// Takes in the sample that makes it so many; `tamed` is what of it the level of late may follow.
    pub(crate) fn learn(&mut self, value: f64, tamed: f64, seen: f64, weight: f64) {
        self.deviation += larger(DEVIATION * weight, 1.0 / seen) * ((value - self.slow).abs() - self.deviation);
        self.fast = self.with(tamed);
        self.slow += if seen > YOUNG { SLOW } else { 1.0 / seen } * (value - self.slow);
    }
}
