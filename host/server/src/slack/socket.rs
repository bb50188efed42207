//! Socket Mode: a WebSocket that this host opens to Slack, so that Slack needs no URL of this host.
//!
//! What comes over it goes the same way as what comes by HTTP; instead of a signature, the connection itself proves where
//! it comes from. Everything is acknowledged at once, and where that got lost Slack sends it once more: what was taken is
//! remembered.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use reqwest::{Method, StatusCode, Upgraded};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use super::api::{SlackError, TIMEOUT, Ticket, one_line};
use super::signature::Seen;
use super::{Workspace, deciding, inbound, is_loopback};
use crate::clock;
use crate::host::Host;
use crate::http_client::{HttpClient, TransportError};
use crate::setup::Setup;

/// The pause before the second try to connect; doubled for every further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Slack takes some ten new connections a minute.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often we ask whether the other side is still there.
const PING_EVERY: Duration = Duration::from_secs(20);
/// A connection on which nothing was heard for so long, not even an answer to a ping, is dead.
const SILENCE: Duration = Duration::from_secs(70);
/// Longest message that is read: a press on a button brings the whole message along.
const MOST_BYTES: usize = 1 << 20;
/// For how long Slack may send something once more.
const REPEATS: Duration = Duration::from_secs(600);

type Socket = WebSocketStream<Upgraded>;

/// How a connection came to its end.
#[derive(Debug, thiserror::Error)]
enum Ended {
    /// Slack gave no ticket.
    #[error(transparent)]
    Ticket(#[from] SlackError),
    /// No WebSocket came about.
    #[error("the WebSocket to Slack could not be opened: {0}")]
    NotOpened(String),
    /// It broke.
    #[error("the WebSocket to Slack broke: {0}")]
    Broken(String),
    /// Slack wants another one in its place.
    #[error("Slack ends the connection: {0}")]
    Asked(String),
    /// The config wants another one, or none.
    #[error("the config changed")]
    Changed,
}

/// Keeps a connection open for as long as the config wants one, until the host stops.
pub(crate) async fn run(host: Arc<Host>) {
    tokio::select! {
        () = host.stopped() => {}
        () = keep_open(&host) => {}
    }
    host.metrics.slack.socket(false);
}

async fn keep_open(host: &Arc<Host>) {
    let (mut setups, seen) = (host.setups(), Seen::default());
    let mut pause = FIRST_PAUSE;
    loop {
        let setup = setups.borrow_and_update().clone();
        let Some(slack) = setup.slack.clone().filter(|slack| slack.app_token.is_some()) else {
            // Fails only where the host is gone.
            let _ = setups.changed().await;
            continue;
        };
        let mut connected = false;
        let ended = connect(host, &slack, &mut setups, &seen, &mut connected).await;
        host.metrics.slack.socket(false);
        if connected {
            pause = FIRST_PAUSE;
        }
        match &ended {
            Ended::Changed => continue,
            Ended::Asked(reason) if connected && reason != "link_disabled" => {
                tracing::info!(reason, "Slack wants a new connection");
                continue;
            }
            Ended::Ticket(error) => {
                let remedy = error.remedy("app_token_file in [slack]").unwrap_or_default();
                tracing::error!(%error, remedy, "Socket Mode is not connected; trying again in {pause:?}");
            }
            Ended::Asked(reason) if reason == "link_disabled" => {
                let remedy = "switch Socket Mode on in the app's settings, or take app_token_file out of [slack]";
                tracing::error!(
                    remedy,
                    "Slack ended the connection: Socket Mode is switched off; trying again in {pause:?}"
                );
            }
            error => tracing::error!(%error, "Socket Mode is not connected; trying again in {pause:?}"),
        }
        let wanted = match &ended {
            Ended::Ticket(error) => error.pause().unwrap_or_default().max(pause),
            _ => pause,
        };
        pause = (pause * 2).min(LONGEST_PAUSE);
        tokio::select! {
            () = tokio::time::sleep(jittered(wanted)) => {}
            // Perhaps it is another token.
            _ = setups.changed() => {}
        }
    }
}

/// Up to half as long again: hosts that lost their connections at one moment come back at different ones.
fn jittered(pause: Duration) -> Duration {
    let mut random = [0; 2];
    // Without randomness they come back at once, which is no worse than without jitter.
    let _ = getrandom::fill(&mut random);
    pause + pause.mul_f64(f64::from(u16::from_le_bytes(random)) / f64::from(u16::MAX) / 2.0)
}

async fn connect(
    host: &Arc<Host>,
    slack: &Workspace,
    setups: &mut watch::Receiver<Arc<Setup>>,
    seen: &Seen,
    connected: &mut bool,
) -> Ended {
    let Some(token) = &slack.app_token else { return Ended::Changed };
    let ticket = slack.api.open_connection(token).await;
    host.metrics.slack.count_call("apps.connections.open", ticket.is_ok());
    let socket = match ticket {
        Ok(ticket) => open(slack.answers.http(), &ticket, is_loopback(&slack.api.base().at("/"))).await,
        Err(error) => return error.into(),
    };
    match socket {
        Ok(socket) => attend(host, slack, socket, setups, seen, connected).await,
        Err(said) => Ended::NotOpened(said),
    }
}

/// Opens the WebSocket by the same HTTP client as everything else, with its certificates.
async fn open(http: &HttpClient, ticket: &Ticket, plain: bool) -> Result<Socket, String> {
    let mut url = ticket.expose().clone();
    let scheme = match url.scheme() {
        "wss" => "https",
        // The way of a stand-in on this machine.
        "ws" if plain && is_loopback(&url) => "http",
        other => return Err(format!("its URL has the scheme {other:?} instead of wss")),
    };
    url.set_scheme(scheme).map_err(|()| "its URL is none".to_owned())?;
    let key = generate_key();
    let request = http.request(Method::GET, url).map_err(|error| error.to_string())?;
    let request = request
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key);
    // Not a timeout of the request, which would end the connection with it.
    let sent = tokio::time::timeout(TIMEOUT, request.send()).await.map_err(|_| "no answer in time".to_owned())?;
    let response = sent.map_err(|error| error.to_string())?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(format!("HTTP status {} instead of 101", response.status()));
    }
    let accept = response.headers().get(SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
    if accept != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
        return Err("what answered does not speak WebSocket".to_owned());
    }
    let upgraded = response.upgrade().await.map_err(|error| TransportError::from(error).to_string())?;
    let limits = WebSocketConfig::default().max_message_size(Some(MOST_BYTES)).max_frame_size(Some(MOST_BYTES));
    Ok(WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(limits)).await)
}

