//! The circuit breaker, the blast radius by label, pauses, and what is not what it was.

use std::time::Duration;

use expect_test::expect;
use tidegate_domain::rules::{BlastRadius, Breaker, Most, Rules};

use crate::script::{check, check_with};

fn limit(rules: &mut Rules, label: &str, most: Most) {
    rules.gate.max_targets = 10;
    let restart = rules.actions.get_mut("restart").expect("configured");
    restart.target = vec!["service".to_owned()];
    restart.blast_radius.push(BlastRadius { label: label.to_owned(), most });
}

fn breaker(rules: &mut Rules) {
    rules.gate.max_targets = 10;
    let restart = rules.actions.get_mut("restart").expect("configured");
    restart.breaker = Some(Breaker { after: 2, reset: Duration::from_secs(3600) });
}

#[test]
fn another_policy_or_none_is_a_change_of_what_was_shown() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 restart
            request_opened i1 restart on shop r1
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        1 start r1 other-policy
            execution_refused guard=digest_changed r1 retry_at=1
            -> consult i1
        1 propose i1 restart
            request_opened i1 restart on shop r2
        1 approve r2 alice
            request_approved by alice r2
            -> start r2
        1 start r2 no-policy
            execution_refused guard=digest_changed r2 retry_at=1
            -> consult i1
        1 propose i1 restart
            request_opened i1 restart on shop r3
        1 approve r3 alice
            request_approved by alice r3
            -> start r3
        1 start r3
            execution_started r3 run=1
    "#]]);
}

#[test]
fn a_pause_holds_the_questions_back_as_well_and_they_come_when_it_ends() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 pause bob
            paused by bob
        0 propose i1 restart
            proposal_refused restart i1 refusal=guarded/paused retry_at=0
        1 anomaly cart a
            incident_opened a cart i2 ask medium since=1 anomaly
        40 tick
        41 resume alice
            resumed by alice
            -> consult i1, consult i2
    "#]]);
}

#[test]
fn a_policy_that_fails_again_and_again_is_asked_ever_more_rarely() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 stumble i1
            policy_failed it trapped i1 retry_at=1
        1 stumble i1
            policy_failed it trapped i1 retry_at=3
        3 stumble i1
            policy_failed it trapped i1 retry_at=7
        7 stumble i1
            policy_failed it trapped i1 retry_at=15
        15 stumble i1
            policy_failed it trapped i1 retry_at=31
        31 stumble i1
            policy_failed it trapped i1 retry_at=61
        61 stumble i1
            policy_failed it trapped i1 retry_at=91
        91 propose i1 reboot
            proposal_refused reboot i1 refusal=unknown_action
        92 worse shop high
            severity_raised i1 high
            -> consult i1
        92 worse shop critical
            severity_raised i1 critical
            -> consult i1
    "#]]);
}

#[test]
fn a_policy_that_has_answered_starts_over() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 stumble i1
            policy_failed it trapped i1 retry_at=1
        1 stumble i1
            policy_failed it trapped i1 retry_at=3
        3 propose i1 restart late
            proposal_refused restart i1 refusal=guarded/late retry_at=8
        8 stumble i1
            policy_failed it trapped i1 retry_at=9
    "#]]);
}

