//! A guest that breaks off or never ends, at every place where its code runs.

use std::time::Duration;

use serde_json::json;
use tidegate_sandbox::{
    ActionOffer, CallError, DETECTOR, Decision, Grants, GuestStats, Limits, LoadError, OpenError, QuarantineRules,
    Sandbox, SandboxOptions,
};

use crate::forge::{ForgedDetector, ForgedPolicy};
use crate::found::sandbox_with;
use crate::hostile::{Nobody, incident};

/// What happened to a guest on its way to an answer.
#[derive(Debug)]
enum End {
    Load(LoadError),
    Open(OpenError),
    Call(CallError),
    Answer,
}

impl End {
    /// Where it ended, and how.
    fn told(&self) -> (&'static str, &'static str) {
        match self {
            End::Load(LoadError::Describe { error, .. }) => ("load", error.kind()),
            End::Open(OpenError::Call { error, .. }) => ("open", error.kind()),
            End::Call(error) => ("call", error.kind()),
            End::Answer => ("answer", ""),
            other => panic!("{other:?}"),
        }
    }
}

fn patient() -> Sandbox {
    let quarantine = QuarantineRules { traps: u32::MAX, ..QuarantineRules::default() };
    sandbox_with(SandboxOptions { quarantine, ..SandboxOptions::default() })
}

fn limits(forever: bool) -> Limits {
    // What never ends is given little; what ends, as long as it takes on a machine that has other things to do. `open` is
    // among what has to end before `score` may loop.
    let (call, open) = if forever { (Duration::from_millis(100), 2) } else { (Duration::from_secs(60), 60) };
    Limits { call_timeout: call, open_timeout: Duration::from_secs(open), ..Limits::default() }
}

fn detector(forged: &ForgedDetector, limits: &Limits) -> End {
    let guest = match patient().load("forged", &forged.wasm(), limits, &Grants::none()) {
        Ok(guest) => guest,
        Err(error) => return End::Load(error),
    };
    let detector = match guest.open_detector(&json!({}), Duration::from_secs(60)) {
        Ok(detector) => detector,
        Err(error) => return End::Open(error),
    };
    match detector.score(b"before", &[0], &[1.0]) {
        Ok(_) => End::Answer,
        Err(error) => End::Call(error),
    }
}

fn policy(forged: &ForgedPolicy, limits: &Limits) -> End {
    let guest = match patient().load("forged", &forged.wasm(), limits, &Grants::none()) {
        Ok(guest) => guest,
        Err(error) => return End::Load(error),
    };
    let offer = ActionOffer { name: "restart".to_owned(), summary: String::new(), arguments_schema: json!({}) };
    let policy = match guest.open_policy(&json!({}), &[offer]) {
        Ok(policy) => policy,
        Err(error) => return End::Open(error),
    };
    match policy.propose(&incident(), &Nobody) {
        Ok(Decision::Leave(_) | Decision::Propose(_)) => End::Answer,
        Err(error) => End::Call(error),
    }
}

/// Breaks off, and never ends.
const WAYS: [(&str, &str, bool); 2] = [("unreachable", "trapped", false), ("(loop (br 0))", "timed_out", true)];

#[test]
fn a_detector_is_stopped_wherever_its_code_runs() {
    for (way, kind, forever) in WAYS {
        let forged = ForgedDetector::default;
        for (place, forged, stage) in [
            ("instantiation", ForgedDetector { start: way, ..forged() }, "load"),
            ("describe", ForgedDetector { describe: way, ..forged() }, "load"),
            ("open", ForgedDetector { open: way, ..forged() }, "open"),
            ("needs", ForgedDetector { asked_needs: way, ..forged() }, "open"),
            ("score", ForgedDetector { score: way, ..forged() }, "call"),
            // Settings are the first thing that is handed over.
            ("room for arguments", ForgedDetector { realloc: way, ..forged() }, "open"),
            ("after the answer", ForgedDetector { afterwards: way, ..forged() }, "call"),
        ] {
            let end = detector(&forged, &limits(forever));
            assert_eq!(end.told(), (stage, kind), "{place}, {way}: {end:?}");
        }
        // An instance is thrown away as a whole; nobody asks it to tidy up.
        let end = detector(&ForgedDetector { drop: way, ..forged() }, &limits(forever));
        assert_eq!(end.told(), ("answer", ""), "{end:?}");
    }
}

