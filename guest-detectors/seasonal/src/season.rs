//! One period cut into slots, each with the mean and deviation of what earlier periods held there.
//!
//! The samples of the slot in progress are gathered apart and become part of it only when it is left. So a slot judges by
//! earlier periods alone, however many samples it holds and however they are handed over. From the slots beside it come
//! the deviation, where few periods were seen, and a tolerance in time; those just passed know today as well.
//!
//! Slots forget: the newest period weighs one in n + 1 while few were seen, and never less than one in [`MEMORY`] + 1, so
//! that a pattern which changes for good is learnt within weeks (exponential smoothing, R. G. Brown 1956).

use tidegate_guest::{Duration, Timestamp};

/// Slots are at most this many, five minutes of a day: at 13 bytes each the state stays below 4 KB.
pub(crate) const MAX_SLOTS: u64 = 288;

/// How many periods a slot counts. From there on, what a period left behind fades to half after ten more.
pub(crate) const MEMORY: u8 = 14;

/// Neighbours are pooled until a deviation rests on about this many observations: with thirty, three standard deviations
/// are three; with seven, chance alone crosses them nine times as often.
const ENOUGH: u32 = 30;

/// From so many slots on, one slot is a short time against the period, and the pattern may come one early or late: a batch
/// job that starts a minute later than ever, a scrape out of phase. With fewer, a slot is long enough to hold that.
const SLOTS_WITH_SLACK: usize = 100;

/// Values are taken for no larger than this, so that their deviation fits into 32 bits.
const LARGEST: f64 = 1e37;

/// Where in which period a moment lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The slot of the period, from 0.
    pub(crate) slot: usize,
    /// Slots since the epoch.
    number: i64,
}

/// Periods and slots on the axis of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    period_ms: i64,
    slots: u16,
}

impl Clock {
    /// For a period that holds so many samples.
    pub(crate) fn new(period: Duration, samples: u64) -> Self {
        Clock { period_ms: i64::try_from(period.millis()).unwrap_or(i64::MAX), slots: samples.min(MAX_SLOTS) as u16 }
    }

    /// The place of a moment, before the epoch as well.
    pub(crate) fn place(self, at: Timestamp) -> Place {
        let slots = i64::from(self.slots);
        let (period, within) = (at.div_euclid(self.period_ms), at.rem_euclid(self.period_ms));
        // A period is at most a year of milliseconds, which times the slots stays far below the largest number.
        let slot = within * slots / self.period_ms;
        Place { slot: slot as usize, number: period.saturating_mul(slots).saturating_add(slot) }
    }
}

/// What earlier periods say about a slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Slot {
    /// How many periods it was seen in, up to [`MEMORY`].
    pub(crate) periods: u8,
    /// The mean over them.
    pub(crate) mean: f64,
    /// The smallest and the largest mean of this slot and the ones beside it.
    pub(crate) means_nearby: (f64, f64),
    /// The standard deviation around it.
    pub(crate) deviation: f64,
}

tidegate_guest::state! {
    /// What was learnt of a period.
    #[derive(Debug)]
    pub struct Season("seasonal", 1) {
        period_ms: i64,
        /// The slot in progress: its number since the epoch, and count, mean and squared distances of its samples.
        open_number: i64,
        open_slot: u16,
        open_count: f64,
        open_mean: f64,
        open_squares: f64,
        /// In how many earlier periods each slot was seen.
        periods: Vec<u8>,
        /// The mean of each slot over them.
        means: Vec<f64>,
        /// The standard deviation of each slot over them, without Bessel's correction.
        deviations: Vec<f32>,
    }
}

impl Season {
    pub(crate) fn empty(clock: Clock) -> Self {
        let slots = usize::from(clock.slots);
        Season {
            period_ms: clock.period_ms,
            open_number: 0,
            open_slot: 0,
            open_count: 0.0,
            open_mean: 0.0,
            open_squares: 0.0,
            periods: vec![0; slots],
            means: vec![0.0; slots],
            deviations: vec![0.0; slots],
        }
    }

