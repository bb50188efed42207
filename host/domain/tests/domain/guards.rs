//! What stands in the way of an approved repair, and of asking for one.

use expect_test::expect;

use crate::script::{check, check_with};

#[test]
fn each_guard_refuses_by_name_and_the_question_comes_back() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 restart
            request_opened i1 restart on shop r1
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        1 start r1 silenced
            incident_held by silence 7 i1
            execution_refused guard=silenced r1 retry_at=1
        30 looked i1
            incident_released i1
            -> consult i1
        31 propose i1 restart
            request_opened i1 restart on shop r2
        31 approve r2 alice
            request_approved by alice r2
            -> start r2
        31 start r2 unasked
            execution_refused guard=silences_unknown r2 retry_at=36
        61 propose i1 restart
            request_opened i1 restart on shop r3
        61 approve r3 alice
            request_approved by alice r3
            -> start r3
        61 start r3 late
            execution_refused guard=late r3 retry_at=66
        91 propose i1 restart
            request_opened i1 restart on shop r4
        91 approve r4 alice
            request_approved by alice r4
            -> start r4
        91 start r4 blind
            execution_refused guard=late r4 retry_at=96
        121 propose i1 restart
            request_opened i1 restart on shop r5
        121 approve r5 alice
            request_approved by alice r5
            -> start r5
        123.1 start r5
            execution_refused guard=stale r5 retry_at=123.1
            -> consult i1
        123.1 propose i1 restart
            request_opened i1 restart on shop r6
        124 pause bob
            paused by bob
        124 approve r6 alice
            request_approved by alice r6
            -> start r6
        124 start r6
            execution_refused guard=paused r6 retry_at=124
        125 resume alice
            resumed by alice
            -> consult i1
        154 propose i1 restart
            request_opened i1 restart on shop r7
        154 approve r7 alice
            request_approved by alice r7
            -> start r7
        154 start r7
            execution_started r7 run=1
        154 start r7
    "#]]);
}

#[test]
fn a_changed_action_is_asked_again_at_once() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 restart
            request_opened i1 restart on shop r1
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        1 config unrelated
            -> start r1
        1 config url
            -> start r1
        1 start r1
            execution_refused guard=digest_changed r1 retry_at=1
            -> consult i1
        1 propose i1 restart
            request_opened i1 restart on shop r2
        1 approve r2 alice
            request_approved by alice r2
            -> start r2
        1 start r2
            execution_started r2 run=1
    "#]]);
}

#[test]
fn a_changed_target_is_another_action() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 restart
            request_opened i1 restart on shop r1
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        1 config target
            -> start r1
        1 start r1
            execution_refused guard=digest_changed r1 retry_at=1
            -> consult i1
        1 propose i1 restart
            proposal_refused restart i1 refusal=no_target
    "#]]);
}

#[test]
fn narrower_bounds_and_a_shorter_offer_count_as_changes() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 scale {"replicas":8}
            request_opened i1 scale on shop r1
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        1 config bounds
            -> start r1
        1 start r1
            execution_refused guard=digest_changed r1 retry_at=1
            -> consult i1
        1 propose i1 scale {"replicas":2}
            request_opened i1 scale on shop r2
        2 approve r2 alice
            request_approved by alice r2
            -> start r2
        2 config not-offered
            -> start r2
        2 start r2
            execution_refused guard=digest_changed r2 retry_at=2
            -> consult i1
        2 propose i1 scale {"replicas":2}
            proposal_refused scale i1 refusal=unknown_action
    "#]]);
}

#[test]
fn a_dry_run_configured_after_the_approval_is_a_change() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 restart
            request_opened i1 restart on shop r1
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        1 config dry-run
            -> start r1
        1 start r1
            execution_refused guard=digest_changed r1 retry_at=1
            -> consult i1
        1 propose i1 restart
            request_opened i1 restart on shop (dry run) r2
    "#]]);
}

#[test]
fn nobody_is_asked_about_old_news() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 restart late
            proposal_refused restart i1 refusal=guarded/late retry_at=5
        30 propose i1 restart blind
            proposal_refused restart i1 refusal=guarded/late retry_at=35
        60 propose i1 restart
            request_opened i1 restart on shop r1
    "#]]);
}

#[test]
fn a_second_incident_on_a_held_target_joins_the_first() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 restart
            request_opened i1 restart on shop r1
        1 alerts g1 Slow!1
            incident_opened Slow! i2 ask foreign medium since=1 alert
            -> consult i2
        1 propose i2 flush
            incident_joined i2 r1
        2 approve r1 alice
            request_approved by alice r1
            -> start r1
        2 start r1
            execution_started r1 run=1
        3 ran r1 failed
            execution_finished exit code 1 r1 failed
            -> consult i1, consult i2
        3 propose i2 flush
            request_opened i2 flush on shop r2
            -> consult i1
        3 propose i1 restart
            incident_joined i1 r2
        4 deny r2 bob wait
            request_denied by bob wait r2
    "#]]);
}

