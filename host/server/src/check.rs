//! `tidegate check`: everything that can be known of a config without running it, and with `--connect` what its
//! endpoints say to it. Changes nothing anywhere.

use std::io::Write as _;
use std::path::Path;

use tidegate_domain::rules::{Route, WhenUsual};
use tidegate_sandbox::{Guest, Sandbox};

use crate::config::{self, Config, ConfigErrors};
use crate::guest_folder::{LoadedGuests, Tried, names_in_folder, read_unnamed, try_guests, try_unnamed};
use crate::{sandboxing, tls};

mod deciding;
mod endpoints;
mod watches;
mod workspace;

/// Why a config did not pass.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckError {
    /// The config or a guest is at fault.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// An endpoint did not answer as it should; the config may be right.
    #[error("{}", .0.join("\n"))]
    Endpoints(Vec<String>),
    /// This machine cannot run the check.
    #[error("{0}")]
    Machine(String),
}

/// Checks a config and writes what it found: warnings to standard error, what there is to standard output.
pub(crate) fn run(file: &Path, connect: bool) -> Result<(), CheckError> {
    let config = config::load(file)?;
    tls::load(&config)?;
    let sandbox = sandboxing::beside_service(&config).map_err(|error| CheckError::Machine(error.to_string()))?;
    let (tried, guests) = try_guests(&config, &sandbox);
    say(&tried.iter().map(|(name, tried)| told(name, tried)).collect::<String>());
    for name in names_in_folder(&config).iter().filter(|name| !tried.contains_key(*name)) {
        say(&told_unnamed(&config, &sandbox, name));
    }
    let guests = guests?;
    for warning in config.warnings.iter().chain(&guests.warnings) {
        eprintln!("warning: {warning}");
    }
    say(&summary(&config, &guests));
    say(&deciding::told(&config));
    if connect {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| CheckError::Machine(format!("cannot start: {error}")))?;
        runtime.block_on(endpoints::ask(&config))?;
    }
    say(&format!("{}: ok\n", file.display()));
    Ok(())
}

/// Whether anybody reads it changes nothing about the config, so a closed pipe is no fault.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// One line for a guest that the config names.
fn told(name: &str, tried: &Tried) -> String {
    let verdict = match &tried.guest {
        Some(_) => tried.unfit.unwrap_or("ok"),
        None => "cannot be used",
    };
    let what = tried.guest.as_ref().map(|guest| format!("{}, ", what(guest))).unwrap_or_default();
    let digest = tried.digest.as_ref().map(|digest| format!("sha256 {digest}, ")).unwrap_or_default();
    format!("guest {name}: {what}{digest}{verdict}\n")
}

/// One line for a guest in the folder that the config does not name. Whatever it is, it is no fault of the config.
fn told_unnamed(config: &Config, sandbox: &Sandbox, name: &str) -> String {
    match read_unnamed(config, name).and_then(|wasm| try_unnamed(config, sandbox, name, &wasm)) {
        Ok(guest) => format!("guest {name}: {}, sha256 {}, not used\n", what(&guest), guest.digest()),
        Err(why) => format!("guest {name}: not used, and cannot be: {why}\n"),
    }
}

fn what(guest: &Guest) -> String {
    let manifest = guest.manifest();
    format!("{} {}, {}", manifest.name, manifest.version, guest.kind())
}

fn summary(config: &Config, loaded: &LoadedGuests) -> String {
    let routes = config.routes.iter().zip(&config.rules.routes).map(|(route, rules)| {
        let policy = loaded.route_policies.get(&route.name).map_or("", |policy| policy.guest_name());
        format!("alert route {}{}{}\n", route.name, with_policy(policy), with_opinion(config, rules))
    });
    std::iter::once(watches::told(config, loaded)).chain(routes).collect()
}

fn with_opinion(config: &Config, route: &Route) -> String {
    let Some(opinion) = config.second_opinion.as_ref().filter(|_| route.second_opinion) else { return String::new() };
    let left = if route.when_usual == WhenUsual::Leave { ", left alone when usual" } else { "" };
    format!("; second opinion by {}{left}", opinion.detectors.join(", "))
}

fn with_policy(guest: &str) -> String {
    if guest.is_empty() { String::new() } else { format!("; policy {guest}") }
}
