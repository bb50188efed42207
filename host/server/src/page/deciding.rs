//! The forms that change something: yes, no, pause and resume. What came of it is told on the next page.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use tidegate_domain::book::{Approval, Book};
use tidegate_domain::decide::{DecisionError, SwitchError, check_pause, check_resume, missing};
use tidegate_domain::event::RequestId;
use tidegate_domain::input::{Input, Verdict};
use tidegate_domain::rules::Rules;

use super::session::Flash;
use super::viewer::Posted;
use crate::host::Host;
use crate::journal::JournalError;
use crate::keeper::DecideError;
use crate::story;

/// `POST /requests/{id}/approve`.
pub(super) async fn approve(State(host): State<Arc<Host>>, Path(id): Path<String>, posted: Posted) -> Response {
    let reason = Some(posted.fields.get("reason").trim().to_owned()).filter(|reason| !reason.is_empty());
    // A form without a digest is none of ours: then this one, of nothing, is wrong.
    let digest = Some(posted.fields.get("digest").to_owned());
    decide(&host, posted, RequestId(id), Verdict::Approve { digest, reason }).await
}

/// `POST /requests/{id}/deny`.
pub(super) async fn deny(State(host): State<Arc<Host>>, Path(id): Path<String>, posted: Posted) -> Response {
    let reason = posted.fields.get("reason").to_owned();
    decide(&host, posted, RequestId(id), Verdict::Deny { reason }).await
}

async fn decide(host: &Arc<Host>, posted: Posted, id: RequestId, verdict: Verdict) -> Response {
    let outcome = host.keeper.decision(id.clone(), posted.viewer.decides(), verdict).await;
    let flash = match outcome {
        Ok(()) => {
            let (book, rules) = (host.keeper.book(), host.keeper.rules());
            Flash { good: true, text: counted(&book, &rules, &id) }
        }
        Err(DecideError::Refused(error)) => Flash { good: false, text: refused(&host.keeper.book(), &error) },
        Err(DecideError::Journal(error)) => unwritten(&error),
    };
    answer(host, &posted, flash)
}

/// What a decision that counts has led to.
fn counted(book: &Book, rules: &Rules, id: &RequestId) -> String {
    let Some(request) = book.request(id) else { return String::new() };
    let action = &request.proposal.action;
    match &request.approval {
        Approval::Pending => {
            let missing: Vec<String> = missing(book, rules, id).iter().map(story::needed).collect();
            format!("Your yes to {id} counts. Still needed: {}.", missing.join(", "))
        }
        Approval::Approved { .. } if action.dry_run => format!("Approved {id}: a dry run, nothing is carried out."),
        Approval::Approved { .. } => format!("Approved {id}: {} is run on {}.", action.name, action.target),
        Approval::Denied { .. } => format!("Denied {id}. Nothing is run."),
        Approval::Expired { .. } | Approval::Withdrawn { .. } => format!("{id} is {}.", request.approval.name()),
    }
}

/// Why a decision does not count; where somebody else was faster, who.
fn refused(book: &Book, error: &DecisionError) -> String {
    let DecisionError::Over { request, .. } = error else { return sentence(&error.to_string()) };
    let by = match book.request(request).map(|request| &request.approval) {
        Some(Approval::Approved { by: Some(by), .. } | Approval::Denied { by, .. }) => {
            format!(" by {} ({})", by.approver, by.surface)
        }
        _ => String::new(),
    };
    let state = book.request(request).map_or("over", |request| request.approval.name()).replace('_', " ");
    format!("Request {request} is already {state}{by}; nothing was changed.")
}

/// An error of the domain's, to a person.
pub(super) fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    let first: String = rest.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", rest.as_str())
}

fn unwritten(error: &JournalError) -> Flash {
    tracing::error!(%error, "the journal cannot be written");
    let text = "Not recorded, so it does not count: the journal cannot be written at the moment. Try again.";
    Flash { good: false, text: text.to_owned() }
}

/// `POST /pause`.
pub(super) async fn pause(State(host): State<Arc<Host>>, posted: Posted) -> Response {
    let by = posted.viewer.decides();
    let check = check_pause(&host.keeper.book(), &host.keeper.rules(), &by);
    switch(&host, posted, check, Input::Pause { by }, "All repairs are paused. An admin can resume them.").await
}

/// `POST /resume`.
pub(super) async fn resume(State(host): State<Arc<Host>>, posted: Posted) -> Response {
    let by = posted.viewer.decides();
    let check = check_resume(&host.keeper.book(), &host.keeper.rules(), &by);
    switch(&host, posted, check, Input::Resume { by }, "Repairs go on.").await
}

async fn switch(
    host: &Arc<Host>,
    posted: Posted,
    check: Result<(), SwitchError>,
    input: Input,
    done: &str,
) -> Response {
    let flash = match check {
        Err(error) => Flash { good: false, text: sentence(&error.to_string()) },
        Ok(()) => match host.keeper.submit(input).await {
            Ok(_) => Flash { good: true, text: done.to_owned() },
            Err(error) => unwritten(&error),
        },
    };
    answer(host, &posted, flash)
}

/// Back to where the form was, by GET: loading that page again does nothing again.
pub(super) fn answer(host: &Host, posted: &Posted, flash: Flash) -> Response {
    host.sessions.flash(posted.viewer.session, flash);
    Redirect::to(posted.fields.place().path()).into_response()
}
