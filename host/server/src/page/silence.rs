//! Silencing an incident for a while, and what holds one back: said wherever the incident is, with the forms for it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use tidegate_domain::book::Incident;
use tidegate_domain::decide::LONGEST_REASON;
use tidegate_domain::event::IncidentId;
use tidegate_domain::people::Role;
use tidegate_domain::time::Timestamp;

use super::course::person;
use super::deciding::{answer, sentence};
use super::frame::Frame;
use super::said::said;
use super::session::Flash;
use super::viewer::Posted;
use super::when;
use crate::clock;
use crate::host::Host;
use crate::silencing::{self, CHOICES, HeldBy, SilencingError, USUAL};

/// `POST /incidents/{id}/silence`.
pub(super) async fn make(State(host): State<Arc<Host>>, Path(id): Path<String>, posted: Posted) -> Response {
    let (id, by) = (IncidentId(id), posted.viewer.decides());
    let (length, comment) = (posted.fields.get("for"), posted.fields.get("comment"));
    let outcome = match silencing::length(length) {
        Ok(length) => silencing::silence(&host, &id, &by, length, comment).await,
        Err(error) => Err(error),
    };
    let told = outcome.map(|made| {
        let done = format!("Incident {id} is silenced until {}: {{{}}}.", day(made.until), made.matchers.join(", "));
        (done, made.missed)
    });
    answer(&host, &posted, flash(told))
}

/// `POST /incidents/{id}/unsilence`.
pub(super) async fn end(State(host): State<Arc<Host>>, Path(id): Path<String>, posted: Posted) -> Response {
    let (id, by) = (IncidentId(id), posted.viewer.decides());
    let ended = silencing::unsilence(&host, &id, &by).await;
    let told = ended.map(|ended| (format!("The silence of incident {id} was ended."), ended.missed));
    answer(&host, &posted, flash(told))
}

fn flash(told: Result<(String, Vec<String>), SilencingError>) -> Flash {
    match told {
        Ok((text, missed)) if missed.is_empty() => Flash { good: true, text },
        // What is done in one place and not in another is nothing to rely on.
        Ok((text, missed)) => Flash { good: false, text: format!("{text} Not everywhere: {}.", missed.join("; ")) },
        Err(error) => Flash { good: false, text: sentence(&error.to_string()) },
    }
}

/// For a sentence: the script cannot reach into it.
fn day(at: Timestamp) -> String {
    clock::rfc3339(at).replace('T', " ").replace(".000Z", " UTC").replace('Z', " UTC")
}

/// What holds an incident back, who silenced it until when, and the forms to do so and to end it.
pub(super) fn section(frame: &Frame, incident: &Incident) -> Markup {
    let standing: Vec<_> = silencing::standing(incident, frame.now).collect();
    html! {
        section #silence aria-label="Silence" {
            @if incident.is_open() && let Some(held) = silencing::held_by(incident) {
                p.held { (by(frame, held)) ". Nothing is asked or done about it meanwhile." }
            }
            @for made in &standing {
                @if !is_told(incident, &made.silence) {
                    p.quiet {
                        "Silenced until " (when::moment(made.until, frame.now)) " by " (person(&made.by))
                        ", in Alertmanager silence " code { (said(&made.silence)) }
                    }
                }
            }
            @if !standing.is_empty() && frame.alertmanager && frame.viewer.may(Role::Approve) {
                form.inline method="post" action={ "/incidents/" (incident.id) "/unsilence" } {
                    (frame.hidden())
                    button.plain type="submit" { @if standing.len() == 1 { "End the silence" } @else { "End these silences" } }
                }
            }
            (form(frame, incident, &incident.id.0))
        }
    }
}

/// Does the line about what holds the incident back name this silence?
fn is_told(incident: &Incident, silence: &str) -> bool {
    let held = silencing::held_by(incident).filter(|_| incident.is_open());
    matches!(held, Some(HeldBy::Person(made)) if made.silence == silence)
}

/// What holds it back, as the beginning of a sentence.
pub(super) fn by(frame: &Frame, held: HeldBy<'_>) -> Markup {
    match held {
        HeldBy::Person(made) if made.until <= frame.now => html! {
            "The silence of " (person(&made.by)) " is " b { "over" } "; Alertmanager is about to be asked whether anything else holds it back"
        },
        HeldBy::Person(made) => html! {
            b { "Silenced" } " until " (when::moment(made.until, frame.now)) " by " (person(&made.by))
        },
        HeldBy::Other(by) => html! { b { "Held back" } " by Alertmanager: " (said(by)) },
    }
}

/// The form to silence an incident, for whoever may. `of` tells it from others on the same page.
pub(super) fn form(frame: &Frame, incident: &Incident, of: &str) -> Markup {
    if !(incident.is_open() && frame.alertmanager && frame.viewer.may(Role::Approve)) {
        return html! {};
    }
    let (length, comment) = (format!("silence-for-{of}"), format!("silence-why-{of}"));
    html! {
        details.choice.hush name={ "decide-" (of) } id={ "silence-" (of) } {
            summary { "Silence…" }
            form method="post" action={ "/incidents/" (incident.id) "/silence" } {
                (frame.hidden())
                p.quiet {
                    "It becomes a silence in Alertmanager, for the alerts of this incident. Until it ends nobody is paged about "
                    "them, nobody is asked, and no repair is begun."
                }
                label for=(length) { "For how long?" }
                select id=(length) name="for" {
                    @for (length, words) in CHOICES { option value=(length) selected[length == USUAL] { (words) } }
                }
                label for=(comment) { "Why? " span.quiet { "kept with the silence" } }
                textarea id=(comment) name="comment" rows="2" maxlength=(LONGEST_REASON) required {}
                button.hush type="submit" { "Silence incident " (incident.id) }
            }
        }
    }
}
