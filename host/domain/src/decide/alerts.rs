//! Incidents from Alertmanager's alerts. Deliveries come at least once, in any order, by more than one path.

use std::collections::BTreeSet;

use super::{Context, brakes, incident};
use crate::book::Incident;
use crate::event::{Alert, Fact, IncidentId, LeftOut, Origin, SecondOpinion};
use crate::labels::Labels;
use crate::rules::{Mode, Route, Severity};

/// Alerts that say that alerting itself works, that silence others, or that the host sends about itself.
const NEVER_INCIDENTS: [&str; 4] = ["Watchdog", "InfoInhibitor", REQUEST_UNDELIVERED, HANDLING];

/// `alertname` of the host's alert that people could not be told of a request.
pub const REQUEST_UNDELIVERED: &str = "TidegateRequestUndelivered";

/// `alertname` of the host's alert that an incident is being handled: while it stands it can inhibit others.
pub const HANDLING: &str = "TidegateHandling";

pub(super) fn delivered(
    context: &Context<'_>,
    group_key: &str,
    alerts: &[Alert],
    by: Option<&str>,
    left_out: Option<&LeftOut>,
) -> Vec<Fact> {
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
    facts.extend(left_out.and_then(|left_out| incomplete(context, alerts, &facts, left_out)));
    facts
}

/// The incident of the group does not have all of its alerts yet.
fn incomplete(context: &Context<'_>, alerts: &[Alert], facts: &[Fact], left_out: &LeftOut) -> Option<Fact> {
    let opened = facts.iter().find_map(|fact| match fact {
        Fact::IncidentOpened { incident, .. } => Some(incident.clone()),
        _ => None,
    });
    let known = || alerts.iter().filter_map(|alert| context.book.latest_with_alert(&alert.fingerprint));
    let incident = opened.or_else(|| known().find(|incident| incident.is_open()).map(|open| open.id.clone()))?;
    Some(Fact::AlertsLeftOut { incident, left_out: left_out.clone() })
}

/// The alerts that a delivery had left out were fetched: those of them that are new join the incident.
pub(super) fn completed(context: &Context<'_>, id: &IncidentId, alerts: &[Alert]) -> Vec<Fact> {
    let Some(incident) = context.book.incident(id).filter(|i| i.is_open() && i.left_out.is_some()) else {
        return Vec::new();
    };
    let elsewhere = |alert: &&Alert| context.book.latest_with_alert(&alert.fingerprint).is_none_or(|i| !i.is_open());
    let fresh = alerts.iter().filter(|alert| alert.firing && !is_braked(context, alert)).filter(elsewhere);
    let fresh: Vec<&Alert> = fresh.collect();
    let mut facts = Vec::new();
    if !fresh.is_empty() {
        let severity = fresh.iter().map(|alert| severity_of(context, &alert.labels)).max();
        facts.push(Fact::AlertsChanged {
            incident: id.clone(),
            alerts: fresh.iter().map(|alert| (*alert).clone()).collect(),
            caused_by: causers(context, &fresh, None),
        });
        facts.extend(severity.and_then(|severity| incident::raised(incident, severity)));
    }
    facts.push(Fact::AlertsCompleted { incident: id.clone() });
    facts
}

/// The detectors were asked. Of an incident that is over nothing is noted any more.
pub(super) fn opinions(context: &Context<'_>, id: &IncidentId, opinions: &[SecondOpinion]) -> Vec<Fact> {
    let open = context.book.incident(id).is_some_and(|incident| incident.is_open() && incident.wants_opinion);
    let given = || Fact::SecondOpinionGiven { incident: id.clone(), opinions: opinions.to_vec() };
    open.then(given).into_iter().collect()
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
        wants_opinion: route.is_some_and(|r| r.second_opinion),
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
