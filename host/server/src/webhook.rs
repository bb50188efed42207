//! Alertmanager's webhook, version 4: the body of a delivery, read into the domain's alerts.
//!
//! Knows nothing of HTTP; whoever serves it answers a [`WebhookError`] with 400 and its text.

use serde::Deserialize;
use tidegate_domain::event::{Alert, LeftOut};
use tidegate_domain::labels::Labels;
use tidegate_domain::text::one_line;
use tidegate_domain::time::Timestamp;

/// One delivery of one group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Delivery {
    /// Names the group, the same in every delivery of it. Deliveries repeat: dedupe by this, fingerprint, start and
    /// state of the alert.
    pub(crate) group_key: String,
    /// Firing and resolved alerts, mixed.
    pub(crate) alerts: Vec<Alert>,
    /// What of the group was left out for length (`max_alerts` of the receiver), and how to ask for it.
    pub(crate) left_out: Option<LeftOut>,
}

/// Why a body is not a delivery. The texts are answers to whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WebhookError {
    /// Not JSON, or not an object.
    #[error("the body is not a JSON object: {0}")]
    NotJson(String),
    /// JSON, of another origin: a custom `payload`, or another program.
    #[error(
        "the body is not version 4 of Alertmanager's webhook (version is {found}); \
         send to this receiver without a custom payload"
    )]
    NotVersion4 {
        /// What stands in its place.
        found: String,
    },
    /// Version 4, with something in it that cannot be.
    #[error("the body says version 4, but {path}: {cause}")]
    Invalid {
        /// Where, as in `alerts[2].startsAt`.
        path: String,
        /// What is wrong there.
        cause: String,
    },
}

impl WebhookError {
    /// True where one of the alerts is what is wrong; all of them are refused with it.
    pub(crate) fn is_of_an_alert(&self) -> bool {
        matches!(self, WebhookError::Invalid { path, .. } if path.starts_with("alerts["))
    }
}

/// Every field that counts; all others are ignored, new ones come with almost every release.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    /// Quoted as a regular expression.
    receiver: String,
    group_key: String,
    #[serde(default = "Labels::empty")]
    group_labels: Labels,
    alerts: Vec<WireAlert>,
    #[serde(default)]
    truncated_alerts: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAlert {
    status: Status,
    labels: Labels,
    #[serde(default = "Labels::empty")]
    annotations: Labels,
    // `endsAt` is left out: it is the year 1 while the alert fires, and the status says the rest.
    starts_at: String,
    #[serde(default, rename = "generatorURL")]
    generator_url: String,
    fingerprint: String,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Firing,
    Resolved,
}

/// Reads the body of a delivery.
pub(crate) fn parse(body: &[u8]) -> Result<Delivery, WebhookError> {
    is_version_4(body)?;
    let reader = &mut serde_json::Deserializer::from_slice(body);
    let wire: Wire = serde_path_to_error::deserialize(reader).map_err(|error| WebhookError::Invalid {
        path: error.path().to_string(),
        cause: error.into_inner().to_string(),
    })?;
    if wire.group_key.is_empty() {
        return Err(WebhookError::Invalid { path: "groupKey".to_owned(), cause: "it is empty".to_owned() });
    }
    let alerts = wire.alerts.into_iter().enumerate().map(|(at, alert)| alert.read(at)).collect::<Result<_, _>>()?;
    let left_out = (wire.truncated_alerts > 0).then(|| LeftOut {
        count: wire.truncated_alerts,
        receiver: unquoted(&wire.receiver),
        group_labels: wire.group_labels,
    });
    Ok(Delivery { group_key: wire.group_key, alerts, left_out })
}

/// What Go's `regexp.QuoteMeta` was given: a backslash stands before what a regular expression would not take for itself.
fn unquoted(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        let quotes = sign == '\\' && signs.peek().is_some_and(|next| r"\.+*?()|[]{}^$".contains(*next));
        plain.push(if quotes { signs.next().unwrap_or(sign) } else { sign });
    }
    plain
}

fn is_version_4(body: &[u8]) -> Result<(), WebhookError> {
    #[derive(Deserialize)]
    struct Probe {
        version: Option<serde_json::Value>,
    }
    let probe: Probe = serde_json::from_slice(body).map_err(|cause| WebhookError::NotJson(cause.to_string()))?;
    match probe.version {
        Some(serde_json::Value::String(version)) if version == "4" => Ok(()),
        None => Err(WebhookError::NotVersion4 { found: "missing".to_owned() }),
        Some(other) => {
            let found: String = other.to_string().chars().take(40).collect();
            Err(WebhookError::NotVersion4 { found })
        }
    }
}

impl WireAlert {
    fn read(self, at: usize) -> Result<Alert, WebhookError> {
        let invalid =
            |field: &str, cause: String| WebhookError::Invalid { path: format!("alerts[{at}].{field}"), cause };
        let starts_at: jiff::Timestamp =
            self.starts_at.parse().map_err(|cause: jiff::Error| invalid("startsAt", cause.to_string()))?;
        let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if self.fingerprint.len() != 16 || !self.fingerprint.bytes().all(hexadecimal) {
            let cause = format!("{:?} is not 16 hexadecimal digits", one_line(&self.fingerprint, 40));
            return Err(invalid("fingerprint", cause));
        }
        Ok(Alert {
            fingerprint: self.fingerprint,
            labels: self.labels,
            annotations: self.annotations,
            starts_at: Timestamp(starts_at.as_millisecond()),
            firing: self.status == Status::Firing,
            generator_url: Some(self.generator_url).filter(|url| !url.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests;
