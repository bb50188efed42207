//! The kill switch: anybody who may decide stops all repairs, an admin lets them go on.

use super::Context;
use crate::book::Book;
use crate::event::{DecidedBy, Fact};
use crate::people::Role;
use crate::rules::Rules;

/// Why the switch stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SwitchError {
    /// Nobody that the config knows, or somebody who may only look.
    #[error("{0:?} is not an approver: pausing takes the role approve or admin in the config")]
    NotAnApprover(String),
    /// Letting repairs go on is for admins.
    #[error("{0:?} is not an admin: whoever may decide may pause, and only the role admin may resume; ask an admin")]
    NotAnAdmin(String),
    /// Somebody was faster.
    #[error("repairs are paused already, by {by:?}; nothing was changed")]
    AlreadyPaused {
        /// Who.
        by: String,
    },
    /// There is nothing to resume.
    #[error("repairs are not paused; nothing was changed")]
    NotPaused,
}

/// Would this pause count? The same rules on every surface.
pub fn check_pause(book: &Book, rules: &Rules, by: &DecidedBy) -> Result<(), SwitchError> {
    if !rules.people.may(&by.approver, Role::Approve) {
        return Err(SwitchError::NotAnApprover(by.approver.clone()));
    }
    book.paused.as_ref().map_or(Ok(()), |earlier| Err(SwitchError::AlreadyPaused { by: earlier.approver.clone() }))
}

/// Would this resumption count? The same rules on every surface.
pub fn check_resume(book: &Book, rules: &Rules, by: &DecidedBy) -> Result<(), SwitchError> {
    if !rules.people.may(&by.approver, Role::Admin) {
        return Err(SwitchError::NotAnAdmin(by.approver.clone()));
    }
    book.paused.as_ref().map_or(Err(SwitchError::NotPaused), |_| Ok(()))
}

pub(super) fn pause(context: &Context<'_>, by: &DecidedBy) -> Vec<Fact> {
    let allowed = check_pause(context.book, context.rules, by).is_ok();
    allowed.then(|| Fact::Paused { by: by.clone() }).into_iter().collect()
}

pub(super) fn resume(context: &Context<'_>, by: &DecidedBy) -> Vec<Fact> {
    let allowed = check_resume(context.book, context.rules, by).is_ok();
    allowed.then(|| Fact::Resumed { by: by.clone() }).into_iter().collect()
}
