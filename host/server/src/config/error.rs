//! What is wrong with a config, said once, in one format: place, key, fault, remedy. Knows nothing of what keys mean.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use super::locate::Place;

/// A place in a config and the path of the key that stands there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    /// Where it stands.
    pub(crate) place: Place,
    /// For example `watch["latency"].interval`; empty for what concerns a whole file.
    pub(crate) key: String,
}

/// One fault, or one thing that is probably not meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// Where.
    pub(crate) spot: Spot,
    /// What is wrong.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) remedy: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.spot.place)?;
        if !self.spot.key.is_empty() {
            write!(f, "{}: ", self.spot.key)?;
        }
        write!(f, "{}\n    {}", self.what, self.remedy)
    }
}

/// Collects what is found while a config is read, so that one run names every fault.
///
/// Keys of `[defaults.watch]` are judged once more for every watch that inherits them, hence the sets.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    errors: RefCell<BTreeSet<Finding>>,
    warnings: RefCell<BTreeSet<Finding>>,
}

impl Findings {
    /// Notes a fault: the config cannot be used.
    pub(crate) fn error(&self, spot: &Spot, what: impl Into<String>, remedy: impl Into<String>) {
        self.errors.borrow_mut().insert(Finding { spot: spot.clone(), what: what.into(), remedy: remedy.into() });
    }

    /// Notes something that is allowed and probably not meant.
    pub(crate) fn warning(&self, spot: &Spot, what: impl Into<String>, remedy: impl Into<String>) {
        self.warnings.borrow_mut().insert(Finding { spot: spot.clone(), what: what.into(), remedy: remedy.into() });
    }

    /// True when nothing stands in the way of using the config.
    pub(crate) fn is_clean(&self) -> bool {
        self.errors.borrow().is_empty()
    }

    /// The warnings alone where there is no error, everything otherwise.
    pub(crate) fn into_result(self) -> Result<Vec<Finding>, ConfigErrors> {
        let warnings = self.warnings.into_inner().into_iter().collect();
        let errors: Vec<Finding> = self.errors.into_inner().into_iter().collect();
        if errors.is_empty() { Ok(warnings) } else { Err(ConfigErrors { errors, warnings }) }
    }
}

/// Every fault of one config, in the order of the files and lines.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) struct ConfigErrors {
    /// Never empty.
    pub(crate) errors: Vec<Finding>,
    /// What is allowed and probably not meant.
    pub(crate) warnings: Vec<Finding>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.errors {
            writeln!(f, "error: {finding}")?;
        }
        for finding in &self.warnings {
            writeln!(f, "warning: {finding}")?;
        }
        let count = self.errors.len();
        write!(f, "the config was not accepted: {count} error{}", if count == 1 { "" } else { "s" })
    }
}

/// The known word that is nearest to `given`, when one is near enough to have been meant.
pub(crate) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (likeness(given, word), word))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, word)| word)
}

/// From 0 to 1. `direction` is meant for `detection_direction` whatever an edit distance says.
fn likeness(given: &str, word: &str) -> f64 {
    let part = given.len() >= 4 && word.len() >= 4 && (word.contains(given) || given.contains(word));
    if part { 0.95 } else { strsim::jaro_winkler(given, word) }
}

/// What there is to choose from, as a sentence: the nearest word where there is one, all of them otherwise.
pub(crate) fn suggest<'a>(given: &str, what: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(given, known.iter().copied()) {
        Some(word) => format!("the nearest {what} is \"{word}\""),
        None if known.is_empty() => format!("there is no {what} at all yet"),
        None => format!("there is: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_offered_and_far_ones_are_not() {
        let known = ["interval", "step", "query_offset", "min_dev_from_expected"];
        assert_eq!(nearest("intervall", known), Some("interval"));
        assert_eq!(nearest("min_dev", known), Some("min_dev_from_expected"));
        assert_eq!(nearest("direction", ["remediation", "detection_direction"]), Some("detection_direction"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(suggest("colour", "key", ["a", "b"]), "there is: a, b");
        assert_eq!(suggest("colour", "action", []), "there is no action at all yet");
    }
}
