//! The OpenAPI document: what it says is so, by our own reading of it and by schemathesis', which asks odd things.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::alertmanager::{Alertmanager, Config};
use crate::support::fake_prometheus::FakePrometheus;
use crate::support::listener::Reply;
use crate::support::target::Target;
use crate::support::tidegate::{TOKEN, Tidegate};
use crate::support::{delivery, eventually, root};

const BOB: &str = "a-token-that-only-bob-knows";

/// A yes takes two people, so that a request can be between two.
const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[storm]
incidents = 1000

[[approver]]
name = "bob"
token_file = "bob"

[[group]]
name = "leads"
members = ["alice"]

[gate]
deadline = "1h"
quorum = 2
escalate = { after = "30m", to = ["leads"] }

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
cooldown = "0s"
verify = { settle = "0s", within = "1h" }
"#;

/// A host that has seen something: requests that wait, for one yes and for two, that were denied and that were run.
struct Lived {
    tidegate: Tidegate,
    document: Value,
    /// Of incidents and of requests.
    ids: [Vec<String>; 2],
    _around: (FakePrometheus, Target),
}

fn lived() -> Lived {
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    let mut tidegate = Tidegate::new();
    tidegate.write_secret("bob", BOB);
    tidegate.configure(CONFIG, &[("prometheus", prometheus.address()), ("target", target.address())]);
    tidegate.run();
    let bob = tidegate.stranger().with_token(BOB);
    for service in ["waiting", "halfway", "denied", "run"] {
        tidegate.deliver(&delivery("firing", "QueueTooLong", service)).good();
        let request = tidegate.pending_for(service);
        let path = format!("/api/v1/approvals/{}/approve", request["id"].as_str().expect("an id"));
        match service {
            "halfway" => drop(bob.post(&path, &json!({ "reason": "as last week" })).good()),
            "denied" => drop(tidegate.deny(&request, "not now").good()),
            "run" => {
                bob.post(&path, &json!({})).good();
                tidegate.approve(&request).good();
                tidegate.request_when(&request, "it runs", |request| request["execution"]["status"] == "finished");
            }
            _ => {}
        }
    }
    let of = |things: Vec<Value>| things.iter().map(|thing| thing["id"].as_str().expect("an id").to_owned()).collect();
    let ids = [of(tidegate.incidents()), of(tidegate.requests())];
    let document = tidegate.get("/api/v1/openapi.json").good();
    Lived { tidegate, document, ids, _around: (prometheus, target) }
}

/// With every field that is not named forbidden: the document must know of all that is answered.
fn closed(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.contains_key("properties") {
                object.insert("additionalProperties".to_owned(), false.into());
            }
            object.values_mut().for_each(closed);
        }
        Value::Array(array) => array.iter_mut().for_each(closed),
        _ => {}
    }
}

/// Holds answers against the document, field by field.
fn against(document: &Value) -> impl Fn(&Value, &str) + use<> {
    let mut schemas = document["components"].clone();
    closed(&mut schemas);
    move |answer, schema| {
        let whole = json!({ "$ref": format!("#/components/schemas/{schema}"), "components": schemas });
        let validator = jsonschema::validator_for(&whole).expect("a schema");
        let faults: Vec<String> =
            validator.iter_errors(answer).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
        assert!(faults.is_empty(), "{schema}: {faults:#?}\n{answer:#}");
    }
}

#[test]
fn watches_and_what_was_found_are_what_the_document_says() {
    let prometheus = FakePrometheus::start();
    let watches = r#"
[prometheus]
url = "http://prometheus"

[defaults.watch]
interval = "1s"
query_offset = "1s"

[[watch]]
name = "bounded"
expr = "bounded"
cold_start = { above = 100.0, below = -5.0 }

[[watch]]
name = "unbounded"
expr = "unbounded"

[[watch]]
name = "broken"
expr = "broken"
"#;
    for (expr, value) in [("bounded", 400.0), ("unbounded", 40.0)] {
        prometheus.play(expr, value);
    }
    prometheus.answer("broken", Reply::text(500, "broken"));
    let tidegate = Tidegate::start(watches, &[("prometheus", prometheus.address())]);
    let fits = against(&tidegate.get("/api/v1/openapi.json").good());
    let starting = tidegate.get("/api/v1/watches").good();
    let incident = tidegate.opened("bounded");
    assert_eq!(incident["cold_start"]["above"], 100.0, "{incident}");
    eventually("all watches have done what they do", || {
        let watches = tidegate.get("/api/v1/watches").good();
        let broken = &watches["watches"][2];
        (broken["error"].is_object() && !watches["watches"][1]["last_cycle"].is_null()).then_some(())
    });
    for watches in [starting, tidegate.get("/api/v1/watches").good()] {
        fits(&watches, "WatchList");
    }
    fits(&tidegate.get("/api/v1/incidents").good(), "IncidentPage");
    fits(&tidegate.incident(&incident), "WholeIncident");
}

