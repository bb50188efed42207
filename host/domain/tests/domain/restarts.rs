//! The host dies and comes up again.

use expect_test::expect;

use crate::script::check;

#[test]
fn what_waits_goes_on_waiting() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 restart
            request_opened i1 restart on shop r1
        0 announced r1
            request_announced r1 pending
        1 crash
            host_started
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        1 crash
            host_started
            -> start r1
        1 start r1
            execution_started r1 run=1
    "#]]);
}

#[test]
fn an_approval_that_aged_meanwhile_is_asked_again() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 restart
            request_opened i1 restart on shop r1
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        10 crash
            host_started
            -> start r1
        10 start r1
            execution_refused guard=stale r1 retry_at=10
            -> consult i1
    "#]]);
}

#[test]
fn a_run_lost_from_sight_has_an_unknown_outcome() {
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
        2 crash
            host_started
            execution_finished the host stopped while the action ran r1 unknown
            -> consult i1
        2 start r1
            -> consult i1
        2 ran r1 well
            -> consult i1
        2 propose i1 flush
            request_opened i1 flush on shop r2
    "#]]);
}

#[test]
fn an_idempotent_run_is_repeated_but_not_for_ever() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 again
            request_opened i1 again on shop r1
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        1 start r1
            execution_started r1 run=1
        2 crash
            host_started
            -> start r1
        2 crash
            host_started
            -> start r1
        2 start r1
            execution_started r1 run=2
        2 start r1
        3 crash
            host_started
            -> start r1
        3 start r1
            execution_started r1 run=3
        4 crash
            host_started
            execution_finished the host stopped while the action ran r1 unknown
            -> consult i1
        4 start r1
            -> consult i1
    "#]]);
}

#[test]
fn a_repeated_run_is_judged_like_any_other() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 again
            request_opened i1 again on shop r1
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        1 start r1
            execution_started r1 run=1
        2 crash
            host_started
            -> start r1
        2 start r1
            execution_started r1 run=2
        3 ran r1 well
            execution_finished done r1 succeeded
        5 look shop healthy
            verification_observed healthy r1 sample_at=5
        6 look shop healthy
            verification_observed healthy r1 sample_at=6
        7 look shop healthy
            verification_observed healthy r1 sample_at=7
            verification_finished fixed 3 healthy observations in a row r1
            incident_closed i1 fixed
    "#]]);
}

#[test]
fn guards_hold_for_a_repetition_too() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 again
            request_opened i1 again on shop r1
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        1 start r1
            execution_started r1 run=1
        2 crash
            host_started
            -> start r1
        2 pause bob
            paused by bob
            -> start r1
        2 start r1
            execution_finished the host stopped while the action ran; it was not run again: paused r1 unknown
    "#]]);
}

#[test]
fn a_repetition_comes_soon_or_not_at_all() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 again
            request_opened i1 again on shop r1
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        1 start r1
            execution_started r1 run=1
        60 crash
            host_started
            -> start r1
        60 start r1
            execution_finished the host stopped while the action ran; it was not run again: stale r1 unknown
            -> consult i1
    "#]]);
}

#[test]
fn nothing_is_repeated_for_an_incident_that_is_over() {
    check(expect![[r#"
        5 absent shop 0
            incident_opened shop i1 ask high since=0 absence
            -> consult i1
        5 propose i1 again blind
            request_opened i1 again on shop r1
        6 approve r1 alice
            request_approved by alice r1
            -> start r1
        6 start r1 blind
            execution_started r1 run=1
        7 crash
            host_started
            -> start r1
        7 returned shop
            incident_closed i1 returned
            execution_finished the host stopped while the action ran r1 unknown
        7 start r1
    "#]]);
}

#[test]
fn verification_goes_on() {
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
        4 look shop healthy
            verification_observed healthy r1 sample_at=4
        5 crash
            host_started
        5 look shop healthy
            verification_observed healthy r1 sample_at=5
        6 look shop healthy
            verification_observed healthy r1 sample_at=6
            verification_finished fixed 3 healthy observations in a row r1
            incident_closed i1 fixed
    "#]]);
}

#[test]
fn verification_that_ran_out_meanwhile_ends() {
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
        60 crash
            host_started
            verification_finished inconclusive no samples to judge by r1
            -> consult i1
        60 look shop healthy
            -> consult i1
    "#]]);
}

#[test]
fn a_question_that_ran_out_meanwhile_expires() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 restart
            request_opened i1 restart on shop r1
        60 crash
            host_started
            request_expired r1 retry_at=90
        60 approve r1 alice
            refused: request r1 is already expired; nothing was changed
    "#]]);
}
