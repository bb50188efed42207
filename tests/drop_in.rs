//! Guests that change while the host runs: what is sound takes over between two cycles, what is not changes nothing.

use std::fs;
use std::os::unix::fs::symlink;

use sha2::{Digest as _, Sha256};

use crate::support::fake_prometheus::{Asked, FakePrometheus};
use crate::support::tidegate::Tidegate;
use crate::support::{delivery, eventually, guest};

/// `judge` is a guest that each test puts there.
const CONFIG: &str = r#"
guest_poll_interval = "100ms"

[prometheus]
url = "http://prometheus"

[defaults.watch]
interval = "1s"
step = "1s"
query_offset = "0s"
consecutive = 2
cold_start = { history = "10s" }

[detector.sudden]
guest = "judge"
settings = { SETTINGS }

[[watch]]
name = "queue"
expr = "queue"
detectors = ["sudden"]
"#;

const NORMAL: &str = r#"watch="queue",standing="normal""#;
const ANOMALOUS: &str = r#"watch="queue",standing="anomalous""#;
const JUDGE: &str = r#"guest="judge""#;
const LOADED: &str = "tidegate_guest_last_load_successful";

fn config(settings: &str) -> String {
    CONFIG.replace("SETTINGS", settings)
}

fn wasm(name: &str) -> Vec<u8> {
    fs::read(guest(name)).expect("a guest")
}

/// The same guest as another version of it: a custom section at the end, which means nothing.
fn another(wasm: &[u8], name: &str) -> Vec<u8> {
    let length = |length: usize| u8::try_from(length).expect("a short name");
    let section = [&[0, length(name.len() + 1), length(name.len())], name.as_bytes()].concat();
    [wasm, &section].concat()
}

