//! The options as they stand in the config, under the names that Prometheus gives them.
//!
//! One difference: a secret is never written into the config itself, it is in a file or in the environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Identity, Proxy};
use serde::Deserialize;

use super::{CONNECT_TIMEOUT, Credentials, HeaderSource, HttpClient, SecretError, SecretSource, within_one_host};

/// How to talk to one endpoint. The default talks plainly, without credentials.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HttpClientOptions {
    /// User name and password.
    pub(crate) basic_auth: Option<BasicAuth>,
    /// A token.
    pub(crate) authorization: Option<Authorization>,
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
    /// Both kinds of credentials.
    #[error("basic_auth and authorization both fill the Authorization header; give one of them")]
    TwoCredentials,
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
        join(&mut self.tls_config.ca_file);
        join(&mut self.tls_config.cert_file);
        join(&mut self.tls_config.key_file);
        self
    }

    /// Checks the options, reads the certificates and each secret once, and builds the client.
    pub(crate) fn build(&self) -> Result<HttpClient, HttpOptionsError> {
        let credentials = self.credentials()?;
        let headers = self.headers()?;
        let redirects = if self.follow_redirects { within_one_host() } else { Policy::none() };
        let mut client = reqwest::Client::builder()
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirects)
            .referer(false)
            .no_proxy();
        if let Some(url) = &self.proxy_url {
            let proxy = Proxy::all(url.as_str());
            // The library's message would repeat a password in the URL.
            let proxy = proxy.map_err(|error| HttpOptionsError::Proxy(error.without_url().to_string()))?;
            client = client.proxy(proxy);
        }
        client = self.tls_config.apply(client)?;
        let client = client.build().map_err(|error| HttpOptionsError::Client(said(&error)))?;
        let client = HttpClient { client, credentials, headers };
        // Once now, so that a missing secret is found when the config is read and not in the night.
        client.all_headers()?;
        Ok(client)
    }

    fn credentials(&self) -> Result<Credentials, HttpOptionsError> {
        match (&self.basic_auth, &self.authorization) {
            (None, None) => Ok(Credentials::None),
            (Some(_), Some(_)) => Err(HttpOptionsError::TwoCredentials),
            (Some(basic), None) => Ok(Credentials::Basic {
                username: basic.username.clone(),
                password: one_place("password", &basic.password_file, &basic.password_env)?,
            }),
            (None, Some(token)) => Ok(Credentials::Typed {
                scheme: token.scheme.clone(),
                credentials: one_place("credentials", &token.credentials_file, &token.credentials_env)?,
            }),
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

fn one_place(
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
    fn apply(&self, client: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, HttpOptionsError> {
        let mut client = client.tls_danger_accept_invalid_certs(self.insecure_skip_verify);
        if let Some(path) = &self.ca_file {
            let bundle = Certificate::from_pem_bundle(&read(path)?);
            let authorities = bundle.map_err(|error| unusable(path, &error))?;
            if authorities.is_empty() {
                let cause = "no certificate in it".to_owned();
                return Err(HttpOptionsError::Certificate { path: path.clone(), cause });
            }
            client = client.tls_certs_only(authorities);
        }
        match (&self.cert_file, &self.key_file) {
            (None, None) => Ok(client),
            (Some(certificate), Some(key)) => {
                let mut pem = read(certificate)?;
                pem.push(b'\n');
                pem.extend(read(key)?);
                let identity = Identity::from_pem(&pem).map_err(|error| unusable(certificate, &error))?;
                Ok(client.identity(identity))
            }
            _ => Err(HttpOptionsError::HalfIdentity),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, HttpOptionsError> {
    std::fs::read(path).map_err(|cause| HttpOptionsError::Unreadable { path: path.to_owned(), cause })
}

fn unusable(path: &Path, error: &reqwest::Error) -> HttpOptionsError {
    HttpOptionsError::Certificate { path: path.to_owned(), cause: said(error) }
}

fn said(error: &reqwest::Error) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}
