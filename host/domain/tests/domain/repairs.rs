//! The main job: from an anomaly to a verified repair, and what can happen in between.

use expect_test::expect;

use crate::script::{check, check_with};

#[test]
fn a_first_repair_is_ineffective_and_a_second_one_fixes_it() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 restart
            request_opened i1 restart on shop r1
        0.5 announced r1
            request_announced r1 pending
        1 approve r1 alice shown
            request_approved by alice r1
            -> start r1
        1 start r1
            execution_started r1 run=1
        2 ran r1 well
            execution_finished done r1 succeeded
        2.5 look shop unhealthy
        4 look shop healthy
            verification_observed healthy r1 sample_at=4
        5 look shop unhealthy
            verification_observed unhealthy r1 sample_at=5
        5 look shop healthy
        12 tick
            verification_finished ineffective still anomalous r1
            -> consult i1
        12 propose i1 flush
            request_opened i1 flush on shop r2
        13 approve r2 bob
            request_approved by bob r2
            -> start r2
        13 start r2
            execution_started r2 run=1
        14 ran r2 well
            execution_finished done r2 succeeded
        16 look shop healthy
            verification_observed healthy r2 sample_at=16
        17 look shop unjudged
            verification_observed unjudged r2 sample_at=17
        18 look shop healthy
            verification_observed healthy r2 sample_at=18
        19 look shop healthy
            verification_observed healthy r2 sample_at=19
            verification_finished fixed 3 healthy observations in a row r2
            incident_closed i1 fixed
        20 ended shop a recovered
    "#]]);
}

#[test]
fn a_failed_action_is_followed_by_another_question() {
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
        2 ran r1 well
            -> consult i1
        2 propose i1 flush
            request_opened i1 flush on shop r2
    "#]]);
}

#[test]
fn a_trouble_that_passes_takes_its_question_with_it() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 anomaly shop b
            member_joined b i1
            -> consult i1
        0 propose i1 restart
            request_opened i1 restart on shop r1
        1 ended shop a recovered
            member_ended recovered i1 a
        1 ended shop a recovered
        2 ended shop b recovered
            member_ended recovered i1 b
            incident_closed i1 recovered
            request_withdrawn incident_closed r1
        3 approve r1 alice
            refused: request r1 is already withdrawn; nothing was changed
    "#]]);
}

#[test]
fn what_was_approved_stays_approved_when_the_trouble_passes() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 restart
            request_opened i1 restart on shop r1
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        1 ended shop a recovered
            member_ended recovered i1 a
            incident_closed i1 recovered
            execution_refused guard=not_active r1 retry_at=1
        1 start r1
    "#]]);
}

#[test]
fn an_incident_outlives_a_repair_that_runs_and_one_that_is_verified() {
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
        1.5 ended shop a recovered
            member_ended recovered i1 a
        2 ran r1 well
            execution_finished done r1 succeeded
        4 look shop healthy
            verification_observed healthy r1 sample_at=4
        5 look shop healthy
            verification_observed healthy r1 sample_at=5
        6 look shop healthy
            verification_observed healthy r1 sample_at=6
            verification_finished fixed 3 healthy observations in a row r1
            incident_closed i1 fixed
    "#]]);
}

#[test]
fn nobody_answers_and_the_question_is_asked_again_later() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 restart
            request_opened i1 restart on shop r1
        4.9 tick
        5 tick
            request_expired r1 retry_at=35
        34.9 tick
        35 tick
            -> consult i1
        35 propose i1 restart
            request_opened i1 restart on shop r2
    "#]]);
}

#[test]
fn no_samples_are_no_recovery() {
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
        4 look shop unjudged
            verification_observed unjudged r1 sample_at=4
        12 tick
            verification_finished inconclusive no samples to judge by r1
            -> consult i1
    "#]]);
}

#[test]
fn samples_that_stop_are_no_recovery_either() {
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
        5 look shop healthy
            verification_observed healthy r1 sample_at=5
        12 tick
            verification_finished inconclusive only 2 healthy observations in a row in time r1
            -> consult i1
    "#]]);
}

#[test]
fn a_recovery_that_comes_too_late_is_ineffective() {
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
        4 look shop unhealthy
            verification_observed unhealthy r1 sample_at=4
        12 look shop healthy
            verification_observed healthy r1 sample_at=12
            verification_finished ineffective only 1 healthy observations in a row in time r1
            -> consult i1
    "#]]);
}

