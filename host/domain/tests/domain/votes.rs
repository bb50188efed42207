//! What must hold of every yes and no, worked out in another way than the domain does it: from sets of names.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_domain::book::Request;
use tidegate_domain::event::{Event, Fact, Proposal, RequestId, RunResult, Verified};
use tidegate_domain::labels::Labels;
use tidegate_domain::people::{People, Role};
use tidegate_domain::terms::Quorum;
use tidegate_domain::time::Timestamp;

use crate::world::World;

/// The groups that decide about a request in which this person is, and all that they have ever had a part in.
fn groups<'a>(world: &'a World, labels: [&Labels; 2], name: &str) -> (BTreeSet<&'a str>, BTreeSet<&'a str>) {
    let groups = || world.rules.people.groups.iter();
    let listed = groups().filter(|(_, known)| known.members.contains(name)).map(|(group, _)| group.as_str());
    let rotates = || groups().filter(|(_, known)| known.has_roster).map(|(group, _)| group.as_str());
    let on_duty = rotates().filter(|group| world.book.roster(group).is_some_and(|members| members.contains(name)));
    let covers =
        |group: &&str| world.rules.people.groups[*group].matchers.iter().all(|m| labels.iter().all(|l| m.matches(l)));
    let deciding = listed.clone().chain(on_duty).filter(covers).collect();
    (deciding, listed.chain(rotates().filter(|group| world.book.was_rostered(group, name))).collect())
}

/// The labels by which groups decide about a request: as they were shown, and as they are.
fn labels<'a>(world: &'a World, request: &'a Request) -> [&'a Labels; 2] {
    let incident = world.book.incident(&request.incident).expect("a request is for an incident");
    let shown = request.proposal.terms.labels.as_ref().expect("every request has those it was asked with");
    [shown, &incident.labels]
}

/// Whether a person may decide, and whether they stand in for groups that have not answered.
fn admitted(world: &World, request: &Request, name: &str) -> (bool, bool) {
    let incident = world.book.incident(&request.incident).expect("a request is for an incident");
    let (covering, all) = groups(world, labels(world, request), name);
    let escalated: BTreeSet<&str> =
        request.escalated.iter().flat_map(|(_, groups)| groups.iter().map(String::as_str)).collect();
    let stands_in = !covering.is_disjoint(&escalated);
    let asked = match &request.proposal.terms.approvers {
        None => all.is_empty() || !covering.is_empty(),
        Some(listed) => listed.iter().any(|entry| entry == name || covering.contains(entry.as_str())),
    };
    let role = world.rules.people.role(name).is_some_and(|role| role != Role::View);
    let own = incident.caused_by.contains(name) && !request.proposal.terms.allow_own;
    (role && (asked || stands_in) && !own, stands_in)
}

/// What is missing where these have said yes.
fn missing(world: &World, request: &Request, yeses: &BTreeSet<&str>) -> Vec<Quorum> {
    let counts = |entry: &Quorum, name: &str| {
        let (may, stands_in) = admitted(world, request, name);
        let (covering, _) = groups(world, labels(world, request), name);
        may && entry.of.as_deref().is_none_or(|group| stands_in || covering.contains(group))
    };
    let mut entries = request.proposal.terms.quorum.clone();
    for entry in &mut entries {
        let met = yeses.iter().filter(|name| counts(entry, name)).count() as u32;
        entry.count = entry.count.saturating_sub(met);
    }
    entries.retain(|entry| entry.count > 0);
    entries
}

/// Holds what follows from a decision against how things stood before it.
pub(crate) fn check(before: &World, events: &[Event]) {
    for event in events {
        let (id, who, left) = match &event.fact {
            Fact::ApprovalGiven { request, by, missing, .. } => (request, &by.approver, Some(missing.clone())),
            Fact::RequestApproved { request, by, .. } => (request, &by.approver, Some(Vec::new())),
            Fact::RequestDenied { request, by, .. } => (request, &by.approver, None),
            _ => continue,
        };
        let request = before.book.request(id).expect("it was opened");
        assert!(admitted(before, request, who).0, "{who} decided about {id} and may not");
        let Some(left) = left else { continue };
        let earlier = request.yeses.iter().map(|yes| yes.by.approver.as_str());
        let yeses: BTreeSet<&str> = earlier.chain([who.as_str()]).collect();
        assert_eq!(missing(before, request, &yeses), left, "of {id} with {yeses:?}");
        if !left.is_empty() {
            let again = request.yeses.iter().any(|yes| yes.by.approver == *who);
            let counted = again && admitted(before, request, who).0;
            assert!(!counted, "{who} was counted twice for {id}");
        }
    }
}

