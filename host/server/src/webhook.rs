//! Alertmanager's webhook, version 4: its JSON becomes the domain's alerts here, or a reason why not.

use std::collections::BTreeMap;

use serde::Deserialize;
use tidegate_domain::event::Alert;
use tidegate_domain::labels::Labels;

use crate::alertmanager::fingerprint;
use crate::clock;

/// Longest text of an error that quotes the sender.
const MOST_QUOTED: usize = 100;

/// One delivery.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Delivery {
    /// Which group of alerts it is about.
    pub(crate) group_key: String,
    /// The alerts, firing and resolved.
    pub(crate) alerts: Vec<Alert>,
    /// How many alerts of the group are missing here, by the receiver's `max_alerts`.
    pub(crate) truncated: u64,
}

/// Why a body is not a delivery.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebhookError {
    /// Not JSON at all, or of another shape.
    #[error(
        "not a webhook delivery of Alertmanager: {0}; a receiver with a custom `payload` cannot be used here, leave it out"
    )]
    Shape(serde_json::Error),
    /// Another version.
    #[error("version {0:?} of Alertmanager's webhook is not known here; version \"4\" is (Alertmanager 0.25 and later)")]
    Version(String),
    /// A time that is none.
    #[error("alert {fingerprint}: startsAt {text:?} is not a time by RFC 3339")]
    Time {
        /// The alert.
        fingerprint: String,
        /// What it says.
        text: String,
    },
}

// Unknown fields are ignored: each version of Alertmanager adds some.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    version: String,
    group_key: String,
    alerts: Vec<WireAlert>,
    #[serde(default)]
    truncated_alerts: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAlert {
    status: Status,
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    starts_at: String,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Status {
    Firing,
    Resolved,
}

#[derive(Deserialize)]
struct Version {
    version: Option<String>,
}

/// Reads a delivery.
pub(crate) fn parse(body: &[u8]) -> Result<Delivery, WebhookError> {
    // First: another version may well have another shape, and the version is what helps then.
    if let Ok(Version { version: Some(version) }) = serde_json::from_slice(body)
        && version != "4"
    {
        return Err(WebhookError::Version(version.chars().take(MOST_QUOTED).collect()));
    }
    let wire: Wire = serde_json::from_slice(body).map_err(WebhookError::Shape)?;
    if wire.version != "4" {
        return Err(WebhookError::Version(wire.version.chars().take(MOST_QUOTED).collect()));
    }
    Ok(Delivery {
        group_key: wire.group_key,
        alerts: wire.alerts.into_iter().map(alert).collect::<Result<_, _>>()?,
        truncated: wire.truncated_alerts,
    })
}

fn alert(wire: WireAlert) -> Result<Alert, WebhookError> {
    let labels = Labels::new(wire.labels);
    // Computed, not taken over: it is our key, and the sender's word for it is not needed.
    let fingerprint = fingerprint(&labels);
    let starts_at = clock::parse_rfc3339(&wire.starts_at).ok_or_else(|| WebhookError::Time {
        fingerprint: fingerprint.clone(),
        text: wire.starts_at.chars().take(MOST_QUOTED).collect(),
    })?;
    Ok(Alert {
        fingerprint,
        labels,
        annotations: Labels::new(wire.annotations),
        starts_at,
        firing: wire.status == Status::Firing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! captured {
        ($name:literal) => {
            ($name, include_bytes!(concat!("webhook/testdata/", $name, ".json")).as_slice())
        };
    }

    #[test]
    fn captured_deliveries_of_every_version_are_read() {
        for ((name, body), firing, resolved, truncated) in [
            (captured!("am-0.25.0-webhook-firing"), 1, 0, 0),
            (captured!("am-0.28.1-webhook-firing"), 1, 0, 0),
            (captured!("am-0.33.1-webhook-firing-group"), 2, 0, 0),
            (captured!("am-0.33.1-webhook-resolved-group"), 0, 2, 0),
            (captured!("am-0.33.1-webhook-mixed-firing-resolved"), 1, 1, 0),
            (captured!("am-0.33.1-webhook-no-alertname"), 1, 0, 0),
            (captured!("am-0.33.1-webhook-truncated"), 2, 0, 3),
            (captured!("am-0.33.1-webhook-utf8"), 1, 0, 0),
            (captured!("am-0.33.1-webhook-groupby-all"), 1, 0, 0),
            (captured!("am-0.33.1-webhook-groupby-none"), 1, 0, 0),
            (captured!("am-0.33.1-webhook-repeat"), 1, 0, 0),
        ] {
            let delivery = parse(body).unwrap_or_else(|error| panic!("{name}: {error}"));
            let counted = delivery.alerts.iter().filter(|alert| alert.firing).count();
            assert_eq!((counted, delivery.alerts.len() - counted, delivery.truncated), (firing, resolved, truncated), "{name}");
            let wire: serde_json::Value = serde_json::from_slice(body).expect("JSON");
            for (alert, sent) in delivery.alerts.iter().zip(wire["alerts"].as_array().expect("alerts")) {
                assert_eq!(Some(alert.fingerprint.as_str()), sent["fingerprint"].as_str(), "{name}");
            }
        }
    }

    #[test]
    fn everything_else_is_refused_with_a_reason() {
        let deep = "[".repeat(100_000);
        let cases: &[(&[u8], &str)] = &[
            (b"", "not a webhook delivery"),
            (b"{", "not a webhook delivery"),
            (b"alert=1", "not a webhook delivery"),
            (b"\xff\xfe", "not a webhook delivery"),
            (deep.as_bytes(), "not a webhook delivery"),
            (captured!("am-0.33.1-webhook-custom-payload").1, "custom `payload`"),
            (captured!("prometheus-3.5.3-post-to-alertmanager").1, "not a webhook delivery"),
            (br#"{"version":"5","groupKey":"g","alerts":[]}"#, "version \"5\""),
            (br#"{"version":"3"}"#, "version \"3\""),
            (br#"{"version":4,"groupKey":"g","alerts":[]}"#, "not a webhook delivery"),
            (br#"{"version":"4","alerts":[]}"#, "groupKey"),
            (br#"{"version":"4","groupKey":"g"}"#, "alerts"),
            (br#"{"version":"4","groupKey":"g","alerts":[{"status":"maybe","labels":{},"startsAt":"x"}]}"#, "maybe"),
            (br#"{"version":"4","groupKey":"g","alerts":[{"status":"firing","labels":{"a":1},"startsAt":"x"}]}"#, "integer"),
            (br#"{"version":"4","groupKey":"g","alerts":[{"status":"firing","labels":{},"startsAt":"noon"}]}"#, "\"noon\""),
        ];
        for (body, said) in cases {
            let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
            let error = parse(body).expect_err(&shown).to_string();
            assert!(error.contains(said), "{shown}: {error}");
        }
    }
}
