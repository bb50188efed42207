//! Who may do what by HTTP, and what comes of pretending.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::support::fake_prometheus::FakePrometheus;
use crate::support::http::{raw, status};
use crate::support::target::Target;
use crate::support::tidegate::{SENDER_TOKEN, TOKEN, Tidegate};
use crate::support::{delivery, eventually, root};

const BOB: &str = "a-token-that-only-bob-knows";
const VERA: &str = "a-token-that-only-vera-knows";

/// Beside alice, who is an admin: bob may approve, vera may look.
const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[[approver]]
name = "bob"
token_file = "bob"

[[approver]]
name = "vera"
role = "view"
token_file = "vera"

[[alert_route]]
name = "alerts"
match = ['alertname="QueueTooLong"']
remediation = { guest = "runbook", settings = { rules = [{ action = "restart" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "low"
"#;

struct House {
    tidegate: Tidegate,
    target: Target,
    _prometheus: FakePrometheus,
}

fn house() -> House {
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    let mut tidegate = Tidegate::new();
    tidegate.write_secret("bob", BOB);
    tidegate.write_secret("vera", VERA);
    tidegate.configure(CONFIG, &[("prometheus", prometheus.address()), ("target", target.address())]);
    tidegate.run();
    House { tidegate, target, _prometheus: prometheus }
}

/// Every path and method of the document that the host serves, with the roles that it says are needed.
fn documented() -> Vec<(String, String, Vec<String>)> {
    let text = std::fs::read_to_string(root().join("host/server/src/api/openapi.json")).expect("the document");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        // What is said of all methods of a path stands among them.
        let methods = item.as_object().expect("methods").iter().filter(|(method, _)| *method != "parameters");
        for (method, operation) in methods {
            let roles = operation["security"].as_array().expect("a list").iter().flat_map(|one| {
                one.as_object().expect("schemes").values().map(|roles| roles[0].as_str().expect("a role").to_owned())
            });
            routes.push((method.to_uppercase(), path.replace("{id}", "r1-0000"), roles.collect()));
        }
    }
    routes
}

fn ask(address: SocketAddr, method: &str, path: &str, headers: &str) -> String {
    let host = format!("Host: {address}\r\nConnection: close\r\n");
    raw(address, format!("{method} {path} HTTP/1.1\r\n{host}{headers}Content-Length: 0\r\n\r\n").as_bytes())
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

fn basic(name: &str, password: &str) -> String {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
    format!("Authorization: Basic {pair}\r\n")
}

#[test]
fn every_route_asks_who_is_there_but_those_that_are_for_everybody() {
    let house = house();
    let address = house.tidegate.address();
    let routes = documented();
    assert!(routes.len() >= 15, "{routes:?}");
    for (method, path, roles) in &routes {
        let answer = ask(address, method, path, "");
        if roles.is_empty() {
            assert_eq!(status(&answer), 200, "{method} {path}: {answer}");
            continue;
        }
        // Wrong methods as well: who is not known learns nothing.
        for method in [method.as_str(), "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"] {
            let answer = ask(address, method, path, "");
            assert_eq!(status(&answer), 401, "{method} {path}: {answer}");
            assert!(answer.contains("www-authenticate: Bearer realm=\"tidegate\"\r\n"), "{method} {path}: {answer}");
            let offers_basic = answer.contains("www-authenticate: Basic");
            // A method that means nothing on a path is as guarded as the first one that does.
            let of_path = || routes.iter().filter(|(_, other, _)| other == path);
            let guarded_as = of_path().find(|(known, ..)| known == method).or_else(|| of_path().next());
            let is_for_senders =
                guarded_as.is_some_and(|(.., roles)| roles.first().is_some_and(|role| role == "deliver"));
            assert_eq!(offers_basic, is_for_senders, "{method} {path}: {answer}");
        }
    }
    // Page and Slack have no say in what lies below these.
    for path in ["/api", "/api/v1", "/api/v1/nothing", "/api/v2/alerts", "/-/quit", "/webhook/other"] {
        let answer = ask(address, "GET", path, "");
        assert!(matches!(status(&answer), 401 | 404), "{path}: {answer}");
    }
}

#[test]
fn everybody_may_do_what_their_role_says_and_no_more() {
    let house = house();
    let address = house.tidegate.address();
    for (method, path, roles) in documented() {
        let Some(needed) = roles.first() else { continue };
        for (who, token, rank) in [("vera", VERA, 0), ("bob", BOB, 1), ("alice", TOKEN, 2), ("it", SENDER_TOKEN, -1)] {
            let may = match needed.as_str() {
                "view" => rank >= 0,
                "approve" => rank >= 1,
                "admin" => rank >= 2,
                "deliver" => rank != 0,
                other => panic!("{other} is no role"),
            };
            let answer = ask(address, &method, &path, &bearer(token));
            let refused = matches!(status(&answer), 401 | 403);
            assert_eq!(refused, !may, "{who}: {method} {path}: {answer}");
            let why = if who == "it" { "a sender, which may deliver alerts and nothing else" } else { "has the role" };
            assert!(may || answer.contains(why), "{who}: {method} {path}: {answer}");
        }
    }
    // A wrong method is told as such to those who may use a right one.
    let answer = ask(address, "DELETE", "/api/v1/pause", &bearer(BOB));
    assert_eq!(status(&answer), 405, "{answer}");
    assert!(answer.contains("allow: POST\r\n") && answer.contains("application/json"), "{answer}");
    assert!(answer.contains("cache-control: no-store\r\n"), "{answer}");
    let head = ask(address, "HEAD", "/api/v1/incidents", &bearer(VERA));
    assert!(status(&head) == 200 && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn only_the_deciding_token_decides() {
    let house = house();
    let tidegate = &house.tidegate;
    tidegate.deliver(&delivery("firing", "QueueTooLong", "checkout")).good();
    let request = tidegate.pending();
    let path = format!("/api/v1/approvals/{}/approve", request["id"].as_str().expect("an id"));
    for token in [VERA, SENDER_TOKEN] {
        let answer = tidegate.stranger().with_token(token).post(&path, &json!({}));
        assert_eq!(answer.status, 403, "{answer:?}");
    }
    assert_eq!(tidegate.request(&request)["status"], "pending");
    let answer = tidegate.stranger().with_token(BOB).post(&path, &json!({ "reason": "it helped last time" })).good();
    assert_eq!(answer["decided"]["by"], "bob");
    assert_eq!(answer["decided"]["reason"], "it helped last time");
    assert_eq!(answer["yeses"][0]["by"], "bob");
    assert!(answer["yeses"][0]["address"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.1:")), "{answer}");
    tidegate.request_when(&request, "the action ends", |request| request["execution"]["status"] == "finished");
    assert_eq!(house.target.repairs().len(), 1);
}

#[test]
fn whoever_delivers_in_person_has_asked_for_it() {
    let house = house();
    let tidegate = &house.tidegate;
    let bob = tidegate.stranger().with_token(BOB);
    bob.post_bytes("/webhook/alertmanager", &delivery("firing", "QueueTooLong", "checkout")).good();
    let request = tidegate.pending();
    assert_eq!(tidegate.incidents()[0]["caused_by"], json!(["bob"]));
    assert_eq!(request["deciders"], json!(["alice"]), "nobody decides about what they asked for");
    let path = format!("/api/v1/approvals/{}/approve", request["id"].as_str().expect("an id"));
    let answer = bob.post(&path, &json!({}));
    assert_eq!(answer.status, 403, "{answer:?}");
    tidegate.approve(&request).good();
}

#[test]
fn pausing_takes_an_approver_and_resuming_an_admin() {
    let house = house();
    let tidegate = &house.tidegate;
    let bob = tidegate.stranger().with_token(BOB);
    let vera = tidegate.stranger().with_token(VERA);
    assert_eq!(vera.post("/api/v1/pause", &json!({})).status, 403);
    assert_eq!(bob.post("/api/v1/pause", &json!({})).good(), json!({ "paused": true, "by": "bob" }));
    assert_eq!(tidegate.post("/api/v1/pause", &json!({})).good()["by"], "bob", "pausing twice is pausing once");
    assert_eq!(vera.get("/api/v1/status").good()["paused"], true);
    assert_eq!(bob.post("/api/v1/resume", &json!({})).status, 403);
    assert_eq!(bob.post("/-/reload", &json!({})).status, 403);
    assert_eq!(tidegate.post("/api/v1/resume", &json!({})).good(), json!({ "paused": false, "by": null }));
    assert_eq!(vera.get("/api/v1/status").good()["by"], Value::Null);
}

#[test]
fn credentials_count_in_one_place_and_in_one_form() {
    let house = house();
    let address = house.tidegate.address();
    let token = |how: &str| how.replace("TOKEN", TOKEN);
    for (headers, expected) in [
        (token("Authorization: Bearer TOKEN\r\n"), 200),
        (token("authorization: bEARER TOKEN\r\n"), 200),
        (token("Authorization: TOKEN\r\n"), 401),
        (token("Authorization: Digest TOKEN\r\n"), 401),
        (token("Authorization: Bearer TOKENx\r\n"), 401),
        (token("Authorization: Bearer\r\n"), 401),
        (token("Authorization: Bearer TOKEN\r\nAuthorization: Bearer TOKEN\r\n"), 401),
        (token("Cookie: token=TOKEN; session=TOKEN\r\n"), 401),
        (token("X-Api-Key: TOKEN\r\n"), 401),
        (basic("alice", TOKEN), 401),
        (basic("alertmanager", SENDER_TOKEN), 403),
        ("Authorization: Basic !!!\r\n".to_owned(), 401),
        ("Authorization: Bearer \u{fe}\u{ff}\r\n".to_owned(), 401),
    ] {
        let answer = ask(address, "GET", "/api/v1/incidents", &headers);
        assert_eq!(status(&answer), expected, "{headers}: {answer}");
    }
    let query = format!("/api/v1/incidents?token={TOKEN}&access_token={TOKEN}");
    assert_eq!(status(&ask(address, "GET", &query, "")), 401);

    // A delivery that is none: whoever may deliver is told so.
    for (headers, expected) in [
        (bearer(VERA), 403),
        (basic("alertmanager", SENDER_TOKEN), 400),
        (bearer(SENDER_TOKEN), 400),
        (bearer(BOB), 400),
        (basic("alertmanager", TOKEN), 401),
        (basic("other", SENDER_TOKEN), 401),
        (basic("bob", BOB), 401),
    ] {
        let answer = ask(address, "POST", "/webhook/alertmanager", &headers);
        assert_eq!(status(&answer), expected, "{headers}: {answer}");
    }
    let log = house.tidegate.log();
    assert!([TOKEN, BOB, VERA, SENDER_TOKEN].iter().all(|secret| !log.contains(secret)), "{log}");
}

#[test]
fn a_path_written_otherwise_leads_nowhere() {
    let house = house();
    let address = house.tidegate.address();
    for path in [
        "/api//v1/incidents",
        "//api/v1/incidents",
        "/api/v1/incidents/",
        "/API/v1/incidents",
        "/api/v1/%69ncidents",
        "/api%2fv1/incidents",
        "/./api/v1/incidents",
        "/-/../api/v1/incidents",
        "/metrics/../api/v1/incidents",
        "/-/healthy/..%2f..%2fapi/v1/incidents",
        "/api/v1/incidents;/-/healthy",
        "/api/v1/incidents%00",
        "/-//reload",
        "http://127.0.0.1/api/v1/incidents",
        "http://127.0.0.1/-/healthy/../../api/v1/incidents",
    ] {
        for method in ["GET", "POST"] {
            let answer = ask(address, method, path, "");
            assert!(matches!(status(&answer), 401 | 404), "{method} {path}: {answer}");
        }
    }
    // And with a token an id is an id, whatever is in it.
    for id in ["..", "%2e%2e", "..%2fapprovals", "%00", "%ff", "i1%20", &"a".repeat(4000)] {
        let answer = ask(address, "GET", &format!("/api/v1/incidents/{id}"), &bearer(TOKEN));
        assert!(matches!(status(&answer), 400 | 404), "{id}: {answer}");
        assert!(answer.contains("application/json"), "{id}: {answer}");
    }
}

#[test]
fn what_is_no_request_is_turned_away_and_harms_nobody() {
    let house = house();
    let address = house.tidegate.address();
    let long = "a".repeat(64 << 10);
    let many: String = (0..500).map(|n| format!("X-Header-{n}: x\r\n")).collect();
    for (what, request, expected) in [
        ("no HTTP", "GET /\r\n\r\n".to_owned(), 400),
        ("a handshake of TLS", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\r\n\r\n".to_owned(), 400),
        ("a long header", format!("GET /-/healthy HTTP/1.1\r\nX: {long}\r\n\r\n"), 431),
        ("a long token", format!("GET /api/v1/incidents HTTP/1.1\r\nAuthorization: Bearer {long}\r\n\r\n"), 431),
        ("a long path", format!("GET /{long} HTTP/1.1\r\n\r\n"), 431),
        ("many headers", format!("GET /-/healthy HTTP/1.1\r\n{many}\r\n"), 431),
        (
            "two lengths",
            "POST /-/reload HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd".to_owned(),
            400,
        ),
    ] {
        let answer = raw(address, request.as_bytes());
        assert_eq!(status(&answer), expected, "{what}: {answer:.300}");
    }
    // A body that is too long for a decision, and is not read to its end.
    let head = format!("Host: x\r\n{}Connection: close\r\nContent-Length: 99999999\r\n", bearer(BOB));
    let body = format!("POST /api/v1/pause HTTP/1.1\r\n{head}\r\n{long}{long}");
    let answer = raw(address, body.as_bytes());
    assert_eq!(status(&answer), 413, "{answer:.300}");
    assert_eq!(house.tidegate.get("/api/v1/status").good()["paused"], false);
}

/// What somebody gets who asks from this loopback address.
fn ask_from(from: Ipv4Addr, address: SocketAddr, token: &str) -> (u16, Option<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let client = reqwest::Client::builder().local_address(IpAddr::V4(from)).no_proxy().build().expect("a client");
    let asked = client.get(format!("http://{address}/api/v1/status")).bearer_auth(token).send();
    let response = runtime.block_on(asked).expect("an answer");
    let wait = response.headers().get("retry-after").map(|value| value.to_str().expect("text").to_owned());
    (response.status().as_u16(), wait)
}

#[test]
fn who_guesses_has_to_wait_and_nobody_else() {
    let house = house();
    let address = house.tidegate.address();
    let (here, there) = (Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2));
    assert_eq!(ask_from(here, address, VERA).0, 200);
    let guesses: Vec<u16> = (0..12).map(|n| ask_from(here, address, &format!("a-guess-of-a-token-{n}")).0).collect();
    assert_eq!(guesses[..10], [401; 10]);
    assert_eq!(guesses[10..], [429; 2]);
    let (code, wait) = ask_from(here, address, TOKEN);
    assert_eq!(code, 429, "a guess that hits says no more than one that does not");
    let wait: u64 = wait.expect("when to try again").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(ask_from(here, address, VERA).0, 200, "who was let in from there before still is");
    assert_eq!(ask_from(there, address, TOKEN).0, 200);
    assert_eq!(ask_from(there, address, "a-guess-of-a-token").0, 401);
    // Nothing that needs no token is held up.
    assert_eq!(house.tidegate.stranger().get("/-/healthy").status, 200);
    assert!(house.tidegate.metric("tidegate_refused_credentials_total", "") >= 13.0);
}

#[test]
fn one_address_cannot_take_all_connections() {
    let house = house();
    let address = house.tidegate.address();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let held = runtime.block_on(async {
        let mut held = Vec::new();
        for _ in 0..300 {
            let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
            socket.bind((Ipv4Addr::new(127, 0, 0, 3), 0).into()).expect("an address");
            held.push(socket.connect(address).await.expect("a connection"));
        }
        held
    });
    house.tidegate.reaches("tidegate_refused_connections_total", r#"reason="too_many_of_address""#, 44.0);
    assert_eq!(house.tidegate.stranger().get("/-/healthy").status, 200);
    drop(held);
    eventually("that address is let in again", || {
        let socket = tokio::net::TcpSocket::new_v4().ok()?;
        socket.bind((Ipv4Addr::new(127, 0, 0, 3), 0).into()).ok()?;
        let stream = runtime.block_on(socket.connect(address)).ok()?;
        runtime.block_on(async {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let mut stream = stream;
            stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            (status(&answer) == 200).then_some(())
        })
    });
    assert_eq!(house.tidegate.log().matches("connections are turned away").count(), 1);
}
