//! Earned autonomy: what has proved itself passes by itself, and only that.

use expect_test::expect;
use tidegate_domain::book::{Approval, Run};
use tidegate_domain::event::Guard;
use tidegate_domain::rules::{Mode, Rules, Severity};
use tidegate_domain::terms::Autonomy;

use crate::script::{check_after, more_steps, steps_of};
use crate::world::{World, minutes, rules};

/// Mode `auto`, where two fixes in a row earn it up to medium. Nothing passes otherwise.
pub(crate) fn earning(mode: Mode) -> impl FnOnce(&mut Rules) {
    move |rules| {
        rules.watches.get_mut("web").expect("configured").mode = mode;
        rules.gate.relapse_within = minutes(10);
        for action in rules.actions.values_mut() {
            action.terms.autonomy = Some(Autonomy { after: 2, up_to: Severity::Medium });
            action.verify.healthy_for = 1;
            action.cooldown = minutes(0);
            action.max_per_hour = 100;
        }
    }
}

/// What is played before each scenario: nobody did anything for an hour, then somebody approved two repairs that helped.
pub(crate) const PROVEN: &str = "
    0 anomaly old a
    60 ended old a recovered
    100 anomaly a x
    100 propose i2 restart
    101 approve r1 alice
    101 start r1
    101 ran r1 well
    103 look a healthy
    110 anomaly b x
    110 propose i3 restart
    111 approve r2 alice
    111 start r2
    111 ran r2 well
    113 look b healthy
";

