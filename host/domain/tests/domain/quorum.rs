//! How many must say yes, and how long they are waited for: quorum, reasons, reminders, escalation.

use expect_test::expect;
use tidegate_domain::labels::Matcher;
use tidegate_domain::rules::Rules;
use tidegate_domain::terms::{Escalate, Quorum, Terms};

use crate::script::check_with;
use crate::world::{minutes, teams};

/// The teams, and these terms for every action.
fn terms(change: impl Fn(&mut Terms)) -> impl FnOnce(&mut Rules) {
    move |rules| {
        rules.people = teams();
        rules.actions.values_mut().for_each(|action| change(&mut action.terms));
    }
}

fn quorum(entries: &[(u32, Option<&str>)]) -> Vec<Quorum> {
    entries.iter().map(|(count, of)| Quorum { count: *count, of: of.map(str::to_owned) }).collect()
}

#[test]
fn two_yeses_are_two_people() {
    check_with(
        terms(|terms| terms.quorum = quorum(&[(2, None)])),
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            0 who r1
                pending, asked: alice bob carol erin frank; needs 2 more
            1 approve r1 bob shown
                approval_given by bob, needs 1 more r1
            1 who r1
                pending_1, asked: alice bob carol erin frank; needs 1 more
            2 approve r1 bob
                refused: "bob" has already said yes to request r1, which needs 1 more; nothing was changed
            2 approve r1 dave
                refused: "dave" is not among those who decide about request r1: ask alice, bob, carol, erin or frank
            2 approve r1 vic
                refused: "vic" is not an approver: deciding takes the role approve or admin in the config
            3 approve r1 alice other
                refused: request r1 is not what was shown (its digest differs): look at it again and decide anew
            3 approve r1 alice
                request_approved by alice r1
                -> start r1
            3 approve r1 erin
                refused: request r1 is already approved; nothing was changed
                -> start r1
        "#]],
    );
}

#[test]
fn one_no_is_enough_also_of_somebody_who_said_yes() {
    check_with(
        terms(|terms| terms.quorum = quorum(&[(2, None)])),
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            1 approve r1 bob
                approval_given by bob, needs 1 more r1
            2 deny r1 bob second-thoughts
                request_denied by bob second-thoughts r1
            2 approve r1 carol
                refused: request r1 is already denied; nothing was changed
        "#]],
    );
}

#[test]
fn every_entry_must_be_met_and_a_person_counts_for_each_they_belong_to() {
    check_with(
        terms(|terms| terms.quorum = quorum(&[(2, Some("shop")), (1, Some("oncall"))])),
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 roster oncall carol nobody
                roster_changed oncall members=carol+nobody
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            0 who r1
                pending, asked: alice bob carol erin frank; needs 2 more of shop and 1 more of oncall
            1 approve r1 erin
                refused: the yes of "erin" counts for nothing: request r1 needs 2 more of shop and 1 more of oncall; a no would count
            1 approve r1 bob
                approval_given by bob, needs 1 more of shop and 1 more of oncall r1
            2 approve r1 carol
                request_approved by carol r1
                -> start r1
        "#]],
    );
}

#[test]
fn a_quorum_of_a_group_that_is_not_about_the_incident_is_never_met() {
    check_with(
        terms(|terms| terms.quorum = quorum(&[(1, Some("bank"))])),
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            0 who r1
                pending, asked: alice bob carol erin frank; needs 1 more of bank
            1 approve r1 dave
                refused: "dave" is not among those who decide about request r1: ask alice, bob, carol, erin or frank
            1 approve r1 alice
                refused: the yes of "alice" counts for nothing: request r1 needs 1 more of bank; a no would count
            1 approve r1 bob
                refused: the yes of "bob" counts for nothing: request r1 needs 1 more of bank; a no would count
            2 deny r1 alice no-use
                request_denied by alice no-use r1
        "#]],
    );
}

