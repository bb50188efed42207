//! Who may decide about one request, and whose yes counts for what.
//!
//! Everything in here is about people as they are now, not as they were when somebody said yes: whoever has lost their
//! role or left a group before the quorum was met no longer counts, and does again once they are back.

use crate::book::{Book, Request};
use crate::labels::Labels;
use crate::people::{Group, Role};
use crate::rules::Rules;
use crate::terms::Quorum;

/// Those who are asked about one request.
pub(super) struct Voters<'a> {
    book: &'a Book,
    rules: &'a Rules,
    request: &'a Request,
    /// Of the incident, as they were shown and as they are now: a group goes by both. An alert that joins takes away labels:
    /// the group that was asked decides about a part only then, and another was shown nothing that is its business.
    labels: [&'a Labels; 2],
    /// Names of those who caused or requested it, as labels and deliveries have them.
    causers: Vec<&'a str>,
}

/// Why somebody may not decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Barred {
    /// Unknown, or without the role.
    NoRole,
    /// Others are asked.
    NotAsked,
    /// It is their own.
    Own,
}

impl<'a> Voters<'a> {
    /// None where the book has no such incident.
    pub(super) fn of(book: &'a Book, rules: &'a Rules, request: &'a Request) -> Option<Voters<'a>> {
        let incident = book.incident(&request.incident)?;
        let causers = incident.caused_by.iter().map(String::as_str).collect();
        let shown = request.proposal.terms.labels.as_ref().unwrap_or(&incident.labels);
        Some(Voters { book, rules, request, labels: [shown, &incident.labels], causers })
    }

    /// May this person say yes or no?
    pub(super) fn admit(&self, name: &str) -> Result<(), Barred> {
        if !self.rules.people.may(name, Role::Approve) {
            return Err(Barred::NoRole);
        }
        if !self.is_asked(name) {
            return Err(Barred::NotAsked);
        }
        let own = || self.causers.iter().any(|causer| self.rules.people.is_called(name, causer));
        if !self.request.proposal.terms.allow_own && own() { Err(Barred::Own) } else { Ok(()) }
    }

    /// Everybody who may, by name.
    pub(super) fn admitted(&self) -> Vec<&'a str> {
        self.rules.people.persons.keys().map(String::as_str).filter(|name| self.admit(name).is_ok()).collect()
    }

    /// Those who may and have said yes, each once.
    pub(super) fn in_favour(&self) -> Vec<&'a str> {
        let mut names: Vec<&str> = Vec::new();
        for yes in &self.request.yeses {
            let name = yes.by.approver.as_str();
            if !names.contains(&name) && self.admit(name).is_ok() {
                names.push(name);
            }
        }
        names
    }

    /// How many more must say yes where these have. Each counts once for every entry that they belong to.
    pub(super) fn missing(&self, in_favour: &[&str]) -> Vec<Quorum> {
        let mut missing = Vec::new();
        for quorum in &self.request.proposal.terms.quorum {
            let yes = in_favour.iter().filter(|name| self.counts(quorum, name)).count();
            let count = quorum.count.saturating_sub(u32::try_from(yes).unwrap_or(u32::MAX));
            if count > 0 {
                missing.push(Quorum { count, of: quorum.of.clone() });
            }
        }
        missing
    }

    /// Would the yes of somebody who may decide count for anything?
    pub(super) fn counts_at_all(&self, name: &str) -> bool {
        self.request.proposal.terms.quorum.iter().any(|quorum| self.counts(quorum, name))
    }

    /// Those who are asked instead of a group that has not answered stand in for its members, or asking them would be
    /// of no use.
    fn counts(&self, quorum: &Quorum, name: &str) -> bool {
        quorum.of.as_ref().is_none_or(|group| self.is_in(group, name)) || self.is_asked_as_well(name)
    }

    fn is_asked(&self, name: &str) -> bool {
        let named = match &self.request.proposal.terms.approvers {
            Some(approvers) => approvers.iter().any(|entry| entry == name || self.is_in(entry, name)),
            None => {
                // Whoever is off duty has a group all the same: going home must not let them decide about more.
                let has = |group: &&String| self.belongs(group, name) || self.is_off_duty(group, name);
                let mut groups = self.rules.people.groups.keys().filter(has).peekable();
                groups.peek().is_none() || groups.any(|group| self.is_in(group, name))
            }
        };
        named || self.is_asked_as_well(name)
    }

    fn is_asked_as_well(&self, name: &str) -> bool {
        let escalated = self.request.escalated.as_ref();
        escalated.is_some_and(|(_, groups)| groups.iter().any(|group| self.is_in(group, name)))
    }

    /// Is this person in a group that decides about the incident?
    fn is_in(&self, group: &str, name: &str) -> bool {
        let all = |group: &Group| self.labels.iter().all(|labels| group.covers(labels));
        let covers = self.rules.people.groups.get(group).is_some_and(all);
        covers && self.belongs(group, name)
    }

    fn is_off_duty(&self, group: &str, name: &str) -> bool {
        let rotates = self.rules.people.groups.get(group).is_some_and(|known| known.has_roster);
        rotates && self.book.was_rostered(group, name)
    }

    fn belongs(&self, group: &str, name: &str) -> bool {
        let listed = |members: &std::collections::BTreeSet<String>| members.contains(name);
        self.rules.people.groups.get(group).is_some_and(|known| {
            listed(&known.members) || (known.has_roster && self.book.roster(group).is_some_and(listed))
        })
    }
}
