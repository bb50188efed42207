//! The door in front of every route: who may come in.
//!
//! Only the `Authorization` header counts here, never a cookie: a browser does not send it by itself, so no page of
//! another site can act for somebody. A certificate, which a browser does send by itself, counts for senders alone, and
//! only where that header is missing.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tidegate_domain::event::DecidedBy;
use tidegate_domain::people::Role;

use super::Problem;
use crate::host::Host;
use crate::identity::{self, Caller, ClientCertificate, Limited};

/// Whom a route is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Everybody; nobody is asked who they are.
    Anybody,
    /// People with at least this role.
    Role(Role),
    /// Senders, and people who may decide.
    Deliver,
}

/// A known person, who may do what the route does. A handler that takes one answers nobody else.
#[derive(Clone, Debug)]
pub(super) struct Person(pub(super) DecidedBy);

/// Whoever may deliver: a person, or a sender.
#[derive(Clone, Debug)]
pub(super) struct Deliverer(pub(super) Caller);

/// Goes before the handler of every route.
pub(super) async fn let_in(
    State((host, access)): State<(Arc<Host>, Access)>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    if access == Access::Anybody {
        return next.run(request).await;
    }
    let certificate = request.extensions().get();
    let caller = match caller(&host, request.headers(), certificate, address.ip()) {
        Ok(caller) => caller,
        Err(refusal) => return refusal.told(&host, access, address, request.uri().path()),
    };
    if let Err(why) = access.admits(&caller) {
        tracing::warn!(%address, path = request.uri().path(), "refused: {why}");
        return Problem::new(StatusCode::FORBIDDEN, why).into_response();
    }
    if let Caller::Person { name, .. } = &caller {
        let surface = surface(request.headers()).to_owned();
        let by = DecidedBy { approver: name.clone(), surface, address: address.to_string() };
        request.extensions_mut().insert(Person(by));
    }
    request.extensions_mut().insert(Deliverer(caller));
    let mut response = next.run(request).await;
    // What is for some is not to be kept by anything in between for others.
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Only for the record; it grants nothing.
fn surface(headers: &HeaderMap) -> &'static str {
    if headers.get("x-tidegate-surface").is_some_and(|surface| surface == "cli") { "cli" } else { "http" }
}

impl Access {
    /// The error is a sentence for whoever asks.
    fn admits(self, caller: &Caller) -> Result<(), String> {
        let needed = match self {
            Access::Anybody => return Ok(()),
            Access::Role(role) => role,
            Access::Deliver => Role::Approve,
        };
        match caller {
            Caller::Person { role, .. } if *role >= needed => Ok(()),
            Caller::Person { name, role } => {
                let (role, needed) = (role.name(), needed.name());
                Err(format!(
                    "{name} has the role {role}, and this needs the role {needed}; `role` in the config says so"
                ))
            }
            Caller::Sender { .. } if self == Access::Deliver => Ok(()),
            Caller::Sender { name } => {
                Err(format!("{name} is a sender, which may deliver alerts and nothing else; use a person's token"))
            }
        }
    }
}

/// Why somebody is not known.
enum Refusal {
    /// Nothing was shown, or something that is never looked at.
    Missing,
    /// A certificate was shown that no sender has, and nothing else.
    Stranger,
    /// What was shown belongs to nobody.
    Wrong,
    /// There were too many of these from this address.
    Limited(Limited),
}

fn caller(
    host: &Host,
    headers: &HeaderMap,
    certificate: Option<&ClientCertificate>,
    address: IpAddr,
) -> Result<Caller, Refusal> {
    let setup = host.setup();
    if let (Some(certificate), false) = (certificate, headers.contains_key(header::AUTHORIZATION)) {
        // Nobody guesses one, so there is nothing to count.
        return identity::of_certificate(&setup, certificate).ok_or(Refusal::Stranger);
    }
    let credentials = Credentials::of(headers)?;
    let caller = match &credentials {
        Credentials::Bearer(token) => identity::of_token(&setup, token),
        Credentials::Basic { name, password } => identity::of_password(&setup, name, password),
        Credentials::Unreadable => None,
    };
    let limited = host.failures.check(address);
    match (caller, limited) {
        (Some(caller), _) if host.failures.succeeded(address, caller.name()) => Ok(caller),
        (_, Err(limited)) => Err(Refusal::Limited(limited)),
        (_, Ok(())) => {
            host.failures.failed(address);
            Err(Refusal::Wrong)
        }
    }
}

