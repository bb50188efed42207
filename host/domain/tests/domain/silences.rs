//! Nothing is asked or done about what Alertmanager holds back, and the question comes back when it does not any more.

use expect_test::expect;
use tidegate_domain::rules::{Mode, Severity};

use crate::script::{check, check_with};

#[test]
fn what_waits_is_taken_back_and_asked_again_after_the_release() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        1 propose i1 restart
            request_opened i1 restart on shop r1
        2 looked i1 Slow! silenced
            incident_held by silence 7 i1
            request_withdrawn held_back r1 retry_at=2
        3 approve r1 alice
            refused: request r1 is already withdrawn; nothing was changed
        3 propose i1 restart
            proposal_refused restart i1 refusal=guarded/silenced retry_at=3
        4 looked i1 Slow!
            incident_released i1
            -> consult i1
        4 propose i1 restart
            request_opened i1 restart on shop r2
    "#]]);
}

#[test]
fn silences_that_come_and_go_do_not_ask_each_time() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        1 propose i1 restart
            request_opened i1 restart on shop r1
        2 looked i1 silenced
            incident_held by silence 7 i1
            request_withdrawn held_back r1 retry_at=2
        2.1 looked i1
            incident_released i1
            -> consult i1
        2.2 propose i1 restart
            request_opened i1 restart on shop r2
        3 looked i1 silenced
            incident_held by silence 7 i1
            request_withdrawn held_back r2 retry_at=4
        3.1 looked i1
            incident_released i1
        3.1 propose i1 restart
        3.1 next
            next at Some(4.0)
        4 propose i1 restart
            request_opened i1 restart on shop r3
        5 looked i1 silenced
            incident_held by silence 7 i1
            request_withdrawn held_back r3 retry_at=7
        5.1 looked i1
            incident_released i1
        5.1 next
            next at Some(7.0)
    "#]]);
}

#[test]
fn what_was_approved_and_not_started_is_refused() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        1 propose i1 restart
            request_opened i1 restart on shop r1
        2 approve r1 alice
            request_approved by alice r1
            -> start r1
        2 looked i1 Slow! silenced
            incident_held by silence 7 i1
            -> start r1
        2 start r1
            execution_refused guard=silenced r1 retry_at=2
        3 looked i1 Slow!
            incident_released i1
            -> consult i1
        3 propose i1 restart
            request_opened i1 restart on shop r2
    "#]]);
}

#[test]
fn what_runs_runs_on_and_is_verified() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        1 propose i1 restart
            request_opened i1 restart on shop r1
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        1 start r1
            execution_started r1 run=1
        2 looked i1 Slow! silenced
            incident_held by silence 7 i1
        3 ran r1 well
            execution_finished done r1 succeeded
        5 looked i1 Slow! silenced
            verification_observed unhealthy r1 sample_at=5
        6 looked i1 Slow- silenced
            alerts_changed Slow- i1
            verification_observed healthy r1 sample_at=6
        7 looked i1 Slow- silenced
            verification_observed healthy r1 sample_at=7
        8 looked i1 Slow- silenced
            verification_observed healthy r1 sample_at=8
            verification_finished fixed 3 healthy observations in a row r1
            incident_closed i1 fixed
    "#]]);
}

#[test]
fn what_is_found_silenced_before_asking_is_held_back_from_then_on() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        1 propose i1 restart silenced
            incident_held by silence 7 i1
            proposal_refused restart i1 refusal=guarded/silenced retry_at=1
        40 propose i1 restart
            proposal_refused restart i1 refusal=guarded/silenced retry_at=40
        41 looked i1 Slow!
            incident_released i1
            -> consult i1
        41 propose i1 restart unasked
            request_opened i1 restart on shop r1
        42 approve r1 alice
            request_approved by alice r1
            -> start r1
        42 start r1 unasked
            execution_refused guard=silences_unknown r1 retry_at=47
    "#]]);
}

