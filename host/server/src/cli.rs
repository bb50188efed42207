//! The command line: what can be asked of this program, and which exit code says what.
//!
//! Commands that decide or ask speak HTTP to the running host, as any other client does, and never open its journal;
//! `journal` does that, to read it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::check;
use crate::config::{self, Config};

mod client;
mod compile;
mod decide;
mod exit;
mod found;
mod guest;
mod journal;
mod log;
mod show;
mod silence;
mod table;
mod watches;
mod wire;

use client::Client;
use exit::Failure;

/// Learns the tides of a metric, notices when the pattern breaks, and repairs nothing that nobody let through.
#[derive(Debug, Parser)]
#[command(
    name = "tidegate",
    version,
    propagate_version = true,
    after_help = "Exit codes: 0 done; 1 failed; 2 wrong usage or config; 3 refused by the host (wrong token, no such \
                  thing, already decided)."
)]
struct Cli {
    /// The config file; relative paths in it are taken from the folder it lies in
    #[arg(long, value_name = "FILE", default_value = "tidegate.toml", global = true)]
    config: PathBuf,
    /// How log lines are written, to standard error
    #[arg(long, value_enum, default_value = "text", global = true)]
    log_format: LogFormat,
    /// Which log lines are written, for example "debug" or "info,tidegate::prometheus=debug"
    #[arg(long, value_name = "FILTER", env = "RUST_LOG", default_value = "info", global = true)]
    log_level: String,
    #[command(subcommand)]
    command: Command,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// The host's own answer
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service until it is told to stop
    Run,
    /// Validate the config and its guests without running anything
    Check {
        /// Also ask Prometheus every watched expression once, Alertmanager whether it is ready, and Slack whose token it has
        #[arg(long)]
        connect: bool,
    },
    /// Work on a guest by itself: no host, no config
    #[command(subcommand)]
    Guest(guest::Guest),
    /// Look at incidents, and silence them for a while
    #[command(subcommand)]
    Incident(Incident),
    /// Look at what is watched, and at what judges it
    #[command(subcommand)]
    Watch(Watch),
    /// Look at what waits for a decision, and at what was decided
    #[command(subcommand)]
    Approval(Approval),
    /// Let an action through: shows what will run and approves exactly that
    Approve {
        /// The approval, as `approval list` shows it
        id: String,
        /// Why; some actions need a reason
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Do not ask on a terminal whether you mean it
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        view: View,
    },
    /// Say no to an action
    Deny {
        /// The approval, as `approval list` shows it
        id: String,
        /// Why; the policy and the journal keep it
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        view: View,
    },
    /// Start no action, and ask about none, until `resume`; detecting and alerting go on
    Pause {
        #[command(flatten)]
        view: View,
    },
    /// Start actions again; takes the role admin
    Resume {
        #[command(flatten)]
        view: View,
    },
    /// Work on the journal of this machine, or on a copy of one
    #[command(subcommand)]
    Journal(journal::Command),
    /// Compile the guest on standard input; this program starts itself with it
    #[command(name = crate::sandboxing::COMPILE_COMMAND, hide = true)]
    CompileGuest(compile::Args),
    /// Print a completion script, for example: tidegate completions bash > /etc/bash_completion.d/tidegate
    Completions {
        /// For which shell
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
enum Incident {
    /// The latest incidents, the newest first
    List {
        /// Every incident that the host knows
        #[arg(long)]
        all: bool,
        /// Only those that are open, or closed
        #[arg(long, value_enum)]
        status: Option<IncidentStatus>,
        #[command(flatten)]
        view: View,
    },
    /// One incident and everything that happened in it
    Show {
        /// The incident, as `incident list` shows it
        id: String,
        #[command(flatten)]
        view: View,
    },
    /// Silence an open incident in Alertmanager: nobody is paged, nothing is asked or done about it meanwhile
    Silence {
        /// The incident, as `incident list` shows it
        id: String,
        /// For how long, from 1m to 30d, for example 2h or 1h30m
        #[arg(long = "for", value_name = "DURATION")]
        length: String,
        /// Why; Alertmanager and the journal keep it
        #[arg(long, value_name = "TEXT")]
        comment: String,
        /// Do not ask on a terminal whether you mean it
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        view: View,
    },
    /// End the silences that were made for an incident from here
    Unsilence {
        /// The incident, as `incident list` shows it
        id: String,
        #[command(flatten)]
        view: View,
    },
}

#[derive(Debug, Subcommand)]
enum Watch {
    /// Every watch: whether it judges, by which detectors, and which of its series are too young for them
    List {
        #[command(flatten)]
        view: View,
    },
}

#[derive(Debug, Subcommand)]
enum Approval {
    /// What waits for a decision, the most urgent first, then the latest that was decided
    List {
        /// Every approval that the host knows
        #[arg(long)]
        all: bool,
        /// Only those of this status
        #[arg(long, value_enum)]
        status: Option<ApprovalStatus>,
        #[command(flatten)]
        view: View,
    },
    /// One approval: what would run, why, and what became of it
    Show {
        /// The approval, as `approval list` shows it
        id: String,
        #[command(flatten)]
        view: View,
    },
}

/// How an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum IncidentStatus {
    Open,
    Closed,
}

/// How an approval stands.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum ApprovalStatus {
    Pending,
    Approved,
    AutoApproved,
    Denied,
    Expired,
    Withdrawn,
}