/// Holds what passed because it had proved itself against what had been found of earlier repairs.
pub(crate) fn check_earned(events: &[Event]) {
    // What was filled in for each of a row of fixes.
    let (mut trades, mut rows) = (BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
    let (mut incidents, mut filled_in) = (BTreeMap::new(), BTreeMap::new());
    for Event { fact, .. } in events {
        match fact {
            Fact::IncidentOpened { incident, origin, .. } => {
                incidents.insert(incident, (origin.kind(), origin.name()));
            }
            Fact::RequestOpened { request, incident, proposal } => {
                trades.insert(request, (&proposal.action.name, incidents[incident]));
                filled_in.insert(request, &proposal.action.arguments);
            }
            Fact::VerificationFinished { request, outcome: Verified::Fixed, .. } => {
                rows.entry(trades[request]).or_default().push(filled_in[request]);
            }
            Fact::VerificationFinished { request, .. } | Fact::FixRevoked { request, .. } => {
                rows.remove(&trades[request]);
            }
            Fact::ExecutionFinished { request, result: RunResult::Failed { .. } | RunResult::Unknown { .. } } => {
                rows.remove(&trades[request]);
            }
            Fact::RequestAutoApproved { request, earned: Some(earned), .. } => {
                let same = rows[&trades[request]].iter().filter(|fix| **fix == filled_in[request]).count();
                assert_eq!(same, *earned as usize, "{request}");
            }
            _ => {}
        }
    }
}

/// One request as its events tell of it.
struct Life<'a> {
    proposal: &'a Proposal,
    over: bool,
    reminded: bool,
    escalated: bool,
}

impl Life<'_> {
    fn waits(&self, at: Timestamp) {
        assert!(!self.over && at < self.proposal.deadline, "at {at:?} it was over");
    }
}

/// Holds the whole journal against what may follow what.
pub(crate) fn check_journal(events: &[Event]) {
    let mut lives: BTreeMap<&RequestId, Life<'_>> = BTreeMap::new();
    for Event { at, fact } in events {
        if let Fact::RequestOpened { request, proposal, .. } = fact {
            lives.insert(request, Life { proposal, over: false, reminded: false, escalated: false });
            continue;
        }
        let (Fact::ApprovalGiven { request, .. }
        | Fact::RequestReminded { request }
        | Fact::RequestEscalated { request, .. }
        | Fact::RequestApproved { request, .. }
        | Fact::RequestAutoApproved { request, .. }
        | Fact::RequestDenied { request, .. }
        | Fact::RequestExpired { request, .. }
        | Fact::RequestWithdrawn { request, .. }) = fact
        else {
            continue;
        };
        let life = lives.get_mut(request).expect("opened before anything else");
        let terms = &life.proposal.terms;
        assert!(!life.over, "{request} was decided, and then came {fact:?}");
        match fact {
            Fact::ApprovalGiven { .. } => life.waits(*at),
            Fact::RequestReminded { .. } => {
                life.waits(*at);
                assert!(terms.remind_at.is_some_and(|due| due <= *at) && !life.reminded, "{request}: {fact:?}");
                life.reminded = true;
            }
            Fact::RequestEscalated { to, .. } => {
                life.waits(*at);
                let due =
                    terms.escalate.as_ref().is_some_and(|escalation| escalation.at <= *at && escalation.to == *to);
                assert!(due && !life.escalated, "{request}: {fact:?}");
                life.escalated = true;
            }
            Fact::RequestApproved { .. } | Fact::RequestDenied { .. } => {
                life.waits(*at);
                life.over = true;
            }
            Fact::RequestExpired { .. } => {
                assert!(*at >= life.proposal.deadline, "{request} expired too early");
                life.over = true;
            }
            _ => life.over = true,
        }
    }
}

/// Somebody gets another role, or joins or leaves a group.
pub(crate) fn staff(people: &mut People, who: &str, change: usize) {
    let member = |people: &mut People, group: &str| {
        let group = people.groups.get_mut(group).expect("one of the teams");
        if !group.members.remove(who) {
            group.members.insert(who.to_owned());
        }
    };
    match (change, people.persons.get_mut(who)) {
        (0, Some(person)) => person.role = Role::View,
        (1, Some(person)) => person.role = Role::Approve,
        (2, Some(person)) => person.role = Role::Admin,
        (3, _) => member(people, "shop"),
        (4, _) => member(people, "bank"),
        _ => member(people, "leads"),
    }
}
