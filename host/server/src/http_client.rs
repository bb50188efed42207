//! The options of an HTTP client under Prometheus' names, and the client they make.
//!
//! Every edge that calls out builds its client here. Knows nothing of what is said over it.

mod oauth2;
mod options;
mod parts;
mod request;
mod secret;
mod towards;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use reqwest::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Method, Url};

use oauth2::Tokens;
use parts::ProvenName;

pub(crate) use options::{HttpClientOptions, HttpOptionsError, TlsConfig};
pub(crate) use parts::ClientParts;
pub(crate) use request::Request;
pub(crate) use secret::{Secret, SecretError, SecretSource};
pub(crate) use transport::{TransportError, read_capped, read_start};

/// Longer than a busy loopback or a far region needs, short enough not to eat a cycle.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// As many as Go's client follows, and so Prometheus.
const MAX_REDIRECTS: usize = 10;

/// A client with its credentials. Cheap to clone; connections are kept and shared.
#[derive(Clone, Debug)]
pub(crate) struct HttpClient {
    client: reqwest::Client,
    credentials: Credentials,
    headers: Vec<(HeaderName, HeaderSource)>,
    proven: Option<ProvenName>,
}

/// What goes into the `Authorization` header.
#[derive(Clone, Debug)]
enum Credentials {
    None,
    Basic { username: String, password: SecretSource },
    Typed { scheme: String, credentials: SecretSource },
    OAuth2(Arc<Tokens>),
}

#[derive(Clone, Debug)]
enum HeaderSource {
    Plain(HeaderValue),
    Secret(SecretSource),
}

/// Why a base URL is none.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is not a base URL ({cause}): write it like \"http://127.0.0.1:9090\"")]
pub(crate) struct BaseUrlError {
    text: String,
    cause: String,
}

/// A base URL to which paths are appended, so that a prefix (`http://host/prometheus/`) is kept.
#[derive(Clone, Debug)]
pub(crate) struct BaseUrl(Url);

impl BaseUrl {
    /// Reads an absolute `http` or `https` URL without query and fragment.
    pub(crate) fn parse(text: &str) -> Result<BaseUrl, BaseUrlError> {
        let refuse = |cause: String| BaseUrlError { text: text.to_owned(), cause };
        let url = Url::parse(text).map_err(|cause| refuse(cause.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse(format!("scheme {:?} instead of http or https", url.scheme())));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("it has a query or a fragment".to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            // It would be written to logs. The text is not repeated for the same reason.
            return Err(BaseUrlError {
                text: "...".to_owned(),
                cause: "it holds credentials; use basic_auth".to_owned(),
            });
        }
        Ok(BaseUrl(url))
    }

    /// The URL of `path`, which begins with a slash.
    pub(crate) fn at(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path().trim_end_matches('/')));
        url
    }
}

impl std::fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl HttpClient {
    /// Starts a request with everything the options ask for. Secrets are read anew, so that rotating them needs no
    /// reload.
    pub(crate) fn request(&self, method: Method, url: Url) -> Result<Request, SecretError> {
        let mut headers = all_headers(&self.credentials, &self.headers)?;
        let builder = match self.proven.as_ref().and_then(|proven| proven.put_into(&url)) {
            Some((proven, host)) => {
                headers.insert(HOST, host);
                self.client.request(method, proven)
            }
            None => self.client.request(method, url),
        };
        let tokens = match &self.credentials {
            Credentials::OAuth2(tokens) => Some(tokens.clone()),
            _ => None,
        };
        Ok(Request { builder: builder.headers(headers), tokens })
    }
}

/// All headers that are known before a request is sent, secrets read anew.
fn all_headers(credentials: &Credentials, headers: &[(HeaderName, HeaderSource)]) -> Result<HeaderMap, SecretError> {
    let mut all = HeaderMap::new();
    for (name, source) in headers {
        let value = match source {
            HeaderSource::Plain(value) => value.clone(),
            HeaderSource::Secret(source) => secret_header(source.read()?.expose(), source)?,
        };
        all.append(name, value);
    }
    let (text, source) = match credentials {
        // A token has to be fetched first, by the request itself.
        Credentials::None | Credentials::OAuth2(_) => return Ok(all),
        Credentials::Basic { username, password } => {
            let pair = format!("{username}:{}", password.read()?.expose());
            let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
            (format!("Basic {encoded}"), password)
        }
        Credentials::Typed { scheme, credentials } => {
            (format!("{scheme} {}", credentials.read()?.expose()), credentials)
        }
    };
    all.insert(AUTHORIZATION, secret_header(&text, source)?);
    Ok(all)
}

/// A header value that no log prints.
fn secret_header(text: &str, source: &SecretSource) -> Result<HeaderValue, SecretError> {
    let mut value = HeaderValue::try_from(text).map_err(|_| SecretError::NotAHeader { place: source.to_string() })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Redirects are followed within one host and never away from TLS: elsewhere the credentials would go along.
fn within_one_host() -> Policy {
    Policy::custom(|attempt: Attempt<'_>| {
        if attempt.previous().len() > MAX_REDIRECTS {
            return attempt.error("too many redirects");
        }
        let to = attempt.url();
        let near = attempt.previous().first().is_some_and(|from| {
            let same_port = from.port_or_known_default() == to.port_or_known_default();
            let upgrade = from.scheme() == "http" && to.scheme() == "https";
            from.host_str() == to.host_str() && (upgrade || (same_port && from.scheme() == to.scheme()))
        });
        if near { attempt.follow() } else { attempt.stop() }
    })
}

#[cfg(test)]
pub(crate) mod tests;
