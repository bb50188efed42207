//! Everything that this module answers: path, method, and whom it is for. A route is not one without saying whom.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post};
use tidegate_domain::people::Role;

use super::access::{Access, let_in};
use super::v2::{alerts, groups, silences, status};
use super::{Problem, approvals, incidents, metrics, openapi, pauses, ready, receiver, reload, watches};
use crate::host::Host;

/// Longest body of a webhook delivery that is read: 4 MiB are some ten thousand alerts.
pub(super) const MOST_WEBHOOK_BYTES: usize = 4 << 20;
/// Longest list of alerts that is read: some ten thousand with long annotations. Prometheus sends 256 at once.
pub(super) const MOST_ALERT_BYTES: usize = 16 << 20;
/// Longest body of anything else: a decision and its reason.
pub(super) const MOST_BYTES: usize = 64 << 10;

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
        Route::get(VIEW, "/api/v1/watches", watches::list),
        Route::get(VIEW, "/api/v1/status", pauses::status),
        Route::post(APPROVE, "/api/v1/pause", pauses::pause),
        Route::post(ADMIN, "/api/v1/resume", pauses::resume),
        Route::get(VIEW, "/api/v1/openapi.json", openapi::document),
        Route::post(ADMIN, "/-/reload", reload::post),
        Route::post(Access::Deliver, "/webhook/alertmanager", receiver::deliver).taking(MOST_WEBHOOK_BYTES),
        Route::get(VIEW, "/api/v2/alerts", alerts::list),
        Route::post(Access::Deliver, "/api/v2/alerts", alerts::post).taking(MOST_ALERT_BYTES),
        Route::get(VIEW, "/api/v2/alerts/groups", groups::list),
        Route::get(VIEW, "/api/v2/status", status::show),
        Route::get(VIEW, "/api/v2/receivers", status::receivers),
        Route::get(VIEW, "/api/v2/silences", silences::list),
        Route::post(APPROVE, "/api/v2/silences", silences::post),
        Route::get(VIEW, "/api/v2/silence/{id}", silences::show),
        Route::delete(APPROVE, "/api/v2/silence/{id}", silences::expire),
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

    fn delete<T: 'static>(access: Access, path: &'static str, handler: impl Handler<T, Arc<Host>>) -> Route {
        Route { access, method: Method::DELETE, path, most_bytes: MOST_BYTES, answers: delete(handler) }
    }

    fn taking(self, most_bytes: usize) -> Route {
        Route { most_bytes, ..self }
    }

    /// With a door in front.
    fn guarded(self, host: &Arc<Host>) -> MethodRouter<Arc<Host>> {
        let answers = self.answers.layer(DefaultBodyLimit::max(self.most_bytes));
        answers.layer(from_fn_with_state((host.clone(), self.access), let_in))
    }
}

/// What answers all of them.
pub(super) fn router(host: &Arc<Host>) -> Router<Arc<Host>> {
    let mut paths: BTreeMap<&str, Vec<Route>> = BTreeMap::new();
    for route in all() {
        paths.entry(route.path).or_default().push(route);
    }
    paths.into_iter().fold(Router::new(), |router, (path, routes)| router.route(path, at_path(host, routes)))
}

/// The methods of one path. Which ones there are is only told to those who may use the first of them.
fn at_path(host: &Arc<Host>, routes: Vec<Route>) -> MethodRouter<Arc<Host>> {
    let right = routes.iter().map(|route| route.method.as_str()).collect::<Vec<_>>().join(" or ");
    let access = routes.first().map_or(ADMIN, |route| route.access);
    let wrong = async move |wrong: Method| {
        let why = format!("{wrong:.20} means nothing here; {right} does");
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, why)
    };
    let door = from_fn_with_state((host.clone(), access), let_in);
    let guarded = routes.into_iter().map(|route| route.guarded(host));
    guarded.fold(MethodRouter::new(), MethodRouter::merge).fallback(wrong.layer(door))
}
