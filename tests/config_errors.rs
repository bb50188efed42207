//! A config that cannot work: `check` and `run` both end with 2, and say where, what and what to do.

use std::fs;

use crate::support::alertmanager::Alertmanager;
use crate::support::http::Client;
use crate::support::prometheus::Prometheus;
use crate::support::target::Target;
use crate::support::tidegate::Tidegate;
use crate::support::{eventually, free_address};

const GOOD: &str = r#"
[prometheus]
url = "http://prometheus"

[alertmanager]
url = "http://alertmanager"

[detector.sudden]
guest = "zscore"
settings = { window = "1m" }

[[watch]]
name = "queue"
expr = 'queue_length{service="checkout"}'
interval = "1s"
step = "1s"
query_offset = "1s"
consecutive = 3
detectors = ["sudden"]
remediation = { guest = "runbook", settings = { rules = [{ action = "restart" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "medium"
"#;

/// Each fault: what is replaced by what, and the words that must be said besides the place of the latter.
const FAULTS: [(&str, &str, &[&str]); 7] = [
    (r#"interval = "1s""#, r#"intervall = "1s""#, &["watch[\"queue\"].intervall", "\"interval\""]),
    ("consecutive = 3", r#"consecutive = "three""#, &["watch[\"queue\"].consecutive", "number"]),
    (r#"step = "1s""#, r#"step = "1 fortnight""#, &["watch[\"queue\"].step", "duration"]),
    (r#"detectors = ["sudden"]"#, r#"detectors = ["suden"]"#, &["watch[\"queue\"].detectors", "\"sudden\""]),
    (r#"actions = ["restart"]"#, r#"actions = ["restrat"]"#, &["watch[\"queue\"].actions", "\"restart\""]),
    (r#"risk = "medium""#, r#"risk = "moderate""#, &["action.restart.risk", "medium"]),
    ("[action.restart]", "[[watch]]\nname = \"queue\"\n[action.restart]", &["\"queue\"", "taken", "another name"]),
];

/// The same for what only the guests know. Told all at once, because loading guests takes its time.
const GUEST_FAULTS: [(&str, &str, &[&str]); 5] = [
    ("[detector.a]", "[detector.a]\nguest = \"zscroe\"", &["detector.a.guest", "\"zscore\""]),
    (
        "[detector.b]",
        "[detector.b]\nguest = \"zscore\"\nsettings = { windw = \"1m\" }",
        &["detector.b.settings", "\"window\""],
    ),
    (
        "[detector.c]",
        "[detector.c]\nguest = \"zscore\"\nsettings = { threshold = \"high\" }",
        &["detector.c.settings", "threshold"],
    ),
    (
        "[detector.d]",
        "[detector.d]\nguest = \"zscore\"\nsettings = { window = \"1s\" }",
        &["detector.d.settings", "at least 5s"],
    ),
    (r#"{ action = "restart" }"#, r#"{ action = "reboot" }"#, &["remediation.settings", "`reboot`"]),
];

fn configured(text: &str) -> Tidegate {
    let tidegate = Tidegate::new();
    let nobody = free_address();
    tidegate.configure(text, &[("prometheus", nobody), ("alertmanager", nobody), ("target", nobody)]);
    tidegate
}

#[test]
fn a_fault_is_told_with_its_file_line_key_and_remedy() {
    let good = configured(GOOD).cli(&["check"]);
    assert!(good.status.success(), "{good:?}");

    for (right, wrong, words) in FAULTS {
        let tidegate = configured(&GOOD.replacen(right, wrong, 1));
        assert_refused(&tidegate, &[(wrong, words)]);
    }
}

#[test]
fn what_guests_object_to_is_told_where_it_stands() {
    let mut text = GOOD.replace("\"sudden\"]", "\"sudden\", \"a\", \"b\", \"c\", \"d\"]");
    text.push_str("[detector.a]\n[detector.b]\n[detector.c]\n[detector.d]\n");
    for (right, wrong, _) in GUEST_FAULTS {
        text = text.replacen(right, wrong, 1);
    }
    assert_refused(&configured(&text), &GUEST_FAULTS.map(|(_, wrong, words)| (wrong, words)));
}

/// `check` and `run` end with 2, say the words and the line of each fault, and leave nothing behind.
fn assert_refused(tidegate: &Tidegate, faults: &[(&str, &[&str])]) {
    let text = fs::read_to_string(tidegate.file("tidegate.toml")).expect("a config");
    for command in ["check", "run"] {
        let output = tidegate.cli(&[command]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {said}");
        for (wrong, words) in faults {
            // Of several lines the last: the first may only be the head of the table.
            let end = text.find(wrong).expect("the fault") + wrong.trim_end_matches("\n[action.restart]").len();
            let place = format!("tidegate.toml:{}:", text[..end].matches('\n').count() + 1);
            for word in words.iter().chain(&[place.as_str()]) {
                assert!(said.contains(word), "{command}, {wrong}: no {word:?} in: {said}");
            }
        }
    }
    assert!(!tidegate.file("data/journal.db").exists(), "a config that cannot work touches no journal");
}

#[test]
fn every_fault_is_told_at_once_each_with_its_own_file() {
    let tidegate = configured(&GOOD.replace("consecutive = 3", "consecutive = 0").replace("\"medium\"", "\"none\""));
    let main = fs::read_to_string(tidegate.file("tidegate.toml")).expect("a config");
    fs::write(tidegate.file("tidegate.toml"), format!("include = [\"watches.d/*.toml\"]\n{main}")).expect("a config");
    fs::create_dir(tidegate.file("watches.d")).expect("a folder");
    fs::write(tidegate.file("watches.d/team.toml"), "\n[[watch]]\nname = \"other\"\nexpression = \"up\"\n")
        .expect("a config");
    let output = tidegate.cli(&["check"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for word in ["consecutive", "risk", "watches.d/team.toml:4", "expression"] {
        assert!(said.contains(word), "no {word:?} in: {said}");
    }

    fs::write(tidegate.file("tidegate.toml"), "[server\nlisten = 1").expect("a config");
    let output = tidegate.cli(&["check"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("tidegate.toml:1"), "{said}");
}

#[test]
fn check_connect_asks_the_real_endpoints() {
    let target = Target::start();
    let prometheus = Prometheus::start(&target);
    let tidegate = Tidegate::new();
    let alertmanager = Alertmanager::start(tidegate.address());
    // The check looks back by the query offset and a step, so one scrape is not enough.
    eventually("samples older than the query offset", || {
        let answer = Client::new(prometheus.address()).try_get("/api/v1/query?query=queue_length%20offset%203s")?;
        answer.json()["data"]["result"].as_array().filter(|found| !found.is_empty()).map(drop)
    });
    let around = |text: &str, prometheus, alertmanager| {
        let around = [("prometheus", prometheus), ("alertmanager", alertmanager), ("target", target.address())];
        tidegate.configure(text, &around);
        let output = tidegate.cli(&["check", "--connect"]);
        let (said, warned) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code(), format!("{said}{warned}"))
    };

    let (code, said) = around(GOOD, prometheus.address(), alertmanager.address());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 series now") && said.contains("ready"), "{said}");

    let (code, said) =
        around(&GOOD.replace("checkout\"}'", "nobody\"}'"), prometheus.address(), alertmanager.address());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("no series for this expression"), "{said}");

    let (code, said) =
        around(&GOOD.replace("checkout\"}'", "checkout\"'"), prometheus.address(), alertmanager.address());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("watch[\"queue\"].expr") && said.contains("parse error"), "{said}");

    let nobody = free_address();
    let (code, said) = around(GOOD, nobody, alertmanager.address());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&nobody.to_string()), "{said}");
    let (code, said) = around(GOOD, prometheus.address(), nobody);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("Alertmanager at http://{nobody}")), "{said}");
}
