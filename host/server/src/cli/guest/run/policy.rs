//! A policy over an incident.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_sandbox::{ActionOffer, Guest, InstantSample, MetricsSource};
use tidegate_workbench::run::{decision, incident};

use super::live::Live;
use super::{Format, not_opened};
use crate::cli::exit::Failure;
use crate::cli::guest::file::{self, MAX_DATA};
use crate::cli::show::say;
use crate::questions::HostMetrics;

/// What a policy may choose from.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(in crate::cli::guest) struct Actions {
    /// An action on offer, by name, for policies; several are parted by commas or given one by one
    #[arg(long = "action", visible_alias = "actions", value_name = "NAME", value_delimiter = ',')]
    names: Vec<String>,
}

impl Actions {
    /// The offers. Their arguments are unbounded: what a host allows stands in its config.
    pub(in crate::cli::guest) fn offers(&self) -> Vec<ActionOffer> {
        let names = self.names.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
        names
            .map(|name| ActionOffer { name: name.to_owned(), summary: String::new(), arguments_schema: json!({}) })
            .collect()
    }
}

pub(super) fn run(args: &super::Args, guest: &Guest, settings: &Value) -> Result<(), Failure> {
    let Some(path) = &args.data.incident else {
        let what = format!("guest {:?} is a policy: give it an incident by --incident FILE", guest.name());
        return Err(Failure::Usage(what));
    };
    if args.output == Format::Csv {
        return Err(Failure::Usage("a decision is written as text or json".to_owned()));
    }
    let wrong = |why: String| Failure::Usage(format!("the incident in {}: {why}", file::shown(path)));
    let incident = incident::read(&file::read(path, MAX_DATA)?).map_err(wrong)?;
    let live = args.data.prometheus.as_deref().map(|url| Live::new(url, &args.data)).transpose()?;
    let offers = args.actions.offers();
    let policy = guest.open_policy(settings, &offers).map_err(|error| {
        let failure = not_opened(guest, &error);
        match failure {
            // Nearly every policy names actions in its settings.
            Failure::Usage(what) if offers.is_empty() => {
                Failure::Usage(format!("{what}; no action is on offer, which --action NAME does"))
            }
            other => other,
        }
    })?;
    let consultation = match &live {
        Some(live) => {
            let metrics = live.runtime.block_on(async { HostMetrics::new(live.prometheus.clone()) });
            policy.consult(&incident, &metrics)
        }
        None => policy.consult(&incident, &Nobody),
    };
    let decision = consultation
        .decision
        .map_err(|error| Failure::Failed(format!("guest {:?} made no decision: {error}", guest.name())))?;
    match args.output {
        Format::Json => say(&format!("{:#}\n", decision::document(&decision, &consultation.questions))),
        _ => say(&decision::text(&decision, &consultation.questions)),
    }
}

/// Answers where no Prometheus was named.
struct Nobody;

impl MetricsSource for Nobody {
    fn query(&self, _expr: &str, _within: Duration) -> Result<Vec<InstantSample>, String> {
        Err("no Prometheus was named; --prometheus URL does that".to_owned())
    }
}
