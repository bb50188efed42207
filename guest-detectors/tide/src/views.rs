//! What a sample can be compared with. Each view says what it expects and in which unit it measures the distance from that;
//! how rare a distance is, it leaves to its [`Tail`](crate::tail::Tail)s, so that all of them speak of probabilities.

pub(crate) mod change;
pub(crate) mod level;
pub(crate) mod past;
pub(crate) mod range;
pub(crate) mod spread;
pub(crate) mod time;

use crate::order::larger;

/// How many views there are.
pub(crate) const COUNT: usize = 8;

/// A view, in the order of the tails in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// The samples of late.
    Recent,
    /// The samples of weeks.
    Long,
    /// The same time of the day.
    Day,
    /// The same time of the week.
    Week,
    /// The few samples before.
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
        [View::Recent, View::Long, View::Day, View::Week, View::Change, View::Level, View::Range, View::Spread];

    /// The one of that place in the order.
    pub(crate) fn nth(place: u8) -> Option<Self> {
        Self::ALL.get(usize::from(place)).copied()
    }

    /// Whether it knows what time it is.
    pub(crate) fn knows_the_time(self) -> bool {
        matches!(self, View::Day | View::Week)
    }

    /// Whether its centre is what a sample should have been, and not merely where the distance begins.
    pub(crate) fn expects(self) -> bool {
        matches!(self, View::Recent | View::Long | View::Day | View::Week | View::Change)
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
    /// Whether below and above the centre are the same to it, and one tail is enough.
    pub(crate) one_sided: bool,
}

impl Measure {
    /// Of a distance that is zero at the centre.
    pub(crate) fn around(centre: f64, scale: f64) -> Self {
        Measure { centre, scale, offset: 0.0, one_sided: false }
    }

    /// The distance of a value. Below zero is as ordinary as zero.
    pub(crate) fn distance(&self, value: f64) -> f64 {
        self.offset + (value - self.centre).abs() / self.scale
    }

    /// Which of the two tails a value belongs to: 0 for above, 1 for below.
    pub(crate) fn side(&self, value: f64) -> usize {
        usize::from(!self.one_sided && value < self.centre)
    }

    /// How far from the centre a distance is reached; below zero where the centre is beyond it already.
    pub(crate) fn reach(&self, distance: f64) -> f64 {
        (distance - self.offset) * self.scale
    }
}

/// In a flat metric, changes smaller than this share of the level are a hair.
const HAIR: f64 = 0.01;

/// Changes smaller than this share of any level are what rounding leaves, and numbers smaller than that what it leaves of
/// zero.
const ROUNDING: f64 = 32.0 * f64::EPSILON;
const ZERO: f64 = 1e-12;

/// The least unit of distance around a level, of a metric that has never changed by less than `grain`. A flat metric says
/// nothing of how exactly it is measured, so there it is a hair of the level; of counts and the like it is half of the
/// smallest step that they take.
pub(crate) fn least_unit(level: f64, flat: bool, grain: Option<f64>) -> f64 {
    let share = if flat { HAIR } else { ROUNDING };
    larger(larger(share * level.abs(), 0.5 * grain.unwrap_or(0.0)), ZERO)
}
