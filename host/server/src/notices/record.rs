//! What one Alertmanager was sent, and when: each has its own, so that one that was away gets everything and the others
//! nothing twice. No clock and no IO.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_domain::decide::HANDLING;
use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;

use super::board::{Board, Posted};
use crate::alertmanager::OutgoingAlert;

/// Sent again this often: often enough that three may get lost.
const RESEND: Duration = Duration::from_secs(60);
/// How long a sent alert stands without another word. If this host dies, the alert goes by itself.
const STANDS: Duration = Duration::from_secs(4 * 60);
/// What was refused by itself would be refused again, unless the Alertmanager has become another one meanwhile.
const REFUSED_AGAIN: Duration = Duration::from_secs(15 * 60);

/// What it was sent, by the alerts' labels.
#[derive(Debug, Default)]
pub(super) struct Record {
    sent: BTreeMap<Labels, Sent>,
}

#[derive(Debug)]
struct Sent {
    what: Posted,
    at: Timestamp,
    /// It did not take it.
    refused: bool,
}

impl Sent {
    fn is_old(&self, now: Timestamp) -> bool {
        let rests = if self.refused { REFUSED_AGAIN } else { RESEND };
        // A clock that was set back must not keep anything from being sent.
        now < self.at || now.since(self.at) >= rests
    }
}

/// An alert that is due.
#[derive(Clone, Debug)]
pub(super) struct Due {
    what: Posted,
    /// As it is to be sent.
    pub(super) alert: OutgoingAlert,
}

impl Record {
    /// What is to be sent now: first what it does not know yet, and of that first what keeps pages from going out.
    pub(super) fn due(&mut self, board: &Board, now: Timestamp) -> Vec<Due> {
        self.sent.retain(|labels, _| board.get(labels).is_some());
        let mut due = Vec::new();
        for (labels, posted) in board.iter() {
            let repeated = match self.sent.get(labels) {
                Some(sent) if sent.what != *posted => false,
                Some(sent) if sent.is_old(now) => true,
                Some(_) => continue,
                None => false,
            };
            let holds_back = labels.get("alertname") == Some(HANDLING);
            due.push(((repeated, !holds_back), Due { what: posted.clone(), alert: as_sent(posted, now) }));
        }
        due.sort_by_key(|(rank, _)| *rank);
        due.into_iter().map(|(_, due)| due).collect()
    }

    /// It took these.
    pub(super) fn sent(&mut self, all: &[Due], now: Timestamp) {
        for Due { what, .. } in all {
            self.sent.insert(what.alert.labels.clone(), Sent { what: what.clone(), at: now, refused: false });
        }
    }

    /// Of those that were sent it refused the one with these labels.
    pub(super) fn refused(&mut self, labels: &Labels) {
        if let Some(sent) = self.sent.get_mut(labels) {
            sent.refused = true;
        }
    }

    /// It was away, and may have lost everything.
    pub(super) fn forget(&mut self) {
        self.sent.clear();
    }

    /// True where it knows that an alert fires, or has refused to know.
    pub(super) fn knows(&self, labels: &Labels) -> bool {
        self.sent.get(labels).is_some_and(|sent| sent.what.over.is_none())
    }
}

/// An end before the start would be refused.
fn as_sent(posted: &Posted, now: Timestamp) -> OutgoingAlert {
    let ends_at = posted.over.unwrap_or_else(|| now.plus(STANDS)).max(posted.alert.starts_at);
    OutgoingAlert { ends_at, ..posted.alert.clone() }
}

#[cfg(test)]
mod tests {
    use super::super::board::Wanted;
    use super::super::testing::alert;
    use super::*;

    const SECOND: i64 = 1000;
    const MINUTE: i64 = 60 * SECOND;

    fn firing(alerts: &[OutgoingAlert]) -> Wanted {
        Wanted { firing: alerts.to_vec(), over: Vec::new() }
    }

    /// Everything due, as (severity, ends at), and notes that it was sent.
    fn send(record: &mut Record, board: &Board, now: Timestamp) -> Vec<(String, Timestamp)> {
        let due = record.due(board, now);
        record.sent(&due, now);
        due.iter().map(|due| (due.alert.labels.get("severity").unwrap_or("").to_owned(), due.alert.ends_at)).collect()
    }

