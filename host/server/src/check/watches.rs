//! What judges each watch, and when it becomes an incident, for a person who wants to see in one look what they get: what
//! the config leaves out is told as well.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;
use tidegate_domain::calendar::KnownEvent;
use tidegate_domain::rules::{Direction, Mode, OnAbsent, Watch};
use tidegate_domain::time::{Timestamp, format_duration};
use tidegate_workbench::text::short;

use crate::clock;
use crate::config::{Config, DetectorConfig, WatchConfig};
use crate::guest_folder::LoadedGuests;

/// For so many days an event is looked for: most come soon, and to look far is to count what comes often.
const LOOKED_AHEAD: [u64; 3] = [2, 32, 366];

/// One line for each detector that the config has, and a few for each watch.
pub(super) fn told(config: &Config, loaded: &LoadedGuests) -> String {
    let detectors = config.detectors.iter().map(|(name, detector)| {
        let schema = loaded.guests.get(&detector.guest).map(|guest| &guest.manifest().settings_schema);
        format!("detector {name}: {}\n", of_detector(detector, schema))
    });
    let watches = config.watches.iter().filter_map(|watch| {
        let rules = config.rules.watches.get(&watch.name)?;
        let policy = loaded.watch_policies.get(&watch.name).map(|policy| policy.guest_name());
        Some(of_watch(watch, rules, policy, clock::now()))
    });
    detectors.chain(watches).collect()
}

/// `guest tide, false_alarms = "1 per week" (default)`.
fn of_detector(detector: &DetectorConfig, schema: Option<&Value>) -> String {
    let mut line = format!("guest {}", detector.guest);
    let known = schema.and_then(|schema| schema.get("properties")).and_then(Value::as_object);
    for (name, setting) in known.into_iter().flatten() {
        match (detector.settings.get(name), setting.get("default").filter(|value| !value.is_null())) {
            (Some(value), _) => drop(write!(line, ", {name} = {value}")),
            (None, Some(value)) => drop(write!(line, ", {name} = {value} (default)")),
            // What the guest settles by itself it tells in `guest inspect`.
            (None, None) => {}
        }
    }
    line
}

fn of_watch(watch: &WatchConfig, rules: &Watch, policy: Option<&str>, now: Timestamp) -> String {
    let mut text = format!("watch {}: every {}, {}\n", watch.name, format_duration(watch.interval), judged_by(rules));
    let mut tell = |line: String| text.push_str(&format!("    {line}\n"));
    tell(opens(rules));
    tell(format!("over: after {} (score below {})", healthy(rules.recover_after), short(rules.recover_below)));
    tell(cold_start(rules));
    for event in &rules.known_events {
        tell(known_event(event, now));
    }
    if rules.on_absent == OnAbsent::Incident {
        tell(format!("absence: a group without samples for {} is an incident", format_duration(rules.absent_after)));
    }
    if let Some(guest) = policy {
        let mode = match rules.mode {
            Mode::Observe => "observe: it is only said what would be proposed",
            Mode::Ask => "ask: a person decides",
            Mode::Auto => "auto: what is harmless enough passes by itself",
        };
        tell(format!("policy {guest}: may propose {}; mode {mode}", rules.actions.join(", ")));
    }
    text
}

fn judged_by(rules: &Watch) -> String {
    let names = rules.detectors.join(", ");
    match (rules.detectors.len(), rules.quorum) {
        (1, _) => format!("judged by {names}"),
        (_, 1) => format!("judged by any of {names}"),
        (all, quorum) if all == quorum => format!("judged by all of {names}"),
        (_, quorum) => format!("judged by {quorum} of {names}"),
    }
}

fn healthy(samples: u32) -> String {
    format!("{samples} healthy sample{}", if samples == 1 { "" } else { "s in a row" })
}

/// What makes an incident.
fn opens(rules: &Watch) -> String {
    let mut line = match rules.consecutive {
        1 => "incident: 1 anomalous sample".to_owned(),
        samples => format!("incident: {samples} anomalous samples in a row"),
    };
    match rules.direction {
        Direction::Both => {}
        Direction::AboveExpected => line.push_str(" above the expected value"),
        Direction::BelowExpected => line.push_str(" below the expected value"),
    }
    let least = [(rules.min_dev, ""), (rules.min_rel_dev, " of it")];
    let least: Vec<String> =
        least.iter().filter(|(dev, _)| *dev > 0.0).map(|(dev, unit)| format!("{}{unit}", short(*dev))).collect();
    if !least.is_empty() {
        let _ = write!(line, ", off by at least {}", least.join(" and "));
    }
    match rules.group_by.as_ref().or(rules.identity.as_ref()) {
        Some(labels) => line + "; one for each " + &labels.join(", "),
        None => line + "; one for each series",
    }
}

/// What happens while a series is young.
fn cold_start(rules: &Watch) -> String {
    let cold = &rules.cold_start;
    if cold.history.is_zero() {
        return "cold start: none, detectors judge a series as soon as they can".to_owned();
    }
    let history = format_duration(cold.history);
    match bounds(rules) {
        Some(bounds) => format!("cold start: while a series has less than {history} of history, {bounds} is anomalous"),
        None => format!(
            "cold start: while a series has less than {history} of history, nothing judges it; cold_start.above or .below would"
        ),
    }
}

/// When it lasts the next time, so that a slip of the calendar shows.
fn known_event(event: &KnownEvent, now: Timestamp) -> String {
    let next = LOOKED_AHEAD.iter().find_map(|days| {
        let ahead = now.plus(Duration::from_secs(days * 24 * 3600));
        event.occurrences(now, ahead).into_iter().next()
    });
    let when = next.map_or_else(
        || "does not come within a year and a day".to_owned(),
        |next| format!("from {} to {}", minute(next.from.max(now)), minute(next.until)),
    );
    let of = event.matchers.iter().flatten().map(ToString::to_string).collect::<Vec<_>>();
    let of = if of.is_empty() { String::new() } else { format!(" for {}", of.join(", ")) };
    format!("known event {}: {when}{of}; judged apart", event.name)
}

