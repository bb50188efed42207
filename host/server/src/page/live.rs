//! `GET /events`: tells a page that something has changed, as server-sent events. What has changed it asks for itself.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{HeaderName, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use tokio::sync::watch;

use super::session::Key;
use super::viewer::{Viewer, holds};
use crate::host::Host;
use crate::setup::Setup;

/// A page is told at most this often, so that a storm of events does not become one of requests.
const PAUSE: Duration = Duration::from_millis(500);
/// So often a page hears something in any case: proxies close what is silent, and who has been logged out is told.
const BEAT: Duration = Duration::from_secs(15);

pub(super) async fn events(viewer: Viewer, State(host): State<Arc<Host>>) -> Response {
    let Some(ear) = Ear::new(host, viewer.session) else {
        return (StatusCode::TOO_MANY_REQUESTS, "too many pages of this session listen already\n").into_response();
    };
    // nginx and those who learnt from it pass events on at once only when told to.
    ([(HeaderName::from_static("x-accel-buffering"), "no")], Sse::new(ear.into_stream())).into_response()
}

/// One page that listens.
struct Ear {
    host: Arc<Host>,
    session: Key,
    revisions: watch::Receiver<u64>,
    setups: watch::Receiver<Arc<Setup>>,
    readiness: watch::Receiver<Option<String>>,
}

/// What wakes a page.
enum Woken {
    Changed,
    Beat,
    Over,
}

impl Ear {
    fn new(host: Arc<Host>, session: Key) -> Option<Ear> {
        if !host.sessions.listen(session) {
            return None;
        }
        let (revisions, setups) = (host.keeper.revisions(), host.setups());
        let readiness = host.unready.subscribe();
        Some(Ear { host, session, revisions, setups, readiness })
    }

    fn into_stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut ear| async move {
            let event = match ear.wait().await {
                Woken::Changed => Event::default().event("changed").data("."),
                Woken::Beat => Event::default().comment(""),
                Woken::Over => return None,
            };
            Some((Ok(event), ear))
        })
    }

    async fn wait(&mut self) -> Woken {
        let woken = tokio::select! {
            () = self.host.stopped() => Woken::Over,
            changed = self.revisions.changed() => woken(changed),
            changed = self.setups.changed() => woken(changed),
            changed = self.readiness.changed() => woken(changed),
            () = tokio::time::sleep(BEAT) => Woken::Beat,
        };
        if matches!(woken, Woken::Changed) {
            // What comes meanwhile is told with it.
            tokio::select! {
                () = self.host.stopped() => return Woken::Over,
                () = tokio::time::sleep(PAUSE) => {}
            }
            self.revisions.mark_unchanged();
            self.setups.mark_unchanged();
            self.readiness.mark_unchanged();
        }
        if self.lasts() { woken } else { Woken::Over }
    }

    fn lasts(&self) -> bool {
        let setup = self.host.setup();
        self.host.sessions.lasts(self.session, Instant::now(), |name, token| holds(&setup, name, token))
    }
}

fn woken(changed: Result<(), watch::error::RecvError>) -> Woken {
    if changed.is_ok() { Woken::Changed } else { Woken::Over }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.host.sessions.leave(self.session);
    }
}
