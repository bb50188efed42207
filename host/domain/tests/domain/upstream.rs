//! What Alertmanager says, and what may never follow from it: used by the random lives of the gate.

use std::collections::BTreeSet;

use tidegate_domain::book::{Book, Consult};
use tidegate_domain::event::{Event, Fact, IncidentId, Origin, RequestId};
use tidegate_domain::input::Input;
use tidegate_domain::owed::{Duty, owed};

use crate::world::World;

/// What followed from one input, given the book before it.
pub(crate) fn check(mut book: Book, input: &Input, events: &[Event]) {
    for event in events {
        match &event.fact {
            Fact::RequestOpened { incident, request, .. } => {
                let open = book.incident(incident).expect("it is known");
                assert!(open.held.is_none(), "{request} was asked while {incident} was held back");
            }
            Fact::ExecutionStarted { request, .. } => {
                let held = held_by(&book, request);
                assert!(held.is_none(), "{request} was started while {held:?}");
            }
            Fact::AlertsChanged { incident, alerts, .. } if matches!(input, Input::Looked { .. }) => {
                let known = &book.incident(incident).expect("it is known").alerts;
                for alert in alerts {
                    let known = known.get(&alert.fingerprint);
                    let turned = known.map(|known| (known.starts_at, !known.firing));
                    assert_eq!(turned, Some((alert.starts_at, alert.firing)), "a look invented {alert:?}");
                }
            }
            Fact::IncidentOpened { .. } => assert!(!matches!(input, Input::Looked { .. }), "a look opened an incident"),
            _ => {}
        }
        book.apply(event);
    }
    let mut firing = BTreeSet::new();
    for incident in book.open_incidents() {
        for alert in incident.alerts.values().filter(|alert| alert.firing) {
            assert!(firing.insert(alert.fingerprint.clone()), "{} is in two incidents", alert.fingerprint);
        }
    }
}

fn held_by<'a>(book: &'a Book, request: &RequestId) -> Option<&'a str> {
    let incident = book.incident(&book.request(request)?.incident)?;
    incident.held.as_ref().map(|held| held.by.as_str())
}

/// What is owed is all that is owed, and nothing waits that is held back or over.
pub(crate) fn check_owed(world: &World) {
    let (book, now) = (&world.book, world.now);
    let duties: BTreeSet<Duty> = owed(book, now).into_iter().collect();
    let all_held = book.storm().is_some() || book.paused_by().is_some();
    for incident in book.incidents() {
        let id: &IncidentId = &incident.id;
        let due = matches!(incident.consult, Consult::Due(from) if from <= now);
        let wanted = incident.is_open() && due && !all_held && incident.held.is_none();
        let asked = [Duty::Consult(id.clone()), Duty::FormOpinion(id.clone())];
        let asked = asked.iter().filter(|duty| duties.contains(duty)).count();
        assert_eq!(asked, usize::from(wanted), "{id} is to be asked about, or not");
        let fetched = duties.contains(&Duty::FetchLeftOut(id.clone()));
        assert_eq!(fetched, incident.is_open() && incident.left_out.is_some(), "{id} lacks alerts, or not");
        let busy = book.active_requests().any(|request| request.incident == *id);
        let alerts = matches!(incident.origin, Origin::Alert { .. });
        let over = alerts && incident.is_calm() && !incident.unmet && !busy;
        assert!(!(incident.is_open() && over), "{id} is over and open");
        assert!(incident.is_open() || incident.held.is_none(), "{id} is over and held back");
    }
    for request in book.active_requests().filter(|request| request.approval.name() == "pending") {
        assert_eq!(held_by(book, &request.id), None, "{} waits and is held back", request.id);
    }
}
