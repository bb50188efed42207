//! The service that is watched and repaired: a queue length that a test sets, and an endpoint that repairs it, or does not.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::PATIENCE;
use super::listener::{Call, Listener, Reply};

/// What the queue holds while all is well, give or take one or two.
pub(crate) const NORMAL: f64 = 40.0;

/// What an action does when it is called.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Conduct {
    /// It helps.
    Repair,
    /// It reports success and helps nothing.
    Nothing,
    /// It reports a failure.
    Fail,
    /// It does not answer before the test says so.
    Hang,
}

/// One call of an action.
#[derive(Clone, Debug)]
pub(crate) struct Repair {
    pub(crate) key: String,
    pub(crate) body: Value,
}

/// The service. Its metric is `queue_length{service="…"}`.
pub(crate) struct Target {
    listener: Listener,
    state: Arc<State>,
}

struct State {
    inner: Mutex<Inner>,
    changed: Condvar,
}

struct Inner {
    queues: BTreeMap<String, f64>,
    scrapes: u64,
    conduct: Conduct,
    repairs: Vec<Repair>,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Target {
    /// One service, `checkout`, which is well.
    pub(crate) fn start() -> Target {
        let state = Arc::new(State {
            inner: Mutex::new(Inner {
                queues: BTreeMap::from([("checkout".to_owned(), NORMAL)]),
                scrapes: 0,
                conduct: Conduct::Repair,
                repairs: Vec::new(),
            }),
            changed: Condvar::new(),
        });
        let answering = state.clone();
        let listener = Listener::open(super::free_address(), move |call| answer(&answering, call));
        Target { listener, state }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    pub(crate) fn set_queue(&self, service: &str, length: f64) {
        self.state.lock().queues.insert(service.to_owned(), length);
    }

    pub(crate) fn on_repair(&self, conduct: Conduct) {
        self.state.lock().conduct = conduct;
        self.state.changed.notify_all();
    }

    /// Every call so far, oldest first.
    pub(crate) fn repairs(&self) -> Vec<Repair> {
        self.state.lock().repairs.clone()
    }
}

fn answer(state: &State, call: &Call) -> Reply {
    match (call.method.as_str(), call.path.as_str()) {
        ("GET", "/metrics") => Reply::text(200, &exposition(&mut state.lock())),
        ("POST", "/repair") => repair(state, call),
        _ => Reply::text(404, "no such thing"),
    }
}

fn exposition(inner: &mut Inner) -> String {
    // A little noise: a deviation of zero is a case of its own.
    inner.scrapes += 1;
    let noise = (inner.scrapes % 3) as f64;
    let lines = inner
        .queues
        .iter()
        .map(|(service, length)| format!("queue_length{{service=\"{service}\"}} {}\n", length + noise));
    lines.collect()
}

fn repair(state: &State, call: &Call) -> Reply {
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let service = body["target"]["service"].as_str().unwrap_or_default().to_owned();
    let mut inner = state.lock();
    inner.repairs.push(Repair { key: call.idempotency_key.clone().unwrap_or_default(), body });
    if inner.conduct == Conduct::Hang {
        let waited = state
            .changed
            .wait_timeout_while(inner, PATIENCE + Duration::from_secs(20), |inner| inner.conduct == Conduct::Hang);
        inner = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
    match inner.conduct {
        Conduct::Repair => {
            inner.queues.insert(service, NORMAL);
            Reply::text(200, "repaired")
        }
        Conduct::Nothing => Reply::text(200, "done"),
        Conduct::Fail | Conduct::Hang => Reply::text(500, "cannot be repaired"),
    }
}
