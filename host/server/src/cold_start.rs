//! The time in which static bounds judge a series in place of the detectors, in words, and what the log says of it.
//!
//! What is found by a static bound is told with the incident, see [`Evidence::finding`](tidegate_domain::event::Evidence).

use std::time::Duration;

use tidegate_domain::event::Learning;
use tidegate_domain::rules::ColdStart;
use tidegate_domain::time::{Timestamp, format_duration};
use tidegate_pipeline::report::Counts;
use tidegate_workbench::text::short;

/// The static bounds in words, such as `above 2 or below 0.1`; None where there are none.
pub(crate) fn bounds(rules: &ColdStart) -> Option<String> {
    let above = rules.above.map(|bound| format!("above {}", short(bound)));
    let below = rules.below.map(|bound| format!("below {}", short(bound)));
    let bounds: Vec<String> = above.into_iter().chain(below).collect();
    (!bounds.is_empty()).then(|| bounds.join(" or "))
}

/// The series of a watch that are too young for detectors, as of one cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Young {
    /// How many.
    pub(crate) series: u64,
    /// Of the youngest of them, to which the last belongs that the detectors will judge.
    pub(crate) youngest: Learning,
    /// Of the oldest, the first that they will.
    pub(crate) oldest: Learning,
}

impl Young {
    /// What a cycle counted whose newest sample is from `upto`. None where no series is too young.
    pub(crate) fn of(counts: &Counts, history: Duration, upto: Timestamp) -> Option<Young> {
        let (youngest, oldest) = counts.cold_ages?;
        let learning = |age| {
            let since = upto.minus(age);
            Learning { since, until: since.plus(history) }
        };
        Some(Young { series: counts.cold, youngest: learning(youngest), oldest: learning(oldest) })
    }

    /// How far they have come: `31 h of 48 h of history`, or `7 h to 31 h of 48 h of history`.
    pub(crate) fn so_far(&self, upto: Timestamp) -> String {
        let (youngest, oldest) = (self.youngest.so_far(upto), self.oldest.so_far(upto));
        match youngest.split_once(" of ") {
            Some((least, _)) if youngest != oldest => format!("{least} to {oldest}"),
            _ => oldest,
        }
    }

    /// Until when they are judged otherwise: `2026-11-25 08:00 UTC`, or the first and the last of it.
    pub(crate) fn ends(&self) -> String {
        let (first, last) = (self.oldest.ends(), self.youngest.ends());
        if first == last { last } else { format!("{first} at the earliest, {last} at the latest") }
    }
}

/// What has been told in the log about a watch, so that it is not told in each cycle.
#[derive(Debug, Default)]
pub(crate) struct Told(bool);

impl Told {
    /// After a start or a reload all of it is news again.
    pub(crate) fn forget(&mut self) {
        self.0 = false;
    }

    /// Writes what is news after a cycle: that series are too young for the detectors, and that some no longer are.
    pub(crate) fn tell(
        &mut self,
        watch: &str,
        rules: &ColdStart,
        switched: u64,
        young: Option<Young>,
        upto: Timestamp,
    ) {
        if switched > 0 {
            let left = young.map_or(0, |young| young.series);
            let history = format_duration(rules.history);
            tracing::info!(
                watch,
                switched,
                history,
                left,
                "series have their history: the detectors judge them from now on"
            );
            // The next that are too young are others.
            self.0 &= left > 0;
        }
        let Some(young) = young.filter(|_| !self.0) else { return };
        self.0 = true;
        let (series, so_far, until) = (young.series, young.so_far(upto), young.ends());
        match bounds(rules) {
            Some(anomalous) => {
                tracing::warn!(
                    watch,
                    series,
                    anomalous,
                    so_far,
                    until,
                    "static bounds judge series that are too young for the detectors"
                );
            }
            None => tracing::warn!(
                watch,
                series,
                so_far,
                until,
                "nothing judges series that are too young for the detectors; set cold_start.above or cold_start.below"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(hours: u64) -> Duration {
        Duration::from_secs(hours * 3600)
    }

    /// 2026-11-24T15:00:00Z.
    const UPTO: Timestamp = Timestamp(1_795_532_400_000);

    #[test]
    fn young_series_are_told_with_their_ages() {
        let young = |ages| {
            let counts = Counts { cold: 3, cold_ages: ages, ..Counts::default() };
            Young::of(&counts, hours(48), UPTO)
        };
        assert_eq!(young(None), None);
        let two = young(Some((hours(7), hours(31)))).expect("there are some");
        assert_eq!((two.series, two.so_far(UPTO).as_str()), (3, "7 h to 31 h of 48 h of history"));
        assert_eq!(two.ends(), "2026-11-25 08:00 UTC at the earliest, 2026-11-26 08:00 UTC at the latest");
        let one = young(Some((hours(31), hours(31)))).expect("there are some");
        assert_eq!(
            (one.so_far(UPTO).as_str(), one.ends().as_str()),
            ("31 h of 48 h of history", "2026-11-25 08:00 UTC")
        );
    }

    #[test]
    fn bounds_are_told_as_what_is_anomalous() {
        for (above, below, text) in [
            (None, None, None),
            (Some(2.0), None, Some("above 2")),
            (None, Some(0.1), Some("below 0.1")),
            (Some(2.0), Some(-1.5), Some("above 2 or below -1.5")),
        ] {
            let rules = ColdStart { history: hours(1), above, below };
            assert_eq!(bounds(&rules).as_deref(), text);
        }
    }

    #[test]
    fn what_was_told_is_told_again_only_when_others_are_young() {
        let rules = ColdStart { history: hours(48), above: Some(2.0), below: None };
        let mut told = Told::default();
        let mut cycle = |cold, switched| {
            let cold_ages = (cold > 0).then_some((hours(1), hours(2)));
            let young = Young::of(&Counts { cold, cold_ages, ..Counts::default() }, rules.history, UPTO);
            told.tell("w", &rules, switched, young, UPTO);
            told.0
        };
        assert!(!cycle(0, 0), "nothing to tell");
        assert!(cycle(2, 0));
        assert!(cycle(0, 0), "those that gave no samples now are no news when they do");
        assert!(cycle(1, 1), "some of them");
        assert!(!cycle(0, 1), "the last of them");
        assert!(cycle(1, 0));
        told.forget();
        assert!(!told.0);
    }
}
