//! Asking one program by HTTP. Every status is an answer; only no answer at all is a failure.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::PATIENCE;

/// Longer than any answer on loopback takes.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The body of an answer that must be a good one.
    pub(crate) fn good(self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        self.json()
    }
}

/// Whoever asks one program.
#[derive(Clone)]
pub(crate) struct Client {
    agent: ureq::Agent,
    address: SocketAddr,
    token: Option<String>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Client {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            // A connection that is kept would break when the program at its end is killed.
            .max_idle_connections(0)
            .proxy(None);
        Client { agent: config.build().into(), address, token: None }
    }

    /// The same, as somebody with this token.
    pub(crate) fn with_token(&self, token: &str) -> Client {
        Client { token: Some(token.to_owned()), ..self.clone() }
    }

    /// None where nobody answers.
    pub(crate) fn try_get(&self, path: &str) -> Option<Answer> {
        let mut request = self.agent.get(self.url(path));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        request.call().and_then(read).ok()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.try_get(path).unwrap_or_else(|| panic!("GET {} got no answer", self.url(path)))
    }

    /// None where the answer does not come, or not whole.
    pub(crate) fn try_post(&self, path: &str, body: &Value) -> Option<Answer> {
        self.send(path, body.to_string().as_bytes()).ok()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_bytes(path, body.to_string().as_bytes())
    }

    pub(crate) fn post_bytes(&self, path: &str, body: &[u8]) -> Answer {
        self.send(path, body).unwrap_or_else(|error| panic!("POST {}: {error}", self.url(path)))
    }

    fn send(&self, path: &str, body: &[u8]) -> Result<Answer, ureq::Error> {
        let mut request = self.agent.post(self.url(path)).content_type("application/json");
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        read(request.send(body)?)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    let body = response.body_mut().read_to_string()?;
    Ok(Answer { status: response.status().as_u16(), body })
}

/// Sends exactly this and returns all that comes back until the other side closes: for what no client would send.
pub(crate) fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    // Whoever refuses early may have closed before all of it was sent.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}, after {answer:?}");
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of an answer that [`raw`] returned; 0 where there was none.
pub(crate) fn status(answer: &str) -> u16 {
    let code = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
    code.unwrap_or(0)
}
