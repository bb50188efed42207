//! The project's own chores: `cargo xtask setup | guests | demo | test | bench | ci`.
//!
//! Each chore is a module; this file only reads the command line and turns an error into an exit code.

mod bench;
mod ci;
mod demo;
mod guests;
mod setup;
mod shell;
mod test_tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// tidegate's chores. Run them from anywhere in the repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Install what this machine lacks: WebAssembly targets, Prometheus, Alertmanager, newer ones and vmalert beside them, the node exporter, Python, Node.js.
    Setup,
    /// Build every guest into target/guests/NAME.wasm.
    Guests {
        /// Also those in Python and JavaScript, of examples/guests, that have changed.
        #[arg(long)]
        all: bool,
    },
    /// Show tidegate at work in three minutes: Prometheus, Alertmanager, a shop with a fault, and you to decide.
    Demo(demo::Options),
    /// Run all tests, after `setup` and `guests --all`.
    Test,
    /// Measure guest calls and whole cycles, and print what they cost. Takes minutes; wants a quiet machine.
    Bench(bench::Options),
    /// Run what must pass before a change lands: formatting, lints, docs, tests, and the demo in all three ways.
    Ci,
}

fn main() -> ExitCode {
    let root = root();
    let done = match Cli::parse().chore {
        Chore::Setup => ci::set_up(&root),
        Chore::Guests { all: false } => guests::build(&root).map(drop),
        Chore::Guests { all: true } => guests::build_all(&root).map(drop),
        Chore::Demo(options) => return demo::run(&root, &options),
        Chore::Test => ci::test(&root),
        Chore::Bench(options) => bench::run(&root, &options),
        Chore::Ci => ci::run(&root),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {err:#}");
            ExitCode::FAILURE
        }
    }
}

/// The repository: the folder above this crate's.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}