/// Which host to talk to, and as whom.
#[derive(Debug, Default, clap::Args)]
struct Host {
    /// The host's URL; without it, `[server]` of the config says where it is
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// File with your token; without it, the environment variable TIDEGATE_TOKEN holds the token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// PEM file of the authorities that may have signed the host's certificate, instead of the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// PEM file of the certificate to show to a host that wants one
    #[arg(long, value_name = "FILE", requires = "key_file")]
    cert_file: Option<PathBuf>,
    /// PEM file of its key
    #[arg(long, value_name = "FILE", requires = "cert_file")]
    key_file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct View {
    /// How the answer is written
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
    #[command(flatten)]
    host: Host,
}

/// Reads the command line and does what it says. `serve` is the service itself; it returns when it was told to stop.
pub(crate) fn run(serve: impl FnOnce(&Path, Config) -> anyhow::Result<()>) -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli, serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, Failure::Answered(_)) {
                eprintln!("{failure}");
            }
            failure.code()
        }
    }
}

fn dispatch(cli: Cli, serve: impl FnOnce(&Path, Config) -> anyhow::Result<()>) -> Result<(), Failure> {
    let file = cli.config.as_path();
    match cli.command {
        Command::Run => {
            log::start(cli.log_format, &cli.log_level)?;
            let config = config::load(file)?;
            for warning in &config.warnings {
                tracing::warn!("{warning}");
            }
            Ok(serve(file, config)?)
        }
        Command::Check { connect } => {
            log::start(cli.log_format, &cli.log_level)?;
            check::run(file, connect).map_err(Failure::from)
        }
        Command::Guest(guest) => guest::run(&guest, || log::start(cli.log_format, &cli.log_level)),
        Command::Incident(Incident::List { all, status, view }) => {
            show::incidents(&view.client(file)?, all, status, view.output)
        }
        Command::Incident(Incident::Show { id, view }) => show::incident(&view.client(&cli.config)?, &id, view.output),
        Command::Incident(Incident::Silence { id, length, comment, yes, view }) => {
            silence::silence(&view.client(file)?, &id, &length, &comment, yes, view.output)
        }
        Command::Incident(Incident::Unsilence { id, view }) => {
            silence::unsilence(&view.client(file)?, &id, view.output)
        }
        Command::Watch(Watch::List { view }) => watches::list(&view.client(file)?, view.output),
        Command::Approval(Approval::List { all, status, view }) => {
            show::approvals(&view.client(file)?, all, status, view.output)
        }
        Command::Approval(Approval::Show { id, view }) => show::approval(&view.client(&cli.config)?, &id, view.output),
        Command::Approve { id, reason, yes, view } => {
            decide::approve(&view.client(file)?, &id, reason.as_deref(), yes, view.output)
        }
        Command::Deny { id, reason, view } => decide::deny(&view.client(file)?, &id, &reason, view.output),
        Command::Pause { view } => decide::pause(&view.client(file)?, view.output),
        Command::Resume { view } => decide::resume(&view.client(file)?, view.output),
        Command::Journal(command) => journal::run(&command, file),
        Command::CompileGuest(args) => compile::run(&args),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "tidegate", &mut std::io::stdout());
            Ok(())
        }
    }
}

impl Host {
    fn client(&self, config: &Path) -> Result<Client, Failure> {
        Client::new(self, config)
    }
}

impl View {
    fn client(&self, config: &Path) -> Result<Client, Failure> {
        self.host.client(config)
    }
}

#[cfg(test)]
mod tests;
