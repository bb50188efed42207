//! Whom a request is for: groups with label matchers, names in the config, and nobody's own.

use expect_test::expect;
use tidegate_domain::labels::Matcher;
use tidegate_domain::people::{Group, Role};
use tidegate_domain::rules::Rules;

use crate::script::check_with;
use crate::world::{people, teams};

fn approvers(names: &[&str]) -> impl FnOnce(&mut Rules) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    move |rules| {
        rules.people = teams();
        rules.actions.values_mut().for_each(|action| action.terms.approvers = Some(names.clone()));
    }
}

fn own(allowed: bool) -> impl FnOnce(&mut Rules) {
    move |rules| {
        rules.people = teams();
        rules.actions.values_mut().for_each(|action| action.terms.allow_own = allowed);
    }
}

#[test]
fn a_team_decides_about_its_own_and_whoever_is_in_none_about_everything() {
    check_with(
        |rules| rules.people = teams(),
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            0 anomaly bank a
                incident_opened a bank i2 ask medium since=0 anomaly
                -> consult i2
            0 propose i2 restart
                request_opened i2 restart on bank r2
            1 who r1
                pending, asked: alice bob carol erin frank; needs 1 more
            1 who r2
                pending, asked: alice dave erin frank; needs 1 more
            1 approve r2 bob
                refused: "bob" is not among those who decide about request r2: ask alice, dave, erin or frank
            1 deny r2 bob not-mine
                refused: "bob" is not among those who decide about request r2: ask alice, dave, erin or frank
            1 roster oncall bob
                roster_changed oncall members=bob
            1 approve r2 bob
                request_approved by bob r2
                -> start r2
            1 approve r1 dave
                refused: "dave" is not among those who decide about request r1: ask alice, bob, carol, erin or frank
                -> start r2
            1 approve r1 erin
                request_approved by erin r1
                -> start r1, start r2
        "#]],
    );
}

