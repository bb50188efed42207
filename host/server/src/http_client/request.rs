//! One request on its way: sent with a token where the endpoint wants one, and once more where that token had ended.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Serialize;

use super::TransportError;
use super::oauth2::Tokens;

/// A request with everything that the options ask for. What it is sent with may still have to be fetched, so it has its
/// own way to be sent.
#[must_use = "nothing goes out before it is sent"]
pub(crate) struct Request {
    pub(super) builder: RequestBuilder,
    pub(super) tokens: Option<Arc<Tokens>>,
}

impl Request {
    /// How long sending it and reading the answer may take together. Fetching a token has a limit of its own.
    pub(crate) fn timeout(self, limit: Duration) -> Request {
        Request { builder: self.builder.timeout(limit), ..self }
    }

    /// Adds one header.
    pub(crate) fn header(self, name: impl AsRef<str>, value: &str) -> Request {
        Request { builder: self.builder.header(name.as_ref(), value), ..self }
    }

    /// Sets headers, in the place of those of the same names.
    pub(crate) fn headers(self, headers: HeaderMap) -> Request {
        Request { builder: self.builder.headers(headers), ..self }
    }

    /// Sets a token of the caller's own.
    pub(crate) fn bearer_auth(self, token: &str) -> Request {
        Request { builder: self.builder.bearer_auth(token), tokens: None }
    }

    /// A body of JSON.
    pub(crate) fn json<T: Serialize + ?Sized>(self, body: &T) -> Request {
        Request { builder: self.builder.json(body), ..self }
    }

    /// A body as a form is sent.
    pub(crate) fn form<T: Serialize + ?Sized>(self, fields: &T) -> Request {
        Request { builder: self.builder.form(fields), ..self }
    }

    /// Parameters of the URL.
    pub(crate) fn query<T: Serialize + ?Sized>(self, parameters: &T) -> Request {
        Request { builder: self.builder.query(parameters), ..self }
    }

    /// Sends it. A 401 to a token that was fetched earlier has one more fetched and the request sent once more: whoever
    /// refused it has not done what it says.
    pub(crate) async fn send(self) -> Result<Response, TransportError> {
        let Some(tokens) = &self.tokens else { return Ok(self.builder.send().await?) };
        let token = tokens.token().await?;
        let again = self.builder.try_clone().filter(|_| !token.is_new);
        let response = self.builder.header(AUTHORIZATION, token.header.clone()).send().await?;
        match again {
            Some(again) if response.status() == StatusCode::UNAUTHORIZED => {
                let token = tokens.instead_of(&token).await?;
                Ok(again.header(AUTHORIZATION, token.header).send().await?)
            }
            _ => Ok(response),
        }
    }
}
