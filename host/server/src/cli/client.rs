//! Speaks to a running host over its HTTP interface. Knows how to ask and what a refusal is, not what answers mean.

use std::path::Path;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::exit::Failure;
use super::table::plain;
use crate::config;
use crate::http_client::{BaseUrl, HttpClient, HttpClientOptions, Secret, SecretSource, TransportError, read_capped};

/// The variable that holds an approver's token.
const TOKEN_VARIABLE: &str = "TIDEGATE_TOKEN";
/// The host answers from memory.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Thousands of incidents.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// A host to talk to.
pub(super) struct Client {
    http: HttpClient,
    base: BaseUrl,
    token: Option<Secret>,
    runtime: tokio::runtime::Runtime,
}

/// What the host says when it refuses.
#[derive(Deserialize)]
struct Refusal {
    error: String,
    status: Option<String>,
}

impl Client {
    /// Finds out where the host is and who is asking. Reads no more of the config than it needs: the tokens of others
    /// are nothing that an approver could read.
    pub(super) fn new(url: Option<&str>, token_file: Option<&Path>, config: &Path) -> Result<Client, Failure> {
        let failed = |what: String| move |error: &dyn std::fmt::Display| Failure::Failed(format!("{what}: {error}"));
        let base = match url {
            Some(url) => BaseUrl::parse(url).map_err(|error| Failure::Usage(format!("--url: {error}")))?,
            None => base_from(config)?,
        };
        let http = HttpClientOptions::default().build();
        let http = http.map_err(|error| failed("cannot set up HTTP".to_owned())(&error))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| failed("cannot start".to_owned())(&error))?;
        Ok(Client { http, base, token: token(token_file)?, runtime })
    }

    /// Asks for something.
    pub(super) fn get(&self, path: &str) -> Result<Value, Failure> {
        self.call(Method::GET, path, None)
    }

    /// Asks for one thing by its id.
    pub(super) fn get_one(&self, kind: &str, id: &str) -> Result<Value, Failure> {
        self.get(&format!("/api/v1/{kind}/{}", checked(id)?))
    }

    /// Decides one thing, which needs a token.
    pub(super) fn decide(&self, kind: &str, id: &str, verb: &str, body: Value) -> Result<Value, Failure> {
        self.post(&format!("/api/v1/{kind}/{}/{verb}", checked(id)?), body)
    }

    /// Changes something, which needs a token.
    pub(super) fn post(&self, path: &str, body: Value) -> Result<Value, Failure> {
        if self.token.is_none() {
            let text = format!("a decision needs an approver's token: give --token-file FILE or set {TOKEN_VARIABLE}");
            return Err(Failure::Usage(text));
        }
        self.call(Method::POST, path, Some(body))
    }

    fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Failure> {
        let url = self.base.at(path);
        let asked = format!("{method} {url}");
        let request = self.http.request(method, url);
        let mut request = request.map_err(|error| Failure::Failed(error.to_string()))?;
        request = request.timeout(TIMEOUT).header("X-Tidegate-Surface", "cli");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = self.runtime.block_on(async {
            let response = request.send().await?;
            let status = response.status();
            Ok::<_, TransportError>((status, read_capped(response, MAX_ANSWER_BYTES).await?))
        });
        match answer {
            Ok((status, body)) if status.is_success() => understand(&asked, &body),
            Ok((status, body)) => Err(refused(&asked, status, &body)),
            Err(error @ TransportError::NotConnected(_)) => Err(Failure::Failed(format!(
                "{asked}: {error}\n    start the host with `tidegate run`, or name it with --url"
            ))),
            Err(error) => Err(Failure::Failed(format!("{asked}: {error}"))),
        }
    }
}

fn base_from(config: &Path) -> Result<BaseUrl, Failure> {
    let mut listen = config::server(config)?.listen;
    if listen.ip().is_unspecified() {
        listen.set_ip(if listen.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
    }
    if listen.port() == 0 {
        let text = format!("{} lets the system choose the port: name the host with --url", config.display());
        return Err(Failure::Usage(text));
    }
    BaseUrl::parse(&format!("http://{listen}")).map_err(|error| Failure::Failed(error.to_string()))
}

fn token(file: Option<&Path>) -> Result<Option<Secret>, Failure> {
    let source = match file {
        Some(file) => SecretSource::File(file.to_owned()),
        None if std::env::var_os(TOKEN_VARIABLE).is_some() => SecretSource::Env(TOKEN_VARIABLE.to_owned()),
        None => return Ok(None),
    };
    source.read().map(Some).map_err(|error| Failure::Usage(error.to_string()))
}

/// Ids stand in paths of URLs; nothing that the host calls an id needs escaping.
fn checked(id: &str) -> Result<&str, Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !id.is_empty() && id.chars().all(plain) {
        return Ok(id);
    }
    Err(Failure::Usage(format!("{id:?} is no id: take it from `tidegate approval list` or `tidegate incident list`")))
}

fn understand(asked: &str, body: &[u8]) -> Result<Value, Failure> {
    if body.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(body).map_err(|error| {
        Failure::Failed(format!("{asked}: the answer is not JSON ({error}); is this a tidegate host?"))
    })
}

fn refused(asked: &str, status: StatusCode, body: &[u8]) -> Failure {
    let said = match serde_json::from_slice::<Refusal>(body) {
        Ok(Refusal { error, status: Some(state) }) => format!("{} (it is {})", plain(&error), plain(&state)),
        Ok(Refusal { error, status: None }) => plain(&error),
        Err(_) => plain(String::from_utf8_lossy(&body[..body.len().min(200)]).trim()),
    };
    let text = format!("{asked}: {status}: {said}");
    match status {
        StatusCode::UNAUTHORIZED => Failure::Refused(format!(
            "{text}\n    give the token of an approver: --token-file FILE or {TOKEN_VARIABLE}"
        )),
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::CONFLICT => Failure::Refused(text),
        _ => Failure::Failed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_and_failures_have_their_own_exit_codes() {
        for (status, body, code, said) in [
            (401, r#"{"error": "no such token"}"#, 3, "no such token\n    give the token"),
            (404, r#"{"error": "no such approval"}"#, 3, "404 Not Found: no such approval"),
            (409, r#"{"error": "decided", "status": "denied"}"#, 3, "decided (it is denied)"),
            (500, "out of \u{1b}[31mcheese", 1, "out of ?[31mcheese"),
            (502, "", 1, "502 Bad Gateway"),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            let failure = refused("GET http://x/", status, body.as_bytes());
            assert_eq!(failure.number(), code, "{failure}");
            assert!(failure.to_string().contains(said), "{failure}");
        }
    }

    #[test]
    fn an_id_cannot_lead_elsewhere() {
        assert!(checked("r-12_a").is_ok());
        for id in ["", "../pause", "a/b", "a?b", "a b", "é"] {
            assert_eq!(checked(id).map_err(|failure| failure.number()), Err(2), "{id:?}");
        }
    }
}
