//! Who is looking: the person whose session the browser holds. A handler that takes a [`Viewer`] answers nobody else, and
//! one that takes a [`Posted`] acts on nothing but forms of this host's own pages.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, Form, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use tidegate_domain::event::DecidedBy;
use tidegate_domain::people::Role;

use super::paths::Place;
use super::session::{Key, Secret, TokenDigest};
use super::{frame, origin};
use crate::host::Host;
use crate::setup::Setup;

/// Set by the script when it asks by itself, so that nobody seems to be at work.
const BY_ITSELF: &str = "x-tidegate-by-itself";

/// A known person at a browser.
#[derive(Clone)]
pub(super) struct Viewer {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) session: Key,
    /// For the hidden field of every form.
    pub(super) form_token: String,
    /// True where the script asks, and not the person.
    pub(super) by_itself: bool,
    address: SocketAddr,
}

impl Viewer {
    /// As the journal keeps it.
    pub(super) fn decides(&self) -> DecidedBy {
        let (approver, address) = (self.name.clone(), self.address.to_string());
        DecidedBy { approver, surface: "page".to_owned(), address }
    }

    /// True for somebody with at least this role.
    pub(super) fn may(&self, role: Role) -> bool {
        self.role >= role
    }
}

/// The name of the session's cookie. Over TLS with the prefix that has the browser hold it to this host alone.
pub(super) fn cookie_name(setup: &Setup) -> &'static str {
    if is_secure(setup) { "__Host-tidegate_session" } else { "tidegate_session" }
}

/// The cookie of a session, or without one what takes it away.
pub(super) fn cookie(setup: &Setup, secret: Option<&Secret>) -> String {
    let secure = if is_secure(setup) { "; Secure" } else { "" };
    let (value, age) = secret.map_or(("", "; Max-Age=0"), |secret| (secret.expose(), ""));
    format!("{}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{age}", cookie_name(setup))
}

fn is_secure(setup: &Setup) -> bool {
    let server = &setup.config.server;
    server.tls.is_some() || server.external_url.as_ref().is_some_and(|url| url.at("/").scheme() == "https")
}

/// Does this person still have this token?
pub(super) fn holds(setup: &Setup, name: &str, token: &TokenDigest) -> bool {
    setup.config.approvers.iter().any(|approver| approver.name == name && token.is_of(approver.token.expose()))
}

fn secret(headers: &HeaderMap, name: &str) -> Option<Secret> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(known, value)| if known == name { Secret::parse(value) } else { None })
}

/// Whoever has a session, with its secret.
fn known(parts: &Parts, host: &Host) -> Option<(Viewer, Secret)> {
    let ConnectInfo(address) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    let setup = host.setup();
    let secret = secret(&parts.headers, cookie_name(&setup))?;
    let by_itself = parts.headers.contains_key(BY_ITSELF);
    let still_holds = |name: &str, token: &TokenDigest| holds(&setup, name, token);
    let (session, name) = host.sessions.find(&secret, by_itself, Instant::now(), still_holds)?;
    let role = setup.config.rules.people.role(&name)?;
    let form_token = secret.form_token();
    Some((Viewer { name, role, session, form_token, by_itself, address: *address }, secret))
}

/// None for whoever is not logged in. For the login page.
pub(super) struct Maybe(pub(super) Option<Viewer>);

impl FromRequestParts<Arc<Host>> for Maybe {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, host: &Arc<Host>) -> Result<Maybe, Self::Rejection> {
        Ok(Maybe(known(parts, host).map(|(viewer, _)| viewer)))
    }
}

impl FromRequestParts<Arc<Host>> for Viewer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, host: &Arc<Host>) -> Result<Viewer, Response> {
        known(parts, host).map(|(viewer, _)| viewer).ok_or_else(|| to_login(parts))
    }
}

fn to_login(parts: &Parts) -> Response {
    if parts.headers.contains_key(BY_ITSELF) {
        return (StatusCode::UNAUTHORIZED, "the session is over\n").into_response();
    }
    let asked = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let place = Place::parse(asked).unwrap_or_else(Place::front);
    if parts.method == Method::GET && origin::may_lack_cookies(&parts.headers) {
        return frame::hop(&place);
    }
    Redirect::to(&place.login()).into_response()
}

/// A form of one of this host's pages, sent by the person who looks at it.
pub(super) struct Posted {
    pub(super) viewer: Viewer,
    pub(super) fields: Fields,
}

/// What stands in a form.
pub(super) struct Fields(BTreeMap<String, String>);

impl Fields {
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Where the form was.
    pub(super) fn place(&self) -> Place {
        Place::parse(self.get("next")).unwrap_or_else(Place::front)
    }

    /// Reads a form that needs no session: that of the login page. The error is what to answer.
    pub(super) async fn read(request: Request, host: &Arc<Host>) -> Result<Fields, Response> {
        let setup = host.setup();
        let external = setup.config.server.external_url.as_ref().map(|url| url.at("/"));
        if !origin::is_own(request.headers(), external.as_ref()) {
            tracing::warn!(path = request.uri().path(), "refused: a form that no page of this host has sent");
            let why = "This form was not sent from a page of this tidegate, so nothing was done. Where a proxy stands in \
                       between, `external_url` must say under which address people reach it.";
            return Err(frame::refusal(StatusCode::FORBIDDEN, "Refused", why));
        }
        let read = Form::<BTreeMap<String, String>>::from_request(request, host).await;
        match read {
            Ok(Form(fields)) => Ok(Fields(fields)),
            Err(rejection) => {
                let why = "The form could not be read: it is too long, or not a form at all.";
                Err(frame::refusal(rejection.into_response().status(), "Not understood", why))
            }
        }
    }
}

impl FromRequest<Arc<Host>> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, host: &Arc<Host>) -> Result<Posted, Response> {
        let (parts, body) = request.into_parts();
        let known = known(&parts, host);
        let fields = Fields::read(Request::from_parts(parts, body), host).await?;
        let Some((viewer, secret)) = known else {
            return Err(Redirect::to(&fields.place().login()).into_response());
        };
        if !secret.is_form_token(fields.get("form")) {
            tracing::warn!(person = viewer.name, "refused: a form without the token of its session");
            let why =
                "This form belongs to another session, so nothing was done. Go back, load the page again and repeat.";
            return Err(frame::refusal(StatusCode::FORBIDDEN, "Refused", why));
        }
        Ok(Posted { viewer, fields })
    }
}
