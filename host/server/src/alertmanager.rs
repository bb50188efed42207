//! Alertmanager's API v2 as a client: alerts and silences out, alerts with what holds them back in. One Alertmanager or
//! several, of one cluster or of none.

use std::sync::Arc;

use serde_json::Value;
use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;

use crate::http_client::{SecretError, TransportError};

mod client;
mod discovery;
mod fingerprint;
mod fleet;
mod wire;

pub(crate) use client::Client;
pub(crate) use fingerprint::fingerprint;
pub(crate) use fleet::{Fleet, Listing};
pub(crate) use wire::{
    AlertStatus, Cluster, ListedAlert, ListedGroup, ListedSilence, NewSilence, Receiver, SilenceMatcher, Status,
};

/// Longest error text that is kept.
const MOST_ERROR: usize = 500;

/// Why Alertmanager could not be asked or told.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum AlertmanagerError {
    /// The request did not get there, or its answer not back.
    #[error("Alertmanager at {url}: {cause}")]
    Transport {
        /// Its URL.
        url: String,
        /// What happened.
        cause: TransportError,
    },
    /// A credential could not be read.
    #[error(transparent)]
    Secret(Arc<SecretError>),
    /// It answered with an error.
    #[error("Alertmanager at {url} answered {status}: {said}")]
    Refused {
        /// Its URL.
        url: String,
        /// HTTP status.
        status: u16,
        /// What it said.
        said: String,
    },
    /// Its answer is not what its API says.
    #[error("Alertmanager at {url} answered something else than its API says: {said}")]
    Garbage {
        /// Its URL.
        url: String,
        /// What is wrong with it.
        said: String,
    },
    /// There is none to ask.
    #[error("no Alertmanager is known: none of the names in alertmanager.dns_sd could be looked up so far")]
    Nobody,
}

impl From<SecretError> for AlertmanagerError {
    fn from(error: SecretError) -> AlertmanagerError {
        AlertmanagerError::Secret(Arc::new(error))
    }
}

/// An alert as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutgoingAlert {
    /// All labels, `alertname` included. Its identity.
    pub(crate) labels: Labels,
    /// All annotations.
    pub(crate) annotations: Labels,
    /// When it began.
    pub(crate) starts_at: Timestamp,
    /// Until when it stands; in the past once it is resolved.
    pub(crate) ends_at: Timestamp,
    /// Where it can be looked at.
    pub(crate) generator_url: Option<String>,
}

/// Errors come as `{"code","message"}`, as a bare JSON string, or as text.
fn said(body: &[u8]) -> String {
    let text = match serde_json::from_slice(body) {
        Ok(Value::String(text)) => text,
        Ok(Value::Object(object)) if object.get("message").is_some_and(Value::is_string) => {
            object["message"].as_str().unwrap_or_default().to_owned()
        }
        _ => String::from_utf8_lossy(body).trim().to_owned(),
    };
    text.chars().take(MOST_ERROR).collect()
}

#[cfg(test)]
mod tests;