#[test]
fn a_denial_counts_for_whoever_joined() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 restart
            request_opened i1 restart on shop r1
        1 alerts g1 Slow!1
            incident_opened Slow! i2 ask foreign medium since=1 alert
            -> consult i2
        1 propose i2 flush
            incident_joined i2 r1
        2 deny r1 bob wait
            request_denied by bob wait r1
    "#]]);
}

#[test]
fn whoever_joined_asks_when_the_first_one_passes() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 restart
            request_opened i1 restart on shop r1
        1 alerts g1 Slow!1
            incident_opened Slow! i2 ask foreign medium since=1 alert
            -> consult i2
        1 propose i2 flush
            incident_joined i2 r1
        2 ended shop a recovered
            member_ended recovered i1 a
            incident_closed i1 recovered
            request_withdrawn incident_closed r1
            -> consult i2
    "#]]);
}

#[test]
fn a_part_of_a_target_is_held_with_it() {
    check_with(
        |rules| {
            rules.actions.get_mut("flush").unwrap().target = vec!["service".into(), "alertname".into()];
        },
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            1 alerts g1 Slow!1
                incident_opened Slow! i2 ask foreign medium since=1 alert
                -> consult i2
            1 propose i2 flush
                incident_joined i2 r1
            2 alerts g2 SlowOther!2
                incident_opened SlowOther! i3 ask foreign medium since=2 alert
                -> consult i3
            2 propose i3 flush
                request_opened i3 flush on other r2
        "#]],
    );
}

#[test]
fn a_cooldown_counts_across_incidents() {
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
        2 ran r1 failed
            execution_finished exit code 1 r1 failed
            -> consult i1
        2 propose i1 restart
            proposal_refused restart i1 refusal=guarded/cooldown retry_at=16
        2 leave i1
        16 propose i1 restart
            request_opened i1 restart on shop r2
        17 approve r2 alice
            request_approved by alice r2
            -> start r2
        17 start r2
            execution_started r2 run=1
        18 ran r2 failed
            execution_finished exit code 1 r2 failed
            -> consult i1
        32 propose i1 restart
            proposal_refused restart i1 refusal=guarded/rate retry_at=61
        33 propose i1 restart
        61 propose i1 restart
            request_opened i1 restart on shop r3
    "#]]);
}

#[test]
fn an_approval_waits_for_no_cooldown() {
    check_with(
        |rules| rules.actions.get_mut("restart").unwrap().cooldown = std::time::Duration::ZERO,
        expect![[r#"
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
            2 ran r1 failed
                execution_finished exit code 1 r1 failed
                -> consult i1
            2 propose i1 restart
                request_opened i1 restart on shop r2
            3 approve r2 alice
                request_approved by alice r2
                -> start r2
            3 start r2
                execution_started r2 run=1
            4 ran r2 failed
                execution_finished exit code 1 r2 failed
                -> consult i1
            4 propose i1 restart
                proposal_refused restart i1 refusal=guarded/rate retry_at=34
        "#]],
    );
}

#[test]
fn an_action_with_a_rate_of_zero_never_runs() {
    check_with(
        |rules| rules.actions.get_mut("restart").unwrap().max_per_hour = 0,
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                proposal_refused restart i1 refusal=guarded/rate retry_at=30
        "#]],
    );
}

#[test]
fn only_so_many_targets_at_once() {
    check(expect![[r#"
        0 anomaly a a
            incident_opened a a i1 ask medium since=0 anomaly
            -> consult i1
        0 anomaly b a
            incident_opened a b i2 ask medium since=0 anomaly
            -> consult i1, consult i2
        0 anomaly c a
            incident_opened a c i3 ask medium since=0 anomaly
            -> consult i1, consult i2, consult i3
        0 propose i1 restart
            request_opened i1 restart on a r1
            -> consult i2, consult i3
        0 propose i2 restart
            request_opened i2 restart on b r2
            -> consult i3
        0 propose i3 restart
            request_opened i3 restart on c r3
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        1 start r1
            execution_started r1 run=1
        1 approve r2 alice
            request_approved by alice r2
            -> start r2
        1 start r2
            execution_started r2 run=1
        1 approve r3 alice
            request_approved by alice r3
            -> start r3
        1 start r3
            execution_refused guard=blast_radius r3 retry_at=11.5
        2 ran r1 failed
            execution_finished exit code 1 r1 failed
            -> consult i1
        2 anomaly d a
            incident_opened a d i4 ask medium since=2 anomaly
            -> consult i1, consult i4
        2 propose i4 restart
            request_opened i4 restart on d r4
            -> consult i1
    "#]]);
}
