//! Reasons not to repair that come from the book: the target, its history, and how much is under repair already.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Context;
use crate::book::{Incident, Request, Run};
use crate::event::{Guard, Origin, RequestId};
use crate::labels::Labels;
use crate::rules::Action;
use crate::time::Timestamp;

const HOUR: Duration = Duration::from_secs(3600);

/// Is what is known of the incident too old to act on?
pub(super) fn is_late(context: &Context<'_>, incident: &Incident, last_sample: Option<Timestamp>) -> bool {
    // An absence is about there being no samples.
    !matches!(incident.origin, Origin::Absence { .. })
        && last_sample.is_none_or(|at| context.now.since(at) > context.rules.gate.max_age)
}

/// Does anything about the target stand in the way of running `action` on it? `except` is the request that asks.
pub(super) fn on_target(
    context: &Context<'_>,
    action: &Action,
    target: &Labels,
    except: Option<&RequestId>,
) -> Option<Guard> {
    let others = || context.book.active_requests().filter(|request| Some(&request.id) != except);
    if let Some(holder) = others().find(|request| request.proposal.action.target.overlaps(target)) {
        return Some(Guard::TargetBusy { request: holder.id.clone() });
    }
    let mut starts = starts_of(context, action, target, except);
    starts.sort();
    if let Some(last) = starts.last() {
        let until = last.plus(action.cooldown);
        if context.now < until {
            return Some(Guard::Cooldown { until });
        }
    }
    let most = action.max_per_hour as usize;
    if starts.iter().filter(|at| context.now.since(**at) < HOUR).count() >= most {
        // The oldest of the last `max_per_hour` runs must leave the hour first.
        let oldest = starts.iter().rev().take(most).next_back();
        return Some(Guard::Rate { until: oldest.map_or(context.now, |at| *at).plus(HOUR) });
    }
    let busy: BTreeSet<&Labels> = others().filter(|r| is_under_repair(r)).map(|r| &r.proposal.action.target).collect();
    if busy.len() >= context.rules.gate.max_targets {
        return Some(Guard::BlastRadius { targets: busy.len(), label: None });
    }
    None
}

/// When this action was started on this target, by whatever watch, route or policy.
fn starts_of(context: &Context<'_>, action: &Action, target: &Labels, except: Option<&RequestId>) -> Vec<Timestamp> {
    let requests = context.book.requests_for(target).filter(|request| Some(&request.id) != except);
    requests.filter(|r| r.proposal.action.name == action.name).filter_map(Request::started_at).collect()
}

fn is_under_repair(request: &Request) -> bool {
    matches!(request.run, Run::Running { .. } | Run::Lost { .. }) || request.is_verifying()
}