#[test]
fn what_did_not_help_twice_is_not_tried_a_third_time() {
    check_with(
        breaker,
        expect![[r#"
            0 anomaly a x
                incident_opened x a i1 ask medium since=0 anomaly
                -> consult i1
            0 anomaly b x
                incident_opened x b i2 ask medium since=0 anomaly
                -> consult i1, consult i2
            0 anomaly c x
                incident_opened x c i3 ask medium since=0 anomaly
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
            1 ran r1 failed
                execution_finished exit code 1 r1 failed
                -> consult i1
            2 approve r2 alice
                request_approved by alice r2
                -> consult i1, start r2
            2 start r2
                execution_started r2 run=1
                -> consult i1
            2 ran r2 unknown
                execution_finished timed out r2 unknown
                -> consult i1, consult i2
            3 approve r3 alice
                request_approved by alice r3
                -> consult i1, consult i2, start r3
            3 start r3
                execution_refused guard=circuit_open r3 retry_at=33
                -> consult i1, consult i2
            3 anomaly d x
                incident_opened x d i4 ask medium since=3 anomaly
                -> consult i1, consult i2, consult i4
            3 propose i4 restart
                proposal_refused restart i4 refusal=guarded/circuit_open retry_at=33
                -> consult i1, consult i2
            3 propose i1 flush
                request_opened i1 flush on a r4
                -> consult i2
        "#]],
    );
}

#[test]
fn one_is_let_through_to_see_and_a_fix_closes_the_circuit() {
    check_with(
        breaker,
        expect![[r#"
            0 anomaly a x
                incident_opened x a i1 ask medium since=0 anomaly
                -> consult i1
            0 anomaly b x
                incident_opened x b i2 ask medium since=0 anomaly
                -> consult i1, consult i2
            0 anomaly c x
                incident_opened x c i3 ask medium since=0 anomaly
                -> consult i1, consult i2, consult i3
            0 anomaly d x
                incident_opened x d i4 ask medium since=0 anomaly
                -> consult i1, consult i2, consult i3, consult i4
            0 propose i1 restart
                request_opened i1 restart on a r1
                -> consult i2, consult i3, consult i4
            0 propose i2 restart
                request_opened i2 restart on b r2
                -> consult i3, consult i4
            1 approve r1 alice
                request_approved by alice r1
                -> consult i3, consult i4, start r1
            1 start r1
                execution_started r1 run=1
                -> consult i3, consult i4
            1 ran r1 failed
                execution_finished exit code 1 r1 failed
                -> consult i1, consult i3, consult i4
            2 approve r2 alice
                request_approved by alice r2
                -> consult i1, consult i3, consult i4, start r2
            2 start r2
                execution_started r2 run=1
                -> consult i1, consult i3, consult i4
            2 ran r2 well
                execution_finished done r2 succeeded
                -> consult i1, consult i3, consult i4
            3 look b unhealthy
                verification_observed unhealthy r2 sample_at=3
                -> consult i1, consult i3, consult i4
            12 tick
                verification_finished ineffective still anomalous r2
                -> consult i1, consult i2, consult i3, consult i4
            71.9 propose i3 restart
                proposal_refused restart i3 refusal=guarded/circuit_open retry_at=72
                -> consult i1, consult i2, consult i4
            72 propose i3 restart
                request_opened i3 restart on c r3
                -> consult i1, consult i2, consult i4
            72 propose i4 restart
                request_opened i4 restart on d r4
                -> consult i1, consult i2
            73 approve r3 alice
                request_approved by alice r3
                -> consult i1, consult i2, start r3
            73 start r3
                execution_started r3 run=1
                -> consult i1, consult i2
            73 approve r4 alice
                request_approved by alice r4
                -> consult i1, consult i2, start r4
            73 start r4
                execution_refused guard=circuit_open r4 retry_at=83.5
                -> consult i1, consult i2
            74 ran r3 well
                execution_finished done r3 succeeded
                -> consult i1, consult i2
            74 anomaly e x
                incident_opened x e i5 ask medium since=74 anomaly
                -> consult i1, consult i2, consult i5
            74 propose i5 restart
                proposal_refused restart i5 refusal=guarded/circuit_open retry_at=84
                -> consult i1, consult i2
            75 look c healthy
                verification_observed healthy r3 sample_at=75
                -> consult i1, consult i2
            76 look c healthy
                verification_observed healthy r3 sample_at=76
                -> consult i1, consult i2
            77 look c healthy
                verification_observed healthy r3 sample_at=77
                verification_finished fixed 3 healthy observations in a row r3
                incident_closed i3 fixed
                -> consult i1, consult i2
            84 propose i5 restart
                request_opened i5 restart on e r5
                -> consult i1, consult i2, consult i4
        "#]],
    );
}

#[test]
fn a_trial_that_does_not_help_opens_the_circuit_again() {
    check_with(
        breaker,
        expect![[r#"
            0 anomaly a x
                incident_opened x a i1 ask medium since=0 anomaly
                -> consult i1
            0 anomaly b x
                incident_opened x b i2 ask medium since=0 anomaly
                -> consult i1, consult i2
            0 anomaly c x
                incident_opened x c i3 ask medium since=0 anomaly
                -> consult i1, consult i2, consult i3
            0 propose i1 restart
                request_opened i1 restart on a r1
                -> consult i2, consult i3
            1 approve r1 alice
                request_approved by alice r1
                -> consult i2, consult i3, start r1
            1 start r1
                execution_started r1 run=1
                -> consult i2, consult i3
            1 ran r1 failed
                execution_finished exit code 1 r1 failed
                -> consult i1, consult i2, consult i3
            1 propose i2 restart
                request_opened i2 restart on b r2
                -> consult i1, consult i3
            2 approve r2 alice
                request_approved by alice r2
                -> consult i1, consult i3, start r2
            2 start r2
                execution_started r2 run=1
                -> consult i1, consult i3
            2 ran r2 failed
                execution_finished exit code 1 r2 failed
                -> consult i1, consult i2, consult i3
            62 propose i3 restart
                request_opened i3 restart on c r3
                -> consult i1, consult i2
            63 approve r3 alice
                request_approved by alice r3
                -> consult i1, consult i2, start r3
            63 start r3
                execution_started r3 run=1
                -> consult i1, consult i2
            64 ran r3 failed
                execution_finished exit code 1 r3 failed
                -> consult i1, consult i2, consult i3
            64 propose i2 restart
                proposal_refused restart i2 refusal=guarded/circuit_open retry_at=94
                -> consult i1, consult i3
        "#]],
    );
}

#[test]
fn a_fix_that_was_taken_back_did_not_help() {
    check_with(
        breaker,
        expect![[r#"
            0 anomaly a x
                incident_opened x a i1 ask medium since=0 anomaly
                -> consult i1
            0 anomaly b x
                incident_opened x b i2 ask medium since=0 anomaly
                -> consult i1, consult i2
            0 propose i1 restart
                request_opened i1 restart on a r1
                -> consult i2
            1 approve r1 alice
                request_approved by alice r1
                -> consult i2, start r1
            1 start r1
                execution_started r1 run=1
                -> consult i2
            1 ran r1 failed
                execution_finished exit code 1 r1 failed
                -> consult i1, consult i2
            1 propose i2 restart
                request_opened i2 restart on b r2
                -> consult i1
            2 approve r2 alice
                request_approved by alice r2
                -> consult i1, start r2
            2 start r2
                execution_started r2 run=1
                -> consult i1
            2 ran r2 well
                execution_finished done r2 succeeded
                -> consult i1
            3 look b healthy
                verification_observed healthy r2 sample_at=3
                -> consult i1
            4 look b healthy
                verification_observed healthy r2 sample_at=4
                -> consult i1
            5 look b healthy
                verification_observed healthy r2 sample_at=5
                verification_finished fixed 3 healthy observations in a row r2
                incident_closed i2 fixed
                -> consult i1
            40 anomaly b x
                incident_opened x b i3 ask medium since=40 anomaly
                fix_revoked i3 r2
                -> consult i1, consult i3
            40 propose i3 restart
                proposal_refused restart i3 refusal=guarded/circuit_open retry_at=70
                -> consult i1
        "#]],
    );
}

#[test]
fn what_nobody_could_judge_and_dry_runs_are_no_failures() {
    check_with(
        |rules| {
            breaker(rules);
            rules.actions.get_mut("pretend").expect("configured").breaker =
                Some(Breaker { after: 1, reset: Duration::from_secs(3600) });
        },
        expect![[r#"
            0 anomaly a x
                incident_opened x a i1 ask medium since=0 anomaly
                -> consult i1
            0 anomaly b x
                incident_opened x b i2 ask medium since=0 anomaly
                -> consult i1, consult i2
            0 propose i1 restart
                request_opened i1 restart on a r1
                -> consult i2
            1 approve r1 alice
                request_approved by alice r1
                -> consult i2, start r1
            1 start r1
                execution_started r1 run=1
                -> consult i2
            1 ran r1 failed
                execution_finished exit code 1 r1 failed
                -> consult i1, consult i2
            1 propose i2 restart
                request_opened i2 restart on b r2
                -> consult i1
            2 approve r2 alice
                request_approved by alice r2
                -> consult i1, start r2
            2 start r2
                execution_started r2 run=1
                -> consult i1
            2 ran r2 well
                execution_finished done r2 succeeded
                -> consult i1
            12 tick
                verification_finished inconclusive no samples to judge by r2
                -> consult i1, consult i2
            12 anomaly c x
                incident_opened x c i3 ask medium since=12 anomaly
                -> consult i1, consult i2, consult i3
            12 propose i3 restart
                request_opened i3 restart on c r3
                -> consult i1, consult i2
            13 anomaly d x
                incident_opened x d i4 ask medium since=13 anomaly
                -> consult i1, consult i2, consult i4
            13 propose i4 pretend
                request_opened i4 pretend on d (dry run) r4
                -> consult i1, consult i2
            13 approve r4 alice
                request_approved by alice r4
                -> consult i1, consult i2, start r4
            13 start r4
                execution_started r4 run=1
                -> consult i1, consult i2
            13 ran r4 dry
                execution_finished r4 dry_run
                -> consult i1, consult i2
            14 anomaly e x
                incident_opened x e i5 ask medium since=14 anomaly
                -> consult i1, consult i2, consult i5
            14 propose i5 pretend
                request_opened i5 pretend on e (dry run) r5
                -> consult i1, consult i2
        "#]],
    );
}

#[test]
fn only_so_many_values_of_a_label_at_once() {
    check_with(
        |rules| limit(rules, "service", Most::Count(1)),
        expect![[r#"
            0 anomaly a x
                incident_opened x a i1 ask medium since=0 anomaly
                -> consult i1
            0 anomaly b x
                incident_opened x b i2 ask medium since=0 anomaly
                -> consult i1, consult i2
            0 propose i1 flush
                request_opened i1 flush on a r1
                -> consult i2
            0 propose i2 restart
                request_opened i2 restart on b r2
            1 approve r1 alice
                request_approved by alice r1
                -> start r1
            1 start r1
                execution_started r1 run=1
            1 approve r2 alice
                request_approved by alice r2
                -> start r2
            1 start r2
                execution_refused guard=blast_radius r2 retry_at=11.5
            2 anomaly c x
                incident_opened x c i3 ask medium since=2 anomaly
                -> consult i3
            2 propose i3 restart
                proposal_refused restart i3 refusal=guarded/blast_radius retry_at=11.5
            3 ran r1 failed
                execution_finished exit code 1 r1 failed
                -> consult i1
            3 propose i3 restart
                -> consult i1
            12 propose i3 restart
                request_opened i3 restart on c r3
                -> consult i1, consult i2
        "#]],
    );
}

#[test]
fn a_share_of_a_label_s_values_is_counted_just_before_the_run() {
    check_with(
        |rules| limit(rules, "service", Most::Share { share: 0.1, of: "up".to_owned() }),
        expect![[r#"
            0 anomaly a x
                incident_opened x a i1 ask medium since=0 anomaly
                -> consult i1
            0 anomaly b x
                incident_opened x b i2 ask medium since=0 anomaly
                -> consult i1, consult i2
            0 anomaly c x
                incident_opened x c i3 ask medium since=0 anomaly
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
            1 start r1 service 3
                execution_started r1 run=1
            1 approve r2 alice
                request_approved by alice r2
                -> start r2
            1 start r2 service 19
                execution_refused guard=blast_radius r2 retry_at=11.5
            2 approve r3 alice
                request_approved by alice r3
                -> start r3
            2 start r3 service 20
                execution_started r3 run=1
        "#]],
    );
}

#[test]
fn a_share_of_nobody_knows_how_many_is_not_repaired() {
    check_with(
        |rules| limit(rules, "service", Most::Share { share: 0.5, of: "up".to_owned() }),
        expect![[r#"
            0 anomaly a x
                incident_opened x a i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on a r1
            1 approve r1 alice
                request_approved by alice r1
                -> start r1
            1 start r1 service nobody
                execution_refused guard=blast_radius_unknown r1 retry_at=6
            6 propose i1 restart
                request_opened i1 restart on a r2
            6 approve r2 alice
                request_approved by alice r2
                -> start r2
            6 start r2 service 0
                execution_refused guard=blast_radius_unknown r2 retry_at=11
            11 propose i1 restart
                request_opened i1 restart on a r3
            11 approve r3 alice
                request_approved by alice r3
                -> start r3
            11 start r3
                execution_refused guard=blast_radius_unknown r3 retry_at=16
        "#]],
    );
}

#[test]
fn a_limit_of_a_label_that_the_target_does_not_have_holds_everything_back() {
    check_with(
        |rules| limit(rules, "instance", Most::Count(5)),
        expect![[r#"
            0 anomaly a x
                incident_opened x a i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                proposal_refused restart i1 refusal=guarded/blast_radius_unknown retry_at=5
        "#]],
    );
}
