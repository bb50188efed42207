//! Guests built by the ordinary toolchain that misbehave on purpose, mode by mode.

use std::time::Duration;

use serde_json::json;
use tidegate_sandbox::{
    ActionOffer, CallError, Decision, Grants, Incident, InstantSample, Limits, LoadError, MetricsSource, OpenError,
    QuarantineRules, Sandbox, SandboxOptions, Severity, Source, WhyRefused,
};

use crate::found::{bytes, load_within, open, sandbox, sandbox_with, shared};

/// Longer than any honest call takes on a machine that has other things to do: only a loop may meet it.
fn limits() -> Limits {
    Limits { call_timeout: Duration::from_secs(60), open_timeout: Duration::from_secs(60), ..Limits::default() }
}

/// For what never ends.
fn short() -> Limits {
    Limits { call_timeout: Duration::from_millis(200), ..limits() }
}

/// A sandbox that puts no guest aside, however often it traps.
fn patient() -> Sandbox {
    let quarantine = QuarantineRules { traps: u32::MAX, ..QuarantineRules::default() };
    sandbox_with(SandboxOptions { quarantine, ..SandboxOptions::default() })
}

#[test]
fn every_way_to_misbehave_in_score_has_its_name() {
    // The kind of error, and a part of its text; no kind where the contract allows it.
    let cases = [
        ("none", None, ""),
        ("infinite-score", None, ""),
        ("forget-state", None, ""),
        ("impure", None, ""),
        ("rude-note", None, ""),
        ("loop", Some("timed_out"), "200ms"),
        ("log-flood", None, ""),
        ("allocate", Some("out_of_memory"), "268435456"),
        ("recurse", Some("trapped"), ""),
        ("panic", Some("trapped"), "hostile on purpose, after 0 samples"),
        ("short-columns", Some("bad_answer"), "1 scores for 2 samples"),
        ("long-columns", Some("bad_answer"), "3 scores for 2 samples"),
        ("no-columns", Some("bad_answer"), "0 scores for 2 samples"),
        ("uneven-columns", Some("bad_answer"), "0 upper for 2 samples"),
        ("negative-score", Some("bad_answer"), "below 0"),
        ("nan-band", Some("bad_answer"), "from NaN to NaN"),
        ("inverted-band", Some("bad_answer"), "from 2 to 0"),
        ("giant-state", Some("bad_answer"), "more data"),
        ("giant-note", Some("bad_answer"), "more data"),
        ("giant-log", Some("bad_answer"), "more data"),
        ("internal-error", Some("bad_answer"), "more data"),
        ("insufficient-data", Some("guest_error"), "never enough"),
        ("leak", None, ""),
        ("yearly-needs", None, ""),
        ("panic-in-drop", None, ""),
        ("growing-state", None, ""),
        ("abort", Some("trapped"), "unreachable"),
        ("many-models", Some("trapped"), "handle"),
    ];
    let sandbox = patient();
    let guest = load_within(&sandbox, "hostile", &limits());
    let hurried = load_within(&sandbox, "hostile", &short());
    for (mode, kind, text) in cases {
        let guest = if kind == Some("timed_out") { &hurried } else { &guest };
        let detector = open(guest, &json!({"mode": mode, "when": 2.0}));
        let answer = detector.score(&[], &[0, 1], &[1.0, 2.0]);
        let error = answer.err();
        assert_eq!(error.as_ref().map(CallError::kind), kind, "{mode}: {error:?}");
        let message = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(message.contains(text), "{mode}: {message}");
        // The series next to it, on the same detector, is judged all the same.
        detector.score(&[], &[0], &[1.0]).unwrap_or_else(|error| panic!("{mode}: {error}"));
    }
}

