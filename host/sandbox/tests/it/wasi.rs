//! What a guest gets that was built for an operating system: an empty machine, the same one in every call.

mod everything;

use std::time::Duration;

use serde_json::json;
use tidegate_sandbox::{
    CallError, Detector, Grants, ImportNeed, Limits, OpenError, QuarantineRules, SandboxOptions, inspect,
};

use crate::found::{self, bytes, load_within, open, sandbox_with, shared};
use crate::logging::lines;

const GUEST: &str = "wasip2-detector";

/// 2023-11-14, a quarter past ten in the evening.
const AT: i64 = 1_700_000_000_123;

/// So generous that no machine is too slow for a call that ends.
fn patient() -> Limits {
    Limits { call_timeout: Duration::from_secs(60), ..Limits::default() }
}

/// A detector that looks where the mode says.
fn visitor(mode: &str) -> Detector {
    open(&load_within(&shared(), GUEST, &patient()), &json!({"mode": mode}))
}

/// What a call at this time notes.
fn note(detector: &Detector, at: i64) -> String {
    let scored = detector.score(&[], &[at], &[1.0]).unwrap_or_else(|error| panic!("{error}"));
    scored.note.expect("a note")
}

#[test]
fn the_machine_is_empty() {
    for (mode, expected) in [
        ("environment", r#"arguments [], variables [], folder Ok("/")"#),
        ("files", "read Err(NotFound), write Err(NotFound), list Err(NotFound), look at Err(NotFound)"),
        ("stdin", r#"read Ok(0) of """#),
        ("thread", "thread Err(Unsupported)"),
        ("clocks", "wall Ok(1700000000.123001s), again Ok(1700000000.123002s), elapsed 3µs"),
        ("sleep", "slept 3600 s"),
        // Each look at the clock is a microsecond.
        ("spin", "looked 999999 times"),
        ("many-pollables", "room again"),
    ] {
        assert_eq!(note(&visitor(mode), AT), expected, "{mode}");
    }
    let network = note(&visitor("network"), AT);
    assert!(
        network.starts_with("connect Err(PermissionDenied), listen Err(PermissionDenied), udp Err(PermissionDenied)"),
        "{network}"
    );
    assert!(network.contains("resolve Err("), "{network}");
}

#[test]
fn wasi_needs_no_grant_and_inspection_says_so() {
    let inspection = inspect(&bytes(GUEST));
    assert!(inspection.refused(&Grants::none()).is_empty());
    let of_wasi: Vec<_> = inspection.imports.iter().filter(|import| import.name.starts_with("wasi:")).collect();
    assert!(of_wasi.iter().any(|import| import.name.starts_with("wasi:sockets/tcp@0.2.")), "{of_wasi:?}");
    assert!(of_wasi.iter().any(|import| import.name.starts_with("wasi:filesystem/types@0.2.")), "{of_wasi:?}");
    assert!(of_wasi.iter().all(|import| import.need == ImportNeed::EmptyWasi), "{of_wasi:?}");
}

#[test]
fn the_clock_shows_the_time_of_the_data() {
    let detector = visitor("clocks");
    let wall = |timestamps: &[i64]| {
        let values = vec![1.0; timestamps.len()];
        let scored = detector.score(&[], timestamps, &values).unwrap_or_else(|error| panic!("{error}"));
        scored.note.and_then(|note| note.split(", ").next().map(str::to_owned)).expect("a note")
    };
    assert_eq!(wall(&[1, 2, AT]), "wall Ok(1700000000.123001s)");
    // The next call has a clock of its own, whichever way time went.
    assert_eq!(wall(&[60_000]), "wall Ok(60.000001s)");
    // WASI knows no time before the epoch.
    assert_eq!(wall(&[-60_000]), "wall Ok(1µs)");
}

#[test]
fn two_instances_give_the_same_bits() {
    let sandbox = found::sandbox();
    let guest = load_within(&sandbox, GUEST, &patient());
    let settings = json!({"mode": "look-around"});
    let calls = |detector: &Detector| -> Vec<String> { (0..5).map(|n| note(detector, AT + n * 60_000)).collect() };
    let first = calls(&open(&guest, &settings));
    assert_eq!(first, calls(&open(&guest, &settings)));
    assert!(first[0].contains("hash ") && first[0].contains("slept 3600 s"), "{first:?}");
    // Another machine altogether.
    let elsewhere = found::sandbox();
    assert_eq!(first, calls(&open(&load_within(&elsewhere, GUEST, &patient()), &settings)));
}

#[test]
fn a_call_does_not_depend_on_those_before_it() {
    // All but hash maps, whose seeds the standard library keeps in the instance and counts up.
    for mode in ["clocks", "sleep", "stdin", "files", "network"] {
        let settled = visitor(mode);
        for _ in 0..10 {
            note(&settled, AT - 1);
        }
        assert_eq!(note(&settled, AT), note(&visitor(mode), AT), "{mode}");
    }
}

/// A guest that may trap as often as it likes.
fn hostile(mode: &str, limits: &Limits) -> Detector {
    let quarantine = QuarantineRules { traps: u32::MAX, ..QuarantineRules::default() };
    let sandbox = sandbox_with(SandboxOptions { quarantine, ..SandboxOptions::default() });
    open(&load_within(&sandbox, GUEST, limits), &json!({"mode": mode}))
}

fn end(detector: &Detector) -> CallError {
    detector.score(&[], &[AT], &[1.0]).expect_err("no answer")
}

#[test]
fn what_is_too_much_ends_with_its_name() {
    let sandbox = sandbox_with(SandboxOptions {
        quarantine: QuarantineRules { traps: u32::MAX, ..QuarantineRules::default() },
        ..SandboxOptions::default()
    });
    let guest = load_within(&sandbox, GUEST, &patient());
    for (mode, what) in [
        ("exit", "trapped: exited with failure instead of returning"),
        ("exit-success", "trapped: exited with success instead of returning"),
        ("abort", "trapped: wasm trap: wasm `unreachable`"),
        ("hoard-pollables", "holds more than 1024 streams and pollables at once"),
        ("hoard-streams", "holds more than 1024 streams and pollables at once"),
        ("poll-a-million", "more data than the host takes in at once"),
        ("poll-too-many", "polls 2000 pollables at once, more than the 1024"),
        ("poll-nothing", "polls nothing, which would never end"),
        ("gigabytes-of-random", "asks for 4294967296 random bytes at once, more than the 65536"),
        ("write-too-much", "writes 4097 bytes at once, more than the 4096"),
        ("write-far-too-much", "more data than the host takes in at once"),
    ] {
        let detector = open(&guest, &json!({"mode": mode}));
        for _ in 0..2 {
            let error = end(&detector).to_string();
            assert!(error.contains(what), "{mode}: {error}");
        }
    }
    let error = guest.open_detector(&json!({"mode": "exit-in-open"}), Duration::from_secs(60)).expect_err("no model");
    assert!(
        matches!(&error, OpenError::Call { error: CallError::Trapped { what, .. }, .. } if what.contains("exited"))
    );
}

#[test]
fn no_call_of_the_host_outlives_the_deadline() {
    let soon = Limits { call_timeout: Duration::from_millis(100), ..Limits::default() };
    for mode in ["sleep-for-ever", "random-without-end"] {
        let error = end(&hostile(mode, &soon));
        assert!(matches!(error, CallError::TimedOut { .. }), "{mode}: {error}");
    }
}

#[test]
fn what_a_guest_prints_last_is_why_it_trapped() {
    let error = end(&hostile("panic", &patient()));
    let CallError::Trapped { said: Some(said), .. } = &error else { panic!("{error}") };
    assert!(said.contains("panicked at") && said.contains("| on purpose |"), "{said}");
}

#[test]
fn what_is_printed_is_logged_line_by_line() {
    let (lines, dropped) = lines(&bytes(GUEST), &json!({"mode": "print"}), 1);
    let expected = [
        ("INFO", "to the output"),
        ("INFO", "a second line,"),
        ("INFO", r"and a \u{1b}[31mthird\u{7}"),
        ("WARN", "to the error: 2"),
    ];
    assert_eq!((lines.len(), dropped), (expected.len(), 0), "{lines:?}");
    for (line, (level, text)) in lines.iter().zip(expected) {
        assert!(line.contains(level) && line.contains(text) && line.contains("guest=talker"), "{line}");
    }
}

#[test]
fn a_line_without_end_is_logged_after_its_call() {
    let (lines, _) = lines(&bytes(GUEST), &json!({"mode": "unfinished"}), 3);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("no end")), "{lines:?}");
}

#[test]
fn a_flood_of_prints_is_dammed() {
    let (lines, dropped) = lines(&bytes(GUEST), &json!({"mode": "print-flood"}), 1);
    assert_eq!((lines.len(), dropped), (5, 99_995));
}

#[test]
fn a_line_of_megabytes_is_cut() {
    let (lines, dropped) = lines(&bytes(GUEST), &json!({"mode": "long-line"}), 1);
    assert_eq!((lines.len(), dropped), (1, 0));
    assert!(lines[0].len() < 200 && lines[0].contains("xxx…"), "{lines:?}");
}