fn sha256(wasm: &[u8]) -> String {
    Sha256::digest(wasm).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Puts a file into the guest folder in one go, as a careful person does.
fn put(tidegate: &Tidegate, name: &str, wasm: &[u8]) {
    fs::write(tidegate.file("guests/part"), wasm).expect("a file");
    fs::rename(tidegate.file("guests/part"), tidegate.file(&format!("guests/{name}.wasm"))).expect("a file");
}

/// Whether this content runs as this guest.
fn runs(tidegate: &Tidegate, name: &str, wasm: &[u8]) -> bool {
    let text = tidegate.get("/metrics").body;
    let info = format!("tidegate_guest_info{{guest=\"{name}\",digest=\"{}\",", sha256(wasm));
    text.lines().any(|line| line.starts_with(&info) && line.ends_with(" 1"))
}

fn swapped(tidegate: &Tidegate, name: &str, wasm: &[u8]) {
    eventually("the new guest runs", || runs(tidegate, name, wasm).then_some(()));
}

/// A host with `judge` in its folder, and the Prometheus that it watches.
fn watching(judge: &[u8], settings: &str) -> (Tidegate, FakePrometheus) {
    let prometheus = FakePrometheus::start();
    prometheus.play("queue", 40.0);
    let mut tidegate = Tidegate::new();
    put(&tidegate, "judge", judge);
    tidegate.configure(&config(settings), &[("prometheus", prometheus.address())]);
    tidegate.run();
    (tidegate, prometheus)
}

/// How far the samples have been asked for, each of them once; fails where there is a hole.
fn covered(asked: &[Asked]) -> f64 {
    let first = asked.first().expect("a query");
    asked.iter().fold(first.end, |upto, next| {
        assert!(next.start <= upto + 1.001, "nobody asked for what is between {upto} and {next:?}");
        upto.max(next.end)
    })
}

/// Every sample since the first cycle has been judged, and none twice.
fn no_cycle_is_missed(tidegate: &Tidegate, prometheus: &FakePrometheus) {
    eventually("every sample is judged", || {
        let asked = prometheus.asked("queue");
        let judged =
            tidegate.metric("tidegate_samples_total", NORMAL) + tidegate.metric("tidegate_samples_total", ANOMALOUS);
        // The samples of the first query are the end of history.
        (covered(&asked) - asked[0].end == judged).then_some(())
    });
}

#[test]
fn a_guest_that_judges_otherwise_takes_over_between_two_cycles() {
    // Two detectors of the same settings: one finds nothing unusual, the other one everything.
    let (calm, strict) = (wasm("hostile"), wasm("wasip2-detector"));
    let (mut tidegate, prometheus) = watching(&calm, r#"mode = "none""#);
    tidegate.reaches("tidegate_samples_total", NORMAL, 2.0);
    assert!(runs(&tidegate, "judge", &calm));
    assert_eq!(tidegate.metric("tidegate_samples_total", ANOMALOUS), 0.0);

    put(&tidegate, "judge", &strict);
    swapped(&tidegate, "judge", &strict);
    assert!(!runs(&tidegate, "judge", &calm), "one version runs");
    assert_eq!(tidegate.metric(LOADED, JUDGE), 1.0);
    tidegate.opened("queue");
    no_cycle_is_missed(&tidegate, &prometheus);
    for wasm in [&calm, &strict] {
        let kept = fs::read(tidegate.file(&format!("data/guests/{}.wasm", sha256(wasm)))).expect("it is kept");
        assert_eq!(&kept, wasm);
    }
    tidegate.stop_and_verify_journal();
}

#[test]
fn a_version_that_reads_the_states_goes_on_with_them() {
    let (first, second) = (wasm("zscore"), another(&wasm("zscore"), "second"));
    let (mut tidegate, prometheus) = watching(&first, r#"window = "40s""#);
    tidegate.reaches("tidegate_samples_total", NORMAL, 2.0);
    let learnt = || tidegate.log().matches("history learnt").count();
    assert_eq!(learnt(), 1);

    put(&tidegate, "judge", &second);
    swapped(&tidegate, "judge", &second);
    tidegate.reaches("tidegate_swap_duration_seconds_count", r#"watch="queue""#, 1.0);
    let before = tidegate.metric("tidegate_samples_total", NORMAL);
    tidegate.reaches("tidegate_samples_total", NORMAL, before + 2.0);
    assert_eq!(learnt(), 1, "nothing had to be learnt again");
    no_cycle_is_missed(&tidegate, &prometheus);

    // An incident that opened under one version is closed under the next.
    prometheus.set("queue", 400.0);
    let incident = tidegate.opened("queue");
    put(&tidegate, "judge", &first);
    swapped(&tidegate, "judge", &first);
    assert_eq!(tidegate.incident(&incident)["status"], "open");
    prometheus.set("queue", 40.0);
    assert_eq!(tidegate.closed(&incident)["closed"]["reason"], "recovered");
    assert_eq!(tidegate.incidents().len(), 1);

    // Nor has a restart with another version anything to learn.
    assert!(tidegate.terminate().success(), "{}", tidegate.log());
    put(&tidegate, "judge", &second);
    tidegate.run();
    tidegate.reaches("tidegate_samples_total", NORMAL, 2.0);
    assert!(!tidegate.log().contains("history learnt"), "{}", tidegate.log());
    tidegate.stop_and_verify_journal();
}

#[test]
fn a_bad_file_leaves_the_old_guest_running() {
    let good = wasm("zscore");
    let (mut tidegate, prometheus) = watching(&good, r#"window = "40s""#);
    let replaced = |from: &str, to: &str| {
        let mut wasm = good.clone();
        let places: Vec<usize> =
            (0..=wasm.len() - from.len()).filter(|at| wasm[*at..].starts_with(from.as_bytes())).collect();
        assert!(!places.is_empty() && from.len() == to.len(), "{from}");
        places.into_iter().for_each(|at| wasm[at..at + to.len()].copy_from_slice(to.as_bytes()));
        wasm
    };
    let bad: [(&str, Vec<u8>, &str); 8] = [
        ("garbage", b"hello".to_vec(), "not a WebAssembly component"),
        ("nothing", Vec::new(), "not a WebAssembly component"),
        ("a core module", b"\0asm\x01\0\0\0".to_vec(), "core module"),
        ("one that is cut short", good[..good.len() / 2].to_vec(), "judge"),
        ("another contract", replaced("detector@0.1.0", "detector@0.9.0"), "0.9.0"),
        ("a policy", wasm("runbook"), "a detector is wanted"),
        ("one that asks for metrics", wasm("nosy-policy"), "host-metrics"),
        ("one with other settings", wasm("seasonal"), "window"),
    ];
    for (what, wasm, words) in &bad {
        put(&tidegate, "judge", wasm);
        eventually(&format!("{what} is refused"), || (tidegate.metric(LOADED, JUDGE) == 0.0).then_some(()));
        let refused = format!("the new file (sha256 {}) was refused", sha256(wasm));
        let log = tidegate.log();
        let (_, said) = log.split_once(&refused).unwrap_or_else(|| panic!("{what} is not in the log:\n{log}"));
        assert!(said.contains(words), "{what} is not explained by {words:?}:\n{said}");
        assert!(runs(&tidegate, "judge", &good), "{what} did not take over");
        let judged = tidegate.metric("tidegate_samples_total", NORMAL);
        tidegate.reaches("tidegate_samples_total", NORMAL, judged + 1.0);
        assert_eq!(tidegate.log().matches(&refused).count(), 1, "said once");
        let check = tidegate.cli(&["check"]);
        let said = String::from_utf8_lossy(&check.stdout).into_owned();
        assert_eq!(check.status.code(), Some(2), "a restart would fail: {said}");
        let line = said.lines().find(|line| line.starts_with("guest judge: ")).expect("a line of its own");
        assert!(line.contains(&sha256(wasm)) && !line.ends_with(", ok"), "{line}");

        put(&tidegate, "judge", &good);
        tidegate.reaches(LOADED, JUDGE, 1.0);
    }
    assert_eq!(tidegate.log().matches("history learnt").count(), 1);
    no_cycle_is_missed(&tidegate, &prometheus);
    let check = tidegate.cli(&["check"]);
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(said.contains(&format!("guest judge: zscore 0.1.0, detector, sha256 {}, ok", sha256(&good))), "{said}");
    tidegate.stop_and_verify_journal();
}

#[test]
fn a_pin_lets_nothing_else_in() {
    let good = wasm("zscore");
    let prometheus = FakePrometheus::start();
    prometheus.play("queue", 40.0);
    let mut tidegate = Tidegate::new();
    put(&tidegate, "judge", &good);
    let pinned = format!("{}\n[guest.judge]\nsha256 = \"{}\"\n", config("window = \"40s\""), sha256(&good));
    tidegate.configure(&pinned, &[("prometheus", prometheus.address())]);
    tidegate.run();
    put(&tidegate, "judge", &another(&good, "second"));
    eventually("it is refused", || (tidegate.metric(LOADED, JUDGE) == 0.0).then_some(()));
    assert!(tidegate.log().contains("guest.judge.sha256"), "{}", tidegate.log());
    assert!(runs(&tidegate, "judge", &good));
    tidegate.stop_and_verify_journal();
}

#[test]
fn a_half_written_file_counts_once_it_is_whole() {
    let (first, second) = (wasm("zscore"), another(&wasm("zscore"), "second"));
    let (mut tidegate, _prometheus) = watching(&first, r#"window = "40s""#);
    // In place, in two pieces, with all the time in the world in between.
    let file = tidegate.file("guests/judge.wasm");
    fs::write(&file, &second[..1000]).expect("a file");
    eventually("half a file is refused", || (tidegate.metric(LOADED, JUDGE) == 0.0).then_some(()));
    assert!(runs(&tidegate, "judge", &first));
    fs::write(&file, &second).expect("a file");
    swapped(&tidegate, "judge", &second);
    assert_eq!(tidegate.metric(LOADED, JUDGE), 1.0);
    tidegate.stop_and_verify_journal();
}

#[test]
fn a_mounted_config_map_is_swapped_as_a_whole() {
    let prometheus = FakePrometheus::start();
    prometheus.play("queue", 40.0);
    let (first, second) = (wasm("zscore"), another(&wasm("zscore"), "second"));
    let mut tidegate = Tidegate::new();
    let mounted = |name: &str| tidegate.file("mounted").join(name);
    for (version, wasm) in [("..2026_01", &first), ("..2026_02", &second)] {
        fs::create_dir_all(mounted(version)).expect("a folder");
        fs::write(mounted(version).join("judge.wasm"), wasm).expect("a file");
    }
    symlink("..2026_01", mounted("..data")).expect("a link");
    symlink("..data/judge.wasm", mounted("judge.wasm")).expect("a link");
    let swap = [mounted("..data_tmp"), mounted("..data")];
    let config = format!("guest_dir = \"mounted\"\n{}", config("window = \"40s\""));
    tidegate.configure(&config, &[("prometheus", prometheus.address())]);
    tidegate.run();
    assert!(runs(&tidegate, "judge", &first));

    symlink("..2026_02", &swap[0]).expect("a link");
    fs::rename(&swap[0], &swap[1]).expect("a link");
    swapped(&tidegate, "judge", &second);
    assert_eq!(tidegate.metric(LOADED, JUDGE), 1.0);
    tidegate.stop_and_verify_journal();
}

#[test]
fn a_file_that_is_removed_is_missed_until_it_is_back() {
    let good = wasm("zscore");
    let (mut tidegate, prometheus) = watching(&good, r#"window = "40s""#);
    fs::remove_file(tidegate.file("guests/judge.wasm")).expect("a file");
    eventually("it is missed", || (tidegate.metric(LOADED, JUDGE) == 0.0).then_some(()));
    assert!(tidegate.log().contains("its file is gone"), "{}", tidegate.log());
    assert!(runs(&tidegate, "judge", &good));
    let judged = tidegate.metric("tidegate_samples_total", NORMAL);
    tidegate.reaches("tidegate_samples_total", NORMAL, judged + 2.0);

    put(&tidegate, "judge", &good);
    tidegate.reaches(LOADED, JUDGE, 1.0);
    no_cycle_is_missed(&tidegate, &prometheus);
    assert_eq!(tidegate.metric("tidegate_swap_duration_seconds_count", r#"watch="queue""#), 0.0, "nothing changed");
    tidegate.stop_and_verify_journal();
}

#[test]
fn a_guest_that_nothing_names_is_shown_and_no_fault() {
    let (mut tidegate, _prometheus) = watching(&wasm("zscore"), r#"window = "40s""#);
    put(&tidegate, "newcomer", &another(&wasm("seasonal"), "newcomer"));
    put(&tidegate, "rubbish", b"hello");
    for (name, words) in [("newcomer", "nothing in the config names yet"), ("rubbish", "could not be loaded")] {
        eventually(&format!("{name} is told of"), || {
            let log = tidegate.log();
            log.lines().any(|line| line.contains(name) && line.contains(words)).then_some(())
        });
    }
    assert_eq!(tidegate.metric(LOADED, JUDGE), 1.0);
    assert!(!tidegate.get("/metrics").body.contains(r#"guest="newcomer",digest="#), "it does not run");
    let check = tidegate.cli(&["check"]);
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(check.status.success(), "{said}");
    assert!(
        said.lines().any(|line| line.starts_with("guest newcomer: seasonal") && line.ends_with("not used")),
        "{said}"
    );
    assert!(said.contains("guest rubbish: not used, and cannot be: "), "{said}");
    tidegate.stop_and_verify_journal();
}

/// Alerts open incidents at once, so nothing has to be watched.
const ALERTS: &str = r#"
guest_poll_interval = "100ms"

[prometheus]
url = "http://prometheus"

[[alert_route]]
name = "alerts"
match = ['alertname="Down"']
remediation = { guest = "judge", settings = { rules = [{ action = "restart" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://prometheus/repair"
target = ["service"]
risk = "medium"
"#;

#[test]
fn a_policy_is_swapped_for_what_is_asked_from_then_on() {
    let prometheus = FakePrometheus::start();
    let (first, second) = (wasm("runbook"), another(&wasm("runbook"), "second"));
    let mut tidegate = Tidegate::new();
    put(&tidegate, "judge", &first);
    tidegate.configure(ALERTS, &[("prometheus", prometheus.address())]);
    tidegate.run();
    tidegate.deliver(&delivery("firing", "Down", "checkout")).good();
    let before = tidegate.pending();
    put(&tidegate, "judge", &second);
    swapped(&tidegate, "judge", &second);
    // What waits for a decision waits on: it is bound to what was shown.
    assert_eq!(tidegate.request(&before)["digest"], before["digest"]);
    assert_eq!(tidegate.request(&before)["status"], "pending");
    tidegate.deliver(&delivery("firing", "Down", "basket")).good();
    eventually("the new policy is asked", || (tidegate.requests().len() == 2).then_some(()));
    tidegate.approve(&before).good();
    tidegate.stop_and_verify_journal();
}
