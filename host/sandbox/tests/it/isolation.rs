//! What one guest does is nothing to the others: beside every hostile guest in the same sandbox, the shipped detectors
//! give the same verdicts and the same states, bit by bit, as in a sandbox of their own.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_sandbox::{
    ActionOffer, Detector, Grants, Limits, Policy, QuarantineRules, Sandbox, SandboxOptions, Scored,
};

use crate::forge::ForgedDetector;
use crate::found::{bytes, load, load_within, open, sandbox_with};
use crate::hostile::{Nobody, incident};

/// A minute between samples.
const STEP_MS: i64 = 60_000;

/// Twenty hours of them.
const SAMPLES: i64 = 1200;

/// An answer as what it is made of: a NaN equals itself here, and zero does not equal minus zero.
#[derive(PartialEq, Debug)]
struct Bits {
    state: Vec<u8>,
    columns: [Vec<u64>; 4],
    note: Option<String>,
}

impl From<Scored> for Bits {
    fn from(scored: Scored) -> Bits {
        let bits = |column: Vec<f64>| column.into_iter().map(f64::to_bits).collect();
        let verdicts = scored.verdicts;
        Bits {
            state: scored.state,
            columns: [verdicts.scores, verdicts.expected, verdicts.lower, verdicts.upper].map(bits),
            note: scored.note,
        }
    }
}

/// A wave with a little noise, spikes, and what is no number.
fn value(nth: i64) -> f64 {
    match nth % 211 {
        97 => f64::NAN,
        98 => f64::INFINITY,
        150..154 => 900.0,
        _ => {
            let noise = (nth.wrapping_mul(7919) % 13) as f64 / 13.0;
            100.0 + 10.0 * (nth as f64 / 60.0 * std::f64::consts::TAU).sin() + noise
        }
    }
}

/// The healthy neighbours.
fn neighbours(sandbox: &Sandbox) -> [Detector; 2] {
    let zscore = load(sandbox, "zscore");
    let seasonal = load(sandbox, "seasonal");
    [open(&zscore, &json!({"window": "1h"})), open(&seasonal, &json!({"period": "1h"}))]
}

/// Everything that they say of the fixed series, in chunks of several sizes.
fn judge(neighbours: &[Detector]) -> Vec<Bits> {
    let mut said = vec![];
    for detector in neighbours {
        let mut state = vec![];
        let (mut from, mut size) = (0, 1);
        while from < SAMPLES {
            let until = SAMPLES.min(from + size);
            let timestamps: Vec<i64> = (from..until).map(|nth| nth * STEP_MS).collect();
            let values: Vec<f64> = (from..until).map(value).collect();
            let scored = detector.score(&state, &timestamps, &values).unwrap_or_else(|error| panic!("{error}"));
            state = scored.state.clone();
            said.push(scored.into());
            (from, size) = (until, size % 7 + 1);
        }
    }
    said
}

/// One way to do harm, ready to be done again and again. Whether it gets an answer is of no account.
type Attack = Box<dyn Fn() + Send + Sync>;

/// What attackers get: little time and little memory, so that they are stopped often while the others are judged.
fn limits() -> Limits {
    Limits { call_timeout: Duration::from_millis(50), memory_bytes: 16 << 20, ..Limits::default() }
}

/// A sandbox that puts no guest aside: every attack goes on for as long as it is watched.
fn sandbox() -> Sandbox {
    let quarantine = QuarantineRules { traps: u32::MAX, ..QuarantineRules::default() };
    sandbox_with(SandboxOptions { quarantine, ..SandboxOptions::default() })
}

/// The modes of a built guest, by its own schema: a mode that is added is tested without being named here.
fn modes(sandbox: &Sandbox, guest: &str) -> Vec<String> {
    let schema = load(sandbox, guest).manifest().settings_schema.clone();
    let variants = schema["$defs"]["Mode"]["oneOf"].as_array().expect("one entry a mode");
    let mode = |variant: &Value| variant["const"].as_str().expect("a name").to_owned();
    variants.iter().map(mode).collect()
}

