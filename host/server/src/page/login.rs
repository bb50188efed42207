//! Logging in with an approver's token, and out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use serde::Deserialize;

use super::frame;
use super::paths::Place;
use super::session::{Secret, TokenDigest};
use super::viewer::{self, Fields, Maybe, Posted};
use crate::host::Host;
use crate::identity::{self, Caller, Limited};

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    next: String,
}

impl Asked {
    fn place(&self) -> Place {
        Place::parse(&self.next).unwrap_or_else(Place::front)
    }
}

/// `GET /login`.
pub(super) async fn show(Maybe(viewer): Maybe, Query(asked): Query<Asked>) -> Response {
    let place = asked.place();
    match viewer {
        Some(_) => Redirect::to(place.path()).into_response(),
        None => form(StatusCode::OK, &place, None),
    }
}

fn form(code: StatusCode, place: &Place, wrong: Option<&str>) -> Response {
    let main = html! {
        form.login method="post" action="/login" {
            h1 { "Sign in" }
            @if let Some(wrong) = wrong { p.flash.bad role="alert" { (wrong) } }
            input type="hidden" name="next" value=(place.path());
            // Password managers keep a token by a name, and need a field for it.
            label for="token" { "Your token" }
            input #token type="password" name="token" required autocomplete="current-password" autofocus
                spellcheck="false" autocapitalize="none" aria-describedby="token-help";
            p #token-help .quiet { "The one that " code { "[[approver]]" } " in the config names as yours." }
            button.primary type="submit" { "Sign in" }
        }
    };
    frame::outside(code, "Sign in", &main)
}

/// `POST /login`.
pub(super) async fn enter(
    State(host): State<Arc<Host>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let fields = match Fields::read(request, &host).await {
        Ok(fields) => fields,
        Err(refusal) => return refusal,
    };
    let (setup, place) = (host.setup(), fields.place());
    let token = fields.get("token").trim();
    let caller = identity::of_token(&setup, token);
    let limited = host.failures.check(address.ip());
    let wrong = match (caller, limited) {
        (Some(Caller::Person { name, .. }), _) if host.failures.succeeded(address.ip(), &name) => {
            return begin(&host, &name, token, &place);
        }
        (_, Err(limited)) => return too_many(&place, limited),
        (Some(Caller::Sender { .. }), Ok(())) => "This token is a sender's: it may deliver alerts, and nothing else.",
        (_, Ok(())) => "This token belongs to nobody. Look at what you pasted.",
    };
    host.failures.failed(address.ip());
    host.metrics.count_refused_credentials();
    tracing::warn!(%address, "refused: a wrong token on the login page");
    form(StatusCode::UNAUTHORIZED, &place, Some(wrong))
}

fn begin(host: &Host, name: &str, token: &str, place: &Place) -> Response {
    let secret = match Secret::new() {
        Ok(secret) => secret,
        Err(error) => {
            tracing::error!(%error, "the system gives no random bits: nobody can log in");
            let why = "The machine has no random numbers to give, so no session can begin. See the log.";
            return frame::refusal(StatusCode::INTERNAL_SERVER_ERROR, "Not now", why);
        }
    };
    host.sessions.begin(&secret, name, TokenDigest::of(token), Instant::now());
    tracing::info!(person = name, "logged in on the page");
    with_cookie(Redirect::to(place.path()).into_response(), &viewer::cookie(&host.setup(), Some(&secret)))
}

fn too_many(place: &Place, limited: Limited) -> Response {
    let seconds = limited.seconds();
    let why = format!("Too many wrong tokens came from your address. Try again in {seconds} s.");
    let mut response = form(StatusCode::TOO_MANY_REQUESTS, place, Some(&why));
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    response
}

/// `POST /logout`.
pub(super) async fn leave(State(host): State<Arc<Host>>, posted: Posted) -> Response {
    host.sessions.end(posted.viewer.session);
    with_cookie(Redirect::to("/login").into_response(), &viewer::cookie(&host.setup(), None))
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    // Of letters, digits and signs only.
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
