//! Known events: when they begin by cron, when they last, where clocks are moved, and which one counts.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tidegate_domain::calendar::{Calendar, Cron, KnownEvent, Timetable, When, parse_span, parse_zone};
use tidegate_domain::labels::{Labels, Matcher};
use tidegate_domain::time::Timestamp;

use crate::calendar::{at, interval, shown, zone};

fn cron(text: &str, zone: &str) -> Cron {
    let zone = parse_zone(zone).unwrap_or_else(|error| panic!("{error}"));
    Cron::parse(text, zone).unwrap_or_else(|error| panic!("{error}"))
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

fn begins(name: &str, text: &str, zone: &str, lasts: Duration) -> KnownEvent {
    KnownEvent { name: name.to_owned(), matchers: None, when: When::Begins { cron: cron(text, zone), lasts } }
}

fn beginnings(text: &str, zone: &str, from: &str, until: &str) -> Vec<String> {
    cron(text, zone).beginnings(at(from), at(until)).into_iter().map(shown).collect()
}

#[test]
fn fields_are_those_of_cron() {
    let day = ("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z");
    let cases: [(&str, &[&str]); 8] = [
        ("0 2 * * *", &["02:00"]),
        ("30 */8 * * *", &["00:30", "08:30", "16:30"]),
        ("15,45 9-10 * * *", &["09:15", "09:45", "10:15", "10:45"]),
        ("5/25 7 * * *", &["07:05", "07:30", "07:55"]),
        ("0-10/5 4 * nov MON-fri", &["04:00", "04:05", "04:10"]),
        ("0 4 * * 0", &[]),
        // Where both are given, one is enough; with a star that is not so.
        ("0 4 1 * 1", &["04:00"]),
        ("0 4 */2 * 1", &["04:00"]),
    ];
    for (text, times) in cases {
        let expected: Vec<String> = times.iter().map(|time| format!("2026-11-23T{time}:00Z")).collect();
        assert_eq!(beginnings(text, "UTC", day.0, day.1), expected, "{text}");
    }
    let week = |text| beginnings(text, "UTC", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z").len();
    assert_eq!([week("0 0 * * 7"), week("0 0 * * 0"), week("0 0 * * sun"), week("0 0 * * 5-7")], [1, 1, 1, 3]);
    assert_eq!(week("0 4 */2 * 2"), 0, "neither is enough: Tuesday is the 24th");
    assert_eq!(week("0 4 1-31/2 * 2"), 5, "on odd days, and on Tuesday");
    let leap = beginnings("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", "2032-12-31T00:00:00Z");
    assert_eq!(leap, ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]);
    let on_a_sunday = beginnings("0 0 29 2 */7", "UTC", "2026-01-01T00:00:00Z", "2061-01-01T00:00:00Z");
    assert_eq!(on_a_sunday, ["2032-02-29T00:00:00Z", "2060-02-29T00:00:00Z"]);
}

#[test]
fn a_beginning_that_the_clock_skips_or_shows_twice_comes_once() {
    // Berlin skips 02:00 to 03:00 on 2026-03-29 and has it twice on 2026-10-25.
    let spring = ("2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z");
    let autumn = ("2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z");
    let of = |text, (from, until)| beginnings(text, "Europe/Berlin", from, until);
    assert_eq!(of("30 2 * * *", spring), ["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"], "at 03:30 by the clock");
    assert_eq!(of("30 2 * * *", autumn), ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"], "the first of the two");
    assert_eq!(of("0 2,3 * * *", spring)[..2], ["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"], "both are one");
    assert_eq!(of("0 4 * * *", spring), ["2026-03-29T02:00:00Z", "2026-03-30T02:00:00Z"]);
}

#[test]
fn what_is_no_cron_is_refused_with_a_reason() {
    let cases = [
        ("", "has 0 of the five fields"),
        ("0 2 * *", "has 4 of the five fields"),
        ("0 0 2 * * *", "has 6 of the five fields"),
        ("@daily", "has 1 of the five fields"),
        ("60 2 * * *", "\"60\" is no minute"),
        ("-1 2 * * *", "\"-1\" is no minute"),
        ("+1 2 * * *", "\"+1\" is no minute"),
        ("0 24 * * *", "\"24\" is no hour"),
        ("0 2 0 * *", "\"0\" is no day of the month"),
        ("0 2 * 13 *", "\"13\" is no month"),
        ("0 2 * * 8", "\"8\" is no day of the week"),
        ("0 2 * * funday", "\"funday\" is no day of the week"),
        ("5-1 2 * * *", "\"5-1\" is no minute"),
        ("*/0 2 * * *", "\"*/0\" is no minute"),
        ("*/x 2 * * *", "\"*/x\" is no minute"),
        ("1,,2 2 * * *", "\"1,,2\" is no minute"),
        ("1--2 2 * * *", "\"1--2\" is no minute"),
        ("99999999999 2 * * *", "is no minute"),
        ("0 2 30 2 *", "never comes"),
        ("0 2 31 4,6,9,11 *", "never comes"),
    ];
    for (text, why) in cases {
        let error = Cron::parse(text, zone("UTC")).map(drop).expect_err(text).to_string();
        assert!(error.contains(why), "{text:?}: {error}");
    }
}

/// The occurrences in a stretch of time, as `from/until`.
fn occurrences(event: &KnownEvent, from: &str, until: &str) -> Vec<String> {
    let found = event.occurrences(at(from), at(until));
    found.iter().map(|o| format!("{}/{}", shown(o.from), shown(o.until))).collect()
}

#[test]
fn an_event_lasts_as_long_as_it_says_and_a_next_one_ends_it() {
    let batch = begins("batch", "0 2 * * *", "Europe/Berlin", minutes(90));
    let once = ["2026-11-23T01:00:00Z/2026-11-23T02:30:00Z"];
    for (from, until, expected) in [
        ("2026-11-23T00:00:00Z", "2026-11-23T00:59:59Z", &[][..]),
        ("2026-11-23T00:00:00Z", "2026-11-23T01:00:00Z", &once),
        ("2026-11-23T01:30:00Z", "2026-11-23T01:30:00Z", &once),
        ("2026-11-23T02:29:59Z", "2026-11-23T09:00:00Z", &once),
        ("2026-11-23T02:30:00Z", "2026-11-23T09:00:00Z", &[]),
    ] {
        assert_eq!(occurrences(&batch, from, until), expected, "{from} to {until}");
    }
    // By time that passes, whatever the clock does meanwhile.
    let night = occurrences(&batch, "2026-10-25T00:00:00Z", "2026-10-25T09:00:00Z");
    assert_eq!(night, ["2026-10-25T00:00:00Z/2026-10-25T01:30:00Z"]);
    let over = begins("over", "0 * * * *", "UTC", minutes(90));
    let cut = occurrences(&over, "2026-11-23T02:10:00Z", "2026-11-23T02:20:00Z");
    assert_eq!(cut, ["2026-11-23T02:00:00Z/2026-11-23T03:00:00Z"]);
    // For weeks, and without a pause.
    let month = begins("month", "0 0 1 * *", "UTC", minutes(20 * 24 * 60));
    let weeks = ["2026-11-01T00:00:00Z/2026-11-21T00:00:00Z"];
    assert_eq!(occurrences(&month, "2026-11-20T23:59:59Z", "2026-11-30T23:59:59Z"), weeks);
    let always = begins("always", "* * * * *", "UTC", minutes(28 * 24 * 60));
    let minute = ["2026-11-23T02:10:00Z/2026-11-23T02:11:00Z"];
    assert_eq!(occurrences(&always, "2026-11-23T02:10:07Z", "2026-11-23T02:10:59.999Z"), minute);
}

#[test]
fn days_that_touch_are_one_occurrence() {
    let within = |calendar| KnownEvent { name: "days".to_owned(), matchers: None, when: When::Within(calendar) };
    let holidays = interval("Europe/Berlin", "days=25:26 months=december");
    let feast = ["2025-12-24T23:00:00Z/2025-12-26T23:00:00Z"];
    let holidays = within(Calendar { spans: Vec::new(), intervals: vec![holidays] });
    assert_eq!(occurrences(&holidays, "2025-11-01T00:00:00Z", "2026-11-01T00:00:00Z"), feast);
    let nights = interval("Europe/Berlin", "times=22:00-24:00,00:00-02:00 weekdays=sunday");
    let span = parse_span("2026-11-24T10:00", "2026-11-24T11:00", &zone("UTC")).expect("a span");
    let both = within(Calendar { spans: vec![span], intervals: vec![nights] });
    assert_eq!(
        occurrences(&both, "2026-11-22T00:00:00Z", "2026-11-29T00:30:00Z"),
        [
            "2026-11-22T00:00:00Z/2026-11-22T01:00:00Z",
            "2026-11-22T21:00:00Z/2026-11-22T23:00:00Z",
            "2026-11-24T10:00:00Z/2026-11-24T11:00:00Z",
            "2026-11-28T23:00:00Z/2026-11-29T01:00:00Z",
        ]
    );
    assert_eq!(occurrences(&both, "2027-01-01T12:00:00Z", "2027-01-01T12:00:00Z"), [""; 0]);
}

#[test]
fn where_two_events_overlap_the_first_one_counts() {
    let web = Matcher::parse("service=\"web\"").expect("a matcher");
    let first = KnownEvent { matchers: Some(vec![web]), ..begins("first", "0 2 * * *", "UTC", minutes(60)) };
    let events = [Arc::new(first), Arc::new(begins("second", "30 2 * * *", "UTC", minutes(60)))];
    let table = Timetable::of(&events, at("2026-11-23T00:00:00Z"), at("2026-11-23T06:00:00Z"));
    let (web, api) = (Labels::new([("service", "web")]), Labels::new([("service", "api")]));
    for (time, of_web, of_api) in [
        ("01:59", None, None),
        ("02:00", Some(0), None),
        ("02:30", Some(0), Some(1)),
        ("03:00", Some(1), Some(1)),
        ("03:30", None, None),
    ] {
        let of = |labels: &Labels| {
            let covers = |which: usize| events[which].covers(labels);
            table.at(at(&format!("2026-11-23T{time}:00Z")), covers).map(|(which, _)| which)
        };
        assert_eq!((of(&web), of(&api)), (of_web, of_api), "{time}");
    }
}

#[test]
fn another_meaning_is_another_definition() {
    let definition = |text, zone, lasts| begins("e", text, zone, minutes(lasts)).definition();
    assert_eq!(definition("0 2 * * *", "UTC", 60), definition("00 2 1-31 1-12/1 *", "UTC", 60));
    for other in [definition("0 3 * * *", "UTC", 60), definition("0 2 * * *", "Europe/Berlin", 60)] {
        assert_ne!(other, definition("0 2 * * *", "UTC", 60));
    }
    assert_ne!(definition("0 2 * * *", "UTC", 60), definition("0 2 * * *", "UTC", 61));
}

proptest! {
    /// Whatever stretch is looked up, a moment lies in the same occurrence.
    #[test]
    fn an_occurrence_does_not_depend_on_what_is_asked_for(
        hour in 0..24u8, lasts in 1..200u64, weekend: bool, from in 0..2_000u32, length in 0..10_000u32, moment in 0.0..1.0f64,
    ) {
        let event = if weekend {
            let calendar = Calendar { spans: Vec::new(), intervals: vec![interval("Europe/Berlin", "weekdays=sunday,saturday")] };
            KnownEvent { name: "e".to_owned(), matchers: None, when: When::Within(calendar) }
        } else {
            begins("e", &format!("*/50 {hour} * * *"), "Europe/Berlin", minutes(lasts))
        };
        let events = [Arc::new(event)];
        let start = at("2026-03-26T00:00:00Z");
        let minute = |count: u32| start.plus(minutes(u64::from(count)));
        let (from, until) = (minute(from), minute(from + length));
        let moment = Timestamp(from.0 + ((until.0 - from.0) as f64 * moment) as i64);
        let found = |table: Timetable| table.at(moment, |_| true).map(|(_, occurrence)| occurrence.until);
        prop_assert_eq!(found(Timetable::of(&events, from, until)), found(Timetable::of(&events, moment, moment)));
    }

    #[test]
    fn no_text_breaks_the_reading(text in "[0-9*/,a-z -]{0,30}") {
        drop(Cron::parse(&text, zone("UTC")));
    }
}
