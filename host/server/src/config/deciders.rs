//! Who could say yes at all, as far as the config tells.

use std::collections::BTreeSet;

use tidegate_domain::people::Role;
use tidegate_domain::terms::Terms;

use super::people::{Named, NamedGroup};

/// People who may decide on some terms, wherever the labels of an incident let them.
pub(super) struct Deciders<'a> {
    /// By the config alone.
    sure: BTreeSet<&'a str>,
    /// With everybody on call who could be: only people whom the config names decide, whatever Slack says.
    possible: BTreeSet<&'a str>,
    /// Those asked as well when nobody answers. They stand in for the members of any group.
    escalated: BTreeSet<&'a str>,
}

impl<'a> Deciders<'a> {
    pub(super) fn of(terms: &Terms, named: &'a Named) -> Deciders<'a> {
        let groups = terms.escalate.iter().flat_map(|escalate| &escalate.to).filter_map(|name| named.groups.get(name));
        let escalated: BTreeSet<&str> = groups.flat_map(|group| possible_members(group, named)).collect();
        let mut deciders = Deciders { sure: BTreeSet::new(), possible: escalated.clone(), escalated };
        let Some(approvers) = &terms.approvers else {
            deciders.sure.extend(everybody(named).map(|(name, _)| name));
            deciders.possible.extend(&deciders.sure);
            return deciders;
        };
        for name in approvers {
            match named.groups.get(name) {
                Some(group) => {
                    deciders.sure.extend(members(group, named));
                    deciders.possible.extend(possible_members(group, named));
                }
                None => {
                    let person = everybody(named).map(|(known, _)| known).find(|known| known == name);
                    deciders.sure.extend(person);
                    deciders.possible.extend(person);
                }
            }
        }
        deciders
    }

    /// How many there are for sure, and how many there could be: of one group, or of all.
    pub(super) fn count(&self, of: Option<&str>, named: &Named) -> (usize, usize) {
        let Some(group) = of else { return (self.sure.len(), self.possible.len()) };
        let Some(group) = named.groups.get(group) else { return (0, 0) };
        let sure = members(group, named).filter(|name| self.sure.contains(name)).count();
        let theirs = possible_members(group, named).filter(|name| self.possible.contains(name));
        let possible: BTreeSet<&str> = theirs.chain(self.escalated.iter().copied()).collect();
        (sure, possible.len())
    }
}

/// Everybody who may decide about anything, and whether Slack could name them.
fn everybody(named: &Named) -> impl Iterator<Item = (&str, bool)> {
    let may_decide = named.persons.iter().filter(|(_, person)| person.role >= Role::Approve);
    may_decide.map(|(name, person)| (name.as_str(), person.in_slack))
}

fn members<'a>(group: &NamedGroup, named: &'a Named) -> impl Iterator<Item = &'a str> {
    everybody(named).map(|(name, _)| name).filter(|name| group.members.contains(*name))
}

fn possible_members<'a>(group: &NamedGroup, named: &'a Named) -> impl Iterator<Item = &'a str> {
    let may_be = |(name, in_slack): &(&str, bool)| group.members.contains(*name) || (group.has_roster && *in_slack);
    everybody(named).filter(may_be).map(|(name, _)| name)
}