#[test]
fn in_mode_auto_nothing_passes_while_it_is_held_back() {
    let auto = |rules: &mut tidegate_domain::rules::Rules| {
        rules.routes[0].mode = Mode::Auto;
        crate::world::auto_approve(rules, Severity::Critical);
    };
    check_with(
        auto,
        expect![[r#"
            1 alerts g1 Slow!0
                incident_opened Slow! i1 auto foreign medium since=0 alert
                -> consult i1
            1 looked i1 silenced
                incident_held by silence 7 i1
            1 propose i1 restart
                proposal_refused restart i1 refusal=guarded/silenced retry_at=1
            2 looked i1
                incident_released i1
                -> consult i1
            2 propose i1 restart
                request_opened i1 restart on shop r1
                request_auto_approved medium critical r1
                -> start r1
            2 looked i1 silenced
                incident_held by silence 7 i1
                -> start r1
            2 start r1
                execution_refused guard=silenced r1 retry_at=2
            3 looked i1
                incident_released i1
                -> consult i1
        "#]],
    );
}

#[test]
fn whoever_joined_what_is_held_back_asks_for_themselves() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        1 anomaly shop a
            incident_opened a shop i2 ask medium since=1 anomaly
            -> consult i1, consult i2
        1 propose i1 restart
            request_opened i1 restart on shop r1
            -> consult i2
        1 propose i2 restart
            incident_joined i2 r1
        2 looked i1 Slow! silenced
            incident_held by silence 7 i1
            request_withdrawn held_back r1 retry_at=2
            -> consult i2
        2 propose i2 restart
            request_opened i2 restart on shop r2
        3 looked i1 Slow!
            incident_released i1
            -> consult i1
        3 propose i1 restart
            incident_joined i1 r2
    "#]]);
}

#[test]
fn a_person_s_silence_holds_at_once_and_for_an_anomaly_too() {
    check(expect![[r#"
        1 anomaly shop a
            incident_opened a shop i1 ask medium since=1 anomaly
            -> consult i1
        1 propose i1 restart
            request_opened i1 restart on shop r1
        2 silence s1 alice 60 i1
            silence_made by alice known i1 s1 until=60
            incident_held by silence s1 i1
            request_withdrawn held_back r1 retry_at=2
        2 silence s1 alice 60 i1
        3 unsilence s1 bob
            silence_ended by bob i1 s1
        3 unsilence s9 bob
            silence_ended by bob s9
        4 looked i1
            incident_released i1
            -> consult i1
        4 propose i1 restart
            request_opened i1 restart on shop r2
        5 silence s2 alice 60
            silence_made by alice known s2 until=60
        5 silence s3 alice 4 i1
            silence_made by alice known i1 s3 until=4
        5 silence s4 alice 60 i9
            silence_made by alice known s4 until=60
    "#]]);
}

#[test]
fn one_reason_after_another_is_noted_and_each_only_once() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        2 silence s1 alice 60 i1
            silence_made by alice known i1 s1 until=60
            incident_held by silence s1 i1
        3 looked i1 silenced
            incident_held by silence 7 i1
        4 looked i1 silenced
        5 looked i1 unasked
    "#]]);
}

#[test]
fn a_restart_keeps_what_is_held_until_a_look_says_otherwise() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        1 propose i1 restart
            request_opened i1 restart on shop r1
        2 looked i1 silenced
            incident_held by silence 7 i1
            request_withdrawn held_back r1 retry_at=2
        3 crash
            host_started
        60 tick
        61 looked i1 unasked
        62 looked i1 Slow!
            incident_released i1
            -> consult i1
    "#]]);
}

#[test]
fn whichever_of_several_inhibitors_is_named_it_is_no_news() {
    check(expect![[r#"
        1 alerts g1 Slow!0
            incident_opened Slow! i1 ask foreign medium since=0 alert
            -> consult i1
        2 looked i1 Slow! inhibited=a
            incident_held by inhibited by alert a i1
        3 looked i1 Slow! inhibited=b
        4 looked i1 Slow! inhibited=a
        5 looked i1 Slow! silenced
            incident_held by silence 7 i1
        6 looked i1 Slow! silenced
        7 looked i1 Slow! inhibited=b
            incident_held by inhibited by alert b i1
        8 looked i1 Slow!
            incident_released i1
            -> consult i1
    "#]]);
}
