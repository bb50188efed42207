//! The same time of the day or the week: distance from what was usual then, in mean errors of the season.

use super::Measure;
use crate::order::larger;
use crate::season::Season;

/// A mean deviation of a normal distribution in standard deviations, the other way round.
const PER_MEAN: f64 = 1.25;

/// How the view measures, where the season has something to say and explains something.
pub(crate) fn measure(season: &Season, usual: Option<f64>, least_unit: f64) -> Option<Measure> {
    let usual = usual.filter(|_| season.explains())?;
    Some(Measure::around(usual, larger(PER_MEAN * season.error(), least_unit)))
}
