//! `cargo xtask bench`: what a guest call and a whole cycle cost, as plain tables.
//!
//! Never a test: what a number means depends on the machine and on what else it does, and a person reads them. It
//! builds tidegate as it is shipped, runs it against a Prometheus that has its answers ready, and reads what the kernel
//! and tidegate's own metrics say.

mod canned;
mod cycle;
mod deliveries;
mod detection;
mod detectors;
mod host;
mod swap;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::bail;

use self::detectors::Detectors;
use crate::{guests, shell};

/// What to measure.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    other: Option<Other>,
    /// How many series to run cycles over; may be given several times. Zero leaves the cycles out.
    #[arg(long, default_values_t = [10_000, 100_000])]
    series: Vec<usize>,
    /// How many cycles of each run count.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    cycles: u32,
    /// Leave the guest calls out.
    #[arg(long)]
    no_calls: bool,
    /// A detector to run cycles with, by its name in target/guests and with its default settings, instead of the two
    /// that ship; may be given several times. Leaves the guest calls out.
    #[arg(long = "guest", value_name = "NAME")]
    guests: Vec<String>,
}

/// Something else than guest calls and cycles.
#[derive(clap::Subcommand)]
enum Other {
    /// How quickly alerts are taken in, beside Alertmanager, and that none is lost or doubled.
    Deliveries(deliveries::Options),
    /// How well every detector that ships detects, over a folder of labelled series.
    Detection(detection::Options),
}

/// Builds everything, measures, prints.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<()> {
    match &options.other {
        Some(Other::Deliveries(options)) => return deliveries::run(root, options),
        Some(Other::Detection(options)) => return detection::run(root, options),
        None => {}
    }
    if options.guests.is_empty() {
        guests::build(root)?
    } else {
        guests::build_all(root)?
    };
    let detectors = match options.guests.as_slice() {
        [] => Detectors::shipped(),
        names => Detectors::by_default(names),
    };
    let built = build(root)?;
    if !options.no_calls && options.guests.is_empty() {
        println!();
        shell::run(&mut std::process::Command::new(&built.fold_call))?;
    }
    let series = options.series.iter().copied().filter(|series| *series > 0);
    let runs =
        series.map(|series| cycle::measure(&built.tidegate, &guest_dir(root), &detectors, series, options.cycles));
    let runs = runs.collect::<anyhow::Result<Vec<_>>>()?;
    if !runs.is_empty() {
        cycle::print(&runs, &detectors);
    }
    Ok(())
}

fn guest_dir(root: &Path) -> PathBuf {
    shell::target_dir(root).join("guests")
}

/// What was built.
struct Built {
    tidegate: PathBuf,
    fold_call: PathBuf,
}

/// Builds both in one go: cargo chooses the features of shared dependencies for all that it builds together, and
/// wasmtime takes minutes to build once more.
fn build(root: &Path) -> anyhow::Result<Built> {
    let pipeline = ["--package", "tidegate-pipeline", "--bench", "fold_call"];
    let [tidegate, fold_call] =
        build_beside_host(root, &[&["--bin", "tidegate"][..], &pipeline].concat(), ["tidegate", "fold_call"])?;
    Ok(Built { tidegate, fold_call })
}

/// Builds some targets as they are shipped, with the features that the host has of what they share with it.
fn build_beside_host<const N: usize>(root: &Path, targets: &[&str], names: [&str; N]) -> anyhow::Result<[PathBuf; N]> {
    let mut command = shell::cargo(root, &["build", "--release", "--package", "tidegate"]);
    command.args(targets);
    command.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    println!("$ {}", shell::line(&command));
    let messages = shell::output(&mut command)?;
    let executable = |name: &str| {
        let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let mut found = messages.filter(|message| message["target"]["name"] == name);
        found.find_map(|message| message["executable"].as_str().map(PathBuf::from)).unwrap_or_default()
    };
    let built = names.map(executable);
    if let Some((name, path)) = names.iter().zip(&built).find(|(_, path)| !path.is_file()) {
        bail!("cargo built everything and did not say where {name} is, or it is not there: {:?}", path.display());
    }
    Ok(built)
}
