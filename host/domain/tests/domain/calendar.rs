//! Calendars: what is read, which times are in them, and when they close, also where clocks are moved.

use std::ops::RangeInclusive;

use jiff::tz::TimeZone;
use tidegate_domain::calendar::{
    Calendar, Maintenance, TimeInterval, parse_civil, parse_days_of_month, parse_months, parse_span, parse_time,
    parse_times, parse_weekdays, parse_years, parse_zone,
};
use tidegate_domain::labels::{Labels, Matcher};
use tidegate_domain::time::Timestamp;

pub(crate) fn zone(name: &str) -> TimeZone {
    parse_zone(name).unwrap_or_else(|error| panic!("{error}"))
}

/// A time as RFC 3339 has it.
pub(crate) fn at(text: &str) -> Timestamp {
    let time: jiff::Timestamp = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    Timestamp(time.as_millisecond())
}

pub(crate) fn shown(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).expect("in range").to_string()
}

/// One interval from `field=range,range` words, in a time zone.
pub(crate) fn interval(zone_name: &str, fields: &str) -> TimeInterval {
    let mut interval = TimeInterval {
        times: Vec::new(),
        weekdays: Vec::new(),
        days_of_month: Vec::new(),
        months: Vec::new(),
        years: Vec::new(),
        zone: zone(zone_name),
    };
    for (field, range) in fields.split_whitespace().filter_map(|word| word.split_once('=')) {
        for text in range.split(',') {
            match field {
                "times" => {
                    let (start, end) = text.split_once('-').expect("two times");
                    interval.times.push(parse_times(start, end).expect("times"));
                }
                "weekdays" => interval.weekdays.push(parse_weekdays(text).expect("weekdays")),
                "days" => interval.days_of_month.push(parse_days_of_month(text).expect("days")),
                "months" => interval.months.push(parse_months(text).expect("months")),
                "years" => interval.years.push(parse_years(text).expect("years")),
                _ => panic!("no field is called {field:?}"),
            }
        }
    }
    interval
}

/// Each time, and until when the calendar is open then.
fn check(calendar: &Calendar, cases: &[(&str, Option<&str>)]) {
    for (time, until) in cases {
        let found = calendar.until(at(time));
        assert_eq!(found.map(shown).as_deref(), *until, "at {time}");
        assert_eq!(calendar.contains(at(time)), until.is_some(), "at {time}");
    }
}

fn of(zone: &str, fields: &str) -> Calendar {
    Calendar { spans: Vec::new(), intervals: vec![interval(zone, fields)] }
}

#[test]
fn ranges_are_read_as_alertmanager_does() {
    assert_eq!(parse_weekdays("monday:wednesday"), Ok(1..=3));
    assert_eq!(parse_weekdays("Saturday"), Ok(6..=6));
    assert_eq!(parse_days_of_month("1:5"), Ok(1..=5));
    assert_eq!(parse_days_of_month("-3:-1"), Ok(-3..=-1));
    assert_eq!(parse_days_of_month("15:-1"), Ok(RangeInclusive::new(15, -1)));
    assert_eq!(parse_months("december"), Ok(12..=12));
    assert_eq!(parse_months("1:March"), Ok(1..=3));
    assert_eq!(parse_years("2026:2028"), Ok(2026..=2028));
    assert_eq!(parse_time("24:00"), Ok(1440));
    assert_eq!(parse_times("22:00", "24:00"), Ok((1320, 1440)));
}

