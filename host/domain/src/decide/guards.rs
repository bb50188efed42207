//! Reasons not to repair. The first one that stands in the way, in this order, is the outcome; what is general comes
//! before what is particular, and what was seen outside before what the book counts.
//!
//! | guard                          | stands in the way while                                       | asked again            |
//! |--------------------------------|---------------------------------------------------------------|------------------------|
//! | `not_active`                   | the incident is over, or nothing of it is in trouble           | at once, if it is open |
//! | `paused`                       | somebody has stopped all repairs                              | when they are resumed  |
//! | `storm`                        | many things break at once                                     | when it is over        |
//! | `maintenance`                  | a window is open for something of it that is in trouble       | when the window closes |
//! | `silenced`                     | Alertmanager holds it back                                    | when it is released    |
//! | `silences_unknown`             | Alertmanager cannot be asked                                  | soon                   |
//! | `usual`                        | its values are usual for this time, and its route leaves such | after `ask_again`, or  |
//! |                                |                                                               | when more alerts fire  |
//! | `stale`                        | the approval was not started in time                          | at once                |
//! | `late`                         | there are no fresh samples                                    | soon                   |
//! | `digest_changed`               | the action's config or the policy is not what was shown       | at once                |
//! |                                | or it passed by itself and would not any more                 |                        |
//! | `target_busy`                  | another request holds the target, or a part of it             | when that must be over |
//! | `cooldown`, `rate`             | the target was treated too lately, or too often in an hour    | when it is free        |
//! | `circuit_open`                 | too many runs of the action in a row did not help             | when one is let through|
//! | `blast_radius`                 | too many targets, or values of a label, are under repair      | when one must be over  |
//! | `blast_radius_unknown`         | it is a share, and of how many is not known                   | soon                   |
//!
//! Just before a run all of them are looked at. Before anybody is asked those are that the book and the calendar tell,
//! in the same order: nobody is to say yes to what would be refused anyway. Whatever it was, the policy is asked again no
//! later than after `ask_again`: by then the config may have changed, and a window may have been called off.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Context;
use crate::book::{Incident, Request, Run};
use crate::calendar::Maintenance;
use crate::event::{Guard, OpinionVerdict, Origin, RequestId};
use crate::labels::Labels;
use crate::rules::{Action, Rules, WhenUsual};
use crate::time::Timestamp;

mod breaker;
mod radius;

const HOUR: Duration = Duration::from_secs(3600);
/// When to ask again about what may pass in a moment. Longer than it takes to restart whatever did not answer, shorter
/// than what a person is asked again after who has said nothing.
const SOON: Duration = Duration::from_secs(5 * 60);
/// What should be over by now and is not is looked at again after this.
const OVERDUE: Duration = Duration::from_secs(60);

/// How many values each label has whose blast radius is a share, or why that is not known.
pub(super) type Populations = BTreeMap<String, Result<u64, String>>;

/// What is to be run, on what, for which request if there is one yet.
pub(super) struct Candidate<'a> {
    pub(super) action: &'a Action,
    pub(super) target: &'a Labels,
    pub(super) request: Option<&'a RequestId>,
    /// None before a request is opened: counting them means asking Prometheus, which is done just before a run.
    pub(super) populations: Option<&'a Populations>,
}

/// What holds everything back, whatever it is about.
pub(super) fn on_everything(context: &Context<'_>) -> Option<Guard> {
    if let Some(by) = &context.book.paused {
        return Some(Guard::Paused { by: by.approver.clone() });
    }
    context.book.storm.is_some().then_some(Guard::Storm)
}

/// Is a maintenance window open for the incident?
pub(super) fn in_maintenance(context: &Context<'_>, incident: &Incident) -> Option<Guard> {
    let (window, until) = maintenance(context.rules, incident, context.now)?;
    Some(Guard::Maintenance { window: window.name.clone(), until })
}

/// The maintenance window that holds an incident back, and when it closes; of several the one that closes last. A window
/// is about an incident where its matchers hold for the incident's labels, or for those of one of its alerts that fire or
/// of one of its series that are in trouble: a repair of the whole is one of the part as well.
#[must_use]
pub fn maintenance<'a>(rules: &'a Rules, incident: &Incident, now: Timestamp) -> Option<(&'a Maintenance, Timestamp)> {
    let open = rules.maintenance.iter().filter_map(|window| Some((window, window.when.until(now)?)));
    let about = |window: &Maintenance| {
        let alerts = incident.alerts.values().filter(|alert| alert.firing).map(|alert| &alert.labels);
        let series = incident.members.iter().filter(|(_, member)| member.ended.is_none()).map(|(series, _)| series);
        std::iter::once(&incident.labels).chain(alerts).chain(series).any(|labels| window.covers(labels))
    };
    open.filter(|(window, _)| about(window)).max_by_key(|(_, until)| *until)
}

