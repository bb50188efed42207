//! Series made by hand. The expected numbers were worked out by an independent scorer that was checked against Numenta's.

use super::{Nab, score, windows};
use crate::labels::Span;
use crate::play::{By, Play};

fn spans(windows: &[(i64, i64)]) -> Vec<Span> {
    windows.iter().map(|(from, until)| Span { from: from * 1000, until: until * 1000 }).collect()
}

/// A series with a sample a second, and a score of 2 where it alerts.
fn play(samples: usize, windows: &[(i64, i64)], alerts: &[usize]) -> Play {
    let alerts: Vec<bool> = (0..samples).map(|at| alerts.contains(&at)).collect();
    Play {
        timestamps: (0..samples as i64).map(|at| at * 1000).collect(),
        levels: Vec::new(),
        scores: alerts.iter().map(|alert| if *alert { 2.0 } else { 0.5 }).collect(),
        alerts,
        spans: spans(windows),
    }
}

fn check(plays: &[Play], expected: [(f64, f64, f64); 3], (hit, all, false_alerts): (usize, usize, usize)) {
    let Nab { profiles, windows_hit, windows, false_alerts: outside } =
        score(plays, By::Score).expect("there are windows");
    for (which, (profile, (shipped, best, threshold))) in profiles.iter().zip(expected).enumerate() {
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(near(profile.shipped, shipped), "{which} as shipped: {} instead of {shipped}", profile.shipped);
        assert!(near(profile.best, best), "{which} at best: {} instead of {best}", profile.best);
        assert_eq!(profile.threshold, threshold, "{which}");
    }
    assert_eq!((windows_hit, windows, outside), (hit, all, false_alerts));
}

const WINDOW: &[(i64, i64)] = &[(20, 29)];
const NEVER: f64 = f64::INFINITY;

#[test]
fn the_ends_of_the_scale() {
    // Where misses are dear, even an alert everywhere is better than none.
    check(&[play(40, WINDOW, &[])], [(0.0, 0.0, NEVER), (0.0, 0.0, NEVER), (0.0, 19.363200397053475, 0.5)], (0, 1, 0));
    check(&[play(40, WINDOW, &[20])], [(100.0, 100.0, 2.0); 3], (1, 1, 0));
}

#[test]
fn in_a_window_the_first_alert_counts() {
    let late = 62.4120774887715;
    let dear = 74.94138499251433;
    check(&[play(40, WINDOW, &[29])], [(late, late, 2.0), (late, late, 2.0), (dear, dear, 2.0)], (1, 1, 0));
    let (two, dear) = (98.85534204613022, 99.23689469742015);
    check(&[play(40, WINDOW, &[25, 22])], [(two, two, 2.0), (two, two, 2.0), (dear, dear, 2.0)], (1, 1, 0));
}

#[test]
fn outside_an_alert_costs_and_shortly_behind_a_window_less() {
    let everywhere = (19.363200397053475, 0.5);
    for (alert, standard, low_fp, low_fn, counted) in [
        (10, -5.5, -11.0, -11.0 / 3.0, 1),
        (30, -1.489659151841971, -2.979318303683931, -0.9931061012279733, 1),
        // In probation it costs nothing.
        (5, 0.0, 0.0, 0.0, 0),
    ] {
        let expected = [(standard, 0.0, NEVER), (low_fp, 0.0, NEVER), (low_fn, everywhere.0, everywhere.1)];
        check(&[play(40, WINDOW, &[alert])], expected, (0, 1, counted));
    }
}

#[test]
fn a_window_in_probation_can_be_neither_found_nor_missed() {
    let (standard, low_fn) = (66.37650993474323, 74.78238245105742);
    let expected = [(standard, standard, 2.0), (standard, standard, 2.0), (low_fn, low_fn, 2.0)];
    check(&[play(40, &[(2, 4), (20, 29)], &[3, 21])], expected, (1, 2, 0));
}

#[test]
fn one_threshold_for_all_series() {
    let mut first = play(40, WINDOW, &[20]);
    first.scores = [0.5; 6].into_iter().chain([0.9; 2]).chain([0.1; 12]).chain([1.5]).chain([0.2; 9]).collect();
    // What was not judged is ranked last.
    first.scores.extend([3.0].into_iter().chain([f64::NAN; 9]));
    let mut second = play(20, &[], &[19]);
    second.scores = [0.1; 19].into_iter().chain([1.2]).collect();
    let expected =
        [(94.5, 98.51034084815802, 1.5), (89.0, 97.02068169631607, 1.5), (96.33333333333333, 99.00689389877203, 1.5)];
    check(&[first, second], expected, (1, 1, 1));
}

#[test]
fn several_windows_in_several_series() {
    let plays = [play(40, &[(10, 13), (20, 29)], &[12, 16, 35]), play(30, &[(12, 13)], &[5, 13])];
    let expected = [56.643925067824604, 51.29476457198976, 59.98483893410529].map(|score| (score, score, 2.0));
    check(&plays, expected, (2, 3, 3));
}

#[test]
fn a_window_of_one_sample_has_no_width_behind_it() {
    let nab = score(&[play(20, &[(10, 10)], &[11])], By::Score).expect("a window");
    assert!((nab.profiles[0].shipped + 5.5).abs() < 1e-9, "{nab:?}");
}

#[test]
fn without_windows_there_is_no_scale() {
    assert_eq!(score(&[play(20, &[], &[3])], By::Score), None);
    assert_eq!(score(&[], By::Score), None);
}

#[test]
fn windows_begin_and_end_at_samples() {
    let times = [0, 1000, 2000, 2000, 3000];
    for (given, expected) in [
        (&[(1, 2)][..], Ok(vec![(1, 3)])),
        (&[(0, 1), (3, 3)], Ok(vec![(0, 1), (4, 4)])),
        (&[(1, 4)], Err("no sample has the time 4")),
        (&[(1, 2), (2, 3)], Err("in the order of time, and apart")),
        (&[(3, 3), (0, 0)], Err("in the order of time, and apart")),
    ] {
        match (windows(&times, &spans(given)), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(error), Err(expected)) => assert!(error.contains(expected), "{error}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }
}
