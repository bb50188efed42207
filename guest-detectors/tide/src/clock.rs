//! The real step of a series, found in its timestamps: what is called a minute in the config may come every five.
//!
//! R. S. Boyer, J. S. Moore (1981), "MJRTY, A Fast Majority Vote Algorithm": the gap that most samples agree on stays in
//! office, whatever happens between them.

use tidegate_guest::{Step, Timestamp};

/// So many agreeing gaps keep a step in office against as many others: an outage is no new step.
const MOST_VOTES: u8 = 100;

/// Gaps within a tenth of each other are the same: scrapes are late by a little.
const SAME: f64 = 0.1;

/// Time that goes back by less than this is a sample that came late or twice. Further back, the clock has been set right,
/// and what comes is the present.
const LATE_MS: i64 = 86_400_000;

tidegate_guest::state! {
    /// When samples came.
    #[derive(Clone, Copy, Debug)]
    pub struct Clock("clock", 1) {
        /// The first and the newest sample, in milliseconds since the epoch.
        first_ms: i64,
        last_ms: i64,
        /// The gap in office, and how many votes it is ahead.
        step_ms: f64,
        votes: u8,
    }
}

impl Clock {
    /// Before the first sample, with the step that the series is said to have.
    pub(crate) fn new(step: Step) -> Self {
        Clock { first_ms: i64::MIN, last_ms: i64::MIN, step_ms: step.millis() as f64, votes: 0 }
    }

    /// The distance between two samples, in milliseconds.
    pub(crate) fn step_ms(&self) -> f64 {
        self.step_ms
    }

    /// How long the series has been known, in milliseconds.
    pub(crate) fn known_ms(&self) -> u64 {
        self.last_ms.abs_diff(self.first_ms)
    }

    /// Moves on to the time of the next sample, and says how many milliseconds have passed: infinitely many before the first.
    /// `None` where it came twice or late, and belongs to a past that was judged.
    pub(crate) fn advance(&mut self, at: Timestamp) -> Option<f64> {
        let (before, never) = (self.last_ms, self.first_ms == i64::MIN);
        if !never && at <= before && before.saturating_sub(at) < LATE_MS {
            return None;
        }
        self.last_ms = at;
        if never || at < before {
            self.first_ms = at;
            return Some(f64::INFINITY);
        }
        let gap = at.saturating_sub(before) as f64;
        self.vote(gap);
        Some(gap)
    }

    fn vote(&mut self, gap: f64) {
        if (gap - self.step_ms).abs() <= SAME * self.step_ms {
            self.votes = (self.votes + 1).min(MOST_VOTES);
        } else if self.votes > 0 {
            self.votes -= 1;
        } else {
            self.step_ms = gap;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step_after(gaps: impl IntoIterator<Item = i64>) -> f64 {
        let mut clock = Clock { first_ms: i64::MIN, last_ms: i64::MIN, step_ms: 60_000.0, votes: 0 };
        let mut at = 1_700_000_000_000;
        clock.advance(at);
        for gap in gaps {
            at += gap;
            clock.advance(at);
        }
        clock.step_ms()
    }

    #[test]
    fn the_step_is_what_most_samples_agree_on() {
        assert_eq!(step_after([]), 60_000.0);
        assert_eq!(step_after([60_000; 50]), 60_000.0);
        assert_eq!(step_after([300_000; 50]), 300_000.0);
        assert_eq!(step_after([59_000, 61_000, 60_500].repeat(10)), 60_000.0, "late by a little");
        assert_eq!(step_after([60_000, 60_000, 60_000, 86_400_000].repeat(20)), 60_000.0, "with gaps");
        let changed = [60_000].repeat(1000).into_iter().chain([15_000].repeat(300));
        assert_eq!(step_after(changed), 15_000.0, "scraped more often from now on");
    }

    #[test]
    fn time_that_goes_back_a_little_is_late_and_further_back_is_a_clock_set_right() {
        let mut clock = Clock { first_ms: i64::MIN, last_ms: i64::MIN, step_ms: 60_000.0, votes: 0 };
        assert_eq!(clock.advance(1_700_000_000_000), Some(f64::INFINITY));
        assert_eq!(clock.advance(1_700_000_000_000), None, "twice");
        assert_eq!(clock.advance(1_699_999_990_000), None, "late");
        assert_eq!(clock.advance(1_700_000_060_000), Some(60_000.0));
        assert_eq!(clock.known_ms(), 60_000);
        assert!(clock.advance(1_600_000_000_000).is_some(), "years back");
        assert_eq!(clock.known_ms(), 0);
        for at in [i64::MAX, i64::MIN, 0, i64::MAX, i64::MIN + 1, -1] {
            clock.advance(at);
            assert!(clock.step_ms().is_finite() && clock.step_ms() > 0.0, "after {at}");
        }
    }
}