/// The hostile detector in every mode: where it opens it is called, where it does not it is opened again and again.
fn by_detectors(sandbox: &Sandbox) -> Vec<(String, Attack)> {
    let patient = Limits { open_timeout: Duration::from_secs(60), ..limits() };
    let hurried = Limits { open_timeout: Duration::from_millis(100), ..limits() };
    let load = |limits| sandbox.load("hostile", &bytes("hostile"), limits, &Grants::none()).expect("a guest");
    let (patient, hurried) = (load(&patient), load(&hurried));
    let attack = |mode: String| {
        let settings = json!({ "mode": mode });
        let fails_in_open = mode.ends_with("-in-open") || mode.ends_with("-needs");
        let attack: Attack = if fails_in_open {
            let (guest, settings) = (hurried.clone(), settings);
            Box::new(move || drop(guest.open_detector(&settings, Duration::from_secs(60))))
        } else {
            let detector = open(&patient, &settings);
            Box::new(move || {
                let mut state = vec![];
                for at in 0..20 {
                    if let Ok(scored) = detector.score(&state, &[2 * at, 2 * at + 1], &[1.0, 2.0]) {
                        state = scored.state;
                    }
                }
            })
        };
        (format!("detector {mode}"), attack)
    };
    modes(sandbox, "hostile").into_iter().map(attack).collect()
}

fn by_policies(sandbox: &Sandbox) -> Vec<(String, Attack)> {
    let limits = Limits { open_timeout: Duration::from_millis(300), ..limits() };
    let guest = sandbox.load("hostile-policy", &bytes("hostile-policy"), &limits, &Grants::none()).expect("a guest");
    let attack = |mode: String| {
        let guest = guest.clone();
        let offer = ActionOffer { name: "restart".to_owned(), summary: String::new(), arguments_schema: json!({}) };
        let settings = json!({ "mode": mode });
        let attack: Attack = Box::new(move || {
            let opened: Result<Policy, _> = guest.open_policy(&settings, std::slice::from_ref(&offer));
            if let Ok(policy) = opened {
                drop(policy.propose(&incident(), &Nobody));
            }
        });
        (format!("policy {mode}"), attack)
    };
    let mut attacks: Vec<_> = modes(sandbox, "hostile-policy").into_iter().map(attack).collect();

    let grants = Grants::parse(["host-metrics"]).expect("a known grant");
    let nosy = sandbox.load("nosy-policy", &bytes("nosy-policy"), &limits, &grants).expect("a guest");
    attacks.push((
        "policy that asks without end".to_owned(),
        Box::new(move || {
            let policy = nosy.open_policy(&json!({"expr": "up", "times": 0}), &[]);
            if let Ok(policy) = policy {
                drop(policy.propose(&incident(), &Nobody));
            }
        }),
    ));
    attacks
}

/// The guest that looks for files, sockets and the like, in every mode.
fn by_visitors(sandbox: &Sandbox) -> Vec<(String, Attack)> {
    let guest = load_within(sandbox, "wasip2-detector", &limits());
    let attack = |mode: String| {
        let (guest, settings) = (guest.clone(), json!({ "mode": mode }));
        let attack: Attack = Box::new(move || {
            if let Ok(detector) = guest.open_detector(&settings, Duration::from_secs(60)) {
                drop(detector.score(&[], &[0], &[1.0]));
            }
        });
        (format!("visitor {mode}"), attack)
    };
    modes(sandbox, "wasip2-detector").into_iter().map(attack).collect()
}

