//! tidegate, the host: every edge to the outside world, one module each.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

mod actions;
mod alertmanager;
mod api;
mod chart;
mod check;
mod cli;
mod clock;
mod cold_start;
mod config;
mod consult;
mod dropping_in;
mod duties;
mod forwarding;
mod guest_folder;
mod hex;
mod host;
mod http_client;
mod identity;
mod inbox;
mod journal;
mod keeper;
mod listener;
mod looking;
mod metrics;
mod notices;
mod opinion;
mod overview;
mod page;
mod prometheus;
mod pulse;
mod questions;
mod reload;
mod roster;
mod sandboxing;
mod series_store;
mod serve;
mod setup;
mod silencing;
mod slack;
mod story;
mod survey;
mod telling;
mod tls;
mod traces;
mod watches;
mod watching;
mod webhook;

fn main() -> ExitCode {
    cli::run(serve)
}

/// Loads the guests before anything is opened or listens: a config that cannot work must not touch the journal.
fn serve(file: &Path, config: config::Config) -> anyhow::Result<()> {
    let sandbox = sandboxing::of_service(&config)?;
    let guests = guest_folder::build_guests(&config, &sandbox)?;
    for warning in &guests.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let outcome = runtime.block_on(serve::run(file.to_owned(), config, sandbox, guests));
    // What still computes is a guest that was being tried: nobody waits for it any more.
    runtime.shutdown_background();
    outcome
}
