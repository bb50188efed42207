//! On which terms a request is decided: the keys that `[gate]` and `[action.NAME.gate]` share.

use std::time::Duration;

use tidegate_domain::people::Role;
use tidegate_domain::rules::Severity;
use tidegate_domain::terms::{Autonomy, Escalate, Quorum, Terms};
use tidegate_domain::time::format_duration;

use super::deciders::Deciders;
use super::endpoints::SEVERITIES;
use super::error::{Spot, suggest};
use super::locate::Value;
use super::people::Named;
use super::section::{At, Section};

pub(super) const KEYS: &[&str] = &[
    "deadline",
    "remind_before",
    "escalate",
    "approvers",
    "quorum",
    "require_reason",
    "allow_own",
    "auto_approve",
    "autonomy",
];
pub(super) const ESCALATE_KEYS: &[&str] = &["after", "to"];
pub(super) const AUTONOMY_KEYS: &[&str] = &["after", "up_to"];

/// Where the deadline is not longer than this, nobody is reminded unless the config says when.
const DEFAULT_REMINDER: Duration = Duration::from_secs(60);

/// The keys of one table, as far as they are there and readable.
#[derive(Clone, Default)]
pub(super) struct Keys {
    deadline: Option<At<Duration>>,
    remind_before: Option<At<Duration>>,
    escalate: Option<At<Escalate>>,
    approvers: Option<At<Vec<String>>>,
    quorum: Option<At<Vec<At<Quorum>>>>,
    require_reason: Option<At<bool>>,
    allow_own: Option<At<bool>>,
    auto_approve: Option<At<Severity>>,
    autonomy: Option<At<Autonomy>>,
}

impl Keys {
    /// Reads one table. Whoever it names must be there.
    pub(super) fn read(section: &Section<'_>, named: &Named) -> Keys {
        Keys {
            deadline: section.positive_duration("deadline"),
            remind_before: section.duration("remind_before"),
            escalate: escalate(section, named),
            approvers: approvers(section, named),
            quorum: quorum(section, named),
            require_reason: section.flag("require_reason"),
            allow_own: section.flag("allow_own"),
            auto_approve: section.choice("auto_approve", &SEVERITIES),
            autonomy: autonomy(section),
        }
    }

    /// Fills what is left out from `gate`.
    pub(super) fn or(self, gate: &Keys) -> Keys {
        Keys {
            deadline: self.deadline.or_else(|| gate.deadline.clone()),
            remind_before: self.remind_before.or_else(|| gate.remind_before.clone()),
            escalate: self.escalate.or_else(|| gate.escalate.clone()),
            approvers: self.approvers.or_else(|| gate.approvers.clone()),
            quorum: self.quorum.or_else(|| gate.quorum.clone()),
            require_reason: self.require_reason.or_else(|| gate.require_reason.clone()),
            allow_own: self.allow_own.or_else(|| gate.allow_own.clone()),
            auto_approve: self.auto_approve.or_else(|| gate.auto_approve.clone()),
            autonomy: self.autonomy.or_else(|| gate.autonomy.clone()),
        }
    }

    /// Objects to what does not fit together in `section`, which has been filled by now.
    pub(super) fn settle(&self, section: &Section<'_>, named: &Named) -> Terms {
        let defaults = Terms::default();
        let deadline = self.deadline.as_ref().map_or(defaults.deadline, |length| length.value);
        let auto_approve = self.auto_approve.as_ref().map_or(defaults.auto_approve, |word| word.value);
        self.refuse_too_late(section, deadline);
        if let Some(autonomy) = &self.autonomy
            && autonomy.value.up_to < auto_approve
        {
            let what = format!("up to {} everything passes by itself, earned or not", auto_approve.name());
            let spot = self.own_of(section, [("autonomy", &autonomy.spot), ("auto_approve", &autonomy.spot)]);
            section.findings.warning(&spot, what, "choose up_to above auto_approve, or leave autonomy out");
        }
        let terms = Terms {
            deadline,
            remind_before: match &self.remind_before {
                None => Some(DEFAULT_REMINDER).filter(|before| *before < deadline),
                Some(before) => Some(before.value).filter(|before| !before.is_zero()),
            },
            escalate: self.escalate.as_ref().map(|escalate| escalate.value.clone()),
            approvers: self.approvers.as_ref().map(|names| names.value.clone()),
            quorum: match &self.quorum {
                None => defaults.quorum,
                Some(list) => list.value.iter().map(|quorum| quorum.value.clone()).collect(),
            },
            require_reason: self.require_reason.as_ref().is_some_and(|flag| flag.value),
            allow_own: self.allow_own.as_ref().is_some_and(|flag| flag.value),
            auto_approve,
            autonomy: self.autonomy.as_ref().map(|autonomy| autonomy.value.clone()),
        };
        self.refuse_out_of_reach(section, &terms, named);
        terms
    }

