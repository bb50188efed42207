//! OAuth 2.0 tokens by client credentials (RFC 6749, section 4.4): fetched when one is needed, kept until it ends.

mod answer;
mod options;

use std::time::{Duration, Instant};

use base64::Engine as _;
use form_urlencoded::byte_serialize;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use tokio::sync::Mutex;

use super::secret::{Secret, SecretSource};
use super::{HttpClient, TransportError, read_capped};
use answer::{Granted, refusal, shortened};

pub(crate) use options::OAuth2;

/// How long one token may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is read. Tokens with many claims in them are some kilobytes.
const MOST_BYTES: usize = 256 << 10;
/// A token is used until so long before its end: long enough for the request that carries it to arrive.
const LEEWAY: Duration = Duration::from_secs(30);

/// The tokens of one client, shared by all that speak in its name.
pub(crate) struct Tokens {
    client: HttpClient,
    token_url: Url,
    client_id: String,
    secret: SecretSource,
    /// Scopes and further parameters, as they are sent.
    parameters: Vec<(String, String)>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Kept>,
    /// The last failure: whoever has waited for that attempt shares it and makes none of their own.
    failure: Option<(Instant, TransportError)>,
    /// The server wants id and secret in the body. What RFC 6749 prefers, the `Authorization` header, is tried first.
    in_body: bool,
    fetched: u64,
}

struct Kept {
    header: HeaderValue,
    /// None: until it is refused.
    until: Option<Instant>,
    number: u64,
}

/// A token as it is sent.
pub(super) struct Token {
    pub(super) header: HeaderValue,
    /// It was fetched for this very request, so that fetching another would help nobody.
    pub(super) is_new: bool,
    number: u64,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokens of {:?} from {}", self.client_id, self.place())
    }
}

impl Tokens {
    /// The token that is good now.
    pub(super) async fn token(&self) -> Result<Token, TransportError> {
        self.other_than(None).await
    }

    /// Another token than one that was refused; whatever somebody else has fetched since then is another.
    pub(super) async fn instead_of(&self, refused: &Token) -> Result<Token, TransportError> {
        self.other_than(Some(refused.number)).await
    }

    async fn other_than(&self, refused: Option<u64>) -> Result<Token, TransportError> {
        let since = Instant::now();
        let mut state = self.state.lock().await;
        if let Some(kept) = &state.token {
            let lasts = kept.until.is_none_or(|until| Instant::now() < until);
            if lasts && refused != Some(kept.number) {
                return Ok(Token { header: kept.header.clone(), is_new: false, number: kept.number });
            }
        }
        if let Some((at, failure)) = &state.failure
            && *at >= since
        {
            return Err(failure.clone());
        }
        state.token = None;
        match self.fetch(&mut state).await {
            Ok(granted) => {
                state.fetched += 1;
                let Granted { header, lasts } = granted;
                let leeway = |length: Duration| LEEWAY.min(length / 10);
                let until = lasts.and_then(|length| Instant::now().checked_add(length - leeway(length)));
                let number = state.fetched;
                state.token = Some(Kept { header: header.clone(), until, number });
                state.failure = None;
                Ok(Token { header, is_new: true, number })
            }
            Err(failure) => {
                state.failure = Some((Instant::now(), failure.clone()));
                Err(failure)
            }
        }
    }

    async fn fetch(&self, state: &mut State) -> Result<Granted, TransportError> {
        let secret = self.secret.read().map_err(|error| self.failed(error.to_string()))?;
        let first = self.ask(&secret, state.in_body).await?;
        let refused = match first {
            Ok(granted) => return Ok(granted),
            Err(refused) => refused,
        };
        // Servers differ in where they read id and secret, and in how they say that they have read none.
        let unread = matches!(refused.0, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if unread && let Ok(Ok(granted)) = self.ask(&secret, !state.in_body).await {
            state.in_body = !state.in_body;
            return Ok(granted);
        }
        Err(self.failed(format!("it answered {}: {}", refused.0, refused.1)))
    }

    /// One question. What is refused comes with its status and what was said.
    async fn ask(
        &self,
        secret: &Secret,
        in_body: bool,
    ) -> Result<Result<Granted, (StatusCode, String)>, TransportError> {
        let mut form = vec![("grant_type", "client_credentials")];
        // Servers that do not comply want another grant named, which is why Prometheus lets it be set.
        form.retain(|(name, _)| !self.parameters.iter().any(|(other, _)| other == name));
        form.extend(self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        if in_body {
            form.extend([("client_id", self.client_id.as_str()), ("client_secret", secret.expose())]);
        }
        let failed = |error: TransportError| self.failed(error.to_string());
        let request = self.client.request(Method::POST, self.token_url.clone());
        let request = request.map_err(|error| self.failed(error.to_string()))?;
        // Not `Request::send`, which would come back here for a token.
        let mut request = request.timeout(TIMEOUT).form(&form).builder.header("Accept", "application/json");
        if !in_body {
            request = request.header(AUTHORIZATION, self.basic(secret)?);
        }
        let response = request.send().await.map_err(|error| failed(error.into()))?;
        let status = response.status();
        let body = read_capped(response, MOST_BYTES).await.map_err(failed)?;
        if !status.is_success() {
            // Before it is cut: the beginning of a secret is part of it as well.
            return Ok(Err((status, shortened(&veiled(refusal(&body), secret)))));
        }
        Granted::read(&body).map(Ok).map_err(|said| self.failed(veiled(said, secret)))
    }

    /// Both are encoded as in a form before they are joined: RFC 6749, section 2.3.1.
    fn basic(&self, secret: &Secret) -> Result<HeaderValue, TransportError> {
        let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encode(&self.client_id), encode(secret.expose()));
        let text = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
        let mut value = HeaderValue::try_from(text).map_err(|error| self.failed(error.to_string()))?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn failed(&self, said: String) -> TransportError {
        TransportError::NoToken { token_url: self.place(), said }
    }

    /// The URL without its query, in which some put keys.
    fn place(&self) -> String {
        let mut url = self.token_url.clone();
        url.set_query(None);
        url.to_string()
    }
}

/// A server may repeat what it was sent; the secret goes no further.
fn veiled(said: String, secret: &Secret) -> String {
    said.replace(secret.expose(), "<secret>")
}

#[cfg(test)]
mod tests;