#[test]
fn alerts_that_are_not_all_of_one_team_are_not_that_team_s() {
    check_with(
        |rules| rules.people = teams(),
        expect![[r#"
            0 alerts g1 Slow!0
                incident_opened Slow! i1 ask foreign medium since=0 alert
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            0 who r1
                pending, asked: alice bob carol erin frank; needs 1 more
            1 alerts g1 Slow!0 SlowOther!1
                alerts_changed SlowOther! i1
            1 who r1
                pending, asked: alice erin frank; needs 1 more
            1 approve r1 bob
                refused: "bob" is not among those who decide about request r1: ask alice, erin or frank
        "#]],
    );
}

#[test]
fn only_those_who_are_named_decide() {
    check_with(
        approvers(&["erin", "shop", "nobody", "vic"]),
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            0 anomaly bank a
                incident_opened a bank i2 ask medium since=0 anomaly
                -> consult i2
            0 propose i2 restart
                request_opened i2 restart on bank r2
            1 who r1
                pending, asked: bob carol erin; needs 1 more
            1 who r2
                pending, asked: erin; needs 1 more
            1 approve r1 alice
                refused: "alice" is not among those who decide about request r1: ask bob, carol or erin
            1 approve r1 vic
                refused: "vic" is not an approver: deciding takes the role approve or admin in the config
            1 approve r1 nobody
                refused: "nobody" is not an approver: deciding takes the role approve or admin in the config
            1 approve r1 shop
                refused: "shop" is not an approver: deciding takes the role approve or admin in the config
            1 approve r2 carol
                refused: "carol" is not among those who decide about request r2: ask erin
            1 deny r1 frank me-neither
                refused: "frank" is not among those who decide about request r1: ask bob, carol or erin
            1 approve r2 erin
                request_approved by erin r2
                -> start r2
        "#]],
    );
}

#[test]
fn where_nobody_is_left_nobody_decides() {
    check_with(
        approvers(&["oncall"]),
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            0 who r1
                pending, asked: ; needs 1 more
            1 approve r1 alice
                refused: "alice" is not among those who decide about request r1: nobody may, so it ends with its deadline; see `approvers`, `allow_own` and the groups in the config
            5 tick
                request_expired r1 retry_at=35
        "#]],
    );
}

#[test]
fn nobody_decides_about_their_own() {
    check_with(
        own(false),
        expect![[r#"
            0 deliver bob g1 Slow!0
                incident_opened Slow! caused_by=bob i1 ask foreign medium since=0 alert
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            0 who r1
                pending, asked: alice carol erin frank; needs 1 more
            1 approve r1 bob
                refused: "bob" caused or requested what request r1 is about, so others decide: ask alice, carol, erin or frank
            1 deny r1 bob not-even-no
                refused: "bob" caused or requested what request r1 is about, so others decide: ask alice, carol, erin or frank
            1 approve r1 carol
                request_approved by carol r1
                -> start r1
        "#]],
    );
}

#[test]
fn their_own_is_so_by_any_of_their_names() {
    for name in ["bob@example.com", "Bob@Example.COM", "BOB"] {
        let mut rules = crate::world::rules();
        own(false)(&mut rules);
        let steps = format!("0 deliver {name} g1 Slow!0\n0 propose i1 restart");
        let world = crate::script::steps_of(rules, &steps);
        let request = world.book.requests()[0].id.clone();
        let deciders = tidegate_domain::decide::deciders(&world.book, &world.rules, &request);
        assert_eq!(deciders, ["alice", "carol", "erin", "frank"], "delivered by {name}");
        assert_eq!(world.rules.people.called(name), Some("bob"));
    }
}

#[test]
fn it_becomes_their_own_when_they_add_to_it() {
    check_with(
        own(false),
        expect![[r#"
            0 alerts g1 Slow!0
                incident_opened Slow! i1 ask foreign medium since=0 alert
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            1 deliver bob g1 Full!1
                alerts_changed Full! caused_by=bob i1
            1 approve r1 bob
                refused: "bob" caused or requested what request r1 is about, so others decide: ask alice, carol, erin or frank
        "#]],
    );
}

#[test]
fn where_the_config_says_so_they_may() {
    check_with(
        own(true),
        expect![[r#"
            0 deliver bob g1 Slow!0
                incident_opened Slow! caused_by=bob i1 ask foreign medium since=0 alert
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            1 approve r1 bob
                request_approved by bob r1
                -> start r1
        "#]],
    );
}

#[test]
fn a_yes_ends_to_count_when_it_turns_out_to_be_about_their_own() {
    check_with(
        |rules| {
            own(false)(rules);
            rules.actions.values_mut().for_each(|action| action.terms.quorum[0].count = 2);
        },
        expect![[r#"
            0 alerts g1 Slow!0
                incident_opened Slow! i1 ask foreign medium since=0 alert
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            1 approve r1 bob
                approval_given by bob, needs 1 more r1
            2 deliver bob g1 Full!2
                alerts_changed Full! caused_by=bob i1
            2 who r1
                pending_1, asked: alice carol erin frank; needs 2 more
            3 approve r1 carol
                approval_given by carol, needs 1 more r1
            3 approve r1 erin
                request_approved by erin r1
                -> start r1
        "#]],
    );
}

#[test]
fn names_mean_a_person_before_they_are_somebody_s_alias() {
    let mut people = people(&[("ann", Role::Approve), ("bea", Role::Approve)]);
    people.persons.get_mut("ann").expect("one of them").aliases = ["bea".to_owned(), "a@example.com".to_owned()].into();
    assert_eq!(people.called("bea"), Some("bea"));
    assert_eq!(people.called(" A@example.com "), Some("ann"));
    assert_eq!(people.called(""), None);
    // Where a name may mean either, it is neither's to decide about.
    assert!(people.is_called("ann", "bea") && people.is_called("bea", "bea"));
    assert!(!people.is_called("bea", "a@example.com"));
}

#[test]
fn going_off_duty_does_not_let_anybody_decide_about_more() {
    check_with(
        |rules| {
            rules.people = people(&[("alice", Role::Admin), ("bob", Role::Approve), ("carol", Role::Approve)]);
            let matchers = vec![Matcher::parse("service=bank").expect("a matcher")];
            let oncall = Group { has_roster: true, matchers, ..Group::default() };
            rules.people.groups = [("oncall".to_owned(), oncall)].into();
        },
        expect![[r#"
            0 anomaly shop a
                incident_opened a shop i1 ask medium since=0 anomaly
                -> consult i1
            0 propose i1 restart
                request_opened i1 restart on shop r1
            1 roster oncall bob
                roster_changed oncall members=bob
            1 who r1
                pending, asked: alice carol; needs 1 more
            2 roster oncall carol
                roster_changed oncall members=carol
            2 who r1
                pending, asked: alice; needs 1 more
            2 approve r1 bob
                refused: "bob" is not among those who decide about request r1: ask alice
        "#]],
    );
}
