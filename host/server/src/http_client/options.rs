//! The options as they stand in the config, under the names that Prometheus gives them.
//!
//! One difference: a secret is never written into the config itself, it is in a file or in the environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::Proxy;
use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;

use super::oauth2::OAuth2;
use super::parts::{ClientParts, TlsParts};
use super::{BaseUrl, Credentials, HeaderSource, HttpClient, SecretError, SecretSource};

/// How to talk to one endpoint. The default talks plainly, without credentials.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HttpClientOptions {
    /// User name and password.
    pub(crate) basic_auth: Option<BasicAuth>,
    /// A token.
    pub(crate) authorization: Option<Authorization>,
    /// A token that is fetched from a token server.
    pub(crate) oauth2: Option<OAuth2>,
    /// Further headers, by name.
    pub(crate) http_headers: BTreeMap<String, Header>,
    /// Certificates.
    pub(crate) tls_config: TlsConfig,
    /// A proxy to go through. None is taken from the environment.
    pub(crate) proxy_url: Option<String>,
    /// Follow redirects within the same host.
    pub(crate) follow_redirects: bool,
}

impl Default for HttpClientOptions {
    fn default() -> HttpClientOptions {
        HttpClientOptions {
            basic_auth: None,
            authorization: None,
            oauth2: None,
            http_headers: BTreeMap::new(),
            tls_config: TlsConfig::default(),
            proxy_url: None,
            follow_redirects: true,
        }
    }
}

/// User name and password; the password from exactly one place.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BasicAuth {
    /// The name, as it is.
    pub(crate) username: String,
    /// File that holds the password.
    pub(crate) password_file: Option<PathBuf>,
    /// Environment variable that holds the password.
    pub(crate) password_env: Option<String>,
}

/// A token for the `Authorization` header, from exactly one place.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Authorization {
    /// What stands before the token.
    #[serde(rename = "type", default = "bearer")]
    pub(crate) scheme: String,
    /// File that holds the token.
    pub(crate) credentials_file: Option<PathBuf>,
    /// Environment variable that holds the token.
    pub(crate) credentials_env: Option<String>,
}

fn bearer() -> String {
    "Bearer".to_owned()
}

/// The values of one header, each sent as its own line.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Header {
    /// Values with nothing secret in them.
    pub(crate) values: Vec<String>,
    /// Files, each holding one value.
    pub(crate) files: Vec<PathBuf>,
}

/// Certificates.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TlsConfig {
    /// PEM file of the authorities to trust, instead of the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// PEM file of the certificate to show.
    pub(crate) cert_file: Option<PathBuf>,
    /// PEM file of its key.
    pub(crate) key_file: Option<PathBuf>,
    /// The name that the other side's certificate has to be for, where that is not the one in the URL.
    pub(crate) server_name: Option<String>,
    /// Trust whoever answers. For tests.
    pub(crate) insecure_skip_verify: bool,
}

/// What is wrong with the options.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpOptionsError {
    /// A secret from no place or from two.
    #[error("{option}: give exactly one of {option}_file and {option}_env")]
    OnePlace {
        /// The option without its ending.
        option: &'static str,
    },
    /// Several kinds of credentials.
    #[error("basic_auth, authorization and oauth2 all fill the Authorization header; give one of them")]
    TwoCredentials,
    /// Basic authentication by the wrong option.
    #[error("authorization: the type cannot be \"Basic\"; use basic_auth, which takes user name and password")]
    BasicToken,
    /// What `oauth2` says cannot work.
    #[error("oauth2: {0}")]
    OAuth2(String),
    /// The server name cannot be used.
    #[error("tls_config: server_name cannot be used: {0}")]
    ServerName(&'static str),
    /// A client certificate without key, or a key without certificate.
    #[error("tls_config: cert_file and key_file go together; one of them is missing")]
    HalfIdentity,
    /// A header that cannot be sent.
    #[error("http_headers: {name:?} is not a header that can be set here: {reason}")]
    Header {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A certificate file that cannot be read.
    #[error("tls_config: cannot read {path:?}: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A certificate file with something else in it.
    #[error("tls_config: {path:?} holds no usable PEM: {cause}")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What the TLS library said.
        cause: String,
    },
    /// Not a proxy URL.
    #[error("proxy_url is not a proxy URL: {0}; write it like \"http://proxy:3128\"")]
    Proxy(String),
    /// A secret that cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The TLS library refused the whole.
    #[error("cannot set up the HTTP client: {0}")]
    Client(String),
}

/// Headers that the client itself writes, or that have their own option.
const RESERVED: [&str; 6] =
    ["authorization", "host", "content-length", "content-type", "transfer-encoding", "connection"];

