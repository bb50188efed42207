//! `[[approver]]`: who may decide, and how they prove it.

use std::collections::BTreeMap;

use tidegate_domain::people::{Person, Role};

use super::error::Spot;
use super::section::Section;
use super::{Approver, secret};

pub(super) const KEYS: &[&str] = &["name", "token_file", "token_env", "slack_user", "role", "aliases"];

const ROLES: [(&str, Role); 3] = [("view", Role::View), ("approve", Role::Approve), ("admin", Role::Admin)];

/// Shorter tokens can be guessed over the network.
const MIN_TOKEN_CHARS: usize = 16;

pub(super) fn read(root: &Section<'_>) -> (Vec<Approver>, BTreeMap<String, Person>) {
    let mut names = BTreeMap::<String, Spot>::new();
    let mut tokens = BTreeMap::<String, Spot>::new();
    let mut slack_users = BTreeMap::<String, Spot>::new();
    let (mut approvers, mut persons) = (Vec::new(), BTreeMap::new());
    for section in root.listed("approver", KEYS) {
        let name = unique_name(&section, &mut names);
        let token = secret::read(&section, "token").filter(|token| {
            let long_enough = token.value.expose().chars().count() >= MIN_TOKEN_CHARS;
            let printable = token.value.expose().chars().all(|c| c.is_ascii_graphic());
            if !long_enough {
                let what = format!("the token is shorter than {MIN_TOKEN_CHARS} characters");
                section.findings.error(&token.spot, what, "make a longer one, for example with: openssl rand -hex 32");
            } else if !printable {
                let what = "the token holds white space or characters beyond ASCII, which no HTTP header carries";
                section.findings.error(&token.spot, what, "make another, for example with: openssl rand -hex 32");
            }
            long_enough && printable
        });
        if let Some(token) = &token
            && let Some(earlier) = tokens.insert(token.value.expose().to_owned(), token.spot.clone())
        {
            let what = format!("the token is the same as at {}, so nobody could say who decided", earlier.place);
            section.findings.error(&token.spot, what, "give everyone a token of their own");
        }
        let slack_user = section.text("slack_user");
        if let Some(user) = &slack_user
            && let Some(earlier) = slack_users.insert(user.value.clone(), user.spot.clone())
        {
            let what = format!("the Slack user is the same as at {}", earlier.place);
            section.findings.error(&user.spot, what, "give everyone their own Slack user id");
        }
        if let (Some(name), Some(token)) = (name, token) {
            let role = section.choice("role", &ROLES).map_or(Role::Approve, |role| role.value);
            let aliases = section.texts("aliases").map(|list| list.value).unwrap_or_default();
            let aliases = aliases.into_iter().map(|alias| alias.value).collect();
            persons.insert(name.clone(), Person { role, aliases });
            approvers.push(Approver { name, token: token.value, slack_user: slack_user.map(|user| user.value) });
        }
    }
    (approvers, persons)
}

/// Reads the `name` of one of several tables, and objects when another has it already.
pub(super) fn unique_name(section: &Section<'_>, taken: &mut BTreeMap<String, Spot>) -> Option<String> {
    let name = section.text("name");
    let name = section.require(name, "name", "give it a name that nothing else of its kind has")?;
    if name.value.chars().any(char::is_control) || name.value.trim() != name.value || name.value.len() > 200 {
        let remedy = "use at most 200 letters, digits and signs, with no space at either end";
        section.error("name", format!("{:?} cannot be a name", name.value), remedy);
        return None;
    }
    match taken.get(&name.value) {
        None => {
            taken.insert(name.value.clone(), name.spot);
            Some(name.value)
        }
        Some(earlier) => {
            let what = format!("the name {:?} is taken, by {}", name.value, earlier.place);
            section.error("name", what, "choose another name");
            None
        }
    }
}
