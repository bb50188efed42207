//! One sample judged: directions, sizes, quorums, and detectors that say nothing.

use tidegate_domain::rules::{ColdStart, Direction, Severity, Watch};
use tidegate_domain::series::{Answer, Standing, Unjudged, Verdict, judge};

use crate::world::watch;

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

/// A verdict of this score on a sample that should have been 10.
fn says(score: f64) -> Answer {
    of(score, 10.0)
}

const fn of(score: f64, expected: f64) -> Answer {
    Answer::Judged(Verdict { score, expected, lower: expected - 1.0, upper: expected + 1.0 })
}

fn web(change: impl FnOnce(&mut Watch)) -> Watch {
    let mut watch = watch("web", Vec::new());
    change(&mut watch);
    watch
}

const A: Standing = Standing::Anomalous;
const N: Standing = Standing::Normal;
const LEARNING: Standing = Standing::Unjudged(Unjudged::Learning);
const FAILED: Standing = Standing::Unjudged(Unjudged::GuestFailed);
const NOT_FINITE: Standing = Standing::Unjudged(Unjudged::NotFinite);
const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);

/// `(value, answers, standing, calm on the watched side, healthy on both sides)`
type Row = (f64, &'static [Answer], Standing, Option<bool>, Option<bool>);

fn check(watch: &Watch, rows: &[Row]) {
    for (value, answers, standing, calm, healthy) in rows {
        let judged = judge(watch, *value, None, answers);
        let got = (judged.standing, judged.calm, judged.healthy);
        assert_eq!(got, (*standing, *calm, *healthy), "{value} with {answers:?}");
    }
}

#[test]
fn a_score_above_one_is_anomalous_and_healthy_begins_lower() {
    let rows = [(1.01, A, NO), (1.0, N, NO), (0.8, N, NO), (0.79, N, YES), (0.0, N, YES), (INF, A, NO)];
    for (score, standing, healthy) in rows {
        let judged = judge(&web(|_| {}), 12.0, None, &[says(score)]);
        assert_eq!((judged.standing, judged.calm, judged.healthy), (standing, healthy, healthy), "{score}");
    }
}

#[test]
fn a_value_that_is_no_number_is_not_judged_whatever_was_said() {
    for value in [NAN, INF, -INF] {
        for cold in [None, Some(Unjudged::Learning)] {
            let judged = judge(&web(|w| w.cold_start.above = Some(1.0)), value, cold, &[says(9.0)]);
            assert_eq!((judged.standing, judged.calm, judged.healthy), (NOT_FINITE, None, None));
        }
    }
}

#[test]
fn only_the_watched_side_counts_until_a_repair_is_judged() {
    const HIGH: &[Answer] = &[of(3.0, 10.0)];
    check(&web(|w| w.direction = Direction::AboveExpected), &[(15.0, HIGH, A, NO, NO), (5.0, HIGH, N, YES, NO)]);
    check(&web(|w| w.direction = Direction::BelowExpected), &[(15.0, HIGH, N, YES, NO), (5.0, HIGH, A, NO, NO)]);
    check(&web(|w| w.direction = Direction::Both), &[(15.0, HIGH, A, NO, NO), (5.0, HIGH, A, NO, NO)]);
}

#[test]
fn an_unknown_expectation_hides_no_anomaly() {
    for direction in [Direction::Both, Direction::AboveExpected, Direction::BelowExpected] {
        let watch = web(|w| {
            w.direction = direction;
            w.min_dev = 5.0;
            w.min_rel_dev = 0.5;
        });
        let unknown = Answer::Judged(Verdict { score: 3.0, expected: NAN, lower: NAN, upper: NAN });
        assert_eq!(judge(&watch, 15.0, None, &[unknown]).standing, A, "{direction:?}");
    }
}

#[test]
fn small_distances_do_not_matter() {
    const HIGH: &[Answer] = &[of(3.0, 10.0)];
    check(&web(|w| w.min_dev = 5.0), &[(14.9, HIGH, N, YES, YES), (15.0, HIGH, A, NO, NO), (5.1, HIGH, N, YES, YES)]);
    check(&web(|w| w.min_rel_dev = 0.2), &[(11.9, HIGH, N, YES, YES), (12.0, HIGH, A, NO, NO)]);
}

#[test]
fn a_quorum_is_three_valued() {
    const HIGH: Answer = of(3.0, 10.0);
    const FINE: Answer = of(0.1, 10.0);
    const VOID: Answer = of(NAN, 10.0);
    use Answer::{Abstained as Mute, Failed as Dead};
    let any: &[Row] = &[
        (15.0, &[], LEARNING, None, None),
        (15.0, &[Mute], LEARNING, None, None),
        (15.0, &[VOID], LEARNING, None, None),
        (15.0, &[Dead], FAILED, None, None),
        (15.0, &[Dead, Mute], FAILED, None, None),
        (15.0, &[FINE, Mute], N, YES, YES),
        (15.0, &[FINE, VOID], N, YES, YES),
        (15.0, &[FINE, Dead], FAILED, None, None),
        (15.0, &[HIGH, Dead], A, NO, NO),
        (15.0, &[HIGH, FINE], A, NO, NO),
    ];
    check(&web(|_| {}), any);
    let all_of_two: &[Row] = &[
        (15.0, &[HIGH, HIGH], A, NO, NO),
        (15.0, &[HIGH, FINE], N, YES, YES),
        (15.0, &[FINE, Dead], N, YES, YES),
        (15.0, &[HIGH, Dead], FAILED, None, None),
        (15.0, &[HIGH, Mute], LEARNING, None, None),
        (15.0, &[FINE, Mute], N, YES, YES),
    ];
    check(&web(|w| w.quorum = 2), all_of_two);
    let two_of_three: &[Row] = &[
        (15.0, &[HIGH, HIGH, FINE], A, NO, NO),
        (15.0, &[HIGH, HIGH, Dead], A, NO, NO),
        (15.0, &[HIGH, FINE, Dead], FAILED, None, None),
        (15.0, &[FINE, FINE, Dead], N, YES, YES),
        (15.0, &[HIGH, FINE, Mute], N, YES, YES),
    ];
    check(&web(|w| w.quorum = 2), two_of_three);
}

#[test]
fn severity_is_that_of_the_score_which_the_quorum_reaches() {
    let rows: [(usize, &[Answer], Severity); 7] = [
        (1, &[of(1.2, 10.0)], Severity::Medium),
        (1, &[of(1.7, 10.0)], Severity::High),
        (1, &[of(INF, 10.0)], Severity::High),
        (1, &[of(1.2, 10.0), of(2.0, 10.0)], Severity::High),
        (2, &[of(1.2, 10.0), of(2.0, 10.0)], Severity::Medium),
        (1, &[of(1.2, 10.0), of(NAN, 10.0)], Severity::Medium),
        // The second one looks at the other side: it does not say how bad this one is.
        (1, &[of(1.2, 10.0), of(9.0, 20.0)], Severity::Medium),
    ];
    for (quorum, answers, severity) in rows {
        let watch = web(|w| {
            w.quorum = quorum;
            w.direction = Direction::AboveExpected;
        });
        let judged = judge(&watch, 15.0, None, answers);
        assert_eq!(judged.severity, severity, "{quorum} of {answers:?}");
        assert!(judged.verdict.expected < 15.0, "the verdict shown is one that counted: {answers:?}");
    }
}

#[test]
fn bounds_judge_while_a_series_is_young() {
    let rows = [
        ((None, None), 99.0, LEARNING, None),
        ((Some(20.0), None), 20.0, N, YES),
        ((Some(20.0), None), 20.1, A, NO),
        ((None, Some(5.0)), 4.9, A, NO),
        ((Some(20.0), Some(5.0)), 5.0, N, YES),
        ((Some(20.0), Some(5.0)), NAN, NOT_FINITE, None),
    ];
    for ((above, below), value, standing, calm) in rows {
        let watch = web(|w| w.cold_start = ColdStart { above, below, ..ColdStart::default() });
        // What the detectors say does not count yet.
        let judged = judge(&watch, value, Some(Unjudged::Learning), &[says(9.0)]);
        assert_eq!((judged.standing, judged.calm, judged.healthy), (standing, calm, calm), "{value}");
        assert!(judged.cold_start || standing == NOT_FINITE);
    }
}
