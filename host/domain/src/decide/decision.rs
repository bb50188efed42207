//! Yes and no. One request has one outcome, whoever answers first, wherever.

use super::Context;
use super::voters::{Barred, Voters};
use crate::book::{Approval, Book, Request};
use crate::event::{DecidedBy, Fact, RequestId};
use crate::input::Verdict;
use crate::people::Role;
use crate::rules::Rules;
use crate::terms::{Quorum, more};
use crate::time::Timestamp;

/// A longer reason, in characters, is refused: it is shown in messages, to policies and in the journal for ever.
pub const LONGEST_REASON: usize = 2000;

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
    /// Nobody that the config knows, or somebody who may only look.
    #[error("{0:?} is not an approver: deciding takes the role approve or admin in the config")]
    NotAnApprover(String),
    /// An approver, but others decide about this.
    #[error("{name:?} is not among those who decide about request {request}: {}", instead(.others))]
    NotAsked {
        /// Who wanted to decide.
        name: String,
        /// The request.
        request: RequestId,
        /// Who may.
        others: Vec<String>,
    },
    /// Nobody decides about what they caused or requested.
    #[error("{name:?} caused or requested what request {request} is about, so others decide: {}", instead(.others))]
    Own {
        /// Who wanted to decide.
        name: String,
        /// The request.
        request: RequestId,
        /// Who may.
        others: Vec<String>,
    },
    /// They may say no, but nobody waits for their yes.
    #[error("the yes of {name:?} counts for nothing: request {request} needs {}; a no would count", more(.missing))]
    NotCounted {
        /// Who wanted to say yes.
        name: String,
        /// The request.
        request: RequestId,
        /// Whose yes is missing.
        missing: Vec<Quorum>,
    },
    /// One person is one yes.
    #[error("{name:?} has already said yes to request {request}, which needs {}; nothing was changed", more(.missing))]
    AlreadyYes {
        /// Who wanted to say it again.
        name: String,
        /// The request.
        request: RequestId,
        /// Whose yes is missing.
        missing: Vec<Quorum>,
    },
    /// A no without a reason teaches nobody.
    #[error("a denial needs a reason: say why, for whoever is asked the next time")]
    NoReason,
    /// The terms of the request want a yes to be explained as well.
    #[error("request {0} is approved with a reason only: say why it may run")]
    NoReasonToApprove(RequestId),
    /// More than anybody will read.
    #[error("the reason has {length} characters, and at most {LONGEST_REASON} are kept: shorten it")]
    LongReason {
        /// How many it has.
        length: usize,
    },
}

fn instead(others: &[String]) -> String {
    match others {
        [] => {
            "nobody may, so it ends with its deadline; see `approvers`, `allow_own` and the groups in the config".into()
        }
        [one] => format!("ask {one}"),
        [all @ .., last] => format!("ask {} or {last}", all.join(", ")),
    }
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
    let (open, voters) = admit(book, rules, request, &by.approver)?;
    if now >= open.proposal.deadline {
        return Err(DecisionError::Over { request: request.clone(), state: "expired" });
    }
    let reason = match verdict {
        Verdict::Approve { reason, .. } => reason.as_deref().unwrap_or_default(),
        Verdict::Deny { reason } => reason,
    };
    let length = reason.trim().chars().count();
    if length > LONGEST_REASON {
        return Err(DecisionError::LongReason { length });
    }
    match verdict {
        Verdict::Approve { digest: Some(digest), .. } if *digest != open.proposal.digest => {
            Err(DecisionError::OtherDigest(request.clone()))
        }
        Verdict::Approve { .. } => check_yes(&voters, open, &by.approver, length > 0),
        Verdict::Deny { .. } if length == 0 => Err(DecisionError::NoReason),
        Verdict::Deny { .. } => Ok(()),
    }
}

/// May this person decide about this request at all? What a surface goes by that offers it to them.
pub fn may_decide(book: &Book, rules: &Rules, request: &RequestId, name: &str) -> Result<(), DecisionError> {
    admit(book, rules, request, name).map(drop)
}

