//! A policy that misbehaves on purpose, for tests of a host: the settings pick how. With `{"mode": "none"}` it proposes
//! the first action on offer, without arguments.

use std::hint::black_box;

use schemars::JsonSchema;
use serde::Deserialize;
use tidegate_guest::{ActionInfo, Decision, Error, Incident, Plan, Policy, log};

/// What a test can set.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How to misbehave.
    mode: Mode,
}

/// The ways to misbehave. Those that name no call do it in `propose`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Not at all.
    None,
    /// Never return.
    Loop,
    /// Never return from `open`.
    LoopInOpen,
    /// Panic with a message.
    Panic,
    /// Panic in `open`.
    PanicInOpen,
    /// Allocate memory without end.
    Allocate,
    /// 100,000 messages to the log.
    LogFlood,
    /// Propose an action that was not offered.
    OtherAction,
    /// Arguments that are not JSON.
    BrokenArguments,
    /// Arguments that are JSON but no object.
    ListArguments,
    /// Arguments that name a target and carry keys that nobody asked for.
    ForeignArguments,
    /// Summary, rationale and arguments of 16 MB each.
    GiantPlan,
    /// A reason of 16 MB for leaving the incident alone.
    GiantReason,
    /// Control characters, terminal escapes and markup in what people read.
    RudePlan,
    /// An error of its own.
    InternalError,
}

const GIANT: usize = 16 << 20;

/// The configured policy.
#[derive(Debug)]
pub struct HostilePolicy {
    mode: Mode,
    first_action: Option<String>,
}

impl Policy for HostilePolicy {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Misbehaves on purpose.";
    type Settings = Settings;

    fn open(settings: Settings, actions: Vec<ActionInfo>) -> Result<Self, Error> {
        match settings.mode {
            Mode::LoopInOpen => spin(),
            Mode::PanicInOpen => panic!("hostile on purpose, in open"),
            _ => {}
        }
        Ok(HostilePolicy { mode: settings.mode, first_action: actions.into_iter().next().map(|action| action.name) })
    }

    fn propose(&self, incident: &Incident) -> Result<Decision, Error> {
        let Some(action) = self.first_action.clone() else {
            return Ok(Decision::Leave("no action is on offer".to_owned()));
        };
        let mut plan = Plan {
            summary: format!("Run {action}"),
            rationale: "Because a test says so.".to_owned(),
            action,
            arguments: "{}".to_owned(),
        };
        match self.mode {
            Mode::None | Mode::LoopInOpen | Mode::PanicInOpen => {}
            Mode::Loop => spin(),
            Mode::Panic => panic!("hostile on purpose, incident {}", incident.id),
            Mode::Allocate => devour(),
            Mode::LogFlood => (0..100_000).for_each(|i| log::warn(&format!("flood {i}"))),
            Mode::OtherAction => plan.action = "rm-rf".to_owned(),
            Mode::BrokenArguments => plan.arguments = "{\"a\": ".to_owned(),
            Mode::ListArguments => plan.arguments = "[1, 2]".to_owned(),
            Mode::ForeignArguments => plan.arguments = r#"{"target": "everything", "force": true}"#.to_owned(),
            Mode::GiantPlan => {
                plan.summary = "s".repeat(GIANT);
                plan.rationale = "r".repeat(GIANT);
                plan.arguments = format!("{{\"a\": \"{}\"}}", "a".repeat(GIANT));
            }
            Mode::GiantReason => return Ok(Decision::Leave("l".repeat(GIANT))),
            Mode::RudePlan => {
                plan.summary =
                    "\u{1b}[2J\u{1b}]0;gone\u{7}\0\r\n<script>alert(1)</script> <!channel> \u{202e}".to_owned();
                plan.rationale = plan.summary.clone();
            }
            Mode::InternalError => return Err(Error::Internal("refused on purpose".to_owned())),
        }
        Ok(Decision::Propose(plan))
    }
}

fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

fn devour() -> ! {
    let mut hoard = Vec::new();
    loop {
        hoard.push(vec![1_u8; 1 << 20]);
        black_box(&mut hoard);
    }
}

tidegate_guest::export_policy!(HostilePolicy);
