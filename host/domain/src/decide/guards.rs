//! Reasons not to repair that come from the book: the target, its history, and how much is under repair already.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Context;
use crate::book::{Request, Run};
use crate::event::{Guard, RequestId};
use crate::labels::Labels;
use crate::rules::Action;
use crate::time::Timestamp;

const HOUR: Duration = Duration::from_secs(3600);

/// Does anything about the target stand in the way of running `action` on it? `except` is the request that asks.
pub(super) fn on_target(
    context: &Context<'_>,
    action: &Action,
    target: &Labels,
    except: Option<&RequestId>,
) -> Option<Guard> {
    let others = || context.book.active_requests().filter(|request| Some(&request.id) != except);
    if let Some(holder) = others().find(|request| request.proposal.action.target == *target) {
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
    let within_hour = starts.iter().filter(|at| context.now.since(**at) < HOUR).count();
    if within_hour >= action.max_per_hour as usize {
        // The oldest of the last `max_per_hour` runs must leave the hour first.
        let oldest = starts[starts.len() - (action.max_per_hour as usize).max(1).min(starts.len())];
        return Some(Guard::Rate { until: oldest.plus(HOUR) });
    }
    let busy: BTreeSet<&Labels> = others().filter(|r| is_under_repair(r)).map(|r| &r.proposal.action.target).collect();
    if busy.len() >= context.rules.gate.max_targets {
        return Some(Guard::BlastRadius { targets: busy.len() });
    }
    None
}

/// When this action was started on this target, by whatever watch, route or policy.
fn starts_of(context: &Context<'_>, action: &Action, target: &Labels, except: Option<&RequestId>) -> Vec<Timestamp> {
    let requests = context.book.requests.values().filter(|request| Some(&request.id) != except);
    let same = requests.filter(|r| r.proposal.action.name == action.name && r.proposal.action.target == *target);
    same.filter_map(Request::started_at).collect()
}

fn is_under_repair(request: &Request) -> bool {
    matches!(request.run, Run::Running { .. } | Run::Lost { .. }) || request.is_verifying()
}
