//! A shipped detector in the sandbox: the same bits on any instance, from any thread, in any order.

use serde_json::json;
use tidegate_guest::testing::samples;
use tidegate_sandbox::{CallError, Detector, GuestError, Limits, Scored};

use crate::found::{load, load_within, open, sandbox, shared};

const START: i64 = 1_700_000_000_000;
const STEP: u64 = 60_000;

/// A day with a wave, some noise, a spike, gaps of NaN and an infinity; the same for every `seed`.
fn day(seed: u64, length: usize) -> Vec<f64> {
    let mut noise = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..length)
        .map(|at| {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            match at % 200 {
                60 => f64::NAN,
                90 => f64::INFINITY,
                120 => 1e6,
                _ => (at as f64 / 50.0).sin() * 10.0 + (noise >> 40) as f64 / 1e6,
            }
        })
        .collect()
}

fn score(detector: &Detector, state: &[u8], at: usize, values: &[f64]) -> Scored {
    let start = START + i64::try_from(at as u64 * STEP).expect("a time");
    let fresh = samples(start, STEP, values.iter().copied());
    detector.score(state, &fresh.timestamps, &fresh.values).unwrap_or_else(|error| panic!("{error}"))
}

/// Scores in calls of `chunk` samples. Returns all scores' bits, and the last state.
fn folded(detector: &Detector, values: &[f64], chunk: usize) -> (Vec<u64>, Vec<u8>) {
    let mut state = Vec::new();
    let mut scores = Vec::new();
    for (nth, part) in values.chunks(chunk).enumerate() {
        let scored = score(detector, &state, nth * chunk, part);
        scores.extend(scored.verdicts.scores.iter().map(|score| score.to_bits()));
        state = scored.state;
    }
    (scores, state)
}

#[test]
fn one_by_one_equals_all_at_once() {
    let detector = open(&load(&shared(), "zscore"), &json!({"window": "1h"}));
    let values = day(2, 700);
    let at_once = folded(&detector, &values, values.len());
    for chunk in [1, 13, 256] {
        assert_eq!(folded(&detector, &values, chunk), at_once, "chunks of {chunk}");
    }
}

#[test]
fn series_do_not_see_each_other_whatever_the_instance_or_the_order() {
    let sandbox = shared();
    let settings = json!({"window": "1h"});
    let alone: Vec<_> = (0..8)
        .map(|seed| {
            // An instance of its own for every call: none is kept.
            let limits = Limits { idle_instances: 0, ..Limits::default() };
            let detector = open(&load_within(&sandbox, "zscore", &limits), &settings);
            folded(&detector, &day(seed, 120), 1)
        })
        .collect();

    let shared = open(&load(&sandbox, "zscore"), &settings);
    let series: Vec<_> = (0..8).map(|seed| day(seed, 120)).collect();
    let mut states = vec![Vec::new(); 8];
    let mut scores = vec![Vec::new(); 8];
    for at in 0..120 {
        for turn in 0..8 {
            // Another order at each step.
            let nth = (turn * 5 + at) % 8;
            let scored = score(&shared, &states[nth], at, &series[nth][at..=at]);
            scores[nth].push(scored.verdicts.scores[0].to_bits());
            states[nth] = scored.state;
        }
    }
    for (nth, alone) in alone.into_iter().enumerate() {
        assert_eq!((scores[nth].clone(), states[nth].clone()), alone, "series {nth}");
    }
}

#[test]
fn threads_share_a_detector() {
    let sandbox = sandbox();
    let detector = open(&load(&sandbox, "zscore"), &json!({"window": "1h"}));
    let expected = folded(&detector, &day(3, 300), 1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| folded(&detector, &day(3, 300), 1))).collect();
        for thread in threads {
            assert_eq!(thread.join().expect("no panic"), expected);
        }
    });
    let stats = &sandbox.stats()[0];
    assert_eq!(stats.calls, 5 * 300);
    assert!(stats.errors.iter().all(|(_, count)| *count == 0));
    assert!(stats.instances <= Limits::default().idle_instances as u64);
}

#[test]
fn no_samples_are_no_verdicts_and_no_change() {
    let detector = open(&load(&shared(), "zscore"), &json!({}));
    let (_, state) = folded(&detector, &day(4, 100), 10);
    let scored = score(&detector, &state, 100, &[]);
    assert_eq!(scored.state, state);
    assert!(scored.verdicts.scores.is_empty());
}

#[test]
fn foreign_state_is_refused_by_the_guest_and_harms_nobody() {
    let sandbox = sandbox();
    let detector = open(&load(&sandbox, "zscore"), &json!({}));
    let (_, state) = folded(&detector, &day(5, 50), 50);
    let cut = &state[..state.len() - 1];
    for foreign in [&b"garbage"[..], &[0xff; 4096], cut] {
        let error = detector.score(foreign, &[START], &[1.0]).expect_err("state of no layout");
        assert!(matches!(error, CallError::Guest(GuestError::UnreadableState(_))), "{error}");
    }
    score(&detector, &state, 50, &[1.0]);
    let stats = &sandbox.stats()[0];
    assert!(stats.errors.contains(&("guest_error", 3)));
    assert!(!stats.quarantined);
}

#[test]
fn a_state_beyond_the_limit_is_a_bad_answer() {
    let limits = Limits { max_state_bytes: 16, ..Limits::default() };
    let detector = open(&load_within(&shared(), "zscore", &limits), &json!({}));
    let error = detector.score(&[], &[START], &[1.0]).expect_err("too much");
    assert!(matches!(&error, CallError::BadAnswer { what } if what.contains("more than the 16 allowed")), "{error}");
}

#[test]
fn samples_that_are_none_never_reach_the_guest() {
    let detector = open(&load(&shared(), "zscore"), &json!({}));
    let error = detector.score(&[], &[1, 2], &[1.0]).expect_err("not samples");
    assert_eq!(error.kind(), "bad_call");
}

#[test]
fn a_detector_outlives_the_sandbox_it_came_from() {
    let detector = open(&load(&sandbox(), "zscore"), &json!({}));
    assert!(!detector.needs().history.is_zero());
    score(&detector, &[], 0, &[1.0]);
}
