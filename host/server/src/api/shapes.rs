//! Incidents and requests as the API shows them. Written by hand: the book's own types may change, these may not.

use serde_json::{Map, Value, json};
use tidegate_domain::book::{Approval, Book, Incident, Request, Run};
use tidegate_domain::event::{DecidedBy, Fact, Question, Reply, RunResult, Sample, Verified};
use tidegate_domain::number::Number;
use tidegate_domain::time::Timestamp;

use crate::clock::rfc3339;
use crate::journal::Stored;
use crate::story;

/// One incident, without its timeline.
pub(super) fn incident(incident: &Incident) -> Value {
    let worst = incident.worst();
    let number = |of: fn(&tidegate_domain::event::Evidence) -> Number| json!(worst.map_or(Number::NAN, of));
    json!({
        "id": incident.id,
        "status": if incident.is_open() { "open" } else { "closed" },
        "source": incident.origin.kind(),
        "watch": incident.origin.name(),
        "labels": incident.labels,
        "severity": incident.severity,
        "since": rfc3339(incident.since),
        "opened_at": rfc3339(incident.opened_at),
        "value": number(|evidence| evidence.value),
        "expected": number(|evidence| evidence.expected),
        "lower": number(|evidence| evidence.lower),
        "upper": number(|evidence| evidence.upper),
        "score": number(|evidence| evidence.score),
        "series": incident.members.keys().collect::<Vec<_>>(),
        "alerts": incident.alerts.values().map(alert).collect::<Vec<_>>(),
        "requests": incident.requests,
        "closed": incident.closed.map(|(at, reason)| json!({ "at": rfc3339(at), "reason": reason })),
    })
}

fn alert(alert: &tidegate_domain::event::Alert) -> Value {
    json!({
        "fingerprint": alert.fingerprint,
        "labels": alert.labels,
        "annotations": alert.annotations,
        "starts_at": rfc3339(alert.starts_at),
        "firing": alert.firing,
    })
}

/// One line of a timeline.
pub(super) fn event(book: &Book, stored: &Stored) -> Value {
    let mut shape = json!({
        "seq": stored.seq,
        "at": rfc3339(stored.event.at),
        "kind": story::kind(&stored.event.fact),
        "text": story::tell(book, &stored.event.fact),
    });
    if let Fact::PolicyAsked { asked, .. } = &stored.event.fact {
        shape["questions"] = asked.questions.iter().map(question).collect();
        shape["unlisted"] = asked.unlisted.into();
    }
    shape
}

/// What a policy asked Prometheus, and what it was told.
fn question(question: &Question) -> Value {
    let mut shape = json!({ "expr": question.expr, "cut_from": question.cut_from });
    match &question.reply {
        Reply::Answered { samples } => {
            let sample = |s: &Sample| json!({ "labels": s.labels, "at": rfc3339(s.at), "value": s.value });
            shape["reply"] = "answered".into();
            shape["samples"] = samples.iter().map(sample).collect();
        }
        Reply::Failed { error } => {
            shape["reply"] = "failed".into();
            shape["error"] = error.clone().into();
        }
        Reply::Refused { reason } => {
            shape["reply"] = "refused".into();
            shape["error"] = reason.clone().into();
        }
    }
    shape
}

/// One request.
pub(super) fn request(request: &Request) -> Value {
    let proposal = &request.proposal;
    let mut shape = json!({
        "id": request.id,
        "incident": request.incident,
        "status": request.approval.name(),
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
    shape["decided"] = decided(&request.approval);
    shape["execution"] = execution(&request.run);
    shape["verification"] = verification(request);
    shape
}

fn decided(approval: &Approval) -> Value {
    let by = |at: &Timestamp, by: &DecidedBy| {
        Map::from_iter([
            ("at".to_owned(), rfc3339(*at).into()),
            ("by".to_owned(), by.approver.clone().into()),
            ("surface".to_owned(), by.surface.clone().into()),
        ])
    };
    match approval {
        Approval::Approved { at, by: Some(person) } => by(at, person).into(),
        Approval::Denied { at, by: person, reason } => {
            let mut shape = by(at, person);
            shape.insert("reason".to_owned(), reason.clone().into());
            shape.into()
        }
        Approval::Approved { at, by: None } | Approval::Expired { at } | Approval::Withdrawn { at, .. } => {
            json!({ "at": rfc3339(*at) })
        }
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
