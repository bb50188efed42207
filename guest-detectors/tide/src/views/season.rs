//! The same time of the day or the week: distance from what was usual then, in mean errors of the profile.

use super::Measure;
use crate::season::{Season, Usual};

/// How the view measures, while a profile is in use. Between the slots beside it everything is usual.
pub(crate) fn measure(season: &Season, usual: Usual, hair: f64) -> Measure {
    let Usual { low, high, .. } = usual;
    let centre = low.midpoint(high);
    let scale = season.error().max(hair);
    Measure { centre, scale, offset: -0.5 * (high - low) / scale }
}
