//! When an incident is being seen to: from the approval to the end of verification, and never for a dry run.

use crate::script::{more_steps, steps_of};
use crate::world::{auto_approve, rules};
use tidegate_domain::rules::{Mode, Severity};

/// Steps after `1 propose i1 restart` of an alert, each with whether it is being seen to afterwards.
fn check(steps: &[(&str, bool)]) {
    let mut world = steps_of(rules(), "1 alerts g1 Slow!0\n 1 propose i1 restart");
    for (step, handled) in steps {
        more_steps(&mut world, step);
        let requests = world.book.requests();
        let request = requests.last().expect("it was proposed");
        assert_eq!(request.is_handled(), *handled, "after {step:?} of {steps:?}");
    }
}

#[test]
fn it_begins_with_the_approval_and_ends_with_verification() {
    let runs = [("1 tick", false), ("2 approve r1 alice", true), ("2 start r1", true), ("2 ran r1 well", true)];
    let after = |steps: &[(&'static str, bool)]| check(&[&runs, steps].concat());
    after(&[("4 looked i1 Slow-", true), ("5 looked i1 Slow-", true), ("6 looked i1 Slow-", false)]);
    after(&[("11 looked i1 Slow!", true), ("12 tick", false)]);
    after(&[("4 looked i1 Slow! silenced", true), ("5 crash", true)]);
}

#[test]
fn whatever_keeps_it_from_running_ends_it() {
    check(&[("2 deny r1 alice no", false)]);
    check(&[("7 tick", false)]);
    check(&[("2 alerts g1 Slow-0", false)]);
    check(&[("2 looked i1 silenced", false)]);
    let approved = ("2 approve r1 alice", true);
    check(&[approved, ("2 start r1 silenced", false)]);
    check(&[approved, ("2 alerts g1 Slow-0", false)]);
    check(&[approved, ("2 start r1", true), ("3 ran r1 failed", false)]);
    check(&[approved, ("2 start r1", true), ("3 ran r1 unknown", false)]);
    check(&[approved, ("2 start r1", true), ("3 crash", false)]);
    // What runs is seen to its end, also where all has resolved meanwhile: it is verified that it stays so.
    check(&[approved, ("2 start r1", true), ("3 alerts g1 Slow-0", true), ("4 ran r1 well", true), ("15 tick", false)]);
}

#[test]
fn a_dry_run_sees_to_nothing_and_what_passes_by_itself_does() {
    let mut world = steps_of(rules(), "1 alerts g1 Slow!0\n 1 propose i1 pretend\n 2 approve r1 alice");
    assert!(world.book.requests().iter().all(|request| !request.is_handled()));
    more_steps(&mut world, "2 start r1");
    assert!(world.book.requests().iter().all(|request| !request.is_handled()));
    let mut rules = rules();
    rules.routes[0].mode = Mode::Auto;
    auto_approve(&mut rules, Severity::Critical);
    let world = steps_of(rules, "1 alerts g1 Slow!0\n 1 propose i1 restart");
    assert!(world.book.requests().iter().all(|request| request.is_handled()));
}
