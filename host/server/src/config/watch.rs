//! `[[watch]]` and `[defaults.watch]`: what is watched, and when it becomes an incident.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_domain::defaults;
use tidegate_domain::rules::{ColdStart, Direction, Gate, OnAbsent, SeverityScores, Watch};
use tidegate_domain::time::format_duration;

use super::WatchConfig;
use super::credentials::unique_name;
use super::default_detector::or_default;
use super::endpoints::absolute_url;
use super::error::suggest;
use super::proposals::{Offers, Proposals};
use super::section::{At, Section};

/// Keys that a watch may leave to `[defaults.watch]`.
pub(super) const SHARED_KEYS: &[&str] = &[
    "interval",
    "step",
    "query_offset",
    "detectors",
    "combine",
    "detection_direction",
    "min_dev_from_expected",
    "min_rel_dev_from_expected",
    "consecutive",
    "recover_after",
    "recover_below",
    "cold_start",
    "absent_after",
    "on_absent",
    "accept_after",
    "known_events",
    "identity",
    "group_by",
    "severity",
    "runbook_url",
    "mode",
    "remediation",
    "actions",
    "dry_run",
];
/// Keys that only a watch has.
pub(super) const OWN_KEYS: &[&str] = &["name", "expr"];
pub(super) const COLD_START_KEYS: &[&str] = &["history", "above", "below"];
pub(super) const SEVERITY_KEYS: &[&str] = &["medium", "high", "critical"];
pub(super) const COMBINE_KEYS: &[&str] = &["quorum"];

const DIRECTIONS: [(&str, Direction); 3] = [
    ("both", Direction::Both),
    ("above_expected", Direction::AboveExpected),
    ("below_expected", Direction::BelowExpected),
];
const ON_ABSENT: [(&str, OnAbsent); 2] = [("show", OnAbsent::Show), ("incident", OnAbsent::Incident)];

/// How many detectors must agree, as it is written.
#[derive(Clone, Copy)]
pub(super) enum Combine {
    Any,
    All,
    Quorum(u32),
}

type Names = Option<At<Vec<At<String>>>>;

/// The keys of one table, as far as they are there and readable.
#[derive(Clone, Default)]
struct Keys {
    interval: Option<At<Duration>>,
    step: Option<At<Duration>>,
    query_offset: Option<At<Duration>>,
    detectors: Names,
    combine: Option<At<Combine>>,
    direction: Option<At<Direction>>,
    min_dev: Option<At<f64>>,
    min_rel_dev: Option<At<f64>>,
    consecutive: Option<At<u32>>,
    recover_after: Option<At<u32>>,
    recover_below: Option<At<f64>>,
    history: Option<At<Duration>>,
    above: Option<At<f64>>,
    below: Option<At<f64>>,
    absent_after: Option<At<Duration>>,
    on_absent: Option<At<OnAbsent>>,
    accept_after: Option<At<Duration>>,
    known_events: Names,
    identity: Names,
    group_by: Names,
    medium: Option<At<f64>>,
    high: Option<At<f64>>,
    critical: Option<At<f64>>,
    runbook_url: Option<At<String>>,
    proposals: Proposals,
}

