//! The web page: what waits for a decision, what is wrong, what was done about it, and the forms to decide.
//!
//! Everything is rendered here and works without a script; the script only keeps what is shown up to date. Who may decide
//! is the domain's business, who somebody is that of [`crate::identity`]; this knows sessions, forms and HTML.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::map_response;
use axum::routing::{get, post};

use crate::host::Host;

mod assets;
mod card;
mod course;
mod deciding;
mod evidence;
mod frame;
mod front;
mod guests;
mod headers;
mod incident;
mod live;
mod login;
mod opinion;
mod origin;
mod paths;
mod request;
mod said;
mod session;
mod silence;
mod standing;
mod timeline;
mod viewer;
mod when;

pub(crate) use session::Sessions;

/// Longest body of a form: a token, or a reason and two digests.
const MOST_BYTES: usize = 16 << 10;

/// Every page, form and asset.
pub(crate) fn router() -> Router<Arc<Host>> {
    Router::new()
        .route("/", get(front::show))
        .route("/incidents/{id}", get(incident::show))
        .route("/incidents/{id}/silence", post(silence::make))
        .route("/incidents/{id}/unsilence", post(silence::end))
        .route("/requests/{id}", get(request::show))
        .route("/requests/{id}/approve", post(deciding::approve))
        .route("/requests/{id}/deny", post(deciding::deny))
        .route("/guests", get(guests::show))
        .route("/pause", post(deciding::pause))
        .route("/resume", post(deciding::resume))
        .route("/login", get(login::show).post(login::enter))
        .route("/logout", post(login::leave))
        .route("/events", get(live::events))
        .layer(map_response(headers::of_page))
        .route("/assets/{name}", get(assets::serve))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
}

#[cfg(test)]
mod tests;
