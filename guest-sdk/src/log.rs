//! The guest's voice: messages to the host's log, and panics among them.
//!
//! On native targets there is no host; messages go to the standard error, so that a unit test shows them.

use std::sync::Once;

/// A detail for whoever debugs the guest.
pub fn debug(message: &str) {
    send(Level::Debug, message);
}

/// Something worth knowing in normal operation.
pub fn info(message: &str) {
    send(Level::Info, message);
}

/// Something that should be looked at.
pub fn warn(message: &str) {
    send(Level::Warn, message);
}

/// Something that went wrong.
pub fn error(message: &str) {
    send(Level::Error, message);
}

/// Sends the message and place of a panic to the host's log before the instance is lost to it. Without this the host
/// sees a bare `unreachable` trap. Done by the exported calls; the first call installs, later ones do nothing.
pub fn report_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|panic| error(&panic.to_string()))));
}

#[cfg(target_arch = "wasm32")]
use crate::bindings::detector::tidegate::plugin::host_log::{Level, log as send};

#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug)]
enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

#[cfg(not(target_arch = "wasm32"))]
fn send(level: Level, message: &str) {
    eprintln!("guest {level:?}: {message}");
}
