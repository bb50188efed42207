//! Incidents from Alertmanager's alerts. Deliveries come at least once, in any order, by more than one path: what counts
//! of an alert is its fingerprint, since when it fires, and whether it still does.

use std::collections::{BTreeMap, BTreeSet};

use super::{Context, brakes, incident};
use crate::book::Incident;
use crate::event::{Alert, EndedAlert, Fact, IncidentId, Origin};
use crate::labels::Labels;
use crate::rules::{Mode, Route, Severity};

mod missing;

pub(crate) use missing::given_up_at;
pub(super) use missing::{completed, incomplete, not_to_be_had};

/// Alerts that say that alerting itself works, that silence others, or that the host sends about itself.
const NEVER_INCIDENTS: [&str; 4] = ["Watchdog", "InfoInhibitor", REQUEST_UNDELIVERED, HANDLING];

/// `alertname` of the host's alert that people could not be told of a request.
pub const REQUEST_UNDELIVERED: &str = "TidegateRequestUndelivered";

/// `alertname` of the host's alert that an incident is being handled: while it stands it can inhibit others.
pub const HANDLING: &str = "TidegateHandling";

/// What follows from alerts, however they came. Those of one group that go to one route are one incident: an alert is only
/// ever seen by the policy of the route whose matchers hold for it.
pub(super) fn delivered(context: &Context<'_>, group_key: &str, alerts: &[Alert], by: Option<&str>) -> Vec<Fact> {
    let mut changes: Vec<Change<'_>> = Vec::new();
    let mut ends: Vec<EndedAlert> = Vec::new();
    let mut fresh: Vec<(Origin, Option<&Route>, Vec<&Alert>)> = Vec::new();
    for alert in newest(context, alerts) {
        let known = context.book.latest_with_alert(&alert.fingerprint);
        let changed = match known {
            Some(open) if open.is_open() => is_news(open, alert).then_some(open),
            _ if !alert.firing => {
                ends.extend(is_unseen_end(context, known, alert).then(|| ended(alert)));
                None
            }
            Some(over) if is_late_copy(context, over, alert) => None,
            _ if is_ended(context, alert) => None,
            _ => {
                let route = context.rules.routes.iter().find(|r| r.matchers.iter().all(|m| m.matches(&alert.labels)));
                let name = route.map(|route| route.name.clone()).unwrap_or_default();
                let origin = Origin::Alert { route: name, group_key: group_key.to_owned() };
                let open = context.book.open_for(&origin);
                if open.is_none() {
                    match fresh.iter_mut().find(|(known, ..)| *known == origin) {
                        Some((.., alerts)) => alerts.push(alert),
                        None => fresh.push((origin, route, vec![alert])),
                    }
                }
                open
            }
        };
        if let Some(incident) = changed {
            match changes.iter_mut().find(|change| change.incident.id == incident.id) {
                Some(change) => change.alerts.push(alert),
                None => changes.push(Change { incident, alerts: vec![alert] }),
            }
        }
    }
    let mut facts: Vec<Fact> = changes.iter().flat_map(|change| changed(context, change, by)).collect();
    for (count, (origin, route, alerts)) in fresh.iter().enumerate() {
        facts.extend(opened(context, count, origin, *route, alerts, by));
    }
    facts.extend(brakes::count(context, fresh.len()));
    facts.extend((!ends.is_empty()).then_some(Fact::EndsSeen { alerts: ends }));
    facts
}

/// News of an incident.
struct Change<'a> {
    incident: &'a Incident,
    alerts: Vec<&'a Alert>,
}

/// Each alert once, without those that never open incidents: of copies the one that fires since last, and of those the end.
fn newest<'a>(context: &Context<'_>, alerts: &'a [Alert]) -> Vec<&'a Alert> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut newest: Vec<&Alert> = Vec::new();
    for alert in alerts.iter().filter(|alert| !is_braked(context, alert)) {
        match places.get(alert.fingerprint.as_str()).and_then(|place| newest.get_mut(*place)) {
            Some(known) => {
                if (alert.starts_at, !alert.firing) > (known.starts_at, !known.firing) {
                    *known = alert;
                }
            }
            None => {
                places.insert(&alert.fingerprint, newest.len());
                newest.push(alert);
            }
        }
    }
    newest
}

/// Loop brake: the host's own alerts and the heartbeats of the alerting never open incidents.
fn is_braked(context: &Context<'_>, alert: &Alert) -> bool {
    let name = alert.labels.get("alertname").unwrap_or("");
    name == context.rules.own_alertname || NEVER_INCIDENTS.contains(&name)
}

