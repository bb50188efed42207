//! What waits to be sent to one Alertmanager: in order, each alert once, and no more than a bounded number of them. No
//! clock and no IO.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;

use crate::alertmanager::OutgoingAlert;

/// As many as Prometheus has wait for each of its own.
pub(super) const MOST_WAITING: usize = 10_000;
/// As many as Prometheus sends at once.
pub(super) const MOST_AT_ONCE: usize = 256;
/// What ended longer ago than this is no news to anybody: Prometheus itself stops saying so by then.
const STALE_AFTER: Duration = Duration::from_secs(15 * 60);

/// The queue of one Alertmanager.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Labels are an alert's identity.
    order: VecDeque<Labels>,
    waiting: BTreeMap<Labels, OutgoingAlert>,
    /// Those that were taken out and of which nobody knows yet whether they have arrived.
    under_way: BTreeSet<Labels>,
}

impl Line {
    /// A newer copy takes the place of one that still waits. Returns how many were dropped to make room, the oldest first.
    pub(super) fn push(&mut self, alerts: &[OutgoingAlert]) -> usize {
        for alert in alerts {
            if self.waiting.insert(alert.labels.clone(), alert.clone()).is_none() {
                self.order.push_back(alert.labels.clone());
            }
        }
        let over = self.order.len().saturating_sub(MOST_WAITING);
        for labels in self.order.drain(..over) {
            self.waiting.remove(&labels);
        }
        over
    }

    /// The next ones to send, and how many were dropped because they ended too long ago.
    pub(super) fn take(&mut self, now: Timestamp) -> (Vec<OutgoingAlert>, usize) {
        let (mut batch, mut stale) = (Vec::new(), 0);
        while batch.len() < MOST_AT_ONCE {
            let Some(labels) = self.order.pop_front() else { break };
            match self.waiting.remove(&labels) {
                Some(alert) if now.since(alert.ends_at) >= STALE_AFTER => stale += 1,
                Some(alert) => batch.push(alert),
                None => {}
            }
        }
        self.under_way = batch.iter().map(|alert| alert.labels.clone()).collect();
        (batch, stale)
    }

    /// What was taken last has arrived, or never will.
    pub(super) fn done(&mut self) {
        self.under_way.clear();
    }

    /// True where it has yet to arrive.
    pub(super) fn holds(&self, labels: &Labels) -> bool {
        self.waiting.contains_key(labels) || self.under_way.contains(labels)
    }

    /// They could not be sent: they come first again, except those of which a newer copy has come meanwhile. Returns how
    /// many were dropped because others have taken the room.
    pub(super) fn put_back(&mut self, batch: Vec<OutgoingAlert>) -> usize {
        let mut dropped = 0;
        self.done();
        for alert in batch.into_iter().rev() {
            if self.waiting.contains_key(&alert.labels) {
                continue;
            }
            if self.order.len() >= MOST_WAITING {
                dropped += 1;
                continue;
            }
            self.order.push_front(alert.labels.clone());
            self.waiting.insert(alert.labels.clone(), alert);
        }
        dropped
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(name: impl ToString, ends_at: i64) -> OutgoingAlert {
        OutgoingAlert {
            labels: Labels::new([("alertname", name.to_string())]),
            annotations: Labels::empty(),
            starts_at: Timestamp(0),
            ends_at: Timestamp(ends_at),
            generator_url: None,
        }
    }

    fn names(batch: &[OutgoingAlert]) -> Vec<(&str, i64)> {
        batch.iter().map(|alert| (alert.labels.get("alertname").unwrap_or(""), alert.ends_at.0)).collect()
    }

    #[test]
    fn alerts_leave_in_order_and_each_in_its_newest_form() {
        let mut line = Line::default();
        line.push(&[alert("a", 1), alert("b", 1)]);
        line.push(&[alert("a", 2), alert("c", 1)]);
        let (batch, stale) = line.take(Timestamp(0));
        assert_eq!(names(&batch), [("a", 2), ("b", 1), ("c", 1)]);
        assert_eq!((stale, line.len()), (0, 0));
        assert_eq!(line.take(Timestamp(0)), (Vec::new(), 0));
    }

    #[test]
    fn what_could_not_be_sent_comes_first_again_unless_it_was_overtaken() {
        let mut line = Line::default();
        line.push(&[alert("a", 1), alert("b", 1)]);
        let (batch, _) = line.take(Timestamp(0));
        line.push(&[alert("c", 1), alert("a", 5)]);
        assert_eq!(line.put_back(batch), 0);
        assert_eq!(names(&line.take(Timestamp(0)).0), [("b", 1), ("c", 1), ("a", 5)]);
    }

    #[test]
    fn what_waits_or_is_under_way_has_not_arrived() {
        let mut line = Line::default();
        let holds = |line: &Line| ["a", "b"].map(|name| line.holds(&alert(name, 1).labels));
        line.push(&[alert("a", 1), alert("b", 1)]);
        assert_eq!(holds(&line), [true, true]);
        let (batch, _) = line.take(Timestamp(0));
        assert_eq!(holds(&line), [true, true], "sent, and not answered");
        line.put_back(batch);
        assert_eq!(holds(&line), [true, true]);
        line.take(Timestamp(0));
        line.push(&[alert("b", 2)]);
        line.done();
        assert_eq!(holds(&line), [false, true], "of one a newer copy waits");
    }

    #[test]
    fn batches_and_the_whole_are_bounded() {
        let mut line = Line::default();
        let many: Vec<OutgoingAlert> = (0..MOST_WAITING + 3).map(|number| alert(number, 1)).collect();
        assert_eq!(line.push(&many), 3, "the oldest make way");
        assert_eq!(line.len(), MOST_WAITING);
        let (batch, _) = line.take(Timestamp(0));
        assert_eq!(batch.len(), MOST_AT_ONCE);
        assert_eq!(names(&batch)[0].0, "3");
        line.push(&[alert("one", 1), alert("two", 1)]);
        assert_eq!(line.put_back(batch), 2);
        assert_eq!((line.len(), line.waiting.len()), (MOST_WAITING, MOST_WAITING));
    }

    #[test]
    fn what_ended_long_ago_is_not_sent() {
        let mut line = Line::default();
        line.push(&[alert("old", 0), alert("new", 60_000)]);
        let (batch, stale) = line.take(Timestamp(15 * 60_000));
        assert_eq!((names(&batch), stale), (vec![("new", 60_000)], 1));
    }
}