fn minute(at: Timestamp) -> String {
    let utc = jiff::Timestamp::from_millisecond(at.0).map(|at| at.to_zoned(jiff::tz::TimeZone::UTC));
    utc.map_or_else(|_| at.0.to_string(), |utc| utc.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// The static bounds in words, such as `above 2 or below 0.1`.
fn bounds(rules: &Watch) -> Option<String> {
    crate::cold_start::bounds(&rules.cold_start)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;
    use tidegate_domain::calendar::{Cron, When};
    use tidegate_domain::defaults;
    use tidegate_domain::rules::ColdStart;

    use super::*;

    /// 2026-11-23T08:00:00Z.
    const NOW: Timestamp = Timestamp(1_795_420_800_000);

    fn watch() -> WatchConfig {
        WatchConfig {
            name: "latency".to_owned(),
            expr: "up".to_owned(),
            interval: Duration::from_secs(60),
            step: Duration::from_secs(60),
            query_offset: Duration::ZERO,
            runbook_url: None,
            remediation: None,
        }
    }

    fn rules(detectors: &[&str]) -> Watch {
        let names = detectors.iter().map(|name| (*name).to_owned()).collect();
        defaults::watch("latency".to_owned(), Duration::from_secs(60), names, detectors.iter().copied())
    }

    #[test]
    fn a_watch_tells_what_it_leaves_out() {
        expect![[r#"
            watch latency: every 1m, judged by tide
                incident: 1 anomalous sample; one for each series
                over: after 3 healthy samples in a row (score below 0.8)
                cold start: while a series has less than 2d of history, nothing judges it; cold_start.above or .below would
        "#]]
        .assert_eq(&of_watch(&watch(), &rules(&["tide"]), None, NOW));
    }

    #[test]
    fn a_watch_tells_what_it_says() {
        let labels = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        let rules = Watch {
            quorum: 2,
            direction: Direction::AboveExpected,
            min_dev: 0.05,
            min_rel_dev: 0.1,
            recover_after: 1,
            cold_start: ColdStart { history: Duration::from_secs(3600), above: Some(2.0), below: Some(0.1) },
            on_absent: OnAbsent::Incident,
            group_by: labels(&["service"]),
            identity: labels(&["service", "zone"]),
            actions: vec!["restart".to_owned(), "scale".to_owned()],
            ..rules(&["daily", "spike", "tide"])
        };
        expect![[r#"
            watch latency: every 1m, judged by 2 of daily, spike, tide
                incident: 3 anomalous samples in a row above the expected value, off by at least 0.05 and 0.1 of it; one for each service
                over: after 1 healthy sample (score below 0.8)
                cold start: while a series has less than 1h of history, above 2 or below 0.1 is anomalous
                absence: a group without samples for 5m is an incident
                policy runbook: may propose restart, scale; mode ask: a person decides
        "#]]
        .assert_eq(&of_watch(&watch(), &rules, Some("runbook"), NOW));
        let rules = Watch { quorum: 3, ..rules };
        assert!(of_watch(&watch(), &rules, None, NOW).contains("judged by all of daily, spike, tide"));
        let rules = Watch { quorum: 1, cold_start: ColdStart::default(), ..rules };
        let text = of_watch(&watch(), &rules, None, NOW);
        assert!(text.contains("any of daily, spike, tide") && text.contains("cold start: none"), "{text}");
    }

    #[test]
    fn known_events_are_told_with_the_next_time_that_they_come() {
        let berlin = jiff::tz::TimeZone::get("Europe/Berlin").expect("a time zone");
        let event = |cron: &str| KnownEvent {
            name: "nightly-batch".to_owned(),
            matchers: None,
            when: When::Begins {
                cron: Cron::parse(cron, berlin.clone()).expect("a cron"),
                lasts: Duration::from_secs(5400),
            },
        };
        for (cron, line) in [
            ("0 2 * * *", "known event nightly-batch: from 2026-11-24 01:00 UTC to 2026-11-24 02:30 UTC; judged apart"),
            (
                "30 8 * * *",
                "known event nightly-batch: from 2026-11-23 08:00 UTC to 2026-11-23 09:00 UTC; judged apart",
            ),
            (
                "0 0 24 12 *",
                "known event nightly-batch: from 2026-12-23 23:00 UTC to 2026-12-24 00:30 UTC; judged apart",
            ),
            ("0 0 29 2 *", "known event nightly-batch: does not come within a year and a day; judged apart"),
        ] {
            assert_eq!(known_event(&event(cron), NOW), line);
        }
    }

    #[test]
    fn settings_are_told_with_their_defaults() {
        let detector = |settings| DetectorConfig { guest: "zscore".to_owned(), settings, implied_by: None };
        let schema = json!({ "properties": {
            "min_samples": { "default": null },
            "threshold": { "default": 3.0 },
            "window": { "default": "2h" },
        } });
        for (settings, line) in [
            (json!({}), "guest zscore, threshold = 3.0 (default), window = \"2h\" (default)"),
            (
                json!({ "window": "1m", "min_samples": 5 }),
                "guest zscore, min_samples = 5, threshold = 3.0 (default), window = \"1m\"",
            ),
        ] {
            assert_eq!(of_detector(&detector(settings), Some(&schema)), line);
        }
        assert_eq!(of_detector(&detector(json!({})), Some(&json!(true))), "guest zscore");
        assert_eq!(of_detector(&detector(json!({})), None), "guest zscore");
    }
}
