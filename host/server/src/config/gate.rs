//! `[gate]` and `[storm]`: what lets a proposal through, and what holds all of them.

use tidegate_domain::rules::{Gate, StormBrake};
use tidegate_domain::terms::Terms;

use super::endpoints::SEVERITIES;
use super::section::Section;

pub(super) const GATE_KEYS: &[&str] =
    &["deadline", "auto_approve", "start_within", "max_age", "ask_again", "relapse_within", "max_targets", "dry_run"];
pub(super) const STORM_KEYS: &[&str] = &["incidents", "window", "share", "min_groups", "quiet"];

pub(super) fn gate(root: &Section<'_>) -> Gate {
    let defaults = Gate::default();
    let Some(section) = root.section("gate", Some(GATE_KEYS)) else { return defaults };
    let length = |key, default| section.positive_duration(key).map_or(default, |length| length.value);
    Gate {
        terms: Terms {
            deadline: length("deadline", defaults.terms.deadline),
            auto_approve: section
                .choice("auto_approve", &SEVERITIES)
                .map_or(defaults.terms.auto_approve, |word| word.value),
            ..defaults.terms
        },
        causer_labels: Vec::new(),
        start_within: length("start_within", defaults.start_within),
        max_age: length("max_age", defaults.max_age),
        ask_again: length("ask_again", defaults.ask_again),
        // Zero is a choice: then fixed stays fixed.
        relapse_within: section.duration("relapse_within").map_or(defaults.relapse_within, |length| length.value),
        max_targets: section.count("max_targets", 1).map_or(defaults.max_targets, |count| count.value as usize),
        dry_run: section.flag("dry_run").map_or(defaults.dry_run, |flag| flag.value),
    }
}

pub(super) fn storm(root: &Section<'_>) -> StormBrake {
    let defaults = StormBrake::default();
    let Some(section) = root.section("storm", Some(STORM_KEYS)) else { return defaults };
    let length = |key, default| section.positive_duration(key).map_or(default, |length| length.value);
    let count = |key, default| section.count(key, 1).map_or(default, |count| count.value as usize);
    StormBrake {
        incidents: count("incidents", defaults.incidents),
        window: length("window", defaults.window),
        share: section
            .number("share", "a share above 0 and up to 1", |share| share > 0.0 && share <= 1.0)
            .map_or(defaults.share, |share| share.value),
        min_groups: count("min_groups", defaults.min_groups),
        quiet: length("quiet", defaults.quiet),
    }
}