#[test]
fn opening_is_bounded_like_calling() {
    // What opens is slow to trap where the machine is busy, and what loops never does: this long is enough for both.
    let soon = Duration::from_secs(5);
    let limits = Limits { open_timeout: soon, call_timeout: soon, ..limits() };
    let guest = load_within(&sandbox(), "hostile", &limits);
    for (mode, kind, text) in [
        ("loop-in-open", "timed_out", "5s"),
        ("panic-in-open", "trapped", "hostile on purpose, in open"),
        ("loop-in-needs", "timed_out", "5s"),
        ("panic-in-needs", "trapped", "hostile on purpose, in needs"),
        ("greedy-needs", "bad_answer", "history"),
        ("millennial-needs", "bad_answer", "history"),
    ] {
        let error = guest.open_detector(&json!({"mode": mode}), Duration::from_secs(60)).expect_err(mode);
        let OpenError::Call { error, .. } = error else {
            panic!("{mode}: {error}");
        };
        assert_eq!(error.kind(), kind, "{mode}: {error}");
        assert!(error.to_string().contains(text), "{mode}: {error}");
    }
}

#[test]
fn a_year_of_history_may_be_asked_for() {
    let guest = load_within(&shared(), "hostile", &limits());
    let needs = open(&guest, &json!({"mode": "yearly-needs"})).needs();
    assert_eq!(needs.history, Duration::from_secs(365 * 24 * 3600));
}

