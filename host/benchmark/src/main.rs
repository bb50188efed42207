//! `tidegate-benchmark`: plays labelled series to detectors, and prints how well they did. `cargo xtask bench detection`
//! builds and runs it, and has the words for a person.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use tidegate_benchmark::trial::Candidate;
use tidegate_benchmark::{data, report, run};
use tidegate_sandbox::{Sandbox, SandboxOptions};

const USAGE: &str = "tidegate-benchmark --data DIR [--results DIR] [--json FILE] GUEST.wasm...";

const HELP: &str = "\
Plays labelled series to detectors, as they are shipped, and prints how well each does.

  GUEST.wasm...    the detectors, as components; named by their files
  --data DIR       the series: labels.json and SET/SERIES.csv, as docs/detectors/README.md says
  --results DIR    write what each detector said of each sample to DIR/DETECTOR/SET/SERIES.csv
  --json FILE      write the figures as JSON";

/// What is asked for. The parser that the other programs have would bring features of what the sandbox is built from, and
/// with them minutes of building.
struct Options {
    data: PathBuf,
    results: Option<PathBuf>,
    json: Option<PathBuf>,
    guests: Vec<PathBuf>,
}

fn main() -> ExitCode {
    if env::args_os().skip(1).any(|word| word == "--help" || word == "-h") {
        println!("Usage: {USAGE}\n\n{HELP}");
        return ExitCode::SUCCESS;
    }
    match options(env::args_os().skip(1)).and_then(|options| bench(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn options(mut words: impl Iterator<Item = OsString>) -> anyhow::Result<Options> {
    let (mut data, mut results, mut json, mut guests) = (None, None, None, Vec::new());
    while let Some(word) = words.next() {
        let option = match word.to_str() {
            Some("--data") => &mut data,
            Some("--results") => &mut results,
            Some("--json") => &mut json,
            Some(unknown) if unknown.starts_with('-') => bail!("there is no option {unknown}; usage: {USAGE}"),
            _ => {
                guests.push(PathBuf::from(word));
                continue;
            }
        };
        let value = words.next().with_context(|| format!("{} is without a value; usage: {USAGE}", word.display()))?;
        *option = Some(PathBuf::from(value));
    }
    let data = data.with_context(|| format!("--data is missing; usage: {USAGE}"))?;
    if guests.is_empty() {
        bail!("no detector is named; usage: {USAGE}");
    }
    Ok(Options { data, results, json, guests })
}

fn bench(options: &Options) -> anyhow::Result<()> {
    let folder = data::read(&options.data)?;
    for remark in &folder.remarks {
        eprintln!("{remark}");
    }
    let sandbox = Sandbox::new(SandboxOptions::default()).context("cannot start the sandbox")?;
    let candidates = options.guests.iter().map(|file| Candidate::load(&sandbox, file));
    let candidates = candidates.collect::<anyhow::Result<Vec<_>>>()?;
    let mut rows = Vec::new();
    for candidate in &candidates {
        rows.push(run::detector(candidate, &folder.sets, options.results.as_deref())?);
    }
    print!("\n{}", report::tables(&rows));
    if let Some(path) = &options.json {
        let text = format!("{:#}\n", report::json(&rows));
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
