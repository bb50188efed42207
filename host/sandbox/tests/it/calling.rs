//! Calls to detectors that misbehave: each way has a name, costs one instance at most, and harms nobody else.

use std::time::Duration;

use serde_json::json;
use tidegate_sandbox::{
    CallError, Detector, Grants, Guest, GuestError, GuestStats, Limits, LoadError, OpenError, QuarantineRules, Sandbox,
    SandboxOptions, Scored,
};

use crate::forge::{ANSWER, ForgedDetector};
use crate::found::{self, open, sandbox, sandbox_with};

fn load(sandbox: &Sandbox, forged: &ForgedDetector, limits: &Limits) -> Result<Guest, LoadError> {
    sandbox.load("forged", &forged.wasm(), limits, &Grants::none())
}

fn opened(sandbox: &Sandbox, forged: &ForgedDetector, limits: &Limits) -> Detector {
    let guest = load(sandbox, forged, limits).unwrap_or_else(|error| panic!("{error}"));
    open(&guest, &json!({}))
}

fn one(detector: &Detector) -> Result<Scored, CallError> {
    detector.score(b"before", &[0], &[1.0])
}

fn stats(sandbox: &Sandbox) -> GuestStats {
    sandbox.stats().remove(0)
}

fn errors(stats: &GuestStats, kind: &str) -> u64 {
    stats.errors.iter().filter(|(name, _)| *name == kind).map(|(_, count)| count).sum()
}

/// What one call of a detector with these instructions comes to, with more time than any of them takes that ends.
fn outcome(forged: &ForgedDetector) -> CallError {
    outcome_within(forged, Duration::from_secs(60))
}

fn outcome_within(forged: &ForgedDetector, call_timeout: Duration) -> CallError {
    let limits = Limits { call_timeout, ..Limits::default() };
    one(&opened(&sandbox(), forged, &limits)).expect_err("no answer")
}

#[test]
fn the_forged_detector_itself_is_in_order() {
    let forged = ForgedDetector { note: Some(b"fine"), needs: (60_000, 5), ..ForgedDetector::default() };
    let detector = opened(&sandbox(), &forged, &Limits::default());
    assert_eq!(detector.needs().history, Duration::from_secs(60));
    assert_eq!(detector.needs().min_samples, 5);
    for _ in 0..3 {
        let scored = one(&detector).expect("an answer");
        assert_eq!(scored.state, b"state");
        assert_eq!(scored.verdicts.scores, [0.5]);
        assert_eq!(scored.note.as_deref(), Some("fine"));
    }
}

#[test]
fn traps_carry_the_guests_last_words() {
    let silent = outcome(&ForgedDetector { score: "unreachable", ..ForgedDetector::default() });
    assert!(matches!(&silent, CallError::Trapped { what, said: None } if what.contains("unreachable")), "{silent:?}");

    let words = vec![b"all is well".to_vec(), b"panicked at lib.rs:1:\nno such thing".to_vec()];
    let panicking = outcome(&ForgedDetector {
        score: "(call $say (i32.const 0)) (call $say (i32.const 1)) unreachable",
        texts: words,
        ..ForgedDetector::default()
    });
    assert!(
        matches!(&panicking, CallError::Trapped { said: Some(said), .. }
            if said == "panicked at lib.rs:1:\\nno such thing"),
        "{panicking:?}"
    );
    assert!(panicking.to_string().ends_with("it said: panicked at lib.rs:1:\\nno such thing"));
}

#[test]
fn every_kind_of_trap_is_one() {
    for (score, what) in [
        ("(drop (i32.load (i32.const -8)))", "out of bounds"),
        ("(drop (i32.div_u (i32.const 1) (i32.const 0)))", "divide by zero"),
        ("(drop (i32.trunc_f64_s (f64.const nan)))", "conversion to integer"),
        (
            "(drop (call $score (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                (i32.const 0)))",
            "call stack exhausted",
        ),
    ] {
        let error = outcome(&ForgedDetector { score, ..ForgedDetector::default() });
        assert!(matches!(&error, CallError::Trapped { what: said, .. } if said.contains(what)), "{score}: {error:?}");
    }
}

#[test]
fn an_endless_loop_ends() {
    let soon = Duration::from_millis(100);
    let error = outcome_within(&ForgedDetector { score: "(loop (br 0))", ..ForgedDetector::default() }, soon);
    assert!(matches!(error, CallError::TimedOut { after } if after == soon), "{error:?}");
    // Calling the host all the time is no way out.
    let chatty = ForgedDetector {
        score: "(loop (call $say (i32.const 0)) (br 0))",
        texts: vec![b"again".to_vec()],
        ..ForgedDetector::default()
    };
    let error = outcome_within(&chatty, soon);
    assert_eq!(error.kind(), "timed_out", "{error:?}");
}

