//! What `check` knows of a config beyond its text: whether certificates can be used and, with `--connect`, what Slack says
//! of the bot and of who is on call, and whether there is anything that a share is of.

use serde_json::json;

use crate::support::fake_prometheus::FakePrometheus;
use crate::support::free_address;
use crate::support::listener::Reply;
use crate::support::slack::Slack;
use crate::support::tidegate::Tidegate;

const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[slack]
bot_token_file = "bot"
channel = "C0OPS"
team_id = "T0001"
api_url = "http://slack/api"

[[approver]]
name = "bob"
token_file = "bob"
slack_user = "U0BOB"

[[group]]
name = "oncall"
slack_usergroup = "S0ONCALL"
"#;

#[test]
fn slack_is_asked_who_the_bot_is_and_who_is_on_call() {
    let slack = Slack::start();
    let prometheus = FakePrometheus::start();
    slack.control(
        "set",
        &json!({ "usergroups": { "S0ONCALL": ["U0BOB", "U0STRANGER"], "S0STRANGERS": ["U0STRANGER"] } }),
    );
    let tidegate = Tidegate::new();
    for (name, secret) in slack.secrets() {
        tidegate.write_secret(name, &secret);
    }
    tidegate.write_secret("bob", "a-token-that-only-bob-knows");
    let address = slack.address();
    let check = |text: &str, address| {
        tidegate.configure(text, &[("slack", address), ("prometheus", prometheus.address())]);
        let output = tidegate.cli(&["check", "--connect"]);
        let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
        assert!(!said.contains("xoxb-"), "a token is shown: {said}");
        (output.status.code(), said)
    };

    let (code, said) = check(CONFIG, address);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("bot tidegate of Example (T0001)"), "{said}");
    assert!(said.contains("group oncall: now bob, of 2 in Slack's S0ONCALL"), "{said}");

    let (code, said) = check(&CONFIG.replace("S0ONCALL", "S0STRANGERS"), address);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("none of its members now (1) is the slack_user of an approver"), "{said}");

    for (right, wrong, words) in [
        ("S0ONCALL", "S0NOBODY", ["group[\"oncall\"].slack_usergroup", "no_such_subteam"]),
        ("T0001", "T0002", ["slack.team_id", "Example (T0001)"]),
        ("bot_token_file = \"bot\"", "bot_token_file = \"other\"", ["slack", "invalid_auth"]),
    ] {
        tidegate.write_secret("other", "xoxb-another-bot-of-another-test");
        let (code, said) = check(&CONFIG.replace(right, wrong), address);
        assert_eq!(code, Some(2), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    }

    let (code, said) = check(CONFIG, free_address());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("Slack at http://127.0.0.1:"), "{said}");
    assert!(slack.messages("C0OPS").is_empty(), "a check says nothing to anybody");
    slack.is_content();
}

const SHARES: &str = r#"
[prometheus]
url = "http://prometheus"

[action.restart]
kind = "http"
url = "http://127.0.0.1:8080/"
target = ["pod", "node"]
risk = "low"
blast_radius = [{ label = "pod", most = "10%", of = "up" }, { label = "node", most = "10%", of = "nodes" }]
"#;

#[test]
fn a_history_in_which_nothing_can_be_usual_is_told() {
    let tidegate = Tidegate::new();
    let check = |history: &str| {
        let config = format!(
            "[prometheus]\nurl = 'http://127.0.0.1:1'\n[detector.daily]\nguest = 'seasonal'\n\
             [second_opinion]\ndetectors = ['daily']\n{history}\n[[alert_route]]\nname = 'all'\nmatch = ['team=\"a\"']\n"
        );
        tidegate.configure(&config, &[]);
        let output = tidegate.cli(&["check"]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = check("history = '1h'");
    assert!(code == Some(0) && said.contains("second_opinion.history: daily needs "), "{code:?} {said}");
    let (code, said) = check("");
    assert!(code == Some(0) && !said.contains("needs"), "{code:?} {said}");
}

#[test]
fn prometheus_is_asked_where_nothing_is_watched() {
    let prometheus = FakePrometheus::start();
    let tidegate = Tidegate::new();
    let check = |address| {
        tidegate.configure("[prometheus]\nurl = 'http://prometheus'\n", &[("prometheus", address)]);
        let output = tidegate.cli(&["check", "--connect"]);
        let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
        (output.status.code(), said)
    };
    let (code, said) = check(prometheus.address());
    assert!(code == Some(0) && said.contains("Prometheus at http://127.0.0.1:"), "{code:?} {said}");
    let (code, said) = check(free_address());
    assert!(code == Some(1) && said.contains("cannot reach Prometheus"), "{code:?} {said}");
}

#[test]
fn a_share_of_what_is_not_there_is_told() {
    let prometheus = FakePrometheus::start();
    prometheus.tell("up", 3, 1.0);
    prometheus.tell("nodes", 3, 1.0);
    let tidegate = Tidegate::new();
    tidegate.configure(SHARES, &[("prometheus", prometheus.address())]);
    let check = || {
        let output = tidegate.cli(&["check", "--connect"]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = check();
    assert_eq!(code, Some(0), "{said}");
    // Its series have the label `pod` and no other.
    assert!(said.contains("action.restart.blast_radius[1].of") && said.contains("\"node\""), "{said}");
    assert!(!said.contains("blast_radius[0]"), "{said}");

    let fault = json!({ "status": "error", "errorType": "bad_data", "error": "parse error: unexpected end of input" });
    prometheus.answer("nodes", Reply::json(400, fault.to_string()));
    let (code, said) = check();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("action.restart.blast_radius[1].of") && said.contains("parse error"), "{said}");
}

#[test]
fn a_certificate_that_is_none_is_told_before_a_start() {
    let tidegate = Tidegate::new();
    tidegate.write_secret("cert.pem", "-----BEGIN NOTHING-----");
    tidegate.write_secret("key.pem", "a-key-that-nobody-may-see");
    tidegate.configure("tls_cert = 'cert.pem'\ntls_key = 'key.pem'\n[prometheus]\nurl = 'http://127.0.0.1:1'\n", &[]);
    let output = tidegate.cli(&["check"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("server.tls_cert") && said.contains("cert.pem"), "{said}");
    assert!(!said.contains("nobody-may-see"), "{said}");
}
