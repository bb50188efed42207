//! What the checkout service does at any second. Plain arithmetic: no clock, no network.
//!
//! A second is a Unix second. The state at one of them follows from the second at which the shop opened, from the
//! calendar, and from what was done to the shop since.

use std::f64::consts::TAU;

use crate::noise::{self, Purpose};

/// Length of the shop's day, in seconds. Ten minutes, so that two weeks of days fit between two and three hours.
pub const DAY: i64 = 600;
/// How long the nightly batch job runs, in seconds.
pub const NIGHT: i64 = 30;
/// How long the queue takes to fill up or to drain, in seconds.
pub const RAMP: i64 = 5;
/// How many jobs the batch job, or a poisoned job, adds to the queue.
pub const HEIGHT: f64 = 180.0;

/// How many requests are in flight at a time, and fail when the workers restart.
const WORKERS: u64 = 8;

/// Upper edges of the buckets of the request duration, in seconds; one more bucket has no edge.
pub const BUCKETS: [f64; 6] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// When the shop's nights are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar {
    /// A second at which some night begins. Every other night begins a whole number of days before or after it.
    pub night_at: i64,
}

impl Calendar {
    /// Seconds since the night of the current day began: from 0 up to, not including, [`DAY`].
    pub fn second_of_day(self, second: i64) -> i64 {
        (second - self.night_at).rem_euclid(DAY)
    }

    /// Whether the batch job runs.
    pub fn is_night(self, second: i64) -> bool {
        self.second_of_day(second) < NIGHT
    }

    fn first_second_of_day(self, second: i64) -> i64 {
        second - self.second_of_day(second)
    }
}

/// The checkout service from the second it opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Shop {
    calendar: Calendar,
    now: i64,
    /// How far the queue is filled up by a batch job or a poisoned job: 0 not at all, [`RAMP`] wholly.
    filled: i64,
    poisoned: bool,
    reading: Reading,
}

/// What can be measured of the shop.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// Jobs in the queue now.
    pub queue_length: f64,
    /// Requests answered since the shop opened.
    pub requests_ok: u64,
    /// Requests failed since the shop opened.
    pub requests_failed: u64,
    /// Requests since the shop opened by duration: one count a bucket, not cumulative, the last without an upper edge.
    pub durations: [u64; BUCKETS.len() + 1],
    /// The sum of all durations since the shop opened, in seconds.
    pub duration_sum: f64,
}

impl Shop {
    /// A shop that opens, healthy and idle, at `second`.
    pub fn opened_at(second: i64, calendar: Calendar) -> Self {
        let mut shop = Self {
            calendar,
            now: second,
            filled: if calendar.is_night(second) { RAMP } else { 0 },
            poisoned: false,
            reading: Reading::default(),
        };
        shop.live_through(second);
        shop
    }

    /// Lives through all seconds up to and including `second`; a second in the past changes nothing.
    pub fn advance_to(&mut self, second: i64) {
        while self.now < second {
            self.now += 1;
            let busy = self.poisoned || self.calendar.is_night(self.now);
            self.filled = (self.filled + if busy { 1 } else { -1 }).clamp(0, RAMP);
            self.live_through(self.now);
        }
    }

    /// What can be measured now.
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Puts a job into the queue that no worker can finish: from now on the queue fills up as it does at night.
    pub fn poison(&mut self) {
        self.poisoned = true;
    }

    /// Starts all workers anew. What they were at fails; the queue outlives them, and a poisoned job with it.
    pub fn restart_workers(&mut self) {
        self.reading.requests_failed += WORKERS;
    }

    /// Takes a poisoned job out of the queue. False when there was none.
    pub fn discard_poisoned_job(&mut self) -> bool {
        std::mem::replace(&mut self.poisoned, false)
    }

    /// Nothing when all is well, otherwise what is wrong. The nightly batch job is not wrong.
    pub fn ailment(&self) -> Option<String> {
        if self.poisoned {
            return Some(format!("a poisoned job blocks the workers, {} jobs wait", self.reading.queue_length));
        }
        let draining = self.filled > 0 && !self.calendar.is_night(self.now);
        draining.then(|| format!("the queue drains, {} jobs wait", self.reading.queue_length))
    }

