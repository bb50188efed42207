//! Who may not, what is none, and too much of it; and what happens when something that is needed is not there.

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::support::http::{raw, status};

/// Every path, with every method that means something.
const ROUTES: [(&str, &str); 9] = [
    ("GET", "/api/v2/alerts"),
    ("POST", "/api/v2/alerts"),
    ("GET", "/api/v2/alerts/groups"),
    ("GET", "/api/v2/status"),
    ("GET", "/api/v2/receivers"),
    ("GET", "/api/v2/silences"),
    ("POST", "/api/v2/silences"),
    ("GET", "/api/v2/silence/5b3b1a8c-7f5f-4f0e-9d0a-000000000000"),
    ("DELETE", "/api/v2/silence/5b3b1a8c-7f5f-4f0e-9d0a-000000000000"),
];

fn ask(around: &Around, method: &str, path: &str, token: Option<&str>, body: &str) -> String {
    let address = around.tidegate.address();
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{authorization}Content-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    raw(address, format!("{head}{body}").as_bytes())
}

#[test]
fn nobody_comes_in_without_a_token_and_nobody_does_more_than_their_role() {
    let around = Around::alone();
    for (method, path) in ROUTES {
        assert_eq!(status(&ask(&around, method, path, None, "[]")), 401, "{method} {path}");
    }
    // Methods that mean nothing are not told apart for strangers either.
    assert_eq!(status(&ask(&around, "PUT", "/api/v2/alerts", None, "[]")), 401);
    for (method, path) in ROUTES {
        let reads = method == "GET";
        let vera = status(&ask(&around, method, path, Some(VERA), "[]"));
        assert_eq!(vera == 403, !reads, "{method} {path}: {vera}");
        let sender = status(&ask(&around, method, path, Some(SENDER_TOKEN), "[]"));
        assert_eq!(sender == 403, (method, path) != ("POST", "/api/v2/alerts"), "{method} {path}: {sender}");
    }
    assert_eq!(status(&ask(&around, "PUT", "/api/v2/alerts", Some(VERA), "[]")), 405);
    // By this Grafana tells Alertmanager from others that have one inside.
    assert_eq!(around.tidegate.get("/alertmanager/api/v2/status").status, 404);
}

#[test]
fn one_bad_alert_of_fifty_is_named_and_the_others_count() {
    let upstream = upstream(Version::Installed);
    let around = Around::beside(&upstream);
    let mut batch: Vec<Value> =
        (0..50).map(|n| alert(&json!({ "alertname": "Many", "n": n.to_string() }), true)).collect();
    batch[17]["labels"] = json!({ "alertname": "" });
    let answer = around.sender().post("/api/v2/alerts", &json!(batch));
    assert_eq!((answer.status, answer.json()), (400, json!("alert 17: at least one label pair required")));
    assert_eq!(around.listed("filter=alertname=Many", "n").len(), 49);
    eventually("the upstream has the good ones", || (upstream.alerts("Many").len() == 49).then_some(()));
    // What only a newer Alertmanager takes is taken here, and the upstream still gets the rest of the batch.
    let odd = json!({ "alertname": "Odd", "my label": "ü" });
    around.send(&[alert(&odd, true), alert(&json!({ "alertname": "Even" }), true)]);
    eventually("the upstream has the one that it takes", || (upstream.alerts("Even").len() == 1).then_some(()));
    assert_eq!(around.listed("filter=alertname=~Odd|Even", "alertname").len(), 2);
    let url = format!("http://{}/", upstream.address());
    let dropped = |url: &str| {
        around.tidegate.metric("tidegate_alertmanager_alerts_dropped_total", &format!("alertmanager=\"{url}\""))
    };
    let trimmed = url.trim_end_matches('/');
    eventually("it is counted", || (dropped(&url).max(dropped(trimmed)) >= 1.0).then_some(()));
}