#[test]
fn a_state_grows_up_to_its_limit_and_is_kept_as_it_was() {
    let guest = load_within(&shared(), "hostile", &limits());
    let detector = open(&guest, &json!({"mode": "growing-state"}));
    let mut state = vec![];
    let error = loop {
        match detector.score(&state, &[0], &[1.0]) {
            Ok(scored) => state = scored.state,
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("a state of 131072 bytes, more than the 65536 allowed"), "{error}");
    assert_eq!(state.len(), 65536, "what the host holds is the last one that it took");
    assert_eq!(detector.score(&state, &[0], &[1.0]).expect_err("still too large").kind(), "bad_answer");
}

#[test]
fn an_instance_that_never_frees_is_replaced_before_it_traps() {
    let sandbox = sandbox();
    let limits = Limits { memory_bytes: 16 << 20, ..limits() };
    let detector = open(&load_within(&sandbox, "hostile", &limits), &json!({"mode": "leak"}));
    let mut state = vec![];
    for at in 0..100 {
        state = detector.score(&state, &[at], &[1.0]).unwrap_or_else(|error| panic!("call {at}: {error}")).state;
    }
    assert_eq!(state, 100_u64.to_le_bytes(), "nothing is lost with an instance");
    let stats = sandbox.stats().remove(0);
    // A megabyte a call, and an instance may have twelve of sixteen.
    assert!((8..=20).contains(&stats.instances_retired), "{stats:?}");
    assert!(!stats.quarantined);
}

#[test]
fn a_rude_note_is_made_polite() {
    let guest = load_within(&shared(), "hostile", &limits());
    let scored = open(&guest, &json!({"mode": "rude-note"})).score(&[], &[0], &[1.0]).expect("an answer");
    let note = scored.note.expect("a note");
    assert!(!note.contains(['\u{1b}', '\u{7}', '\0', '\r', '\u{202e}']), "{note:?}");
}

#[test]
fn a_broken_guest_is_put_aside_and_the_rest_goes_on() {
    let sandbox = sandbox();
    let healthy = open(&load_within(&sandbox, "zscore", &limits()), &json!({}));
    let broken = open(&load_within(&sandbox, "hostile", &limits()), &json!({"mode": "panic", "after": 3}));
    let mut kinds = vec![];
    let mut state = vec![];
    for at in 0..12 {
        match broken.score(&state, &[at], &[1.0]) {
            Ok(scored) => state = scored.state,
            Err(error) => kinds.push(error.kind()),
        }
        healthy.score(&[], &[at], &[1.0]).expect("an answer");
    }
    assert_eq!(kinds, [vec!["trapped"; 5], vec!["quarantined"; 4]].concat());
    // The state that the host holds is the one from before the first trap.
    assert_eq!(state, 3_u64.to_le_bytes());
}

pub(crate) struct Nobody;

impl MetricsSource for Nobody {
    fn query(&self, expr: &str, _within: Duration) -> Result<Vec<InstantSample>, String> {
        Err(format!("nobody evaluates {expr}"))
    }
}

pub(crate) fn incident() -> Incident {
    Incident {
        id: "i-7".to_owned(),
        source: Source::Alert,
        watch: "route".to_owned(),
        labels: vec![],
        severity: Severity::Medium,
        since: 0,
        value: f64::NAN,
        expected: f64::NAN,
        lower: f64::NAN,
        upper: f64::NAN,
        window: vec![],
        alerts: vec![],
        attempts: vec![],
    }
}

fn offer() -> ActionOffer {
    ActionOffer { name: "restart".to_owned(), summary: String::new(), arguments_schema: json!({}) }
}

#[test]
fn every_way_to_misbehave_in_propose_has_its_name() {
    let sandbox = patient();
    let guest = load_within(&sandbox, "hostile-policy", &limits());
    let hurried = load_within(&sandbox, "hostile-policy", &short());
    for (mode, kind, text) in [
        ("loop", "timed_out", "200ms"),
        ("panic", "trapped", "hostile on purpose, incident i-7"),
        ("other-action", "bad_answer", "\"rm-rf\""),
        ("broken-arguments", "bad_answer", "not JSON"),
        ("list-arguments", "bad_answer", "no object"),
        ("giant-plan", "bad_answer", "more data"),
        ("giant-reason", "bad_answer", "more data"),
        ("internal-error", "guest_error", "refused on purpose"),
        ("allocate", "out_of_memory", "268435456"),
    ] {
        let guest = if kind == "timed_out" { &hurried } else { &guest };
        let policy = guest.open_policy(&json!({"mode": mode}), &[offer()]).expect(mode);
        let error = policy.propose(&incident(), &Nobody).expect_err(mode);
        assert_eq!(error.kind(), kind, "{mode}: {error}");
        assert!(error.to_string().contains(text), "{mode}: {error}");
    }
    let talkative = guest.open_policy(&json!({"mode": "log-flood"}), &[offer()]).expect("a policy");
    talkative.propose(&incident(), &Nobody).expect("it talks, and answers");
    let error = guest.open_policy(&json!({"mode": "panic-in-open"}), &[offer()]).expect_err("no policy");
    assert!(matches!(&error, OpenError::Call { error: CallError::Trapped { .. }, .. }), "{error}");

    let limits = Limits { open_timeout: Duration::from_secs(2), ..limits() };
    let hurried = load_within(&sandbox, "hostile-policy", &limits);
    let error = hurried.open_policy(&json!({"mode": "loop-in-open"}), &[offer()]).expect_err("no policy");
    assert!(matches!(error, OpenError::Call { error: CallError::TimedOut { .. }, .. }), "{error}");
}

#[test]
fn a_rude_plan_is_made_polite_and_foreign_arguments_are_handed_on() {
    let guest = load_within(&shared(), "hostile-policy", &limits());
    let ask = |mode| {
        let policy = guest.open_policy(&json!({"mode": mode}), &[offer()]).expect(mode);
        match policy.propose(&incident(), &Nobody) {
            Ok(Decision::Propose(plan)) => plan,
            other => panic!("{mode}: {other:?}"),
        }
    };
    let plan = ask("rude-plan");
    for text in [plan.summary, plan.rationale] {
        assert!(!text.contains(['\u{1b}', '\u{7}', '\0', '\r', '\u{202e}']), "{text:?}");
    }
    // Bounds on arguments are the config's, and the config is not known here.
    assert!(ask("foreign-arguments").arguments.contains_key("target"));
}

#[test]
fn prometheus_is_for_those_to_whom_it_was_granted() {
    let wasm = bytes("nosy-policy");
    let error = shared().load("nosy", &wasm, &limits(), &Grants::none()).expect_err("not granted");
    let LoadError::Imports { imports, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(imports[0].why, WhyRefused::NotGranted("host-metrics"));

    let grants = Grants::parse(["host-metrics"]).expect("a known grant");
    let guest = shared().load("nosy", &wasm, &limits(), &grants).expect("granted");
    let policy = guest.open_policy(&json!({"expr": "up"}), &[]).expect("a policy");
    assert_eq!(
        policy.propose(&incident(), &Nobody).expect("a decision"),
        Decision::Leave("was refused: nobody evaluates up".to_owned())
    );
}
