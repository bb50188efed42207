//! From what is measured to where it is drawn, along one axis.

use super::{Band, Moment, Point};

/// A stretch of numbers along so many pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    /// In pixels.
    pub(super) length: f64,
}

/// Numbers beyond this are drawn at it: the distance between two of them must still be a number.
const LARGEST: f64 = 1e300;

impl Scale {
    /// The pixel of a number, from the low end. Never further than a length outside of the stretch.
    pub(super) fn of(&self, number: f64) -> f64 {
        let share = (number.clamp(-LARGEST, LARGEST) - self.low) / (self.high - self.low);
        (share * self.length).clamp(-self.length, 2.0 * self.length)
    }

    /// From the first to the last sample, and to what happened before or after.
    pub(super) fn of_times(points: &[Point], moments: &[Moment<'_>], step_ms: u64, length: f64) -> Scale {
        let times = || points.iter().map(|point| point.at).chain(moments.iter().map(|moment| moment.at));
        let (low, high) = (times().min().unwrap_or(0) as f64, times().max().unwrap_or(0) as f64);
        // A single sample stands in the middle of a step.
        let spare = if high > low { 0.0 } else { (step_ms.max(1) as f64) / 2.0 };
        Scale { low: low - spare, high: high + spare, length }
    }

    /// All values, and of what was expected as much as leaves the values at least a third of the height: a band may be
    /// endless.
    pub(super) fn of_values(points: &[Point], length: f64) -> Scale {
        let mut values = Reach::NONE;
        let mut expected = Reach::NONE;
        for point in points {
            values.take(point.value);
            if let Some(Band { expected: middle, lower, upper, .. }) = point.band {
                [middle, lower, upper].into_iter().for_each(|edge| expected.take(edge));
            }
        }
        if values.low > values.high {
            values = expected;
        }
        if values.low > values.high {
            values = Reach { low: 0.0, high: 1.0 };
        }
        let size = values.high - values.low;
        let spare = if size > 0.0 { size } else { (values.high.abs() * 0.1).max(f64::MIN_POSITIVE) };
        let low = expected.low.clamp(values.low - spare, values.low);
        let high = expected.high.clamp(values.high, values.high + spare);
        // A line along the very edge cannot be seen.
        let margin = if high > low { (high - low) * 0.05 } else { spare.max(1e-9) };
        Scale { low: low - margin, high: high + margin, length }
    }
}

#[derive(Clone, Copy)]
struct Reach {
    low: f64,
    high: f64,
}

impl Reach {
    const NONE: Reach = Reach { low: f64::INFINITY, high: f64::NEG_INFINITY };

    fn take(&mut self, number: f64) {
        if number.is_finite() {
            let number = number.clamp(-LARGEST, LARGEST);
            self.low = self.low.min(number);
            self.high = self.high.max(number);
        }
    }
}
