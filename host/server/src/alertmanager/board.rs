//! Which alerts stand in Alertmanager, and which of them are due to be sent again. No clock and no IO.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;

use super::OutgoingAlert;

/// Sent again this often: often enough that three may get lost.
const RESEND: Duration = Duration::from_secs(60);
/// How long a sent alert stands without another word. If this host dies, the alert goes by itself.
const STANDS: Duration = Duration::from_secs(4 * 60);
/// A resolved alert goes on being sent for this long, for an Alertmanager that was away.
const KEEP_RESOLVED: Duration = Duration::from_secs(15 * 60);

/// The alerts about this host's own affairs: incidents, requests.
///
/// Kept by labels, which are an alert's identity: when a group breaks again while its last incident is still being
/// resolved, the two would otherwise take turns in Alertmanager.
#[derive(Debug)]
pub(crate) struct AlertBoard<Id> {
    alerts: BTreeMap<Labels, Posted<Id>>,
}

impl<Id> Default for AlertBoard<Id> {
    fn default() -> AlertBoard<Id> {
        AlertBoard { alerts: BTreeMap::new() }
    }
}

#[derive(Debug)]
struct Posted<Id> {
    about: Id,
    alert: OutgoingAlert,
    state: State,
    sent_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Firing,
    /// The incident goes on under other labels; resolved from the next time it is sent.
    Replaced,
    Resolved(Timestamp),
}

impl<Id: Clone + PartialEq> AlertBoard<Id> {
    /// An incident, or what else it is about, is open. With other labels than before, because its severity rose for example, it is another alert,
    /// and the one before is resolved.
    pub(crate) fn raise(&mut self, about: &Id, alert: OutgoingAlert) {
        if let Some(standing) = self.alerts.get(&alert.labels) {
            let same = standing.about == *about;
            let firing = standing.state == State::Firing;
            let said = same && firing && standing.alert.annotations == alert.annotations;
            let (theirs, ours) = (standing.alert.starts_at, alert.starts_at);
            if said || (!same && (theirs > ours || (theirs == ours && firing))) {
                // Said already, or these labels belong to a later incident of the same group by now.
                return;
            }
        }
        for posted in self.alerts.values_mut().filter(|posted| posted.about == *about) {
            if posted.state == State::Firing && posted.alert.labels != alert.labels {
                posted.state = State::Replaced;
                posted.sent_at = None;
            }
        }
        let posted = Posted { about: about.clone(), alert, state: State::Firing, sent_at: None };
        self.alerts.insert(posted.alert.labels.clone(), posted);
    }

    /// It is over, since this time. Unknown ones are none of ours, or long forgotten.
    pub(crate) fn resolve(&mut self, about: &Id, at: Timestamp) {
        for posted in self.alerts.values_mut().filter(|posted| posted.about == *about) {
            if !matches!(posted.state, State::Resolved(_)) {
                posted.state = State::Resolved(at);
                posted.sent_at = None;
            }
        }
    }

    /// Is an alert about this on the board?
    pub(crate) fn knows(&self, about: &Id) -> bool {
        self.alerts.values().any(|posted| posted.about == *about)
    }

