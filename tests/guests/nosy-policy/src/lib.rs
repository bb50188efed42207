//! A policy that asks Prometheus before it answers, for tests of a host: it imports `host-metrics`, and must not load where
//! that is not granted.

use schemars::JsonSchema;
use serde::Deserialize;
use tidegate_guest::{ActionInfo, Decision, Error, Incident, Policy, metrics};

/// What a test can set.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The PromQL expression to ask for.
    expr: String,
}

/// The configured policy.
#[derive(Debug)]
pub struct NosyPolicy {
    expr: String,
}

impl Policy for NosyPolicy {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Asks Prometheus and says what it heard.";
    type Settings = Settings;

    fn open(settings: Settings, _actions: Vec<ActionInfo>) -> Result<Self, Error> {
        Ok(NosyPolicy { expr: settings.expr })
    }

    fn propose(&self, _incident: &Incident) -> Result<Decision, Error> {
        Ok(Decision::Leave(match metrics::query(&self.expr) {
            Ok(vector) => format!("heard of {} series", vector.len()),
            Err(why) => format!("was refused: {why}"),
        }))
    }
}

tidegate_guest::export_policy!(NosyPolicy);