#[test]
fn an_endless_open_ends() {
    // `describe` has to answer within the same time.
    let limits = Limits { open_timeout: Duration::from_secs(2), ..Limits::default() };
    let forged = ForgedDetector { open: "(loop (br 0))", ..ForgedDetector::default() };
    let guest = load(&sandbox(), &forged, &limits).expect("`describe` answers");
    let error = guest.open_detector(&json!({}), Duration::from_secs(60)).expect_err("no model");
    assert!(matches!(error, OpenError::Call { error: CallError::TimedOut { .. }, .. }), "{error}");
}

/// Takes a page at a time until it gets none, then does not cope.
const GREEDY: &str = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";

#[test]
fn memory_without_end_ends() {
    let error = outcome(&ForgedDetector { score: GREEDY, ..ForgedDetector::default() });
    assert!(matches!(error, CallError::OutOfMemory { limit, .. } if limit == 256 << 20), "{error:?}");
}

#[test]
fn a_guest_that_copes_with_the_refusal_is_not_punished() {
    let forged = ForgedDetector { score: "(drop (memory.grow (i32.const 65000)))", ..ForgedDetector::default() };
    let sandbox = sandbox();
    let detector = opened(&sandbox, &forged, &Limits::default());
    one(&detector).expect("an answer");
    // A later trap has nothing to do with memory.
    assert_eq!(errors(&stats(&sandbox), "out_of_memory"), 0);
}

#[test]
fn an_instance_that_grows_is_replaced_before_it_traps() {
    let limits = Limits { memory_bytes: 10 << 16, ..Limits::default() };
    let forged = ForgedDetector {
        score: "(if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))",
        ..ForgedDetector::default()
    };
    let sandbox = sandbox();
    let detector = opened(&sandbox, &forged, &limits);
    for call in 0..5000 {
        one(&detector).unwrap_or_else(|error| panic!("call {call}: {error}"));
    }
    let stats = stats(&sandbox);
    // From one page to eight, the first at or above three quarters of ten: seven calls an instance.
    assert_eq!(stats.instances_retired, 5000 / 7);
    assert_eq!(stats.memory_peak, 8 << 16);
    // One more for `describe`, and one that `open` tried and that is in use.
    assert_eq!(stats.instances_made, stats.instances_retired + 2);
    assert!(stats.instances <= 1);
}

#[test]
fn broken_answers_are_no_answers() {
    let cases: Vec<(&str, ForgedDetector)> = vec![
        (
            "2 scores for 1 samples",
            ForgedDetector { columns: [&[0.5, 0.5], &[1.0], &[0.0], &[2.0]], ..Default::default() },
        ),
        ("0 expected for 1 samples", ForgedDetector { columns: [&[0.5], &[], &[0.0], &[2.0]], ..Default::default() }),
        ("score -1 of sample 0", ForgedDetector { columns: [&[-1.0], &[1.0], &[0.0], &[2.0]], ..Default::default() }),
        ("from NaN to 2", ForgedDetector { columns: [&[0.5], &[1.0], &[f64::NAN], &[2.0]], ..Default::default() }),
        ("from 3 to 2", ForgedDetector { columns: [&[0.5], &[1.0], &[3.0], &[2.0]], ..Default::default() }),
        ("a state of 65537 bytes", ForgedDetector { state_range: Some((0, 65537)), pages: 2, ..Default::default() }),
        (
            "more data than the host takes in",
            ForgedDetector { state_range: Some((0, 100 << 20)), pages: 1601, ..Default::default() },
        ),
        (
            "more data than the host takes in",
            ForgedDetector { scores_range: Some((ANSWER, 10 << 20)), pages: 1601, ..Default::default() },
        ),
    ];
    for (what, forged) in cases {
        let error = outcome(&forged);
        assert!(matches!(&error, CallError::BadAnswer { what: said } if said.contains(what)), "{what}: {error:?}");
    }
}

#[test]
fn answers_that_are_not_there_are_traps() {
    for forged in [
        ForgedDetector { state_range: Some((u32::MAX, 8)), ..Default::default() },
        ForgedDetector { state_range: Some((0, u32::MAX)), ..Default::default() },
        ForgedDetector { scores_range: Some((4, 1)), ..Default::default() },
        ForgedDetector { note: Some(b"\xff\xfe no text"), ..Default::default() },
    ] {
        let error = outcome(&forged);
        assert!(matches!(error, CallError::Trapped { .. }), "{error:?}");
    }
}

#[test]
fn unjudged_samples_need_no_band() {
    let forged = ForgedDetector { columns: [&[f64::NAN]; 4], ..Default::default() };
    let scored = one(&opened(&sandbox(), &forged, &Limits::default())).expect("an answer");
    assert!(scored.verdicts.scores[0].is_nan());
}

