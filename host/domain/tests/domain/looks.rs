//! A look at Alertmanager: what it may change, and what it may not.

use expect_test::expect;

use crate::script::check;

#[test]
fn each_alert_goes_and_comes_back_by_itself() {
    check(expect![[r#"
        1 alerts g1 Slow!0 Down!0
            incident_opened Slow! Down! i1 ask foreign medium since=0 alert
            -> consult i1
        2 looked i1 Slow! Down-
            alerts_changed Down- i1
            -> consult i1
        3 looked i1 Down!
            alerts_changed Down! i1
            -> consult i1
        4 looked i1
            -> consult i1
        5 looked i1 Slow- Down!
            alerts_changed Slow- i1
            -> consult i1
        6 looked i1 Down-
            alerts_changed Down- i1
            incident_closed i1 resolved
        7 looked i1 Down!
    "#]]);
}

#[test]
fn a_look_invents_no_alerts() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        2 looked i1 Slow! Other! Gone-
            -> consult i1
        2 looked i7 Slow!
            -> consult i1
        3 looked i1 Slow- Other!
            alerts_changed Slow- i1
            incident_closed i1 resolved
    "#]]);
}

#[test]
fn a_look_that_is_older_than_a_delivery_does_not_undo_it() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        3 alerts g1 Down!3
            alerts_changed Down! i1
            -> consult i1
        4 looked i1 Slow! Down- @2
            -> consult i1
        5 alerts g1 Slow-0
            alerts_changed Slow- i1
            -> consult i1
        6 looked i1 Slow! Down! @4
            -> consult i1
        7 alerts g1 Slow!6.5
            alerts_changed Slow! i1
            -> consult i1
        8 looked i1 Slow- Down- @6.9
            -> consult i1
        9 looked i1 Slow! Down! @9
            -> consult i1
    "#]]);
}

#[test]
fn a_look_that_is_older_than_a_silence_does_not_end_it() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        2 silence s1 alice 60 i1
            silence_made by alice known i1 s1 until=60
            incident_held by silence s1 i1
        2.5 looked i1 Slow! @1.9
        3 looked i1 Slow! silenced
            incident_held by silence 7 i1
        4 looked i1 Slow! unasked
        5 looked i1 Slow!
            incident_released i1
            -> consult i1
    "#]]);
}

#[test]
fn all_gone_is_healthy_and_what_is_not_known_is_not() {
    check(expect![[r#"
        1 alerts g1 Slow!0 Down!0
            incident_opened Slow! Down! i1 ask foreign medium since=0 alert
            -> consult i1
        1 propose i1 restart
            request_opened i1 restart on shop r1
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        1 start r1
            execution_started r1 run=1
        2 ran r1 well
            execution_finished done r1 succeeded
        3 looked i1 Slow- Down! @2.5
            alerts_changed Slow- i1
        4 looked i1 Slow- Down!
            verification_observed unhealthy r1 sample_at=4
        5 looked i1 Slow-
            verification_observed unjudged r1 sample_at=5
        6 looked i1
            verification_observed unjudged r1 sample_at=6
        7 looked i1 Slow- Down-
            alerts_changed Down- i1
            verification_observed healthy r1 sample_at=7
        7.5 looked i1 Slow- Down- @6.5
        8 looked i1 Slow- Down-
            verification_observed healthy r1 sample_at=8
        9 looked i1 Slow- Down-
            verification_observed healthy r1 sample_at=9
            verification_finished fixed 3 healthy observations in a row r1
            incident_closed i1 fixed
    "#]]);
}
