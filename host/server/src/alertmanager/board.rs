//! Which alerts stand in Alertmanager, and which of them are due to be sent again. No clock and no IO.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_domain::event::IncidentId;
use tidegate_domain::time::Timestamp;

use super::OutgoingAlert;

/// Sent again this often: often enough that three may get lost.
const RESEND: Duration = Duration::from_secs(60);
/// How long a sent alert stands without another word. If this host dies, the alert goes by itself.
const STANDS: Duration = Duration::from_secs(4 * 60);
/// A resolved alert goes on being sent for this long, for an Alertmanager that was away.
const KEEP_RESOLVED: Duration = Duration::from_secs(15 * 60);

/// The alerts of this host's own incidents.
#[derive(Debug, Default)]
pub(crate) struct AlertBoard {
    alerts: BTreeMap<IncidentId, Posted>,
}

#[derive(Debug)]
struct Posted {
    alert: OutgoingAlert,
    resolved_at: Option<Timestamp>,
    sent_at: Option<Timestamp>,
}

impl AlertBoard {
    /// An incident is open. Changed labels are another alert: the old one is left to lapse.
    pub(crate) fn raise(&mut self, incident: &IncidentId, alert: OutgoingAlert) {
        let changed = |posted: &Posted| {
            (&posted.alert.labels, &posted.alert.annotations) != (&alert.labels, &alert.annotations)
                || posted.resolved_at.is_some()
        };
        if self.alerts.get(incident).is_none_or(changed) {
            self.alerts.insert(incident.clone(), Posted { alert, resolved_at: None, sent_at: None });
        }
    }

    /// An incident is closed, at this time. Unknown ones are none of ours, or long forgotten.
    pub(crate) fn resolve(&mut self, incident: &IncidentId, at: Timestamp) {
        if let Some(posted) = self.alerts.get_mut(incident).filter(|posted| posted.resolved_at.is_none()) {
            posted.resolved_at = Some(at);
            posted.sent_at = None;
        }
    }

    /// Is the alert of this incident on the board?
    pub(crate) fn knows(&self, incident: &IncidentId) -> bool {
        self.alerts.contains_key(incident)
    }

    /// What is to be sent now, with the time until which it stands.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<(IncidentId, OutgoingAlert)> {
        self.alerts.retain(|_, posted| posted.resolved_at.is_none_or(|at| now.since(at) < KEEP_RESOLVED));
        let due = self.alerts.iter().filter(|(_, p)| p.sent_at.is_none_or(|sent| now.since(sent) >= RESEND));
        due.map(|(incident, posted)| {
            let ends_at = posted.resolved_at.unwrap_or_else(|| now.plus(STANDS));
            (incident.clone(), OutgoingAlert { ends_at, ..posted.alert.clone() })
        })
        .collect()
    }

    /// These were sent.
    pub(crate) fn sent<'a>(&mut self, incidents: impl IntoIterator<Item = &'a IncidentId>, now: Timestamp) {
        for incident in incidents {
            if let Some(posted) = self.alerts.get_mut(incident) {
                posted.sent_at = Some(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tidegate_domain::labels::Labels;

    use super::*;

    const SECOND: i64 = 1000;
    const MINUTE: i64 = 60 * SECOND;

    fn alert(service: &str) -> OutgoingAlert {
        OutgoingAlert {
            labels: Labels::new([("alertname", "TidegateAnomaly"), ("service", service)]),
            annotations: Labels::empty(),
            starts_at: Timestamp(0),
            ends_at: Timestamp(0),
        }
    }

    #[test]
    fn alerts_are_repeated_then_resolved_then_forgotten() {
        let id = IncidentId("i1".to_owned());
        let mut board = AlertBoard::default();
        let mut sent_at = Vec::new();
        for now in (0..30 * MINUTE).step_by(10 * SECOND as usize).map(Timestamp) {
            if now < Timestamp(5 * MINUTE) {
                board.raise(&id, alert("a"));
            } else {
                board.resolve(&id, Timestamp(5 * MINUTE));
            }
            for (_, alert) in board.due(now) {
                let resolved = alert.ends_at <= now;
                assert_eq!(resolved, now >= Timestamp(5 * MINUTE), "at {now:?}");
                assert!(resolved || alert.ends_at == now.plus(STANDS));
                board.sent([&id], now);
                sent_at.push(now.0 / MINUTE);
            }
        }
        assert_eq!(sent_at, (0..20).collect::<Vec<_>>(), "once a minute, for 15 minutes after the end");
        assert!(board.alerts.is_empty());
    }

    #[test]
    fn what_was_not_sent_stays_due() {
        let id = IncidentId("i1".to_owned());
        let mut board = AlertBoard::default();
        board.raise(&id, alert("a"));
        assert_eq!(board.due(Timestamp(0)).len(), 1);
        assert_eq!(board.due(Timestamp(SECOND)).len(), 1, "nobody said that it was sent");
        board.sent([&id], Timestamp(SECOND));
        assert!(board.due(Timestamp(2 * SECOND)).is_empty());
        board.raise(&id, alert("b"));
        assert_eq!(board.due(Timestamp(2 * SECOND)).len(), 1, "what is said has changed");
        board.resolve(&id, Timestamp(3 * SECOND));
        assert_eq!(board.due(Timestamp(3 * SECOND))[0].1.ends_at, Timestamp(3 * SECOND));
    }
}
