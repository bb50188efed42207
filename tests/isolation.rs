//! Other guests' verdicts are bit-identical to a run without the hostile one: through the whole pipeline in every mode, and
//! through two hosts that look at the same Prometheus, one with hostile guests and one without.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_domain::labels::Labels;
use tidegate_domain::rules::{ColdStart, Direction, Mode, OnAbsent, SeverityScores, Watch};
use tidegate_domain::time::Timestamp;
use tidegate_pipeline::fold::WatchFold;
use tidegate_pipeline::frame::{Frame, FrameSeries};
use tidegate_pipeline::scorer::{Configured, Scorer};
use tidegate_pipeline::view::BookView;
use tidegate_sandbox::{Detector, Grants, Guest, Limits, QuarantineRules, Sandbox, SandboxOptions};

use crate::compiling::nested_loops;
use crate::support::fake_prometheus::FakePrometheus;
use crate::support::tidegate::Tidegate;
use crate::support::{eventually, guest};

const STEP: Duration = Duration::from_secs(60);
const SERIES: u32 = 8;
const HISTORY: i64 = 240;
const CYCLES: i64 = 120;

fn watch(name: &str, detectors: &[&str]) -> Watch {
    Watch {
        name: name.to_owned(),
        mode: Mode::Observe,
        step: STEP,
        detectors: detectors.iter().map(|&name| name.to_owned()).collect(),
        quorum: 1,
        direction: Direction::Both,
        min_dev: 0.0,
        min_rel_dev: 0.0,
        consecutive: 2,
        recover_after: 2,
        recover_below: 0.8,
        cold_start: ColdStart { history: Duration::ZERO, above: None, below: None },
        known_events: Vec::new(),
        absent_after: 5 * STEP,
        on_absent: OnAbsent::Show,
        accept_after: 600 * STEP,
        identity: None,
        group_by: None,
        severity: SeverityScores::default(),
        has_policy: false,
        actions: Vec::new(),
        dry_run: false,
    }
}

fn load(sandbox: &Sandbox, name: &str, limits: &Limits) -> Guest {
    let wasm = fs::read(guest(name)).expect("a guest");
    sandbox.load(name, &wasm, limits, &Grants::none()).unwrap_or_else(|error| panic!("{error}"))
}

fn detector(guest: &Guest, settings: &Value) -> Detector {
    guest.open_detector(settings, STEP).unwrap_or_else(|error| panic!("{error}"))
}

fn scorer(name: &str, detector: &Detector) -> Box<dyn Scorer> {
    Box::new(Configured { name: name.to_owned(), detector: detector.clone(), model: name.to_owned() })
}

/// Waves out of step with each other, some noise, and now and then a series far off or without a number.
fn frame(from: i64, until: i64) -> Frame {
    let value = |series: u32, nth: i64| match (nth + i64::from(series) * 31) % 97 {
        90..94 => 1000.0,
        50 => f64::NAN,
        place => 100.0 + 10.0 * (f64::from(series) + nth as f64 / 9.5).sin() + (place * 7 % 11) as f64 / 11.0,
    };
    let series = |series| FrameSeries {
        labels: Labels::new([("pod", format!("p{series}"))]),
        timestamps: (from..until).map(|nth| at(nth).0).collect(),
        values: (from..until).map(|nth| value(series, nth)).collect(),
    };
    Frame { series: (0..SERIES).map(series).collect() }
}

fn at(nth: i64) -> Timestamp {
    Timestamp(1_700_000_040_000 + nth * 60_000)
}

/// All that one watch makes of the fixed data: what it counted and said in each cycle, and its table at the end, which holds
/// cursor, streak and the detectors' states of each series.
type Made = (Vec<String>, BTreeMap<Labels, Vec<u8>>);

/// Runs a watch over the fixed data, as a host would.
fn run(watch: Watch, detectors: Vec<Box<dyn Scorer>>) -> Made {
    let mut fold = WatchFold::new(watch, detectors, NonZero::new(2).expect("two"));
    let view = BookView::default();
    let mut told = Vec::new();
    for nth in HISTORY..HISTORY + CYCLES {
        let fresh = frame(nth, nth + 1);
        fold.meet(&fresh, &view);
        if fold.awaiting_history(at(nth)).is_some() {
            fold.backfill(&frame(0, nth));
            fold.end_backfill(at(nth - 1));
        }
        let report = fold.cycle(&fresh, &view, at(nth));
        told.push(format!("{:?} {:?}", report.counts, report.changes));
    }
    (told, fold.snapshot().changed.into_iter().collect())
}

