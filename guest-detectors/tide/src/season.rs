//! What is usual at this time of a period, a day or a week, where that really explains something.
//!
//! A period is cut into slots, each with the mean of what earlier periods held in it. Things come a little early or late, so
//! whatever lies between the means of a slot and the two beside it is usual. Beside it is learnt how far the season is off and
//! how far the plain level: the season is listened to only where it explains a fifth of what the level leaves. A slot in progress is gathered apart and counts once it has
//! been left, so that a season speaks of earlier periods alone.

use tidegate_guest::Timestamp;

use crate::order::{larger, smaller};

/// A veto rests on so many periods: that a rare value lies in the same slot of two by chance hardly happens.
const LEAST_FOR_VETO: u8 = 2;

/// And it takes a value that is at most half as far from what was usual at this time as from what a view expects: beyond an
/// edge as far as the edge is from there, and before it by a third of that.
const NEARER: f64 = 0.5;
const BEYOND: f64 = NEARER / (1.0 - NEARER);
const BEFORE: f64 = NEARER / (1.0 + NEARER);

/// A season speaks where it is off by at most this share of what the level is off by.
const EXPLAINS: f64 = 0.8;

/// So many samples must have been compared before it does.
const LEAST_COMPARED: f64 = 100.0;

/// How quickly the two errors follow. An error counts for at most so many times the mean, once so many were seen.
const ERROR_RATE: f64 = 0.003;
const MOST_ERROR: f64 = 8.0;
const FREE_ERRORS: f64 = 50.0;

/// From there on a new period weighs as much as that, and old ones fade.
const LEAST_WEIGHT: f32 = 0.1;

/// Distances from the base are taken for no larger than this, so that they fit into 32 bits.
const LARGEST: f64 = 1e37;

/// The slot of a period that a moment lies in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Within(u16);

/// A period and how it is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shape {
    period_ms: i64,
    slots: u16,
    /// In so many periods a slot must have been seen.
    least_periods: u8,
}

/// A day in quarters of an hour. Two days that are alike can be chance.
pub(crate) const DAY: Shape = Shape { period_ms: 86_400_000, slots: 96, least_periods: 3 };

/// A week in hours.
pub(crate) const WEEK: Shape = Shape { period_ms: 7 * 86_400_000, slots: 168, least_periods: 2 };

impl Shape {
    /// How many slots.
    pub(crate) const fn slots(self) -> usize {
        self.slots as usize
    }

    /// Where in the period a moment lies.
    pub(crate) fn within(self, at: Timestamp) -> Within {
        Within((at.rem_euclid(self.period_ms) * i64::from(self.slots) / self.period_ms) as u16)
    }
}

/// The values that a view must not object to, because they are usual at that time; from the first to the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Veto {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Veto {
    /// Whether a value is one of them.
    pub(crate) fn holds(&self, value: f64) -> bool {
        self.low < value && value < self.high
    }
}

/// What is usual at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Usual {
    pub(crate) mean: f64,
    /// The smallest and the largest mean of the slot and the two beside it.
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// In how many periods the slot was seen.
    periods: u8,
}

impl Usual {
    /// The values that are at most half as far from this as from what a view expects.
    pub(crate) fn veto(&self, centre: f64) -> Veto {
        let beyond = |edge: f64| edge + (edge - centre) * BEYOND;
        let before = |edge: f64| edge - (edge - centre) * BEFORE;
        Veto {
            low: if self.low < centre { beyond(self.low) } else { before(self.low) },
            high: if self.high > centre { beyond(self.high) } else { before(self.high) },
        }
    }

    /// Whether so many periods were seen that a season may speak.
    pub(crate) fn is_known(&self, shape: Shape) -> bool {
        self.periods >= shape.least_periods
    }
}

/// The slots of a period: the mean of each over the periods that it was seen in, and how many those were.
#[derive(Debug)]
pub(crate) struct Slots<M, P> {
    pub(crate) means: M,
    pub(crate) periods: P,
}

