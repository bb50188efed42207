//! When which alert of an open incident was last listed by Alertmanager, and since when it is not: what it means that an
//! alert is not there. No clock and no IO.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;

/// An Alertmanager that has just been started lists nothing until Prometheus has sent everything again, once a minute.
const GONE_AFTER: Duration = Duration::from_secs(120);

/// What earlier looks saw, by fingerprint.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    alerts: BTreeMap<String, Sighting>,
}

#[derive(Debug, Default)]
struct Sighting {
    listed_at: Option<Timestamp>,
    missed_since: Option<Timestamp>,
}

/// What one look says beside the alerts that it lists.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances {
    /// When was asked.
    pub(super) asked_at: Timestamp,
    /// Whoever answered must have been sent everything.
    pub(super) whole: bool,
    /// For how long all who answered have been up.
    pub(super) up: Option<Duration>,
}

impl Sightings {
    /// It is listed.
    pub(super) fn listed(&mut self, fingerprint: &str, asked_at: Timestamp) {
        let sighting = Sighting { listed_at: Some(asked_at), missed_since: None };
        self.alerts.insert(fingerprint.to_owned(), sighting);
    }

    /// It is not listed. True where that means that Alertmanager does not have it any more, not that it does not have it yet.
    /// What was never listed may come from an Alertmanager that is not asked.
    pub(super) fn missed(&mut self, fingerprint: &str, look: Circumstances) -> bool {
        let sighting = self.alerts.entry(fingerprint.to_owned()).or_default();
        let since = *sighting.missed_since.get_or_insert(look.asked_at);
        let had_it = |at: Timestamp| look.whole || look.up.is_some_and(|up| up >= look.asked_at.since(at));
        sighting.listed_at.is_some_and(had_it) || look.asked_at.since(since) >= GONE_AFTER
    }

    /// Only these are of interest any more.
    pub(super) fn keep(&mut self, fingerprints: &BTreeSet<&str>) {
        self.alerts.retain(|fingerprint, _| fingerprints.contains(fingerprint.as_str()));
    }
}

/// The alerts that Prometheus has firing, by the label that nearly all of them differ by.
#[derive(Debug, Default)]
pub(super) struct Firing {
    by_name: BTreeMap<String, Vec<Labels>>,
}

impl Firing {
    pub(super) fn of(alerts: Vec<Labels>) -> Firing {
        let mut by_name: BTreeMap<String, Vec<Labels>> = BTreeMap::new();
        for labels in alerts {
            by_name.entry(name(&labels)).or_default().push(labels);
        }
        Firing { by_name }
    }

    /// Is one of them this alert of Alertmanager's? On its way there external labels are added.
    pub(super) fn has(&self, alert: &Labels) -> bool {
        self.by_name.get(&name(alert)).is_some_and(|firing| firing.iter().any(|labels| labels.within(alert)))
    }
}

fn name(labels: &Labels) -> String {
    labels.get("alertname").unwrap_or("").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(at: i64, up: Option<u64>, whole: bool) -> Circumstances {
        Circumstances { asked_at: Timestamp(at * 1000), whole, up: up.map(Duration::from_secs) }
    }

    #[test]
    fn what_is_missed_has_gone_where_it_was_there_before() {
        // (listed at, [(missed at, up for, whole, whether it has gone)])
        for (case, listed_at, looks) in [
            ("told everything", Some(5), vec![(10, None, true, true)]),
            ("from elsewhere", None, vec![(10, Some(9000), true, false), (130, Some(9120), true, true)]),
            ("had it and has it no more", Some(5), vec![(20, Some(15), false, true)]),
            ("started since it had it", Some(5), vec![(20, Some(14), false, false)]),
            ("does not say since when it runs", Some(5), vec![(20, None, false, false)]),
            ("never had it", None, vec![(10, Some(30), false, false), (129, Some(149), false, false)]),
            ("never had it for long", None, vec![(10, Some(30), false, false), (130, Some(149), false, true)]),
            ("started while it was missed", Some(5), vec![(20, Some(1), false, false), (140, Some(121), false, true)]),
        ] {
            let mut sightings = Sightings::default();
            if let Some(at) = listed_at {
                sightings.listed("f", Timestamp(at * 1000));
            }
            for (at, up, whole, gone) in looks {
                assert_eq!(sightings.missed("f", look(at, up, whole)), gone, "{case}, at {at}");
            }
        }
    }

    #[test]
    fn what_comes_back_was_not_gone() {
        let mut sightings = Sightings::default();
        assert!(!sightings.missed("f", look(0, None, false)));
        sightings.listed("f", Timestamp(60_000));
        assert!(!sightings.missed("f", look(125, None, false)), "the time before does not count");
        assert!(sightings.missed("f", look(245, None, false)));
        sightings.keep(&BTreeSet::from(["other"]));
        assert!(!sightings.missed("f", look(246, None, false)), "it was forgotten");
    }

    #[test]
    fn prometheus_alerts_are_found_with_the_labels_that_are_added_on_the_way() {
        let labels = |text: &str| Labels::new(text.split(' ').filter_map(|pair| pair.split_once('=')));
        let firing = Firing::of(vec![labels("alertname=A service=a"), labels("alertname=A service=b"), labels("x=y")]);
        for (alert, expected) in [
            ("alertname=A service=a", true),
            ("alertname=A service=a cluster=one", true),
            ("alertname=A service=c cluster=one", false),
            ("alertname=A", false),
            ("alertname=B service=a", false),
            ("x=y cluster=one", true),
        ] {
            assert_eq!(firing.has(&labels(alert)), expected, "{alert}");
        }
    }
}
