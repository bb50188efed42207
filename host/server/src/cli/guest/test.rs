//! `tidegate guest test`: hold cases and the contract against a guest.

use std::collections::HashMap;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use regex::Regex;
use tidegate_domain::time::parse_duration;
use tidegate_sandbox::{Grants, Guest, Limits, Sandbox};
use tidegate_workbench::test::{
    Candidate, Found, Plan, Report, document, find, guest_lines, run as run_tests, summary, test_lines, xml,
};

use super::file;
use crate::cli::exit::Failure;
use crate::cli::show::say;
use crate::sandboxing;

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(in crate::cli) struct Args {
    /// A guest, or a folder of one or of many
    #[arg(value_name = "FILE.wasm|DIR", required = true)]
    paths: Vec<PathBuf>,
    /// The folder of the cases; without it, X.cases, X/cases or cases beside X.wasm
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
    /// Run only tests whose name matches, for example "cases/.*spike" or "/contract/"
    #[arg(short = 'r', long = "run", value_name = "REGEX")]
    only: Option<Regex>,
    /// Also say what each test shows, and what a guest was opened with
    #[arg(short, long)]
    verbose: bool,
    /// How the report is written
    #[arg(long, value_enum, default_value = "text")]
    output: Format,
    /// Write the report into this file; standard output then gets the text for people
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Longest that one call may compute. A host allows 1s unless its config says otherwise
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    call_timeout: Duration,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One document
    Json,
    /// XML, for CI systems
    Junit,
}

const HELP: &str = "\
Exit codes: 0 everything passed; 1 something FAILed; 2 there was an ERROR: a case that cannot be read, a guest that does \
not load, or one that gave no answer to a case.

FAIL is an answer other than the expected one. In a case no answer (a trap, a time-out) is an ERROR, because nothing could \
be compared; in the checks of the contract, which are about surviving, it is a FAIL. WARN is allowed by the contract and \
worth a look. IMPURE names a guest whose answers depend on more than it is given.";

fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err("a call needs some time".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let began = Instant::now();
    let mut found = Vec::new();
    for path in &args.paths {
        found.extend(find(path).map_err(|error| Failure::Usage(error.to_string()))?);
    }
    if let Some(folder) = &args.cases {
        let [only] = found.as_mut_slice() else {
            return Err(Failure::Usage(format!("--cases names one folder, and there are {} guests", found.len())));
        };
        only.cases = Some(folder.clone());
    }
    let sandbox = sandboxing::of_tests().map_err(|error| Failure::Usage(error.to_string()))?;
    let plan = Plan { only: args.only.clone() };
    let to_people = args.output == Format::Text || args.report.is_some();
    let mut report = Report::default();
    let mut unsaid = None;
    for (name, found) in names(&found).iter().zip(&found) {
        let candidate = Candidate { name, file: &found.file, cases: found.cases.as_deref() };
        let load = || load(&sandbox, name, &found.file, args.call_timeout);
        let mut seen = |test: &_| {
            if to_people && unsaid.is_none() {
                unsaid = say(&test_lines(test, args.verbose)).err();
            }
        };
        let guest = run_tests(&candidate, &plan, load, &mut seen);
        if to_people {
            say(&guest_lines(&guest, args.verbose))?;
        }
        report.guests.push(guest);
    }
    if let Some(failure) = unsaid {
        return Err(failure);
    }
    report.took = began.elapsed();
    if to_people {
        say(&summary(&report))?;
    }
    write(args, &report)?;
    match report.exit_code() {
        0 if report.tests().next().is_none() => Err(Failure::Usage("no test has such a name".to_owned())),
        0 => Ok(()),
        code => Err(Failure::Answered(code)),
    }
}

/// Guests by the names of their files; by their whole paths where two files have one name.
fn names(found: &[Found]) -> Vec<String> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for found in found {
        *counts.entry(&found.name).or_default() += 1;
    }
    let name = |found: &Found| match counts.get(found.name.as_str()) {
        Some(1) => found.name.clone(),
        _ => found.file.with_extension("").display().to_string(),
    };
    found.iter().map(name).collect()
}

fn load(sandbox: &Sandbox, name: &str, path: &Path, call_timeout: Duration) -> Result<Guest, String> {
    let limits = Limits { call_timeout, open_timeout: call_timeout, ..Limits::default() };
    let wasm = file::read(path, limits.max_wasm_bytes).map_err(|error| error.to_string())?;
    let _waiting = Waiting::on(&format!("compiling {name}, {:.1} MB", wasm.len() as f64 / 1e6));
    // Questions are answered by the case and by nobody else, so any policy may ask.
    let grants = Grants::parse([Grants::HOST_METRICS]).map_err(|error| error.to_string())?;
    sandbox.load(name, &wasm, &limits, &grants).map_err(|error| error.to_string())
}

/// A line on the terminal while it stays silent for long: a Python guest takes half a minute to compile, once.
struct Waiting {
    shown: bool,
}

impl Waiting {
    fn on(what: &str) -> Self {
        let shown = io::stderr().is_terminal();
        if shown {
            eprint!("{what} ..");
        }
        Waiting { shown }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.shown {
            // Back to the beginning, and the line away.
            eprint!("\r\x1b[K");
        }
    }
}

fn write(args: &Args, report: &Report) -> Result<(), Failure> {
    let text = match args.output {
        Format::Text if args.report.is_none() => return Ok(()),
        Format::Text => {
            let tests: String = report.tests().map(|test| test_lines(test, args.verbose)).collect();
            let guests: String = report.guests.iter().map(|guest| guest_lines(guest, args.verbose)).collect();
            tests + &guests + &summary(report)
        }
        Format::Json => format!("{:#}\n", document(report)),
        Format::Junit => xml(report),
    };
    match &args.report {
        None => say(&text),
        Some(path) => fs::write(path, text)
            .map_err(|error| Failure::Usage(format!("cannot write the report to {}: {error}", path.display()))),
    }
}
