//! One request, as the API shows it.

use serde_json::{Map, Value, json};
use tidegate_domain::book::{Approval, Book, Request, Run, Yes};
use tidegate_domain::decide;
use tidegate_domain::event::{DecidedBy, RunResult, Verified};
use tidegate_domain::rules::Rules;
use tidegate_domain::terms::Quorum;
use tidegate_domain::time::Timestamp;

use crate::clock::rfc3339;
use crate::story;

/// One request, with what is still missing by the rules of now.
pub(in crate::api) fn request(book: &Book, rules: &Rules, request: &Request) -> Value {
    let proposal = &request.proposal;
    let mut shape = json!({
        "id": request.id,
        "incident": request.incident,
        "status": request.approval.name(),
        "stage": request.stage(),
        "opened_at": rfc3339(request.opened_at),
        "deadline": rfc3339(proposal.deadline),
        "action": {
            "name": proposal.action.name,
            "target": proposal.action.target,
            "arguments": proposal.action.arguments,
            "risk": proposal.action.risk,
            "dry_run": proposal.action.dry_run,
        },
        "summary": proposal.summary,
        "rationale": proposal.rationale,
        "shown": proposal.shown,
        "digest": proposal.digest,
        "announced": request.announced.keys().collect::<Vec<_>>(),
    });
    shape["terms"] = terms(request);
    shape["yeses"] = request.yeses.iter().map(yes).collect();
    shape["missing"] = decide::missing(book, rules, &request.id).iter().map(quorum).collect();
    shape["deciders"] = decide::deciders(book, rules, &request.id).into();
    shape["reminded_at"] = request.reminded.map(rfc3339).into();
    shape["escalated"] = request.escalated.as_ref().map_or(Value::Null, |(at, to)| asked_as_well(*at, to));
    shape["decided"] = decided(request);
    shape["execution"] = execution(&request.run);
    shape["verification"] = verification(request);
    shape
}

/// As of when it was opened.
fn terms(request: &Request) -> Value {
    let terms = &request.proposal.terms;
    json!({
        "approvers": terms.approvers,
        "quorum": terms.quorum.iter().map(quorum).collect::<Vec<_>>(),
        "require_reason": terms.require_reason,
        "allow_own": terms.allow_own,
        "remind_at": terms.remind_at.map(rfc3339),
        "escalate": terms.escalate.as_ref().map(|escalation| asked_as_well(escalation.at, &escalation.to)),
    })
}

fn quorum(quorum: &Quorum) -> Value {
    json!({ "count": quorum.count, "of": quorum.of })
}

fn asked_as_well(at: Timestamp, to: &[String]) -> Value {
    json!({ "at": rfc3339(at), "to": to })
}

fn yes(yes: &Yes) -> Value {
    let mut shape = by(yes.at, &yes.by);
    shape.insert("reason".to_owned(), yes.reason.clone().into());
    shape.into()
}

fn by(at: Timestamp, by: &DecidedBy) -> Map<String, Value> {
    Map::from_iter([
        ("at".to_owned(), rfc3339(at).into()),
        ("by".to_owned(), by.approver.clone().into()),
        ("surface".to_owned(), by.surface.clone().into()),
        ("address".to_owned(), by.address.clone().into()),
    ])
}

fn decided(request: &Request) -> Value {
    match &request.approval {
        Approval::Approved { at, by: Some(person) } => {
            let mut shape = by(*at, person);
            // The last yes is the one that was enough.
            let reason = request.yeses.last().and_then(|yes| yes.reason.clone());
            shape.insert("reason".to_owned(), reason.into());
            shape.into()
        }
        Approval::Denied { at, by: person, reason } => {
            let mut shape = by(*at, person);
            shape.insert("reason".to_owned(), reason.clone().into());
            shape.into()
        }
        Approval::Approved { at, by: None } | Approval::Expired { at } => json!({ "at": rfc3339(*at) }),
        Approval::Withdrawn { at, reason } => json!({ "at": rfc3339(*at), "reason": story::withdrawn(*reason) }),
        Approval::Pending => Value::Null,
    }
}

fn execution(run: &Run) -> Value {
    match run {
        Run::NotStarted => Value::Null,
        Run::Refused { at, guard } => {
            json!({ "status": "refused", "at": rfc3339(*at), "guard": guard.name(), "reason": story::guarded(guard) })
        }
        Run::Running { at, run } => json!({ "status": "running", "started_at": rfc3339(*at), "run": run }),
        Run::Lost { runs } => json!({ "status": "lost", "run": runs }),
        Run::Finished { started, at, result } => {
            let (outcome, output) = match result {
                RunResult::Succeeded { output } => ("succeeded", output.as_str()),
                RunResult::Failed { error } => ("failed", error.as_str()),
                RunResult::Unknown { error } => ("unknown", error.as_str()),
                RunResult::DryRun => ("dry_run", ""),
            };
            json!({
                "status": "finished",
                "started_at": rfc3339(*started),
                "finished_at": rfc3339(*at),
                "outcome": outcome,
                "output": output,
            })
        }
    }
}

fn verification(request: &Request) -> Value {
    let Some(verification) = &request.verification else { return Value::Null };
    let mut shape = json!({
        "from": rfc3339(verification.settled),
        "until": rfc3339(verification.until),
        "healthy": verification.healthy,
        "needed": request.proposal.action.verify.healthy_for,
        "unmet": verification.unmet,
        "revoked": verification.revoked,
    });
    if let Some((at, outcome, reason)) = &verification.outcome {
        shape["at"] = rfc3339(*at).into();
        shape["outcome"] = match outcome {
            Verified::Fixed => "fixed",
            Verified::Ineffective => "ineffective",
            Verified::Inconclusive => "inconclusive",
        }
        .into();
        shape["reason"] = reason.clone().into();
    }
    shape
}
