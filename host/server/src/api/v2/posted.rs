//! The body of `POST /api/v2/alerts`: what Alertmanager's specification takes, and what it takes for an alert.
//!
//! A body that is not of this form is refused whole. In one that is, each alert counts by itself.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::Deserialize;
use tidegate_domain::labels::Labels;
use tidegate_domain::text::one_line;
use tidegate_domain::time::Timestamp;

use super::fault::Fault;
use crate::alertmanager::fingerprint;
use crate::inbox::{RESOLVE_TIMEOUT, SentAlert};

/// How many bad alerts of a body are named.
const MOST_NAMED: usize = 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an alert")]
struct Wire {
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    starts_at: Option<String>,
    ends_at: Option<String>,
    #[serde(rename = "generatorURL")]
    generator_url: Option<String>,
}

/// The alerts of a body.
#[derive(Debug)]
pub(super) struct Posted {
    pub(super) good: Vec<SentAlert>,
    /// Why others are none.
    pub(super) bad: Vec<String>,
}

impl Posted {
    /// Reads a body that came at this time.
    pub(super) fn read(body: &[u8], now: Timestamp) -> Result<Posted, Fault> {
        if body.is_empty() {
            return Err(Fault::missing("alerts"));
        }
        let unreadable =
            |why: String| Fault::unreadable(StatusCode::BAD_REQUEST, format!("parsing alerts body failed: {why}"));
        let reader = &mut serde_json::Deserializer::from_slice(body);
        let wire: Option<Vec<Wire>> =
            serde_path_to_error::deserialize(&mut *reader).map_err(|error| match error.path().to_string() {
                at if at == "." => unreadable(error.into_inner().to_string()),
                at => unreadable(format!("{at}: {}", error.into_inner())),
            })?;
        reader.end().map_err(|error| unreadable(error.to_string()))?;
        let mut posted = Posted { good: Vec::new(), bad: Vec::new() };
        for (at, wire) in wire.unwrap_or_default().into_iter().enumerate() {
            let labels = wire.labels.ok_or_else(|| Fault::missing(&format!("{at}.labels")))?;
            let generator_url = wire.generator_url.filter(|url| !url.is_empty());
            if let Some(url) = generator_url.as_ref().filter(|url| !is_uri(url)) {
                let url = one_line(url, 200);
                return Err(Fault::malformed(format!("{at}.generatorURL in body must be of type uri: {url:?}")));
            }
            let time = |text: Option<String>, field: &str| {
                let read = text.map_or(Ok(None), |text| time(&text));
                read.map_err(|error| unreadable(format!("[{at}].{field}: {error}")))
            };
            let times = (time(wire.starts_at, "startsAt")?, time(wire.ends_at, "endsAt")?);
            match valid(labels, wire.annotations.unwrap_or_default(), times, generator_url, now) {
                Ok(alert) => posted.good.push(alert),
                Err(why) => posted.bad.push(format!("alert {at}: {why}")),
            }
        }
        Ok(posted)
    }

    /// What whoever sent them is told of the bad ones.
    pub(super) fn faults(&self) -> Option<String> {
        let named = self.bad.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
        match self.bad.len() {
            0 => None,
            count if count > MOST_NAMED => Some(format!("{named}; and {} more", count - MOST_NAMED)),
            _ => Some(named),
        }
    }
}

fn valid(
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    (starts_at, ends_at): (Option<Timestamp>, Option<Timestamp>),
    generator_url: Option<String>,
    now: Timestamp,
) -> Result<SentAlert, String> {
    // With an end alone that is taken for the start as well.
    let starts_at = starts_at.or(ends_at).unwrap_or(now);
    let times_out = ends_at.is_none();
    let ends_at = ends_at.unwrap_or(now.plus(RESOLVE_TIMEOUT));
    if ends_at < starts_at {
        return Err("start time must be before end time".to_owned());
    }
    // An empty label is the same as none.
    let labels = Labels::new(labels.into_iter().filter(|(_, value)| !value.is_empty()));
    if labels.is_empty() {
        return Err("at least one label pair required".to_owned());
    }
    if labels.get("").is_some() {
        return Err("invalid label set: invalid name \"\"".to_owned());
    }
    if annotations.contains_key("") {
        return Err("invalid annotations: invalid name \"\"".to_owned());
    }
    let (fingerprint, annotations) = (fingerprint(&labels), Labels::new(annotations));
    Ok(SentAlert { fingerprint, labels, annotations, generator_url, starts_at, ends_at, times_out, updated_at: now })
}

/// None where it says that it is not set: nothing, or the first moment of the year 1. Without a zone it is UTC.
pub(super) fn time(text: &str) -> Result<Option<Timestamp>, jiff::Error> {
    if text.is_empty() {
        return Ok(None);
    }
    let at: jiff::Timestamp = match text.parse() {
        Ok(at) => at,
        Err(error) => match text.strip_suffix('Z').unwrap_or(text).parse::<jiff::civil::DateTime>() {
            // The last hours of the year 9999 are more than a time stamp holds.
            Ok(local) => local.to_zoned(jiff::tz::TimeZone::UTC).map_or(jiff::Timestamp::MAX, |at| at.timestamp()),
            Err(_) => return Err(error),
        },
    };
    let unset = jiff::civil::date(1, 1, 1).to_zoned(jiff::tz::TimeZone::UTC)?.timestamp();
    Ok((at != unset).then_some(Timestamp(at.as_millisecond())))
}

/// Something with a scheme, or a path from the root.
fn is_uri(text: &str) -> bool {
    let plain = !text.chars().any(|c| c.is_control() || c == ' ');
    let scheme = text.split_once(':').map(|(scheme, _)| scheme);
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    plain && (text.starts_with('/') || scheme.is_some_and(is_scheme))
}

#[cfg(test)]
mod tests;