#[test]
fn hostile_labels_stay_text_and_ten_thousand_alerts_are_taken() {
    let mut around = Around::alone();
    let nasty = [
        json!({ "alertname": "<script>alert(1)</script>", "service": "\"}\n# HELP x" }),
        json!({ "alertname": "a\u{0000}b\u{202e}c", "": "", "\u{200b}": "zero width" }),
        json!({ "__name__": "up", "__proto__": "x", "constructor": "y" }),
        json!({ "alertname": "x".repeat(100_000), "y".repeat(10_000): "long" }),
        json!({ "alertname": "${jndi:ldap://x}", "service": "'; DROP TABLE events; --" }),
    ];
    for labels in &nasty {
        let answer = around.sender().post("/api/v2/alerts", &json!([alert(labels, true)]));
        assert!([200, 400].contains(&answer.status), "{answer:?}");
    }
    let listed = around.tidegate.get("/api/v2/alerts").good();
    let listed: Vec<&Value> = listed.as_array().expect("a list").iter().map(|alert| &alert["labels"]).collect();
    assert!(listed.contains(&&nasty[0]) && listed.contains(&&nasty[2]) && listed.contains(&&nasty[4]), "{listed:?}");
    assert_eq!(around.tidegate.get("/api/v2/alerts/groups").good().as_array().map(Vec::len), Some(listed.len()));
    assert_eq!(around.tidegate.incidents().len(), listed.len());

    let many: Vec<Value> = (0..10_000)
        .map(|n| {
            alert(
                &json!({ "alertname": "QueueTooLong", "service": format!("s{}", n % 4), "pod": format!("p{n}") }),
                true,
            )
        })
        .collect();
    around.send(&many);
    assert_eq!(around.listed("filter=service=~s.", "pod").len(), 10_000);
    let queues = around.tidegate.incidents().into_iter().filter(|incident| incident["watch"] == "queues").count();
    assert_eq!(queues, 4, "one for each service");
    // Once more is no news.
    let events = around.tidegate.metric("tidegate_journal_events_total", r#"kind="incident_opened""#);
    around.send(&many);
    assert_eq!(around.tidegate.metric("tidegate_journal_events_total", r#"kind="incident_opened""#), events);
    around.tidegate.stop_and_verify_journal();
}

#[test]
fn bodies_are_bounded() {
    let around = Around::alone();
    let long = format!("[{}]", " ".repeat(16 << 20));
    let answer = around.sender().post_bytes("/api/v2/alerts", long.as_bytes());
    assert_eq!((answer.status, &answer.json()["code"]), (413, &json!(413)));
    let answer = around.tidegate.post("/api/v2/silences", &json!({ "comment": "x".repeat(64 << 10) }));
    assert_eq!(answer.status, 413, "{answer:?}");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(around.sender().post_bytes("/api/v2/alerts", deep.as_bytes()).status, 400);
    // Not unpacked: nothing small becomes large.
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x8b\x8e\x05\x00\x29\xbb\x4c\x0d\x02\x00\x00\x00";
    assert_eq!(around.sender().post_bytes("/api/v2/alerts", gzip).status, 400);
    assert_eq!(around.tidegate.incidents(), Vec::<Value>::new());
}

#[test]
fn an_upstream_that_is_down_holds_up_nobody_and_gets_what_it_missed() {
    let mut upstream = upstream(Version::Installed);
    let mut around = Around::beside(&upstream);
    upstream.kill();
    around.send(&[alert(&queue("checkout"), true)]);
    let incident = around.tidegate.opened("queues");
    around.send(&[alert(&queue("search"), true)]);
    around.send(&[alert(&queue("search"), false)]);
    // What there is cannot be told while nobody knows what there is upstream.
    let answer = around.tidegate.get("/api/v2/alerts");
    assert_eq!(answer.status, 500, "{answer:?}");
    assert!(answer.json().as_str().is_some_and(|why| why.contains("Alertmanager at")), "{answer:?}");
    assert_eq!(around.tidegate.get("/api/v2/status").status, 200);
    let answer = around.tidegate.post("/api/v2/silences", &silence());
    assert_eq!(answer.status, 503, "{answer:?}");

    upstream.start_again();
    let alerts =
        eventually("it gets what it missed", || Some(upstream.alerts("QueueTooLong")).filter(|a| !a.is_empty()));
    assert_eq!(alerts.len(), 1, "the other one was over by then: {alerts:#?}");
    assert_eq!(alerts[0]["labels"], queue("checkout"));
    eventually("answers come again", || (around.tidegate.get("/api/v2/alerts").status == 200).then_some(()));
    around.send(&[alert(&queue("checkout"), false)]);
    around.tidegate.closed(&incident);
    eventually("it is over there as well", || upstream.alerts("QueueTooLong").is_empty().then_some(()));
    around.tidegate.stop_and_verify_journal();
}

fn silence() -> Value {
    json!({
        "matchers": [{ "name": "service", "value": "checkout", "isRegex": false }],
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "2100-01-01T00:00:00Z",
        "createdBy": "mallory",
        "comment": "why",
    })
}

#[test]
fn silences_need_an_upstream_and_say_so() {
    let around = Around::alone();
    let answer = around.tidegate.post("/api/v2/silences", &silence());
    assert_eq!(answer.status, 503);
    assert!(answer.json().as_str().is_some_and(|why| why.contains("[alertmanager]")), "{answer:?}");
    assert_eq!(around.tidegate.get("/api/v2/silences").good(), json!([]));
    for (method, id, expected) in [
        ("GET", "5b3b1a8c-7f5f-4f0e-9d0a-000000000000", 404),
        ("GET", "nope", 422),
        ("GET", "..%2f..%2fstatus", 422),
        ("DELETE", "nope", 422),
        ("DELETE", "5b3b1a8c-7f5f-4f0e-9d0a-000000000000", 503),
    ] {
        let answer = ask(&around, method, &format!("/api/v2/silence/{id}"), Some(TOKEN), "");
        assert_eq!(status(&answer), expected, "{method} {id}: {answer}");
    }
    let upstream = upstream(Version::Installed);
    let around = Around::beside(&upstream);
    let delete = |id: &str| status(&ask(&around, "DELETE", &format!("/api/v2/silence/{id}"), Some(TOKEN), ""));
    assert_eq!(delete("5b3b1a8c-7f5f-4f0e-9d0a-000000000000"), 404);
    for (change, why) in [
        (json!({ "endsAt": "2000-01-01T00:00:00Z" }), "start time must be before end time"),
        (json!({ "matchers": [{ "name": "a", "value": "", "isRegex": false }] }), "must not match the empty string"),
        (json!({ "matchers": [{ "name": "a", "value": "[", "isRegex": true }] }), "regular expression"),
    ] {
        let mut wrong = silence();
        wrong.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let answer = around.tidegate.post("/api/v2/silences", &wrong);
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.json().as_str().is_some_and(|said| said.contains(why)), "{answer:?}");
    }
    assert_eq!(upstream.silences(), Vec::<Value>::new());
}

/// Somebody else who writes to the journal, so that nobody can.
struct Writer {
    runtime: Runtime,
    connection: SqliteConnection,
}

impl Writer {
    fn begin(around: &Around) -> Writer {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let options = SqliteConnectOptions::new().filename(around.tidegate.file("data/journal.db"));
        let mut connection = runtime.block_on(options.connect()).expect("the journal opens");
        runtime.block_on(sqlx::query("BEGIN IMMEDIATE").execute(&mut connection)).expect("it can be written");
        Writer { runtime, connection }
    }

    fn end(mut self) {
        self.runtime.block_on(sqlx::query("ROLLBACK").execute(&mut self.connection)).expect("it ends");
    }
}

#[test]
fn what_cannot_be_journaled_is_not_taken_and_pages_go_out_all_the_same() {
    let upstream = upstream(Version::Installed);
    let mut around = Around::beside(&upstream);
    let writer = Writer::begin(&around);
    let answer = around.sender().post("/api/v2/alerts", &json!([alert(&queue("checkout"), true)]));
    assert_eq!(answer.status, 500, "{answer:?}");
    assert!(answer.json().as_str().is_some_and(|why| why.contains("journal")), "{answer:?}");
    eventually("the upstream has it", || (upstream.alerts("QueueTooLong").len() == 1).then_some(()));
    assert_eq!(around.tidegate.incidents(), Vec::<Value>::new());
    writer.end();
    around.send(&[alert(&queue("checkout"), true)]);
    around.tidegate.opened("queues");
    around.tidegate.stop_and_verify_journal();
}

#[test]
fn two_that_name_each_other_do_not_send_for_ever() {
    let prometheus = FakePrometheus::start();
    let mut both = [Tidegate::new(), Tidegate::new()];
    let addresses = both.each_ref().map(Tidegate::address);
    for (tidegate, other) in both.iter_mut().zip([addresses[1], addresses[0]]) {
        tidegate.write_secret("vera", VERA);
        let config =
            format!("{UPSTREAM}timeout = \"1s\"\nauthorization = {{ credentials_file = \"alice\" }}\n{CONFIG}");
        let around = [("prometheus", prometheus.address()), ("target", prometheus.address()), ("upstream", other)];
        tidegate.configure(&config, &around);
        tidegate.run();
    }
    let received = |at: usize| both[at].metric("tidegate_alerts_received_total", r#"via="api",status="firing""#);
    for (sent, service) in ["checkout", "search"].into_iter().enumerate() {
        let alerts = json!([alert(&queue(service), true)]);
        let answer = both[0].stranger().with_token(SENDER_TOKEN).post("/api/v2/alerts", &alerts);
        assert_eq!(answer.status, 200, "{answer:?}");
        let sent = sent as f64 + 1.0;
        eventually("it has been there and back", || (received(0) >= 2.0 * sent && received(1) >= sent).then_some(()));
        assert_eq!((received(0), received(1)), (2.0 * sent, sent), "and nowhere else");
    }
    for tidegate in &both {
        assert_eq!(tidegate.incidents().len(), 2);
    }
}