enum Credentials<'h> {
    Bearer(&'h str),
    Basic { name: String, password: String },
    Unreadable,
}

impl<'h> Credentials<'h> {
    fn of(headers: &'h HeaderMap) -> Result<Credentials<'h>, Refusal> {
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let value = given.next().ok_or(Refusal::Missing)?;
        // Of two, a proxy in front may have looked at the other one.
        if given.next().is_some() {
            return Ok(Credentials::Unreadable);
        }
        let Some((scheme, rest)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else {
            return Ok(Credentials::Unreadable);
        };
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Ok(Credentials::Bearer(rest));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(Refusal::Missing);
        }
        let text = STANDARD.decode(rest).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = text.as_deref().and_then(|text| text.split_once(':'));
        Ok(pair.map_or(Credentials::Unreadable, |(name, password)| Credentials::Basic {
            name: name.to_owned(),
            password: password.to_owned(),
        }))
    }
}

impl Refusal {
    fn told(self, host: &Host, access: Access, address: SocketAddr, path: &str) -> Response {
        host.metrics.count_refused_credentials();
        let how = match access {
            Access::Anybody | Access::Role(_) => "send an approver's token as `Authorization: Bearer TOKEN`",
            Access::Deliver => {
                "send a sender's token as `Authorization: Bearer TOKEN`, or its name and token by basic authentication; \
                 in Alertmanager both go into `http_config`, as does the certificate that a sender may have instead"
            }
        };
        let (what, log) = match self {
            Refusal::Missing => ("this needs a known token", "refused: a token is missing"),
            Refusal::Stranger => {
                ("no sender has this certificate", "refused: a certificate that is no sender's, and no token")
            }
            Refusal::Wrong => ("this token belongs to nobody", "refused: a wrong token"),
            Refusal::Limited(limited) => {
                tracing::debug!(%address, path, "refused: too many wrong tokens came from this address");
                return too_many(limited);
            }
        };
        tracing::warn!(%address, path, "{log}");
        let mut response = Problem::new(StatusCode::UNAUTHORIZED, format!("{what}: {how}")).into_response();
        // Only where it can succeed: a browser that is offered `Basic` asks its user for a password.
        if access == Access::Deliver {
            let basic = HeaderValue::from_static("Basic realm=\"tidegate\", charset=\"UTF-8\"");
            response.headers_mut().append(header::WWW_AUTHENTICATE, basic);
        }
        response
    }
}

/// Says the same whatever was shown, right or wrong.
fn too_many(limited: Limited) -> Response {
    let seconds = limited.seconds();
    let why = format!("too many wrong tokens came from this address; try again in {seconds} s");
    let mut response = Problem::new(StatusCode::TOO_MANY_REQUESTS, why).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    response
}

/// Taken from what [`let_in`] left, which runs before every handler of a guarded route; elsewhere there is nobody.
fn left_by_the_door<T: Clone + Send + Sync + 'static>(parts: &Parts) -> Result<T, Problem> {
    let nobody = || Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "nobody was asked who they are; report this");
    parts.extensions.get().cloned().ok_or_else(nobody)
}

impl FromRequestParts<Arc<Host>> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Host>) -> Result<Person, Problem> {
        left_by_the_door(parts)
    }
}

impl FromRequestParts<Arc<Host>> for Deliverer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Host>) -> Result<Deliverer, Problem> {
        left_by_the_door(parts)
    }
}