/// What no compiler would emit; loaded anew each time.
fn by_forgeries(sandbox: &Sandbox) -> Vec<(String, Attack)> {
    let forged = ForgedDetector::default;
    let endless = "(loop (br 0))";
    let cases: Vec<(&str, ForgedDetector)> = vec![
        ("trap when instantiated", ForgedDetector { start: "unreachable", ..forged() }),
        ("loop when instantiated", ForgedDetector { start: endless, ..forged() }),
        ("trap in describe", ForgedDetector { describe: "unreachable", ..forged() }),
        ("loop in describe", ForgedDetector { describe: endless, ..forged() }),
        ("trap while given arguments", ForgedDetector { realloc: "unreachable", ..forged() }),
        ("loop while given arguments", ForgedDetector { realloc: endless, ..forged() }),
        ("trap after the answer", ForgedDetector { afterwards: "unreachable", ..forged() }),
        ("loop after the answer", ForgedDetector { afterwards: endless, ..forged() }),
        ("trap when dropped", ForgedDetector { drop: "unreachable", ..forged() }),
        ("state that is not there", ForgedDetector { state_range: Some((0, u32::MAX)), ..forged() }),
        ("columns that are not there", ForgedDetector { scores_range: Some((u32::MAX - 7, 1)), ..forged() }),
        ("handles without end", ForgedDetector { score: "(loop (drop (call $new (i32.const 1))) (br 0))", ..forged() }),
        (
            "memory without end",
            ForgedDetector {
                score: "(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable",
                ..forged()
            },
        ),
    ];
    let attack = |(name, forged): (&str, ForgedDetector)| {
        let (sandbox, wasm) = (sandbox.clone(), forged.wasm());
        let limits = Limits { open_timeout: Duration::from_millis(100), ..limits() };
        let attack: Attack = Box::new(move || {
            if let Ok(guest) = sandbox.load("forged", &wasm, &limits, &Grants::none())
                && let Ok(detector) = guest.open_detector(&json!({}), Duration::from_secs(60))
            {
                drop(detector.score(b"before", &[0], &[1.0]));
            }
        });
        (format!("forged, {name}"), attack)
    };
    cases.into_iter().map(attack).collect()
}

/// Judges while the attacks go on, until each has been done at least once, and at least once.
fn judge_beside(neighbours: &[Detector], attacks: &[&(String, Attack)], alone: &[Bits]) {
    let over = AtomicBool::new(false);
    let done: Vec<AtomicU64> = attacks.iter().map(|_| AtomicU64::new(0)).collect();
    // Ends the attacks also when what is asserted does not hold.
    struct Ends<'a>(&'a AtomicBool);
    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    std::thread::scope(|scope| {
        let ends = Ends(&over);
        for ((_, attack), done) in attacks.iter().zip(&done) {
            let over = &over;
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    attack();
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        loop {
            let said = judge(neighbours);
            let names: Vec<&str> = attacks.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(said.len(), alone.len(), "{names:?}");
            for (nth, (said, alone)) in said.iter().zip(alone).enumerate() {
                assert!(said == alone, "call {nth} beside {names:?}: {said:?} and alone {alone:?}");
            }
            if done.iter().all(|done| done.load(Ordering::Relaxed) > 0) {
                break;
            }
        }
        drop(ends);
    });
}

#[test]
fn verdicts_beside_any_hostile_guest_are_those_without_it() {
    let alone = judge(&neighbours(&sandbox()));
    assert!(alone.iter().any(|said| said.columns[0].iter().any(|&score| f64::from_bits(score) > 1.0)), "spikes");

    let shared = sandbox();
    let neighbours = neighbours(&shared);
    let mut attacks = by_detectors(&shared);
    attacks.extend(by_policies(&shared));
    attacks.extend(by_visitors(&shared));
    attacks.extend(by_forgeries(&shared));
    assert!(attacks.len() > 60, "{}", attacks.len());
    for attack in &attacks {
        judge_beside(&neighbours, &[attack], &alone);
    }
    // And beside many at once.
    for some in attacks.chunks(16) {
        judge_beside(&neighbours, &some.iter().collect::<Vec<_>>(), &alone);
    }
    let stats = shared.stats();
    let healthy = stats.iter().filter(|guest| matches!(guest.guest.as_str(), "zscore" | "seasonal"));
    for guest in healthy {
        assert!(guest.errors.iter().all(|(_, count)| *count == 0), "{guest:?}");
        assert_eq!(guest.instances_made, 2, "one to be described, one that answered every call: {guest:?}");
    }
}