/// A copy of an alert whose incident is over, delivered late or by another path. Not for ever: what still says `firing` long
/// after the end was not over.
fn is_late_copy(context: &Context<'_>, over: &Incident, alert: &Alert) -> bool {
    let known = over.alerts.get(&alert.fingerprint).is_some_and(|known| known.starts_at >= alert.starts_at);
    known && over.closed.is_some_and(|(at, _)| context.now.since(at) <= context.rules.gate.max_age)
}

/// The same for one whose end came before anything else of it.
fn is_ended(context: &Context<'_>, alert: &Alert) -> bool {
    let end = context.book.ends.get(&alert.fingerprint);
    end.is_some_and(|(seen, starts_at)| {
        *starts_at >= alert.starts_at && context.now.since(*seen) <= context.rules.gate.max_age
    })
}

/// An end of a firing that nobody knows, told for the first time.
fn is_unseen_end(context: &Context<'_>, known: Option<&Incident>, alert: &Alert) -> bool {
    let known = known.and_then(|incident| incident.alerts.get(&alert.fingerprint)).map(|alert| alert.starts_at);
    let seen = context.book.ends.get(&alert.fingerprint).map(|(_, starts_at)| *starts_at);
    known.max(seen).is_none_or(|latest| latest < alert.starts_at)
}

fn ended(alert: &Alert) -> EndedAlert {
    EndedAlert { fingerprint: alert.fingerprint.clone(), starts_at: alert.starts_at }
}

/// Copies arrive in any order. What fires, or has ended, does so again only from a later start; an end is not that of an
/// earlier firing. Two servers may see the same firing begin at two times: the later one ends it.
fn is_news(incident: &Incident, alert: &Alert) -> bool {
    let Some(known) = incident.alerts.get(&alert.fingerprint) else { return false };
    let ends = known.firing && !alert.firing && alert.starts_at == known.starts_at;
    ends || alert.starts_at > known.starts_at
}

/// Alerts of a known incident began to fire, or ended.
fn changed(context: &Context<'_>, change: &Change<'_>, by: Option<&str>) -> Vec<Fact> {
    let Change { incident, alerts } = change;
    let firing = || alerts.iter().filter(|alert| alert.firing);
    // Whoever says that it is over requests nothing.
    let by = by.filter(|_| firing().next().is_some());
    let changed = Fact::AlertsChanged {
        incident: incident.id.clone(),
        alerts: alerts.iter().map(|alert| (*alert).clone()).collect(),
        caused_by: causers(context, alerts, by),
    };
    let severity = firing().map(|alert| severity_of(context, &alert.labels)).max();
    let raised = severity.and_then(|severity| incident::raised(incident, severity));
    std::iter::once(changed).chain(raised).collect()
}

/// Whoever delivered the alerts, where that was no program, and whom their labels and annotations name.
fn causers(context: &Context<'_>, alerts: &[&Alert], by: Option<&str>) -> BTreeSet<String> {
    let named = incident::causers(context, alerts.iter().flat_map(|alert| [&alert.labels, &alert.annotations]));
    named.into_iter().chain(by.map(str::to_owned)).collect()
}

/// One more incident, after `count` others of the same delivery.
fn opened(
    context: &Context<'_>,
    count: usize,
    origin: &Origin,
    route: Option<&Route>,
    alerts: &[&Alert],
    by: Option<&str>,
) -> Vec<Fact> {
    let id: IncidentId = context.book.next_incident(count);
    let labels = alerts.iter().map(|alert| alert.labels.clone()).reduce(|common, labels| common.common(&labels));
    let opened = Fact::IncidentOpened {
        incident: id.clone(),
        origin: origin.clone(),
        labels: labels.unwrap_or_else(Labels::empty),
        severity: alerts.iter().map(|alert| severity_of(context, &alert.labels)).max().unwrap_or(Severity::High),
        since: alerts.iter().map(|alert| alert.starts_at).min().unwrap_or(context.now),
        mode: route.map_or(Mode::Observe, |r: &Route| r.mode),
        has_policy: route.is_some_and(|r| r.has_policy),
        dry_run: route.is_some_and(|r| r.dry_run) || context.rules.gate.dry_run,
        evidence: None,
        alerts: alerts.iter().map(|alert| (*alert).clone()).collect(),
        caused_by: causers(context, alerts, by),
        wants_opinion: route.is_some_and(|r| r.second_opinion),
    };
    std::iter::once(opened).chain(incident::relapse(context, origin, &id)).collect()
}

/// Foreign severities mean what the config says; what it does not mention is high.
fn severity_of(context: &Context<'_>, labels: &Labels) -> Severity {
    let label = labels.get("severity").unwrap_or("");
    context.rules.severity_labels.get(label).copied().unwrap_or(Severity::High)
}
