//! Incidents from Alertmanager. Deliveries come at least once, in any order, by more than one path.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_group_opens_one_incident_and_closes_when_all_have_resolved() {
    check(expect![[r#"
        1 alerts g1 Slow!0 Down!1/page Old-0
            incident_opened Slow! Down! i1 ask foreign critical since=0 alert
            ends_seen Old-
            -> consult i1
        2 alerts g1 Slow!0 Down!1/page
            -> consult i1
        3 alerts g1 Slow-0
            alerts_changed Slow- i1
            -> consult i1
        4 alerts g1 Down-1/page
            alerts_changed Down- i1
            incident_closed i1 resolved
        5 alerts g1 Down-1/page
    "#]]);
}

#[test]
fn an_alert_that_joins_may_make_it_worse() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        2 alerts g1 Down!1/page
            alerts_changed Down! i1
            severity_raised i1 critical
            -> consult i1
        2 alerts g1 Unmapped!2/sev1
            alerts_changed Unmapped! i1
            -> consult i1
    "#]]);
}

#[test]
fn what_resolves_takes_its_question_with_it() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        1 propose i1 restart
            request_opened i1 restart on shop r1
        2 alerts g1 Slow-0
            alerts_changed Slow- i1
            incident_closed i1 resolved
            request_withdrawn incident_closed r1
        3 approve r1 alice
            refused: request r1 is already withdrawn; nothing was changed
    "#]]);
}

#[test]
fn two_group_keys_with_one_alert_are_one_incident() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        1 alerts g2 Slow!0
            -> consult i1
        2 alerts g2 Slow-0
            alerts_changed Slow- i1
            incident_closed i1 resolved
        2 alerts g1 Slow-0
    "#]]);
}

#[test]
fn one_firing_seen_by_two_servers_is_one_incident() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        1 alerts g1 Slow!0.5
            alerts_changed Slow! i1
            -> consult i1
        2 alerts g1 Slow-0.5
            alerts_changed Slow- i1
            incident_closed i1 resolved
        3 alerts g1 Slow!0
    "#]]);
}

#[test]
fn copies_in_the_wrong_order_change_nothing() {
    check(expect![[r#"
        1 alerts g1 Slow!0 Down!0
            incident_opened Slow! Down! i1 ask foreign medium since=0 alert
            -> consult i1
        2 alerts g1 Slow-0
            alerts_changed Slow- i1
            -> consult i1
        3 alerts g1 Slow!0
            -> consult i1
        4 alerts g1 Slow!3.5
            alerts_changed Slow! i1
            -> consult i1
        5 alerts g1 Slow-0
            -> consult i1
    "#]]);
}

#[test]
fn late_copies_of_what_is_over_open_nothing() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        2 alerts g1 Slow-0
            alerts_changed Slow- i1
            incident_closed i1 resolved
        3 alerts g1 Slow!0
        12.1 alerts g1 Slow!0
            incident_opened Slow! i2 ask foreign medium since=0 alert
            -> consult i2
    "#]]);
}

#[test]
fn an_alert_that_fires_anew_is_another_incident() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        2 alerts g1 Slow-0
            alerts_changed Slow- i1
            incident_closed i1 resolved
        3 alerts g1 Slow!2.5
            incident_opened Slow! i2 ask foreign medium since=2.5 alert
            -> consult i2
    "#]]);
}

#[test]
fn alerts_about_alerting_open_nothing() {
    check(expect![[r#"
        0 alerts g1 TidegateIncident!0 Watchdog!0 InfoInhibitor!0 TidegateRequestUndelivered!0
    "#]]);
}

#[test]
fn without_a_route_nothing_is_proposed() {
    check(expect![[r#"
        0 alerts g1 Stray!0
            incident_opened Stray! i1 observe  medium since=0 alert
        0 propose i1 restart
    "#]]);
}

#[test]
fn alerts_that_share_no_target_have_none() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        2 alerts g1 SlowOther!1
            alerts_changed SlowOther! i1
            -> consult i1
        2 propose i1 restart
            proposal_refused restart i1 refusal=no_target
    "#]]);
}

#[test]
fn an_alert_that_resolved_in_silence_is_seen_to_be_gone() {
    check(expect![[r#"
        1 alerts g1 Slow!0 Down!0
            incident_opened Slow! Down! i1 ask foreign medium since=0 alert
            -> consult i1
        1 propose i1 restart
            request_opened i1 restart on shop r1
        2 firing i1
        3 gone i1
            alerts_changed Down- Slow- i1
            incident_closed i1 resolved
            request_withdrawn incident_closed r1
        4 gone i1
    "#]]);
}

#[test]
fn a_repair_is_judged_by_the_alerts_being_gone() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        1 propose i1 restart
            request_opened i1 restart on shop r1
        2 approve r1 alice
            request_approved by alice r1
            -> start r1
        2 start r1
            execution_started r1 run=1
        3 ran r1 well
            execution_finished done r1 succeeded
        4 firing i1
            verification_observed unhealthy r1 sample_at=4
        5 gone i1
            alerts_changed Slow- i1
            verification_observed healthy r1 sample_at=5
        6 gone i1
            verification_observed healthy r1 sample_at=6
        7 gone i1
            verification_observed healthy r1 sample_at=7
            verification_finished fixed 3 healthy observations in a row r1
            incident_closed i1 fixed
        8 alerts g1 Slow!0
    "#]]);
}

#[test]
fn an_alert_that_comes_back_during_verification_counts() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        1 propose i1 restart
            request_opened i1 restart on shop r1
        2 approve r1 alice
            request_approved by alice r1
            -> start r1
        2 start r1
            execution_started r1 run=1
        3 ran r1 well
            execution_finished done r1 succeeded
        5 gone i1
            alerts_changed Slow- i1
            verification_observed healthy r1 sample_at=5
        6 firing i1
            alerts_changed Slow! i1
            verification_observed unhealthy r1 sample_at=6
        13 tick
            verification_finished ineffective still anomalous r1
            -> consult i1
    "#]]);
}

#[test]
fn a_look_at_alerts_says_nothing_about_an_anomaly() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 restart
            request_opened i1 restart on shop r1
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        1 start r1
            execution_started r1 run=1
        2 ran r1 well
            execution_finished done r1 succeeded
        4 gone i1
        5 gone i1
        6 gone i1
    "#]]);
}
