//! What clients are made of: the options checked, with their certificates read. Clients of several endpoints made of the
//! same parts share their tokens.

use std::net::IpAddr;
use std::path::Path;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Identity, Proxy, Url};

use super::options::{HttpOptionsError, TlsConfig};
use super::towards::{Place, Towards};
use super::{BaseUrl, CONNECT_TIMEOUT, Credentials, HeaderSource, HttpClient, within_one_host};

/// Checked options. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct ClientParts {
    pub(super) credentials: Credentials,
    pub(super) headers: Vec<(HeaderName, HeaderSource)>,
    pub(super) follow_redirects: bool,
    pub(super) proxy: Option<Proxy>,
    pub(super) tls: TlsParts,
}

/// Certificates, as they were read.
#[derive(Clone, Debug)]
pub(super) struct TlsParts {
    authorities: Option<Vec<Certificate>>,
    identity: Option<Identity>,
    insecure_skip_verify: bool,
    server_name: Option<String>,
}

/// The name that an endpoint proves itself by, where it is not the one in its URL.
#[derive(Clone, Debug)]
pub(super) struct ProvenName {
    name: String,
    /// The host that the URL names.
    of: String,
}

impl ProvenName {
    /// The URL with that name in it, and what the `Host` header must say all the same. None where there is no TLS, or
    /// where another host is meant.
    pub(super) fn put_into(&self, url: &Url) -> Option<(Url, HeaderValue)> {
        let host = url.host_str().filter(|host| url.scheme() == "https" && *host == self.of)?;
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let mut proven = url.clone();
        proven.set_host(Some(&self.name)).ok()?;
        Some((proven, HeaderValue::try_from(authority).ok()?))
    }
}

impl ClientParts {
    /// A client of no endpoint in particular.
    pub(super) fn client(&self) -> Result<HttpClient, HttpOptionsError> {
        match &self.tls.server_name {
            None => self.connecting(None, None),
            Some(_) => Err(HttpOptionsError::ServerName("it belongs to one endpoint, and none is named here")),
        }
    }

    /// A client of one endpoint. Where `addresses` are known, those are connected to; the endpoint's name stays what it is
    /// called, and what its certificate has to say.
    pub(crate) fn client_for(&self, base: &BaseUrl, addresses: &[IpAddr]) -> Result<HttpClient, HttpOptionsError> {
        let host = base.0.host_str().unwrap_or_default().to_owned();
        let fixed = (!addresses.is_empty()).then(|| Place::Addresses(addresses.to_vec()));
        let server_name = self.tls.server_name.as_ref().filter(|_| base.0.scheme() == "https");
        match (server_name, fixed.clone().or_else(|| Place::of(&base.0))) {
            (Some(name), Some(place)) => {
                let towards = Towards { name: name.clone(), place };
                self.connecting(Some(towards), Some(ProvenName { name: name.clone(), of: host }))
            }
            _ => self.connecting(fixed.map(|place| Towards { name: host, place }), None),
        }
    }

    fn connecting(&self, towards: Option<Towards>, proven: Option<ProvenName>) -> Result<HttpClient, HttpOptionsError> {
        let redirects = if self.follow_redirects { within_one_host() } else { Policy::none() };
        let mut client = reqwest::Client::builder()
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirects)
            .referer(false)
            .no_proxy()
            .tls_danger_accept_invalid_certs(self.tls.insecure_skip_verify);
        if let Some(proxy) = &self.proxy {
            client = client.proxy(proxy.clone());
        }
        if let Some(authorities) = &self.tls.authorities {
            client = client.tls_certs_only(authorities.clone());
        }
        if let Some(identity) = &self.tls.identity {
            client = client.identity(identity.clone());
        }
        if let Some(towards) = towards {
            client = client.dns_resolver(towards);
        }
        let client = client.build().map_err(|error| HttpOptionsError::Client(said(&error)))?;
        let (credentials, headers) = (self.credentials.clone(), self.headers.clone());
        Ok(HttpClient { client, credentials, headers, proven })
    }
}

impl TlsParts {
    /// Reads the files that `config` names.
    pub(super) fn read(config: &TlsConfig) -> Result<TlsParts, HttpOptionsError> {
        Ok(TlsParts {
            authorities: config.ca_file.as_deref().map(authorities).transpose()?,
            identity: identity(config)?,
            insecure_skip_verify: config.insecure_skip_verify,
            server_name: config.server_name.as_deref().map(checked_name).transpose()?,
        })
    }

    pub(super) fn has_server_name(&self) -> bool {
        self.server_name.is_some()
    }
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, HttpOptionsError> {
    let bundle = Certificate::from_pem_bundle(&read(path)?);
    let authorities = bundle.map_err(|error| unusable(path, &error))?;
    if authorities.is_empty() {
        let cause = "no certificate in it".to_owned();
        return Err(HttpOptionsError::Certificate { path: path.to_owned(), cause });
    }
    Ok(authorities)
}

fn identity(config: &TlsConfig) -> Result<Option<Identity>, HttpOptionsError> {
    let (certificate, key) = match (&config.cert_file, &config.key_file) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate, key),
        _ => return Err(HttpOptionsError::HalfIdentity),
    };
    let mut pem = read(certificate)?;
    pem.push(b'\n');
    pem.extend(read(key)?);
    Identity::from_pem(&pem).map(Some).map_err(|error| unusable(certificate, &error))
}

/// A name that a URL can hold as its host and a certificate as a DNS name. An address in its place would be connected to.
fn checked_name(name: &str) -> Result<String, HttpOptionsError> {
    let refuse = HttpOptionsError::ServerName("write the one DNS name of the certificate, such as \"am.example.com\"");
    let fits =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    let url = Url::parse(&format!("https://{name}/")).ok();
    let domain = url.and_then(|url| url.domain().map(str::to_owned));
    match domain {
        Some(domain) if name.split('.').all(fits) => Ok(domain),
        _ => Err(refuse),
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

#[cfg(test)]
mod tests;
