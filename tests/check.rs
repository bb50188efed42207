//! `check --connect` and Slack: who the bot is, and who is on call.

use serde_json::json;

use crate::support::free_address;
use crate::support::slack::Slack;
use crate::support::tidegate::Tidegate;

const CONFIG: &str = r#"
[prometheus]
url = "http://127.0.0.1:9090"

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
        tidegate.configure(text, &[("slack", address)]);
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