#[test]
fn long_texts_are_cut_and_not_refused() {
    let note: &[u8] = "é".repeat(5000).leak().as_bytes();
    let forged = ForgedDetector { note: Some(note), ..Default::default() };
    let scored = one(&opened(&sandbox(), &forged, &Limits::default())).expect("an answer");
    let note = scored.note.expect("a note");
    assert!(note.len() <= 4096 && note.ends_with("é…"));

    let error = outcome(&ForgedDetector { fails: true, ..forged });
    assert!(matches!(&error, CallError::Guest(GuestError::Internal(text)) if text.len() <= 4096), "{error:?}");
}

#[test]
fn a_failed_call_costs_one_instance_and_the_next_call_works() {
    // Traps where the value is below zero, answers otherwise.
    let forged = ForgedDetector {
        score: "(if (f64.lt (f64.load (local.get $values)) (f64.const 0)) (then unreachable))",
        ..ForgedDetector::default()
    };
    let sandbox = sandbox();
    let detector = opened(&sandbox, &forged, &Limits::default());
    for _ in 0..4 {
        one(&detector).expect("an answer");
        detector.score(&[], &[0], &[-1.0]).expect_err("a trap");
    }
    one(&detector).expect("an answer");
    let stats = stats(&sandbox);
    assert_eq!((stats.calls, errors(&stats, "trapped")), (9, 4));
    assert_eq!(stats.scores, 5, "samples without a verdict do not count");
    // One for `describe`, one for `open`, one after each trap.
    assert_eq!((stats.instances_made, stats.instances), (6, 1));
    assert!(!stats.quarantined);
}

#[test]
fn a_guests_own_error_keeps_its_instance() {
    let forged = ForgedDetector { fails: true, note: Some(b"not today"), ..ForgedDetector::default() };
    let sandbox = sandbox();
    let detector = opened(&sandbox, &forged, &Limits::default());
    for _ in 0..10 {
        let error = one(&detector).expect_err("an error");
        assert!(matches!(&error, CallError::Guest(GuestError::Internal(text)) if text == "not today"));
    }
    let stats = stats(&sandbox);
    assert_eq!((stats.instances_made, errors(&stats, "guest_error")), (2, 10));
    assert!(!stats.quarantined);
}

#[test]
fn many_traps_quarantine_the_digest_under_every_name_and_no_other() {
    let sandbox = sandbox();
    let trapping = ForgedDetector { score: "unreachable", ..ForgedDetector::default() };
    let detector = opened(&sandbox, &trapping, &Limits::default());
    let wasm = trapping.wasm();
    let twin = sandbox.load("twin", &wasm, &Limits::default(), &Grants::none()).expect("the same guest");
    let twin = open(&twin, &json!({}));
    let other = opened(&sandbox, &ForgedDetector::default(), &Limits::default());

    for _ in 0..5 {
        assert_eq!(one(&detector).expect_err("a trap").kind(), "trapped");
    }
    for detector in [&detector, &twin] {
        let error = one(detector).expect_err("quarantined");
        assert!(
            matches!(error, CallError::Quarantined { remaining } if remaining <= Duration::from_secs(60)),
            "{error:?}"
        );
    }
    // Loading it anew does not wash it clean.
    let error = sandbox.load("third", &wasm, &Limits::default(), &Grants::none()).expect_err("still quarantined");
    assert!(matches!(&error, LoadError::Describe { error: CallError::Quarantined { .. }, .. }), "{error}");
    one(&other).expect("another guest is not concerned");

    let quarantined: Vec<_> = sandbox.stats().into_iter().map(|guest| (guest.guest, guest.quarantined)).collect();
    assert!(quarantined.contains(&("twin".to_owned(), true)));
    assert!(quarantined.contains(&("forged".to_owned(), false)));
    for stats in sandbox.stats() {
        let pause = stats.quarantined_for;
        assert_eq!(pause.is_some(), stats.quarantined, "{stats:?}");
        assert!(pause.is_none_or(|pause| pause <= Duration::from_secs(60)), "{stats:?}");
    }
}

#[test]
fn a_quarantine_ends() {
    let sandbox = sandbox_with(SandboxOptions {
        quarantine: QuarantineRules { traps: 1, first_pause: Duration::from_nanos(1), ..QuarantineRules::default() },
        ..SandboxOptions::default()
    });
    let forged = ForgedDetector {
        score: "(if (f64.lt (f64.load (local.get $values)) (f64.const 0)) (then unreachable))",
        ..ForgedDetector::default()
    };
    let detector = opened(&sandbox, &forged, &Limits::default());
    detector.score(&[], &[0], &[-1.0]).expect_err("a trap");
    // The pause is a nanosecond, and the clock counts milliseconds.
    let patience = std::time::Instant::now();
    while let Err(error) = one(&detector) {
        assert_eq!(error.kind(), "quarantined");
        assert!(patience.elapsed() < Duration::from_secs(10), "it never ended");
    }
}

