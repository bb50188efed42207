//! Incidents from Alertmanager's alerts. Deliveries come at least once, in any order, by more than one path.

use std::collections::BTreeSet;

use super::{Context, brakes, incident, verification};
use crate::book::Incident;
use crate::event::{Alert, Fact, Health, IncidentId, Origin};
use crate::labels::Labels;
use crate::rules::{Mode, Route, Severity};

/// Alerts that say that alerting itself works, that silence others, or that the host sends about itself.
const NEVER_INCIDENTS: [&str; 3] = ["Watchdog", "InfoInhibitor", REQUEST_UNDELIVERED];

/// `alertname` of the host's alert that people could not be told of a request.
pub const REQUEST_UNDELIVERED: &str = "TidegateRequestUndelivered";

pub(super) fn delivered(context: &Context<'_>, group_key: &str, alerts: &[Alert], by: Option<&str>) -> Vec<Fact> {
    let mut fresh: Vec<&Alert> = Vec::new();
    // A delivery may hold any number of alerts: each is looked for once.
    let mut known: BTreeSet<&str> = BTreeSet::new();
    let mut facts = Vec::new();
    for alert in alerts.iter().filter(|alert| !is_braked(context, alert)) {
        match context.book.latest_with_alert(&alert.fingerprint) {
            Some(incident) if incident.is_open() => facts.extend(updated(context, incident, alert, by)),
            Some(over) if is_late_copy(context, over, alert) => {}
            _ if alert.firing && known.insert(&alert.fingerprint) => fresh.push(alert),
            _ => {}
        }
    }
    facts.extend(opened(context, group_key, &fresh, by));
    facts
}

/// Loop brake: the host's own alerts and the heartbeats of the alerting never open incidents.
fn is_braked(context: &Context<'_>, alert: &Alert) -> bool {
    let name = alert.labels.get("alertname").unwrap_or("");
    name == context.rules.own_alertname || NEVER_INCIDENTS.contains(&name)
}

/// A copy of an alert whose incident is over, delivered late or by another path. Not for ever: what still says
/// `firing` long after the end was not over.
fn is_late_copy(context: &Context<'_>, over: &Incident, alert: &Alert) -> bool {
    let known = over.alerts.get(&alert.fingerprint).is_some_and(|known| known.starts_at >= alert.starts_at);
    known && over.closed.is_some_and(|(at, _)| context.now.since(at) <= context.rules.gate.max_age)
}

fn updated(context: &Context<'_>, incident: &Incident, alert: &Alert, by: Option<&str>) -> Option<Fact> {
    let known = incident.alerts.get(&alert.fingerprint)?;
    // The same firing seen by two Prometheus servers starts at two times; only the end of it is news. Copies arrive in
    // any order: what has ended fires again only from a later start, and an end is not that of an earlier firing.
    let news = match (known.firing, alert.firing) {
        (false, true) => alert.starts_at > known.starts_at,
        (true, false) => alert.starts_at >= known.starts_at,
        _ => false,
    };
    // Whoever says that it is over requests nothing.
    let by = by.filter(|_| alert.firing);
    news.then(|| Fact::AlertsChanged {
        incident: incident.id.clone(),
        alerts: vec![alert.clone()],
        caused_by: causers(context, &[alert], by),
    })
}

/// Whoever delivered the alerts, where that was no program, and whom their labels and annotations name.
fn causers(context: &Context<'_>, alerts: &[&Alert], by: Option<&str>) -> BTreeSet<String> {
    let named = incident::causers(context, alerts.iter().flat_map(|alert| [&alert.labels, &alert.annotations]));
    named.into_iter().chain(by.map(str::to_owned)).collect()
}

fn opened(context: &Context<'_>, group_key: &str, fresh: &[&Alert], by: Option<&str>) -> Vec<Fact> {
    let Some(first) = fresh.first() else {
        return Vec::new();
    };
    let route = context.rules.routes.iter().find(|r| r.matchers.iter().all(|m| m.matches(&first.labels)));
    let origin =
        Origin::Alert { route: route.map(|r| r.name.clone()).unwrap_or_default(), group_key: group_key.to_owned() };
    let alerts: Vec<Alert> = fresh.iter().map(|alert| (*alert).clone()).collect();
    let severity = fresh.iter().map(|alert| severity_of(context, &alert.labels)).max().unwrap_or(Severity::High);
    let caused_by = causers(context, fresh, by);
    if let Some(open) = context.book.open_for(&origin) {
        let changed = Fact::AlertsChanged { incident: open.id.clone(), alerts, caused_by };
        return [Some(changed), incident::raised(open, severity)].into_iter().flatten().collect();
    }
    let id = context.book.next_incident();
    let mut facts = vec![Fact::IncidentOpened {
        incident: id.clone(),
        origin: origin.clone(),
        labels: fresh.iter().fold(first.labels.clone(), |common, alert| common.common(&alert.labels)),
        severity,
        since: fresh.iter().map(|alert| alert.starts_at).min().unwrap_or(context.now),
        mode: route.map_or(Mode::Observe, |r: &Route| r.mode),
        has_policy: route.is_some_and(|r| r.has_policy),
        dry_run: route.is_some_and(|r| r.dry_run) || context.rules.gate.dry_run,
        evidence: None,
        alerts,
        caused_by,
    }];
    facts.extend(incident::relapse(context, &origin, &id));
    facts.extend(brakes::count(context));
    facts
}

/// Foreign severities mean what the config says; what it does not mention is high.
fn severity_of(context: &Context<'_>, labels: &Labels) -> Severity {
    let label = labels.get("severity").unwrap_or("");
    context.rules.severity_labels.get(label).copied().unwrap_or(Severity::High)
}

/// The alerts of an incident were looked up: an alert that resolves while silenced sends no message, ever.
pub(super) fn observed(context: &Context<'_>, id: &IncidentId, gone: bool) -> Vec<Fact> {
    let about_alerts = |incident: &&Incident| matches!(incident.origin, Origin::Alert { .. }) && incident.is_open();
    let Some(incident) = context.book.incident(id).filter(about_alerts) else {
        return Vec::new();
    };
    let mut facts = Vec::new();
    // Gone before the repair was verified, and back: which of them fire is not known, so all of them count.
    if gone != incident.is_calm() {
        let changed = incident.alerts.values().filter(|alert| alert.firing == gone);
        let alerts = changed.map(|alert| Alert { firing: !gone, ..alert.clone() }).collect();
        facts.push(Fact::AlertsChanged { incident: id.clone(), alerts, caused_by: BTreeSet::new() });
    }
    let health = if gone { Health::Healthy } else { Health::Unhealthy };
    facts.extend(verification::observed(context, incident, context.now, health));
    facts
}
