//! Everything that this module answers: path, method, and whom it is for. A route is not one without saying whom.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use tidegate_domain::people::Role;

use super::access::{Access, let_in};
use super::{Problem, approvals, incidents, metrics, openapi, pauses, ready, receiver, reload};
use crate::host::Host;

/// Longest body of a webhook delivery that is read: 4 MiB are some ten thousand alerts.
pub(super) const MOST_WEBHOOK_BYTES: usize = 4 << 20;
/// Longest body of anything else: a decision and its reason.
const MOST_BYTES: usize = 64 << 10;

const VIEW: Access = Access::Role(Role::View);
const APPROVE: Access = Access::Role(Role::Approve);
const ADMIN: Access = Access::Role(Role::Admin);

/// One thing that can be asked for.
pub(super) struct Route {
    pub(super) access: Access,
    /// The one that means something; for GET, HEAD does as well.
    pub(super) method: Method,
    pub(super) path: &'static str,
    most_bytes: usize,
    answers: MethodRouter<Arc<Host>>,
}

/// All of them.
pub(super) fn all() -> Vec<Route> {
    vec![
        Route::get(VIEW, "/api/v1/incidents", incidents::list),
        Route::get(VIEW, "/api/v1/incidents/{id}", incidents::show),
        Route::post(APPROVE, "/api/v1/incidents/{id}/silence", incidents::silence),
        Route::post(APPROVE, "/api/v1/incidents/{id}/unsilence", incidents::unsilence),
        Route::get(VIEW, "/api/v1/approvals", approvals::list),
        Route::get(VIEW, "/api/v1/approvals/{id}", approvals::show),
        Route::post(APPROVE, "/api/v1/approvals/{id}/approve", approvals::approve),
        Route::post(APPROVE, "/api/v1/approvals/{id}/deny", approvals::deny),
        Route::get(VIEW, "/api/v1/status", pauses::status),
        Route::post(APPROVE, "/api/v1/pause", pauses::pause),
        Route::post(ADMIN, "/api/v1/resume", pauses::resume),
        Route::get(VIEW, "/api/v1/openapi.json", openapi::document),
        Route::post(ADMIN, "/-/reload", reload::post),
        Route::post(Access::Deliver, "/webhook/alertmanager", receiver::deliver).taking(MOST_WEBHOOK_BYTES),
        // Nothing in these says anything that is not for everybody.
        Route::get(Access::Anybody, "/metrics", metrics),
        Route::get(Access::Anybody, "/-/healthy", async || "tidegate is healthy\n"),
        Route::get(Access::Anybody, "/-/ready", ready),
    ]
}

impl Route {
    fn get<T: 'static>(access: Access, path: &'static str, handler: impl Handler<T, Arc<Host>>) -> Route {
        Route { access, method: Method::GET, path, most_bytes: MOST_BYTES, answers: get(handler) }
    }

    fn post<T: 'static>(access: Access, path: &'static str, handler: impl Handler<T, Arc<Host>>) -> Route {
        Route { access, method: Method::POST, path, most_bytes: MOST_BYTES, answers: post(handler) }
    }

    fn taking(self, most_bytes: usize) -> Route {
        Route { most_bytes, ..self }
    }

    /// With a door in front, so that even which methods there are is only told to those who may use one.
    pub(super) fn add_to(self, router: Router<Arc<Host>>, host: &Arc<Host>) -> Router<Arc<Host>> {
        let right = self.method;
        let answers = self.answers.fallback(async move |wrong: Method| {
            let why = format!("{wrong:.20} means nothing here; {right} does");
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, why)
        });
        let answers = answers.layer(DefaultBodyLimit::max(self.most_bytes));
        router.route(self.path, answers.layer(from_fn_with_state((host.clone(), self.access), let_in)))
    }
}
