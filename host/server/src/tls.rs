//! What the listener proves itself with: certificate, key and, for mutual TLS, those who may sign the certificates of
//! clients. Read from their files at startup and at every reload.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::{self, InconsistentKeys, RootCertStore, ServerConfig};

use crate::config::{ClientAuth, Config, ConfigErrors, Findings, TlsFiles};

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
enum TlsError {
    #[error("cannot read {path}: {cause}")]
    Unreadable { path: String, cause: std::io::Error },
    #[error("{path} is not PEM: {cause}")]
    NotPem { path: String, cause: pem::Error },
    #[error("{path} holds no {what}")]
    Missing { path: String, what: &'static str },
    #[error("the certificate and the key do not belong together")]
    NoPair,
    #[error("{path}: {cause}")]
    Unusable { path: String, cause: String },
}

/// Which key of the config is at fault, and what to do.
struct Fault {
    key: &'static str,
    error: TlsError,
    remedy: &'static str,
}

const CERT: (&str, &str) =
    ("tls_cert", "write the host's certificate there as PEM, those that signed it after it, the root left out");
const KEY: (&str, &str) =
    ("tls_key", "write the certificate's private key there as PEM, not encrypted, readable by this program's user");
const CLIENT_CA: (&str, &str) =
    ("tls_client_ca", "write the certificates of those who sign clients' certificates there as PEM");

/// Reads what the config names. None where it wants no TLS. Blocks for the files.
///
/// # Errors
///
/// Each says which key of the config, which file and what about it.
pub(crate) fn load(config: &Config) -> Result<Option<Arc<ServerConfig>>, ConfigErrors> {
    let Some(files) = &config.server.tls else { return Ok(None) };
    build(files).map(|built| Some(Arc::new(built))).map_err(|fault| {
        let findings = Findings::default();
        findings.error(&config.locator.spot(&["server", fault.key]), fault.error.to_string(), fault.remedy);
        match findings.into_result() {
            Err(errors) => errors,
            Ok(warnings) => ConfigErrors { errors: Vec::new(), warnings },
        }
    })
}

fn build(files: &TlsFiles) -> Result<ServerConfig, Fault> {
    let chain = certificates(&files.cert, CERT)?;
    let key = private_key(&files.key)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let versions = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&files.cert, CERT, error))?;
    let clients = match &files.clients {
        Some(clients) => clients_signed_by(clients, provider)?,
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let config = versions.with_client_cert_verifier(clients).with_single_cert(chain, key);
    let mut config = config.map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            let remedy = "name the key that the certificate of tls_cert was made with";
            Fault { key: KEY.0, error: TlsError::NoPair, remedy }
        }
        rustls::Error::InvalidCertificate(_) => unusable(&files.cert, CERT, error),
        error => unusable(&files.key, KEY, error),
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn clients_signed_by(
    ClientAuth { ca: file, is_required }: &ClientAuth,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Fault> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file, CLIENT_CA)? {
        roots.add(certificate).map_err(|error| unusable(file, CLIENT_CA, error))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let verifier = if *is_required { verifier } else { verifier.allow_unauthenticated() };
    verifier.build().map_err(|error| unusable(file, CLIENT_CA, error))
}

/// At least one.
fn certificates(file: &Path, of: (&'static str, &'static str)) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let pem = read(file, of)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let all = all.map_err(|cause| fault(of, TlsError::NotPem { path: shown(file), cause }))?;
    if all.is_empty() {
        return Err(fault(of, TlsError::Missing { path: shown(file), what: "certificate" }));
    }
    Ok(all)
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, Fault> {
    let pem = read(file, KEY)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|cause| match cause {
        pem::Error::NoItemsFound => {
            let encrypted = pem.windows(9).any(|words| words == b"ENCRYPTED");
            let what = if encrypted { "key that can be read: it is encrypted" } else { "private key" };
            fault(KEY, TlsError::Missing { path: shown(file), what })
        }
        // What the library found may be part of the key, so it is not repeated.
        _ => fault(KEY, TlsError::Unusable { path: shown(file), cause: "it is not PEM".to_owned() }),
    })
}

fn read(file: &Path, of: (&'static str, &'static str)) -> Result<Vec<u8>, Fault> {
    std::fs::read(file).map_err(|cause| fault(of, TlsError::Unreadable { path: shown(file), cause }))
}

fn unusable(file: &Path, of: (&'static str, &'static str), cause: impl ToString) -> Fault {
    fault(of, TlsError::Unusable { path: shown(file), cause: cause.to_string() })
}

fn fault((key, remedy): (&'static str, &'static str), error: TlsError) -> Fault {
    Fault { key, error, remedy }
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}
