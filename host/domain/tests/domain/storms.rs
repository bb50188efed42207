//! When many things break at once.

use expect_test::expect;

use crate::script::{check, check_with};

#[test]
fn too_many_incidents_hold_every_proposal() {
    check_with(
        |rules| rules.storm.incidents = 2,
        expect![[r#"
            0 anomaly a a
                incident_opened a a i1 ask medium since=0 anomaly
                -> consult i1
            1 anomaly b a
                incident_opened a b i2 ask medium since=1 anomaly
                -> consult i1, consult i2
            2 propose i1 restart
                request_opened i1 restart on a r1
                -> consult i2
            3 anomaly c a
                incident_opened a c i3 ask medium since=3 anomaly
                storm_started more than 2 incidents within 10m
            3 propose i2 restart
                proposal_refused restart i2 refusal=guarded/storm retry_at=3
            3 approve r1 alice
                request_approved by alice r1
                -> start r1
            3 start r1
                execution_refused guard=storm r1 retry_at=3
            17.9 tick
            18 tick
                storm_ended
                -> consult i1, consult i2, consult i3
            18 propose i2 restart
                request_opened i2 restart on b r2
                -> consult i1, consult i3
            33 propose i1 restart
                request_opened i1 restart on a r3
                request_expired r2 retry_at=63
                -> consult i3
        "#]],
    );
}

#[test]
fn slow_trouble_is_no_storm() {
    check_with(
        |rules| rules.storm.incidents = 2,
        expect![[r#"
            0 anomaly a a
                incident_opened a a i1 ask medium since=0 anomaly
                -> consult i1
            11 anomaly b a
                incident_opened a b i2 ask medium since=11 anomaly
                -> consult i1, consult i2
            22 anomaly c a
                incident_opened a c i3 ask medium since=22 anomaly
                -> consult i1, consult i2, consult i3
            33 anomaly d a
                incident_opened a d i4 ask medium since=33 anomaly
                -> consult i1, consult i2, consult i3, consult i4
        "#]],
    );
}

#[test]
fn a_share_of_a_watch_is_a_storm_that_goes_on_while_it_lasts() {
    check(expect![[r#"
        0 survey 5 9
        0 survey 2 10
        0 survey 3 10
            storm_started 3 of 10 groups of watch web anomalous at once
        0.5 survey 3 10
        1 survey 3 10
            storm_continued
        15 survey 2 10
        16 tick
            storm_ended
    "#]]);
}

#[test]
fn so_are_many_dead_targets() {
    check(expect![[r#"
        0 targets 2 10
        0 targets 0 0
        0 targets 9 9
        0 targets 3 10
            storm_started 3 of 10 Prometheus targets down
        15 tick
            storm_ended
    "#]]);
}

#[test]
fn an_answer_that_comes_in_a_storm_is_held() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 survey 9 10
            storm_started 9 of 10 groups of watch web anomalous at once
        0 propose i1 restart
            proposal_refused restart i1 refusal=guarded/storm retry_at=0
        15 tick
            storm_ended
            -> consult i1
        15 propose i1 restart
            request_opened i1 restart on shop r1
    "#]]);
}
