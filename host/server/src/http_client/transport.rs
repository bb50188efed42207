//! What can go wrong between sending a request and holding its answer.

use reqwest::Response;

/// How a request came to nothing. What matters to the caller is whether it can have reached the other side.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TransportError {
    /// No connection: refused, no such name, a failed TLS handshake. Nothing was sent.
    #[error("cannot connect: {0}")]
    NotConnected(String),
    /// Sent, or being sent, and not answered in time.
    #[error("no answer in time: {0}")]
    TimedOut(String),
    /// The connection broke before the answer was complete.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// There is no token to send it with, so nothing was sent.
    #[error("nothing was sent: no token from {token_url}: {said}")]
    NoToken {
        /// Where tokens are fetched.
        token_url: String,
        /// What happened there.
        said: String,
    },
    /// The answer is longer than is allowed here.
    #[error("the answer is longer than the {limit} bytes allowed")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}

impl From<reqwest::Error> for TransportError {
    fn from(error: reqwest::Error) -> TransportError {
        let connect = error.is_connect();
        let timeout = error.is_timeout();
        let said = chain(error);
        // A connection that could not be made in time is a refusal: nothing was sent.
        match (connect, timeout) {
            (true, _) => TransportError::NotConnected(said),
            (false, true) => TransportError::TimedOut(said),
            (false, false) => TransportError::Broken(said),
        }
    }
}

/// The error with its causes, and without the URL: that may hold a password or be a secret as a whole.
fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut said = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(deeper) = cause {
        let text = deeper.to_string();
        if !said.ends_with(&text) {
            said.push_str(": ");
            said.push_str(&text);
        }
        cause = deeper.source();
    }
    said
}

/// The whole body, or an error once it is longer than `max_bytes`. Never holds more than that.
pub(crate) async fn read_capped(mut response: Response, max_bytes: usize) -> Result<Vec<u8>, TransportError> {
    let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
    if announced.is_some_and(|length| length > max_bytes) {
        return Err(TransportError::TooLarge { limit: max_bytes });
    }
    let mut body = Vec::with_capacity(announced.unwrap_or(0));
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > max_bytes {
            return Err(TransportError::TooLarge { limit: max_bytes });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The beginning of a body, for people: at most `max_bytes`, whatever is not UTF-8 replaced.
pub(crate) async fn read_start(mut response: Response, max_bytes: usize) -> Result<String, TransportError> {
    let mut body: Vec<u8> = Vec::new();
    while body.len() < max_bytes {
        let Some(chunk) = response.chunk().await? else { break };
        body.extend_from_slice(&chunk);
    }
    body.truncate(max_bytes);
    Ok(String::from_utf8_lossy(&body).into_owned())
}