impl Keys {
    fn read(section: &Section<'_>, path: &[&str]) -> Keys {
        let at_least_zero = |number: f64| number >= 0.0;
        let score = |section: &Option<Section<'_>>, key| {
            section.as_ref().and_then(|section| section.number(key, "a score of 0 or more", at_least_zero))
        };
        let labels =
            |key| section.some_texts(key, "leave it out, or name labels; an empty list does not mean all of them");
        let cold = section.section("cold_start", Some(COLD_START_KEYS));
        let bound = |key| cold.as_ref().and_then(|cold| cold.number(key, "a finite number", f64::is_finite));
        let severity = section.section("severity", Some(SEVERITY_KEYS));
        Keys {
            interval: section.positive_duration("interval"),
            step: section.positive_duration("step"),
            query_offset: section.duration("query_offset"),
            detectors: section.some_texts("detectors", "name at least one [detector.NAME]"),
            combine: combine(section),
            direction: section.choice("detection_direction", &DIRECTIONS),
            min_dev: section.number("min_dev_from_expected", "0 or more", at_least_zero),
            min_rel_dev: section.number("min_rel_dev_from_expected", "a share of 0 or more", at_least_zero),
            consecutive: section.count("consecutive", 1),
            recover_after: section.count("recover_after", 1),
            recover_below: section
                .number("recover_below", "a score above 0 and up to 1", |score| score > 0.0 && score <= 1.0),
            history: cold.as_ref().and_then(|cold| cold.duration("history")),
            above: bound("above"),
            below: bound("below"),
            absent_after: section.positive_duration("absent_after"),
            on_absent: section.choice("on_absent", &ON_ABSENT),
            accept_after: section.positive_duration("accept_after"),
            // An empty list is none, and not those of the defaults.
            known_events: section.texts("known_events"),
            identity: labels("identity"),
            group_by: labels("group_by"),
            medium: score(&severity, "medium"),
            high: score(&severity, "high"),
            critical: score(&severity, "critical"),
            runbook_url: section.text("runbook_url").filter(|url| absolute_url(section, url).is_some()),
            proposals: Proposals::read(section, path),
        }
    }

    /// Fills what is left out from `defaults`, key by key.
    fn or(self, defaults: &Keys) -> Keys {
        Keys {
            interval: self.interval.or_else(|| defaults.interval.clone()),
            step: self.step.or_else(|| defaults.step.clone()),
            query_offset: self.query_offset.or_else(|| defaults.query_offset.clone()),
            detectors: self.detectors.or_else(|| defaults.detectors.clone()),
            combine: self.combine.or_else(|| defaults.combine.clone()),
            direction: self.direction.or_else(|| defaults.direction.clone()),
            min_dev: self.min_dev.or_else(|| defaults.min_dev.clone()),
            min_rel_dev: self.min_rel_dev.or_else(|| defaults.min_rel_dev.clone()),
            consecutive: self.consecutive.or_else(|| defaults.consecutive.clone()),
            recover_after: self.recover_after.or_else(|| defaults.recover_after.clone()),
            recover_below: self.recover_below.or_else(|| defaults.recover_below.clone()),
            history: self.history.or_else(|| defaults.history.clone()),
            above: self.above.or_else(|| defaults.above.clone()),
            below: self.below.or_else(|| defaults.below.clone()),
            absent_after: self.absent_after.or_else(|| defaults.absent_after.clone()),
            on_absent: self.on_absent.or_else(|| defaults.on_absent.clone()),
            accept_after: self.accept_after.or_else(|| defaults.accept_after.clone()),
            known_events: self.known_events.or_else(|| defaults.known_events.clone()),
            identity: self.identity.or_else(|| defaults.identity.clone()),
            group_by: self.group_by.or_else(|| defaults.group_by.clone()),
            medium: self.medium.or_else(|| defaults.medium.clone()),
            high: self.high.or_else(|| defaults.high.clone()),
            critical: self.critical.or_else(|| defaults.critical.clone()),
            runbook_url: self.runbook_url.or_else(|| defaults.runbook_url.clone()),
            proposals: self.proposals.or(&defaults.proposals),
        }
    }
}

/// Reads `combine`.
pub(super) fn combine(section: &Section<'_>) -> Option<At<Combine>> {
    if section.is_table("combine") {
        let below = section.section("combine", Some(COMBINE_KEYS))?;
        let quorum = below.count("quorum", 1);
        let quorum = below.require(quorum, "quorum", "say how many must agree, for example { quorum = 2 }")?;
        return Some(At { value: Combine::Quorum(quorum.value), spot: quorum.spot });
    }
    section.choice("combine", &[("any", Combine::Any), ("all", Combine::All)])
}

/// Reads every watch, with what `[defaults.watch]` gives it.
pub(super) fn read(root: &Section<'_>, offers: &Offers<'_>, gate: &Gate) -> Vec<(Watch, WatchConfig)> {
    let defaults = root.section("defaults", Some(&["watch"])).and_then(|defaults| {
        let section = defaults.section("watch", Some(SHARED_KEYS))?;
        Some(Keys::read(&section, &["defaults", "watch"]))
    });
    let defaults = defaults.unwrap_or_default();
    let mut names = BTreeMap::new();
    root.listed("watch", &[OWN_KEYS, SHARED_KEYS].concat())
        .into_iter()
        .filter_map(|section| {
            let name = unique_name(&section, &mut names);
            let expr = section.text("expr");
            let expr = section.require(expr, "expr", "write the PromQL expression to watch");
            let keys = Keys::read(&section, &["watch", name.as_deref().unwrap_or("")]).or(&defaults);
            settle(&section, keys, offers, gate, name, expr)
        })
        .collect()
}

