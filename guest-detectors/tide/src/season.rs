//! What is usual at this time of the day or of the week, where that really explains something.
//!
//! Two profiles are learnt beside each other, a day of ten-minute slots and a week of hours, and so is how far each would
//! have been off. The better one is used while it is off by clearly less than no profile at all would be; else none is.
//!
//! A slot in progress is gathered apart and counts once it has been left, so that a profile speaks of earlier days alone.

use tidegate_guest::Timestamp;

/// What a profile repeats after, in milliseconds, and its slots.
const DAY: Shape = Shape { period_ms: 86_400_000, slots: 144 };
const WEEK: Shape = Shape { period_ms: 7 * 86_400_000, slots: 168 };

/// A profile has to have seen a slot in so many periods before it says something.
const LEAST_PERIODS: u8 = 2;

/// From there on a new period weighs one in so many, and old ones fade.
const MEMORY: u8 = 8;

/// A profile is used where it is off by at most this share of what no profile is off by, and dropped beyond the second.
const GOOD: f64 = 0.6;
const BAD: f64 = 0.8;

/// How quickly the three errors follow, a sample at a time, once so many samples were compared.
const FOLLOWS: f64 = 0.002;
const LEAST_COMPARED: f64 = 200.0;

/// Monday, 1970-01-05T00:00Z: weeks are counted from there.
const MONDAY_MS: i64 = 4 * 86_400_000;

/// Distances from the base are taken for no larger than this, so that they fit into 32 bits.
const LARGEST: f64 = 1e37;

#[derive(Clone, Copy)]
struct Shape {
    period_ms: i64,
    slots: u16,
}

impl Shape {
    /// The slot of a moment, and its number since the epoch.
    fn place(self, at: Timestamp) -> (u16, i64) {
        let at = at.saturating_sub(MONDAY_MS);
        let within = at.rem_euclid(self.period_ms);
        let slot = within * i64::from(self.slots) / self.period_ms;
        (slot as u16, at.div_euclid(self.period_ms).wrapping_mul(i64::from(self.slots)).wrapping_add(slot))
    }
}

/// Which profile is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Period {
    None,
    Day,
    Week,
}

/// What is usual at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Usual {
    pub(crate) mean: f64,
    /// The smallest and the largest of this slot and the ones beside it: things come a little early or late.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

tidegate_guest::state! {
    /// One profile, as distances from a base.
    #[derive(Clone, Debug)]
    pub struct Profile("profile", 1) {
        /// The slot in progress.
        open_number: i64,
        open_slot: u16,
        open_count: f32,
        open_mean: f32,
        /// In how many periods each slot was seen, and its mean over them.
        periods: Vec<u8>,
        means: Vec<f32>,
    }
}

tidegate_guest::state! {
    /// Both profiles and how well they do.
    #[derive(Clone, Debug)]
    pub struct Season("season", 1) {
        base: f64,
        day: Profile,
        week: Profile,
        /// 0 for none, 1 for the day, 2 for the week.
        used: u8,
        compared: f64,
        error: f64,
        day_error: f64,
        week_error: f64,
    }
}

impl Season {
    pub(crate) fn starting_at(value: f64) -> Self {
        Season {
            base: value,
            day: Profile::empty(DAY),
            week: Profile::empty(WEEK),
            used: 0,
            compared: 0.0,
            error: 0.0,
            day_error: 0.0,
            week_error: 0.0,
        }
    }

    /// Which profile is used.
    pub(crate) fn period(&self) -> Period {
        match self.used {
            1 => Period::Day,
            2 => Period::Week,
            _ => Period::None,
        }
    }

    /// What is usual at a moment by the profile in use.
    pub(crate) fn usual(&self, at: Timestamp) -> Option<Usual> {
        let usual = match self.period() {
            Period::None => None,
            Period::Day => self.day.usual(DAY, at),
            Period::Week => self.week.usual(WEEK, at),
        }?;
        let Usual { mean, low, high } = usual;
        Some(Usual { mean: self.base + mean, low: self.base + low, high: self.base + high })
    }

