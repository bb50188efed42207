//! `tidegate guest inspect`: look at a file.

use std::path::PathBuf;

use tidegate_sandbox::Limits;
use tidegate_workbench::inspect::{document, examine, text};

use super::file;
use super::progress::ProgressLine;
use crate::cli::Output;
use crate::cli::exit::Failure;
use crate::cli::show::say;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 it is a guest that loads without any grant; 1 it is not, or cannot be read; 2 wrong \
                        usage."
)]
pub(in crate::cli) struct Args {
    /// The file; anything may be in it
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How the answer is written
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let limits = Limits::default();
    let wasm = file::read(&args.file, limits.max_wasm_bytes).map_err(|error| Failure::Failed(error.to_string()))?;
    let sandbox = super::sandbox()?;
    let name = file::guest_name(&args.file);
    let report = {
        let mut line = ProgressLine::new(&name);
        line.say("loading; a large guest takes some seconds to compile the first time");
        examine(&sandbox, &args.file.display().to_string(), &name, &wasm, &limits)
    };
    match args.output {
        Output::Text => say(&text(&report))?,
        Output::Json => say(&format!("{:#}\n", document(&report)))?,
    }
    // Everything has been said.
    if report.loads() { Ok(()) } else { Err(Failure::Answered(1)) }
}
