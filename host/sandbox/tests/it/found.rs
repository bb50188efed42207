//! Finds the built guests and opens them. A test whose guest is missing fails: it is never skipped.

use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tidegate_sandbox::{Detector, Grants, Guest, Limits, Sandbox, SandboxOptions};

/// The bytes of a guest, from the folder in `TIDEGATE_GUESTS` or where `cargo xtask guests` puts it.
pub(crate) fn bytes(guest: &str) -> Vec<u8> {
    let folders = match std::env::var_os("TIDEGATE_GUESTS") {
        Some(folder) => vec![PathBuf::from(folder)],
        None => {
            let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
            let target = std::env::var_os("CARGO_TARGET_DIR")
                .map_or_else(|| PathBuf::from(workspace).join("target"), PathBuf::from);
            vec![target.join("guests"), target.join("guests-test")]
        }
    };
    let file = format!("{guest}.wasm");
    folders
        .iter()
        .find_map(|folder| std::fs::read(folder.join(&file)).ok())
        .unwrap_or_else(|| panic!("{file} is in none of {folders:?}: run `cargo xtask guests` first"))
}

/// A sandbox of its own, with the defaults.
pub(crate) fn sandbox() -> Sandbox {
    sandbox_with(SandboxOptions::default())
}

/// A sandbox of its own.
pub(crate) fn sandbox_with(options: SandboxOptions) -> Sandbox {
    crate::logging::listen();
    Sandbox::new(options).expect("an engine on this machine")
}

/// One sandbox for all tests that neither count nor provoke anything: a shipped guest takes a second to compile.
pub(crate) fn shared() -> Sandbox {
    static SHARED: OnceLock<Sandbox> = OnceLock::new();
    SHARED.get_or_init(sandbox).clone()
}

/// What was loaded stays loaded: the sandbox itself forgets a component with its last guest.
static KEPT: Mutex<Vec<Guest>> = Mutex::new(Vec::new());

/// A guest with the default limits and no grants.
pub(crate) fn load(sandbox: &Sandbox, guest: &str) -> Guest {
    load_within(sandbox, guest, &Limits::default())
}

/// A guest with other limits.
pub(crate) fn load_within(sandbox: &Sandbox, guest: &str, limits: &Limits) -> Guest {
    let guest = sandbox.load(guest, &bytes(guest), limits, &Grants::none()).unwrap_or_else(|error| panic!("{error}"));
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).push(guest.clone());
    guest
}

/// A detector for series with a sample a minute.
pub(crate) fn open(guest: &Guest, settings: &Value) -> Detector {
    guest.open_detector(settings, Duration::from_secs(60)).unwrap_or_else(|error| panic!("{error}"))
}