#[test]
fn what_has_proved_itself_passes_by_itself() {
    check_after(
        PROVEN,
        earning(Mode::Auto),
        expect![[r#"
            200 anomaly c x
                incident_opened x c i4 auto medium since=200 anomaly
                -> consult i4
            200 propose i4 restart
                request_opened i4 restart on c r3
                request_auto_approved earned=2 medium medium r3
                -> start r3
            200 start r3
                execution_started r3 run=1
            200 ran r3 well
                execution_finished done r3 succeeded
            202 look c healthy
                verification_observed healthy r3 sample_at=202
                verification_finished fixed 1 healthy observations in a row r3
                incident_closed i4 fixed
            210 anomaly d x
                incident_opened x d i5 auto medium since=210 anomaly
                -> consult i5
            210 propose i5 restart
                request_opened i5 restart on d r4
                request_auto_approved earned=3 medium medium r4
                -> start r4
        "#]],
    );
}

#[test]
fn in_mode_ask_nothing_does() {
    check_after(
        PROVEN,
        earning(Mode::Ask),
        expect![[r#"
            200 anomaly c x
                incident_opened x c i4 ask medium since=200 anomaly
                -> consult i4
            200 propose i4 restart
                request_opened i4 restart on c r3
        "#]],
    );
}

#[test]
fn one_fix_too_few_is_not_enough() {
    check_after(
        PROVEN,
        |rules| {
            earning(Mode::Auto)(rules);
            let autonomy = Some(Autonomy { after: 3, up_to: Severity::Medium });
            rules.actions.values_mut().for_each(|action| action.terms.autonomy = autonomy.clone());
        },
        expect![[r#"
            200 anomaly c x
                incident_opened x c i4 auto medium since=200 anomaly
                -> consult i4
            200 propose i4 restart
                request_opened i4 restart on c r3
            201 approve r3 bob
                request_approved by bob r3
                -> start r3
            201 start r3
                execution_started r3 run=1
            201 ran r3 well
                execution_finished done r3 succeeded
            203 look c healthy
                verification_observed healthy r3 sample_at=203
                verification_finished fixed 1 healthy observations in a row r3
                incident_closed i4 fixed
            210 anomaly d x
                incident_opened x d i5 auto medium since=210 anomaly
                -> consult i5
            210 propose i5 restart
                request_opened i5 restart on d r4
                request_auto_approved earned=3 medium medium r4
                -> start r4
        "#]],
    );
}

#[test]
fn it_ends_at_its_level() {
    check_after(
        PROVEN,
        earning(Mode::Auto),
        expect![[r#"
            200 anomaly c x high
                incident_opened x c i4 auto high since=200 anomaly
                -> consult i4
            200 propose i4 restart
                request_opened i4 restart on c r3
            201 approve r3 bob
                request_approved by bob r3
                -> start r3
        "#]],
    );
    check_after(
        PROVEN,
        |rules| {
            earning(Mode::Auto)(rules);
            rules.actions.get_mut("restart").expect("configured").risk = Severity::High;
        },
        expect![[r#"
            200 anomaly c x low
                incident_opened x c i4 auto low since=200 anomaly
                -> consult i4
            200 propose i4 restart
                request_opened i4 restart on c r3
        "#]],
    );
}

#[test]
fn where_nobody_ever_waited_nothing_is_known_to_be_better_than_waiting() {
    // The one that was left alone was over before the others were repaired.
    check_after(
        &PROVEN.replace("60 ended old a recovered", "0.5 ended old a recovered"),
        earning(Mode::Auto),
        expect![[r#"
            200 anomaly c x
                incident_opened x c i4 auto medium since=200 anomaly
                -> consult i4
            200 propose i4 restart
                request_opened i4 restart on c r3
        "#]],
    );
}

#[test]
fn what_recovers_as_soon_by_itself_earns_nothing() {
    // Like each of the repaired ones, these had lasted for a minute, and were over two minutes later.
    let waiting = "
        0 anomaly w1 x
        1.5 ended w1 x recovered
        4 anomaly w2 x
        6 ended w2 x recovered
    ";
    let repaired = PROVEN.replace("i3", "i5").replace("i2", "i4");
    check_after(
        &format!("{waiting}\n{}", repaired.replace("0 anomaly old", "8 anomaly old")),
        earning(Mode::Auto),
        expect![[r#"
            200 anomaly c x
                incident_opened x c i6 auto medium since=200 anomaly
                -> consult i6
            200 propose i6 restart
                request_opened i6 restart on c r3
        "#]],
    );
}

#[test]
fn one_that_did_not_help_takes_it_away() {
    check_after(
        PROVEN,
        earning(Mode::Auto),
        expect![[r#"
            200 anomaly c x
                incident_opened x c i4 auto medium since=200 anomaly
                -> consult i4
            200 propose i4 restart
                request_opened i4 restart on c r3
                request_auto_approved earned=2 medium medium r3
                -> start r3
            200 start r3
                execution_started r3 run=1
            200 ran r3 well
                execution_finished done r3 succeeded
            203 look c unhealthy
                verification_observed unhealthy r3 sample_at=203
            210 tick
                verification_finished ineffective still anomalous r3
                -> consult i4
            210 propose i4 flush
                request_opened i4 flush on c r4
            211 ended c x recovered
                member_ended recovered i4 x
                incident_closed i4 recovered
                request_withdrawn incident_closed r4
            220 anomaly d x
                incident_opened x d i5 auto medium since=220 anomaly
                -> consult i5
            220 propose i5 restart
                request_opened i5 restart on d r5
            221 approve r5 bob
                request_approved by bob r5
                -> start r5
            221 start r5
                execution_started r5 run=1
            221 ran r5 well
                execution_finished done r5 succeeded
            223 look d healthy
                verification_observed healthy r5 sample_at=223
                verification_finished fixed 1 healthy observations in a row r5
                incident_closed i5 fixed
            230 anomaly e x
                incident_opened x e i6 auto medium since=230 anomaly
                -> consult i6
            230 propose i6 restart
                request_opened i6 restart on e r6
            231 approve r6 bob
                request_approved by bob r6
                -> start r6
            231 start r6
                execution_started r6 run=1
            231 ran r6 well
                execution_finished done r6 succeeded
            233 look e healthy
                verification_observed healthy r6 sample_at=233
                verification_finished fixed 1 healthy observations in a row r6
                incident_closed i6 fixed
            240 anomaly f x
                incident_opened x f i7 auto medium since=240 anomaly
                -> consult i7
            240 propose i7 restart
                request_opened i7 restart on f r7
                request_auto_approved earned=2 medium medium r7
                -> start r7
        "#]],
    );
}

#[test]
fn so_does_one_that_failed_and_one_of_which_nobody_knows() {
    for how in ["ran r3 failed", "ran r3 unknown", "crash"] {
        let mut rules = rules();
        earning(Mode::Auto)(&mut rules);
        let steps = format!(
            "{PROVEN}
            200 anomaly c x
            200 propose i4 restart
            200 start r3
            201 {how}
            202 ended c x recovered
            210 anomaly d x
            210 propose i5 restart"
        );
        let world = crate::script::steps_of(rules, &steps);
        let approvals: Vec<&str> = world.book.requests().iter().map(|request| request.approval.name()).collect();
        assert_eq!(approvals, ["approved", "approved", "auto_approved", "pending"], "after {how}");
    }
}

#[test]
fn so_does_one_that_could_not_be_judged() {
    check_after(
        PROVEN,
        earning(Mode::Auto),
        expect![[r#"
            200 anomaly c x
                incident_opened x c i4 auto medium since=200 anomaly
                -> consult i4
            200 propose i4 restart
                request_opened i4 restart on c r3
                request_auto_approved earned=2 medium medium r3
                -> start r3
            200 start r3
                execution_started r3 run=1
            200 ran r3 well
                execution_finished done r3 succeeded
            210 tick
                verification_finished inconclusive no samples to judge by r3
                -> consult i4
            211 ended c x recovered
                member_ended recovered i4 x
                incident_closed i4 recovered
            220 anomaly d x
                incident_opened x d i5 auto medium since=220 anomaly
                -> consult i5
            220 propose i5 restart
                request_opened i5 restart on d r4
        "#]],
    );
}

#[test]
fn so_does_a_fix_that_is_taken_back() {
    check_after(
        PROVEN,
        earning(Mode::Auto),
        expect![[r#"
            120 anomaly b x
                incident_opened x b i4 auto medium since=120 anomaly
                fix_revoked i4 r2
                -> consult i4
            120 propose i4 restart
                request_opened i4 restart on b r3
        "#]],
    );
}

#[test]
fn dry_runs_and_what_never_ran_neither_earn_it_nor_take_it_away() {
    check_after(
        PROVEN,
        earning(Mode::Auto),
        expect![[r#"
            150 anomaly c x high
                incident_opened x c i4 auto high since=150 anomaly
                -> consult i4
            150 propose i4 restart
                request_opened i4 restart on c r3
            151 deny r3 alice not-now
                request_denied by alice not-now r3
            152 ended c x recovered
                member_ended recovered i4 x
                incident_closed i4 recovered
            160 anomaly d x high
                incident_opened x d i5 auto high since=160 anomaly
                -> consult i5
            160 propose i5 restart
                request_opened i5 restart on d r4
            170 tick
                request_expired r4 retry_at=200
            171 ended d x recovered
                member_ended recovered i5 x
                incident_closed i5 recovered
            200 anomaly e x
                incident_opened x e i6 auto medium since=200 anomaly
                -> consult i6
            200 propose i6 restart
                request_opened i6 restart on e r5
                request_auto_approved earned=2 medium medium r5
                -> start r5
        "#]],
    );
    let pretended =
        PROVEN.replace("restart", "pretend").replace("ran r1 well", "ran r1 dry").replace("ran r2 well", "ran r2 dry");
    check_after(
        &pretended,
        earning(Mode::Auto),
        expect![[r#"
            200 anomaly c x
                incident_opened x c i4 auto medium since=200 anomaly
                -> consult i4
            200 propose i4 pretend
                request_opened i4 pretend on c (dry run) r3
        "#]],
    );
}

#[test]
fn it_is_earned_by_one_action_for_one_watch_and_one_kind_of_trouble() {
    check_after(
        PROVEN,
        |rules| {
            earning(Mode::Auto)(rules);
            rules.routes[0].mode = Mode::Auto;
            rules.actions.values_mut().for_each(|action| {
                action.terms.autonomy = Some(Autonomy { after: 2, up_to: Severity::Critical });
            });
        },
        expect![[r#"
            200 anomaly c x
                incident_opened x c i4 auto medium since=200 anomaly
                -> consult i4
            200 propose i4 flush
                request_opened i4 flush on c r3
            201 absent d
                incident_opened d i5 auto high since=201 absence
                -> consult i5
            201 propose i5 restart
                request_opened i5 restart on d r4
            202 alerts g1 Slow!202
                incident_opened Slow! i6 auto foreign medium since=202 alert
                -> consult i6
            202 propose i6 restart
                request_opened i6 restart on shop r5
        "#]],
    );
}

#[test]
fn another_command_under_the_same_name_has_to_earn_it_anew() {
    check_after(
        PROVEN,
        earning(Mode::Auto),
        expect![[r#"
            200 config url
            200 anomaly c x
                incident_opened x c i4 auto medium since=200 anomaly
                -> consult i4
            200 propose i4 restart
                request_opened i4 restart on c r3
        "#]],
    );
}

#[test]
fn a_person_who_has_said_no_stays_in_charge() {
    check_after(
        PROVEN,
        |rules| {
            earning(Mode::Auto)(rules);
            rules.actions.get_mut("restart").expect("configured").terms.autonomy =
                Some(Autonomy { after: 2, up_to: Severity::High });
        },
        expect![[r#"
            200 anomaly c x
                incident_opened x c i4 auto medium since=200 anomaly
                -> consult i4
            200 propose i4 flush
                request_opened i4 flush on c r3
            201 deny r3 bob leave-it
                request_denied by bob leave-it r3
            202 worse c high
                severity_raised i4 high
                -> consult i4
            202 propose i4 restart
                request_opened i4 restart on c r4
        "#]],
    );
}

#[test]
fn a_crash_takes_nothing_of_it() {
    check_after(
        PROVEN,
        earning(Mode::Auto),
        expect![[r#"
            190 crash
                host_started
            200 anomaly c x
                incident_opened x c i4 auto medium since=200 anomaly
                -> consult i4
            200 propose i4 restart
                request_opened i4 restart on c r3
                request_auto_approved earned=2 medium medium r3
                -> start r3
        "#]],
    );
}

#[test]
fn the_card_says_how_far_it_has_come() {
    let over_after = |minutes: &str| PROVEN.replace("60 ended old", &format!("{minutes} ended old"));
    for (earlier, severity, said) in [
        (PROVEN, "medium", Some("autonomy: 2 verified fixes in a row, sooner than by waiting")),
        (PROVEN, "high", None),
        ("0 tick", "medium", Some("autonomy: 0 verified fixes in a row, of the 2 that it takes to pass by itself")),
        (
            &over_after("0.5"),
            "medium",
            Some(
                "autonomy: 2 verified fixes in a row, but no incident was left alone for long enough to say that waiting \
                 is worse",
            ),
        ),
        (
            &over_after("3"),
            "medium",
            Some("autonomy: 2 verified fixes in a row, but incidents recover as soon by themselves"),
        ),
    ] {
        let mut rules = rules();
        earning(Mode::Auto)(&mut rules);
        let mut world = steps_of(rules, &format!("{earlier}\n200 anomaly c x {severity}"));
        let incident = world.book.open_incidents().next().expect("one is open").id.clone();
        more_steps(&mut world, &format!("200 propose {incident} restart"));
        let shown = &world.book.requests().last().expect("it was asked").proposal.shown;
        let lines: Vec<&str> = shown.iter().map(String::as_str).filter(|line| line.starts_with("autonomy")).collect();
        assert_eq!(lines, Vec::from_iter(said), "after {earlier}");
    }
}

#[test]
fn whoever_takes_auto_away_is_asked_about_what_is_open_as_well() {
    let open = format!("{PROVEN}\n200 anomaly c x");
    let mut rules = rules();
    earning(Mode::Auto)(&mut rules);
    let mut world = steps_of(rules, &open);
    let mut still = world.clone();
    world.rules.watches.get_mut("web").expect("configured").mode = Mode::Ask;
    for (world, passes) in [(&mut still, true), (&mut world, false)] {
        more_steps(world, "200 propose i4 restart");
        let request = world.book.active_requests().next().expect("a request");
        assert_eq!(request.approval != Approval::Pending, passes);
    }
}

#[test]
fn what_a_policy_fills_in_otherwise_has_not_proved_itself() {
    let scaled = PROVEN.replace("restart", "scale {\"replicas\":2}");
    for (replicas, passes) in [(2, true), (8, false)] {
        let mut rules = rules();
        earning(Mode::Auto)(&mut rules);
        let mut world = steps_of(rules, &format!("{scaled}\n200 anomaly c x"));
        more_steps(&mut world, &format!("200 propose i4 scale {{\"replicas\":{replicas}}}"));
        let request = world.book.active_requests().next().expect("a request");
        assert_eq!(request.approval != Approval::Pending, passes, "{replicas}");
    }
}

#[test]
fn what_has_passed_is_not_started_once_it_would_not_pass_any_more() {
    let passed = format!("{PROVEN}\n200 anomaly c x\n200 propose i4 restart");
    let change = |world: &mut World, what: &str| match what {
        "mode" => world.rules.watches.get_mut("web").expect("configured").mode = Mode::Ask,
        "autonomy" => world.rules.actions.values_mut().for_each(|action| action.terms.autonomy = None),
        _ => more_steps(world, "200 anomaly c y critical"),
    };
    for what in ["mode", "autonomy", "severity"] {
        let mut rules = rules();
        earning(Mode::Auto)(&mut rules);
        let mut world = steps_of(rules, &passed);
        change(&mut world, what);
        more_steps(&mut world, "200 start r3");
        let run = world.book.requests().last().map(|request| request.run.clone());
        assert!(matches!(run, Some(Run::Refused { guard: Guard::DigestChanged, .. })), "{what}: {run:?}");
    }
}
