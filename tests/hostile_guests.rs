//! Guests that misbehave: what they serve is unjudged and counted, everything else goes on.

use std::fs;

use serde_json::json;

use crate::support::fake_prometheus::FakePrometheus;
use crate::support::target::Target;
use crate::support::tidegate::Tidegate;
use crate::support::{delivery, guest};

/// The ways to misbehave in `score`, and under which kind the host counts each.
const DETECTORS: [(&str, &str); 18] = [
    ("loop", "timed_out"),
    ("allocate", "out_of_memory"),
    ("recurse", "trapped"),
    ("panic", "trapped"),
    ("short-columns", "bad_answer"),
    ("long-columns", "bad_answer"),
    ("no-columns", "bad_answer"),
    ("uneven-columns", "bad_answer"),
    ("negative-score", "bad_answer"),
    ("nan-band", "bad_answer"),
    ("inverted-band", "bad_answer"),
    ("giant-state", "bad_answer"),
    ("giant-note", "bad_answer"),
    ("giant-log", "bad_answer"),
    ("insufficient-data", "guest_error"),
    ("internal-error", "bad_answer"),
    ("many-models", "trapped"),
    ("abort", "trapped"),
];

const WATCHED: &str = r#"
[prometheus]
url = "http://prometheus"

[defaults.watch]
interval = "1s"
step = "1s"
query_offset = "0s"
consecutive = 2
cold_start = { history = "40s" }

[detector.sudden]
guest = "zscore"
settings = { window = "40s" }

[[watch]]
name = "steady"
expr = "steady"
detectors = ["sudden"]
"#;

/// A component with another digest, so that one that is put aside for its traps does not take the others with it: a
/// custom section at the end, which means nothing.
fn with_own_digest(wasm: &[u8], name: &str) -> Vec<u8> {
    let length = |length: usize| u8::try_from(length).expect("a short name");
    let section = [&[0, length(name.len() + 1), length(name.len())], name.as_bytes()].concat();
    [wasm, &section].concat()
}