#[test]
fn whoever_has_left_no_longer_counts_and_does_again_once_they_are_back() {
    check_with(
        terms(|terms| {
            terms.quorum = quorum(&[(2, Some("oncall"))]);
            terms.deadline = minutes(60);
        }),
        expect![[r#"
            0 roster oncall bob carol
                roster_changed oncall members=bob+carol
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            1 approve r1 bob
                approval_given by bob, needs 1 more of oncall r1
            2 roster oncall carol alice
                roster_changed oncall members=alice+carol
            2 who r1
                pending_1, asked: alice bob carol erin frank; needs 2 more of oncall
            2 approve r1 carol
                approval_given by carol, needs 1 more of oncall r1
            3 config role carol view
            3 who r1
                pending_2, asked: alice bob erin frank; needs 2 more of oncall
            4 approve r1 alice
                approval_given by alice, needs 1 more of oncall r1
            5 config role carol approve
            5 who r1
                pending_3, asked: alice bob carol erin frank; needs 
            6 approve r1 alice
                request_approved by alice r1
                -> start r1
        "#]],
    );
}

#[test]
fn only_a_group_that_has_a_roster_gets_one() {
    check_with(
        terms(|_| {}),
        expect![[r#"
            0 roster shop erin
            0 roster nobody-knows-it erin
            0 roster oncall erin
                roster_changed oncall members=erin
            1 roster oncall erin
            2 roster oncall
                roster_changed oncall members=
            3 crash
                host_started
        "#]],
    );
}

#[test]
fn where_reasons_are_required_a_yes_needs_one_too() {
    check_with(
        terms(|terms| {
            terms.require_reason = true;
            terms.quorum = quorum(&[(2, None)]);
        }),
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            1 approve r1 bob
                refused: request r1 is approved with a reason only: say why it may run
            1 approve r1 bob because known-bug
                approval_given by bob, needs 1 more known-bug r1
            2 approve r1 carol
                refused: request r1 is approved with a reason only: say why it may run
            2 approve r1 carol because same-as-yesterday
                request_approved by carol same-as-yesterday r1
                -> start r1
        "#]],
    );
}

#[test]
fn a_reason_that_nobody_would_read_is_refused() {
    let long = "é".repeat(2001);
    let world = crate::script::steps_of(crate::world::rules(), "0 anomaly shop a\n0 propose i1 restart");
    let request = world.book.requests()[0].id.clone();
    let check = |reason: &str| {
        let verdict = tidegate_domain::input::Verdict::Deny { reason: reason.to_owned() };
        let by = crate::script::by("alice");
        tidegate_domain::decide::check_decision(&world.book, &world.rules, &request, &by, &verdict, world.now)
    };
    assert_eq!(check(&long[2..]), Ok(()));
    let error = check(&long).expect_err("too long").to_string();
    assert_eq!(error, "the reason has 2001 characters, and at most 2000 are kept: shorten it");
}

#[test]
fn a_reminder_is_due_once_and_only_while_it_waits() {
    check_with(
        terms(|_| {}),
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            0 next
                next at Some(4.0)
            3 remind r1
            3 who r1
                pending, asked: alice bob carol erin frank; needs 1 more
            4 who r1
                pending, asked: alice bob carol erin frank; needs 1 more, and a reminder is due
            4 next
                next at Some(5.0)
            4 remind r1
                request_reminded r1
            4.5 remind r1
            4.5 who r1
                pending, asked: alice bob carol erin frank; needs 1 more
            5 tick
                request_expired r1 retry_at=35
            5 remind r1
        "#]],
    );
}

#[test]
fn no_reminder_is_due_once_it_is_decided() {
    check_with(
        terms(|_| {}),
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            3 approve r1 bob
                request_approved by bob r1
                -> start r1
            4 who r1
                approved, asked: ; needs 
                -> start r1
            4 remind r1
                -> start r1
            4 deny r9 bob no
                refused: there is no request r9: look at the list of approvals for what waits
                -> start r1
        "#]],
    );
}

#[test]
fn after_a_while_others_are_asked_and_then_silence_means_no() {
    check_with(
        terms(|terms| {
            terms.approvers = Some(vec!["shop".to_owned()]);
            terms.quorum = quorum(&[(2, Some("shop"))]);
            terms.escalate = Some(Escalate { after: minutes(3), to: vec!["leads".to_owned(), "bank".to_owned()] });
        }),
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            0 next
                next at Some(3.0)
            0 who r1
                pending, asked: bob carol; needs 2 more of shop
            1 approve r1 alice
                refused: "alice" is not among those who decide about request r1: ask bob or carol
            2 approve r1 bob
                approval_given by bob, needs 1 more of shop r1
            3 tick
                request_escalated r1 to=leads+bank
            3 who r1
                escalated_1, asked: alice bob carol; needs 1 more of shop
            3 next
                next at Some(4.0)
            3 crash
                host_started
            3 approve r1 dave
                refused: "dave" is not among those who decide about request r1: ask alice, bob or carol
            4 approve r1 alice
                request_approved by alice r1
                -> start r1
            4 start r1
                execution_started r1 run=1
            4 anomaly bank a
                incident_opened a bank i2 ask medium since=4 anomaly
                -> consult i2
            4 propose i2 restart
                request_opened i2 restart on bank r2
            9 tick
                request_expired r2 retry_at=39
        "#]],
    );
}

#[test]
fn what_is_decided_in_time_is_not_escalated() {
    check_with(
        terms(|terms| terms.escalate = Some(Escalate { after: minutes(3), to: vec!["leads".to_owned()] })),
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            2 approve r1 bob
                request_approved by bob r1
                -> start r1
            3 tick
                -> start r1
        "#]],
    );
}

#[test]
fn a_host_that_was_down_past_the_deadline_escalates_nothing() {
    check_with(
        terms(|terms| terms.escalate = Some(Escalate { after: minutes(3), to: vec!["leads".to_owned()] })),
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            6 crash
                host_started
                request_expired r1 retry_at=36
        "#]],
    );
}

#[test]
fn what_recovers_by_itself_is_withdrawn_with_half_a_quorum_and_after_escalation() {
    check_with(
        terms(|terms| {
            terms.quorum = quorum(&[(2, None)]);
            terms.escalate = Some(Escalate { after: minutes(2), to: vec!["leads".to_owned()] });
        }),
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 alerts g1 Slow!0
                incident_opened Slow! i2 ask foreign medium since=0 alert
                -> consult i1, consult i2
            0 propose i1 restart
                request_opened i1 restart on shop r1
                -> consult i2
            0 propose i2 restart
                incident_joined i2 r1
            1 approve r1 bob
                approval_given by bob, needs 1 more r1
            2 tick
                request_escalated r1 to=leads
            3 ended shop a recovered
                member_ended recovered i1 a
                incident_closed i1 recovered
                request_withdrawn incident_closed r1
                -> consult i2
            3 approve r1 carol
                refused: request r1 is already withdrawn; nothing was changed
                -> consult i2
            3 who r1
                withdrawn, asked: ; needs 
                -> consult i2
            3 propose i2 restart
                request_opened i2 restart on shop r2
            4 approve r2 bob
                approval_given by bob, needs 1 more r2
            4 who r2
                pending_1, asked: alice bob carol erin frank; needs 1 more
            4 alerts g1 Slow-4
                alerts_changed Slow- i2
                incident_closed i2 resolved
                request_withdrawn incident_closed r2
        "#]],
    );
}

#[test]
fn one_group_is_one_question_whatever_else_breaks_in_it() {
    check_with(
        terms(|terms| terms.quorum = quorum(&[(2, None)])),
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            1 approve r1 bob
                approval_given by bob, needs 1 more r1
            1 anomaly shop b
                member_joined b i1
            1 worse shop high
                severity_raised i1 high
            1 propose i1 flush
            2 approve r1 bob
                refused: "bob" has already said yes to request r1, which needs 1 more; nothing was changed
            2 approve r1 carol
                request_approved by carol r1
                -> start r1
        "#]],
    );
}

#[test]
fn the_terms_are_those_of_the_day_it_was_asked() {
    check_with(
        terms(|terms| terms.approvers = Some(vec!["alice".to_owned(), "shop".to_owned()])),
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            1 config lenient
            1 who r1
                pending, asked: alice bob carol; needs 1 more
            1 approve r1 frank
                refused: "frank" is not among those who decide about request r1: ask alice, bob or carol
            1 config out bob shop
            1 approve r1 bob
                refused: "bob" is not among those who decide about request r1: ask alice or carol
            1 approve r1 carol
                request_approved by carol r1
                -> start r1
        "#]],
    );
}

#[test]
fn an_alert_that_joins_hands_the_request_to_nobody_else() {
    let foreign = |rules: &mut Rules| {
        rules.people = teams();
        let others = rules.people.groups.get_mut("bank").expect("one of them");
        others.matchers = vec![Matcher::parse("service!=\"shop\"").expect("a matcher")];
    };
    check_with(
        foreign,
        expect![[r#"
            0 alerts g1 Slow!0
                incident_opened Slow! i1 ask foreign medium since=0 alert
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            0 alerts g1 SlowOther!0
                alerts_changed SlowOther! i1
            0 who r1
                pending, asked: alice erin frank; needs 1 more
            0 approve r1 dave
                refused: "dave" is not among those who decide about request r1: ask alice, erin or frank
            0 approve r1 bob
                refused: "bob" is not among those who decide about request r1: ask alice, erin or frank
        "#]],
    );
}
