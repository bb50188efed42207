//! `blast_radius` and `circuit_breaker` of an action: what stops it however many people have said yes.

use std::time::Duration;

use tidegate_domain::rules::{BlastRadius, Breaker, Most};

use super::error::suggest;
use super::locate::Value;
use super::section::Section;

pub(super) const BLAST_RADIUS_KEYS: &[&str] = &["label", "most", "of"];
pub(super) const BREAKER_KEYS: &[&str] = &["after", "reset"];

/// A breaker that has opened lets one run through after this, unless the config says otherwise.
const DEFAULT_RESET: Duration = Duration::from_secs(60 * 60);

/// Reads `blast_radius` of an action with this target.
pub(super) fn blast_radius(section: &Section<'_>, target: &[String]) -> Vec<BlastRadius> {
    if section.is_empty_list("blast_radius") {
        let remedy = "write [{ label = \"instance\", most = 2 }], or leave it out; an empty list does not mean none";
        section.error("blast_radius", "the list is empty", remedy);
    }
    section.listed("blast_radius", BLAST_RADIUS_KEYS).iter().filter_map(|limit| one_limit(limit, target)).collect()
}

fn one_limit(section: &Section<'_>, target: &[String]) -> Option<BlastRadius> {
    let label = section.text("label");
    let label = section.require(label, "label", "name a label of the target, for example label = \"instance\"");
    if let Some(label) = label.as_ref().filter(|label| !target.contains(&label.value)) {
        let remedy = suggest(&label.value, "label of the target", target.iter().map(String::as_str));
        section.error("label", format!("{:?} is not in target, so a run says nothing of it", label.value), remedy);
    }
    let most = most(section);
    Some(BlastRadius { label: label?.value, most: most? })
}

/// `2`, or `"10%"` of the values that the series of `of` have.
fn most(section: &Section<'_>) -> Option<Most> {
    let remedy = "write a number, 1 or more, or a share of all values, for example \"10%\"";
    let Some(given) = section.raw("most") else {
        section.error("most", "missing", remedy);
        return None;
    };
    match given.value {
        Value::Integer(count) if (1..=i64::from(u32::MAX)).contains(count) => {
            if section.has("of") {
                section.error(
                    "of",
                    "only a share is of something",
                    "take it out, or write most as for example \"10%\"",
                );
            }
            Some(Most::Count(u32::try_from(*count).ok()?))
        }
        Value::Text(text) => {
            let of = section.text("of");
            let remedy_of =
                "write PromQL whose series have all values of the label, for example of = 'up{job=\"api\"}'";
            let of = section.require(of, "of", remedy_of);
            let percent = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
            let share = percent.map(|percent| percent / 100.0).filter(|share| *share > 0.0 && *share <= 1.0);
            if share.is_none() {
                section.error("most", format!("{text:?} is not a share above 0% and up to 100%"), remedy);
            }
            Some(Most::Share { share: share?, of: of?.value })
        }
        _ => {
            section.error("most", "this does not say how many", remedy);
            None
        }
    }
}

/// Reads `circuit_breaker`.
pub(super) fn breaker(section: &Section<'_>) -> Option<Breaker> {
    let below = section.section("circuit_breaker", Some(BREAKER_KEYS))?;
    let after = below.count("after", 1);
    let after = below.require(after, "after", "say how many runs in a row that did not help, for example after = 3");
    let reset = below.positive_duration("reset").map_or(DEFAULT_RESET, |length| length.value);
    Some(Breaker { after: after?.value, reset })
}
