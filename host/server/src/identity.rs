//! Who somebody is, by the token or the certificate that they show: a person, a program that delivers alerts, or nobody.
//!
//! What they may do is said where they do it; nothing here knows of HTTP.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tidegate_domain::people::Role;

use crate::setup::Setup;

mod certificate;
mod failures;

pub(crate) use certificate::ClientCertificate;
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
        if sender.token.as_ref().is_some_and(|token| is_same(&given, token.expose())) {
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

/// The sender that has this certificate. A person has none: it would lie on a disk, for every program to use.
pub(crate) fn of_certificate(setup: &Setup, certificate: &ClientCertificate) -> Option<Caller> {
    let is_its = |name| certificate.is_for(name);
    let mut owners = setup.config.senders.iter().filter(|sender| sender.certificate.as_ref().is_some_and(is_its));
    let owner = owners.next()?;
    if let Some(other) = owners.next() {
        // Whoever is named is never two.
        let (one, other) = (&owner.name, &other.name);
        tracing::warn!("a certificate fits the senders {one} and {other}, and so counts for neither");
        return None;
    }
    Some(Caller::Sender { name: owner.name.clone() })
}

fn is_same(given: &[u8], known: &str) -> bool {
    given.ct_eq(Sha256::digest(known.as_bytes()).as_slice()).into()
}
