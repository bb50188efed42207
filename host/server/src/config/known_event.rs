//! `[[known_event]]`: what is expected at times, and which series it is about.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tidegate_domain::calendar::{Cron, KnownEvent, When};
use tidegate_domain::time::format_duration;

use super::credentials::unique_name;
use super::error::suggest;
use super::section::{At, Section};
use super::{maintenance, matchers};

pub(super) const KEYS: &[&str] = &["name", "match", "cron", "lasts", "location", "from", "until", "time_intervals"];

/// What lasts longer is no event but a season of the year; `from` and `until` or `time_intervals` say that better.
const LONGEST: Duration = Duration::from_secs(28 * 24 * 60 * 60);

/// The known events, for the watches that name them.
#[derive(Default)]
pub(super) struct KnownEvents {
    /// Those that are sound.
    events: BTreeMap<String, Arc<KnownEvent>>,
    /// The names of all: what is wrong with the others has been said where they stand.
    names: Vec<String>,
}

pub(super) fn read(root: &Section<'_>) -> KnownEvents {
    let mut known = KnownEvents::default();
    let mut names = BTreeMap::new();
    for section in root.listed("known_event", KEYS) {
        let name = unique_name(&section, &mut names);
        known.names.extend(name.clone());
        let matchers = if section.has("match") {
            matchers::read(&section, "all series of a watch; leave it out for these").map(Some)
        } else {
            Some(None)
        };
        let when = when(&section);
        if let (Some(name), Some(matchers), Some(when)) = (name, matchers, when) {
            known.events.insert(name.clone(), Arc::new(KnownEvent { name, matchers, when }));
        }
    }
    known
}

fn when(section: &Section<'_>) -> Option<When> {
    let by_calendar = ["from", "until", "time_intervals"].into_iter().find(|key| section.has(key));
    if !section.has("cron") && !section.has("lasts") {
        if by_calendar.is_none() {
            let what = "missing, and so are from and until, and time_intervals";
            section.error("cron", what, "say when: cron and lasts, or from and until, or time_intervals");
            return None;
        }
        return maintenance::calendar(section).map(When::Within);
    }
    if let Some(key) = by_calendar {
        section.error(key, "there is cron as well", "say when in one way, or make two events of it");
        return None;
    }
    let text = section.text("cron");
    let text = section.require(text, "cron", "say when it begins, for example \"0 2 * * *\"");
    let lasts = section.positive_duration("lasts");
    let lasts = section.require(lasts, "lasts", "say for how long, for example \"1h30m\"");
    if let Some(lasts) = lasts.as_ref().filter(|lasts| lasts.value > LONGEST) {
        let what = format!("{} is longer than {}", format_duration(lasts.value), format_duration(LONGEST));
        section.findings.error(&lasts.spot, what, "write it with from and until, or with time_intervals");
    }
    // One that cannot be read has been objected to: the fields are looked at all the same.
    let zone = maintenance::zone(section);
    let text = text?;
    let cron = Cron::parse(&text.value, zone.clone().unwrap_or(TimeZone::UTC));
    let cron = cron.map_err(|error| maintenance::object(section, &text.spot, &error)).ok();
    zone?;
    Some(When::Begins { cron: cron?, lasts: lasts?.value })
}

impl KnownEvents {
    /// Those that a watch names, in its order.
    pub(super) fn named(&self, section: &Section<'_>, names: Option<&At<Vec<At<String>>>>) -> Vec<Arc<KnownEvent>> {
        let mut named = Vec::new();
        for name in names.iter().flat_map(|names| &names.value) {
            if !self.names.contains(&name.value) {
                let remedy = suggest(&name.value, "known event", self.names.iter().map(String::as_str));
                section.findings.error(&name.spot, format!("there is no known event {:?}", name.value), remedy);
            }
            named.extend(self.events.get(&name.value).cloned());
        }
        named
    }

    /// The names of the sound ones.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.events.keys().map(String::as_str)
    }
}
