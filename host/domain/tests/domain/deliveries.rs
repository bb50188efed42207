//! Alerts come at least once, in any order, by any number of paths: what is known in the end is the same.

use std::collections::{BTreeMap, BTreeSet};

use expect_test::expect;
use proptest::prelude::*;
use proptest::sample::subsequence;
use tidegate_domain::event::{Event, Fact};
use tidegate_domain::labels::Matcher;
use tidegate_domain::rules::{Mode, Route, Rules};

use crate::script::{check, check_with, more_steps};
use crate::world::{World, rules};

#[test]
fn an_end_that_comes_before_its_firing_is_remembered() {
    check(expect![[r#"
        1 alerts g1 Slow-0
            ends_seen Slow-
        1 alerts g2 Slow-0
        2 alerts g1 Slow!0
        3 alerts g1 Slow!2.5
            incident_opened Slow! i1 ask foreign medium since=2.5 alert
            -> consult i1
        4 alerts g1 Slow-2.5
            alerts_changed Slow- i1
            incident_closed i1 resolved
        5 alerts g1 Slow-4.5
            ends_seen Slow-
        6 alerts g1 Slow!4.5
        20 alerts g1 Slow!4.5
            incident_opened Slow! i2 ask foreign medium since=4.5 alert
            -> consult i2
    "#]]);
}

#[test]
fn an_end_of_an_earlier_firing_ends_nothing() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        6 alerts g2 Slow!5
            alerts_changed Slow! i1
            -> consult i1
        7 alerts g1 Slow-0
            -> consult i1
        8 alerts g2 Slow-5
            alerts_changed Slow- i1
            incident_closed i1 resolved
    "#]]);
}

#[test]
fn an_end_and_a_later_firing_in_the_wrong_order_are_sorted_out() {
    check(expect![[r#"
        1 alerts g1 Slow!0 Down!0
            incident_opened Slow! Down! i1 ask foreign medium since=0 alert
            -> consult i1
        2 alerts g1 Slow-5
            alerts_changed Slow- i1
            -> consult i1
        3 alerts g1 Slow!5
            -> consult i1
        4 alerts g1 Slow-0
            -> consult i1
        5 alerts g1 Slow!6
            alerts_changed Slow! i1
            -> consult i1
    "#]]);
}

#[test]
fn of_copies_in_one_delivery_the_last_word_counts() {
    check(expect![[r#"
        1 alerts g1 Slow!0 Slow!0 Slow-0
            ends_seen Slow-
        1 alerts g1 Down!0 Down!1 Down!0
            incident_opened Down! i1 ask foreign medium since=1 alert
            -> consult i1
        2 alerts g1 Down-1 Down!0
            alerts_changed Down- i1
            incident_closed i1 resolved
        3 alerts g1 Down!2.5 Down-1 Full!3
            incident_opened Down! Full! i2 ask foreign medium since=2.5 alert
            -> consult i2
    "#]]);
}

#[test]
fn groups_that_overlap_are_one_incident_each_alert() {
    check(expect![[r#"
        1 alerts g1 Slow!0 Down!0
            incident_opened Slow! Down! i1 ask foreign medium since=0 alert
            -> consult i1
        1 alerts g2 Down!0 Full!0
            incident_opened Full! i2 ask foreign medium since=0 alert
            -> consult i1, consult i2
        2 alerts g2 Down-0 Full!0
            alerts_changed Down- i1
            -> consult i1, consult i2
        3 alerts g1 Slow-0 Down-0
            alerts_changed Slow- i1
            incident_closed i1 resolved
            -> consult i2
        4 alerts api/foreign:{} Full!0
            -> consult i2
        5 alerts api/foreign:{} Full-0
            alerts_changed Full- i2
            incident_closed i2 resolved
    "#]]);
}

#[test]
fn one_alert_by_two_paths_is_one_question() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        1 propose i1 restart
            request_opened i1 restart on shop r1
        1 alerts api/foreign:{alertname="Slow"} Slow!0
        2 alerts g1 Slow!0
        2 propose i1 restart
        3 alerts api/foreign:{alertname="Slow"} Slow-0
            alerts_changed Slow- i1
            incident_closed i1 resolved
            request_withdrawn incident_closed r1
        3 alerts g1 Slow-0
    "#]]);
}

#[test]
fn nothing_that_the_host_or_the_alerting_says_of_itself_joins_anything() {
    check(expect![[r#"
        1 truncated 2 g1 Slow!0 TidegateIncident!0 Watchdog!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            alerts_left_out i1 2 more
            -> consult i1, fetch for i1
        1 fetched i1 Slow!0 InfoInhibitor!0 TidegateHandling!0 TidegateRequestUndelivered!0
            alerts_completed found=4 i1
            -> consult i1
        2 alerts g1 TidegateIncident!0 TidegateHandling!0 InfoInhibitor!0
            -> consult i1
        3 alerts api/foreign:{} TidegateHandling!0
            -> consult i1
        3 alerts g1 Watchdog-0 TidegateHandling-0
            -> consult i1
    "#]]);
}

/// A route before the others, for alerts of severity `page`.
fn paging(rules: &mut Rules) {
    let matchers = Matcher::parse_all("{severity=\"page\"}").expect("matchers");
    let route = Route { name: "paging".to_owned(), matchers, mode: Mode::Auto, ..rules.routes[0].clone() };
    rules.routes.insert(0, route);
}

#[test]
fn an_alert_is_seen_by_the_policy_of_its_own_route_only() {
    check_with(
        paging,
        expect![[r#"
            1 alerts g1 Slow!0 Down!0/page Stray!0 Full!0
                incident_opened Slow! Full! i1 ask foreign medium since=0 alert
                incident_opened Down! i2 auto paging critical since=0 alert
                incident_opened Stray! i3 observe  medium since=0 alert
                -> consult i1, consult i2
            2 alerts g1 Hot!0/page Slow!0 More!1 Down!0/page
                alerts_changed Hot! i2
                alerts_changed More! i1
                -> consult i1, consult i2
            3 alerts g1 Down-0/page Slow-0 Hot-0/page Stray-0
                alerts_changed Down- Hot- i2
                alerts_changed Slow- i1
                alerts_changed Stray- i3
                incident_closed i2 resolved
                incident_closed i3 resolved
                -> consult i1
        "#]],
    );
}

/// Three alerts that fire and end up to three times, as copies: which alert, which of its firings, and whether it fires.
fn copies() -> impl Strategy<Value = (Vec<(usize, u32, bool)>, Vec<usize>)> {
    let all: Vec<(usize, u32, bool)> = (0..3)
        .flat_map(|alert| (0..3).flat_map(move |start| [true, false].map(|firing| (alert, start, firing))))
        .collect();
    subsequence(all, 1..=18)
        .prop_flat_map(|copies| {
            let twice: Vec<_> = copies.iter().chain(&copies).copied().collect();
            (Just(twice).prop_shuffle(), prop::collection::vec(0..3usize, 36))
        })
        .prop_map(|(copies, groups)| (copies, groups))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// Within the time in which copies may be under way.
    #[test]
    fn copies_in_any_order_come_to_the_same((copies, groups) in copies(), together in 1..4usize) {
        let mut world = World::new(rules());
        for (count, (batch, group)) in copies.chunks(together).zip(&groups).enumerate() {
            let alerts = batch.iter().map(|(alert, start, firing)| {
                format!("{}{}{start}", ["Slow", "Down", "Full"][*alert], if *firing { '!' } else { '-' })
            });
            let alerts: Vec<String> = alerts.collect();
            more_steps(&mut world, &format!("{} alerts g{group} {}", 10.0 + count as f64 / 10.0, alerts.join(" ")));
        }
        // What fires is what was said to fire last, unless that was said to have ended.
        let mut last: BTreeMap<usize, (u32, bool)> = BTreeMap::new();
        for (alert, start, firing) in &copies {
            let known = last.entry(*alert).or_insert((*start, true));
            if *start > known.0 {
                *known = (*start, true);
            }
            if *start == known.0 {
                known.1 &= *firing;
            }
        }
        let expected: BTreeSet<usize> = last.into_iter().filter(|(_, (_, firing))| *firing).map(|(alert, _)| alert).collect();
        let mut firing = Vec::new();
        for incident in world.book.open_incidents() {
            let names = incident.alerts.values().filter(|alert| alert.firing).map(|alert| alert.fingerprint.as_str());
            firing.extend(names.filter_map(|name| {
                ["Slow-fingerprint", "Down-fingerprint", "Full-fingerprint"].iter().position(|known| *known == name)
            }));
        }
        prop_assert_eq!(firing.len(), firing.iter().collect::<BTreeSet<_>>().len(), "an alert is in two incidents");
        prop_assert_eq!(firing.into_iter().collect::<BTreeSet<_>>(), expected);
        // And nothing was told twice.
        let mut told = BTreeSet::new();
        for line in &world.journal {
            let event: Event = serde_json::from_str(line).expect("an event");
            if let Fact::IncidentOpened { alerts, .. } | Fact::AlertsChanged { alerts, .. } = event.fact {
                for alert in alerts {
                    prop_assert!(told.insert((alert.fingerprint.clone(), alert.starts_at, alert.firing)), "{alert:?} twice");
                }
            }
        }
    }
}