    /// How far the profile in use is usually off.
    pub(crate) fn error(&self) -> f64 {
        match self.period() {
            Period::None => self.error,
            Period::Day => self.day_error,
            Period::Week => self.week_error,
        }
    }

    /// Takes in a sample; `without` is what was expected of it without any profile.
    pub(crate) fn learn(&mut self, at: Timestamp, value: f64, without: f64, weight: f64) {
        let offset = (value - self.base).clamp(-LARGEST, LARGEST);
        if let (Some(day), Some(week)) =
            (self.day.usual(DAY, at), self.week.usual(WEEK, at).or_else(|| self.day.usual(DAY, at)))
        {
            self.compared += 1.0;
            let follows = (FOLLOWS * weight).max(1.0 / self.compared);
            self.error += follows * ((value - without).abs().min(LARGEST) - self.error);
            self.day_error += follows * ((offset - day.mean).abs() - self.day_error);
            self.week_error += follows * ((offset - week.mean).abs() - self.week_error);
            self.choose();
        }
        self.day.learn(DAY, at, offset);
        self.week.learn(WEEK, at, offset);
    }

    fn choose(&mut self) {
        if self.compared < LEAST_COMPARED {
            return;
        }
        let (best, error) =
            if self.week_error < BAD * self.day_error { (2, self.week_error) } else { (1, self.day_error) };
        if self.used == 0 && error < GOOD * self.error {
            self.used = best;
        } else if self.used != 0 && self.error() > BAD * self.error {
            self.used = if error < GOOD * self.error { best } else { 0 };
        }
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.used <= 2
            && [self.base, self.compared, self.error, self.day_error, self.week_error].iter().all(|n| n.is_finite())
            && self.day.is_sound(DAY)
            && self.week.is_sound(WEEK)
    }
}

impl Profile {
    fn empty(shape: Shape) -> Self {
        let slots = usize::from(shape.slots);
        Profile {
            open_number: 0,
            open_slot: 0,
            open_count: 0.0,
            open_mean: 0.0,
            periods: vec![0; slots],
            means: vec![0.0; slots],
        }
    }

    fn usual(&self, shape: Shape, at: Timestamp) -> Option<Usual> {
        let slots = usize::from(shape.slots);
        let slot = usize::from(shape.place(at).0);
        if self.periods[slot] < LEAST_PERIODS {
            return None;
        }
        let mean = f64::from(self.means[slot]);
        let (mut low, mut high) = (mean, mean);
        for beside in [(slot + slots - 1) % slots, (slot + 1) % slots] {
            if self.periods[beside] >= LEAST_PERIODS {
                low = low.min(f64::from(self.means[beside]));
                high = high.max(f64::from(self.means[beside]));
            }
        }
        Some(Usual { mean, low, high })
    }

    fn learn(&mut self, shape: Shape, at: Timestamp, offset: f64) {
        let (slot, number) = shape.place(at);
        if self.open_count > 0.0 && number != self.open_number {
            self.close();
        }
        (self.open_slot, self.open_number) = (slot, number);
        self.open_count += 1.0;
        self.open_mean += (offset as f32 - self.open_mean) / self.open_count;
    }

    /// Mixes the slot in progress into its place.
    fn close(&mut self) {
        let slot = usize::from(self.open_slot);
        let seen = self.periods[slot];
        self.means[slot] += (self.open_mean - self.means[slot]) / (f32::from(seen) + 1.0);
        self.periods[slot] = (seen + 1).min(MEMORY);
        (self.open_count, self.open_mean) = (0.0, 0.0);
    }

    fn is_sound(&self, shape: Shape) -> bool {
        let slots = usize::from(shape.slots);
        self.open_slot < shape.slots
            && self.open_count >= 0.0
            && self.open_mean.is_finite()
            && self.periods.len() == slots
            && self.means.len() == slots
    }
}
