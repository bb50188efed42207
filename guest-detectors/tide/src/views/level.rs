//! The level of the last few samples against the level before: a small shift that lasts is as telling as a large one.
//!
//! Two exponentially weighted means (S. W. Roberts 1959, "Control Chart Tests Based on Geometric Moving Averages"), one of
//! the last ten samples or so and one of the last few hundred.

use super::Measure;

/// How quickly the two means follow.
const FAST: f64 = 0.2;
const SLOW: f64 = 0.005;

/// How quickly the deviation follows.
const DEVIATION: f64 = 0.01;

tidegate_guest::state! {
    /// The level of late and the level before.
    #[derive(Clone, Copy, Debug)]
    pub struct Level("level", 1) {
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
    pub(crate) fn measure(&self, hair: f64) -> Measure {
        let centre = self.fast + (self.slow - self.fast) / FAST;
        Measure { centre, scale: self.deviation.max(hair) / FAST, offset: 0.0 }
    }

    /// The level before.
    pub(crate) fn before(&self) -> f64 {
        self.slow
    }

    /// The level of late, with one more sample.
    pub(crate) fn of_late(&self, value: f64) -> f64 {
        self.fast + FAST * (value - self.fast)
    }

    /// Takes in the sample after `seen` others.
    pub(crate) fn learn(&mut self, value: f64, seen: f64, weight: f64) {
        let first = 1.0 / (seen + 1.0);
        self.deviation += (DEVIATION * weight).max(first) * ((value - self.slow).abs() - self.deviation);
        self.fast = self.of_late(value);
        self.slow += SLOW.max(first) * (value - self.slow);
    }

    pub(crate) fn is_sound(&self) -> bool {
        [self.fast, self.slow, self.deviation].iter().all(|number| number.is_finite())
    }
}