#[test]
fn answers_are_what_the_document_says_field_by_field() {
    let lived = lived();
    let fits = against(&lived.document);
    let tidegate = &lived.tidegate;
    fits(&tidegate.get("/api/v1/incidents").good(), "IncidentPage");
    fits(&tidegate.get("/api/v1/approvals").good(), "ApprovalPage");
    fits(&tidegate.get("/api/v1/status").good(), "Status");
    fits(&tidegate.post("/api/v1/pause", &json!({})).good(), "Switch");
    fits(&tidegate.post("/api/v1/resume", &json!({})).good(), "Switch");
    fits(&tidegate.get("/api/v1/approvals/none").json(), "Problem");
    for id in &lived.ids[0] {
        fits(&tidegate.get(&format!("/api/v1/incidents/{id}")).good(), "WholeIncident");
    }
    for id in &lived.ids[1] {
        fits(&tidegate.get(&format!("/api/v1/approvals/{id}")).good(), "Approval");
    }

    // And they say what has been going on.
    let request = |stage: &str| {
        let found = tidegate.requests().into_iter().find(|request| request["stage"] == stage);
        found.unwrap_or_else(|| panic!("no request is at the stage {stage}: {:#?}", tidegate.requests()))
    };
    let halfway = request("pending_1");
    assert_eq!(halfway["status"], "pending");
    assert_eq!(halfway["missing"], json!([{ "count": 1, "of": null }]));
    assert_eq!(halfway["deciders"], json!(["alice", "bob"]));
    assert_eq!((&halfway["yeses"][0]["by"], &halfway["yeses"][0]["reason"]), (&json!("bob"), &json!("as last week")));
    assert_eq!(halfway["terms"]["quorum"], json!([{ "count": 2, "of": null }]));
    assert_eq!(halfway["terms"]["escalate"]["to"], json!(["leads"]));
    let denied = request("denied");
    assert_eq!((&denied["missing"], &denied["deciders"]), (&json!([]), &json!([])));
    assert_eq!(denied["decided"]["reason"], "not now");
}

#[test]
fn lists_come_in_pages_the_newest_first() {
    let lived = lived();
    let tidegate = &lived.tidegate;
    for (list, all) in ["incidents", "approvals"].into_iter().zip(&lived.ids) {
        let ids = |query: &str| {
            let page = tidegate.get(&format!("/api/v1/{list}?{query}")).good();
            let ids: Vec<String> = page[list]
                .as_array()
                .expect("a list")
                .iter()
                .map(|one| one["id"].as_str().unwrap().to_owned())
                .collect();
            (ids, page["next"].as_str().map(str::to_owned))
        };
        assert_eq!(all.len(), 4);
        assert_eq!(ids(""), (all.clone(), None));
        assert_eq!(ids("limit=4"), (all.clone(), None), "there is no next page, and it is not offered");
        let (mut seen, mut query) = (Vec::new(), "limit=3".to_owned());
        for length in [3, 1] {
            let (page, next) = ids(&query);
            assert_eq!(page.len(), length);
            seen.extend(page);
            query = format!("limit=3&before={}", next.unwrap_or_default());
        }
        assert_eq!(seen, *all);
        for wrong in ["limit=0", "limit=1001", "limit=x", "limit=-1", "status=odd", "page=2", "limit=1&limit=2"] {
            let answer = tidegate.get(&format!("/api/v1/{list}?{wrong}"));
            assert_eq!(answer.status, 400, "{list}?{wrong}: {answer:?}");
            assert!(answer.json()["error"].is_string());
        }
        assert_eq!(tidegate.get(&format!("/api/v1/{list}?before=nothing")).status, 404);
    }
    let pending = tidegate.get("/api/v1/approvals?status=pending").good();
    assert_eq!(pending["approvals"].as_array().map(Vec::len), Some(2), "{pending:#}");
    let first = tidegate.get("/api/v1/approvals?status=pending&limit=1").good();
    let next = first["next"].as_str().expect("one more");
    let last = tidegate.get(&format!("/api/v1/approvals?status=pending&limit=1&before={next}")).good();
    assert_eq!(last["approvals"][0]["id"], pending["approvals"][1]["id"]);
    assert_eq!(last["next"], Value::Null);
    let open = tidegate.get("/api/v1/incidents?status=open").good();
    assert_eq!(open["incidents"].as_array().map(Vec::len), Some(4));
}

