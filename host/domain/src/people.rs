//! Who people are to the gate: names, roles, and the groups that decide about some incidents and not about others.
//!
//! How somebody proves who they are is none of this module's business.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::labels::{Labels, Matcher};

/// What somebody may do. Ordered: who may do more may do all of the less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look at everything.
    View,
    /// Decide about requests, and pause.
    Approve,
    /// Resume, and reload the config.
    Admin,
}

impl Role {
    /// The lower-case name that the config uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::View => "view",
            Role::Approve => "approve",
            Role::Admin => "admin",
        }
    }
}

/// A known person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// What they may do.
    pub role: Role,
    /// Other names under which labels may mention them, such as an e-mail address.
    pub aliases: BTreeSet<String>,
}

/// People who decide together about some incidents.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Names of people, as far as the config says. More may come from elsewhere: see
    /// [`Book::roster`](crate::book::Book::roster).
    pub members: BTreeSet<String>,
    /// True where the members also come from elsewhere, as a rotation has it.
    pub has_roster: bool,
    /// The labels of an incident must meet all of these for the group to decide about it. None: any incident.
    pub matchers: Vec<Matcher>,
}

impl Group {
    /// True when the group decides about incidents with these labels.
    #[must_use]
    pub fn covers(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(labels))
    }
}

/// Everybody.
#[derive(Clone, Debug, Default)]
pub struct People {
    /// By name.
    pub persons: BTreeMap<String, Person>,
    /// By name; no group has the name of a person.
    pub groups: BTreeMap<String, Group>,
}

impl People {
    /// What somebody may do; None for somebody unknown.
    #[must_use]
    pub fn role(&self, name: &str) -> Option<Role> {
        self.persons.get(name).map(|person| person.role)
    }

    /// True for somebody known who may do at least this.
    #[must_use]
    pub fn may(&self, name: &str, role: Role) -> bool {
        self.role(name).is_some_and(|theirs| theirs >= role)
    }

    /// The person that a label, an annotation or a login means: by name or by another of their names.
    #[must_use]
    pub fn called(&self, name: &str) -> Option<&str> {
        let exactly = self.persons.get_key_value(name).map(|(own, _)| own);
        exactly.or_else(|| self.persons.keys().find(|own| self.is_called(own, name))).map(String::as_str)
    }

    /// True where a label, an annotation or a login may mean this person, by any of their names. Large and small
    /// letters are the same here: who writes an address into a label does not look them up.
    #[must_use]
    pub fn is_called(&self, person: &str, name: &str) -> bool {
        let same = |own: &str| own.to_lowercase() == name.trim().to_lowercase();
        same(person) || self.persons.get(person).is_some_and(|person| person.aliases.iter().any(|alias| same(alias)))
    }
}