    /// What is to be sent now, with the time until which it stands.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<(Id, OutgoingAlert)> {
        for posted in self.alerts.values_mut().filter(|posted| posted.state == State::Replaced) {
            posted.state = State::Resolved(now);
        }
        self.alerts.retain(|_, posted| match posted.state {
            State::Resolved(at) => now.since(at) < KEEP_RESOLVED,
            State::Firing | State::Replaced => true,
        });
        let rested = |posted: &&Posted<Id>| posted.sent_at.is_none_or(|sent| now.since(sent) >= RESEND);
        let due = self.alerts.values().filter(rested).map(|posted| {
            let ends_at = match posted.state {
                State::Resolved(at) => at,
                State::Firing | State::Replaced => now.plus(STANDS),
            };
            (posted.about.clone(), OutgoingAlert { ends_at, ..posted.alert.clone() })
        });
        due.collect()
    }

    /// The alerts about these that were due were sent.
    pub(crate) fn sent<'a>(&mut self, all: impl IntoIterator<Item = &'a Id>, now: Timestamp)
    where
        Id: 'a,
    {
        for about in all {
            for posted in self.alerts.values_mut().filter(|posted| posted.about == *about) {
                if posted.sent_at.is_none_or(|sent| now.since(sent) >= RESEND) {
                    posted.sent_at = Some(now);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tidegate_domain::event::IncidentId;

    use super::*;

    const SECOND: i64 = 1000;
    const MINUTE: i64 = 60 * SECOND;

    fn alert(severity: &str, starts_at: i64) -> OutgoingAlert {
        OutgoingAlert {
            labels: Labels::new([("alertname", "TidegateAnomaly"), ("severity", severity)]),
            annotations: Labels::empty(),
            starts_at: Timestamp(starts_at),
            ends_at: Timestamp(0),
            generator_url: None,
        }
    }

    fn id(name: &str) -> IncidentId {
        IncidentId(name.to_owned())
    }

    /// Everything due, as (incident, severity, ends at), and marks it as sent.
    fn send(board: &mut AlertBoard<IncidentId>, now: Timestamp) -> Vec<(String, String, Timestamp)> {
        let due = board.due(now);
        board.sent(due.iter().map(|(incident, _)| incident), now);
        let short = |(incident, alert): (IncidentId, OutgoingAlert)| {
            (incident.0, alert.labels.get("severity").unwrap_or("").to_owned(), alert.ends_at)
        };
        due.into_iter().map(short).collect()
    }

    #[test]
    fn alerts_are_repeated_then_resolved_then_forgotten() {
        let mut board = AlertBoard::default();
        let mut sent_at = Vec::new();
        for now in (0..30 * MINUTE).step_by(10 * SECOND as usize).map(Timestamp) {
            if now < Timestamp(5 * MINUTE) {
                board.raise(&id("i1"), alert("high", 0));
            } else {
                board.resolve(&id("i1"), Timestamp(5 * MINUTE));
            }
            for (_, _, ends_at) in send(&mut board, now) {
                let resolved = ends_at <= now;
                assert_eq!(resolved, now >= Timestamp(5 * MINUTE), "at {now:?}");
                assert!(resolved || ends_at == now.plus(STANDS));
                sent_at.push(now.0 / MINUTE);
            }
        }
        assert_eq!(sent_at, (0..20).collect::<Vec<_>>(), "once a minute, for 15 minutes after the end");
        assert!(board.alerts.is_empty());
    }

    #[test]
    fn what_was_not_sent_stays_due() {
        let mut board = AlertBoard::default();
        board.raise(&id("i1"), alert("high", 0));
        assert_eq!(board.due(Timestamp(0)).len(), 1);
        assert_eq!(send(&mut board, Timestamp(SECOND)).len(), 1, "nobody said that it was sent");
        assert!(board.due(Timestamp(2 * SECOND)).is_empty());
        let told = OutgoingAlert { annotations: Labels::new([("summary", "worse")]), ..alert("high", 0) };
        board.raise(&id("i1"), told.clone());
        assert_eq!(send(&mut board, Timestamp(2 * SECOND)).len(), 1, "what is said has changed");
        board.raise(&id("i1"), told);
        assert!(board.due(Timestamp(3 * SECOND)).is_empty(), "it has not");
        board.resolve(&id("i1"), Timestamp(3 * SECOND));
        assert_eq!(board.due(Timestamp(3 * SECOND))[0].1.ends_at, Timestamp(3 * SECOND));
        board.resolve(&id("unknown"), Timestamp(3 * SECOND));
    }

    #[test]
    fn a_severity_that_rises_resolves_the_alert_before() {
        let mut board = AlertBoard::default();
        board.raise(&id("i1"), alert("medium", 0));
        send(&mut board, Timestamp(0));
        for second in 1..=59 {
            let now = Timestamp(second * SECOND);
            board.raise(&id("i1"), alert("high", 0));
            let expected = if second == 1 {
                vec![
                    ("i1".to_owned(), "high".to_owned(), now.plus(STANDS)),
                    ("i1".to_owned(), "medium".to_owned(), now),
                ]
            } else {
                Vec::new()
            };
            assert_eq!(send(&mut board, now), expected, "at {now:?}");
        }
    }

    #[test]
    fn a_group_that_breaks_again_fires_and_stays_firing() {
        let mut board = AlertBoard::default();
        board.raise(&id("i1"), alert("high", 0));
        send(&mut board, Timestamp(0));
        for second in 61..1200 {
            let now = Timestamp(second * SECOND);
            // Every second the book is compared with the board, the closed incident included.
            if !board.knows(&id("i1")) {
                board.raise(&id("i1"), alert("high", 0));
            }
            board.resolve(&id("i1"), Timestamp(60 * SECOND));
            if second >= 120 {
                board.raise(&id("i2"), alert("high", 100 * SECOND));
            }
            for (incident, _, ends_at) in send(&mut board, now) {
                let expected = if second < 120 { ("i1", false) } else { ("i2", true) };
                assert_eq!((incident.as_str(), ends_at > now), expected, "at {now:?}");
            }
        }
    }
}
