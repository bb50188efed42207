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
    /// How often to ask before it answers; 0 to ask without end and never answer.
    #[serde(default = "once")]
    times: u32,
}

fn once() -> u32 {
    1
}

/// The configured policy.
#[derive(Debug)]
pub struct NosyPolicy {
    settings: Settings,
}

impl Policy for NosyPolicy {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Asks Prometheus and says what it heard last.";
    type Settings = Settings;

    fn open(settings: Settings, _actions: Vec<ActionInfo>) -> Result<Self, Error> {
        Ok(NosyPolicy { settings })
    }

    fn propose(&self, _incident: &Incident) -> Result<Decision, Error> {
        let mut asked = 0;
        loop {
            let heard = metrics::query(&self.settings.expr);
            asked += 1;
            if asked == self.settings.times {
                return Ok(Decision::Leave(match heard {
                    Ok(vector) => format!("heard of {} series", vector.len()),
                    Err(why) => format!("was refused: {why}"),
                }));
            }
        }
    }
}

tidegate_guest::export_policy!(NosyPolicy);