/// Do the detectors find its alerts usual for this time, and does its route leave such alone?
pub(super) fn is_usual(context: &Context<'_>, incident: &Incident) -> Option<Guard> {
    let route = context.rules.routes.iter().find(|route| route.name == incident.origin.name());
    let leave = route.is_some_and(|route| route.when_usual == WhenUsual::Leave);
    let usual = || incident.second_opinion().is_some_and(|opinion| opinion.verdict == OpinionVerdict::Usual);
    (leave && matches!(incident.origin, Origin::Alert { .. }) && usual()).then_some(Guard::Usual)
}

/// Is what is known of the incident too old to act on?
pub(super) fn is_late(context: &Context<'_>, incident: &Incident, last_sample: Option<Timestamp>) -> bool {
    // An absence is about there being no samples.
    !matches!(incident.origin, Origin::Absence { .. })
        && last_sample.is_none_or(|at| context.now.since(at) > context.rules.gate.max_age)
}

/// Does anything about the target, its history, or what else is under repair stand in the way?
pub(super) fn on_target(context: &Context<'_>, candidate: &Candidate<'_>) -> Option<Guard> {
    let others = || context.book.active_requests().filter(|request| Some(&request.id) != candidate.request);
    if let Some(holder) = others().find(|request| request.proposal.action.target.overlaps(candidate.target)) {
        return Some(Guard::TargetBusy { request: holder.id.clone() });
    }
    let under_repair: Vec<&Request> = others().filter(|request| is_under_repair(request)).collect();
    too_often(context, candidate)
        .or_else(|| breaker::open(context, candidate.action, &under_repair))
        .or_else(|| radius::exceeded(context, candidate, &under_repair))
}

/// Cooldown and rate of this action on this target, by whatever watch, route or policy.
fn too_often(context: &Context<'_>, candidate: &Candidate<'_>) -> Option<Guard> {
    let Candidate { action, target, request, .. } = *candidate;
    let most = action.max_per_hour as usize;
    // One request holds a target until it is over, so their starts are in the order in which they were opened.
    let latest_first = context.book.requests_for(target).rev().filter(|earlier| Some(&earlier.id) != request);
    let starts = latest_first.filter(|r| r.proposal.action.name == action.name).filter_map(Request::started_at);
    let starts: Vec<Timestamp> = starts.take(most.max(1)).collect();
    if let Some(last) = starts.first() {
        let until = last.plus(action.cooldown);
        if context.now < until {
            return Some(Guard::Cooldown { until });
        }
    }
    if starts.iter().filter(|at| context.now.since(**at) < HOUR).count() >= most {
        // The oldest of the last `max_per_hour` runs must leave the hour first.
        let oldest = starts.iter().take(most).next_back();
        return Some(Guard::Rate { until: oldest.map_or(context.now, |at| *at).plus(HOUR) });
    }
    None
}

/// When to ask again about what this guard has stopped.
pub(super) fn retry_at(context: &Context<'_>, guard: &Guard) -> Timestamp {
    let again = context.now.plus(context.rules.gate.ask_again);
    match guard {
        // The approval itself has aged. What is held back while it lasts is not asked about before its end: see `owed`.
        Guard::NotActive
        | Guard::Stale
        | Guard::DigestChanged
        | Guard::Paused { .. }
        | Guard::Storm
        | Guard::Silenced { .. } => context.now,
        Guard::Maintenance { until, .. }
        | Guard::Cooldown { until }
        | Guard::Rate { until }
        | Guard::CircuitOpen { until, .. } => again.min(*until),
        Guard::SilencesUnknown { .. } | Guard::BlastRadiusUnknown { .. } | Guard::Late => {
            again.min(context.now.plus(SOON))
        }
        Guard::Usual => again,
        Guard::TargetBusy { request } => {
            let holder = context.book.request(request).filter(|holder| is_under_repair(holder));
            holder.map_or(again, |holder| over_by(context, holder)).min(again)
        }
        Guard::BlastRadius { .. } => {
            let under_repair = context.book.active_requests().filter(|request| is_under_repair(request));
            under_repair.map(|request| over_by(context, request)).min().unwrap_or(again).min(again)
        }
    }
}

fn is_under_repair(request: &Request) -> bool {
    matches!(request.run, Run::Running { .. } | Run::Lost { .. }) || request.is_verifying()
}

/// By when a repair that is under way is over at the latest, its verification included.
fn over_by(context: &Context<'_>, request: &Request) -> Timestamp {
    let action = &request.proposal.action;
    let by = match &request.verification {
        Some(verification) => verification.until,
        None => request.last_start.unwrap_or(context.now).plus(action.timeout).plus(action.verify.within),
    };
    by.max(context.now.plus(OVERDUE))
}