/// How many more must say yes, of whom. Empty where nothing waits for a yes, and where those who have said it have come
/// to be enough since, because they are in more groups than then: the next yes completes it, also one said again.
#[must_use]
pub fn missing(book: &Book, rules: &Rules, request: &RequestId) -> Vec<Quorum> {
    let pending = book.request(request).filter(|open| open.approval == Approval::Pending);
    let voters = pending.and_then(|open| Voters::of(book, rules, open));
    voters.map_or_else(Vec::new, |voters| voters.missing(&voters.in_favour()))
}

/// Everybody who may decide about this request now, by name. Nobody where nothing waits for a decision.
#[must_use]
pub fn deciders<'a>(book: &'a Book, rules: &'a Rules, request: &RequestId) -> Vec<&'a str> {
    let pending = book.request(request).filter(|open| open.approval == Approval::Pending);
    let voters = pending.and_then(|open| Voters::of(book, rules, open));
    voters.map_or_else(Vec::new, |voters| voters.admitted())
}

fn admit<'a>(
    book: &'a Book,
    rules: &'a Rules,
    id: &RequestId,
    name: &str,
) -> Result<(&'a Request, Voters<'a>), DecisionError> {
    // Before anything is said about the request.
    if !rules.people.may(name, Role::Approve) {
        return Err(DecisionError::NotAnApprover(name.to_owned()));
    }
    let open = book.request(id).ok_or_else(|| DecisionError::Unknown(id.clone()))?;
    if open.approval != Approval::Pending {
        return Err(DecisionError::Over { request: id.clone(), state: open.approval.name() });
    }
    let voters = Voters::of(book, rules, open).ok_or_else(|| DecisionError::Unknown(id.clone()))?;
    let others = || voters.admitted().into_iter().map(str::to_owned).collect();
    match voters.admit(name) {
        Ok(()) => Ok((open, voters)),
        Err(Barred::NoRole) => Err(DecisionError::NotAnApprover(name.to_owned())),
        Err(Barred::NotAsked) => {
            Err(DecisionError::NotAsked { name: name.to_owned(), request: id.clone(), others: others() })
        }
        Err(Barred::Own) => Err(DecisionError::Own { name: name.to_owned(), request: id.clone(), others: others() }),
    }
}

fn check_yes(voters: &Voters<'_>, open: &Request, name: &str, has_reason: bool) -> Result<(), DecisionError> {
    let in_favour = voters.in_favour();
    let (who, request) = (name.to_owned(), open.id.clone());
    if !voters.counts_at_all(name) {
        return Err(DecisionError::NotCounted { name: who, request, missing: voters.missing(&in_favour) });
    }
    if in_favour.contains(&name) {
        let missing = voters.missing(&in_favour);
        // Whose earlier yes has come to be enough, because they are in more groups than then, may complete it.
        if !missing.is_empty() {
            return Err(DecisionError::AlreadyYes { name: who, request, missing });
        }
    }
    if open.proposal.terms.require_reason && !has_reason {
        return Err(DecisionError::NoReasonToApprove(request));
    }
    Ok(())
}

pub(super) fn decided(context: &Context<'_>, request: &RequestId, by: &DecidedBy, verdict: &Verdict) -> Vec<Fact> {
    if check_decision(context.book, context.rules, request, by, verdict, context.now).is_err() {
        return Vec::new();
    }
    let Some(open) = context.book.request(request) else { return Vec::new() };
    // A digest that was handed over has been compared; where none was, the id names the same request.
    let digest = open.proposal.digest.clone();
    let (request, by) = (request.clone(), by.clone());
    vec![match verdict {
        Verdict::Approve { reason, .. } => {
            let reason = reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty()).map(str::to_owned);
            match missing_after(context, open, &by.approver) {
                missing if missing.is_empty() => Fact::RequestApproved { request, by, digest, reason },
                missing => Fact::ApprovalGiven { request, by, digest, reason, missing },
            }
        }
        Verdict::Deny { reason } => Fact::RequestDenied { request, by, digest, reason: reason.trim().to_owned() },
    }]
}

/// How many more must say yes once this person has.
fn missing_after(context: &Context<'_>, open: &Request, name: &str) -> Vec<Quorum> {
    let Some(voters) = Voters::of(context.book, context.rules, open) else {
        return open.proposal.terms.quorum.clone();
    };
    let mut in_favour = voters.in_favour();
    if !in_favour.contains(&name) {
        in_favour.push(name);
    }
    voters.missing(&in_favour)
}
