//! Who may say yes or no, and to what.

use expect_test::expect;

use crate::script::{check, check_with};

#[test]
fn a_decision_needs_a_known_approver_a_request_and_its_digest() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 restart
            request_opened i1 restart on shop r1
        1 approve r9 alice
            refused: there is no request r9: look at the list of approvals for what waits
        1 approve r1 mallory
            refused: "mallory" is not an approver: deciding takes the role approve or admin in the config
        1 deny r1 mallory no
            refused: "mallory" is not an approver: deciding takes the role approve or admin in the config
        1 approve r1 alice other
            refused: request r1 is not what was shown (its digest differs): look at it again and decide anew
        1 deny r1 alice
            refused: a denial needs a reason: say why, for whoever is asked the next time
        1 approve r1 alice shown
            request_approved by alice r1
            -> start r1
    "#]]);
}

#[test]
fn the_first_decision_counts() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 restart
            request_opened i1 restart on shop r1
        1 deny r1 bob busy-hour
            request_denied by bob busy-hour r1
        1 approve r1 alice
            refused: request r1 is already denied; nothing was changed
        1 deny r1 alice me-too
            refused: request r1 is already denied; nothing was changed
    "#]]);
}

#[test]
fn a_decision_at_the_deadline_is_too_late() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 restart
            request_opened i1 restart on shop r1
        5 approve r1 alice
            refused: request r1 is already expired; nothing was changed
            request_expired r1 retry_at=35
    "#]]);
}

#[test]
fn after_a_denial_only_worse_trouble_asks_again() {
    check(expect![[r#"
        0 anomaly shop a
            incident_opened a shop i1 ask medium since=0 anomaly
            -> consult i1
        0 propose i1 restart
            request_opened i1 restart on shop r1
        1 deny r1 bob busy-hour
            request_denied by bob busy-hour r1
        2 anomaly shop b
            member_joined b i1
        60 tick
        61 worse shop high
            severity_raised i1 high
            -> consult i1
        61 propose i1 flush
            request_opened i1 flush on shop r2
    "#]]);
}

#[test]
fn in_auto_mode_the_lesser_passes_by_itself() {
    check_with(
        |rules| {
            rules.watches.get_mut("web").unwrap().mode = tidegate_domain::rules::Mode::Auto;
            crate::world::auto_approve(rules, tidegate_domain::rules::Severity::Medium);
        },
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 auto medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
                request_auto_approved medium medium r1
                -> start r1
            0 start r1
                execution_started r1 run=1
            1 anomaly bank a high
                incident_opened a bank i2 auto high since=1 anomaly
                -> consult i2
            1 propose i2 restart
                request_opened i2 restart on bank r2
            2 approve r2 alice
                request_approved by alice r2
                -> start r2
        "#]],
    );
}

#[test]
fn a_risky_action_never_passes_by_itself() {
    check_with(
        |rules| rules.watches.get_mut("web").unwrap().mode = tidegate_domain::rules::Mode::Auto,
        expect![[r#"
            0 anomaly shop a low
                incident_opened a shop i1 auto low since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
        "#]],
    );
}

#[test]
fn auto_asks_a_person_after_an_unknown_outcome() {
    check_with(
        |rules| {
            rules.watches.get_mut("web").unwrap().mode = tidegate_domain::rules::Mode::Auto;
            crate::world::auto_approve(rules, tidegate_domain::rules::Severity::Medium);
        },
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 auto medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
                request_auto_approved medium medium r1
                -> start r1
            0 start r1
                execution_started r1 run=1
            1 ran r1 unknown
                execution_finished timed out r1 unknown
                -> consult i1
            1 propose i1 flush
                request_opened i1 flush on shop r2
        "#]],
    );
}

#[test]
fn auto_asks_a_person_after_a_repair_that_did_not_help() {
    check_with(
        |rules| {
            rules.watches.get_mut("web").unwrap().mode = tidegate_domain::rules::Mode::Auto;
            crate::world::auto_approve(rules, tidegate_domain::rules::Severity::Medium);
        },
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 auto medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
                request_auto_approved medium medium r1
                -> start r1
            0 start r1
                execution_started r1 run=1
            1 ran r1 well
                execution_finished done r1 succeeded
            3 look shop unhealthy
                verification_observed unhealthy r1 sample_at=3
            11 tick
                verification_finished ineffective still anomalous r1
                -> consult i1
            11 propose i1 flush
                request_opened i1 flush on shop r2
        "#]],
    );
}

#[test]
fn auto_does_not_overrule_a_persons_no() {
    check_with(
        |rules| {
            rules.watches.get_mut("web").unwrap().mode = tidegate_domain::rules::Mode::Auto;
            crate::world::auto_approve(rules, tidegate_domain::rules::Severity::High);
            rules.actions.get_mut("restart").unwrap().risk = tidegate_domain::rules::Severity::Critical;
        },
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 auto medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            1 deny r1 bob no
                request_denied by bob no r1
            2 worse shop high
                severity_raised i1 high
                -> consult i1
            2 propose i1 flush
                request_opened i1 flush on shop r2
        "#]],
    );
}

#[test]
fn whoever_may_decide_may_pause_and_an_admin_lets_it_go_on() {
    check(expect![[r#"
        0 pause mallory
            refused: "mallory" is not an approver: pausing takes the role approve or admin in the config
        0 pause alice
            paused by alice
        1 pause bob
            refused: repairs are paused already, by "alice"; nothing was changed
        2 resume mallory
            refused: "mallory" is not an admin: whoever may decide may pause, and only the role admin may resume; ask an admin
        2 resume bob
            refused: "bob" is not an admin: whoever may decide may pause, and only the role admin may resume; ask an admin
        2 resume bob
            refused: "bob" is not an admin: whoever may decide may pause, and only the role admin may resume; ask an admin
        3 resume alice
            resumed by alice
        4 resume alice
            refused: repairs are not paused; nothing was changed
        4 pause bob
            paused by bob
        5 crash
            host_started
        5 resume bob
            refused: "bob" is not an admin: whoever may decide may pause, and only the role admin may resume; ask an admin
    "#]]);
}
