//! Who somebody is, by the token that they show: a person, a program that delivers alerts, or nobody.
//!
//! What they may do is said where they do it; nothing here knows of HTTP.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tidegate_domain::people::Role;

use crate::setup::Setup;

mod failures;

pub(crate) use failures::{Failures, Limited};

/// Somebody whom the config knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A person.
    Person {
        /// As the journal keeps it.
        name: String,
        /// What they may do.
        role: Role,
    },
    /// A program that may deliver alerts and nothing else.
    Sender {
        /// Different from every person's.
        name: String,
    },
}

impl Caller {
    /// As the config has it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Caller::Person { name, .. } | Caller::Sender { name } => name,
        }
    }
}

/// Whose token this is.
pub(crate) fn of_token(setup: &Setup, token: &str) -> Option<Caller> {
    let given = Sha256::digest(token.as_bytes());
    // Digests are compared, all of them, so that the time taken tells nothing about any token.
    let mut owner = None;
    for approver in &setup.config.approvers {
        if is_same(&given, approver.token.expose()) {
            owner = Some((true, &approver.name));
        }
    }
    for sender in &setup.config.senders {
        if is_same(&given, sender.token.expose()) {
            owner = Some((false, &sender.name));
        }
    }
    let (is_person, name) = owner?;
    if !is_person {
        return Some(Caller::Sender { name: name.clone() });
    }
    // Rules and approvers are read from the same tables; somebody without a role may do nothing.
    let role = setup.config.rules.people.role(name)?;
    Some(Caller::Person { name: name.clone(), role })
}

/// The sender that has this name and this token for a password. People have no password.
pub(crate) fn of_password(setup: &Setup, name: &str, password: &str) -> Option<Caller> {
    of_token(setup, password).filter(|caller| matches!(caller, Caller::Sender { name: own } if own == name))
}

fn is_same(given: &[u8], known: &str) -> bool {
    given.ct_eq(Sha256::digest(known.as_bytes()).as_slice()).into()
}