#[test]
fn unreasonable_needs_are_refused() {
    for history in [u64::MAX, 1465 * 24 * 3_600_000] {
        let forged = ForgedDetector { needs: (history, 0), ..ForgedDetector::default() };
        let guest = load(&sandbox(), &forged, &Limits::default()).expect("a guest");
        let error = guest.open_detector(&json!({}), Duration::from_secs(60)).expect_err("too much history");
        assert!(
            matches!(&error, OpenError::Call { error: CallError::BadAnswer { what }, .. } if what.contains("history")),
            "{error}"
        );
    }
}

#[test]
fn manifests_that_are_none_are_refused() {
    let good: [&'static [u8]; 4] = ForgedDetector::default().manifest;
    let deep: &[u8] = format!("{}1{}", "[".repeat(100), "]".repeat(100)).leak().as_bytes();
    let cases: [(usize, &'static [u8], &str); 11] = [
        (0, b"", "kebab"),
        (0, b"Forged One", "kebab"),
        (0, &[b'a'; 65], "kebab"),
        (1, b"", "version"),
        (1, b"1 \n2", "version"),
        (3, b"", "not JSON"),
        (3, b"{", "not JSON"),
        (3, b"3", "not a usable JSON Schema"),
        (3, br#"{"type": "nonsense"}"#, "not a usable JSON Schema"),
        (3, br#"{"$ref": "https://example.com/schema.json"}"#, "only references within it"),
        (3, deep, "deeper than"),
    ];
    for (part, text, why) in cases {
        let mut manifest = good;
        manifest[part] = text;
        let error = load(&sandbox(), &ForgedDetector { manifest, ..Default::default() }, &Limits::default())
            .expect_err("no manifest");
        assert!(
            matches!(&error, LoadError::Manifest { reason, .. } if reason.contains(why)),
            "{part} {:?}: {error}",
            String::from_utf8_lossy(text)
        );
    }
}

#[test]
fn a_schema_cannot_stall_or_fell_the_host() {
    // References that never arrive anywhere; a pattern that takes a backtracking engine exponential time.
    let schemas: [(&'static [u8], usize); 3] = [
        (br##"{"$ref": "#"}"##, 0),
        (br##"{"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}}"##, 0),
        (br#"{"properties": {"name": {"pattern": "^(a+)+$"}}}"#, 1),
    ];
    for (schema, errors) in schemas {
        let mut manifest = ForgedDetector::default().manifest;
        manifest[3] = schema;
        let guest = load(&sandbox(), &ForgedDetector { manifest, ..Default::default() }, &Limits::default())
            .unwrap_or_else(|error| panic!("{error}"));
        let settings = json!({"name": format!("{}!", "a".repeat(100))});
        let found = guest.check_settings(&settings).err().unwrap_or_default();
        assert_eq!(found.len(), errors, "{found:?}");
    }
}

#[test]
fn instances_are_bounded_over_all_guests() {
    let sandbox = sandbox_with(SandboxOptions { max_instances: 3, ..SandboxOptions::default() });
    let limits = Limits { idle_instances: 1, ..Limits::default() };
    let keep: Vec<_> = (0..3).map(|_| opened(&sandbox, &ForgedDetector::default(), &limits)).collect();
    let guest = load(&sandbox, &ForgedDetector::default(), &limits);
    let error = guest.expect_err("no fourth instance");
    assert!(matches!(&error, LoadError::Describe { error: CallError::NoRoom { .. }, .. }), "{error}");
    for detector in &keep {
        one(detector).expect("those alive work on");
    }
    assert!(!sandbox.stats()[0].quarantined);
}

#[test]
fn where_address_space_is_short_instances_are_made_on_demand() {
    // Four million times four gigabytes is more than any processor can address.
    let options = SandboxOptions { max_instances: 4_000_000, ..SandboxOptions::default() };
    let sandbox = sandbox_with(options);
    let detector = opened(&sandbox, &ForgedDetector::default(), &Limits::default());
    one(&detector).expect("an answer");
    let greedy = ForgedDetector { score: GREEDY, ..ForgedDetector::default() };
    let error = one(&opened(&sandbox, &greedy, &Limits::default())).expect_err("no answer");
    assert_eq!(error.kind(), "out_of_memory", "{error}");
}

#[test]
fn a_quarantined_neighbour_does_not_stop_a_shipped_guest() {
    let sandbox = sandbox();
    let shipped = open(&found::load(&sandbox, "zscore"), &json!({}));
    let trapping =
        opened(&sandbox, &ForgedDetector { score: "unreachable", ..ForgedDetector::default() }, &Limits::default());
    for _ in 0..10 {
        one(&trapping).expect_err("no answer");
        shipped.score(&[], &[0], &[1.0]).expect("an answer");
    }
}
