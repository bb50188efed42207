//! What the limits of the config promise, reckoned anew from the journal: used by the random lives of the gate.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidegate_domain::calendar::{Calendar, Maintenance};
use tidegate_domain::event::{Event, Fact, RequestId, RunResult, Verified};
use tidegate_domain::labels::Matcher;
use tidegate_domain::rules::{BlastRadius, Breaker, Most, Rules};
use tidegate_domain::time::Timestamp;

use crate::world::{START, World, minutes};

/// Every 97 minutes nothing of service `c` is repaired for 20.
const EVERY: u64 = 97;
const CLOSED_AFTER: u64 = 20;
const BREAKER: Breaker = Breaker { after: 2, reset: Duration::from_secs(30 * 60) };

/// Limits that random lives run into: windows, one service at a time for `flush`, and a breaker for `restart`.
pub(crate) fn configure(rules: &mut Rules) {
    let windows = (0..200).map(|count| START.plus(minutes(count * EVERY)));
    rules.maintenance = vec![Maintenance {
        name: "regularly".to_owned(),
        matchers: vec![Matcher::parse("service=c").expect("a matcher")],
        when: Calendar {
            spans: windows.map(|from| (from, from.plus(minutes(CLOSED_AFTER)))).collect(),
            intervals: Vec::new(),
        },
    }];
    let flush = rules.actions.get_mut("flush").expect("configured");
    flush.blast_radius = vec![BlastRadius { label: "service".to_owned(), most: Most::Count(1) }];
    rules.actions.get_mut("restart").expect("configured").breaker = Some(BREAKER);
}

/// A request was just started: was it allowed to be?
pub(crate) fn check(world: &World, started: &RequestId) {
    let (book, now) = (&world.book, world.now);
    let request = book.request(started).expect("it is known");
    let (action, service) = (&request.proposal.action, request.proposal.action.target.get("service").unwrap_or(""));
    assert!(book.paused_by().is_none() && book.storm().is_none(), "{started} was started though all is held back");

    let minute = now.since(START).as_secs() / 60;
    assert!(service != "c" || minute % EVERY >= CLOSED_AFTER, "{started} was started in maintenance");

    let earlier = before(world, started);
    if action.name == "flush" {
        let others = under_repair(&earlier);
        let services: BTreeSet<&str> =
            others.iter().filter_map(|id| book.request(id)?.proposal.action.target.get("service")).collect();
        assert!(services.iter().all(|other| *other == service), "{started} was started beside {services:?}");
    }
    if action.name == "restart" && !action.dry_run {
        check_breaker(world, started, &earlier);
    }
}

/// What happened before the latest start of a request.
fn before(world: &World, started: &RequestId) -> Vec<Event> {
    let events = world.journal.iter().map(|line| serde_json::from_str(line).expect("an event"));
    let events: Vec<Event> = events.collect();
    let is_start = |event: &Event| matches!(&event.fact, Fact::ExecutionStarted { request, .. } if request == started);
    let at = events.iter().rposition(is_start).expect("it was started");
    events[..at].to_vec()
}

/// What was started, and has not been found to help, or not.
fn under_repair(events: &[Event]) -> BTreeSet<RequestId> {
    let mut busy = BTreeSet::new();
    for event in events {
        match &event.fact {
            Fact::ExecutionStarted { request, .. } => {
                busy.insert(request.clone());
            }
            Fact::ExecutionFinished { request, result } if !matches!(result, RunResult::Succeeded { .. }) => {
                busy.remove(request);
            }
            Fact::VerificationFinished { request, .. } => {
                busy.remove(request);
            }
            _ => {}
        }
    }
    busy
}

fn check_breaker(world: &World, started: &RequestId, earlier: &[Event]) {
    let restarts = |id: &RequestId| {
        let action = world.book.request(id).map(|request| &request.proposal.action);
        action.is_some_and(|action| action.name == "restart" && !action.dry_run)
    };
    // In the order in which it was known of each whether it helped; a fix that was taken back keeps its place.
    let mut order: Vec<RequestId> = Vec::new();
    let mut helped: BTreeMap<RequestId, (bool, Timestamp)> = BTreeMap::new();
    for event in earlier {
        let (id, fixed) = match &event.fact {
            Fact::ExecutionFinished { request, result: RunResult::Failed { .. } | RunResult::Unknown { .. } } => {
                (request, false)
            }
            Fact::VerificationFinished { request, outcome: Verified::Fixed, .. } => (request, true),
            Fact::VerificationFinished { request, outcome: Verified::Ineffective, .. }
            | Fact::FixRevoked { request, .. } => (request, false),
            _ => continue,
        };
        if restarts(id) && helped.insert(id.clone(), (fixed, event.at)).is_none() {
            order.push(id.clone());
        }
    }
    let streak: Vec<Timestamp> =
        order.iter().rev().map(|id| helped[id]).take_while(|(fixed, _)| !fixed).map(|(_, at)| at).collect();
    if streak.len() < BREAKER.after as usize {
        return;
    }
    let last = streak.iter().max().expect("there are some");
    assert!(world.now >= last.plus(BREAKER.reset), "{started} was started with the circuit open");
    let trials: Vec<RequestId> = under_repair(earlier).into_iter().filter(|id| id != started && restarts(id)).collect();
    assert!(trials.is_empty(), "{started} was started beside the trial {trials:?}");
}