#[test]
fn what_is_required_besides_must_hold() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 proven
            request_opened i1 proven on shop r1
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        1 start r1
            execution_started r1 run=1
        2 ran r1 well
            execution_finished done r1 succeeded
        4 look shop healthy
            verification_observed healthy r1 sample_at=4
        5 look shop healthy
            verification_observed healthy r1 sample_at=5
        6 look shop healthy
            verification_observed healthy r1 sample_at=6
            -> check r1
        6 required r1 0.5
            requirements_checked r1 unmet={"traffic > 0":"0.5"}
            -> check r1
        7 look shop healthy
            verification_observed healthy r1 sample_at=7
            -> check r1
        7 required r1 0.4
            -> check r1
        8 required r1
            requirements_checked r1 unmet={}
            verification_finished fixed 4 healthy observations in a row r1
            incident_closed i1 fixed
        8 required r1 0.3
    "#]]);
}

#[test]
fn an_unmet_requirement_keeps_the_incident_open_until_it_holds() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 proven
            request_opened i1 proven on shop r1
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        1 start r1
            execution_started r1 run=1
        2 ran r1 well
            execution_finished done r1 succeeded
        4 look shop healthy
            verification_observed healthy r1 sample_at=4
        5 look shop healthy
            verification_observed healthy r1 sample_at=5
        6 look shop healthy
            verification_observed healthy r1 sample_at=6
            -> check r1
        6 required r1 none
            requirements_checked r1 unmet={"traffic > 0":"none"}
            -> check r1
        7 ended shop a recovered
            member_ended recovered i1 a
            -> check r1
        12 tick
            verification_finished ineffective recovered, but this does not hold: traffic > 0 r1
            -> consult i1, check r1
        12 propose i1 restart
            request_opened i1 restart on shop r2
            -> check r1
        13 deny r2 bob no
            request_denied by bob no r2
            -> check r1
        20 required r1 none
            -> check r1
        21 required r1
            requirements_checked r1 unmet={}
            incident_closed i1 recovered
        22 required r1 none
    "#]]);
}

#[test]
fn a_repair_of_an_unmet_requirement_may_start() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 proven
            request_opened i1 proven on shop r1
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        1 start r1
            execution_started r1 run=1
        2 ran r1 well
            execution_finished done r1 succeeded
        4 look shop healthy
            verification_observed healthy r1 sample_at=4
        5 look shop healthy
            verification_observed healthy r1 sample_at=5
        6 look shop healthy
            verification_observed healthy r1 sample_at=6
            -> check r1
        6 required r1 none
            requirements_checked r1 unmet={"traffic > 0":"none"}
            -> check r1
        7 ended shop a recovered
            member_ended recovered i1 a
            -> check r1
        12 tick
            verification_finished ineffective recovered, but this does not hold: traffic > 0 r1
            -> consult i1, check r1
        12 propose i1 restart
            request_opened i1 restart on shop r2
            -> check r1
        13 approve r2 alice
            request_approved by alice r2
            -> start r2, check r1
        13 start r2
            execution_started r2 run=1
            -> check r1
        14 ran r2 well
            execution_finished done r2 succeeded
            -> check r1
        16 look shop healthy
            verification_observed healthy r2 sample_at=16
            -> check r1
        17 look shop healthy
            verification_observed healthy r2 sample_at=17
            -> check r1
        18 look shop healthy
            verification_observed healthy r2 sample_at=18
            verification_finished fixed 3 healthy observations in a row r2
            incident_closed i1 fixed
    "#]]);
}

#[test]
fn requirements_that_nobody_could_check_are_not_met() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 proven
            request_opened i1 proven on shop r1
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        1 start r1
            execution_started r1 run=1
        2 ran r1 well
            execution_finished done r1 succeeded
        4 look shop healthy
            verification_observed healthy r1 sample_at=4
        5 look shop healthy
            verification_observed healthy r1 sample_at=5
        6 look shop healthy
            verification_observed healthy r1 sample_at=6
            -> check r1
        12 tick
            verification_finished inconclusive recovered, but what is required besides could not be checked r1
            -> consult i1
    "#]]);
}