tidegate_guest::state! {
    /// What is known of a period beside its slots.
    #[derive(Clone, Copy, Debug)]
    pub struct Season("season", 4) {
        base: f64,
        /// The slot in progress, and the sum and count of its samples.
        open: u16,
        sum: f64,
        count: u32,
        /// How many samples were compared, and by how much season and level were off.
        compared: f64,
        error: f64,
        plain: f64,
    }
}

impl Season {
    pub(crate) fn starting_at(value: f64) -> Self {
        Season { base: value, open: 0, sum: 0.0, count: 0, compared: 0.0, error: 0.0, plain: 0.0 }
    }

    /// What is usual at a moment; `None` where too few periods were seen.
    pub(crate) fn usual(&self, shape: Shape, slots: &Slots<&[f32], &[u8]>, within: Within) -> Option<Usual> {
        let (slot, count) = (usize::from(within.0), shape.slots());
        // Where samples are rarer than slots, those beside it may never be seen.
        let mean = |slot: usize| (slots.periods[slot] >= LEAST_FOR_VETO).then(|| f64::from(slots.means[slot]));
        let own = mean(slot)?;
        let before = mean(if slot == 0 { count - 1 } else { slot - 1 }).unwrap_or(own);
        let after = mean(if slot + 1 == count { 0 } else { slot + 1 }).unwrap_or(own);
        Some(Usual {
            mean: self.base + own,
            low: self.base + smaller(own, smaller(before, after)),
            high: self.base + larger(own, larger(before, after)),
            periods: slots.periods[slot],
        })
    }

    /// Whether it explains enough to be listened to.
    pub(crate) fn explains(&self) -> bool {
        self.compared > LEAST_COMPARED && self.error < EXPLAINS * self.plain
    }

    /// How far it is off on average.
    pub(crate) fn error(&self) -> f64 {
        self.error
    }

    /// Takes in a sample of which the season and the plain level had expected this.
    pub(crate) fn learn(
        &mut self,
        shape: Shape,
        slots: Slots<&mut [f32], &mut [u8]>,
        within: Within,
        value: f64,
        usual: Option<Usual>,
        level: f64,
    ) {
        if let Some(usual) = usual.filter(|usual| usual.is_known(shape)) {
            self.compared += 1.0;
            let (compared, rate) = (self.compared, larger(ERROR_RATE, 1.0 / self.compared));
            let follow = |mean: &mut f64, error: f64| {
                let free = compared <= FREE_ERRORS || *mean == 0.0;
                let error = if free { smaller(error, LARGEST) } else { smaller(error, MOST_ERROR * *mean) };
                *mean += rate * (error - *mean);
            };
            follow(&mut self.error, (value - usual.mean).abs());
            follow(&mut self.plain, (value - level).abs());
        }
        if within.0 != self.open {
            self.close(slots);
            self.open = within.0;
        }
        self.sum += (value - self.base).clamp(-LARGEST, LARGEST);
        self.count += 1;
    }

    /// Mixes the slot in progress into its place.
    fn close(&mut self, slots: Slots<&mut [f32], &mut [u8]>) {
        if self.count > 0 {
            let slot = usize::from(self.open);
            let seen = slots.periods[slot];
            let weight = (1.0 / (f32::from(seen) + 1.0)).max(LEAST_WEIGHT);
            let mean = (self.sum / f64::from(self.count)) as f32;
            slots.means[slot] += weight * (mean - slots.means[slot]);
            slots.periods[slot] = seen.saturating_add(1);
        }
        (self.sum, self.count) = (0.0, 0);
    }

