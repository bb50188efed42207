//! `tidegate guest new`: begin a guest.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use tidegate_workbench::scaffold::{self, GuestName, Scaffold};

use crate::cli::exit::Failure;
use crate::cli::show::say;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// What the guest is called: lower-case words joined by hyphens. The folder gets this name
    name: GuestName,
    /// A detector judges the samples of a series, a remediation policy proposes what to do about an incident
    #[arg(long, value_enum, default_value = "detector")]
    kind: Kind,
    /// What it is written in
    #[arg(long, value_enum, default_value = "rust")]
    lang: Lang,
    /// Depend on the SDK of a checkout, its folder `guest-sdk`, instead of a copy inside of the new folder (Rust)
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Detector,
    Remediation,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Lang {
    Rust,
    Python,
    Javascript,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let kind = match args.kind {
        Kind::Detector => scaffold::Kind::Detector,
        Kind::Remediation => scaffold::Kind::Remediation,
    };
    let lang = match args.lang {
        Lang::Rust => scaffold::Lang::Rust,
        Lang::Python => scaffold::Lang::Python,
        Lang::Javascript => scaffold::Lang::JavaScript,
    };
    let new = Scaffold { name: args.name.clone(), kind, lang, sdk: args.sdk.clone() };
    let begun = new.write_into(Path::new("")).map_err(|error| Failure::Failed(error.to_string()))?;

    let name = &new.name;
    let what = match args.kind {
        Kind::Detector => "detector",
        Kind::Remediation => "remediation policy",
    };
    let commands: String = begun.commands.lines().map(|line| format!("  {line}\n")).collect();
    say(&format!(
        "{name}/ holds a {what} in {lang} that works. To build and test it:\n\n  cd {name}\n{commands}\n\
         {name}/README.md tells how to run it over your data and how to drop it in.\n"
    ))?;
    Ok(())
}
