//! `tidegate guest bench`: measure a guest.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tidegate_domain::time::parse_duration;
use tidegate_sandbox::{Grants, Guest, Limits};
use tidegate_workbench::bench::{BenchError, Figures, Plan, document, measure, table};

use super::file;
use super::progress::ProgressLine;
use super::run::Actions;
use super::settings::Settings;
use crate::cli::Output;
use crate::cli::exit::Failure;
use crate::cli::show::say;
use crate::sandboxing;

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(in crate::cli) struct Args {
    /// The guests, shown side by side
    #[arg(value_name = "FILE.wasm", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    actions: Actions,
    /// What the guests are granted: host-metrics, for policies alone; queries get no answer here
    #[arg(long, value_name = "NAME")]
    grant: Vec<String>,
    /// How long single calls are measured, in seconds; the backfill before takes at most as long again
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// How many series take turns under a detector
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    series: u32,
    /// The distance between two samples
    #[arg(long, value_name = "DURATION", default_value = "1m")]
    step: String,
    /// How the answer is written
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

const HELP: &str = "\
The figures are of this machine, on one thread, as busy as it is just now: compare guests that were measured together. \
The settings go to every guest.

Exit codes: 0 all were measured; 1 a guest cannot be loaded or failed; 2 the command line or the settings are at fault.";

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let step = parse_duration(&args.step).ok().filter(|step| !step.is_zero());
    let step =
        step.ok_or_else(|| Failure::Usage(format!("--step {:?} is no step; write for example 1m", args.step)))?;
    let plan = Plan {
        settings: args.settings.read()?,
        actions: args.actions.offers(),
        time: Duration::from_secs(args.seconds),
        series: usize::try_from(args.series).unwrap_or(usize::MAX),
        step,
    };
    let grants = Grants::parse(&args.grant).map_err(|error| Failure::Usage(error.to_string()))?;
    let mut all = Vec::new();
    let mut failed = None;
    for path in &args.files {
        match one(path, &plan, &grants) {
            Ok(figures) => all.push(figures),
            // The others are still worth knowing.
            Err(failure) => {
                eprintln!("{failure}");
                failed = Some(failed.unwrap_or(0).max(failure.number()));
            }
        }
    }
    if !all.is_empty() || args.output == Output::Json {
        match args.output {
            Output::Text => say(&table(&all, &plan))?,
            Output::Json => say(&format!("{:#}\n", document(&all, &plan)))?,
        }
    }
    failed.map_or(Ok(()), |code| Err(Failure::Answered(code)))
}

fn one(path: &Path, plan: &Plan, grants: &Grants) -> Result<Figures, Failure> {
    let limits = Limits::default();
    let wasm = file::read(path, limits.max_wasm_bytes)?;
    let name = file::guest_name(path);
    let mut line = ProgressLine::new(&name);
    line.say("compiling");
    let nothing_kept = sandboxing::of_measurement().map_err(|error| Failure::Failed(error.to_string()))?;
    let (guest, cold_load) = load(&nothing_kept, &name, &wasm, &limits, grants)?;
    line.say("loading once more");
    // Once to have the code kept, once to be measured, each with nothing in memory.
    load(&super::sandbox()?, &name, &wasm, &limits, grants)?;
    let (_, warm_load) = load(&super::sandbox()?, &name, &wasm, &limits, grants)?;
    let calls = measure(&guest, plan, &mut |share| line.say(&format!("measuring, {:.0} %", share * 100.0)))
        .map_err(|error| not_measured(&guest, &error))?;
    Ok(Figures {
        guest: name.clone(),
        kind: guest.kind(),
        wasm_bytes: wasm.len(),
        digest: guest.digest().to_owned(),
        cold_load,
        warm_load,
        calls,
    })
}

fn load(
    sandbox: &tidegate_sandbox::Sandbox,
    name: &str,
    wasm: &[u8],
    limits: &Limits,
    grants: &Grants,
) -> Result<(Guest, Duration), Failure> {
    let began = Instant::now();
    let guest = sandbox.load(name, wasm, limits, grants).map_err(|error| super::run::not_loaded(&error))?;
    Ok((guest, began.elapsed()))
}

fn not_measured(guest: &Guest, error: &BenchError) -> Failure {
    match error {
        BenchError::Open(error) => super::run::not_opened(guest, error),
        BenchError::Call { .. } => Failure::Failed(error.to_string()),
    }
}
