//! The sample before: distance from it, in mean changes.

use super::Measure;

/// How quickly the mean change follows.
const FOLLOWS: f64 = 0.01;

tidegate_guest::state! {
    /// The sample before, and how much samples change.
    #[derive(Clone, Copy, Debug)]
    pub struct Change("change", 1) {
        last: f64,
        mean: f64,
    }
}

impl Change {
    pub(crate) fn starting_at(value: f64) -> Self {
        Change { last: value, mean: 0.0 }
    }

    /// The sample before.
    pub(crate) fn last(&self) -> f64 {
        self.last
    }

    pub(crate) fn measure(&self, hair: f64) -> Measure {
        Measure { centre: self.last, scale: self.mean.max(hair), offset: 0.0 }
    }

    /// Takes in the sample after `seen` others.
    pub(crate) fn learn(&mut self, value: f64, seen: f64, weight: f64) {
        let follows = (FOLLOWS * weight).max(1.0 / (seen + 1.0));
        self.mean += follows * ((value - self.last).abs() - self.mean);
        self.last = value;
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.last.is_finite() && self.mean.is_finite()
    }
}
