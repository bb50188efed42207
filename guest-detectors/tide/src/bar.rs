//! A closed loop around the budget: who has spoken much of late must have more to say.
//!
//! Tails are drawn on the careful side, so that the bar lies below what the budget alone would ask for; each episode raises
//! it by a seventh of that, and in the time in which the budget allows one false alarm that fades to about a third.

use tidegate_guest::Timestamp;

/// The bar of a series that has not spoken of late, and what each episode adds.
const LOWEST: f64 = 0.7;
const RAISE: f64 = 0.1;

/// After so long without an anomalous sample, the next one is another episode.
const EPISODE_MS: f64 = 3_600_000.0;

tidegate_guest::state! {
    /// Episodes of late.
    #[derive(Clone, Copy, Debug)]
    pub struct Bar("bar", 1) {
        /// How many, faded up to `at_ms`, when the newest began.
        episodes: f64,
        at_ms: i64,
        /// The newest anomalous sample.
        last_ms: i64,
    }
}

impl Bar {
    pub(crate) fn lowest() -> Self {
        Bar { episodes: 0.0, at_ms: i64::MIN, last_ms: i64::MIN }
    }

    /// How many times as rare as the budget says, in logarithms, a sample must be; `span_ms` is the time in which the budget
    /// allows one false alarm.
    pub(crate) fn height(&self, at: Timestamp, span_ms: f64) -> f64 {
        LOWEST + RAISE * self.faded(at, span_ms)
    }

    /// Takes in an anomalous sample.
    pub(crate) fn raise(&mut self, at: Timestamp, span_ms: f64) {
        if elapsed(self.last_ms, at) > EPISODE_MS {
            self.episodes = self.faded(at, span_ms) + 1.0;
            self.at_ms = at;
        }
        self.last_ms = at;
    }

    fn faded(&self, at: Timestamp, span_ms: f64) -> f64 {
        if self.episodes == 0.0 { 0.0 } else { self.episodes * (-elapsed(self.at_ms, at).max(0.0) / span_ms).exp() }
    }
}

fn elapsed(from: Timestamp, to: Timestamp) -> f64 {
    to as f64 - from as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const WEEK: i64 = 7 * 24 * HOUR;

    #[test]
    fn each_episode_raises_the_bar_and_time_lowers_it() {
        let mut bar = Bar::lowest();
        let height = |bar: &Bar, at: i64| (bar.height(at, WEEK as f64) * 1000.0).round() / 1000.0;
        assert_eq!(height(&bar, 0), 0.7);
        bar.raise(0, WEEK as f64);
        assert_eq!(height(&bar, 0), 0.8);
        // The same episode, however long it lasts.
        (1..30).for_each(|half| bar.raise(half * HOUR / 2, WEEK as f64));
        assert_eq!(height(&bar, 0), 0.8);
        bar.raise(17 * HOUR, WEEK as f64);
        assert!(height(&bar, 17 * HOUR) > 0.88);
        assert!(height(&bar, 20 * WEEK) < 0.701);
    }

    #[test]
    fn any_time_will_do() {
        let mut bar = Bar::lowest();
        for at in [0, i64::MAX, i64::MIN, -1, i64::MAX] {
            bar.raise(at, 1.0);
            assert!(bar.height(at, 1.0).is_finite());
            assert!(bar.height(i64::MIN, 1.0).is_finite() && bar.height(i64::MAX, 1.0).is_finite());
        }
    }
}
