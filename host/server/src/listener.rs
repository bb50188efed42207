//! The one listener: takes connections, no more at once than it can hold, and has each of them say in time what it
//! wants. Whether it speaks TLS, and as whom, is asked anew for every connection.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::host::Host;
use crate::identity::ClientCertificate;
use crate::setup::Setup;

mod in_time;
mod places;

use in_time::InTime;
use places::{Place, Places};

/// A handshake is a few packets.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// How long a connection may take to send its next request's headers, and so for how long it may be idle.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);
/// How long a body may take: the largest that is read comes at 140 kB a second then.
const BODY_WITHIN: Duration = Duration::from_secs(30);
/// Of one request, all of them. Proxies add some, browsers send cookies of other programs on the same host name.
const MOST_HEADER_BYTES: usize = 32 << 10;
/// Answers that are being given may end, streams may not hold up the end of the host.
const END_WITHIN: Duration = Duration::from_secs(10);
/// After the system could not give another connection, most likely for want of file descriptors.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers until the host stops.
pub(crate) async fn serve(listener: TcpListener, host: Arc<Host>, router: Router) {
    let places = Places::default();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(ended) = connections.join_next() => {
                told(ended);
                continue;
            }
            () = host.stopped() => break,
        };
        match accepted {
            Ok((stream, peer)) => match places.take(peer.ip()) {
                Ok(place) => {
                    connections.spawn(hold(stream, peer, host.clone(), router.clone(), place));
                }
                Err(full) => {
                    host.metrics.count_refused_connection(full.name());
                    if places.may_warn() {
                        tracing::warn!(%peer, "connections are turned away: {full}");
                    }
                }
            },
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot take another connection; trying again in {PAUSE:?}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.map(told).is_some() {} };
    // What is left is dropped with the set, and so ended.
    let _ = timeout(END_WITHIN, all_ended).await;
}

fn told(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "an answer broke off");
    }
}

/// The other side was gone before we came to it.
fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// One connection, from its first byte to its end.
async fn hold(stream: TcpStream, peer: SocketAddr, host: Arc<Host>, router: Router, _place: Place) {
    // Answers are small and waited for.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "a connection was gone before it said anything");
        return;
    }
    let mut terms = Terms::of(&host);
    let Some(tls) = terms.tls.clone() else { return answer(stream, peer, None, &mut terms, &host, router).await };
    let handshake = timeout(HANDSHAKE_WITHIN, TlsAcceptor::from(tls).accept(stream));
    let shaken = tokio::select! {
        shaken = handshake => shaken,
        () = host.stopped() => return,
    };
    let why = match shaken {
        Ok(Ok(stream)) => {
            let certificate = ClientCertificate::of(stream.get_ref().1);
            return answer(stream, peer, certificate, &mut terms, &host, router).await;
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("it took longer than {HANDSHAKE_WITHIN:?}"),
    };
    host.metrics.count_refused_connection("handshake");
    // Not a warning: anybody can do this as often as they like.
    tracing::info!(%peer, "a TLS handshake failed: {why}");
}

/// What a connection was made on, and whether that still holds.
struct Terms {
    tls: Option<Arc<ServerConfig>>,
    setups: watch::Receiver<Arc<Setup>>,
}

impl Terms {
    fn of(host: &Host) -> Terms {
        let setups = host.setups();
        let tls = setups.borrow().tls.clone();
        Terms { tls, setups }
    }

    /// Waits until the files of TLS have been read anew. Whose certificates count may have changed with them.
    async fn changed(&mut self) {
        let is_other = |setup: &Arc<Setup>| match (&self.tls, &setup.tls) {
            (None, None) => false,
            (Some(one), Some(other)) => !Arc::ptr_eq(one, other),
            _ => true,
        };
        // The sender lives as long as the host, so this only ends by the value.
        let _ = self.setups.wait_for(is_other).await;
    }
}

async fn answer<S>(
    stream: S,
    peer: SocketAddr,
    certificate: Option<ClientCertificate>,
    terms: &mut Terms,
    host: &Host,
    router: Router,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request: Request<Incoming>| -> Answering {
        let mut request = request.map(|body| Body::new(InTime::new(body, BODY_WITHIN)));
        request.extensions_mut().insert(ConnectInfo(peer));
        if let Some(certificate) = &certificate {
            request.extensions_mut().insert(certificate.clone());
        }
        Box::pin(router.call(request))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_header_size(MOST_HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        // What is being answered is answered; the next request takes another connection, on the terms of then.
        () = async { tokio::select! { () = host.stopped() => (), () = terms.changed() => () } } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection broke");
    }
}

type Answering = std::pin::Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;
