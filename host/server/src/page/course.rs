//! The course of a request, step by step, as far as it has come.

use maud::{Markup, html};
use tidegate_domain::book::{Approval, Incident, Request, Run, Verification};
use tidegate_domain::event::{DecidedBy, RunResult, Verified, WithdrawReason};
use tidegate_domain::time::Timestamp;

use super::said::{said, verbatim};
use super::when;
use crate::silencing::silenced_at;
use crate::story;

/// Every step with its time, oldest first.
pub(super) fn course(incident: &Incident, request: &Request, now: Timestamp) -> Markup {
    let mut steps = vec![(request.opened_at, html! { "Asked" (announced(request)) })];
    if let Some(at) = request.reminded {
        steps.push((at, html! { "People were reminded" }));
    }
    if let Some((at, to)) = &request.escalated {
        steps.push((*at, html! { "Escalated: " (said(&to.join(", "))) " may decide as well" }));
    }
    for (at, by, reason) in earlier_yeses(request) {
        steps.push((at, html! { (person(by)) " said yes" (because(reason)) ", which was not enough yet" }));
    }
    steps.extend(decision(incident, request, now));
    steps.extend(run(request));
    steps.extend(request.verification.as_ref().and_then(verified));
    steps.sort_by_key(|(at, _)| *at);
    html! {
        ol.course {
            @for (at, step) in &steps { li { (when::moment(*at, now)) " " div { (step) } } }
            @if let Some(next) = next(request, now) { li.next { span.time { "now" } " " div { (next) } } }
        }
    }
}

fn announced(request: &Request) -> Markup {
    let channels: Vec<&str> = request.announced.keys().map(String::as_str).collect();
    html! { @if !channels.is_empty() { ", announced by " (said(&channels.join(", "))) } }
}

/// The yeses before the one that was enough.
fn earlier_yeses(request: &Request) -> impl Iterator<Item = (Timestamp, &DecidedBy, Option<&str>)> {
    let last = match &request.approval {
        Approval::Approved { at, by: Some(_) } => Some(*at),
        _ => None,
    };
    let all = request.yeses.iter().enumerate();
    let enough = request.yeses.len().saturating_sub(1);
    let earlier = all.filter(move |(nth, yes)| *nth != enough || Some(yes.at) != last);
    earlier.map(|(_, yes)| (yes.at, &yes.by, yes.reason.as_deref()))
}

fn decision(incident: &Incident, request: &Request, now: Timestamp) -> Option<(Timestamp, Markup)> {
    Some(match &request.approval {
        Approval::Pending => return None,
        Approval::Approved { at, by: None } => (*at, html! { b { "Passed by itself" } ", as the config lets it" }),
        Approval::Approved { at, by: Some(by) } => {
            let reason = request.yeses.last().and_then(|yes| yes.reason.as_deref());
            (*at, html! { b { "Approved" } " by " (person(by)) (because(reason)) })
        }
        Approval::Denied { at, by, reason } => {
            (*at, html! { b { "Denied" } " by " (person(by)) (because(Some(reason))) })
        }
        Approval::Expired { at } => (*at, html! { b { "Expired" } ": nobody answered in time, which means no" }),
        Approval::Withdrawn { at, reason: WithdrawReason::IncidentClosed } => {
            (*at, html! { b { "Withdrawn" } ": the incident ended by itself" })
        }
        Approval::Withdrawn { at, reason: WithdrawReason::HeldBack } => {
            (*at, html! { b { "Withdrawn" } ": " (held_back(incident, *at, now)) })
        }
    })
}

/// Why nobody was asked any more though the trouble went on.
fn held_back(incident: &Incident, at: Timestamp, now: Timestamp) -> Markup {
    match silenced_at(incident, at) {
        Some(made) => {
            html! { "the incident was silenced until " (when::moment(made.until, now)) " by " (person(&made.by)) }
        }
        None => html! { "Alertmanager held the incident back" },
    }
}

fn run(request: &Request) -> Vec<(Timestamp, Markup)> {
    match &request.run {
        Run::NotStarted | Run::Lost { .. } => Vec::new(),
        Run::Refused { at, guard } => vec![(
            *at,
            html! { b { "Not carried out" } ": " code { (guard.name()) } " " (said(without_name(&story::guarded(guard)))) },
        )],
        Run::Running { at, run } => vec![(*at, html! { b { "Started" } @if *run > 1 { " (run " (run) ")" } })],
        Run::Finished { started, at, result } => {
            let (outcome, said) = match result {
                RunResult::Succeeded { output } => ("It ran and reported success", output.as_str()),
                RunResult::Failed { error } => ("It failed", error.as_str()),
                RunResult::Unknown { error } => ("Nobody knows whether it worked", error.as_str()),
                RunResult::DryRun => ("Dry run: nothing was carried out", ""),
            };
            let ended = html! { b { (outcome) } @if !said.trim().is_empty() { details { summary { "What it said" } (verbatim(said)) } } };
            match result {
                RunResult::DryRun => vec![(*at, ended)],
                _ => vec![(*started, html! { b { "Started" } }), (*at, ended)],
            }
        }
    }
}

/// What a guard says, without its name.
pub(super) fn without_name(guarded: &str) -> &str {
    guarded.split_once(": ").map_or(guarded, |(_, why)| why)
}

fn verified(found: &Verification) -> Option<(Timestamp, Markup)> {
    let (at, outcome, reason) = found.outcome.as_ref()?;
    let word = match outcome {
        Verified::Fixed if found.revoked => "Fixed, and broke again soon",
        Verified::Fixed => "Verified: fixed",
        Verified::Ineffective => "Ineffective",
        Verified::Inconclusive => "Inconclusive",
    };
    Some((*at, html! { b { (word) } ": " (said(reason)) }))
}

/// What is being waited for.
fn next(request: &Request, now: Timestamp) -> Option<Markup> {
    let verify = &request.proposal.action.verify;
    match (&request.approval, &request.run, &request.verification) {
        (Approval::Pending, ..) => {
            let deadline = request.proposal.deadline;
            Some(html! { "Waits for a decision, " (when::left(deadline, now)) ". No answer means no." })
        }
        (Approval::Approved { .. }, Run::NotStarted, _) => Some(html! { "About to be run" }),
        (Approval::Approved { .. }, Run::Running { .. }, _) => Some(html! { "Running" }),
        (Approval::Approved { .. }, Run::Lost { .. }, _) => Some(html! { "Lost from sight when the host went down" }),
        (_, _, Some(found)) if found.outcome.is_none() => Some(html! {
            "Being verified: healthy " (found.healthy) " of " (verify.healthy_for) " times in a row"
            @if now < found.settled { ", looked at from " (when::moment(found.settled, now)) }
            ", by " (when::moment(found.until, now)) " at the latest"
            @if let Some(unmet) = found.unmet.as_ref().filter(|unmet| !unmet.is_empty()) {
                ul { @for (expr, why) in unmet { li { code { (said(expr)) } " does not hold yet: " (said(why)) } } }
            }
        }),
        _ => None,
    }
}

/// Who, and from where.
pub(super) fn person(by: &DecidedBy) -> Markup {
    html! { b { (said(&by.approver)) } " " span.quiet { "(" (said(&by.surface)) " from " (said(&by.address)) ")" } }
}

fn because(reason: Option<&str>) -> Markup {
    html! { @if let Some(reason) = reason { ": " q { (said(reason)) } } }
}
