//! What Alertmanager's API v2 says, in its own shape. Read leniently, from 0.25 on, and written as it was read.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};
use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;

use super::OutgoingAlert;
use crate::clock;

/// An alert as Alertmanager has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedAlert {
    /// Its fingerprint.
    pub(crate) fingerprint: String,
    /// All labels.
    pub(crate) labels: Labels,
    /// All annotations.
    #[serde(default = "Labels::empty")]
    pub(crate) annotations: Labels,
    /// When it began, as RFC 3339.
    #[serde(default)]
    pub(crate) starts_at: String,
    /// Until when it stands without another word.
    #[serde(default)]
    pub(crate) ends_at: String,
    /// When it was last sent.
    #[serde(default)]
    pub(crate) updated_at: String,
    /// Where it came from; may be empty.
    #[serde(default, rename = "generatorURL")]
    pub(crate) generator_url: String,
    /// Who is told of it.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) receivers: Vec<Receiver>,
    /// What holds it back, if anything does. Not left out: without it nobody knows whether anything does.
    pub(crate) status: AlertStatus,
}

/// Who is told of an alert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Receiver {
    /// As Alertmanager's config has it.
    pub(crate) name: String,
}

/// Whether an alert is held back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AlertStatus {
    /// `active`, `suppressed` or `unprocessed`.
    #[serde(default)]
    pub(crate) state: String,
    /// Ids of silences.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) silenced_by: Vec<String>,
    /// Fingerprints of alerts.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) inhibited_by: Vec<String>,
    /// Names of time intervals; Alertmanager has them since 0.28.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) muted_by: Vec<String>,
}

/// Alerts that are told together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ListedGroup {
    /// What they have in common.
    pub(crate) labels: Labels,
    /// Who is told.
    pub(crate) receiver: Receiver,
    /// The alerts.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) alerts: Vec<ListedAlert>,
}

/// A silence as Alertmanager has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedSilence {
    /// Its id.
    pub(crate) id: String,
    /// Whether it holds.
    pub(crate) status: SilenceStatus,
    /// What it silences: that which meets all of them.
    pub(crate) matchers: Vec<SilenceMatcher>,
    /// From when it holds, as RFC 3339.
    #[serde(default)]
    pub(crate) starts_at: String,
    /// Until when.
    #[serde(default)]
    pub(crate) ends_at: String,
    /// When it was last changed.
    #[serde(default)]
    pub(crate) updated_at: String,
    /// Who made it.
    #[serde(default)]
    pub(crate) created_by: String,
    /// Why.
    #[serde(default)]
    pub(crate) comment: String,
    /// What newer ones say besides.
    #[serde(flatten)]
    pub(crate) more: Map<String, Value>,
}

/// Whether a silence holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SilenceStatus {
    /// `active`, `pending` or `expired`.
    pub(crate) state: String,
}

/// One matcher of a silence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SilenceMatcher {
    /// The label.
    pub(crate) name: String,
    /// Its value, or a regular expression.
    pub(crate) value: String,
    /// Whether that is a regular expression.
    #[serde(default)]
    pub(crate) is_regex: bool,
    /// Whether the label must match, or must not.
    #[serde(default = "yes")]
    pub(crate) is_equal: bool,
}

/// As Alertmanager reads it.
impl fmt::Display for SilenceMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = match (self.is_equal, self.is_regex) {
            (true, false) => "=",
            (false, false) => "!=",
            (true, true) => "=~",
            (false, true) => "!~",
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        match self.name.chars().all(plain) && !self.name.starts_with(|c: char| c.is_ascii_digit()) {
            true => write!(f, "{}{operator}{:?}", self.name, self.value),
            false => write!(f, "{:?}{operator}{:?}", self.name, self.value),
        }
    }
}

/// A silence to be made, or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewSilence {
    /// Which one is changed; None for a new one.
    pub(crate) id: Option<String>,
    /// What it silences.
    pub(crate) matchers: Vec<SilenceMatcher>,
    /// From when it holds.
    pub(crate) starts_at: Timestamp,
    /// Until when.
    pub(crate) ends_at: Timestamp,
    /// Who makes it.
    pub(crate) created_by: String,
    /// Why.
    pub(crate) comment: String,
}

/// What an Alertmanager says about itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    /// The cluster that it is in.
    pub(crate) cluster: Cluster,
    /// What runs.
    #[serde(default)]
    pub(crate) version_info: VersionInfo,
    /// Since when it runs, as RFC 3339.
    #[serde(default)]
    pub(crate) uptime: String,
}

/// A cluster, as one of its members sees it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cluster {
    /// The member's own name; none where clustering is off.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// `ready`, `settling` or `disabled`.
    #[serde(default)]
    pub(crate) status: String,
    /// All members, itself included.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) peers: Vec<Peer>,
}

/// A member of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Peer {
    /// Its name, made anew at each start.
    pub(crate) name: String,
    /// Where the others reach it.
    #[serde(default)]
    pub(crate) address: String,
}

/// What runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct VersionInfo {
    /// Such as `0.28.1`.
    #[serde(default)]
    pub(crate) version: String,
}

/// The answer to a silence.
#[derive(Deserialize)]
pub(super) struct Made {
    #[serde(rename = "silenceID")]
    pub(super) id: String,
}

fn yes() -> bool {
    true
}

/// Go writes a list without elements as `null` where nobody has made it one.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// `startsAt` and `endsAt` are both always sent: with `endsAt` alone Alertmanager takes it for the start as well.
pub(super) fn posted(alert: &OutgoingAlert) -> Value {
    let mut posted = json!({
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": clock::rfc3339(alert.starts_at),
        "endsAt": clock::rfc3339(alert.ends_at),
    });
    if let Some(url) = &alert.generator_url {
        posted["generatorURL"] = url.as_str().into();
    }
    posted
}

impl NewSilence {
    pub(super) fn posted(&self) -> Value {
        let mut posted = json!({
            "matchers": self.matchers,
            "startsAt": clock::rfc3339(self.starts_at),
            "endsAt": clock::rfc3339(self.ends_at),
            "createdBy": self.created_by,
            "comment": self.comment,
        });
        if let Some(id) = &self.id {
            posted["id"] = id.as_str().into();
        }
        posted
    }
}