/// The modes of the hostile detector, by its own schema, but for those in which it cannot be opened.
fn modes(guest: &Guest) -> Vec<String> {
    let variants = guest.manifest().settings_schema["$defs"]["Mode"]["oneOf"].as_array().expect("modes");
    let all = variants.iter().map(|variant| variant["const"].as_str().expect("a name").to_owned());
    all.filter(|mode| guest.open_detector(&json!({ "mode": mode }), STEP).is_ok()).collect()
}

#[test]
fn a_watch_is_judged_alike_beside_every_hostile_detector() {
    // Nobody is put aside, so that each goes on for as long as it is watched.
    let quarantine = QuarantineRules { traps: u32::MAX, ..QuarantineRules::default() };
    let sandbox = || {
        let options = SandboxOptions { quarantine: quarantine.clone(), ..SandboxOptions::default() };
        Sandbox::new(options).expect("an engine on this machine")
    };
    let healthy = |sandbox: &Sandbox| {
        let zscore = detector(&load(sandbox, "zscore", &Limits::default()), &json!({ "window": "1h" }));
        let seasonal = detector(&load(sandbox, "seasonal", &Limits::default()), &json!({ "period": "1h" }));
        (zscore, seasonal)
    };
    let judge = |(zscore, seasonal): &(Detector, Detector)| {
        run(watch("steady", &["spike", "wave"]), vec![scorer("spike", zscore), scorer("wave", seasonal)])
    };
    let alone = judge(&healthy(&sandbox()));
    assert!(alone.0.iter().any(|told| told.contains("Opened")), "the data holds anomalies");
    assert_eq!(alone.1.len(), SERIES as usize);

    let shared = sandbox();
    let healthy = healthy(&shared);
    let limits = Limits {
        call_timeout: Duration::from_millis(30),
        open_timeout: Duration::from_millis(500),
        memory_bytes: 16 << 20,
        ..Limits::default()
    };
    let hostile = load(&shared, "hostile", &limits);
    let modes = modes(&hostile);
    assert!(modes.len() > 25, "{modes:?}");
    for mode in modes {
        let bad = detector(&hostile, &json!({ "mode": mode }));
        let (over, calls) = (AtomicBool::new(false), AtomicU64::new(0));
        let beside = std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut fold =
                    WatchFold::new(watch("bad", &["bad"]), vec![scorer("bad", &bad)], NonZero::new(2).expect("two"));
                for nth in 0.. {
                    let fresh = frame(nth, nth + 1);
                    fold.meet(&fresh, &BookView::default());
                    fold.end_backfill(at(nth - 1));
                    let report = fold.cycle(&fresh, &BookView::default(), at(nth));
                    calls.fetch_add(report.counts.calls, Ordering::Relaxed);
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
            let beside = judge(&healthy);
            over.store(true, Ordering::Relaxed);
            beside
        });
        assert!(beside == alone, "beside the hostile guest in mode {mode:?}");
        assert!(calls.load(Ordering::Relaxed) > 0, "{mode}: it was not called at all");
    }
}

const WATCHED: &str = r#"
guest_poll_interval = "100ms"

[prometheus]
url = "http://prometheus"

[defaults.watch]
interval = "1s"
step = "1s"
query_offset = "2s"
consecutive = 3
cold_start = { history = "1m" }

[detector.spike]
guest = "zscore"
settings = { window = "20m" }

[detector.wave]
guest = "seasonal"
settings = { period = "1m" }

[[watch]]
name = "steady"
expr = "steady"
detectors = ["spike", "wave"]
"#;

/// The modes of which a host is full in the end-to-end run. Each is also a guest of a small memory and little time.
const CROWD: [&str; 8] = ["loop", "allocate", "recurse", "panic", "log-flood", "giant-state", "growing-state", "leak"];

