//! How well the detectors that ship detect: a folder of labelled series is played to each of them.
//!
//! What is played and how it is scored is `tidegate-benchmark`'s business; it wants the sandbox, which is nothing that a
//! task runner should have to be built with.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;

use crate::{guests, shell};

/// Where the series are.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The folder of labelled series: labels.json and SET/SERIES.csv, as docs/detectors/README.md says.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Write what each detector said of each sample to DIR/DETECTOR/SET/SERIES.csv.
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
    /// Write the figures as JSON to FILE.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Builds everything, plays, and prints the tables.
pub(crate) fn run(root: &Path, options: &Options) -> anyhow::Result<()> {
    // Before minutes of building.
    if !options.data.join("labels.json").is_file() {
        bail!(
            "there is no {}; docs/detectors/README.md says how to lay out series",
            options.data.join("labels.json").display()
        );
    }
    let built = guests::build(root)?;
    let detectors: Vec<&PathBuf> = built.iter().filter(|guest| is_detector(root, guest)).collect();
    if detectors.is_empty() {
        bail!("no detector was built of {}", root.join("guest-detectors").display());
    }
    let targets = ["--package", "tidegate-benchmark", "--bin", "tidegate-benchmark"];
    let [benchmark] = super::build_beside_host(root, &targets, ["tidegate-benchmark"])?;
    let mut command = Command::new(benchmark);
    command.arg("--data").arg(&options.data);
    let files = [("--results", &options.results), ("--json", &options.json)];
    for (option, path) in files.into_iter().filter_map(|(option, path)| Some((option, path.as_ref()?))) {
        command.arg(option).arg(path);
    }
    shell::run(command.args(detectors))
}

/// A guest is named by the folder of its crate.
fn is_detector(root: &Path, guest: &Path) -> bool {
    guest.file_stem().is_some_and(|name| root.join("guest-detectors").join(name).is_dir())
}
