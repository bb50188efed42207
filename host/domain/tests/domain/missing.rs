//! Alerts that a delivery left out for length are fetched, and nobody waits for them for ever.

use expect_test::expect;

use crate::script::check;

#[test]
fn what_was_left_out_is_fetched_and_joins() {
    check(expect![[r#"
        1 truncated 3 g1 Slow!0 Down!0
            incident_opened Slow! Down! i1 ask foreign medium since=0 alert
            alerts_left_out i1 3 more
            -> consult i1, fetch for i1
        1 fetched i1 Slow!0 Down!0 Full!0 Hot!0/page Watchdog!0
            alerts_changed Full! Hot! i1
            severity_raised i1 critical
            alerts_completed found=5 i1
            -> consult i1
        6 truncated 3 g1 Slow!0 Down!0
            alerts_left_out i1 3 more
            -> consult i1, fetch for i1
        6 truncated 2 g1 Slow!0 Down!0
            -> consult i1, fetch for i1
        7 looked i1 Hot-
            alerts_changed Hot- i1
            -> consult i1, fetch for i1
        11 truncated 2 g1 Slow!0 Down!0
            alerts_left_out i1 2 more
            -> consult i1, fetch for i1
        11 truncated 2 g1 Slow!0 Down!0
            -> consult i1, fetch for i1
        11 truncated 3 g1 Slow!0 Down!0
            alerts_left_out i1 3 more
            -> consult i1, fetch for i1
        12 fetched i1 Slow!0 Down!0 Full!0 Late!11
            alerts_changed Late! i1
            alerts_completed found=4 i1
            -> consult i1
        12 fetched i1 Slow!0 New!0
            -> consult i1
    "#]]);
}

#[test]
fn what_is_not_there_any_more_is_not_waited_for() {
    check(expect![[r#"
        1 truncated 3 g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            alerts_left_out i1 3 more
            -> consult i1, fetch for i1
        2 fetched i1
            alerts_completed found=0 i1
            -> consult i1
        2 next
            next at None
            -> consult i1
    "#]]);
}

#[test]
fn nobody_waits_for_ever_for_an_alertmanager_that_does_not_answer() {
    check(expect![[r#"
        1 truncated 3 g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            alerts_left_out i1 3 more
            -> consult i1, fetch for i1
        2 leave i1
            policy_left i1 not mine
            -> fetch for i1
        2 next
            next at Some(11.0)
            -> fetch for i1
        10.9 tick
            -> fetch for i1
        11 tick
            alerts_completed found=0 i1
        12 truncated 3 g1 Slow!0
            alerts_left_out i1 3 more
            -> fetch for i1
    "#]]);
}

#[test]
fn what_is_over_lacks_nothing() {
    check(expect![[r#"
        1 truncated 3 g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            alerts_left_out i1 3 more
            -> consult i1, fetch for i1
        2 alerts g1 Slow-0
            alerts_changed Slow- i1
            incident_closed i1 resolved
        3 fetched i1 Slow!0 Down!0
        3 truncated 3 g1 Slow-0
        4 fetched i7 Slow!0
    "#]]);
}

#[test]
fn what_is_left_out_opens_nothing_by_itself() {
    check(expect![[r#"
        1 truncated 3 g1 Watchdog!0 TidegateHandling!0
        1 truncated 3 g1 Slow-0
            ends_seen Slow-
        1 truncated 0 g1 Full!0
            incident_opened Full! i1 ask foreign medium since=0 alert
            -> consult i1
    "#]]);
}

#[test]
fn of_a_group_whose_alerts_are_known_elsewhere_the_rest_opens_its_own() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        1 truncated 1 g2 Slow!0
            alerts_left_out i1 1 more
            -> consult i1, fetch for i1
        1 fetched i1 Slow!0 Down!0
            incident_opened Down! i2 ask foreign medium since=0 alert
            alerts_completed found=2 i1
            -> consult i1, consult i2
    "#]]);
}