/// The document with ids that exist for examples, so that not every question is about nothing.
fn with_examples(lived: &Lived) -> Value {
    let mut document = lived.document.clone();
    for (path, item) in document["paths"].as_object_mut().expect("paths") {
        let ids = if path.starts_with("/api/v1/incidents/") { &lived.ids[0] } else { &lived.ids[1] };
        for operation in item.as_object_mut().expect("methods").values_mut() {
            for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
                if parameter["$ref"] == "#/components/parameters/Id" {
                    let examples: Value = ids.iter().map(|id| (id.clone(), json!({ "value": id }))).collect();
                    let schema = json!({ "type": "string", "minLength": 1 });
                    *parameter =
                        json!({ "name": "id", "in": "path", "required": true, "schema": schema, "examples": examples });
                }
            }
        }
    }
    document
}

/// Has schemathesis ask as alice, a bounded number of questions, the same ones every time.
fn schemathesis(tidegate: &Tidegate, document: &Value, options: &[&str]) {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir));
    let program: PathBuf = target.join("tools/tests/bin/schemathesis");
    assert!(program.is_file(), "there is no {}: run `cargo xtask setup` first", program.display());
    let file = tidegate.file("openapi.json");
    fs::write(&file, document.to_string()).expect("a document");
    let mut command = Command::new(program);
    command.arg("run").arg(&file).args(["--url", &format!("http://{}", tidegate.address())]);
    command.args(["--header", &format!("Authorization: Bearer {TOKEN}")]).args(options);
    command.args(["--workers", "1", "--generation-deterministic", "--no-shrink", "--no-color"]);
    command.args(["--suppress-health-check", "all", "--continue-on-failure"]);
    command.current_dir(tidegate.file("")).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = command.output().expect("schemathesis runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(!tidegate.log().contains("panicked"), "{}", tidegate.log());
}

#[test]
fn schemathesis_finds_no_answer_that_is_not_documented() {
    let mut lived = lived();
    let options = [
        "--phases",
        "examples,coverage,fuzzing",
        "--max-examples",
        "25",
        "--checks",
        "all",
        "--exclude-checks",
        "ignored_auth",
        "--exclude-path-regex",
        "^/api/v2/",
    ];
    schemathesis(&lived.tidegate, &with_examples(&lived), &options);
    lived.tidegate.stop_and_verify_journal();
}

/// There Alertmanager is what has to be followed: it takes some nonsense, and refuses some of what fits its own document.
#[test]
fn schemathesis_finds_no_answer_of_alertmanagers_api_that_is_not_documented() {
    let nobody = Config { receivers: Vec::new(), ..Config::for_tidegate(([127, 0, 0, 1], 9).into()) };
    let (upstream, prometheus) = (Alertmanager::run(&nobody), FakePrometheus::start());
    let mut tidegate = Tidegate::new();
    tidegate.write_secret("bob", BOB);
    let around =
        [("prometheus", prometheus.address()), ("target", prometheus.address()), ("upstream", upstream.address())];
    tidegate.configure(&format!("{CONFIG}\n[alertmanager]\nurl = \"http://upstream\"\n"), &around);
    tidegate.run();
    tidegate.deliver(&delivery("firing", "QueueTooLong", "checkout")).good();
    upstream.send(&json!({ "alertname": "DiskFull" }), true);
    upstream.silence("checkout");
    let document = tidegate.get("/api/v1/openapi.json").good();
    let options = [
        "--phases",
        "examples,coverage,fuzzing",
        "--max-examples",
        "25",
        "--checks",
        "all",
        "--exclude-checks",
        "ignored_auth,positive_data_acceptance,negative_data_rejection",
        "--include-path-regex",
        "^/api/v2/",
    ];
    schemathesis(&tidegate, &document, &options);
    tidegate.stop_and_verify_journal();
}

#[test]
fn schemathesis_comes_in_nowhere_with_no_token_or_a_wrong_one() {
    // It shows a wrong token for every operation, and so many from one address are not listened to: some at a time.
    let parts = [
        "^/api/v1/(approvals|incidents)",
        "^/(-|webhook)/?|^/api/v1/(status|pause|resume|openapi|watches)",
        "^/api/v2/",
    ];
    for part in parts {
        let lived = lived();
        let options = ["--phases", "examples,coverage", "--checks", "ignored_auth", "--include-path-regex", part];
        schemathesis(&lived.tidegate, &with_examples(&lived), &options);
        assert!(lived.tidegate.metric("tidegate_refused_credentials_total", "") > 0.0);
    }
}
