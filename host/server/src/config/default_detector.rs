//! The detector that judges where a config names none: it need not be defined either.

use std::collections::BTreeMap;

use tidegate_domain::defaults::DEFAULT_GUEST;
use tidegate_domain::rules::Watch;

use super::section::{At, Section};
use super::{DetectorConfig, SecondOpinion};

/// Its name, as in `[detector.NAME]`. Without that table it is the guest of the same name, with no settings.
pub(super) const DEFAULT_DETECTOR: &str = DEFAULT_GUEST;

/// The names of detectors that can be used, given those that are defined.
pub(super) fn with_default(mut defined: Vec<String>) -> Vec<String> {
    if !defined.iter().any(|name| name == DEFAULT_DETECTOR) {
        defined.push(DEFAULT_DETECTOR.to_owned());
    }
    defined
}

/// The guests of all detectors that can be named, by the detector's name. A broken one is not among them.
pub(super) fn guests_of(root: &Section<'_>, detectors: &BTreeMap<String, DetectorConfig>) -> BTreeMap<String, String> {
    let mut guests: BTreeMap<String, String> =
        detectors.iter().map(|(name, detector)| (name.clone(), detector.guest.clone())).collect();
    if !is_defined(root) {
        guests.insert(DEFAULT_DETECTOR.to_owned(), DEFAULT_GUEST.to_owned());
    }
    guests
}

/// The detectors that are named, or the one that is meant where none is.
pub(super) fn or_default(named: Option<At<Vec<At<String>>>>, section: &Section<'_>) -> Vec<At<String>> {
    match named {
        Some(named) => named.value,
        // An empty list has been objected to where it stands.
        None if section.has("detectors") => Vec::new(),
        None => vec![At { value: DEFAULT_DETECTOR.to_owned(), spot: section.spot.clone() }],
    }
}

/// Adds it where something uses it and no table defines it.
pub(super) fn imply<'a>(
    root: &Section<'_>,
    detectors: &mut BTreeMap<String, DetectorConfig>,
    mut watches: impl Iterator<Item = &'a Watch>,
    second_opinion: Option<&SecondOpinion>,
) {
    if is_defined(root) {
        return;
    }
    let is_it = |name: &String| name == DEFAULT_DETECTOR;
    let of_watch = watches.find(|watch| watch.detectors.iter().any(is_it));
    let of_watch = of_watch.map(|watch| vec!["watch".to_owned(), watch.name.clone()]);
    let asked = second_opinion.filter(|opinion| opinion.detectors.iter().any(is_it));
    let Some(user) = of_watch.or_else(|| asked.map(|_| vec!["second_opinion".to_owned()])) else { return };
    let settings = serde_json::Value::Object(serde_json::Map::new());
    let implied = DetectorConfig { guest: DEFAULT_GUEST.to_owned(), settings, implied_by: Some(user) };
    detectors.insert(DEFAULT_DETECTOR.to_owned(), implied);
}

fn is_defined(root: &Section<'_>) -> bool {
    let defined = root.is_table("detector").then(|| root.section("detector", None)).flatten();
    defined.is_some_and(|defined| defined.has(DEFAULT_DETECTOR))
}
