//! Names and tokens of those who log in: unique, whatever they are.

use std::collections::BTreeMap;

use super::error::Spot;
use super::secret;
use super::section::{At, Section};
use crate::http_client::Secret;

/// Shorter ones can be guessed over the network.
const MIN_SECRET_CHARS: usize = 16;

/// The tokens that were read so far.
#[derive(Default)]
pub(super) struct Tokens {
    taken: BTreeMap<String, Spot>,
}

impl Tokens {
    /// The same where neither need be there.
    pub(super) fn read_optional(&mut self, section: &Section<'_>) -> Option<Secret> {
        secret::is_given(section, "token").then(|| self.read(section))?
    }

    /// Reads `token_file` or `token_env`: one that cannot be guessed, that fits into a header, and that nobody else has.
    pub(super) fn read(&mut self, section: &Section<'_>) -> Option<Secret> {
        let token = secret::read(section, "token").filter(|token| {
            unguessable(section, token, "token", "make a longer one, for example with: openssl rand -hex 32")
                && printable(section, token, "token", "make another, for example with: openssl rand -hex 32")
        })?;
        if let Some(earlier) = self.taken.insert(token.value.expose().to_owned(), token.spot.clone()) {
            let what = format!("the token is the same as at {}, so nobody could say who used it", earlier.place);
            section.findings.error(&token.spot, what, "give everyone a token of their own");
        }
        Some(token.value)
    }
}

/// Objects to a secret that is too short to stay one.
pub(super) fn unguessable(section: &Section<'_>, secret: &At<Secret>, what: &str, remedy: &str) -> bool {
    let long_enough = secret.value.expose().chars().count() >= MIN_SECRET_CHARS;
    if !long_enough {
        let what = format!("the {what} is shorter than {MIN_SECRET_CHARS} characters");
        section.findings.error(&secret.spot, what, remedy);
    }
    long_enough
}

/// Objects to a secret that no header can hold.
pub(super) fn printable(section: &Section<'_>, secret: &At<Secret>, what: &str, remedy: &str) -> bool {
    let printable = secret.value.expose().chars().all(|c| c.is_ascii_graphic());
    if !printable {
        let what = format!("the {what} holds white space or characters beyond ASCII, which no HTTP header carries");
        section.findings.error(&secret.spot, what, remedy);
    }
    printable
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
