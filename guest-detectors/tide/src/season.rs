//! What is usual at this time of a period, a day or a week, where that really explains something.
//!
//! A period is cut into slots, each with the mean of what earlier periods held in it; between the middles of two slots the
//! line between them counts. Beside it is learnt how far the season is off and how far the plain level: the season is listened
//! to only where it explains a fifth of what the level leaves. A slot in progress is gathered apart and counts once it has
//! been left, so that a season speaks of earlier periods alone.

use tidegate_guest::{Step, Timestamp};

use crate::order::{larger, smaller};

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

/// Where in a period a moment lies, from 0 to 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Within(f64);

/// A period and how it is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shape {
    period_ms: i64,
    slots: u16,
    /// In so many periods a slot must have been seen.
    least_periods: u8,
}

impl Shape {
    /// How many slots.
    pub(crate) fn slots(self) -> usize {
        usize::from(self.slots)
    }

    /// A day in slots of a quarter of an hour, or of a step where that is longer.
    pub(crate) fn day(step: Step) -> Self {
        Self::of(86_400_000, step, 4, 96, 3)
    }

    /// A week in slots of an hour, or of a step where that is longer.
    pub(crate) fn week(step: Step) -> Self {
        Self::of(7 * 86_400_000, step, 7, 168, 2)
    }

    /// Where in the period a moment lies.
    pub(crate) fn within(self, at: Timestamp) -> Within {
        Within(at.rem_euclid(self.period_ms) as f64 / self.period_ms as f64)
    }

    fn of(period_ms: i64, step: Step, least: u64, most: u64, least_periods: u8) -> Self {
        let slots = (period_ms as u64 / step.millis()).clamp(least, most) as u16;
        Shape { period_ms, slots, least_periods }
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
    pub struct Season("season", 3) {
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
    pub(crate) fn usual(&self, shape: Shape, slots: &Slots<&[f32], &[u8]>, within: Within) -> Option<f64> {
        let count = shape.slots;
        let place = within.0 * f64::from(count) - 0.5;
        let floor = place.floor();
        // From one before the first slot to the last.
        let first = if floor < 0.0 { count - 1 } else { floor as u16 };
        let second = if first + 1 == count { 0 } else { first + 1 };
        let (first, second) = (usize::from(first), usize::from(second));
        if slots.periods[first].min(slots.periods[second]) < shape.least_periods {
            return None;
        }
        let share = place - floor;
        let mean = f64::from(slots.means[first]) * (1.0 - share) + f64::from(slots.means[second]) * share;
        Some(self.base + mean)
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
        usual: Option<f64>,
        level: f64,
    ) {
        if let Some(usual) = usual {
            self.compared += 1.0;
            let (compared, rate) = (self.compared, larger(ERROR_RATE, 1.0 / self.compared));
            let follow = |mean: &mut f64, error: f64| {
                let error = if compared > FREE_ERRORS { smaller(error, MOST_ERROR * *mean) } else { error };
                *mean += rate * (error - *mean);
            };
            follow(&mut self.error, (value - usual).abs());
            follow(&mut self.plain, (value - level).abs());
        }
        let slot = ((within.0 * f64::from(shape.slots)) as u16).min(shape.slots - 1);
        if slot != self.open {
            self.close(slots);
            self.open = slot;
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
        fn usual(&self, at: Timestamp) -> Option<f64> {
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
        assert!((whole.usual(half_past(2)).expect("known") - 90.0).abs() < 1e-3);
        assert!((whole.usual(half_past(12)).expect("known") - 10.0).abs() < 1e-3);
        assert!(whole.season.explains());
        assert!(!after_days(10, 50.0, |hour| (hour * 7919 % 101) as f64).season.explains());
        assert!(!after_days(10, 10.0, |_| 10.0).season.explains());
    }

    #[test]
    fn nothing_is_usual_before_enough_periods_were_seen() {
        assert_eq!(after_days(2, 0.0, |hour| hour as f64).usual(49 * HOUR_MS), None);
        assert!(after_days(4, 0.0, |hour| hour as f64).usual(97 * HOUR_MS).is_some());
    }

    #[test]
    fn every_moment_has_its_place() {
        let whole = after_days(4, 0.0, |hour| hour as f64);
        for at in [i64::MIN, -1, 0, 1, HOUR_MS / 2, 24 * HOUR_MS - 1, 24 * HOUR_MS, i64::MAX] {
            assert!(whole.usual(at).is_some(), "at {at}");
        }
    }
}
