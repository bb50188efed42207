//! The same time of the day or the week: distance from what was usual then, in mean errors of the season.

use super::Measure;
use crate::order::larger;
use crate::season::{Season, Shape, Usual};

/// A mean deviation of a normal distribution in standard deviations, the other way round.
const PER_MEAN: f64 = 1.25;

/// How the view measures, where the season has something to say and explains something. Between the slots beside it
/// everything is usual, so that the edges of a job each night do not make larger distances look common.
pub(crate) fn measure(season: &Season, shape: Shape, usual: Option<Usual>, least_unit: f64) -> Option<Measure> {
    let Usual { low, high, .. } = usual.filter(|usual| usual.is_known(shape) && season.explains())?;
    let scale = larger(PER_MEAN * season.error(), least_unit);
    Some(Measure { offset: -0.5 * (high - low) / scale, ..Measure::around(low.midpoint(high), scale) })
}
