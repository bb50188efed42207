//! How much the samples vary of late against how much they did before: a metric that grows restless without leaving its
//! range.

use super::Measure;

/// How quickly the two mean deviations follow.
const FAST: f64 = 0.1;
const SLOW: f64 = 0.005;

tidegate_guest::state! {
    /// The mean deviation of late and before.
    #[derive(Clone, Copy, Debug)]
    pub struct Spread("spread", 1) {
        fast: f64,
        slow: f64,
    }
}

impl Spread {
    pub(crate) fn starting() -> Self {
        Spread { fast: 0.0, slow: 0.0 }
    }

    /// The deviation of late, with one more sample at `distance` from the middle.
    pub(crate) fn of_late(&self, distance: f64) -> f64 {
        self.fast + FAST * (distance - self.fast)
    }

    /// The deviation before.
    pub(crate) fn before(&self) -> f64 {
        self.slow
    }

    /// The distance is the deviation of late, the next sample included, in deviations before; up to one is ordinary.
    pub(crate) fn measure(&self, middle: f64, hair: f64) -> Measure {
        let usual = self.slow.max(hair);
        Measure { centre: middle, scale: usual / FAST, offset: (1.0 - FAST) * self.fast / usual - 1.0 }
    }

    /// Takes in the sample after `seen` others, at `distance` from the middle.
    pub(crate) fn learn(&mut self, distance: f64, seen: f64, weight: f64) {
        let first = 1.0 / (seen + 1.0);
        self.fast += FAST.max(first) * (distance - self.fast);
        self.slow += (SLOW * weight).max(first) * (distance - self.slow);
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.fast.is_finite() && self.slow.is_finite()
    }
}
