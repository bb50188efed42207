//! What is usual at this time of the day or of the week, where that really explains something.
//!
//! Two profiles are learnt beside each other, a day of ten-minute slots and a week of hours, and so is how far each would
//! have been off. The better one is used while it is off by clearly less than no profile at all would be; else none is.
//!
//! A slot in progress is gathered apart and counts once it has been left, so that a profile speaks of earlier days alone.

use tidegate_guest::Timestamp;

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

/// How a period is cut into slots that follow each other in the list of slots.
#[derive(Clone, Copy)]
struct Shape {
    slot_ms: i64,
    slots: u16,
    /// Where its slots begin in the list.
    first: u16,
}

const DAY: Shape = Shape { slot_ms: 600_000, slots: 144, first: 0 };
const WEEK: Shape = Shape { slot_ms: 3_600_000, slots: 168, first: DAY.slots };

/// The slots of both.
const SLOTS: usize = (DAY.slots + WEEK.slots) as usize;

/// Where a moment lies in a period.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// In the list of slots, and the ones beside it.
    slot: u16,
    before: u16,
    after: u16,
    /// Slots since the epoch.
    number: i64,
}

impl Shape {
    #[inline]
    fn place(self, at: Timestamp) -> Place {
        let number = at.saturating_sub(MONDAY_MS).div_euclid(self.slot_ms);
        let slots = self.slots;
        let slot = number.rem_euclid(i64::from(slots)) as u16;
        let before = if slot == 0 { slots - 1 } else { slot - 1 };
        let after = if slot + 1 == slots { 0 } else { slot + 1 };
        Place { slot: self.first + slot, before: self.first + before, after: self.first + after, number }
    }
}

/// Where a moment lies in the day and in the week.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    day: Place,
    week: Place,
}

impl Moment {
    pub(crate) fn of(at: Timestamp) -> Self {
        Moment { day: DAY.place(at), week: WEEK.place(at) }
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
    /// The slot in progress of a profile.
    #[derive(Clone, Copy, Debug)]
    pub struct Open("open", 1) {
        number: i64,
        slot: u16,
        count: f32,
        mean: f32,
    }
}

tidegate_guest::state! {
    /// Both profiles, as distances from a base, and how well they do.
    #[derive(Clone, Debug)]
    pub struct Season("season", 1) {
        base: f64,
        day: Open,
        week: Open,
        /// In how many periods each slot was seen, and its mean over them: first of the day, then of the week.
        periods: Vec<u8>,
        means: Vec<f32>,
        /// 0 for none, 1 for the day, 2 for the week.
        used: u8,
        compared: f64,
        error: f64,
        day_error: f64,
        week_error: f64,
    }
}

impl Open {
    const NOTHING: Open = Open { number: 0, slot: 0, count: 0.0, mean: 0.0 };

    fn is_sound(&self) -> bool {
        usize::from(self.slot) < SLOTS && self.count >= 0.0 && self.mean.is_finite()
    }
}

impl Season {
    pub(crate) fn starting_at(value: f64) -> Self {
        Season {
            base: value,
            day: Open::NOTHING,
            week: Open::NOTHING,
            periods: vec![0; SLOTS],
            means: vec![0.0; SLOTS],
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
    pub(crate) fn usual(&self, moment: &Moment) -> Option<Usual> {
        let place = match self.period() {
            Period::None => return None,
            Period::Day => moment.day,
            Period::Week => moment.week,
        };
        let mean = self.mean(place.slot)?;
        let beside = [self.mean(place.before).unwrap_or(mean), self.mean(place.after).unwrap_or(mean)];
        let (low, high) = (mean.min(beside[0]).min(beside[1]), mean.max(beside[0]).max(beside[1]));
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
    pub(crate) fn learn(&mut self, moment: &Moment, value: f64, without: f64, weight: f64) {
        let offset = (value - self.base).clamp(-LARGEST, LARGEST);
        if let Some(day) = self.mean(moment.day.slot) {
            let week = self.mean(moment.week.slot).unwrap_or(day);
            self.compared += 1.0;
            let follows = (FOLLOWS * weight).max(1.0 / self.compared);
            self.error += follows * ((value - without).abs().min(LARGEST) - self.error);
            self.day_error += follows * ((offset - day).abs() - self.day_error);
            self.week_error += follows * ((offset - week).abs() - self.week_error);
            self.choose();
        }
        self.day = self.gathered(self.day, moment.day, offset);
        self.week = self.gathered(self.week, moment.week, offset);
    }

    /// The mean of a slot over the periods that it was seen in, where there were enough.
    fn mean(&self, slot: u16) -> Option<f64> {
        let slot = usize::from(slot);
        (self.periods[slot] >= LEAST_PERIODS).then(|| f64::from(self.means[slot]))
    }

    /// The slot in progress with one more sample; one that was left is mixed into its place.
    fn gathered(&mut self, mut open: Open, place: Place, offset: f64) -> Open {
        if place.number != open.number || place.slot != open.slot {
            if open.count > 0.0 {
                let slot = usize::from(open.slot);
                let seen = self.periods[slot];
                self.means[slot] += (open.mean - self.means[slot]) / (f32::from(seen) + 1.0);
                self.periods[slot] = (seen + 1).min(MEMORY);
            }
            open = Open { number: place.number, slot: place.slot, ..Open::NOTHING };
        }
        open.count += 1.0;
        open.mean += (offset as f32 - open.mean) / open.count;
        open
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
            && self.periods.len() == SLOTS
            && self.means.len() == SLOTS
            && self.day.is_sound()
            && self.week.is_sound()
    }
}