#[test]
fn a_policy_is_stopped_wherever_its_code_runs() {
    for (way, kind, forever) in WAYS {
        let forged = ForgedPolicy::default;
        for (place, forged, stage) in [
            ("describe", ForgedPolicy { describe: way, ..forged() }, "load"),
            ("open", ForgedPolicy { open: way, ..forged() }, "open"),
            ("propose", ForgedPolicy { propose: way, ..forged() }, "call"),
        ] {
            let end = policy(&forged, &limits(forever));
            assert_eq!(end.told(), (stage, kind), "{place}, {way}: {end:?}");
        }
    }
}

#[test]
fn room_that_is_none_is_a_trap() {
    for (realloc, why) in [
        ("(return (i32.const -16))", "beyond end of memory"),
        ("(return (i32.const 3))", "not aligned"),
        // While the host hands something over, the guest may not call it.
        ("(call $say (i32.const 0))", "cannot leave component instance"),
    ] {
        let forged = ForgedDetector { realloc, texts: vec![b"not now".to_vec()], ..ForgedDetector::default() };
        let end = detector(&forged, &limits(false));
        // A text may lie anywhere, so what is not aligned shows with the first samples.
        assert!(matches!(end.told(), ("open" | "call", "trapped")), "{realloc}: {end:?}");
        let (End::Open(OpenError::Call { error, .. }) | End::Call(error)) = end else { unreachable!() };
        assert!(error.to_string().contains(why), "{realloc}: {error}");
    }
}

#[test]
fn handles_without_end_end() {
    let end = detector(
        &ForgedDetector { score: "(loop (drop (call $new (i32.const 1))) (br 0))", ..ForgedDetector::default() },
        &limits(false),
    );
    assert!(matches!(&end, End::Call(CallError::Trapped { what, .. }) if what.contains("handle")), "{end:?}");
}

#[test]
fn a_guest_of_very_many_parts_takes_no_room_from_others() {
    for (part, count, what) in
        [("(memory 0)", 17, "memories"), ("(table 0 funcref)", 17, "tables"), ("", 201, "instances")]
    {
        let parts = "(core instance (instantiate $m))".repeat(count);
        let text = format!(
            "(component (core module $m {part}) {parts}
                (instance $empty) (export {DETECTOR:?} (instance $empty)))"
        );
        let wasm = wat::parse_str(&text).expect("text of a component");
        let refused = patient().load("hydra", &wasm, &Limits::default(), &Grants::none()).expect_err("too many");
        assert!(matches!(&refused, LoadError::Invalid { reason, .. } if reason.contains(what)), "{what}: {refused}");
    }
}

#[test]
fn an_error_about_very_many_things_stays_readable() {
    let imports: String =
        (0..900).map(|nth| format!("(import \"evil:corp/steal{nth}\" (instance (export \"run\" (func))))")).collect();
    let text = format!("(component {imports} (instance $empty) (export {DETECTOR:?} (instance $empty)))");
    let wasm = wat::parse_str(&text).expect("text of a component");
    let refused = patient().load("greedy", &wasm, &Limits::default(), &Grants::none()).expect_err("not offered");
    let message = refused.to_string();
    assert!(matches!(refused, LoadError::Imports { imports, .. } if imports.len() == 900));
    assert!(message.len() < 4000 && message.ends_with("and 880 more"), "{message}");
}

#[test]
fn nothing_is_left_alive_of_a_guest_that_breaks_off() {
    let sandbox = patient();
    let limits = limits(false);
    for forged in [
        ForgedDetector { open: "unreachable", ..ForgedDetector::default() },
        ForgedDetector { asked_needs: "unreachable", ..ForgedDetector::default() },
        ForgedDetector { score: "unreachable", ..ForgedDetector::default() },
    ] {
        let guest = sandbox.load("forged", &forged.wasm(), &limits, &Grants::none()).expect("a guest");
        for _ in 0..50 {
            if let Ok(detector) = guest.open_detector(&json!({}), Duration::from_secs(60)) {
                detector.score(&[], &[0], &[1.0]).expect_err("a trap");
            }
        }
    }
    let alive: u64 = sandbox.stats().iter().map(|guest: &GuestStats| guest.instances).sum();
    assert_eq!(alive, 0);
}
