//! What a watch is where its config leaves everything out that can be left out.
//!
//! In one place, so that whatever judges a detector "as shipped" judges it by what users get.

use std::time::Duration;

use crate::rules::{ColdStart, Direction, Mode, OnAbsent, SeverityScores, Watch};

/// The guest whose score says by itself how rare an episode is: one sample of it is as good as three of another's.
pub const DEFAULT_GUEST: &str = "tide";

/// How many anomalous samples in a row open an incident, where the detectors of a watch are these guests.
///
/// One where all of them are [`DEFAULT_GUEST`], three otherwise: then one is noise.
pub fn consecutive<'a>(guests: impl IntoIterator<Item = &'a str>) -> u32 {
    let mut guests = guests.into_iter().peekable();
    if guests.peek().is_some() && guests.all(|guest| guest == DEFAULT_GUEST) { 1 } else { 3 }
}

/// How long a group with samples this far apart is silent before it is absent: between two samples of a slow series
/// nothing is absent.
#[must_use]
pub fn absent_after(step: Duration) -> Duration {
    Duration::from_secs(5 * 60).max(step * 2)
}

/// A watch with samples this far apart, judged by these detectors, which are configured from these guests.
#[must_use]
pub fn watch<'a>(
    name: String,
    step: Duration,
    detectors: Vec<String>,
    guests: impl IntoIterator<Item = &'a str>,
) -> Watch {
    Watch {
        name,
        mode: Mode::Ask,
        step,
        detectors,
        quorum: 1,
        direction: Direction::Both,
        min_dev: 0.0,
        min_rel_dev: 0.0,
        consecutive: consecutive(guests),
        recover_after: 3,
        recover_below: 0.8,
        cold_start: ColdStart { history: Duration::from_secs(48 * 60 * 60), above: None, below: None },
        absent_after: absent_after(step),
        on_absent: OnAbsent::Show,
        accept_after: Duration::from_secs(24 * 60 * 60),
        known_events: Vec::new(),
        identity: None,
        group_by: None,
        severity: SeverityScores::default(),
        has_policy: false,
        actions: Vec::new(),
        dry_run: false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{absent_after, consecutive};

    #[test]
    fn one_sample_is_enough_only_where_every_detector_counts_episodes() {
        for (guests, expected) in
            [(&["tide"][..], 1), (&["tide", "tide"], 1), (&["tide", "zscore"], 3), (&["zscore"], 3), (&[], 3)]
        {
            assert_eq!(consecutive(guests.iter().copied()), expected, "{guests:?}");
        }
    }

    #[test]
    fn a_slow_series_is_not_absent_between_two_samples() {
        for (step, minutes) in [(1, 5), (60, 5), (300, 10), (3600, 120)] {
            assert_eq!(absent_after(Duration::from_secs(step)), Duration::from_secs(minutes * 60), "{step} s");
        }
    }
}
