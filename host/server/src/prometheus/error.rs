//! What can become of a question to Prometheus instead of an answer.

use reqwest::StatusCode;
use serde::Deserialize;

use crate::http_client::{SecretError, TransportError};

/// Why there is no answer. None of these says anything about the series that were asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueryError {
    /// Nobody listens there.
    #[error("cannot reach Prometheus at {url}: {cause}")]
    Refused {
        /// Base URL.
        url: String,
        /// What the system said.
        cause: String,
    },
    /// No answer in time, or Prometheus itself gave up on the query.
    #[error("Prometheus did not answer in time: {0}; make the query cheaper or its timeout longer")]
    Timeout(String),
    /// The connection broke before the answer was complete.
    #[error("the connection to Prometheus at {url} broke: {cause}")]
    Broken {
        /// Base URL.
        url: String,
        /// What happened.
        cause: String,
    },
    /// The answer is longer than allowed.
    #[error("the answer is longer than {limit} bytes; ask for fewer series")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// 400: the expression or a parameter is wrong.
    #[error("Prometheus refuses the query: {0}")]
    BadData(String),
    /// 422: the expression cannot be evaluated.
    #[error("Prometheus cannot evaluate the query: {0}")]
    Execution(String),
    /// 502, 503, 504: starting, overloaded, or behind a proxy that has lost it.
    #[error("Prometheus is not available ({status}): {text}")]
    Unavailable {
        /// HTTP status.
        status: u16,
        /// What it said.
        text: String,
    },
    /// 401, 403.
    #[error("Prometheus refuses the credentials ({status}): {text}; see basic_auth and authorization")]
    Unauthorized {
        /// HTTP status.
        status: u16,
        /// What it said.
        text: String,
    },
    /// Any other status.
    #[error("unexpected answer {status}: {text}; is this the base URL of a Prometheus?")]
    Status {
        /// HTTP status.
        status: u16,
        /// What it said.
        text: String,
    },
    /// The answer is not what Prometheus' API promises.
    #[error("the answer is not one of Prometheus' API: {0}")]
    Garbage(String),
    /// The credentials cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// The body that comes with an error.
#[derive(Deserialize)]
struct ErrorBody {
    #[serde(rename = "errorType")]
    error_type: String,
    error: String,
}

impl QueryError {
    /// A stable name, for metrics.
    #[must_use]
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            QueryError::Refused { .. } => "refused",
            QueryError::Timeout(_) => "timeout",
            QueryError::Broken { .. } => "broken",
            QueryError::TooLarge { .. } => "too_large",
            QueryError::BadData(_) => "bad_data",
            QueryError::Execution(_) => "execution",
            QueryError::Unavailable { .. } => "unavailable",
            QueryError::Unauthorized { .. } => "unauthorized",
            QueryError::Status { .. } => "status",
            QueryError::Garbage(_) => "garbage",
            QueryError::Secret(_) => "secret",
        }
    }

    /// True where the same question may well be answered a moment later. A query that ran into its time limit is not
    /// asked again: it would cost an overloaded server the same once more.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, QueryError::Refused { .. } | QueryError::Broken { .. } | QueryError::Unavailable { .. })
    }

    pub(super) fn of_transport(error: TransportError, url: &str) -> QueryError {
        let url = url.to_owned();
        match error {
            TransportError::NotConnected(cause) => QueryError::Refused { url, cause },
            TransportError::NoToken { .. } => QueryError::Refused { url, cause: error.to_string() },
            TransportError::TimedOut(cause) => QueryError::Timeout(cause),
            TransportError::Broken(cause) => QueryError::Broken { url, cause },
            TransportError::TooLarge { limit } => QueryError::TooLarge { limit },
        }
    }

    /// The error that stands in an answer of this status with this body.
    pub(super) fn of_answer(status: StatusCode, body: &str) -> QueryError {
        let told = serde_json::from_str::<ErrorBody>(body).ok();
        let text = told.as_ref().map_or_else(|| first_line(body), |told| told.error.clone());
        let number = status.as_u16();
        if told.is_some_and(|told| told.error_type == "timeout") {
            return QueryError::Timeout(text);
        }
        match number {
            400 => QueryError::BadData(text),
            422 => QueryError::Execution(text),
            401 | 403 => QueryError::Unauthorized { status: number, text },
            502..=504 => QueryError::Unavailable { status: number, text },
            _ => QueryError::Status { status: number, text },
        }
    }

    /// An error told with status 200, as some proxies do.
    pub(super) fn of_type(error_type: &str, text: String) -> QueryError {
        match error_type {
            "timeout" => QueryError::Timeout(text),
            "bad_data" | "400" => QueryError::BadData(text),
            "execution" | "422" => QueryError::Execution(text),
            _ => QueryError::Garbage(format!("status 200 with the error {error_type:?}: {text}")),
        }
    }
}

/// Enough of a page of HTML to know where it came from.
fn first_line(body: &str) -> String {
    let line = body.trim().lines().next().unwrap_or("an empty body");
    line.chars().take(200).collect()
}