#[test]
fn a_level_accepted_while_its_repair_is_verified_is_not_fixed() {
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
        4 look shop unhealthy
            verification_observed unhealthy r1 sample_at=4
        5 ended shop a accepted
            member_ended accepted i1 a
            verification_finished ineffective it did not recover; the level was accepted as the new normal r1
            incident_closed i1 accepted
        6 look shop healthy
    "#]]);
}

#[test]
fn a_level_accepted_while_its_repair_runs_is_not_fixed() {
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
        1.5 ended shop a accepted
            member_ended accepted i1 a
        2 ran r1 well
            execution_finished done r1 succeeded
            verification_finished ineffective it did not recover; the level was accepted as the new normal r1
            incident_closed i1 accepted
        4 look shop healthy
    "#]]);
}

#[test]
fn a_level_accepted_earlier_does_not_spoil_the_repair_of_the_others() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 anomaly shop b
            member_joined b i1
            -> consult i1
        0 ended shop a accepted
            member_ended accepted i1 a
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
fn a_relapse_takes_back_the_word_fixed() {
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
        5 look shop healthy
            verification_observed healthy r1 sample_at=5
        6 look shop healthy
            verification_observed healthy r1 sample_at=6
            verification_finished fixed 3 healthy observations in a row r1
            incident_closed i1 fixed
        30 anomaly shop b
            incident_opened b shop i2 ask medium since=30 anomaly
            fix_revoked i2 r1
            -> consult i2
        31 ended shop b recovered
            member_ended recovered i2 b
            incident_closed i2 recovered
        40 anomaly shop a
            incident_opened a shop i3 ask medium since=40 anomaly
            -> consult i3
    "#]]);
}

#[test]
fn a_relapse_much_later_is_another_incident() {
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
        5 look shop healthy
            verification_observed healthy r1 sample_at=5
        6 look shop healthy
            verification_observed healthy r1 sample_at=6
            verification_finished fixed 3 healthy observations in a row r1
            incident_closed i1 fixed
        67 anomaly shop a
            incident_opened a shop i2 ask medium since=67 anomaly
            -> consult i2
    "#]]);
}

#[test]
fn observing_says_what_would_have_been_asked() {
    check_with(
        |rules| rules.watches.get_mut("web").unwrap().mode = tidegate_domain::rules::Mode::Observe,
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 observe medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                proposal_observed i1 restart on shop
            1 worse shop high
                severity_raised i1 high
                -> consult i1
            1 propose i1 scale {"replicas":9}
                proposal_refused scale i1 refusal=bad_arguments
        "#]],
    );
}

#[test]
fn without_a_policy_nobody_is_asked() {
    check_with(
        |rules| rules.watches.get_mut("web").unwrap().has_policy = false,
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
            0 propose i1 restart
            1 worse shop high
                severity_raised i1 high
            2 ended shop a recovered
                member_ended recovered i1 a
                incident_closed i1 recovered
        "#]],
    );
}

#[test]
fn a_policy_leaves_or_fails() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 stumble i1
            policy_failed it trapped i1 retry_at=1
        0.5 leave i1
        1 leave i1
            policy_left i1 not mine
        2 worse shop high
            severity_raised i1 high
            -> consult i1
        2 leave i1
            policy_left i1 not mine
        3 worse shop medium
    "#]]);
}

#[test]
fn a_dry_run_runs_nothing_and_counts_as_no_run() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 pretend
            request_opened i1 pretend on shop (dry run) r1
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        1 start r1
            execution_started r1 run=1
        1 ran r1 dry
            execution_finished r1 dry_run
        2 worse shop high
            severity_raised i1 high
            -> consult i1
        2 propose i1 pretend
            request_opened i1 pretend on shop (dry run) r2
    "#]]);
}

#[test]
fn a_crash_in_a_dry_run_leaves_nothing_unknown() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 pretend
            request_opened i1 pretend on shop (dry run) r1
        1 approve r1 alice
            request_approved by alice r1
            -> start r1
        1 start r1
            execution_started r1 run=1
        1 crash
            host_started
            execution_finished r1 dry_run
    "#]]);
}

