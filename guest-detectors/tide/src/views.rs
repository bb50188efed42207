//! What a sample can be compared with. Each view says what it expects and in which unit it measures the distance from that;
//! how rare a distance is, it leaves to its [`Tail`](crate::tail::Tail), so that all of them speak of probabilities.

pub(crate) mod change;
pub(crate) mod level;
pub(crate) mod range;
pub(crate) mod recent;
pub(crate) mod season;
pub(crate) mod spread;

use crate::window::Window;

/// How many views there are.
pub(crate) const COUNT: usize = 6;

/// A view, in the order of the tails in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// The samples of late.
    Recent,
    /// The same time of the day or the week.
    Season,
    /// The sample before.
    Change,
    /// The level of the last few samples against the level before.
    Level,
    /// The smallest and the largest ever seen.
    Range,
    /// How much the samples vary of late against how much they did before.
    Spread,
}

impl View {
    /// All of them, in their order.
    pub(crate) const ALL: [View; COUNT] =
        [View::Recent, View::Season, View::Change, View::Level, View::Range, View::Spread];

    /// The one of that place in the order.
    pub(crate) fn nth(place: u8) -> Option<Self> {
        Self::ALL.get(usize::from(place)).copied()
    }
}

/// How a view measures: the distance grows with how far a value lies from the centre, the same on both sides. Because it is
/// linear, a distance that is too rare is the edge of a band.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measure {
    /// What the view expects.
    pub(crate) centre: f64,
    /// The unit of distance, above zero.
    pub(crate) scale: f64,
    /// The distance at the centre: below zero where a view tolerates something, above where it is worried already.
    pub(crate) offset: f64,
}

impl Measure {
    /// The distance of a value. Below zero is as ordinary as zero.
    pub(crate) fn distance(&self, value: f64) -> f64 {
        self.offset + (value - self.centre).abs() / self.scale
    }

    /// How far from the centre a distance is reached; below zero where the centre is beyond it already.
    pub(crate) fn reach(&self, distance: f64) -> f64 {
        (distance - self.offset) * self.scale
    }
}

/// In a metric that is flat, changes smaller than this share of its level are a hair.
const HAIR: f64 = 1e-3;

/// Numbers smaller than this are what rounding leaves of zero.
const ZERO: f64 = 1e-9;

/// How much of a level is lost in the rounding of a few sums.
const ROUNDING: f64 = 32.0 * f64::EPSILON;

/// The least unit of distance. A metric of which half the samples are equal says nothing of how exactly it is measured; of
/// another one its own noise says it, however small against the level.
pub(crate) fn hair(window: &Window, level: f64) -> f64 {
    let rounding = (ROUNDING * level.abs()).max(f64::MIN_POSITIVE);
    let noise = if window.len() > 0 { window.quantile(0.75) / 2.0 - window.quantile(0.25) / 2.0 } else { 0.0 };
    if noise > rounding { rounding.max(HAIR * noise) } else { (HAIR * level.abs()).max(ZERO) }
}