    fn refuse_too_late(&self, section: &Section<'_>, deadline: Duration) {
        let after = self.escalate.as_ref().map(|escalate| ("escalate", escalate.value.after, &escalate.spot));
        let before = self.remind_before.as_ref().map(|before| ("remind_before", before.value, &before.spot));
        for (key, length, spot) in after.into_iter().chain(before).filter(|(_, length, _)| *length >= deadline) {
            let (said, deadline) = (format_duration(length), format_duration(deadline));
            let (what, remedy) = if key == "escalate" {
                let what = format!("nobody would be asked as well: after {said} the deadline ({deadline}) is over");
                (what, "choose escalate.after shorter than the deadline")
            } else {
                let what = format!("{said} before the deadline ({deadline}) nothing has been asked yet");
                (what, "choose remind_before shorter than the deadline; \"0s\" for no reminder")
            };
            let spot = self.own_of(section, [(key, spot), ("deadline", spot)]);
            section.findings.error(&spot, what, remedy);
        }
    }

    /// What somebody wrote in `section` is to blame, rather than what it was filled with.
    fn own_of(&self, section: &Section<'_>, keys: [(&str, &Spot); 2]) -> Spot {
        let [(first, spot), (second, _)] = keys;
        if !section.has(first) && section.has(second) { section.spot_of(second) } else { spot.clone() }
    }

    /// A quorum that cannot be met would let every request run into its deadline.
    fn refuse_out_of_reach(&self, section: &Section<'_>, terms: &Terms, named: &Named) {
        // Nobody chose who decides, so somebody who is missing is missed elsewhere.
        let Some(written) =
            self.quorum.as_ref().map(|list| &list.spot).or(self.approvers.as_ref().map(|list| &list.spot))
        else {
            return;
        };
        let deciders = Deciders::of(terms, named);
        for (at, quorum) in terms.quorum.iter().enumerate() {
            let own = self.quorum.as_ref().and_then(|list| list.value.get(at)).map_or(written, |quorum| &quorum.spot);
            let spot = self.own_of(section, [("quorum", own), ("approvers", own)]);
            let (sure, possible) = deciders.count(quorum.of.as_deref(), named);
            let wanted = quorum.count as usize;
            let of = quorum.of.as_ref().map_or_else(String::new, |group| format!(" of {group}"));
            if possible < wanted {
                let there = if possible == 0 { "nobody".to_owned() } else { format!("only {possible}") };
                let what = format!("{wanted}{of} must say yes, and {there} could");
                let remedy = match quorum.of {
                    Some(_) => "add people to the group, see that approvers lets them decide, or ask for fewer",
                    None => "add people, see that approvers lets them decide, or ask for fewer",
                };
                section.findings.error(&spot, what, remedy);
            } else if sure < wanted && wanted > 1 {
                let there = if sure == 0 { "nobody".to_owned() } else { sure.to_string() };
                let what = format!("{wanted}{of} must say yes, and by the config alone {there} could");
                let remedy = "see that a user group of Slack, or whoever is asked as well, makes up for it";
                section.findings.warning(&spot, what, remedy);
            }
        }
    }
}

fn escalate(section: &Section<'_>, named: &Named) -> Option<At<Escalate>> {
    let below = section.section("escalate", Some(ESCALATE_KEYS))?;
    let after = below.duration("after");
    let after = below.require(after, "after", "say for how long nobody has answered, for example after = \"3m\"");
    if after.as_ref().is_some_and(|after| after.value.is_zero()) {
        below.error("after", "nobody could have answered by then", "choose a longer time, or name them in approvers");
    }
    let remedy = "name at least one group, for example to = [\"leads\"]";
    let to = below.some_texts("to", remedy);
    let to = below.require(to, "to", remedy)?;
    for name in to.value.iter().filter(|name| !named.groups.contains_key(&name.value)) {
        let remedy = if named.persons.contains_key(&name.value) {
            "make a [[group]] with them in it".to_owned()
        } else {
            suggest(&name.value, "group", named.groups.keys().map(String::as_str))
        };
        section.findings.error(&name.spot, format!("there is no group {:?}", name.value), remedy);
    }
    let to = to.value.into_iter().map(|name| name.value).collect();
    Some(At { value: Escalate { after: after?.value, to }, spot: section.spot_of("escalate") })
}