    #[test]
    fn alerts_are_repeated_then_resolved_then_forgotten() {
        let (mut board, mut record) = (Board::default(), Record::default());
        let mut sent_at = Vec::new();
        for now in (0..30 * MINUTE).step_by(10 * SECOND as usize).map(Timestamp) {
            let fires = now < Timestamp(5 * MINUTE);
            let over = vec![(alert("high", 0), Timestamp(5 * MINUTE))];
            let wanted = if fires { firing(&[alert("high", 0)]) } else { Wanted { firing: Vec::new(), over } };
            board.compare(wanted, now);
            for (_, ends_at) in send(&mut record, &board, now) {
                assert_eq!(ends_at, if fires { now.plus(STANDS) } else { Timestamp(5 * MINUTE) }, "at {now:?}");
                sent_at.push(now.0 / MINUTE);
            }
        }
        assert_eq!(sent_at, (0..20).collect::<Vec<_>>(), "once a minute, for 15 minutes after the end");
        assert!(record.sent.is_empty());
    }

    #[test]
    fn what_was_not_sent_stays_due_and_what_has_changed_is_sent_at_once() {
        let (mut board, mut record) = (Board::default(), Record::default());
        board.compare(firing(&[alert("high", 0)]), Timestamp(0));
        assert_eq!(record.due(&board, Timestamp(0)).len(), 1);
        assert_eq!(send(&mut record, &board, Timestamp(SECOND)).len(), 1, "nobody said that it was sent");
        assert!(record.due(&board, Timestamp(2 * SECOND)).is_empty());
        let told = OutgoingAlert { annotations: Labels::new([("summary", "worse")]), ..alert("high", 0) };
        board.compare(firing(&[told]), Timestamp(2 * SECOND));
        assert_eq!(send(&mut record, &board, Timestamp(2 * SECOND)).len(), 1);
        board.compare(Wanted::default(), Timestamp(3 * SECOND));
        assert_eq!(send(&mut record, &board, Timestamp(3 * SECOND)), [("high".to_owned(), Timestamp(3 * SECOND))]);
    }

    #[test]
    fn one_that_was_away_gets_everything() {
        let (mut board, mut record) = (Board::default(), Record::default());
        board.compare(firing(&[alert("high", 0), alert("medium", 0)]), Timestamp(0));
        assert_eq!(send(&mut record, &board, Timestamp(0)).len(), 2);
        assert!(record.knows(&alert("high", 0).labels));
        record.forget();
        assert!(!record.knows(&alert("high", 0).labels));
        assert_eq!(send(&mut record, &board, Timestamp(SECOND)).len(), 2);
    }

    #[test]
    fn what_was_refused_rests_longer_unless_it_changes() {
        let (mut board, mut record) = (Board::default(), Record::default());
        let mut tries = Vec::new();
        for minute in 0..31 {
            let now = Timestamp(minute * MINUTE);
            board.compare(firing(&[alert("high", 0)]), now);
            if !send(&mut record, &board, now).is_empty() {
                record.refused(&alert("high", 0).labels);
                tries.push(minute);
            }
        }
        assert_eq!(tries, [0, 15, 30]);
        board.compare(Wanted::default(), Timestamp(31 * MINUTE));
        assert_eq!(send(&mut record, &board, Timestamp(31 * MINUTE)).len(), 1);
    }

    #[test]
    fn news_comes_first_and_what_holds_pages_back_before_all() {
        let (mut board, mut record) = (Board::default(), Record::default());
        board.compare(firing(&[alert("high", 0)]), Timestamp(0));
        send(&mut record, &board, Timestamp(0));
        let handling = OutgoingAlert {
            labels: Labels::new([("alertname", HANDLING), ("severity", "none")]),
            ..alert("high", MINUTE)
        };
        board.compare(firing(&[alert("high", 0), alert("medium", 0), handling]), Timestamp(MINUTE));
        let order: Vec<String> =
            send(&mut record, &board, Timestamp(MINUTE)).into_iter().map(|(severity, _)| severity).collect();
        assert_eq!(order, ["none", "medium", "high"]);
    }

    #[test]
    fn clocks_that_disagree_make_no_alert_that_is_refused() {
        let (mut board, mut record) = (Board::default(), Record::default());
        // Prometheus' clock is ahead by ten minutes.
        let over = vec![(alert("high", 10 * MINUTE), Timestamp(0))];
        board.compare(Wanted { firing: vec![alert("medium", 10 * MINUTE)], over }, Timestamp(0));
        for (_, ends_at) in send(&mut record, &board, Timestamp(0)) {
            assert_eq!(ends_at, Timestamp(10 * MINUTE));
        }
        // The host's clock is set back.
        assert_eq!(send(&mut record, &board, Timestamp(-MINUTE)).len(), 2);
    }
}
