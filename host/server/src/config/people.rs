//! `[[approver]]`, `[[sender]]` and `[[group]]`: who logs in, and who decides about what.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_domain::people::{Group, People, Person, Role};
use tokio_rustls::rustls::pki_types::ServerName;

use super::credentials::{Tokens, unique_name};
use super::error::{Spot, suggest};
use super::secret;
use super::section::{At, Section};
use super::{Approver, GroupConfig, Sender, matchers, slack};

pub(super) const APPROVER_KEYS: &[&str] = &["name", "role", "token_file", "token_env", "slack_user", "aliases"];
pub(super) const SENDER_KEYS: &[&str] = &["name", "token_file", "token_env", "certificate"];
pub(super) const GROUP_KEYS: &[&str] = &["name", "members", "match", "slack_usergroup", "slack_channel"];

const ROLES: [(&str, Role); 3] = [("view", Role::View), ("approve", Role::Approve), ("admin", Role::Admin)];

/// Everybody, as far as what is said of them is sound.
#[derive(Default)]
pub(super) struct Everybody {
    pub(super) approvers: Vec<Approver>,
    pub(super) senders: Vec<Sender>,
    pub(super) groups: BTreeMap<String, GroupConfig>,
    pub(super) people: People,
    pub(super) named: Named,
}

/// Who is named, sound or not: what is broken has been objected to where it stands, and not wherever it is mentioned.
#[derive(Default)]
pub(super) struct Named {
    pub(super) persons: BTreeMap<String, NamedPerson>,
    pub(super) groups: BTreeMap<String, NamedGroup>,
    /// True where somebody may decide, if only somebody whose name cannot be read.
    pub(super) has_deciders: bool,
}

/// A person, sound or not.
#[derive(Clone, Copy)]
pub(super) struct NamedPerson {
    pub(super) role: Role,
    pub(super) in_slack: bool,
}

/// A group, sound or not.
#[derive(Clone, Default)]
pub(super) struct NamedGroup {
    pub(super) members: BTreeSet<String>,
    /// More members come from Slack.
    pub(super) has_roster: bool,
    /// There may be incidents that it does not decide about.
    pub(super) is_partial: bool,
}

/// What nobody may have twice.
#[derive(Default)]
struct Taken {
    names: BTreeMap<String, Spot>,
    slack_users: BTreeMap<String, Spot>,
    tokens: Tokens,
    certificates: BTreeMap<String, Spot>,
}

/// Reads all three. Their names are different, so that whoever is named is never two.
pub(super) fn read(root: &Section<'_>) -> Everybody {
    let mut taken = Taken::default();
    let mut everybody = Everybody::default();
    let mut aliases = Vec::new();
    for section in root.listed("approver", APPROVER_KEYS) {
        aliases.extend(approver(&section, &mut taken, &mut everybody));
    }
    // Only now, because an alias may be the name of somebody who stands further down.
    refuse_shared(root, aliases, &taken);
    for section in root.listed("sender", SENDER_KEYS) {
        everybody.senders.extend(sender(root, &section, &mut taken));
    }
    for section in root.listed("group", GROUP_KEYS) {
        group(root, &section, &mut taken, &mut everybody);
    }
    everybody
}

/// Adds one person, and returns their other names.
fn approver(section: &Section<'_>, taken: &mut Taken, everybody: &mut Everybody) -> Vec<At<String>> {
    let name = unique_name(section, &mut taken.names);
    let token = taken.tokens.read(section);
    let role = section.choice("role", &ROLES).map_or(Role::Approve, |role| role.value);
    let slack_user = slack::id(section, "slack_user", slack::USER);
    if let Some(user) = &slack_user
        && let Some(earlier) = taken.slack_users.insert(user.value.clone(), user.spot.clone())
    {
        let what = format!("the Slack user is the same as at {}", earlier.place);
        section.findings.error(&user.spot, what, "give everyone their own Slack user id");
    }
    let aliases = section.some_texts("aliases", "name at least one, or leave it out").map(|list| list.value);
    let aliases = aliases.unwrap_or_default();
    everybody.named.has_deciders |= role >= Role::Approve;
    if let Some(name) = &name {
        let in_slack = section.has("slack_user");
        everybody.named.persons.insert(name.clone(), NamedPerson { role, in_slack });
    }
    if let (Some(name), Some(token)) = (name, token) {
        let aliases = aliases.iter().map(|alias| alias.value.clone()).collect();
        everybody.people.persons.insert(name.clone(), Person { role, aliases });
        everybody.approvers.push(Approver { name, token, slack_user: slack_user.map(|user| user.value) });
    }
    aliases
}

