//! `tidegate guest run`: run a guest over data.

use std::path::PathBuf;

use clap::ValueEnum;
use tidegate_sandbox::{Grants, Guest, GuestKind, Limits, LoadError, OpenError, WhyRefused};

use super::file;
use super::progress::ProgressLine;
use super::settings::Settings;
use crate::cli::exit::Failure;

mod detector;
mod live;
mod policy;
mod source;
mod when;

pub(super) use policy::Actions;

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(in crate::cli) struct Args {
    /// The guest
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    #[command(flatten)]
    settings: Settings,
    /// What the guest is granted beyond its data: host-metrics, for policies alone. May be given many times
    #[arg(long, value_name = "NAME")]
    grant: Vec<String>,
    /// How the answer is written; a policy's is text or json, a detector's table, csv or json
    #[arg(long, value_enum, default_value = "text")]
    output: Format,
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    detector: detector::Args,
    #[command(flatten)]
    actions: Actions,
}

/// Where the data come from.
#[derive(Debug, clap::Args)]
#[group(skip)]
struct Data {
    /// Samples from a CSV file of timestamp,value; - is standard input
    #[arg(long, value_name = "FILE", help_heading = "Data", conflicts_with_all = ["range_json", "query", "incident"])]
    csv: Option<PathBuf>,
    /// Samples from a JSON answer of Prometheus' query_range; - is standard input
    #[arg(long, value_name = "FILE", help_heading = "Data", conflicts_with_all = ["query", "incident"])]
    range_json: Option<PathBuf>,
    /// A Prometheus to ask: for --query, and for a policy with --grant host-metrics
    #[arg(long, value_name = "URL", help_heading = "Data")]
    prometheus: Option<String>,
    /// The expression whose series are run, live from --prometheus
    #[arg(long, value_name = "PROMQL", help_heading = "Data", requires = "prometheus", conflicts_with = "incident")]
    query: Option<String>,
    /// How to reach Prometheus: a TOML file with basic_auth, authorization, tls_config and so on, as in the config's
    /// table `prometheus`
    #[arg(long, value_name = "FILE", help_heading = "Data", requires = "prometheus")]
    http_config: Option<PathBuf>,
    /// An incident for a policy, JSON as in a case file or from GET /api/v1/incidents/{id}; - is standard input
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    incident: Option<PathBuf>,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Format {
    /// For people; of a detector, a table
    #[value(alias = "table")]
    Text,
    /// A line a sample
    Csv,
    /// One document
    Json,
}

const HELP: &str = "\
Times are Unix seconds with or without a fraction, Unix milliseconds (numbers from 100000000000 on), or RFC 3339 (without \
an offset they are read as UTC). --start and --end also take how long ago: 6h.

A detector begins with empty state and learns every sample, anomalous ones as well; a running host learns nothing from an \
incident until it is closed.

Exit codes: 0 every sample was answered, or a decision was made, whatever it says; 1 the guest cannot be loaded, or failed \
to answer, or Prometheus did; 2 the command line, the settings or the data are at fault.

  tidegate guest run zscore.wasm --csv latency.csv --set window=1h --plot latency.svg
  tidegate guest run seasonal.wasm --prometheus http://localhost:9090 --query 'sum(rate(requests_total[5m]))' --start 2d
  tidegate guest run runbook.wasm --incident incident.json --settings runbook.toml --action restart,failover";

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let limits = Limits::default();
    let grants = Grants::parse(&args.grant).map_err(|error| Failure::Usage(error.to_string()))?;
    let wasm = file::read(&args.file, limits.max_wasm_bytes)?;
    let settings = args.settings.read()?;
    let sandbox = super::sandbox()?;
    let name = file::guest_name(&args.file);
    let guest = {
        let mut line = ProgressLine::new(&name);
        line.say("loading; a large guest takes some seconds to compile the first time");
        sandbox.load(&name, &wasm, &limits, &grants).map_err(|error| not_loaded(&error))?
    };
    match guest.kind() {
        GuestKind::Detector => detector::run(args, &guest, &settings),
        GuestKind::Remediation => policy::run(args, &guest, &settings),
    }
}

pub(super) fn not_loaded(error: &LoadError) -> Failure {
    let wanted = match error {
        LoadError::Imports { imports, .. } => imports.iter().find_map(|import| match import.why {
            WhyRefused::NotGranted(grant) => Some(grant),
            _ => None,
        }),
        _ => None,
    };
    let remedy = match wanted {
        Some(grant) => format!("; if you trust it with that, add --grant {grant}"),
        None => "; `tidegate guest inspect` tells what it is".to_owned(),
    };
    Failure::Failed(format!("{error}{remedy}"))
}

/// Settings are the user's, a trap is the guest's.
pub(super) fn not_opened(guest: &Guest, error: &OpenError) -> Failure {
    match error {
        OpenError::Settings { .. } => {
            Failure::Usage(format!("{error}; `tidegate guest inspect` lists the settings of {:?}", guest.name()))
        }
        OpenError::Call { error: tidegate_sandbox::CallError::Guest(_), .. } => Failure::Usage(error.to_string()),
        _ => Failure::Failed(error.to_string()),
    }
}
