//! Two people decide the same request at the same moment on different surfaces, a thousand times: one outcome each, told
//! alike everywhere, in the journal once, and carried out once or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Barrier;
use std::thread;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::fake_prometheus::FakePrometheus;
use crate::support::http::{Client, raw, status};
use crate::support::listener::{Call, Listener, Reply};
use crate::support::target::{Conduct, Target};
use crate::support::tidegate::{TOKEN, Tidegate};
use crate::support::{delivery, eventually, free_address};

/// Each round asks so many requests at once: few enough to have all of them in sight, enough to be quick.
const IN_A_ROUND: usize = 50;
const ROUNDS: usize = 20;

const BOB: &str = "a-token-that-only-bob-knows";
const SIGNING_SECRET: &str = "a-secret-that-only-slack-knows";

/// Bob is known by the page and by Slack. Nothing holds back a thousand incidents in a minute.
const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[[approver]]
name = "bob"
token_file = "bob"
slack_user = "U2BOB"

[slack]
bot_token_file = "bot"
channel = "C0OPS"
signing_secret_file = "signing"
team_id = "T2TEAM"
api_url = "http://slack"

[gate]
deadline = "10m"
max_targets = 100000

[storm]
incidents = 100000

[[alert_route]]
name = "alerts"
match = ['alertname="Down"']
remediation = { guest = "runbook", settings = { rules = [{ action = "restart" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "low"
cooldown = "0s"
"#;

/// Says that everything is as it should be.
fn slack() -> Listener {
    let answer = |_: &Call| Reply::json(200, r#"{"ok":true,"channel":"C0OPS","ts":"1700000000.000100","members":[]}"#);
    Listener::open(free_address(), answer)
}

/// Bob at a browser: what it sends along by itself, and what stands in each form.
struct Browser {
    cookie: String,
    form: String,
}

impl Browser {
    fn login(tidegate: &Tidegate) -> Browser {
        let body = format!("token={BOB}&next=%2F");
        let answer = post_form(tidegate, "/login", &[], &body);
        assert_eq!(status(&answer), 303, "{answer}");
        let cookie = between(&answer, "tidegate_session=", ";").expect("a session");
        let cookie = format!("tidegate_session={cookie}");
        let host = tidegate.address();
        let front = raw(
            host,
            format!("GET / HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n").as_bytes(),
        );
        let form = between(&front, "name=\"form\" value=\"", "\"").expect("a form").to_owned();
        Browser { cookie, form }
    }

    /// What came of it shows in the book.
    fn decide(&self, tidegate: &Tidegate, request: &Value, verdict: &str) {
        let (id, digest) = (text(&request["id"]), text(&request["digest"]));
        let body = format!("form={}&digest={digest}&reason=why&next=%2F", self.form);
        let answer = post_form(tidegate, &format!("/requests/{id}/{verdict}"), &[("Cookie", &self.cookie)], &body);
        assert_eq!(status(&answer), 303, "{answer}");
    }
}

/// A slash command of Bob's, signed as Slack signs it.
fn command(tidegate: &Tidegate, request: &Value, verdict: &str) {
    let body = format!(
        "team_id=T2TEAM&user_id=U2BOB&command=%2F{verdict}&text={}+why&response_url=https%3A%2F%2F127.0.0.1%3A9%2F",
        text(&request["id"])
    );
    let at = jiff::Timestamp::now().as_second().to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(SIGNING_SECRET.as_bytes()).expect("any key");
    mac.update(format!("v0:{at}:{body}").as_bytes());
    let signature: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let headers = [("X-Slack-Request-Timestamp", at.as_str()), ("X-Slack-Signature", &format!("v0={signature}"))];
    let answer = post_form(tidegate, "/slack/commands", &headers, &body);
    assert_eq!(status(&answer), 200, "{answer}");
}

fn post_form(tidegate: &Tidegate, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let host = tidegate.address();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n{headers}Content-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    raw(host, request.as_bytes())
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    text.split_once(from)?.1.split_once(to).map(|(found, _)| found)
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn pending(tidegate: &Tidegate) -> Vec<Value> {
    let page = tidegate.get("/api/v1/approvals?status=pending&limit=1000").good();
    page["approvals"].as_array().expect("a list").clone()
}

fn is_pending(request: &Value) -> bool {
    request["status"] == "pending"
}

fn is_approved(request: &Value) -> bool {
    request["status"] == "approved"
}

fn has_ended(request: &Value) -> bool {
    request["execution"]["status"] == "finished"
}

/// By HTTP; true where it counted.
fn answer(alice: &Client, request: &Value, verdict: &str) -> bool {
    let body = match verdict {
        "approve" => json!({ "digest": request["digest"] }),
        _ => json!({ "reason": "why" }),
    };
    let answer = alice.post(&format!("/api/v1/approvals/{}/{verdict}", text(&request["id"])), &body);
    assert!([200, 409].contains(&answer.status), "{answer:?}");
    answer.status == 200
}

/// The kinds, names and surfaces of the decisions about each request, by the journal.
fn decisions(tidegate: &Tidegate) -> BTreeMap<String, Vec<(String, String, String)>> {
    let exported = tidegate.cli(&["journal", "export"]);
    assert!(exported.status.success(), "{exported:?}");
    let mut decisions = BTreeMap::<String, Vec<_>>::new();
    for line in String::from_utf8(exported.stdout).expect("UTF-8").lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let event = &line["event"];
        if let "request_approved" | "request_denied" | "approval_given" = text(&event["kind"]) {
            assert_eq!(event["digest"].as_str().map(str::len), Some(64), "what was shown is recorded: {event}");
            let by =
                [&event["kind"], &event["by"]["approver"], &event["by"]["surface"]].map(|word| text(word).to_owned());
            decisions.entry(text(&event["request"]).to_owned()).or_default().push(by.into());
        }
    }
    decisions
}

#[test]
fn two_surfaces_at_once_a_thousand_times_give_one_outcome_each() {
    let (prometheus, target, slack) = (FakePrometheus::start(), Target::start(), slack());
    target.on_repair(Conduct::Nothing);
    let mut tidegate = Tidegate::new();
    for (name, secret) in [("bob", BOB), ("bot", "xoxb-1"), ("signing", SIGNING_SECRET)] {
        tidegate.write_secret(name, secret);
    }
    let around = [("prometheus", prometheus.address()), ("target", target.address()), ("slack", slack.address())];
    tidegate.configure(CONFIG, &around);
    tidegate.run();
    let (alice, bob) = (tidegate.stranger().with_token(TOKEN), Browser::login(&tidegate));

    let mut counted = BTreeMap::new();
    for round in 0..ROUNDS {
        let services: Vec<String> = (0..IN_A_ROUND).map(|nth| format!("service-{round}-{nth}")).collect();
        for service in &services {
            tidegate.deliver(&delivery("firing", "Down", service)).good();
        }
        let asked =
            eventually("all of them are asked", || Some(pending(&tidegate)).filter(|asked| asked.len() == IN_A_ROUND));
        for (nth, request) in asked.iter().enumerate() {
            let (hers, his) = if nth % 4 < 2 { ("approve", "deny") } else { ("deny", "approve") };
            let start = Barrier::new(2);
            let by_alice = thread::scope(|scope| {
                let by_http = scope.spawn(|| {
                    start.wait();
                    answer(&alice, request, hers)
                });
                start.wait();
                match nth % 2 {
                    0 => bob.decide(&tidegate, request, his),
                    _ => command(&tidegate, request, his),
                }
                by_http.join().expect("alice has an answer")
            });
            counted.insert(text(&request["id"]).to_owned(), (hers, by_alice));
        }
        eventually("all of them are decided, and what was approved has ended", || {
            let latest = tidegate.get(&format!("/api/v1/approvals?limit={IN_A_ROUND}")).good();
            let latest = latest["approvals"].as_array().expect("a list");
            latest
                .iter()
                .all(|request| !is_pending(request) && (!is_approved(request) || has_ended(request)))
                .then_some(())
        });
        for service in &services {
            tidegate.deliver(&delivery("resolved", "Down", service)).good();
        }
    }

    assert_eq!(counted.len(), ROUNDS * IN_A_ROUND);
    let all = tidegate.get("/api/v1/approvals?limit=1000").good();
    let all = all["approvals"].as_array().expect("a list");
    tidegate.stop_and_verify_journal();

    let mut runs = BTreeMap::<String, usize>::new();
    for repair in target.repairs() {
        *runs.entry(repair.key).or_default() += 1;
    }
    let decisions = decisions(&tidegate);
    let mut won = BTreeMap::<(&str, &str), usize>::new();
    for request in all {
        let id = text(&request["id"]);
        let (verdict, by_alice) = counted[id];
        let [(kind, name, surface)] = decisions[id].as_slice() else { panic!("{id}: {:?}", decisions[id]) };
        assert_eq!(kind, if is_approved(request) { "request_approved" } else { "request_denied" }, "{request}");
        assert_eq!((name == "alice", surface == "http"), (by_alice, by_alice), "{id}: {:?}", decisions[id]);
        assert_eq!(is_approved(request), (verdict == "approve") == by_alice, "{id}: {:?}", decisions[id]);
        assert_eq!(runs.get(id).copied().unwrap_or(0), usize::from(is_approved(request)), "{id} was carried out");
        *won.entry((surface, kind)).or_default() += 1;
    }
    println!("who was first: {won:?}");
    let outcomes: BTreeSet<&str> = won.keys().map(|(_, kind)| *kind).collect();
    assert_eq!(outcomes.len(), 2, "both outcomes were raced for: {won:?}");
}