/// An alias is how a label means somebody, so it must not mean two.
fn refuse_shared(root: &Section<'_>, aliases: Vec<At<String>>, taken: &Taken) {
    let mut names = taken.names.clone();
    for alias in aliases {
        match names.get(&alias.value) {
            None => drop(names.insert(alias.value, alias.spot)),
            // Twice in one list has been objected to already.
            Some(earlier) if owner(earlier).is_some() && owner(earlier) == owner(&alias.spot) => {}
            Some(earlier) => {
                let what = format!("{:?} means somebody already, by {}", alias.value, earlier.place);
                root.findings.error(&alias.spot, what, "leave it to one of them");
            }
        }
    }
}

/// Whose list of aliases this stands in.
fn owner(spot: &Spot) -> Option<&str> {
    spot.key.split_once(".aliases[").map(|(owner, _)| owner)
}

fn sender(root: &Section<'_>, section: &Section<'_>, taken: &mut Taken) -> Option<Sender> {
    let name = unique_name(section, &mut taken.names);
    if name.as_ref().is_some_and(|name| name.contains(':')) {
        let what = "a user name of basic authentication ends at its first colon";
        section.error("name", what, "choose a name without a colon");
    }
    if !secret::is_given(section, "token") && !section.has("certificate") {
        let what = "nothing tells this sender from anybody else";
        section.error("token_file", what, "set token_file, token_env or certificate");
    }
    let token = taken.tokens.read_optional(section);
    let certificate = certificate(root, section, &mut taken.certificates);
    Some(Sender { name: name?, token, certificate })
}

/// What a sender's certificate is for.
fn certificate(
    root: &Section<'_>,
    section: &Section<'_>,
    taken: &mut BTreeMap<String, Spot>,
) -> Option<ServerName<'static>> {
    let text = section.text("certificate")?;
    let Ok(name) = ServerName::try_from(text.value.to_ascii_lowercase()) else {
        let what = format!("{:?} is neither a DNS name nor an IP address", text.value);
        let remedy = "write what its client certificate has as a subject alternative name, for example \
                      \"alertmanager.example.com\"";
        section.error("certificate", what, remedy);
        return None;
    };
    if !root.section("server", None).is_some_and(|server| server.has("tls_client_ca")) {
        let what = "no client is asked for a certificate";
        section.error("certificate", what, "set tls_client_ca in [server] to those who sign them, or leave this out");
    }
    // As it reads back, because an IPv6 address can be written in several ways.
    if let Some(earlier) = taken.insert(name.to_str().into_owned(), text.spot) {
        let what = format!("the certificate is the same as at {}, so nobody could say who came", earlier.place);
        section.error("certificate", what, "give every sender a certificate of its own");
    }
    Some(name)
}

fn group(root: &Section<'_>, section: &Section<'_>, taken: &mut Taken, everybody: &mut Everybody) {
    let name = unique_name(section, &mut taken.names);
    let members = members(section, &everybody.named);
    let matchers = matchers::read(section, "every incident: leave it out for that");
    let usergroup = slack::id(section, "slack_usergroup", slack::USERGROUP);
    let channel = slack::id(section, "slack_channel", slack::CHANNEL);
    slack::needs_bot(root, section, "slack_usergroup", "look up who is in a user group");
    slack::needs_bot(root, section, "slack_channel", "post in a channel of the group's own");
    let has_roster = section.has("slack_usergroup");
    if !section.has("members") && !has_roster {
        let what = "nobody is in this group";
        section.error("members", what, "name people, for example members = [\"alice\"], or a slack_usergroup");
    }
    if let Some(name) = name {
        let is_partial = section.has("match");
        everybody.named.groups.insert(name.clone(), NamedGroup { members: members.clone(), has_roster, is_partial });
        let matchers = matchers.unwrap_or_default();
        everybody.people.groups.insert(name.clone(), Group { members, has_roster, matchers });
        let [slack_usergroup, slack_channel] = [usergroup, channel].map(|id| Some(id?.value));
        everybody.groups.insert(name, GroupConfig { slack_usergroup, slack_channel });
    }
}

fn members(section: &Section<'_>, named: &Named) -> BTreeSet<String> {
    let list = section.some_texts("members", "name at least one person; an empty list does not mean everybody");
    let list = list.map(|list| list.value).unwrap_or_default();
    for member in &list {
        match named.persons.get(&member.value) {
            Some(person) if person.role < Role::Approve => {
                let what = format!("{:?} has role = \"view\" and decides nothing", member.value);
                section.findings.warning(&member.spot, what, "give them role = \"approve\", or take them out");
            }
            Some(_) => {}
            None => {
                let remedy = suggest(&member.value, "approver", named.persons.keys().map(String::as_str));
                section.findings.error(&member.spot, format!("there is no approver {:?}", member.value), remedy);
            }
        }
    }
    list.into_iter().map(|member| member.value).collect()
}
