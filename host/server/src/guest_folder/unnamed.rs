//! Files of the guest folder that the config does not name: nothing is done with them, and people want to know of them.

use std::io;

use tidegate_sandbox::{Guest, Sandbox};

use super::{file, limit_of};
use crate::config::{Config, GuestConfig};

/// Loads a file that the config does not name, to see what it is.
///
/// # Errors
///
/// Why it could not be used, for people.
pub(crate) fn try_unnamed(config: &Config, sandbox: &Sandbox, name: &str, wasm: &[u8]) -> Result<Guest, String> {
    let defaults = GuestConfig::default();
    let special = config.guests.get(name).unwrap_or(&defaults);
    sandbox.load(name, wasm, &special.limits, &special.grants).map_err(|error| error.to_string())
}

/// The bytes of a file that the config does not name.
///
/// # Errors
///
/// Why it could not be read, for people.
pub(crate) fn read_unnamed(config: &Config, name: &str) -> Result<Vec<u8>, String> {
    let limit = limit_of(config, name);
    let file = config.server.guest_dir.join(format!("{name}.wasm"));
    file::read_up_to(&file, limit).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => format!("it is larger than the {limit} bytes allowed"),
        _ => format!("it cannot be read: {error}"),
    })
}

/// The names of the guests in the folder, in order; none where it cannot be read.
pub(crate) fn names_in_folder(config: &Config) -> Vec<String> {
    file::names_in(&config.server.guest_dir)
}