fn approvers(section: &Section<'_>, named: &Named) -> Option<At<Vec<String>>> {
    let remedy = "name people or groups, or leave it out; an empty list does not mean everybody";
    let list = section.some_texts("approvers", remedy)?;
    let mut sound = true;
    for name in list.value.iter().filter(|name| !named.groups.contains_key(&name.value)) {
        let person = named.persons.get(&name.value);
        if person.is_some_and(|person| person.role >= Role::Approve) {
            continue;
        }
        sound = false;
        match person {
            Some(_) => {
                let what = format!("{:?} has role = \"view\" and may not decide", name.value);
                section.findings.error(&name.spot, what, "give them role = \"approve\", or take them out");
            }
            None => {
                let known = named.persons.keys().chain(named.groups.keys()).map(String::as_str);
                let remedy = suggest(&name.value, "person or group", known);
                section.findings.error(&name.spot, format!("there is no person or group {:?}", name.value), remedy);
            }
        }
    }
    // Whether there are enough of them is only asked where all of them are known.
    sound.then(|| At { value: list.value.into_iter().map(|name| name.value).collect(), spot: list.spot })
}

fn quorum(section: &Section<'_>, named: &Named) -> Option<At<Vec<At<Quorum>>>> {
    let list = section.one_or_more("quorum")?;
    if list.value.is_empty() {
        section.error("quorum", "the list is empty", "say how many must say yes; an empty list does not mean nobody");
        return None;
    }
    let mut quorums: Vec<At<Quorum>> = Vec::new();
    let wanted = list.value.len();
    for element in list.value {
        let Some(value) = how_many(section, &element) else { continue };
        let quorum = At { value, spot: element.spot };
        if let Some(group) = quorum.value.of.as_ref().filter(|group| !named.groups.contains_key(*group)) {
            let remedy = suggest(group, "group", named.groups.keys().map(String::as_str));
            section.findings.error(&quorum.spot, format!("there is no group {group:?}"), remedy);
            continue;
        }
        let partial = quorum.value.of.as_ref().filter(|group| named.groups.get(*group).is_some_and(|g| g.is_partial));
        if let Some(group) = partial.filter(|_| section.spot.key == "gate") {
            let what = format!("nobody of {group} says yes to an incident that its match leaves out");
            let remedy = "ask for them in the gate of the actions that are theirs, or take match out of the group";
            section.findings.warning(&quorum.spot, what, remedy);
        }
        if quorums.iter().any(|earlier| earlier.value.of == quorum.value.of) {
            section.findings.error(&quorum.spot, "the same people are counted twice", "keep the larger number");
        }
        quorums.push(quorum);
    }
    // Whether it can be met is only asked of what is understood as a whole.
    (quorums.len() == wanted).then_some(At { value: quorums, spot: list.spot })
}

/// `2`, or `"2 of payments"`.
fn how_many(section: &Section<'_>, element: &At<&Value>) -> Option<Quorum> {
    let read = match element.value {
        Value::Integer(count) => Some((*count, None)),
        Value::Text(text) => text.split_once(" of ").and_then(|(count, group)| {
            let group = Some(group.trim().to_owned()).filter(|group| !group.is_empty());
            Some((count.trim().parse().ok()?, Some(group?)))
        }),
        _ => None,
    };
    let quorum = read.and_then(|(count, of)| {
        let count = u32::try_from(count).ok().filter(|count| *count > 0)?;
        Some(Quorum { count, of })
    });
    if quorum.is_none() {
        let what = "this does not say how many people must say yes";
        section.findings.error(&element.spot, what, "write a number, 1 or more, or for example \"2 of payments\"");
    }
    quorum
}

fn autonomy(section: &Section<'_>) -> Option<At<Autonomy>> {
    let below = section.section("autonomy", Some(AUTONOMY_KEYS))?;
    let after = below.count("after", 1);
    let after = below.require(after, "after", "say how many verified fixes in a row earn it, for example after = 5");
    let up_to = below.choice("up_to", &SEVERITIES);
    let up_to = below.require(up_to, "up_to", "say up to which risk: low, medium, high or critical");
    Some(At { value: Autonomy { after: after?.value, up_to: up_to?.value }, spot: section.spot_of("autonomy") })
}