#[test]
fn two_hosts_say_the_same_whoever_else_is_loaded() {
    let prometheus = FakePrometheus::start();
    prometheus.play_since("steady", 40.0, Duration::from_secs(300));
    let around = [("prometheus", prometheus.address())];

    let alone = Tidegate::start(WATCHED, &around);
    let mut config = WATCHED.to_owned();
    for mode in CROWD {
        prometheus.play(mode, 40.0);
        config.push_str(&format!(
            "[detector.{mode}]\nguest = \"hostile\"\nsettings = {{ mode = \"{mode}\" }}\n\
             [[watch]]\nname = \"{mode}\"\nexpr = \"{mode}\"\ndetectors = [\"{mode}\"]\n"
        ));
    }
    config.push_str("[guest.hostile]\ncall_timeout = \"100ms\"\nmemory = \"16MiB\"\n");
    config.push_str("[guest.bomb]\ncompile_timeout = \"1s\"\n");
    let crowded = Tidegate::start(&config, &around);
    for tidegate in [&alone, &crowded] {
        tidegate.reaches("tidegate_samples_total", r#"watch="steady",standing="normal""#, 3.0);
    }
    crowded.reaches("tidegate_guest_quarantined", r#"guest="hostile""#, 1.0);
    fs::write(crowded.file("guests/bomb.wasm"), nested_loops(1000, 1000)).expect("a guest");
    eventually("the bomb is turned away", || crowded.log().contains("still compiling after 1s").then_some(()));

    prometheus.set("steady", 400.0);
    let evidence = [alone, crowded].map(|mut tidegate| {
        tidegate.opened("steady");
        tidegate.stop_and_verify_journal();
        evidence(&tidegate, "steady")
    });
    assert_eq!(evidence[0]["opinions"].as_array().map(Vec::len), Some(2), "{}", evidence[0]);
    assert_eq!(evidence[0], evidence[1], "value, band, score, and every detector's own score and state");
}

/// The evidence of the incident of a watch, as the journal holds it.
fn evidence(tidegate: &Tidegate, watch: &str) -> Value {
    let export = tidegate.cli(&["journal", "export"]);
    assert!(export.status.success(), "{export:?}");
    let text = String::from_utf8(export.stdout).expect("text");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    let opened = lines
        .map(|line| line["event"].clone())
        .find(|event| event["kind"] == "incident_opened" && event["watch"] == watch);
    opened.expect("an incident")["evidence"].clone()
}

/// What can be seen of guests that came to nothing while the host starts and checks.
#[test]
fn files_that_are_no_guests_are_told_and_nothing_else_is_touched() {
    let prometheus = FakePrometheus::start();
    let tidegate = Tidegate::new();
    let steal = r#"(component
        (import "evil:corp/steal" (instance (export "run" (func))))
        (import "wasi:http/outgoing-handler@0.2.3" (instance (export "handle" (func))))
        (instance $empty) (export "tidegate:plugin/detector@0.1.0" (instance $empty)))"#;
    fs::write(tidegate.file("guests/steal.wasm"), wat::parse_str(steal).expect("a component")).expect("a guest");
    // Two hundred megabytes that begin as a component does: a hole, which takes no room on the disk.
    let large = fs::File::create(tidegate.file("guests/large.wasm")).expect("a file");
    std::io::Write::write_all(&mut &large, b"\0asm\x0d\0\x01\0").expect("a header");
    large.set_len(200 << 20).expect("a sparse file");
    let cases = [
        ("steal", vec!["evil:corp/steal", "wasi:http/outgoing-handler@0.2.3"]),
        ("large", vec!["large.wasm", "max_wasm_size"]),
    ];
    let mut config = WATCHED.to_owned();
    for (name, _) in &cases {
        config.push_str(&format!(
            "[detector.{name}]\nguest = \"{name}\"\n\
             [[watch]]\nname = \"{name}\"\nexpr = \"{name}\"\ndetectors = [\"{name}\"]\n"
        ));
    }
    tidegate.configure(&config, &[("prometheus", prometheus.address())]);
    let output = tidegate.cli(&["check"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for (name, words) in &cases {
        for word in words {
            assert!(said.contains(word), "{name}, {word:?}: {said}");
        }
    }
    assert!(!said.contains("zscore"), "{said}");
    assert!(said.len() < 4000, "{said}");
}
