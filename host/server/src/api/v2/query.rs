//! Which alerts are asked for: Alertmanager's parameters, read as it reads them.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use regex::Regex;
use tidegate_domain::labels::Matcher;

use super::fault::Fault;
use crate::alertmanager::ListedAlert;
use crate::host::Host;

/// How many `filter`s one request may have. Each may be a regular expression, which takes memory to read.
const MOST_FILTERS: usize = 32;

/// All that can be asked for, of alerts and of their groups.
#[derive(Debug)]
pub(in crate::api) struct Filter {
    matchers: Vec<Matcher>,
    receiver: Option<Regex>,
    active: bool,
    silenced: bool,
    inhibited: bool,
    unprocessed: bool,
    muted: bool,
}

impl Filter {
    /// Unknown parameters are ignored; of one that must stand once the last counts.
    pub(super) fn read(query: &str) -> Result<Filter, Fault> {
        let mut filter = Filter {
            matchers: Matchers::read(query)?.0,
            receiver: None,
            active: true,
            silenced: true,
            inhibited: true,
            unprocessed: true,
            muted: true,
        };
        let mut receiver = None;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "receiver" => receiver = Some(value),
                "active" => filter.active = is_true(&value),
                "silenced" => filter.silenced = is_true(&value),
                "inhibited" => filter.inhibited = is_true(&value),
                "unprocessed" => filter.unprocessed = is_true(&value),
                "muted" => filter.muted = is_true(&value),
                _ => {}
            }
        }
        if let Some(text) = receiver.filter(|text| !text.is_empty()) {
            let refused = |error| Fault::bad(format!("failed to parse receiver param: {error}"));
            filter.receiver = Some(Regex::new(&format!("^(?:{text})$")).map_err(refused)?);
        }
        Ok(filter)
    }

    /// True where the alert is asked for, whoever is told of it.
    pub(super) fn takes(&self, alert: &ListedAlert) -> bool {
        let status = &alert.status;
        (self.active || status.state != "active")
            && (self.unprocessed || status.state != "unprocessed")
            && (self.silenced || status.silenced_by.is_empty())
            && (self.inhibited || status.inhibited_by.is_empty())
            && self.matchers.iter().all(|matcher| matcher.matches(&alert.labels))
    }

    /// True where those who are told of it are asked for.
    pub(super) fn takes_receiver(&self, name: &str) -> bool {
        self.receiver.as_ref().is_none_or(|receiver| receiver.is_match(name))
    }

    /// True where it is asked for as one of a group that a time interval mutes, or of one that none does.
    pub(super) fn takes_muted(&self, muted: bool) -> bool {
        self.muted || !muted
    }
}

/// What silences are asked for by.
#[derive(Debug)]
pub(in crate::api) struct Matchers(pub(super) Vec<Matcher>);

impl Matchers {
    fn read(query: &str) -> Result<Matchers, Fault> {
        let mut matchers = Vec::new();
        for (_, text) in form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "filter") {
            if matchers.len() >= MOST_FILTERS {
                return Err(Fault::bad(format!("there are more than {MOST_FILTERS} filters")));
            }
            matchers.push(Matcher::parse(&text).map_err(|error| Fault::bad(error.to_string()))?);
        }
        Ok(Matchers(matchers))
    }
}

/// Alertmanager takes these for yes, nothing for what holds by itself, and everything else for no.
fn is_true(value: &str) -> bool {
    let yes = ["", "true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"];
    yes.iter().any(|yes| value.eq_ignore_ascii_case(yes))
}

impl FromRequestParts<Arc<Host>> for Filter {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Host>) -> Result<Filter, Fault> {
        Filter::read(parts.uri.query().unwrap_or(""))
    }
}

impl FromRequestParts<Arc<Host>> for Matchers {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Host>) -> Result<Matchers, Fault> {
        Matchers::read(parts.uri.query().unwrap_or(""))
    }
}

#[cfg(test)]
mod tests;
