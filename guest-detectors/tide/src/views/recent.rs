//! The samples of late: distance from their median, in half interquartile ranges.

use super::Measure;
use crate::window::Window;

/// Quartiles of fewer samples say too little.
const LEAST: usize = 20;

/// How the view measures, once there are enough samples.
pub(crate) fn measure(window: &Window, hair: f64) -> Option<Measure> {
    if window.len() < LEAST {
        return None;
    }
    let centre = window.median();
    Some(Measure { centre, scale: window.noise().max(hair), offset: 0.0 })
}
