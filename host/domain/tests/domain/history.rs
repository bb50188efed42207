//! What the book says of the past: how often incidents recovered when nobody did anything.

use std::time::Duration;

use tidegate_domain::decide::{Untouched, untouched};
use tidegate_domain::event::{MemberEnd, Origin};
use tidegate_domain::input::{Input, WatchChange};
use tidegate_domain::rules::Severity;

use crate::script::{evidence, steps_of};
use crate::world::{START, World, group, minutes, rules, series};

fn anomaly() -> Origin {
    Origin::Anomaly { watch: "web".to_owned(), group: group("any") }
}

fn seen(script: &str) -> Untouched {
    let world = steps_of(rules(), script);
    untouched(&world.book, &anomaly(), None, world.now)
}

fn chance(found: &Untouched, from: u64, until: u64) -> Option<String> {
    found.chance(minutes(from), minutes(until)).map(|chance| format!("{chance:.3}"))
}

#[test]
fn nothing_is_known_of_a_watch_that_had_no_incident() {
    let found = seen("0 tick");
    assert_eq!(found, Untouched::default());
    assert_eq!(found.chance(Duration::ZERO, minutes(1)), None);
}

#[test]
fn only_what_recovered_by_itself_is_a_recovery() {
    let found = seen(
        "0 anomaly a x
         2 ended a x recovered
         3 anomaly b x
         9 ended b x recovered
         10 anomaly c x
         14 ended c x accepted
         20 anomaly d x
         24 ended d x vanished
         30 anomaly e x
         34 ended e x recovered
         40 anomaly f x",
    );
    assert_eq!((found.ended, found.recovered, found.median), (5, 3, Some(minutes(4))));
}

#[test]
fn a_repair_ends_what_can_be_said_of_doing_nothing() {
    let found = seen(
        "0 anomaly a x
         0 propose i1 restart
         1 approve r1 alice
         1 start r1
         1 ran r1 well
         2 ended a x recovered
         3 look a healthy
         4 look a healthy
         5 look a healthy",
    );
    assert_eq!((found.ended, found.recovered, found.median), (0, 0, None));
    assert_eq!(chance(&found, 0, 1).as_deref(), Some("0.000"), "it lasted for the minute before the repair");
    assert_eq!(chance(&found, 0, 2), None, "and then it was repaired");
}

#[test]
fn a_dry_run_repairs_nothing() {
    let found = seen(
        "0 anomaly a x
         0 propose i1 pretend
         1 approve r1 alice
         1 start r1
         1 ran r1 dry
         4 ended a x recovered",
    );
    assert_eq!((found.ended, found.recovered, found.median), (1, 1, Some(minutes(4))));
}

#[test]
fn what_another_incident_s_repair_helped_was_not_left_alone() {
    // The alert is about the service that the anomaly is about, and the second one comes while that is being repaired.
    let script = "0 anomaly shop x
         0 alerts g1 Slow!0
         0 alerts g2 SlowOther!0
         0 propose i1 restart
         1 approve r1 alice
         1 start r1
         1 alerts g3 Full!1
         2 alerts g1 Slow-2
         2 alerts g2 SlowOther-2
         2 alerts g3 Full-2";
    let world = steps_of(rules(), script);
    let alerts = Origin::Alert { route: "foreign".to_owned(), group_key: String::new() };
    let found = |alertname| untouched(&world.book, &alerts, alertname, world.now);
    assert_eq!((found(None).ended, found(None).recovered), (1, 1), "only that about another service was left alone");
    for (alertname, ended) in [("SlowOther", 1), ("Slow", 0), ("Full", 0), ("Unheard", 0)] {
        assert_eq!(found(Some(alertname)).ended, ended, "{alertname} has nothing to do with the others");
    }
    let other = Origin::Alert { route: String::new(), group_key: String::new() };
    assert_eq!(untouched(&world.book, &other, None, world.now), Untouched::default());
}

#[test]
fn repaired_incidents_count_for_as_long_as_they_were_left_alone() {
    // Five: recovered after 1 and 3 minutes, repaired after 2, accepted after 4, and one that has lasted for 6.
    let found = seen(
        "0 anomaly a x
         0 anomaly b x
         0 anomaly c x
         0 anomaly d x
         0 anomaly e x
         0 propose i2 restart
         1 ended a x recovered
         1 approve r1 alice
         2 start r1
         3 ended c x recovered
         4 ended d x accepted
         6 tick",
    );
    assert_eq!((found.ended, found.recovered, found.median), (3, 2, Some(minutes(1))));
    for (from, until, expected) in [
        (0, 0, Some("0.000")),
        (0, 1, Some("0.200")),
        (0, 2, Some("0.200")),
        // Of three that were still left alone one recovered: 1 - 4/5 * 2/3.
        (0, 3, Some("0.467")),
        (0, 6, Some("0.467")),
        (1, 3, Some("0.333")),
        (3, 6, Some("0.000")),
        (0, 7, None),
        (6, 7, None),
    ] {
        assert_eq!(chance(&found, from, until).as_deref(), expected, "{from} to {until}");
    }
}

#[test]
fn several_that_recover_at_once_are_counted_at_once() {
    let found = seen(
        "0 anomaly a x
         0 anomaly b x
         0 anomaly c x
         2 ended a x recovered
         2 ended b x recovered
         3 ended c x recovered",
    );
    assert_eq!(chance(&found, 0, 2).as_deref(), Some("0.667"));
    assert_eq!(chance(&found, 0, 60).as_deref(), Some("1.000"), "none lasts longer than three minutes");
}

#[test]
fn a_long_past_is_not_walked() {
    let mut world = World::new(rules());
    for count in 0..1200_i64 {
        world.now.0 = START.0 + count * 600_000;
        let (group, series) = (group("a"), series("a", "x"));
        let evidence = Box::new(evidence(series.clone(), world.now, world.now));
        let opened = WatchChange::Opened { group: group.clone(), severity: Severity::Medium, evidence };
        world.give(&Input::Watched { watch: "web".to_owned(), change: opened });
        world.now.0 += 60_000;
        let ended = WatchChange::Ended { group, series, how: MemberEnd::Recovered };
        world.give(&Input::Watched { watch: "web".to_owned(), change: ended });
    }
    let found = untouched(&world.book, &anomaly(), None, world.now);
    assert_eq!((found.ended, found.recovered, found.median), (500, 500, Some(minutes(1))));
}
