//! `[[maintenance]]`: when nothing is repaired, and where.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use tidegate_domain::calendar::{
    self, Calendar, CalendarError, Maintenance, TimeInterval, parse_days_of_month, parse_months, parse_weekdays,
    parse_years,
};
use tidegate_domain::time::Timestamp;

use super::credentials::unique_name;
use super::error::Spot;
use super::matchers;
use super::section::{At, Section};

pub(super) const KEYS: &[&str] = &["name", "match", "from", "until", "location", "time_intervals"];
pub(super) const INTERVAL_KEYS: &[&str] = &["times", "weekdays", "days_of_month", "months", "years", "location"];
pub(super) const TIMES_KEYS: &[&str] = &["start_time", "end_time"];

pub(super) fn read(root: &Section<'_>) -> Vec<Maintenance> {
    let mut names = BTreeMap::new();
    root.listed("maintenance", KEYS)
        .into_iter()
        .filter_map(|section| {
            let name = unique_name(&section, &mut names);
            let matchers = matchers::required(&section, "everything");
            let when = calendar(&section);
            Some(Maintenance { name: name?, matchers: matchers?, when: when? })
        })
        .collect()
}

/// Reads `from`, `until`, `location` and `time_intervals`.
pub(super) fn calendar(section: &Section<'_>) -> Option<Calendar> {
    let given = |key| section.has(key);
    if !["from", "until", "time_intervals"].into_iter().any(given) {
        section.error(
            "from",
            "missing, and so are until and time_intervals",
            "say when: from and until, or time_intervals",
        );
        return None;
    }
    let zone = zone(section);
    if given("location") && !given("from") && !given("until") {
        section.error("location", "this is about from and until, which are not there", "write it in time_intervals");
    }
    let span = if given("from") || given("until") { Some(span(section, zone)) } else { None };
    if section.is_empty_list("time_intervals") {
        section.error(
            "time_intervals",
            "the list is empty",
            "leave it out, or write when; an empty list does not mean always",
        );
    }
    let intervals = all(section.listed("time_intervals", INTERVAL_KEYS).iter().map(interval));
    let spans = match span {
        Some(span) => vec![span?],
        None => Vec::new(),
    };
    Some(Calendar { spans, intervals: intervals? })
}

/// Everything, where everything is sound. The rest is looked at too, so that one run names every fault.
fn all<T>(read: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    let read: Vec<Option<T>> = read.collect();
    read.into_iter().collect()
}

fn span(section: &Section<'_>, zone: Option<TimeZone>) -> Option<(Timestamp, Timestamp)> {
    let clock = |key| {
        let text = section.text(key);
        section.require(text, key, "write both from and until, for example \"2026-11-24T22:00\"")
    };
    let (from, until) = (clock("from"), clock("until"));
    let zone = zone.unwrap_or(TimeZone::UTC);
    let clock_of = |text: &At<String>| {
        calendar::parse_civil(&text.value, &zone).map_err(|error| object(section, &text.spot, &error)).ok()
    };
    all([from.as_ref(), until.as_ref()].into_iter().flatten().map(clock_of))?;
    let (from, until) = (from?, until?);
    let span = calendar::parse_span(&from.value, &until.value, &zone);
    span.map_err(|error| object(section, &until.spot, &error)).ok()
}

fn interval(section: &Section<'_>) -> Option<TimeInterval> {
    let zone = zone(section);
    if section.keys().all(|key| key == "location") {
        let what = "this says nothing of when";
        let remedy = "write at least one of times, weekdays, days_of_month, months and years";
        section.findings.error(&section.spot, what, remedy);
    }
    let times = times(section);
    let weekdays = ranges(section, "weekdays", parse_weekdays);
    let days_of_month = ranges(section, "days_of_month", parse_days_of_month);
    let months = ranges(section, "months", parse_months);
    let years = ranges(section, "years", parse_years);
    Some(TimeInterval {
        times: times?,
        weekdays: weekdays?,
        days_of_month: days_of_month?,
        months: months?,
        years: years?,
        zone: zone?,
    })
}

fn times(section: &Section<'_>) -> Option<Vec<(u16, u16)>> {
    if section.is_empty_list("times") {
        let remedy = "write [{ start_time = \"22:00\", end_time = \"24:00\" }], or leave it out for the whole day";
        section.error("times", "the list is empty", remedy);
    }
    let of_day = |section: &Section<'_>, key| {
        let text = section.text(key);
        let text = section.require(text, key, "write both start_time and end_time, for example \"22:00\"")?;
        calendar::parse_time(&text.value).map_err(|error| object(section, &text.spot, &error)).ok()?;
        Some(text)
    };
    let one = |section: &Section<'_>| {
        let (start, end) = (of_day(section, "start_time"), of_day(section, "end_time"));
        let (start, end) = (start?, end?);
        let times = calendar::parse_times(&start.value, &end.value);
        times.map_err(|error| object(section, &end.spot, &error)).ok()
    };
    all(section.listed("times", TIMES_KEYS).iter().map(one))
}

/// Reads a list of names, numbers or stretches of them. What is left out always holds, and is an empty list inside.
fn ranges<T>(section: &Section<'_>, key: &str, parse: fn(&str) -> Result<T, CalendarError>) -> Option<Vec<T>> {
    if !section.has(key) {
        return Some(Vec::new());
    }
    let list = section.some_texts(key, "leave it out, or name some; an empty list does not mean all")?;
    all(list.value.iter().map(|text| parse(&text.value).map_err(|error| object(section, &text.spot, &error)).ok()))
}

/// Reads `location`; UTC where it is left out.
pub(super) fn zone(section: &Section<'_>) -> Option<TimeZone> {
    if !section.has("location") {
        return Some(TimeZone::UTC);
    }
    let name = section.text("location")?;
    calendar::parse_zone(&name.value).map_err(|error| object(section, &name.spot, &error)).ok()
}

/// What the calendar says is fault and remedy in one.
pub(super) fn object(section: &Section<'_>, spot: &Spot, error: &CalendarError) {
    let said = error.to_string();
    let (what, remedy) = said.rsplit_once(": ").unwrap_or((&said, "write it as Alertmanager's time_intervals do"));
    let remedy =
        if let CalendarError::Span { .. } = error { "choose an until that is later than from" } else { remedy };
    section.findings.error(spot, what, remedy);
}
