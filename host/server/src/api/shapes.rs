//! Incidents and requests as the API shows them. Written by hand: the book's own types may change, these may not.

use serde_json::{Value, json};
use tidegate_domain::book::{Book, Incident, Silencing};
use tidegate_domain::event::{BeyondBound, Evidence, Fact, OpinionVerdict, Question, Reply, Sample, SecondOpinion};
use tidegate_domain::number::Number;
use tidegate_domain::time::Timestamp;

use crate::clock::rfc3339;
use crate::journal::Stored;
use crate::story;

mod request;
mod watch;

pub(super) use request::request;
pub(super) use watch::watch;

/// One incident, without its timeline.
pub(super) fn incident(book: &Book, incident: &Incident) -> Value {
    let worst = incident.worst();
    let number = |of: fn(&Evidence) -> Number| json!(worst.map_or(Number::NAN, of));
    let mut shape = json!({
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
        "finding": worst.map(Evidence::finding),
        "cold_start": worst.filter(|worst| worst.cold_start).map(cold_start),
        "detectors": worst.map_or_else(Vec::new, detectors),
        "during": worst.and_then(|worst| worst.during.as_ref()),
        "series": incident.members.keys().collect::<Vec<_>>(),
        "alerts": incident.alerts.values().map(alert).collect::<Vec<_>>(),
        "caused_by": incident.caused_by,
        "requests": incident.requests,
        "closed": incident.closed.map(|(at, reason)| json!({ "at": rfc3339(at), "reason": reason })),
    });
    shape["held"] = incident.held.as_ref().map_or(Value::Null, |held| json!({ "at": rfc3339(held.at), "by": held.by }));
    shape["silences"] = incident.silences.iter().map(silencing).collect();
    let handled = book.requests_of(incident).rfind(|request| request.is_handled());
    shape["handling"] = handled.map_or(Value::Null, |request| json!(request.id));
    shape["second_opinion"] = match (&incident.opinions, incident.second_opinion()) {
        (Some((at, _)), Some(opinion)) => second_opinion(*at, opinion),
        _ => Value::Null,
    };
    shape
}

/// A silence that somebody made for it from here.
fn silencing(silencing: &Silencing) -> Value {
    json!({
        "id": silencing.silence,
        "at": rfc3339(silencing.at),
        "until": rfc3339(silencing.until),
        "by": silencing.by.approver,
        "surface": silencing.by.surface,
    })
}

/// What the detectors say of its alerts; of several, the opinion that tells most.
fn second_opinion(at: Timestamp, opinion: &SecondOpinion) -> Value {
    let number = |of: fn(&Evidence) -> Number| json!(opinion.evidence.as_deref().map_or(Number::NAN, of));
    let (verdict, why) = match &opinion.verdict {
        OpinionVerdict::Usual => ("usual", None),
        OpinionVerdict::Unusual => ("unusual", None),
        OpinionVerdict::Unknown { why } => ("unknown", Some(why)),
    };
    json!({
        "at": rfc3339(at),
        "verdict": verdict,
        "why": why,
        "alert": opinion.fingerprint,
        "expr": opinion.expr,
        "value": number(|evidence| evidence.value),
        "expected": number(|evidence| evidence.expected),
        "lower": number(|evidence| evidence.lower),
        "upper": number(|evidence| evidence.upper),
        "score": number(|evidence| evidence.score),
        "detectors": opinion.evidence.as_deref().map_or_else(Vec::new, detectors),
    })
}

/// The static bound by which it counts, and how far its series has come towards the detectors.
fn cold_start(evidence: &Evidence) -> Value {
    let (above, below) = match evidence.beyond() {
        Some(BeyondBound::Above(bound)) => (Some(Number(bound)), None),
        Some(BeyondBound::Below(bound)) => (None, Some(Number(bound))),
        None => (None, None),
    };
    json!({
        "above": above,
        "below": below,
        "since": evidence.learning.map(|learning| rfc3339(learning.since)),
        "until": evidence.learning.map(|learning| rfc3339(learning.until)),
    })
}

/// What each detector said, whether it counted or not.
fn detectors(evidence: &Evidence) -> Vec<Value> {
    let said = evidence.opinions.iter().map(|opinion| {
        json!({
            "name": opinion.detector,
            "score": opinion.score,
            "note": opinion.note,
            "digest": opinion.digest,
        })
    });
    said.collect()
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
