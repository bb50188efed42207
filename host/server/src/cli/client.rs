//! Speaks to a running host over its HTTP interface. Knows how to ask and what a refusal is, not what answers mean.

use std::path::Path;
use std::time::Duration;

use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Host;
use super::exit::Failure;
use super::table::plain;
use crate::config;
use crate::http_client::{
    BaseUrl, HttpClient, HttpClientOptions, Secret, SecretSource, TlsConfig, TransportError, read_capped,
};

/// The variable that holds an approver's token.
const TOKEN_VARIABLE: &str = "TIDEGATE_TOKEN";
/// The host answers from memory.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Thousands of incidents.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// How many of a list are shown where nobody wants all: what a person looks at.
const USUAL_IN_A_LIST: usize = 50;
/// As many as the host gives at once.
const MOST_IN_A_PAGE: usize = 1000;
/// A million of a kind.
const MOST_PAGES: usize = 1000;

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
    pub(super) fn new(asked: &Host, config: &Path) -> Result<Client, Failure> {
        let failed = |what: String| move |error: &dyn std::fmt::Display| Failure::Failed(format!("{what}: {error}"));
        let base = match &asked.url {
            Some(url) => BaseUrl::parse(url).map_err(|error| Failure::Usage(format!("--url: {error}")))?,
            None => base_from(config)?,
        };
        let (ca_file, cert_file, key_file) = (asked.ca_file.clone(), asked.cert_file.clone(), asked.key_file.clone());
        let tls_config = TlsConfig { ca_file, cert_file, key_file, ..TlsConfig::default() };
        let http = HttpClientOptions { tls_config, ..HttpClientOptions::default() }.build();
        let http = http.map_err(|error| Failure::Usage(format!("cannot set up HTTP: {error}")))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| failed("cannot start".to_owned())(&error))?;
        Ok(Client { http, base, token: token(asked.token_file.as_deref())?, runtime })
    }

    /// Asks for something.
    pub(super) fn get(&self, path: &str) -> Result<Value, Failure> {
        self.call(Method::GET, self.base.at(path), None)
    }

    fn get_with(&self, path: &str, query: &str) -> Result<Value, Failure> {
        let mut url = self.base.at(path);
        url.set_query(Some(query));
        self.call(Method::GET, url, None)
    }

    /// Asks for a list, the newest first: one page of it or all of them, as one list.
    pub(super) fn list(&self, kind: &str, status: Option<&str>, all: bool) -> Result<Value, Failure> {
        let status = status.map(|status| format!("&status={status}")).unwrap_or_default();
        let mut things = Vec::new();
        let mut before = String::new();
        // A host that gives the same page again and again must not keep this going for ever.
        for _ in 0..MOST_PAGES {
            let limit = if all { MOST_IN_A_PAGE } else { USUAL_IN_A_LIST };
            let mut page = self.get_with(&format!("/api/v1/{kind}"), &format!("limit={limit}{status}{before}"))?;
            let Some(listed) = page.get_mut(kind).and_then(Value::as_array_mut) else {
                let text = format!("the host's answer is not what this program expects, it holds no list of {kind}");
                return Err(Failure::Failed(text + "; are they of the same version?"));
            };
            things.append(listed);
            match page["next"].as_str().filter(|_| all) {
                Some(next) => before = format!("&before={}", checked(next)?),
                None => return Ok(json!({ kind: things, "more": page["next"].is_string() })),
            }
        }
        Err(Failure::Failed(format!("the list of {kind} has no end: is this a tidegate host?")))
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
            let text = format!("this needs the token of an approver: give --token-file FILE or set {TOKEN_VARIABLE}");
            return Err(Failure::Usage(text));
        }
        self.call(Method::POST, self.base.at(path), Some(body))
    }

    fn call(&self, method: Method, url: Url, body: Option<Value>) -> Result<Value, Failure> {
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
            Err(error @ TransportError::NotConnected(_)) => {
                let tls = error.to_string().contains("certificate");
                let hint = match tls {
                    true => {
                        "--ca-file names the authority that signed the host's certificate, --cert-file and --key-file \
                             what to show to a host that asks for one"
                    }
                    false => "start the host with `tidegate run`, or name it with --url",
                };
                Err(Failure::Failed(format!("{asked}: {error}\n    {hint}")))
            }
            Err(error) => Err(Failure::Failed(format!("{asked}: {error}"))),
        }
    }
}

fn base_from(config: &Path) -> Result<BaseUrl, Failure> {
    let server = config::server(config)?;
    // The name in its certificate is that by which people know it.
    if let Some(url) = server.external_url.filter(|url| server.tls.is_some() && url.at("/").scheme() == "https") {
        return Ok(url);
    }
    let scheme = if server.tls.is_some() { "https" } else { "http" };
    let mut listen = server.listen;
    if listen.ip().is_unspecified() {
        listen.set_ip(if listen.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
    }
    if listen.port() == 0 {
        let text = format!("{} lets the system choose the port: name the host with --url", config.display());
        return Err(Failure::Usage(text));
    }
    BaseUrl::parse(&format!("{scheme}://{listen}")).map_err(|error| Failure::Failed(error.to_string()))
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
        StatusCode::BAD_REQUEST
        | StatusCode::FORBIDDEN
        | StatusCode::NOT_FOUND
        | StatusCode::CONFLICT
        | StatusCode::TOO_MANY_REQUESTS => Failure::Refused(text),
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
            (400, r#"{"error": "a denial needs a reason"}"#, 3, "a denial needs a reason"),
            (404, r#"{"error": "no such approval"}"#, 3, "404 Not Found: no such approval"),
            (429, r#"{"error": "too many wrong tokens"}"#, 3, "too many wrong tokens"),
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
