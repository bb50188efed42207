//! The samples of a window: distance from their median, in deviations that their quartiles stand for.

use super::Measure;
use crate::order::larger;
use crate::window::{Ring, Window};

/// Quartiles of fewer samples say too little.
const LEAST: usize = 20;

/// How the view measures, once there are enough samples. Of a metric that mostly stands still the quartiles are equal: then
/// its mean deviation has a word.
pub(crate) fn measure(
    window: &Window,
    ring: &Ring<&[f32], &[u16]>,
    deviation: f64,
    least_unit: f64,
) -> Option<Measure> {
    if window.len() < LEAST {
        return None;
    }
    Some(Measure::around(window.median(ring), larger(larger(window.deviation(ring), least_unit), 0.1 * deviation)))
}
