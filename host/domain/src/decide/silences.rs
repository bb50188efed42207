//! What Alertmanager says of open incidents: which of their alerts still fire, and whether it holds them back.

use std::collections::BTreeSet;

use super::{Context, verification};
use crate::book::Incident;
use crate::event::{Alert, DecidedBy, Fact, Health, IncidentId, Origin};
use crate::input::{Look, Silence};
use crate::time::Timestamp;

/// Alertmanager was looked at: an alert that resolves while silenced sends no message, ever.
pub(super) fn looked(context: &Context<'_>, asked_at: Timestamp, id: &IncidentId, look: &Look) -> Vec<Fact> {
    let Some(incident) = context.book.incident(id).filter(|incident| incident.is_open()) else {
        return Vec::new();
    };
    let mut facts = Vec::new();
    if matches!(incident.origin, Origin::Alert { .. }) {
        facts.extend(changed(incident, look));
        facts.extend(verification::observed(context, incident, asked_at, health(incident, look)));
    }
    facts.extend(held(incident, &look.silence));
    facts
}

/// Alerts that have gone, or are back, without anybody saying so.
fn changed(incident: &Incident, look: &Look) -> Option<Fact> {
    let news = incident.alerts.values().filter_map(|alert| {
        let set = if alert.firing { &look.gone } else { &look.firing };
        set.contains(&alert.fingerprint).then(|| Alert { firing: !alert.firing, ..alert.clone() })
    });
    let alerts: Vec<Alert> = news.collect();
    let (incident, caused_by) = (incident.id.clone(), BTreeSet::new());
    (!alerts.is_empty()).then_some(Fact::AlertsChanged { incident, alerts, caused_by })
}

/// Healthy where all of its alerts are known to have gone.
fn health(incident: &Incident, look: &Look) -> Health {
    if !look.firing.is_empty() {
        return Health::Unhealthy;
    }
    let gone = |fingerprint: &String| look.gone.contains(fingerprint);
    if incident.alerts.keys().all(gone) { Health::Healthy } else { Health::Unjudged }
}

fn held(incident: &Incident, silence: &Silence) -> Option<Fact> {
    let (id, known) = (incident.id.clone(), incident.held.as_ref().map(|held| &held.by));
    match silence {
        Silence::By(by) if known != Some(by) => Some(Fact::IncidentHeld { incident: id, by: by.clone() }),
        Silence::None if known.is_some() => Some(Fact::IncidentReleased { incident: id }),
        // Not knowing changes nothing.
        _ => None,
    }
}

/// Somebody made a silence. An incident that it is for is held back from now on: Alertmanager will say so in a moment.
pub(super) fn made(
    context: &Context<'_>,
    incident: Option<&IncidentId>,
    silence: &str,
    matchers: &[String],
    until: Timestamp,
    by: &DecidedBy,
    comment: &str,
) -> Vec<Fact> {
    let made = Fact::SilenceMade {
        incident: incident.cloned(),
        silence: silence.to_owned(),
        matchers: matchers.to_vec(),
        until,
        by: by.clone(),
        comment: comment.to_owned(),
    };
    let open = incident.and_then(|id| context.book.incident(id)).filter(|incident| incident.is_open());
    let held = open.and_then(|incident| held(incident, &Silence::By(format!("silence {silence}"))));
    std::iter::once(made).chain(held).collect()
}

pub(super) fn ended(_: &Context<'_>, silence: &str, by: &DecidedBy) -> Vec<Fact> {
    vec![Fact::SilenceEnded { silence: silence.to_owned(), by: by.clone() }]
}
