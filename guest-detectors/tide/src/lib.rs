//! The detector that a watch has without naming one: it looks at each sample in several ways, learns how rare each of them
//! finds what it sees, and speaks where the rarest is rarer than a budget of false alarms allows.
//!
//! This module holds the setting and the order of things; each idea has a module of its own.

mod bar;
mod budget;
mod clock;
mod judgement;
mod kind;
mod lists;
mod memory;
mod note;
mod order;
mod season;
mod tail;
mod views;
mod window;

use budget::Budget;
use judgement::Judgement;
use memory::Memory;
use schemars::JsonSchema;
use serde::Deserialize;
use tidegate_guest::{Detector, Error, Needs, Step, Timestamp, Verdict};

/// What a user can set.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How often a series may be called anomalous by chance, as `NUMBER per SPAN`: the span is hour, day, week, month or
    /// year, or a duration such as 12h or 2w.
    #[serde(default)]
    false_alarms: Budget,
}

/// Two weeks show a weekly pattern twice. Three would show it better, and cost every new series half as much again.
const HISTORY_MS: u64 = 14 * 86_400_000;

/// Fewer samples say nothing.
const MIN_SAMPLES: u64 = 50;

/// The configured detector.
#[derive(Debug)]
pub struct Tide {
    budget: Budget,
    step: Step,
    /// The logarithm of what the budget leaves for a sample at that step, and the time in which it allows one false alarm.
    log: f64,
    span_ms: f64,
}

impl Tide {
    /// The logarithm of what the budget leaves for a sample at the step that the series has.
    fn log(&self, step_ms: f64) -> f64 {
        if step_ms == self.step.millis() as f64 { self.log } else { self.budget.per_sample(step_ms).ln() }
    }
}

impl Detector for Tide {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "How rare a sample is by several views of it, against a budget of false alarms; finds step and season by itself.";
    type Settings = Settings;
    type State = Memory;

    fn open(settings: Settings, step: Step) -> Result<Self, Error> {
        let budget = settings.false_alarms;
        let log = budget.per_sample(step.millis() as f64).ln();
        Ok(Tide { log, span_ms: budget.span_ms(), budget, step })
    }

    fn needs(&self) -> Needs {
        Needs { history_ms: HISTORY_MS, min_samples: MIN_SAMPLES }
    }

    fn start(&self) -> Memory {
        Memory::empty(self.step)
    }

    fn fits(&self, memory: &Memory) -> Result<(), String> {
        if memory.is_sound() { Ok(()) } else { Err("state: its parts contradict each other".to_owned()) }
    }

    fn score(&self, memory: &mut Memory, at: Timestamp, value: f64) -> Verdict {
        let Some(outlook) = memory.outlook(at, value) else { return Verdict::not_judged() };
        let judgement = if memory.seen() < MIN_SAMPLES {
            Judgement::none()
        } else {
            let bar = self.log(memory.step_ms()) * memory.bar(at, self.span_ms);
            judgement::judge(&outlook.measures, memory.tails(), bar, outlook.level, outlook.usual(), value)
        };
        memory.learn(value, &outlook, &judgement, self.span_ms);
        judgement.verdict
    }

    fn note(&self, memory: &Memory, _: Timestamp, value: f64, verdict: &Verdict) -> Option<String> {
        memory.sentence(value, verdict)
    }
}

tidegate_guest::export_detector!(Tide);
