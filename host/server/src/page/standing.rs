//! How things stand, in a word or two, with a tone that a glance can tell from the others. No tone is told by its colour
//! alone.

use maud::{Markup, html};
use tidegate_domain::book::{Approval, Book, Incident, Request, Run};
use tidegate_domain::event::CloseReason;
use tidegate_domain::rules::{Mode, Severity};

use super::said::said;
use crate::silencing::{self, HeldBy};

/// The requests that wait for a decision; first the one whose time is up first.
pub(super) fn waiting(book: &Book) -> Vec<&Request> {
    let mut waiting: Vec<&Request> =
        book.active_requests().filter(|request| request.approval == Approval::Pending).collect();
    waiting.sort_by_key(|request| (request.proposal.deadline, &request.id));
    waiting
}

/// The requests that are let through and have not come to their end.
pub(super) fn under_way(book: &Book) -> Vec<&Request> {
    let mut going: Vec<&Request> =
        book.active_requests().filter(|request| request.approval != Approval::Pending).collect();
    going.sort_by_key(|request| (request.approved_at(), &request.id));
    going
}

/// The open incidents, the worst and latest first.
pub(super) fn open(book: &Book) -> Vec<&Incident> {
    let mut open: Vec<&Incident> = book.open_incidents().collect();
    open.sort_by_key(|incident| std::cmp::Reverse((incident.severity, incident.opened_at)));
    open
}

/// One sentence about everything: read out when it has changed.
pub(super) fn news(book: &Book) -> String {
    let count = |number: usize, one: &str, more: &str| match number {
        0 => format!("no {one}"),
        1 => format!("1 {one}"),
        n => format!("{n} {more}"),
    };
    let (waiting, going) = (waiting(book).len(), under_way(book).len());
    let paused = if book.paused_by().is_some() { ", all repairs paused" } else { "" };
    format!(
        "{} for a decision, {} under way, {} open{paused}",
        count(waiting, "request waits", "requests wait"),
        count(going, "repair", "repairs"),
        count(book.open_incidents().count(), "incident", "incidents"),
    )
}

/// A severity or a risk.
pub(super) fn severity(severity: Severity) -> Markup {
    let class = match severity {
        Severity::Low => "chip low",
        Severity::Medium => "chip medium",
        Severity::High => "chip high",
        Severity::Critical => "chip critical",
    };
    html! { span class=(class) { (severity.name()) } }
}

/// A word in one of the tones.
pub(super) fn chip(tone: Tone, word: &str) -> Markup {
    html! { span class=(tone.class()) { (word) } }
}

/// What a state means to a reader in a hurry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// Somebody has to do something.
    Waits,
    /// Something is being done.
    Goes,
    /// It is well.
    Good,
    /// It is not.
    Bad,
    /// Nothing came of it, or nothing needs to.
    Still,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Tone::Waits => "chip waits",
            Tone::Goes => "chip goes",
            Tone::Good => "chip good",
            Tone::Bad => "chip bad",
            Tone::Still => "chip still",
        }
    }
}

/// How a request stands.
pub(super) fn of_request(request: &Request) -> Markup {
    let (tone, word) = match request.stage().as_str() {
        "pending" => (Tone::Waits, "waits".to_owned()),
        stage if stage.starts_with("pending_") => {
            let yeses = request.yeses.len();
            (Tone::Waits, format!("waits, {yeses} said yes"))
        }
        "approved" => (Tone::Goes, "approved".to_owned()),
        "auto_approved" => (Tone::Goes, "passed by itself".to_owned()),
        "running" => (Tone::Goes, "running".to_owned()),
        "verifying" => (Tone::Goes, "being verified".to_owned()),
        "fixed" => (Tone::Good, "fixed".to_owned()),
        "revoked" => (Tone::Bad, "fixed, then broke again".to_owned()),
        "failed" => (Tone::Bad, "failed".to_owned()),
        "unknown" => (Tone::Bad, "outcome unknown".to_owned()),
        "ineffective" => (Tone::Bad, "ineffective".to_owned()),
        "refused" => match &request.run {
            Run::Refused { guard, .. } => (Tone::Bad, format!("stopped: {}", guard.name())),
            _ => (Tone::Bad, "stopped".to_owned()),
        },
        "dry_run" => (Tone::Still, "dry run".to_owned()),
        other => (Tone::Still, other.replace('_', " ")),
    };
    chip(tone, &word)
}

/// How an incident stands.
pub(super) fn of_incident(incident: &Incident) -> Markup {
    match incident.closed {
        None => chip(Tone::Waits, "open"),
        Some((_, reason)) => {
            let (tone, word) = match reason {
                CloseReason::Recovered => (Tone::Good, "recovered by itself"),
                CloseReason::Fixed => (Tone::Good, "fixed"),
                CloseReason::Accepted => (Tone::Still, "the new normal"),
                CloseReason::Resolved => (Tone::Good, "resolved"),
                CloseReason::Returned => (Tone::Good, "came back"),
                CloseReason::Vanished => (Tone::Still, "gone for good"),
            };
            chip(tone, word)
        }
    }
}

/// What holds an open incident back, if anything does.
pub(super) fn held(incident: &Incident) -> Markup {
    html! {
        @match silencing::held_by(incident).filter(|_| incident.is_open()) {
            Some(HeldBy::Person(_)) => { (chip(Tone::Still, "silenced")) " " },
            Some(HeldBy::Other(_)) => { (chip(Tone::Still, "held back")) " " },
            None => {},
        }
    }
}

/// That no detector has judged it, where it is so.
pub(super) fn static_bound(incident: &Incident) -> Markup {
    let by_bound = incident.worst().is_some_and(|worst| worst.cold_start);
    html! { @if by_bound { (chip(Tone::Still, "by a static bound")) " " } }
}

/// What an incident is: `checkout-latency: anomaly`.
pub(super) fn kind(incident: &Incident) -> Markup {
    let name = if incident.origin.name().is_empty() { "no route" } else { incident.origin.name() };
    html! { span.origin { (said(name)) } " " span.quiet { (incident.origin.kind()) } }
}

/// What happens to proposals about an incident.
pub(super) fn mode(incident: &Incident) -> &'static str {
    match (incident.has_policy, incident.mode) {
        (false, _) => "nobody is asked: no policy is configured",
        (true, Mode::Observe) => "observe: it is only said what would be proposed",
        (true, Mode::Ask) => "ask: a person decides",
        (true, Mode::Auto) => "auto: what is harmless enough passes by itself",
    }
}
