//! Times as people read them: in UTC, and how far they are from now.

use std::time::Duration;

use maud::{Markup, html};
use tidegate_domain::time::Timestamp;
use tidegate_workbench::text;

use crate::clock;

/// A time of day where it is about today, else with its date. The script adds what it is by the reader's own clock.
pub(super) fn moment(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(clock::rfc3339(at)) { (shown(at, now)) } }
}

/// The time of day alone, where the date stands above.
pub(super) fn of_day(at: Timestamp) -> Markup {
    let text = utc(at).map_or_else(|| at.0.to_string(), |at| at.strftime("%H:%M:%S").to_string());
    html! { time datetime=(clock::rfc3339(at)) { (text) } }
}

/// The day, as it stands above the times of that day.
pub(super) fn day(at: Timestamp) -> String {
    utc(at).map_or_else(|| at.0.to_string(), |at| at.strftime("%A, %-d %B %Y").to_string())
}

/// How long ago, kept up to date by the script.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> Markup {
    html! { span data-ago=(at.0) { (rough(now.since(at))) " ago" } }
}

/// How much time is left, counted down by the script.
pub(super) fn left(until: Timestamp, now: Timestamp) -> Markup {
    let left = until.since(now);
    html! { span.left data-until=(until.0) { @if left.is_zero() { "time is up" } @else { (counted(left)) " left" } } }
}

/// A length in its largest unit: `45 s`, `12 min`, `3 h`, `2 d`.
pub(super) fn rough(length: Duration) -> String {
    match length.as_secs() {
        seconds @ ..60 => format!("{seconds} s"),
        seconds @ ..7_200 => format!("{} min", seconds / 60),
        seconds @ ..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// A length as a clock counts it: `4:07`, `1:02:03`.
fn counted(length: Duration) -> String {
    let seconds = length.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// A length as the config writes it.
pub(super) fn exact(length: Duration) -> String {
    text::duration(length)
}

fn shown(at: Timestamp, now: Timestamp) -> String {
    let Some(time) = utc(at) else { return at.0.to_string() };
    let is_today = utc(now).is_some_and(|now| now.date() == time.date());
    let form = if is_today { "%H:%M:%S UTC" } else { "%Y-%m-%d %H:%M:%S UTC" };
    time.strftime(form).to_string()
}

fn utc(at: Timestamp) -> Option<jiff::Zoned> {
    jiff::Timestamp::from_millisecond(at.0).ok().map(|at| at.to_zoned(jiff::tz::TimeZone::UTC))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T09:47:37.035Z.
    const AT: Timestamp = Timestamp(1_795_340_857_035);

    #[test]
    fn a_time_has_its_date_where_it_is_not_today() {
        assert_eq!(shown(AT, AT), "09:47:37 UTC");
        let tomorrow = AT.plus(Duration::from_secs(86_400));
        assert_eq!(shown(AT, tomorrow), "2026-11-22 09:47:37 UTC");
        assert_eq!(shown(Timestamp(i64::MAX), AT), i64::MAX.to_string(), "no such day");
        assert_eq!(day(AT), "Sunday, 22 November 2026");
    }

    #[test]
    fn lengths_are_as_short_as_they_can_be() {
        for (seconds, text) in
            [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7_199, "119 min"), (7_200, "2 h"), (172_800, "2 d")]
        {
            assert_eq!(rough(Duration::from_secs(seconds)), text);
        }
        for (seconds, text) in [(0, "0:00"), (67, "1:07"), (3_723, "1:02:03")] {
            assert_eq!(counted(Duration::from_secs(seconds)), text);
        }
    }
}