/// Takes what comes, to the end of the connection.
async fn attend(
    host: &Arc<Host>,
    slack: &Workspace,
    mut socket: Socket,
    setups: &mut watch::Receiver<Arc<Setup>>,
    seen: &Seen,
    connected: &mut bool,
) -> Ended {
    let broken = |error: SocketError| Ended::Broken(one_line(&error.to_string()));
    let mut pings = tokio::time::interval(PING_EVERY);
    let mut heard = Instant::now();
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            _ = setups.changed() => {
                if is_other(slack, &setups.borrow_and_update()) {
                    // Slack notices by itself where this does not arrive.
                    let _ = socket.close(None).await;
                    return Ended::Changed;
                }
                continue;
            }
            _ = pings.tick() => {
                if heard.elapsed() > SILENCE {
                    return Ended::Broken(format!("nothing was heard for {} s", SILENCE.as_secs()));
                }
                if let Err(error) = socket.send(Message::Ping(Vec::new().into())).await {
                    return broken(error);
                }
                continue;
            }
        };
        heard = Instant::now();
        match message {
            Some(Ok(Message::Text(text))) => {
                let Ok(envelope) = serde_json::from_str::<Value>(&text) else {
                    tracing::warn!("Slack sent something that is not JSON; it is left alone");
                    continue;
                };
                match take(host, seen, connected, &envelope).await {
                    Taken::Acknowledge(answer) => {
                        if let Err(error) = socket.send(Message::Text(answer.to_string().into())).await {
                            return broken(error);
                        }
                    }
                    Taken::Nothing => {}
                    Taken::End(reason) => {
                        let _ = socket.close(None).await;
                        return Ended::Asked(reason);
                    }
                }
            }
            // Pings are answered by the library with the next message that is read or sent.
            Some(Ok(Message::Close(_))) | None => return Ended::Broken("the other side closed it".to_owned()),
            Some(Ok(_)) => {}
            Some(Err(error)) => return broken(error),
        }
    }
}

/// True where a config asks for another connection than the one that is open.
fn is_other(open: &Workspace, setup: &Setup) -> bool {
    let Some(wanted) = &setup.slack else { return true };
    wanted.app_token != open.app_token || wanted.api.base().to_string() != open.api.base().to_string()
}

/// What follows from one message.
enum Taken {
    Acknowledge(Value),
    Nothing,
    End(String),
}

async fn take(host: &Arc<Host>, seen: &Seen, connected: &mut bool, envelope: &Value) -> Taken {
    let kind = envelope["type"].as_str().unwrap_or_default();
    match kind {
        "hello" => {
            *connected = true;
            host.metrics.slack.socket(true);
            tracing::info!("Socket Mode is connected");
            return Taken::Nothing;
        }
        "disconnect" => return Taken::End(one_line(envelope["reason"].as_str().unwrap_or("no reason given"))),
        _ => {}
    }
    let Some(id) = envelope["envelope_id"].as_str() else { return Taken::Nothing };
    let mut answer = json!({ "envelope_id": id });
    let now = clock::now();
    if !seen.is_new(id, now.plus(REPEATS), now) {
        host.metrics.slack.count_request("replayed");
        return Taken::Acknowledge(answer);
    }
    let read = match kind {
        "slash_commands" => inbound::command_object(&envelope["payload"]),
        "interactive" => inbound::of_payload(envelope["payload"].clone()),
        // Events, which nobody asked for; acknowledged, or they would come again.
        _ => return Taken::Acknowledge(answer),
    };
    let setup = host.setup();
    let said = match (&setup.slack, read) {
        (Some(slack), Ok(inbound)) => deciding::receive(host, slack, inbound).await.map_err(|error| error.to_string()),
        (None, _) => Ok(None),
        (_, Err(error)) => Err(error.to_string()),
    };
    match said {
        Ok(Some(said)) => answer["payload"] = said,
        Ok(None) => {}
        Err(why) => {
            host.metrics.slack.count_request("refused");
            tracing::warn!(why, "something that came by Socket Mode was refused");
        }
    }
    Taken::Acknowledge(answer)
}