#[test]
fn hostile_detectors_leave_their_own_series_unjudged_and_nothing_else() {
    let prometheus = FakePrometheus::start();
    let tidegate = &mut Tidegate::new();
    let hostile = fs::read(guest("hostile")).expect("a guest");
    let mut config = WATCHED.to_owned();
    prometheus.play("steady", 40.0);
    for (mode, _) in DETECTORS {
        prometheus.play(mode, 40.0);
        fs::write(tidegate.file(&format!("guests/hostile-{mode}.wasm")), with_own_digest(&hostile, mode))
            .expect("a guest");
        let limit = match mode {
            "loop" => "call_timeout = \"200ms\"",
            "allocate" => "memory = \"16MiB\"",
            _ => "",
        };
        config.push_str(&format!(
            "[guest.hostile-{mode}]\n{limit}\n\
             [detector.{mode}]\nguest = \"hostile-{mode}\"\nsettings = {{ mode = \"{mode}\" }}\n\
             [[watch]]\nname = \"{mode}\"\nexpr = \"{mode}\"\ndetectors = [\"{mode}\"]\n"
        ));
    }
    tidegate.configure(&config, &[("prometheus", prometheus.address())]);
    tidegate.run();

    for (mode, kind) in DETECTORS {
        let labels = format!("watch=\"{mode}\",detector=\"{mode}\",kind=\"{kind}\"");
        tidegate.reaches("tidegate_detector_failures_total", &labels, 1.0);
        tidegate.reaches("tidegate_samples_unjudged_total", &format!("watch=\"{mode}\",reason=\"guest_failed\""), 1.0);
    }
    // Even while each of them fails again and again, the neighbour is judged.
    prometheus.set("steady", 400.0);
    for (mode, _) in DETECTORS {
        prometheus.set(mode, 400.0);
    }
    let incident = tidegate.opened("steady");
    assert_eq!(incident["labels"], json!({ "service": "steady" }));
    for (mode, _) in DETECTORS {
        let judged = format!("watch=\"{mode}\",standing=\"normal\"");
        assert_eq!(
            tidegate.metric("tidegate_samples_total", &judged),
            0.0,
            "no answer is not an answer of no anomaly: {mode}"
        );
    }
    assert_eq!(tidegate.incidents().len(), 1);
    let log = tidegate.log();
    let said = log.lines().filter(|line| line.contains("could not judge") && line.contains("\"short-columns\""));
    assert_eq!(said.count(), 1, "said once for as long as it lasts");
    tidegate.reaches("tidegate_guest_quarantined", r#"guest="hostile-panic""#, 1.0);
    assert_eq!(tidegate.metric("tidegate_guest_quarantined", r#"guest="zscore""#), 0.0);
    for probe in ["/-/healthy", "/-/ready"] {
        assert_eq!(tidegate.get(probe).status, 200, "{probe}");
    }
    tidegate.stop_and_verify_journal();
}

/// The ways to misbehave in `propose`, which event follows, and what it says.
const POLICIES: [(&str, &str, &str); 9] = [
    ("loop", "policy_failed", "after 3s"),
    ("panic", "policy_failed", "hostile on purpose"),
    ("other-action", "policy_failed", "rm-rf"),
    ("broken-arguments", "policy_failed", "not JSON"),
    ("list-arguments", "policy_failed", "no object"),
    ("foreign-arguments", "proposal_refused", "force"),
    ("giant-plan", "policy_failed", "more data"),
    ("giant-reason", "policy_failed", "more data"),
    ("internal-error", "policy_failed", "refused on purpose"),
];

const ROUTED: &str = r#"
[prometheus]
url = "http://prometheus"

[storm]
incidents = 100

[guest.hostile-policy]
call_timeout = "3s"

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "low"
"#;

fn route(name: &str, guest: &str, settings: &str) -> String {
    format!(
        "[[alert_route]]\nname = \"{name}\"\nmatch = ['service=\"{name}\"']\nactions = [\"restart\"]\n\
         remediation = {{ guest = \"{guest}\", settings = {settings} }}\n"
    )
}

fn alert(tidegate: &Tidegate, service: &str) {
    tidegate.deliver(&delivery("firing", "Down", service)).good();
}

#[test]
fn hostile_policies_propose_nothing_and_the_next_one_is_asked() {
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    let mut config = ROUTED.to_owned();
    for (mode, ..) in POLICIES {
        config.push_str(&route(mode, "hostile-policy", &format!("{{ mode = \"{mode}\" }}")));
    }
    config.push_str(&route("rude-plan", "hostile-policy", "{ mode = \"rude-plan\" }"));
    config.push_str(&route("good", "runbook", "{ rules = [{ action = \"restart\" }] }"));
    let mut tidegate = Tidegate::start(&config, &[("prometheus", prometheus.address()), ("target", target.address())]);

    for (mode, kind, says) in POLICIES {
        alert(&tidegate, mode);
        let text = tidegate.told(&tidegate.opened(mode), kind);
        assert!(text.contains(says), "{mode}: {text}");
        assert!(text.len() < 10_000, "{mode}: {} bytes", text.len());
    }
    assert!(tidegate.requests().is_empty());

    alert(&tidegate, "rude-plan");
    let rude = tidegate.pending();
    for text in ["summary", "rationale"] {
        let text = rude[text].as_str().expect("a text");
        assert!(!text.contains(['\u{1b}', '\u{7}', '\0', '\r', '\u{202e}']), "{text:?}");
    }
    tidegate.deny(&rude, "rude").good();
    let log = tidegate.log();
    assert!(log.contains("<script>") && !log.lines().any(|line| line.starts_with("<script>")), "one event, one line");

    alert(&tidegate, "good");
    let good = tidegate.pending();
    tidegate.approve(&good).good();
    tidegate.request_when(&good, "the action ends", |request| request["execution"]["outcome"] == "succeeded");
    assert_eq!(target.repairs().len(), 1);
    tidegate.stop_and_verify_journal();
}

#[test]
fn a_policy_that_asks_for_more_than_it_was_granted_is_not_loaded() {
    let prometheus = FakePrometheus::start();
    let around = [("prometheus", prometheus.address()), ("target", prometheus.address())];
    let tidegate = Tidegate::new();
    let nosy = format!("{ROUTED}{}", route("nosy", "nosy-policy", "{ expr = \"up\" }"));
    tidegate.configure(&nosy, &around);
    for command in ["check", "run"] {
        let output = tidegate.cli(&[command]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {said}");
        for word in ["tidegate.toml:", "nosy-policy", "host-metrics", "[guest.nosy-policy]"] {
            assert!(said.contains(word), "{command} does not say {word:?}: {said}");
        }
    }
    assert!(!tidegate.file("data/journal.db").exists(), "a config that cannot work touches no journal");

    tidegate.configure(&format!("{nosy}[guest.nosy-policy]\ngrants = [\"host-metrics\"]\n"), &around);
    let output = tidegate.cli(&["check"]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_detector_that_cannot_be_opened_is_told_by_check_and_run() {
    let prometheus = FakePrometheus::start();
    let tidegate = Tidegate::new();
    let mut config = WATCHED.to_owned() + "[guest.hostile]\nopen_timeout = \"3s\"\n";
    let modes = [
        ("loop-in-open", "after 3s"),
        ("panic-in-open", "hostile on purpose"),
        ("loop-in-needs", "still running after 1s"),
        ("panic-in-needs", "hostile on purpose"),
        ("greedy-needs", "history"),
        ("millennial-needs", "history"),
    ];
    for (mode, _) in modes {
        config.push_str(&format!(
            "[detector.{mode}]\nguest = \"hostile\"\nsettings = {{ mode = \"{mode}\" }}\n\
             [[watch]]\nname = \"{mode}\"\nexpr = \"{mode}\"\ndetectors = [\"{mode}\"]\n"
        ));
    }
    tidegate.configure(&config, &[("prometheus", prometheus.address())]);
    for command in ["check", "run"] {
        let output = tidegate.cli(&[command]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {said}");
        for (mode, why) in modes {
            let line = said.lines().find(|line| line.contains(&format!("detector.{mode}.settings")));
            assert!(line.is_some_and(|line| line.contains(why)), "{command}, {mode}: {said}");
        }
    }
}
