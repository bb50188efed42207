//! `tidegate compile-guest`: what this program starts itself with to compile one guest within limits. Not for people.

use std::io;
use std::path::PathBuf;

use tidegate_sandbox::compile_in_child;

use super::exit::Failure;

/// Compiles the component on standard input.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder that the code goes to
    #[arg(long)]
    cache: PathBuf,
    /// Most address space, in bytes
    #[arg(long)]
    memory: u64,
    /// Most processor time, in seconds
    #[arg(long)]
    cpu: u64,
}

/// The exit code and one line on standard error are the answer.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    compile_in_child(&args.cache, args.memory, args.cpu, io::stdin().lock()).map_err(|error| {
        eprintln!("{error}");
        Failure::Answered(error.exit_code())
    })
}