fn settle(
    section: &Section<'_>,
    keys: Keys,
    offers: &Offers<'_>,
    gate: &Gate,
    name: Option<String>,
    expr: Option<At<String>>,
) -> Option<(Watch, WatchConfig)> {
    let interval = keys.interval.as_ref().map_or(Duration::from_secs(60), |length| length.value);
    let step = keys.step.as_ref().map_or(interval, |length| length.value);
    let query_offset = value(&keys.query_offset, Duration::from_secs(30));
    if gate.max_age <= query_offset + step {
        let what = format!(
            "every sample would be older than gate.max_age ({}) when it is judged, and nothing would be proposed",
            format_duration(gate.max_age),
        );
        section.error("query_offset", what, "make query_offset and step shorter, or gate.max_age longer");
    }
    let absent_after = absent_after(section, &keys, step);
    let severity = severity(section, &keys);
    cold_start_bounds(section, &keys);
    let detectors = detectors(section, &keys, offers);
    let quorum = quorum(section, &keys, detectors.len());
    let known_events = offers.known_events.named(section, keys.known_events.as_ref());
    let names = |list: &Names| list.as_ref().map(|list| list.value.iter().map(|name| name.value.clone()).collect());
    let (identity, group_by) = (names(&keys.identity), names(&keys.group_by));
    let settled = keys.proposals.settle(&section.spot, offers, section.findings);
    for action in settled.actions.iter().filter_map(|name| offers.actions.get(name)) {
        let needed = action.verify.settle + step * action.verify.healthy_for.saturating_sub(1);
        if settled.remediation.is_some() && action.verify.within < needed {
            let what = format!(
                "action {:?} could never be called fixed: {} samples at a step of {} do not fit into verify.within",
                action.name,
                action.verify.healthy_for,
                format_duration(step),
            );
            section.error("actions", what, "make the action's verify.within longer, or verify.healthy_for smaller");
        }
    }
    let (name, expr) = (name?, expr?.value);
    // A guest that is not known is one for which a single sample is noise.
    let guests: Vec<&str> = detectors.iter().map(|name| offers.guests.get(name).map_or("", String::as_str)).collect();
    let left_out = defaults::watch(name.clone(), step, detectors, guests);
    let watch = Watch {
        mode: settled.mode,
        quorum,
        direction: value(&keys.direction, left_out.direction),
        min_dev: value(&keys.min_dev, left_out.min_dev),
        min_rel_dev: value(&keys.min_rel_dev, left_out.min_rel_dev),
        consecutive: value(&keys.consecutive, left_out.consecutive),
        recover_after: value(&keys.recover_after, left_out.recover_after),
        recover_below: value(&keys.recover_below, left_out.recover_below),
        cold_start: ColdStart {
            history: value(&keys.history, left_out.cold_start.history),
            above: keys.above.map(|bound| bound.value),
            below: keys.below.map(|bound| bound.value),
        },
        absent_after,
        on_absent: value(&keys.on_absent, left_out.on_absent),
        accept_after: value(&keys.accept_after, left_out.accept_after),
        known_events,
        identity,
        group_by,
        severity,
        has_policy: settled.remediation.is_some(),
        actions: settled.actions,
        dry_run: settled.dry_run,
        ..left_out
    };
    let (runbook_url, remediation) = (keys.runbook_url.map(|url| url.value), settled.remediation);
    Some((watch, WatchConfig { name, expr, interval, step, query_offset, runbook_url, remediation }))
}

fn value<T: Clone>(read: &Option<At<T>>, default: T) -> T {
    read.as_ref().map_or(default, |read| read.value.clone())
}

fn absent_after(section: &Section<'_>, keys: &Keys, step: Duration) -> Duration {
    match &keys.absent_after {
        None => defaults::absent_after(step),
        Some(length) => {
            if length.value <= step {
                let what =
                    format!("a series with a step of {} would be absent between two samples", format_duration(step));
                section.findings.error(&length.spot, what, "choose at least twice the step, or leave it out");
            }
            length.value
        }
    }
}

fn severity(section: &Section<'_>, keys: &Keys) -> SeverityScores {
    let defaults = SeverityScores::default();
    let medium = value(&keys.medium, defaults.medium);
    let critical = value(&keys.critical, defaults.critical);
    // A default gives way to the scores that are written down.
    let high = value(&keys.high, defaults.high.max(medium).min(critical));
    let written = [("medium", &keys.medium), ("high", &keys.high), ("critical", &keys.critical)];
    if !(medium <= high && high <= critical) {
        let written: Vec<_> = written.into_iter().filter_map(|(name, score)| Some((name, score.as_ref()?))).collect();
        let said = written.iter().map(|(name, score)| format!("{name} = {}", score.value)).collect::<Vec<_>>();
        if let Some((_, last)) = written.last() {
            let what = format!("the scores do not ascend from medium ({medium}): {}", said.join(", "));
            section.findings.error(&last.spot, what, "choose medium <= high <= critical");
        }
    }
    SeverityScores { medium, high, critical }
}

fn cold_start_bounds(section: &Section<'_>, keys: &Keys) {
    if let (Some(above), Some(below)) = (&keys.above, &keys.below)
        && above.value <= below.value
    {
        let what = format!("every value is above {} or below {}", above.value, below.value);
        section.findings.error(&above.spot, what, "choose cold_start.above larger than cold_start.below");
    }
}

fn detectors(section: &Section<'_>, keys: &Keys, offers: &Offers<'_>) -> Vec<String> {
    let named = or_default(keys.detectors.clone(), section);
    for name in named.iter().filter(|name| !offers.detectors.contains(&name.value)) {
        let remedy = suggest(&name.value, "detector", offers.detectors.iter().map(String::as_str));
        section.findings.error(&name.spot, format!("there is no detector {:?}", name.value), remedy);
    }
    named.into_iter().map(|name| name.value).collect()
}

fn quorum(section: &Section<'_>, keys: &Keys, detectors: usize) -> usize {
    let Some(combine) = &keys.combine else { return 1 };
    match combine.value {
        Combine::Any => 1,
        Combine::All => detectors,
        Combine::Quorum(wanted) => {
            let wanted = wanted as usize;
            if detectors > 0 && wanted > detectors {
                let what = format!("{wanted} detectors must agree, and {} has {detectors}", section.spot.key);
                section.findings.error(&combine.spot, what, format!("choose a quorum from 1 to {detectors}"));
            }
            wanted
        }
    }
}
