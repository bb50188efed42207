//! Yes and no. One request has one outcome, whoever answers first, wherever.

use super::Context;
use crate::book::{Approval, Book};
use crate::event::{DecidedBy, Fact, RequestId};
use crate::input::Verdict;
use crate::people::Role;
use crate::rules::Rules;
use crate::time::Timestamp;

/// Why a decision does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecisionError {
    /// Nothing has this name.
    #[error("there is no request {0}: look at the list of approvals for what waits")]
    Unknown(RequestId),
    /// Somebody was faster, or nobody was fast enough.
    #[error("request {request} is already {state}; nothing was changed")]
    Over {
        /// The request.
        request: RequestId,
        /// Its state, as [`Approval::name`].
        state: &'static str,
    },
    /// The person saw something else than what would run.
    #[error("request {0} is not what was shown (its digest differs): look at it again and decide anew")]
    OtherDigest(RequestId),
    /// The person is not an approver.
    #[error("{0:?} is not an approver")]
    NotAnApprover(String),
    /// A no without a reason teaches nobody.
    #[error("a denial needs a reason")]
    NoReason,
}

/// Would this decision count? The same rules on every surface.
pub fn check_decision(
    book: &Book,
    rules: &Rules,
    request: &RequestId,
    by: &DecidedBy,
    verdict: &Verdict,
    now: Timestamp,
) -> Result<(), DecisionError> {
    if !rules.people.may(&by.approver, Role::Approve) {
        return Err(DecisionError::NotAnApprover(by.approver.clone()));
    }
    let open = book.request(request).ok_or_else(|| DecisionError::Unknown(request.clone()))?;
    if open.approval != Approval::Pending {
        return Err(DecisionError::Over { request: request.clone(), state: open.approval.name() });
    }
    if now >= open.proposal.deadline {
        return Err(DecisionError::Over { request: request.clone(), state: "expired" });
    }
    match verdict {
        Verdict::Approve { digest: Some(digest), .. } if *digest != open.proposal.digest => {
            Err(DecisionError::OtherDigest(request.clone()))
        }
        Verdict::Deny { reason } if reason.trim().is_empty() => Err(DecisionError::NoReason),
        _ => Ok(()),
    }
}

pub(super) fn decided(context: &Context<'_>, request: &RequestId, by: &DecidedBy, verdict: &Verdict) -> Vec<Fact> {
    if check_decision(context.book, context.rules, request, by, verdict, context.now).is_err() {
        return Vec::new();
    }
    // A digest that was handed over has been compared; where none was, the id names the same request.
    let digest = context.book.request(request).map(|open| open.proposal.digest.clone()).unwrap_or_default();
    let (request, by) = (request.clone(), by.clone());
    vec![match verdict {
        Verdict::Approve { reason, .. } => Fact::RequestApproved { request, by, digest, reason: reason.clone() },
        Verdict::Deny { reason } => Fact::RequestDenied { request, by, digest, reason: reason.trim().to_owned() },
    }]
}
