//! Maintenance windows: what they hold back, and until when.

use expect_test::expect;
use tidegate_domain::calendar::{Calendar, Maintenance, TimeInterval, parse_times, parse_zone};
use tidegate_domain::labels::Matcher;

use crate::script::check_with;
use crate::world::{START, minutes};

/// Open for as many minutes from one to the other, for what the matcher selects.
fn window(name: &str, matcher: &str, from: u64, until: u64) -> Maintenance {
    Maintenance {
        name: name.to_owned(),
        matchers: vec![Matcher::parse(matcher).expect("a matcher")],
        when: Calendar { spans: vec![(START.plus(minutes(from)), START.plus(minutes(until)))], intervals: Vec::new() },
    }
}

#[test]
fn a_window_holds_back_what_it_is_about_until_it_closes() {
    check_with(
        |rules| {
            rules.maintenance.push(window("upgrades", "service=shop", 0, 20));
            rules.maintenance.push(window("moving", "service=~s.*", 0, 30));
            rules.maintenance.push(window("elsewhere", "service=cart", 0, 50));
        },
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                proposal_refused restart i1 refusal=guarded/maintenance retry_at=30
            29.9 leave i1
            30 propose i1 restart
                request_opened i1 restart on shop r1
        "#]],
    );
}

#[test]
fn a_window_that_opens_after_the_question_stops_the_run() {
    check_with(
        |rules| rules.maintenance.push(window("upgrades", "service=shop", 1, 20)),
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            0.5 approve r1 alice
                request_approved by alice r1
                -> start r1
            1 start r1
                execution_refused guard=maintenance r1 retry_at=20
            20 propose i1 restart
                request_opened i1 restart on shop r2
            20 approve r2 alice
                request_approved by alice r2
                -> start r2
            20 start r2
                execution_started r2 run=1
        "#]],
    );
}

#[test]
fn a_window_about_a_part_holds_back_the_repair_of_the_whole() {
    check_with(
        |rules| {
            rules.maintenance.push(window("one pod", "pod=b", 0, 60));
            rules.maintenance.push(window("one alert", "alertname=Full", 0, 60));
        },
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            1 anomaly shop b
                member_joined b i1
            1 approve r1 alice
                request_approved by alice r1
                -> start r1
            1 start r1
                execution_refused guard=maintenance r1 retry_at=31
            2 ended shop b recovered
                member_ended recovered i1 b
            2 anomaly cart b
                incident_opened b cart i2 ask medium since=2 anomaly
                -> consult i2
            2 propose i2 flush
                proposal_refused flush i2 refusal=guarded/maintenance retry_at=32
            3 alerts g1 Slow!3 Full!3
                incident_opened Slow! Full! i3 ask foreign medium since=3 alert
                -> consult i3
            3 propose i3 flush
                proposal_refused flush i3 refusal=guarded/maintenance retry_at=33
            4 alerts g1 Full-4
                alerts_changed Full- i3
            60 propose i3 flush
                request_opened i3 flush on shop r2
                -> consult i1, consult i2
        "#]],
    );
}

#[test]
fn a_window_that_comes_again_is_by_the_clock_of_its_zone_and_looked_at_again_meanwhile() {
    check_with(
        |rules| {
            // Every test begins at 22:13:20 UTC, which is 23:13:20 in Berlin.
            let interval = TimeInterval {
                times: vec![parse_times("23:00", "24:00").expect("times")],
                weekdays: Vec::new(),
                days_of_month: Vec::new(),
                months: Vec::new(),
                years: Vec::new(),
                zone: parse_zone("Europe/Berlin").expect("a zone"),
            };
            let when = Calendar { spans: Vec::new(), intervals: vec![interval] };
            let matchers = vec![Matcher::parse("service=shop").expect("a matcher")];
            rules.maintenance.push(Maintenance { name: "every night".to_owned(), matchers, when });
        },
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                proposal_refused restart i1 refusal=guarded/maintenance retry_at=30
            30 propose i1 restart
                proposal_refused restart i1 refusal=guarded/maintenance retry_at=46.666666666666664
            47 propose i1 restart
                request_opened i1 restart on shop r1
        "#]],
    );
}

#[test]
fn what_would_only_be_watched_is_shown_in_a_window_too() {
    check_with(
        |rules| {
            rules.maintenance.push(window("upgrades", "service=shop", 0, 20));
            rules.watches.get_mut("web").expect("configured").mode = tidegate_domain::rules::Mode::Observe;
        },
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 observe medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                proposal_observed i1 restart on shop
        "#]],
    );
}