impl HttpClientOptions {
    /// The same options with relative file names taken from `directory`, as Prometheus takes them from its config's.
    #[must_use]
    pub(crate) fn below(mut self, directory: &Path) -> HttpClientOptions {
        let join = |path: &mut Option<PathBuf>| {
            if let Some(path) = path {
                *path = directory.join(&path);
            }
        };
        if let Some(basic) = &mut self.basic_auth {
            join(&mut basic.password_file);
        }
        if let Some(authorization) = &mut self.authorization {
            join(&mut authorization.credentials_file);
        }
        for header in self.http_headers.values_mut() {
            header.files.iter_mut().for_each(|path| *path = directory.join(&path));
        }
        if let Some(oauth2) = &mut self.oauth2 {
            oauth2.below(directory);
        }
        self.tls_config.below(directory);
        self
    }

    /// Checks the options, reads the certificates and each secret once, and builds a client of no endpoint in particular.
    pub(crate) fn build(&self) -> Result<HttpClient, HttpOptionsError> {
        self.parts()?.client()
    }

    /// The same for one endpoint, which is what `server_name` is about.
    pub(crate) fn build_for(&self, endpoint: &BaseUrl) -> Result<HttpClient, HttpOptionsError> {
        self.parts()?.client_for(endpoint, &[])
    }

    /// Checks the options and reads the certificates, for any number of clients.
    pub(crate) fn parts(&self) -> Result<ClientParts, HttpOptionsError> {
        let (credentials, headers) = (self.credentials()?, self.headers()?);
        let proxy = match &self.proxy_url {
            // The library's message would repeat a password in the URL.
            Some(url) => Some(
                Proxy::all(url.as_str()).map_err(|error| HttpOptionsError::Proxy(error.without_url().to_string()))?,
            ),
            None => None,
        };
        let tls = TlsParts::read(&self.tls_config)?;
        if tls.has_server_name() && proxy.is_some() {
            return Err(HttpOptionsError::ServerName("with proxy_url, the proxy would be asked for that name"));
        }
        let parts = ClientParts { credentials, headers, follow_redirects: self.follow_redirects, proxy, tls };
        // Once now, so that a missing secret is found when the config is read and not in the night.
        super::all_headers(&parts.credentials, &parts.headers)?;
        Ok(parts)
    }

    fn credentials(&self) -> Result<Credentials, HttpOptionsError> {
        match (&self.basic_auth, &self.authorization, &self.oauth2) {
            (None, None, None) => Ok(Credentials::None),
            (Some(basic), None, None) => Ok(Credentials::Basic {
                username: basic.username.clone(),
                password: one_place("password", &basic.password_file, &basic.password_env)?,
            }),
            (None, Some(token), None) if token.scheme.trim().eq_ignore_ascii_case("basic") => {
                Err(HttpOptionsError::BasicToken)
            }
            (None, Some(token), None) => Ok(Credentials::Typed {
                scheme: token.scheme.clone(),
                credentials: one_place("credentials", &token.credentials_file, &token.credentials_env)?,
            }),
            (None, None, Some(oauth2)) => Ok(Credentials::OAuth2(Arc::new(oauth2.tokens()?))),
            _ => Err(HttpOptionsError::TwoCredentials),
        }
    }

    fn headers(&self) -> Result<Vec<(HeaderName, HeaderSource)>, HttpOptionsError> {
        let mut headers = Vec::new();
        for (text, header) in &self.http_headers {
            let refuse = |reason| HttpOptionsError::Header { name: text.clone(), reason };
            let name = HeaderName::try_from(text).map_err(|_| refuse("not a header name"))?;
            if RESERVED.contains(&name.as_str()) {
                return Err(refuse("it is set by the client, or has an option of its own"));
            }
            for value in &header.values {
                let value = HeaderValue::try_from(value).map_err(|_| refuse("a value cannot be sent"))?;
                headers.push((name.clone(), HeaderSource::Plain(value)));
            }
            for path in &header.files {
                headers.push((name.clone(), HeaderSource::Secret(SecretSource::File(path.clone()))));
            }
        }
        Ok(headers)
    }
}

pub(super) fn one_place(
    option: &'static str,
    file: &Option<PathBuf>,
    variable: &Option<String>,
) -> Result<SecretSource, HttpOptionsError> {
    match (file, variable) {
        (Some(path), None) => Ok(SecretSource::File(path.clone())),
        (None, Some(name)) => Ok(SecretSource::Env(name.clone())),
        _ => Err(HttpOptionsError::OnePlace { option }),
    }
}

impl TlsConfig {
    /// Takes relative file names from `directory`.
    pub(super) fn below(&mut self, directory: &Path) {
        for path in [&mut self.ca_file, &mut self.cert_file, &mut self.key_file].into_iter().flatten() {
            *path = directory.join(&*path);
        }
    }
}
