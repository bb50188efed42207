//! What a sample can be compared with. Each view says what it expects and in which unit it measures the distance from that;
//! how rare a distance is, it leaves to its [`Tail`](crate::tail::Tail), so that all of them speak of probabilities.

pub(crate) mod change;
pub(crate) mod level;
pub(crate) mod range;
pub(crate) mod recent;
pub(crate) mod season;
pub(crate) mod spread;

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
