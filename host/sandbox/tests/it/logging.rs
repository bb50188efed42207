//! What guests say, as it arrives in the host's log.

use std::cell::RefCell;
use std::io::Write;
use std::sync::Once;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_sandbox::{Grants, Limits};

use crate::forge::ForgedDetector;
use crate::found::{open, sandbox};

thread_local! {
    /// What is logged on this thread, while a test reads it.
    static PAGE: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Writes to the page of the thread that logs; where there is none, nobody reads.
struct Page;

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        PAGE.with_borrow_mut(|page| page.iter_mut().for_each(|page| page.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// One subscriber for all tests, there before any of them logs. A place in the code that logs for the first time while a
/// subscriber is being put up may take it that nobody listens, for ever.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(|| Page).finish();
        tracing::subscriber::set_global_default(subscriber).expect("the only subscriber");
    });
}

/// All lines that the host logs while the detector is called so many times, and how many it dropped.
fn logged(forged: &ForgedDetector, calls: u32) -> (Vec<String>, u64) {
    lines(&forged.wasm(), &json!({}), calls)
}

/// As [`logged`], for any detector. Five lines may be logged, of 64 bytes.
pub(crate) fn lines(wasm: &[u8], settings: &Value, calls: u32) -> (Vec<String>, u64) {
    let sandbox = sandbox();
    let limits = Limits {
        max_text_bytes: 64,
        log_burst: 5,
        log_per_second: 0,
        // A flood takes as long as it takes.
        call_timeout: Duration::from_secs(60),
        ..Limits::default()
    };
    PAGE.set(Some(Vec::new()));
    let guest = sandbox.load("talker", wasm, &limits, &Grants::none()).expect("a guest");
    let detector = open(&guest, settings);
    for _ in 0..calls {
        // Whether it answers is not what is looked at.
        let _answer = detector.score(&[], &[0], &[1.0]);
    }
    // What is left of an unfinished line is said when its instance goes.
    drop((detector, guest));
    let text = String::from_utf8(PAGE.take().expect("a page")).expect("UTF-8");
    (text.lines().map(str::to_owned).collect(), sandbox.stats()[0].log_lines_dropped)
}

#[test]
fn a_line_names_its_guest_and_stays_one_line() {
    let forged = ForgedDetector {
        score: "(call $say (i32.const 0))",
        texts: vec![b"first\nERROR forged: \x1b[2Jsecond".to_vec()],
        ..ForgedDetector::default()
    };
    let (lines, dropped) = logged(&forged, 1);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("first\\nERROR forged: \\u{1b}[2Jsecond"), "{lines:?}");
    assert!(lines[0].contains("guest=talker") && lines[0].contains("ERROR"), "{lines:?}");
    assert_eq!(dropped, 0);
}

#[test]
fn a_long_line_is_cut_and_a_flood_is_dammed() {
    let forged = ForgedDetector {
        score: "(call $say (i32.const 0))",
        texts: vec!["ö".repeat(5000).into_bytes()],
        ..ForgedDetector::default()
    };
    let (lines, dropped) = logged(&forged, 100);
    assert_eq!((lines.len(), dropped), (5, 95));
    assert!(lines.iter().all(|line| line.len() < 200 && line.contains('…')), "{lines:?}");
}

#[test]
fn a_quarantine_is_logged_once() {
    let forged = ForgedDetector { score: "unreachable", ..ForgedDetector::default() };
    let (lines, _) = logged(&forged, 20);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("quarantined") && lines[0].contains("pause=60s"), "{lines:?}");
}

#[test]
fn a_message_that_is_no_text_ends_the_call() {
    let forged = ForgedDetector {
        score: "(call $say (i32.const 0))",
        texts: vec![b"\xff\xff".to_vec()],
        ..ForgedDetector::default()
    };
    let (lines, _) = logged(&forged, 1);
    assert!(lines.is_empty(), "{lines:?}");
}
