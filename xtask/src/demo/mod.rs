//! `cargo xtask demo`: tidegate at work on real parts, told in plain words, or checked stage by stage.
//!
//! [`parts`] starts and ends the programs, [`configs`] points them at each other, [`stages`] is the story, [`apis`] is
//! how it asks what happened, [`inbox`] stands in for Slack and a pager.

mod apis;
mod configs;
mod inbox;
mod narrate;
mod parts;
mod stage;
mod stages;

use std::fmt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::{guests, setup, shell};
use apis::Apis;
use inbox::Inbox;
use narrate::Narrator;
use parts::{Addresses, Calendar, Parts};
use stage::{Scene, Stopped};

/// What a shell reports for a program that Ctrl-C ended.
const EXIT_INTERRUPTED: u8 = 130;

/// How the demo goes.
#[derive(Clone, Default, clap::Args)]
pub(crate) struct Options {
    /// Go through it alone, deciding by itself, and assert every stage against the parts' own APIs.
    #[arg(long)]
    check: bool,
    /// With --check: deny what is proposed; nothing may be run, and the incident stays open.
    #[arg(long, requires = "check")]
    deny: bool,
    /// With --check: answer nothing; the deadline passes, nothing may be run, and the incident stays open.
    #[arg(long, requires = "check", conflicts_with = "deny")]
    ignore: bool,
}

/// Who decides, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Person,
    Approve,
    Deny,
    Ignore,
}

impl Options {
    pub(crate) fn check() -> Self {
        Self { check: true, ..Self::default() }
    }

    pub(crate) fn check_deny() -> Self {
        Self { deny: true, ..Self::check() }
    }

    pub(crate) fn check_ignore() -> Self {
        Self { ignore: true, ..Self::check() }
    }

    fn way(&self) -> Way {
        match self {
            Self { check: false, .. } => Way::Person,
            Self { deny: true, .. } => Way::Deny,
            Self { ignore: true, .. } => Way::Ignore,
            _ => Way::Approve,
        }
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.way() {
            Way::Person => "demo",
            Way::Approve => "demo --check",
            Way::Deny => "demo --check --deny",
            Way::Ignore => "demo --check --ignore",
        })
    }
}

/// Builds what is needed and plays the demo. All that was started has ended when this returns.
pub(crate) fn run(root: &Path, options: &Options) -> ExitCode {
    match build(root).and_then(|()| play(root, options.way())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) if err.is::<Stopped>() => {
            println!("\nStopped; nothing is left running.");
            ExitCode::from(EXIT_INTERRUPTED)
        }
        Err(err) => {
            eprintln!("\nerror: {options}: {err:#}");
            ExitCode::FAILURE
        }
    }
}

fn build(root: &Path) -> anyhow::Result<()> {
    setup::run(root)?;
    guests::build(root)?;
    shell::run(&mut shell::cargo(root, &["build", "--package", "tidegate", "--package", "shop"]))
}

fn play(root: &Path, way: Way) -> anyhow::Result<()> {
    let stopped = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stopped)).context("cannot listen for signals")?;
    }

    let narrator = Narrator::new();
    let inbox = Inbox::open(narrator)?;
    let addresses = Addresses::choose(inbox.address())?;
    let now = parts::unix_now();
    let calendar = Calendar { opened_at: now - stages::HISTORY, night_at: now + stages::BEFORE_NIGHT };
    let deadline = (way == Way::Ignore).then_some(stages::SHORT_DEADLINE);
    let mut parts = Parts::prepare(root, addresses, calendar, deadline)?;
    let apis = Apis::new(addresses, parts.token()?);

    let told = stages::tell(&mut Scene { parts: &mut parts, apis, inbox: &inbox, narrator, calendar, way, stopped });
    if told.as_ref().is_err_and(|err| !err.is::<Stopped>()) {
        eprintln!("\n{}", parts.logs());
    }
    told
}
