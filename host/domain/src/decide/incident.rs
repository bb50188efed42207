//! Incidents from watched queries: opened, joined, worsened, ended.

use std::collections::BTreeSet;

use super::{Context, brakes, verification};
use crate::book::{Book, Incident};
use crate::event::{Evidence, Fact, IncidentId, MemberEnd, Origin, TracePoint, Verified};
use crate::input::WatchChange;
use crate::labels::Labels;
use crate::rules::{OnAbsent, Severity};
use crate::text::one_line;
use crate::time::Timestamp;

/// How many characters of a causer's name are kept. Nobody known has a longer one.
const MOST_OF_NAME: usize = 200;

pub(super) fn watched(context: &Context<'_>, watch: &str, change: &WatchChange) -> Vec<Fact> {
    let anomaly = |group: &Labels| Origin::Anomaly { watch: watch.to_owned(), group: group.clone() };
    match change {
        WatchChange::Opened { group, severity, evidence } => opened(context, anomaly(group), *severity, evidence),
        WatchChange::Worsened { group, severity } => match context.book.open_for(&anomaly(group)) {
            Some(incident) => raised(incident, *severity).into_iter().collect(),
            None => Vec::new(),
        },
        WatchChange::Ended { group, series, how } => match context.book.open_for(&anomaly(group)) {
            Some(incident) => ended(context, incident, series, *how),
            None => Vec::new(),
        },
        WatchChange::Absent { group, since } => {
            let origin = Origin::Absence { watch: watch.to_owned(), group: group.clone() };
            let wanted = context.rules.watches.get(watch).is_some_and(|w| w.on_absent == OnAbsent::Incident);
            // After a crash the same absence is told again; it may be over by then.
            let told = context.book.incidents_of(&origin).next().is_some_and(|i| i.is_open() || i.since == *since);
            if !wanted || told {
                return Vec::new();
            }
            open(context, origin, Severity::High, *since, None)
        }
        WatchChange::Returned { group } => {
            let origin = Origin::Absence { watch: watch.to_owned(), group: group.clone() };
            match context.book.open_for(&origin) {
                Some(incident) => verification::returned(context, incident),
                None => Vec::new(),
            }
        }
        WatchChange::Observed { group, sample_at, health } => match context.book.open_for(&anomaly(group)) {
            Some(incident) => verification::observed(context, incident, *sample_at, *health),
            None => Vec::new(),
        },
        WatchChange::Surveyed { anomalous, total } => brakes::share(context, watch, *anomalous, *total),
    }
}

fn opened(context: &Context<'_>, origin: Origin, severity: Severity, evidence: &Evidence) -> Vec<Fact> {
    // After a crash the same samples are folded again: a streak that the book knows is no news.
    if knows_streak(context.book, &origin, evidence) {
        return Vec::new();
    }
    let Some(incident) = context.book.open_for(&origin) else {
        return open(context, origin, severity, evidence.since, Some(Box::new(evidence.clone())));
    };
    let joined = Fact::MemberJoined {
        incident: incident.id.clone(),
        evidence: Box::new(evidence.clone()),
        caused_by: causers(context, [&evidence.series]),
    };
    [Some(joined), raised(incident, severity)].into_iter().flatten().collect()
}

fn knows_streak(book: &Book, origin: &Origin, evidence: &Evidence) -> bool {
    book.incidents_of(origin).any(|incident| {
        incident.members.get(&evidence.series).is_some_and(|member| {
            let told = member.streaks.contains(&evidence.since);
            // Of an open incident the latest streak may be told once more: its end will be told again as well.
            let latest = member.streaks.last() == Some(&evidence.since);
            if incident.is_open() { member.ended.is_none() || (told && !latest) } else { told }
        })
    })
}

pub(super) fn open(
    context: &Context<'_>,
    origin: Origin,
    severity: Severity,
    since: Timestamp,
    evidence: Option<Box<Evidence>>,
) -> Vec<Fact> {
    let Some(watch) = context.rules.watches.get(origin.name()) else {
        return Vec::new();
    };
    let id = context.book.next_incident(0);
    let labels = match &origin {
        Origin::Anomaly { group, .. } | Origin::Absence { group, .. } => group.clone(),
        Origin::Alert { .. } => Labels::empty(),
    };
    let series = evidence.as_ref().map(|evidence| &evidence.series);
    let caused_by = causers(context, std::iter::once(&labels).chain(series));
    let mut facts = vec![Fact::IncidentOpened {
        incident: id.clone(),
        origin: origin.clone(),
        labels,
        severity,
        since,
        mode: watch.mode,
        has_policy: watch.has_policy,
        dry_run: watch.dry_run || context.rules.gate.dry_run,
        evidence,
        alerts: Vec::new(),
        caused_by,
        wants_opinion: false,
    }];
    facts.extend(relapse(context, &origin, &id));
    facts.extend(brakes::count(context, 1));
    facts
}

/// Who caused it, as labels and annotations name them.
pub(super) fn causers<'a>(context: &Context<'_>, from: impl IntoIterator<Item = &'a Labels>) -> BTreeSet<String> {
    let names = &context.rules.gate.causer_labels;
    let values = from.into_iter().flat_map(|labels| names.iter().filter_map(|name| labels.get(name)));
    // Several may have done it together: `alice, bob`.
    let causers = values.flat_map(|value| value.split(',')).map(|value| one_line(value, MOST_OF_NAME));
    causers.filter(|name| !name.is_empty()).collect()
}

/// The same group broke again so soon that the last repair cannot be called a fix.
pub(super) fn relapse(context: &Context<'_>, origin: &Origin, id: &IncidentId) -> Option<Fact> {
    let latest = context.book.incidents_of(origin).next()?;
    let last = context.book.requests_of(latest).next_back()?;
    let outcome = last.verification.as_ref().filter(|v| !v.revoked)?.outcome.as_ref();
    let soon = outcome.is_some_and(|(at, outcome, _)| {
        *outcome == Verified::Fixed && context.now.since(*at) <= context.rules.gate.relapse_within
    });
    soon.then_some(Fact::FixRevoked { request: last.id.clone(), incident: id.clone() })
}

pub(super) fn raised(incident: &Incident, severity: Severity) -> Option<Fact> {
    (severity > incident.severity).then(|| Fact::SeverityRaised { incident: incident.id.clone(), severity })
}

fn ended(context: &Context<'_>, incident: &Incident, series: &Labels, how: MemberEnd) -> Vec<Fact> {
    if incident.members.get(series).is_none_or(|member| member.ended.is_some()) {
        return Vec::new();
    }
    let mut facts = vec![Fact::MemberEnded { incident: incident.id.clone(), series: series.clone(), how }];
    // What the detectors have learnt to call normal proves nothing about the repair.
    if how == MemberEnd::Accepted
        && let Some(request) = context.book.verifying(incident)
    {
        facts.push(verification::accepted(&request.id));
    }
    facts
}

/// Samples of a series of an open incident were judged: worth keeping, as what a person will want to see.
pub(super) fn traced(context: &Context<'_>, id: &IncidentId, series: &Labels, points: &[TracePoint]) -> Vec<Fact> {
    if context.book.incident(id).is_none() || points.is_empty() {
        return Vec::new();
    }
    vec![Fact::SeriesTraced { incident: id.clone(), series: series.clone(), points: points.to_vec() }]
}
