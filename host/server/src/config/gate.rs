//! `[gate]` and `[storm]`: what lets a proposal through, and what holds all of them.

use tidegate_domain::rules::{Gate, StormBrake};

use super::people::Named;
use super::section::Section;
use super::terms;

/// Keys of the gate alone. [`terms::KEYS`] stand beside them.
pub(super) const GATE_KEYS: &[&str] =
    &["causer_labels", "start_within", "max_age", "ask_again", "relapse_within", "max_targets", "dry_run"];
pub(super) const STORM_KEYS: &[&str] = &["incidents", "window", "share", "min_groups", "quiet"];

/// Reads `[gate]`. Its terms come once more as they were read, for the actions that fill in theirs from them.
pub(super) fn gate(root: &Section<'_>, named: &Named) -> (Gate, terms::Keys) {
    let defaults = Gate::default();
    let Some(section) = root.section("gate", Some(&[terms::KEYS, GATE_KEYS].concat())) else {
        return (defaults, terms::Keys::default());
    };
    let keys = terms::Keys::read(&section, named);
    let length = |key, default| section.positive_duration(key).map_or(default, |length| length.value);
    let causers = section.some_texts("causer_labels", "name labels, or leave it out");
    let gate = Gate {
        terms: keys.settle(&section, named),
        causer_labels: causers.map_or_else(Vec::new, |list| list.value.into_iter().map(|label| label.value).collect()),
        start_within: length("start_within", defaults.start_within),
        max_age: length("max_age", defaults.max_age),
        ask_again: length("ask_again", defaults.ask_again),
        // Zero is a choice: then fixed stays fixed.
        relapse_within: section.duration("relapse_within").map_or(defaults.relapse_within, |length| length.value),
        max_targets: section.count("max_targets", 1).map_or(defaults.max_targets, |count| count.value as usize),
        dry_run: section.flag("dry_run").map_or(defaults.dry_run, |flag| flag.value),
    };
    (gate, keys)
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
