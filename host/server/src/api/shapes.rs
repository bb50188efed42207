//! Incidents and requests as the API shows them. Written by hand: the book's own types may change, these may not.

use serde_json::{Value, json};
use tidegate_domain::book::{Book, Incident};
use tidegate_domain::event::{Fact, Question, Reply, Sample};
use tidegate_domain::number::Number;

use crate::clock::rfc3339;
use crate::journal::Stored;
use crate::story;

mod request;

pub(super) use request::request;

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
        "caused_by": incident.caused_by,
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
