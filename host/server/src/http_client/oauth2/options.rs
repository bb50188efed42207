//! `oauth2` as it stands in the config, under Prometheus' names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reqwest::Url;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::super::options::{HttpOptionsError, TlsConfig, one_place};
use super::super::{BaseUrl, HttpClientOptions};
use super::{State, Tokens};

/// Where tokens come from, and in whose name.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OAuth2 {
    /// The client's name.
    pub(crate) client_id: String,
    /// File that holds its secret.
    pub(crate) client_secret_file: Option<PathBuf>,
    /// Environment variable that holds its secret.
    pub(crate) client_secret_env: Option<String>,
    /// Where tokens are fetched.
    pub(crate) token_url: String,
    /// What the token should allow.
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
    /// Further parameters of the request for a token.
    #[serde(default)]
    pub(crate) endpoint_params: BTreeMap<String, String>,
    /// Certificates for the token server.
    #[serde(default)]
    pub(crate) tls_config: TlsConfig,
    /// A proxy on the way to the token server.
    pub(crate) proxy_url: Option<String>,
}

impl OAuth2 {
    /// Takes relative file names from `directory`.
    pub(in super::super) fn below(&mut self, directory: &Path) {
        if let Some(path) = &mut self.client_secret_file {
            *path = directory.join(&path);
        }
        self.tls_config.below(directory);
    }

    /// Checks all of it, and reads the secret once. Nothing is fetched yet.
    pub(in super::super) fn tokens(&self) -> Result<Tokens, HttpOptionsError> {
        let refuse = |what: String| HttpOptionsError::OAuth2(what);
        if self.client_id.is_empty() {
            return Err(refuse(
                "client_id is empty; write the name under which the token server knows this client".into(),
            ));
        }
        let secret = one_place("oauth2.client_secret", &self.client_secret_file, &self.client_secret_env)?;
        secret.read()?;
        let token_url = self.checked_url()?;
        for name in ["client_id", "client_secret", "scope"] {
            if self.endpoint_params.contains_key(name) {
                return Err(refuse(format!("endpoint_params: {name:?} has an option of its own; use that")));
            }
        }
        let mut parameters: Vec<_> = self.endpoint_params.clone().into_iter().collect();
        if !self.scopes.is_empty() {
            parameters.push(("scope".to_owned(), self.scopes.join(" ")));
        }
        let options = HttpClientOptions {
            tls_config: self.tls_config.clone(),
            proxy_url: self.proxy_url.clone(),
            // The secret would go along.
            follow_redirects: false,
            ..HttpClientOptions::default()
        };
        let endpoint = BaseUrl(token_url.clone());
        let client = options.build_for(&endpoint).map_err(|error| refuse(error.to_string()))?;
        let client_id = self.client_id.clone();
        Ok(Tokens { client, token_url, client_id, secret, parameters, state: Mutex::new(State::default()) })
    }

    fn checked_url(&self) -> Result<Url, HttpOptionsError> {
        let remedy = "write it in full, for example \"https://login.example.com/oauth2/token\"";
        let refuse = |what: &str| HttpOptionsError::OAuth2(format!("token_url {what}; {remedy}"));
        let url = Url::parse(&self.token_url).map_err(|error| refuse(&format!("is not a URL ({error})")))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(refuse("is not an http or https URL with a host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("carries a user name or password, which would show up in logs"));
        }
        Ok(url)
    }
}
