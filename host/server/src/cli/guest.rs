//! `tidegate guest`: a guest on its own, with no host and no config.

use clap::Subcommand;
use tidegate_sandbox::Sandbox;

use super::exit::Failure;
use crate::sandboxing;

mod bench;
mod file;
mod inspect;
mod new;
mod progress;
mod run;
mod settings;
mod test;

#[derive(Debug, Subcommand)]
pub(super) enum Guest {
    /// Tell what a file is, what it asks for and which settings it takes
    Inspect(inspect::Args),
    /// Run a detector over a series, or a policy over an incident
    Run(Box<run::Args>),
    /// Hold a guest against its cases and against the contract
    Test(test::Args),
    /// Measure what a guest costs
    Bench(bench::Args),
    /// Begin a guest: a folder that builds, has cases and passes them
    New(new::Args),
}

/// Runs a command. `start_log` is called where what a guest logs is worth seeing.
pub(super) fn run(guest: &Guest, start_log: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    if matches!(guest, Guest::Run(_)) {
        start_log()?;
    }
    match guest {
        Guest::Inspect(args) => inspect::run(args),
        Guest::Run(args) => run::run(args),
        Guest::Test(args) => test::run(args),
        Guest::Bench(args) => bench::run(args),
        Guest::New(args) => new::run(args),
    }
}

/// The sandbox of one command.
fn sandbox() -> Result<Sandbox, Failure> {
    sandboxing::of_command().map_err(|error| Failure::Failed(error.to_string()))
}
