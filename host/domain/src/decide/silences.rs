//! What Alertmanager says of open incidents: which of their alerts still fire, and whether it holds them back.

use std::collections::BTreeSet;

use super::{Context, LONGEST_REASON, verification};
use crate::book::Incident;
use crate::event::{Alert, DecidedBy, Fact, Health, IncidentId, Origin};
use crate::input::{INHIBITED_BY, Look, Silence};
use crate::time::Timestamp;

/// Alertmanager was looked at: an alert that resolves while silenced sends no message, ever. A look is only ever about
/// alerts that are known, and says nothing about what was learnt after it was taken.
pub(super) fn looked(context: &Context<'_>, asked_at: Timestamp, id: &IncidentId, look: &Look) -> Vec<Fact> {
    let Some(incident) = context.book.incident(id).filter(|incident| incident.is_open()) else {
        return Vec::new();
    };
    let mut facts = Vec::new();
    if matches!(incident.origin, Origin::Alert { .. }) && asked_at >= incident.alerts_at {
        facts.extend(changed(incident, look));
        facts.extend(verification::observed(context, incident, asked_at, health(incident, look)));
    }
    // A silence that was made meanwhile stands.
    if incident.held.as_ref().is_none_or(|held| asked_at >= held.noted_at) {
        facts.extend(held(incident, &look.silence));
    }
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
    if incident.alerts.keys().any(|fingerprint| look.firing.contains(fingerprint)) {
        return Health::Unhealthy;
    }
    let gone = |fingerprint: &String| look.gone.contains(fingerprint);
    if incident.alerts.keys().all(gone) { Health::Healthy } else { Health::Unjudged }
}

fn held(incident: &Incident, silence: &Silence) -> Option<Fact> {
    match silence {
        Silence::By(by) => held_by(incident, by),
        Silence::None if incident.held.is_some() => Some(Fact::IncidentReleased { incident: incident.id.clone() }),
        // Not knowing changes nothing.
        Silence::None | Silence::Unknown(_) => None,
    }
}

/// Alertmanager holds it back: is that news? Of several alerts that inhibit it Alertmanager names one, and another one the
/// next time.
fn held_by(incident: &Incident, by: &str) -> Option<Fact> {
    let same = |known: &str| known == by || (known.starts_with(INHIBITED_BY) && by.starts_with(INHIBITED_BY));
    let known = incident.held.as_ref().is_some_and(|held| same(&held.by));
    (!known).then(|| Fact::IncidentHeld { incident: incident.id.clone(), by: by.to_owned() })
}

/// Alertmanager was asked about one incident, before its policy was or before something was to run. That it holds it back
/// is noted; that it does not is for the next look to say, which may be the newer of the two.
pub(super) fn asked(incident: &Incident, silence: &Silence) -> Option<Fact> {
    match silence {
        Silence::By(by) if incident.is_open() => held_by(incident, by),
        _ => None,
    }
}

/// What holds an incident back, as far as is known by now or was just found.
pub(super) fn holder<'a>(incident: &'a Incident, silence: &'a Silence) -> Option<&'a str> {
    match silence {
        Silence::By(by) => Some(by),
        // It may have been silenced since Alertmanager was asked.
        Silence::None | Silence::Unknown(_) => incident.held.as_ref().map(|held| held.by.as_str()),
    }
}

/// A silence that somebody made.
pub(super) struct Made<'a> {
    pub(super) silence: &'a str,
    pub(super) matchers: &'a [String],
    pub(super) until: Timestamp,
    pub(super) by: &'a DecidedBy,
    pub(super) comment: &'a str,
}

/// Somebody made a silence. An incident that it is for is held back from now on: Alertmanager will say so in a moment.
pub(super) fn made(context: &Context<'_>, id: Option<&IncidentId>, made: &Made<'_>) -> Vec<Fact> {
    let incident = id.and_then(|id| context.book.incident(id));
    if incident.is_some_and(|incident| incident.silences.iter().any(|known| known.silence == made.silence)) {
        return Vec::new();
    }
    let fact = Fact::SilenceMade {
        incident: incident.map(|incident| incident.id.clone()),
        silence: made.silence.to_owned(),
        matchers: made.matchers.to_vec(),
        until: made.until,
        by: made.by.clone(),
        comment: made.comment.chars().take(LONGEST_REASON).collect(),
    };
    let open = incident.filter(|incident| incident.is_open() && made.until > context.now);
    let held = open.and_then(|incident| held_by(incident, &format!("silence {}", made.silence)));
    std::iter::once(fact).chain(held).collect()
}

/// Somebody ended a silence. What it held back is released by the next look: another one may hold it as well.
pub(super) fn ended(context: &Context<'_>, silence: &str, by: &DecidedBy) -> Vec<Fact> {
    let made_for = |incident: &&Incident| incident.silences.iter().any(|made| made.silence == silence);
    // Its incident may have closed meanwhile.
    let incident = context.book.incidents_before(None).find(made_for).map(|incident| incident.id.clone());
    vec![Fact::SilenceEnded { incident, silence: silence.to_owned(), by: by.clone() }]
}