    fn live_through(&mut self, second: i64) {
        let wave = (self.calendar.second_of_day(second) as f64 / DAY as f64 * TAU).sin();
        let load = self.filled as f64 / RAMP as f64;

        let first = self.calendar.first_second_of_day(second);
        let extra = HEIGHT + 4.0 * noise::normal(first, Purpose::BatchSize);
        let jitter = (1.5 + 3.0 * load) * noise::normal(second, Purpose::Queue);
        self.reading.queue_length = (14.0 + 4.0 * wave + load * extra + jitter).round().max(0.0);

        let arrivals = 40.0 + 10.0 * wave + 4.0 * noise::normal(second, Purpose::Arrivals);
        for n in 0..arrivals.max(0.0) as u32 {
            self.answer(noise::uniform(second, Purpose::Request(n)));
        }
    }

    /// One request; `luck` in `[0, 1)` decides how it fares. A request waits for the queue, at 8 ms a job.
    fn answer(&mut self, luck: f64) {
        if luck > 0.998 {
            self.reading.requests_failed += 1;
        } else {
            self.reading.requests_ok += 1;
        }
        let duration = 0.02 + (0.5 + luck) * 0.008 * self.reading.queue_length;
        let bucket = BUCKETS.iter().take_while(|edge| duration > **edge).count();
        self.reading.durations[bucket] += 1;
        self.reading.duration_sum += duration;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALENDAR: Calendar = Calendar { night_at: 1_000_000 };

    fn queue_lengths(shop: &mut Shop, seconds: std::ops::Range<i64>) -> Vec<f64> {
        seconds
            .map(|second| {
                shop.advance_to(second);
                shop.reading().queue_length
            })
            .collect()
    }

    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    #[test]
    fn nights_come_once_a_day_before_and_after_the_named_one() {
        for (second, night) in [
            (1_000_000, true),
            (1_000_000 + NIGHT - 1, true),
            (1_000_000 + NIGHT, false),
            (999_999, false),
            (1_000_000 - 3 * DAY, true),
            (1_000_000 + 5 * DAY - 1, false),
        ] {
            assert_eq!(CALENDAR.is_night(second), night, "{second}");
        }
    }

    #[test]
    fn a_fault_by_day_is_as_high_as_the_batch_job_at_night() {
        let mut shop = Shop::opened_at(999_000, CALENDAR);
        let by_day = queue_lengths(&mut shop, 999_900..1_000_000);
        let at_night = queue_lengths(&mut shop, 1_000_000 + RAMP..1_000_000 + NIGHT);
        shop.advance_to(1_000_100);
        shop.poison();
        let broken = queue_lengths(&mut shop, 1_000_101 + RAMP..1_000_150);

        assert!(by_day.iter().all(|queue| *queue < 40.0));
        assert!(at_night.iter().chain(&broken).all(|queue| *queue > 150.0));
        assert!((mean(&at_night) - mean(&broken)).abs() < 10.0);
    }

    #[test]
    fn restarting_does_not_help_and_discarding_does() {
        let mut shop = Shop::opened_at(1_000_100, CALENDAR);
        assert!(!shop.discard_poisoned_job());
        shop.poison();
        shop.advance_to(1_000_120);
        shop.restart_workers();
        shop.advance_to(1_000_140);
        assert!(shop.reading().queue_length > 150.0);
        assert!(shop.ailment().is_some());

        assert!(shop.discard_poisoned_job());
        shop.advance_to(1_000_140 + RAMP);
        assert!(shop.reading().queue_length < 40.0);
        assert_eq!(shop.ailment(), None);
    }

    #[test]
    fn the_batch_job_is_no_ailment() {
        let mut shop = Shop::opened_at(999_990, CALENDAR);
        for second in 999_990..1_000_000 + NIGHT {
            shop.advance_to(second);
            assert_eq!(shop.ailment(), None, "{second}");
        }
    }

    #[test]
    fn the_same_seconds_give_the_same_shop_however_they_are_walked() {
        let mut at_once = Shop::opened_at(1_000_000, CALENDAR);
        at_once.advance_to(1_001_234);
        let mut in_steps = Shop::opened_at(1_000_000, CALENDAR);
        for second in (1_000_000..=1_001_234).step_by(7).chain([1_001_234, 1_000_500]) {
            in_steps.advance_to(second);
        }
        assert_eq!(at_once, in_steps);
    }

    #[test]
    fn counters_add_up() {
        let mut shop = Shop::opened_at(1_000_000, CALENDAR);
        shop.advance_to(1_000_000 + DAY);
        let reading = shop.reading();
        let requests = reading.requests_ok + reading.requests_failed;
        assert_eq!(requests, reading.durations.iter().sum::<u64>());
        assert!(requests > 20_000 && reading.requests_failed > 0, "{reading:?}");
    }
}