    /// Whether this season was learnt by that clock.
    pub(crate) fn fits(&self, clock: Clock) -> Result<(), String> {
        let slots = usize::from(clock.slots);
        if (self.period_ms, self.means.len()) != (clock.period_ms, slots) {
            return Err(format!(
                "state: of a period of {} ms in {} slots, the settings ask for {} ms in {slots}",
                self.period_ms,
                self.means.len(),
                clock.period_ms
            ));
        }
        let sound =
            self.periods.len() == slots && self.deviations.len() == slots && usize::from(self.open_slot) < slots;
        if sound { Ok(()) } else { Err("state: its parts contradict each other".to_owned()) }
    }

    /// Leaves the slot in progress where the time has moved on, and makes it part of what earlier periods say.
    pub(crate) fn enter(&mut self, place: Place) {
        if self.open_count > 0.0 && !self.is_late(place) && place.number != self.open_number {
            self.close();
        }
        if self.open_count == 0.0 {
            self.open_number = place.number;
            self.open_slot = place.slot as u16;
        }
    }

    /// Adds a value to the slot in progress. A late one is dropped: its slot is closed for this period.
    pub(crate) fn learn(&mut self, place: Place, value: f64) {
        if self.is_late(place) {
            return;
        }
        self.open_count += 1.0;
        // B. P. Welford (1962), "Note on a Method for Calculating Corrected Sums of Squares and Products".
        let distance = value.clamp(-LARGEST, LARGEST) - self.open_mean;
        self.open_mean += distance / self.open_count;
        self.open_squares += distance * distance * (1.0 - 1.0 / self.open_count);
    }

    /// What earlier periods say about a slot; `None` before two of them.
    pub(crate) fn at(&self, slot: usize) -> Option<Slot> {
        let periods = self.periods[slot];
        if periods < 2 {
            return None;
        }
        let own = self.pooled(slot, 0);
        // Chance makes some deviations too small; a slot that really is noisier than its neighbours keeps its own.
        let deviation = own.max(self.pooled(slot, self.radius(periods)));
        Some(Slot { periods, mean: self.means[slot], means_nearby: self.means_nearby(slot), deviation })
    }

    /// Behind the slot in progress, but not by more than a period. Time that jumps back further has been set right, and
    /// what comes is the present.
    fn is_late(&self, place: Place) -> bool {
        let behind = self.open_number.saturating_sub(place.number);
        self.open_count > 0.0 && behind > 0 && behind <= self.means.len() as i64
    }

    fn means_nearby(&self, slot: usize) -> (f64, f64) {
        let slots = self.means.len();
        let slack = usize::from(slots >= SLOTS_WITH_SLACK);
        [slot, (slot + slots - slack) % slots, (slot + slack) % slots]
            .into_iter()
            .filter(|i| self.periods[*i] >= 2)
            .map(|i| self.means[i])
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), mean| (low.min(mean), high.max(mean)))
    }

    /// How many neighbours on each side have to help out; never so many that night helps noon.
    fn radius(&self, periods: u8) -> usize {
        let slots_wanted = ENOUGH.div_ceil(u32::from(periods));
        (slots_wanted as usize / 2).min(self.means.len() / 8)
    }

    /// The pooled standard deviation of a slot and its neighbours, each around its own mean.
    fn pooled(&self, slot: usize, radius: usize) -> f64 {
        let slots = self.means.len();
        let (mut squares, mut freedom) = (0.0, 0.0);
        for i in (slots + slot - radius)..=(slots + slot + radius) {
            let i = i % slots;
            let periods = f64::from(self.periods[i]);
            if periods >= 2.0 {
                let deviation = f64::from(self.deviations[i]);
                squares += periods * deviation * deviation;
                freedom += periods - 1.0;
            }
        }
        (squares / freedom).sqrt()
    }

    /// Mixes the slot in progress into its place.
    fn close(&mut self) {
        let slot = usize::from(self.open_slot);
        let seen = self.periods[slot];
        let weight = 1.0 / (f64::from(seen) + 1.0);
        let distance = self.open_mean - self.means[slot];
        let variance = f64::from(self.deviations[slot]).powi(2);
        // Mean and variance of a mixture of both.
        self.means[slot] += weight * distance;
        let within = self.open_squares / self.open_count;
        let mixed = (1.0 - weight) * (variance + weight * distance * distance) + weight * within;
        self.deviations[slot] = mixed.sqrt() as f32;
        self.periods[slot] = (seen + 1).min(MEMORY);

        (self.open_count, self.open_mean, self.open_squares) = (0.0, 0.0, 0.0);
    }
}