#[test]
fn a_plan_must_be_on_offer_and_within_its_bounds() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 reboot
            proposal_refused reboot i1 refusal=unknown_action
        1 worse shop high
            severity_raised i1 high
            -> consult i1
        1 propose i1 scale {"replicas":9}
            proposal_refused scale i1 refusal=bad_arguments
        2 worse shop critical
            severity_raised i1 critical
            -> consult i1
        2 propose i1 scale {"replicas":8}
            request_opened i1 scale on shop r1
    "#]]);
}

#[test]
fn a_target_needs_all_its_labels() {
    check_with(
        |rules| rules.actions.get_mut("restart").unwrap().target = vec!["service".into(), "zone".into()],
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                proposal_refused restart i1 refusal=no_target
        "#]],
    );
}

#[test]
fn an_absence_ends_with_a_return() {
    check(expect![[r#"
        5 absent shop 0
            incident_opened shop i1 ask high since=0 absence
            -> consult i1
        5 absent shop 0
            -> consult i1
        6 returned shop
            incident_closed i1 returned
        7 returned shop
        8 absent shop 0
        12 absent shop 7
            incident_opened shop i2 ask high since=7 absence
            -> consult i2
    "#]]);
}

#[test]
fn an_absence_can_be_repaired_without_samples() {
    check(expect![[r#"
        5 absent shop 0
            incident_opened shop i1 ask high since=0 absence
            -> consult i1
        5 propose i1 restart blind
            request_opened i1 restart on shop r1
        6 approve r1 alice
            request_approved by alice r1
            -> start r1
        6 start r1 blind
            execution_started r1 run=1
        7 ran r1 well
            execution_finished done r1 succeeded
        8 returned shop
            verification_finished fixed the group is back r1
            incident_closed i1 fixed
        9 absent shop 8.5
            incident_opened shop i2 ask high since=8.5 absence
            fix_revoked i2 r1
            -> consult i2
    "#]]);
}

#[test]
fn a_return_proves_nothing_about_what_is_required_besides() {
    check(expect![[r#"
        5 absent shop 0
            incident_opened shop i1 ask high since=0 absence
            -> consult i1
        5 propose i1 proven blind
            request_opened i1 proven on shop r1
        6 approve r1 alice
            request_approved by alice r1
            -> start r1
        6 start r1 blind
            execution_started r1 run=1
        7 ran r1 well
            execution_finished done r1 succeeded
        8 returned shop
            verification_finished inconclusive the group is back; what is required besides was not checked r1
            incident_closed i1 returned
    "#]]);
}

#[test]
fn a_return_while_the_action_runs_proves_nothing() {
    check(expect![[r#"
        5 absent shop 0
            incident_opened shop i1 ask high since=0 absence
            -> consult i1
        5 propose i1 restart blind
            request_opened i1 restart on shop r1
        6 approve r1 alice
            request_approved by alice r1
            -> start r1
        6 start r1 blind
            execution_started r1 run=1
        6.5 returned shop
            incident_closed i1 returned
        7 ran r1 well
            execution_finished done r1 succeeded
            verification_finished inconclusive the incident was over before the action was r1
    "#]]);
}

#[test]
fn an_absence_is_not_waited_out_for_ever() {
    check(expect![[r#"
        5 absent shop 0
            incident_opened shop i1 ask high since=0 absence
            -> consult i1
        6 leave i1
            policy_left i1 not mine
        1439 tick
        1440 tick
            incident_closed i1 vanished
        1441 absent shop 0
    "#]]);
}

#[test]
fn an_incident_of_a_watch_that_is_gone_ends() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 restart
            request_opened i1 restart on shop r1
        1 config no-watch
            incident_closed i1 vanished
            request_withdrawn incident_closed r1
    "#]]);
}

#[test]
fn a_streak_told_twice_is_one() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        3 again shop a 0
            -> consult i1
        4 anomaly shop b
            member_joined b i1
            -> consult i1
        5 ended shop a recovered
            member_ended recovered i1 a
            -> consult i1
        6 again shop a 0
            member_joined a i1
            -> consult i1
        7 ended shop a recovered
            member_ended recovered i1 a
            -> consult i1
        8 ended shop b recovered
            member_ended recovered i1 b
            incident_closed i1 recovered
        9 again shop a 0
        9 again shop b 4
        9 again shop b 5
            incident_opened b shop i2 ask medium since=5 anomaly
            -> consult i2
    "#]]);
}
