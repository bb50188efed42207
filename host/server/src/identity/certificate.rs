//! The certificate by which a client has made itself known.

use std::sync::Arc;

use tokio_rustls::rustls::ServerConnection;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::server::ParsedCertificate;

/// A client's certificate. Only a handshake gives one, so the client has its key, and it is signed as the config demands.
#[derive(Clone, Debug)]
pub(crate) struct ClientCertificate(Arc<CertificateDer<'static>>);

impl ClientCertificate {
    /// None where the client has shown none.
    pub(crate) fn of(connection: &ServerConnection) -> Option<ClientCertificate> {
        let chain = connection.peer_certificates()?;
        chain.first().map(|certificate| ClientCertificate(Arc::new(certificate.clone())))
    }

    /// True where this is one of its subject alternative names, or a wildcard among those covers it. What stands in its
    /// subject does not count, as everywhere else.
    pub(super) fn is_for(&self, name: &ServerName<'_>) -> bool {
        // The rules for names do not depend on which of the two sides has the certificate.
        ParsedCertificate::try_from(&*self.0).is_ok_and(|parsed| verify_server_name(&parsed, name).is_ok())
    }
}