    pub(crate) fn is_sound(&self, shape: Shape) -> bool {
        self.open < shape.slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;
    const SHAPE: Shape = Shape { period_ms: 24 * HOUR_MS, slots: 24, least_periods: 3 };

    /// A season with its slots.
    struct Whole {
        season: Season,
        slots: Slots<[f32; 24], [u8; 24]>,
    }

    impl Whole {
        fn usual(&self, at: Timestamp) -> Option<Usual> {
            self.season.usual(
                SHAPE,
                &Slots { means: &self.slots.means, periods: &self.slots.periods },
                SHAPE.within(at),
            )
        }
    }

    fn after_days(days: i64, level: f64, value: fn(i64) -> f64) -> Whole {
        let slots = Slots { means: [0.0; 24], periods: [0; 24] };
        let mut whole = Whole { season: Season::starting_at(value(0)), slots };
        for at in (0..days * 24 * 4).map(|quarter| quarter * HOUR_MS / 4) {
            let usual = whole.usual(at);
            let slots = Slots { means: &mut whole.slots.means[..], periods: &mut whole.slots.periods[..] };
            whole.season.learn(SHAPE, slots, SHAPE.within(at), value(at / HOUR_MS), usual, level);
            assert!(whole.season.is_sound(SHAPE));
        }
        whole
    }

    #[test]
    fn a_pattern_is_learnt_and_explains_and_none_explains_nothing() {
        let night_job = |hour: i64| if hour % 24 == 2 { 90.0 } else { 10.0 };
        let whole = after_days(10, 10.0, night_job);
        let half_past = |hour: i64| (240 + hour) * HOUR_MS + HOUR_MS / 2;
        let usual = |hour: i64| whole.usual(half_past(hour)).map(|Usual { mean, low, high, .. }| (mean, low, high));
        assert_eq!(usual(2), Some((90.0, 10.0, 90.0)));
        assert_eq!(usual(1), Some((10.0, 10.0, 90.0)), "it may come early");
        assert_eq!(usual(12), Some((10.0, 10.0, 10.0)));
        assert!(whole.season.explains());
        assert!(!after_days(10, 50.0, |hour| (hour * 7919 % 101) as f64).season.explains());
        assert!(!after_days(10, 10.0, |_| 10.0).season.explains());
    }

    #[test]
    fn what_is_nearer_to_the_time_than_to_the_level_is_no_news() {
        let usual = |low, high| Usual { mean: low, low, high, periods: 2 };
        for (low, high, level, held) in [
            (90.0, 90.0, 10.0, [64.0, 169.0]),
            (10.0, 90.0, 10.0, [10.5, 169.0]),
            (-30.0, 50.0, 10.0, [-69.0, 89.0]),
            (-30.0, -30.0, 10.0, [-69.0, -17.0]),
        ] {
            let veto = usual(low, high).veto(level);
            for value in [-500.0, held[0] - 2.0, held[1] + 2.0, 500.0] {
                assert!(!veto.holds(value), "{value} between {low} and {high} at a level of {level}: {veto:?}");
            }
            assert!(held.into_iter().all(|value| veto.holds(value)), "{held:?} at a level of {level}: {veto:?}");
        }
        assert!(!usual(10.0, 10.0).veto(10.0).holds(10.0), "nothing is said of what is usual anyway");
    }

    #[test]
    fn nothing_is_usual_before_enough_periods_were_seen() {
        assert_eq!(after_days(1, 0.0, |hour| hour as f64).usual(25 * HOUR_MS), None);
        assert!(after_days(2, 0.0, |hour| hour as f64).usual(49 * HOUR_MS).is_some_and(|usual| !usual.is_known(SHAPE)));
        assert!(after_days(4, 0.0, |hour| hour as f64).usual(97 * HOUR_MS).is_some_and(|usual| usual.is_known(SHAPE)));
    }

    #[test]
    fn every_moment_has_its_place() {
        let whole = after_days(4, 0.0, |hour| hour as f64);
        for at in [i64::MIN, -1, 0, 1, HOUR_MS / 2, 24 * HOUR_MS - 1, 24 * HOUR_MS, i64::MAX] {
            assert!(whole.usual(at).is_some(), "at {at}");
        }
    }
}