#[test]
fn what_is_no_range_is_refused_in_words() {
    let refused = [
        parse_weekdays("saturday:sunday").map(drop),
        parse_weekdays("mon").map(drop),
        parse_weekdays("0:3").map(drop),
        parse_weekdays("").map(drop),
        parse_days_of_month("0").map(drop),
        parse_days_of_month("32").map(drop),
        parse_days_of_month("-32:-1").map(drop),
        parse_days_of_month("-3:5").map(drop),
        parse_days_of_month("-1:-3").map(drop),
        parse_days_of_month("20:-15").map(drop),
        parse_days_of_month("1:2:3").map(drop),
        parse_days_of_month("+1").map(drop),
        parse_months("13").map(drop),
        parse_months("december:january").map(drop),
        parse_years("26").map(drop),
        parse_time("9:00").map(drop),
        parse_time("24:01").map(drop),
        parse_time("12:60").map(drop),
        parse_time("+1:00").map(drop),
        parse_time("12:0٣").map(drop),
        parse_times("22:00", "02:00").map(drop),
        parse_times("22:00", "22:00").map(drop),
        parse_zone("Europe/Nowhere").map(drop),
        parse_zone("").map(drop),
        parse_zone("../../etc/passwd").map(drop),
        parse_civil("2026-11-24", &TimeZone::UTC).map(drop),
        parse_civil("2026-11-24T22:00Z", &TimeZone::UTC).map(drop),
        parse_civil("2026-11-24T22:00+01:00", &TimeZone::UTC).map(drop),
        parse_civil("2026-02-30T00:00", &TimeZone::UTC).map(drop),
        parse_span("2026-11-25T02:00", "2026-11-24T22:00", &TimeZone::UTC).map(drop),
    ];
    let said: Vec<String> = refused.into_iter().map(|result| result.expect_err("refused").to_string()).collect();
    expect_test::expect![[r#"
        "saturday:sunday" ends before it begins: write it as two
        "mon" is not a day of the week or several: write "saturday" or "monday:wednesday"; a week begins on sunday
        "0:3" is not a day of the week or several: write "saturday" or "monday:wednesday"; a week begins on sunday
        "" is not a day of the week or several: write "saturday" or "monday:wednesday"; a week begins on sunday
        "0" is not a day of the month or several: write "1", "1:5" or, counted from the end, "-3:-1"
        "32" is not a day of the month or several: write "1", "1:5" or, counted from the end, "-3:-1"
        "-32:-1" is not a day of the month or several: write "1", "1:5" or, counted from the end, "-3:-1"
        "-3:5" ends before it begins: write it as two
        "-1:-3" ends before it begins: write it as two
        "20:-15" ends before it begins: write it as two
        "1:2:3" is not a day of the month or several: write "1", "1:5" or, counted from the end, "-3:-1"
        "+1" is not a day of the month or several: write "1", "1:5" or, counted from the end, "-3:-1"
        "13" is not a month or several: write "december", "12" or "january:march"
        "december:january" ends before it begins: write it as two
        "26" is not a year or several: write "2026" or "2026:2028"
        "9:00" is not a time of day: write two digits each, for example "09:30"; the end of the day is "24:00"
        "24:01" is not a time of day: write two digits each, for example "09:30"; the end of the day is "24:00"
        "12:60" is not a time of day: write two digits each, for example "09:30"; the end of the day is "24:00"
        "+1:00" is not a time of day: write two digits each, for example "09:30"; the end of the day is "24:00"
        "12:0٣" is not a time of day: write two digits each, for example "09:30"; the end of the day is "24:00"
        from 22:00 to 02:00 is no stretch of a day: over midnight, write two, one up to "24:00" and one from "00:00"
        from 22:00 to 22:00 is no stretch of a day: over midnight, write two, one up to "24:00" and one from "00:00"
        "Europe/Nowhere" is not a time zone: write its IANA name, for example "Europe/Berlin", or "UTC"
        "" is not a time zone: write its IANA name, for example "Europe/Berlin", or "UTC"
        "../../etc/passwd" is not a time zone: write its IANA name, for example "Europe/Berlin", or "UTC"
        "2026-11-24" is not a time by the clock: write it as "2026-11-24T22:00"; the time zone is `location`'s
        "2026-11-24T22:00Z" is not a time by the clock: write it as "2026-11-24T22:00"; the time zone is `location`'s
        "2026-11-24T22:00+01:00" is not a time by the clock: write it as "2026-11-24T22:00"; the time zone is `location`'s
        "2026-02-30T00:00" is not a time by the clock: write it as "2026-11-24T22:00"; the time zone is `location`'s
        from 2026-11-25T02:00 until 2026-11-24T22:00 is no stretch of time: it ends before it begins"#]].assert_eq(&said.join("\n"));
}

#[test]
fn a_stretch_of_the_day_begins_with_its_first_minute_and_ends_before_its_last() {
    check(
        &of("UTC", "times=09:00-17:00 weekdays=monday:friday"),
        &[
            ("2026-11-23T08:59:59.999Z", None),
            ("2026-11-23T09:00:00Z", Some("2026-11-23T17:00:00Z")),
            ("2026-11-23T16:59:59.999Z", Some("2026-11-23T17:00:00Z")),
            ("2026-11-23T17:00:00Z", None),
            ("2026-11-22T12:00:00Z", None),
        ],
    );
}

#[test]
fn what_goes_on_after_midnight_is_one_stretch() {
    let mut calendar = of("Europe/Berlin", "times=22:00-24:00 weekdays=saturday");
    calendar.intervals.push(interval("Europe/Berlin", "times=00:00-02:30 weekdays=sunday"));
    calendar.spans.push((at("2026-11-29T01:15:00Z"), at("2026-11-29T03:00:00Z")));
    check(
        &calendar,
        &[
            ("2026-11-28T20:59:59Z", None),
            ("2026-11-28T21:00:00Z", Some("2026-11-29T03:00:00Z")),
            ("2026-11-21T23:00:00Z", Some("2026-11-22T01:30:00Z")),
            ("2026-11-29T03:00:00Z", None),
        ],
    );
}

#[test]
fn days_count_from_the_end_of_the_month_as_well() {
    let last_three = of("UTC", "days=-3:-1");
    check(
        &last_three,
        &[
            ("2026-11-27T23:59:59Z", None),
            ("2026-11-28T00:00:00Z", Some("2026-12-01T00:00:00Z")),
            ("2027-02-25T12:00:00Z", None),
            ("2027-02-26T12:00:00Z", Some("2027-03-01T00:00:00Z")),
            // A leap year: the 26th is the fourth from the end.
            ("2028-02-26T12:00:00Z", None),
            ("2028-02-29T12:00:00Z", Some("2028-03-01T00:00:00Z")),
        ],
    );
    // Days that a month does not have are nobody's.
    check(&of("UTC", "days=30:31"), &[("2027-02-28T12:00:00Z", None), ("2027-03-01T12:00:00Z", None)]);
    check(
        &of("UTC", "days=-31:-29"),
        &[("2027-02-01T12:00:00Z", None), ("2028-02-01T12:00:00Z", Some("2028-02-02T00:00:00Z"))],
    );
    check(&of("UTC", "days=29 months=february"), &[("2028-02-29T12:00:00Z", Some("2028-03-01T00:00:00Z"))]);
}

#[test]
fn the_day_is_that_of_the_time_zone() {
    check(
        &of("Pacific/Auckland", "weekdays=monday"),
        &[
            ("2026-11-22T10:59:59Z", None),
            ("2026-11-22T11:00:00Z", Some("2026-11-23T11:00:00Z")),
            ("2026-11-23T11:00:00Z", None),
        ],
    );
    // A zone that is off by a part of an hour.
    check(&of("Asia/Kathmandu", "times=00:00-01:00"), &[("2026-11-22T18:15:00Z", Some("2026-11-22T19:15:00Z"))]);
}

#[test]
fn a_time_that_the_clock_skips_is_in_nothing() {
    // On 2026-03-29 clocks in Berlin go from 02:00 to 03:00, which is 01:00Z.
    check(
        &of("Europe/Berlin", "times=02:00-03:00"),
        &[
            ("2026-03-29T00:59:59Z", None),
            ("2026-03-29T01:00:00Z", None),
            ("2026-03-28T01:00:00Z", Some("2026-03-28T02:00:00Z")),
            ("2026-03-30T00:00:00Z", Some("2026-03-30T01:00:00Z")),
        ],
    );
    // One that goes over it is as much shorter.
    check(&of("Europe/Berlin", "times=01:00-04:00"), &[("2026-03-29T00:00:00Z", Some("2026-03-29T02:00:00Z"))]);
    // In Beirut the hour after midnight is skipped: the day begins at 01:00.
    check(&of("Asia/Beirut", "weekdays=sunday"), &[("2026-03-28T22:00:00Z", Some("2026-03-29T21:00:00Z"))]);
}

#[test]
fn a_time_that_the_clock_shows_twice_is_in_it_twice() {
    // On 2026-10-25 clocks in Berlin go back from 03:00 to 02:00, at 01:00Z.
    check(
        &of("Europe/Berlin", "times=02:00-02:30"),
        &[
            ("2026-10-25T00:00:00Z", Some("2026-10-25T00:30:00Z")),
            ("2026-10-25T00:30:00Z", None),
            ("2026-10-25T01:00:00Z", Some("2026-10-25T01:30:00Z")),
            ("2026-10-25T01:30:00Z", None),
        ],
    );
    check(
        &of("Europe/Berlin", "times=01:00-03:00"),
        &[("2026-10-24T23:00:00Z", Some("2026-10-25T02:00:00Z")), ("2026-10-25T02:00:00Z", None)],
    );
}

#[test]
fn single_stretches_are_by_the_clock_and_rather_too_long_than_too_short() {
    let berlin = zone("Europe/Berlin");
    for (from, until, read) in [
        ("2026-11-24T22:00", "2026-11-25T02:00", ("2026-11-24T21:00:00Z", "2026-11-25T01:00:00Z")),
        ("2026-07-01T22:00:30", "2026-07-01T22:00:31", ("2026-07-01T20:00:30Z", "2026-07-01T20:00:31Z")),
        // Both ends are shown twice.
        ("2026-10-25T02:15", "2026-10-25T02:30", ("2026-10-25T00:15:00Z", "2026-10-25T01:30:00Z")),
        // The first end is skipped: 02:30 is what 03:30 has become.
        ("2026-03-29T02:30", "2026-03-29T04:00", ("2026-03-29T01:30:00Z", "2026-03-29T02:00:00Z")),
    ] {
        let (first, last) = parse_span(from, until, &berlin).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((shown(first), shown(last)), (read.0.to_owned(), read.1.to_owned()), "{from}");
    }
}

#[test]
fn what_is_open_for_ever_closes_somewhen() {
    let always = of("Europe/Berlin", "");
    let until = always.until(at("2026-11-23T12:00:00Z")).expect("open");
    assert!(until > at("2028-01-01T00:00:00Z"), "{}", shown(until));
    check(&of("UTC", "years=2026:2027"), &[("2026-01-01T00:00:00Z", Some("2028-01-01T00:00:00Z"))]);
    // No such time in any calendar, and no panic either.
    assert!(!always.contains(Timestamp(i64::MAX)) && always.until(Timestamp::MIN).is_none());
    let endless = Calendar { spans: vec![(Timestamp::MIN, Timestamp(i64::MAX))], intervals: always.intervals };
    assert_eq!(endless.until(Timestamp(0)), Some(Timestamp(i64::MAX)));
}

#[test]
fn an_empty_calendar_and_an_empty_matcher_hold_nothing() {
    let now = at("2026-11-23T12:00:00Z");
    assert!(!Calendar::default().contains(now));
    let window = |matchers: &[&str]| Maintenance {
        name: "upgrades".to_owned(),
        matchers: matchers.iter().map(|text| Matcher::parse(text).expect("a matcher")).collect(),
        when: of("UTC", "times=11:00-13:00"),
    };
    let labels = Labels::new([("service", "db"), ("pod", "a")]);
    assert!(window(&["service=db"]).covers(&labels));
    assert!(!window(&["service=db", "pod=b"]).covers(&labels));
    assert!(!window(&[]).covers(&labels), "empty means nothing");
}
