//! Which of the host's own alerts stand, and which are over: the same for every Alertmanager. No clock and no IO.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;

use crate::alertmanager::OutgoingAlert;

/// A resolved alert goes on being sent for this long, for an Alertmanager that was away.
pub(super) const KEEP_RESOLVED: Duration = Duration::from_secs(15 * 60);

/// The alerts, by their labels: those are an alert's identity. When a group breaks again while its last incident is still
/// being resolved, there is one alert of both, and it fires.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Board {
    alerts: BTreeMap<Labels, Posted>,
}

/// An alert on the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Posted {
    /// Its `ends_at` is of no account here.
    pub(super) alert: OutgoingAlert,
    /// When it ended; None while it fires.
    pub(super) over: Option<Timestamp>,
}

/// What the book says of the host's own alerts.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Those that fire.
    pub(super) firing: Vec<OutgoingAlert>,
    /// Those that ended lately, and when: after a restart nothing else tells that they have ever stood.
    pub(super) over: Vec<(OutgoingAlert, Timestamp)>,
}

impl Board {
    /// Brings the board up to date. True where that has changed anything.
    pub(super) fn compare(&mut self, wanted: Wanted, now: Timestamp) -> bool {
        let before = self.clone();
        let mut firing: BTreeMap<Labels, OutgoingAlert> = BTreeMap::new();
        for alert in wanted.firing {
            // Two may say the same of one group, for example that it is anomalous and that it stopped coming.
            if firing.get(&alert.labels).is_none_or(|other| other.starts_at < alert.starts_at) {
                firing.insert(alert.labels.clone(), alert);
            }
        }
        for (alert, at) in wanted.over {
            let known = self.alerts.get(&alert.labels).and_then(|posted| posted.over);
            if !firing.contains_key(&alert.labels) && known.is_none_or(|known| known < at) {
                self.alerts.insert(alert.labels.clone(), Posted { alert, over: Some(at) });
            }
        }
        // Of others, for example one that goes on under another severity, this is the time at which they were missed.
        for (labels, posted) in &mut self.alerts {
            if !firing.contains_key(labels) {
                posted.over.get_or_insert(now);
            }
        }
        let firing = firing.into_iter().map(|(labels, alert)| (labels, Posted { alert, over: None }));
        self.alerts.extend(firing);
        self.alerts.retain(|_, posted| posted.over.is_none_or(|at| now.since(at) < KEEP_RESOLVED));
        *self != before
    }

    /// Every alert, by its labels.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Labels, &Posted)> {
        self.alerts.iter()
    }

    /// One alert.
    pub(super) fn get(&self, labels: &Labels) -> Option<&Posted> {
        self.alerts.get(labels)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::alert;
    use super::*;

    const MINUTE: i64 = 60_000;

    fn wanted(firing: &[OutgoingAlert], over: &[(OutgoingAlert, i64)]) -> Wanted {
        let over = over.iter().map(|(alert, at)| (alert.clone(), Timestamp(*at))).collect();
        Wanted { firing: firing.to_vec(), over }
    }

    /// Severities of what is on the board, with when it ended.
    fn shown(board: &Board) -> Vec<(&str, Option<i64>)> {
        let shown = |(labels, posted): (&'_ Labels, &Posted)| -> Option<(&str, Option<i64>)> {
            let severity = ["high", "medium"].into_iter().find(|name| labels.get("severity") == Some(name));
            Some((severity?, posted.over.map(|at| at.0)))
        };
        board.iter().filter_map(shown).collect()
    }

    #[test]
    fn alerts_stand_then_are_over_and_are_forgotten() {
        let mut board = Board::default();
        let firing = || wanted(&[alert("high", 0)], &[]);
        assert!(board.compare(firing(), Timestamp(0)));
        assert!(!board.compare(firing(), Timestamp(MINUTE)), "nothing new");
        let over = || wanted(&[], &[(alert("high", 0), 5 * MINUTE)]);
        assert!(board.compare(over(), Timestamp(6 * MINUTE)));
        assert_eq!(shown(&board), [("high", Some(5 * MINUTE))], "when it ended, not when that was seen");
        assert!(!board.compare(over(), Timestamp(19 * MINUTE)));
        assert!(board.compare(over(), Timestamp(20 * MINUTE)));
        assert_eq!(board, Board::default());
    }

    #[test]
    fn what_has_other_labels_than_before_ends_the_one_before() {
        let mut board = Board::default();
        board.compare(wanted(&[alert("medium", 0)], &[]), Timestamp(0));
        board.compare(wanted(&[alert("high", 0)], &[]), Timestamp(MINUTE));
        assert_eq!(shown(&board), [("high", None), ("medium", Some(MINUTE))]);
        board.compare(wanted(&[alert("high", 0)], &[]), Timestamp(2 * MINUTE));
        assert_eq!(shown(&board), [("high", None), ("medium", Some(MINUTE))]);
    }

    #[test]
    fn what_is_said_of_it_may_change() {
        let mut board = Board::default();
        board.compare(wanted(&[alert("high", 0)], &[]), Timestamp(0));
        let told = OutgoingAlert { annotations: Labels::new([("summary", "worse")]), ..alert("high", 0) };
        assert!(board.compare(wanted(std::slice::from_ref(&told), &[]), Timestamp(1)));
        assert_eq!(board.get(&told.labels).expect("it stands").alert, told);
    }

    #[test]
    fn a_group_that_breaks_again_fires() {
        let mut board = Board::default();
        let first = [(alert("high", 0), MINUTE)];
        board.compare(wanted(&[], &first), Timestamp(MINUTE));
        assert_eq!(shown(&board), [("high", Some(MINUTE))], "as after a restart");
        board.compare(wanted(&[alert("high", 90_000)], &first), Timestamp(2 * MINUTE));
        assert_eq!(shown(&board), [("high", None)]);
        let both = [first[0].clone(), (alert("high", 90_000), 3 * MINUTE)];
        board.compare(wanted(&[], &both), Timestamp(3 * MINUTE));
        assert_eq!(shown(&board), [("high", Some(3 * MINUTE))]);
        assert!(!board.compare(wanted(&[], &both), Timestamp(4 * MINUTE)));
    }

    #[test]
    fn two_that_say_the_same_are_one_alert() {
        let mut board = Board::default();
        let both = || wanted(&[alert("high", 5), alert("high", 0)], &[]);
        board.compare(both(), Timestamp(0));
        assert!(!board.compare(both(), Timestamp(1)), "they do not take turns");
        assert_eq!(board.get(&alert("high", 0).labels).expect("it stands").alert.starts_at, Timestamp(5));
        // One of them ends, the other goes on.
        board.compare(wanted(&[alert("high", 0)], &[(alert("high", 5), 10)]), Timestamp(10));
        assert_eq!(shown(&board), [("high", None)]);
    }
}
