//! `[second_opinion]`: which detectors are asked about the alerts of others, and how.

use std::time::Duration;

use tidegate_domain::rules::Route;

use super::default_detector::or_default;
use super::error::suggest;
use super::proposals::Offers;
use super::section::Section;
use super::watch::{Combine, combine};

pub(super) const KEYS: &[&str] = &["detectors", "combine", "step", "history", "timeout"];

/// Samples of one series, at most: each alert is so many samples to fetch and to learn.
const MOST_SAMPLES: u128 = 100_000;

/// Which detectors are asked about the alerts of others, and how.
#[derive(Clone, Debug)]
pub(crate) struct SecondOpinion {
    /// Configured detectors, at least one.
    pub(crate) detectors: Vec<String>,
    /// How many must find a value unusual; None for all that can judge it.
    pub(crate) quorum: Option<usize>,
    /// Time between two samples.
    pub(crate) step: Duration,
    /// How much history is fetched at most.
    pub(crate) history: Duration,
    /// How long it may take to form the opinions on one incident.
    pub(crate) timeout: Duration,
}

/// What there is for alert routes to want.
pub(super) struct Offered {
    /// How it is formed.
    pub(super) opinion: SecondOpinion,
    /// Routes that say nothing want one.
    pub(super) by_default: bool,
}

/// Reads the table. What it leaves out is as in `[defaults.watch]`, so that series are judged as others are.
pub(super) fn read(root: &Section<'_>, offers: &Offers<'_>) -> Offered {
    let defaults = root.is_table("defaults").then(|| root.section("defaults", None)).flatten();
    let defaults = defaults.filter(|defaults| defaults.is_table("watch")).and_then(|d| d.section("watch", None));
    let section = root.section("second_opinion", Some(KEYS));
    let own = |key| section.as_ref().filter(|section| section.has(key));
    let detectors = match own("detectors") {
        Some(section) => section.some_texts("detectors", "name at least one [detector.NAME], or leave the key out"),
        None => defaults.as_ref().and_then(|defaults| defaults.texts("detectors")),
    };
    let detectors = or_default(detectors, section.as_ref().unwrap_or(root));
    for name in detectors.iter().filter(|name| !offers.detectors.contains(&name.value)) {
        let remedy = suggest(&name.value, "detector", offers.detectors.iter().map(String::as_str));
        root.findings.error(&name.spot, format!("there is no detector {:?}", name.value), remedy);
    }
    let length = |key, default| {
        section.as_ref().and_then(|section| section.positive_duration(key)).map_or(default, |length| length.value)
    };
    let of_watches = |key| defaults.as_ref().and_then(|defaults| defaults.positive_duration(key));
    let step = of_watches("step").or_else(|| of_watches("interval"));
    let step = length("step", step.map_or(Duration::from_secs(60), |step| step.value));
    let opinion = SecondOpinion {
        quorum: section.as_ref().and_then(|section| quorum(section, detectors.len())),
        detectors: detectors.into_iter().map(|name| name.value).collect(),
        step,
        history: length("history", Duration::from_secs(14 * 24 * 60 * 60)),
        timeout: length("timeout", Duration::from_secs(30)),
    };
    if let Some(section) = &section {
        judge_lengths(section, &opinion);
    }
    let by_default = section.is_some();
    Offered { opinion, by_default }
}

/// What is asked, where there is a route that wants it.
pub(super) fn wanted(root: &Section<'_>, offered: Offered, routes: &[Route]) -> Option<SecondOpinion> {
    if routes.iter().any(|route| route.second_opinion) {
        return Some(offered.opinion);
    }
    if offered.by_default {
        let remedy = "add an [[alert_route]], or take the table out";
        root.findings.warning(&root.spot_of("second_opinion"), "no alert route wants a second opinion", remedy);
    }
    None
}

fn quorum(section: &Section<'_>, detectors: usize) -> Option<usize> {
    let combine = combine(section)?;
    match combine.value {
        Combine::All => None,
        Combine::Any => Some(1),
        Combine::Quorum(wanted) => {
            let wanted = wanted as usize;
            if detectors > 0 && wanted > detectors {
                let what = format!("{wanted} detectors must agree, and {} has {detectors}", section.spot.key);
                section.findings.error(&combine.spot, what, format!("choose a quorum from 1 to {detectors}"));
            }
            Some(wanted)
        }
    }
}

fn judge_lengths(section: &Section<'_>, opinion: &SecondOpinion) {
    let samples = opinion.history.as_millis() / opinion.step.as_millis().max(1);
    let key = if section.has("history") { "history" } else { "step" };
    if samples == 0 {
        section.error(key, "no sample fits into so little history", "make history longer than step");
    } else if samples > MOST_SAMPLES {
        let what = format!("{samples} samples would be fetched for each alert, more than {MOST_SAMPLES}");
        section.error(key, what, "make history shorter, or step longer");
    }
}
