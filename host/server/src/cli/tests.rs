//! The command line's grammar, and commands against a host made of canned answers.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc;

use clap::Parser as _;
use expect_test::expect;
use serde_json::json;

use super::client::Client;
use super::exit::Failure;
use super::show::{describe_approval, describe_incident, understood};
use super::wire::{Approval, Incident};
use super::{ApprovalStatus, Cli, CommandFactory as _, Host, Output, decide, show};

mod silence;

#[test]
fn the_grammar_is_sound() {
    Cli::command().debug_assert();
    for line in [
        "tidegate run",
        "tidegate check --connect --config x.toml",
        "tidegate --config x.toml --log-format json check",
        "tidegate incident list --output json --url http://127.0.0.1:1",
        "tidegate approval show r-1 --token-file t",
        "tidegate approval list --all --status auto_approved",
        "tidegate incident list --status open",
        "tidegate incident silence i7 --for 2h --comment deploy --yes --output json",
        "tidegate incident unsilence i7",
        "tidegate approve r-1",
        "tidegate approve r-1 --yes --reason known --output json --ca-file ca --cert-file c --key-file k",
        "tidegate pause --output json",
        "tidegate journal verify --data-dir copy --key-file k --output json",
        "tidegate journal accept",
        "tidegate deny r-1 --reason no",
        "tidegate journal verify",
        "tidegate completions fish",
    ] {
        assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
    }
    for line in [
        "tidegate",
        "tidegate deny r-1",
        "tidegate approve",
        "tidegate incident silence i7 --for 2h",
        "tidegate incident silence i7 --comment deploy",
        "tidegate pause --cert-file c",
        "tidegate journal verify --head 7",
        "tidegate check --output json",
        "tidegate runn",
    ] {
        let error = Cli::try_parse_from(line.split(' ')).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

/// A host that gives the answers in order and tells what it was asked.
struct Canned {
    url: String,
    asked: mpsc::Receiver<String>,
}

fn canned(answers: Vec<(u16, String)>) -> Canned {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (tell, asked) = mpsc::channel();
    std::thread::spawn(move || {
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().expect("a connection");
            let request = read_request(&mut stream);
            tell.send(request).expect("somebody listens");
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).expect("a reader");
        }
    });
    Canned { url, asked }
}

fn read_request(stream: &mut impl std::io::Read) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0) {
                return text;
            }
        }
        let read = stream.read(&mut chunk).expect("a request");
        assert!(read > 0, "the request ended early");
        bytes.extend_from_slice(&chunk[..read]);
    }
}

fn approval(status: &str) -> serde_json::Value {
    json!({
        "id": "r-1", "incident": "i-1", "status": status,
        "action": {"name": "restart", "target": {"service": "checkout"}, "arguments": {"replicas": 3}, "risk": "medium", "dry_run": false},
        "summary": "Restart checkout", "rationale": "It helped\nlast time \u{1b}[31mred", "shown": ["queue is 400, expected 12"],
        "deadline": "2026-01-01T00:05:00Z", "digest": "abc", "later": true,
        "decided": null, "execution": null, "verification": null,
    })
}

fn client_of(host: &Canned, folder: &Path) -> Client {
    let token = folder.join("token");
    std::fs::write(&token, "alice-0123456789abcdef\n").expect("a file");
    let asked = Host { url: Some(host.url.clone()), token_file: Some(token), ..Host::default() };
    Client::new(&asked, Path::new("nowhere.toml")).unwrap_or_else(|failure| panic!("{failure}"))
}

fn stranger_to(url: &str) -> Client {
    let asked = Host { url: Some(url.to_owned()), ..Host::default() };
    Client::new(&asked, Path::new("nowhere.toml")).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn approving_sends_the_digest_of_what_was_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = canned(vec![(200, approval("pending").to_string()), (200, approval("approved").to_string())]);
    decide::approve(&client_of(&host, folder.path()), "r-1", None, true, Output::Text)
        .unwrap_or_else(|failure| panic!("{failure}"));
    let first = host.asked.recv().expect("a question");
    assert!(first.starts_with("GET /api/v1/approvals/r-1 HTTP/1.1\r\n"), "{first}");
    let second = host.asked.recv().expect("a decision").to_ascii_lowercase();
    assert!(second.starts_with("post /api/v1/approvals/r-1/approve http/1.1\r\n"), "{second}");
    assert!(second.contains("authorization: bearer alice-0123456789abcdef\r\n"), "{second}");
    assert!(second.contains("x-tidegate-surface: cli\r\n"), "{second}");
    assert!(second.ends_with(r#"{"digest":"abc"}"#), "{second}");
}

#[test]
fn what_was_decided_is_not_decided_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let host = canned(vec![(200, approval("denied").to_string())]);
    let failure =
        decide::approve(&client_of(&host, folder.path()), "r-1", None, true, Output::Text).expect_err("it is decided");
    assert_eq!((failure.number(), failure.to_string().contains("it is denied")), (3, true), "{failure}");

    let host = canned(vec![(409, r#"{"error": "already decided", "status": "expired"}"#.to_owned())]);
    let failure = decide::deny(&client_of(&host, folder.path()), "r-1", "no", Output::Text).expect_err("it is decided");
    assert_eq!((failure.number(), failure.to_string().contains("it is expired")), (3, true), "{failure}");
    assert!(host.asked.recv().expect("a decision").ends_with(r#"{"reason":"no"}"#));
}

#[test]
fn deciding_without_a_token_or_reason_asks_nobody() {
    let without = stranger_to("http://127.0.0.1:1");
    assert!(matches!(decide::pause(&without, Output::Text), Err(Failure::Usage(_))));
    assert!(matches!(decide::deny(&without, "r-1", " ", Output::Text), Err(Failure::Usage(_))));
    let folder = tempfile::tempdir().expect("a folder");
    let none = || Some(folder.path().join("none"));
    for asked in [
        Host { token_file: none(), ..Host::default() },
        Host { ca_file: none(), ..Host::default() },
        Host { cert_file: none(), key_file: none(), ..Host::default() },
    ] {
        let asked = Host { url: Some("http://127.0.0.1:1".to_owned()), ..asked };
        assert!(matches!(Client::new(&asked, Path::new("x")).err(), Some(Failure::Usage(_))), "{asked:?}");
    }
}

#[test]
fn answers_that_are_none_are_failures() {
    let folder = tempfile::tempdir().expect("a folder");
    for (body, said) in [
        ("<html>", "not JSON"),
        ("{}", "not what this program expects"),
        ("[1]", "not what this program expects"),
        (r#"{"incidents": [{"id": 1}]}"#, "incidents[0].id"),
    ] {
        let host = canned(vec![(200, body.to_owned())]);
        let failure = show::incidents(&client_of(&host, folder.path()), false, None, Output::Text).expect_err(body);
        assert_eq!(failure.number(), 1);
        assert!(failure.to_string().contains(said), "{failure}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let nobody = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let failure = show::incidents(&stranger_to(&nobody), false, None, Output::Text).expect_err("nobody listens");
    assert!(
        failure.to_string().contains("cannot connect") && failure.to_string().contains("tidegate run"),
        "{failure}"
    );
}

#[test]
fn the_host_is_found_by_the_config_without_reading_its_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tidegate.toml");
    let write = |text: &str| std::fs::write(&file, text).expect("a file");
    write("server = { listen = '127.0.0.1:7' }\n[[approver]]\nname = 'a'\ntoken_file = 'not readable by us'\n");
    assert!(Client::new(&Host::default(), &file).is_ok());
    write("server = { listen = '127.0.0.1:0' }");
    assert!(matches!(Client::new(&Host::default(), &file).err(), Some(Failure::Usage(_))));
    write("server = { listen = 'here' }");
    assert!(matches!(Client::new(&Host::default(), &file).err(), Some(Failure::Config(_))));
    assert!(matches!(Client::new(&Host::default(), Path::new("nowhere.toml")).err(), Some(Failure::Config(_))));
}

#[test]
fn an_incident_reads_well_with_whole_requests_or_their_ids() {
    let incident = json!({
        "id": "i-1", "status": "open", "source": "anomaly", "watch": "queue", "labels": {"service": "checkout"},
        "severity": "high", "since": "2026-01-01T00:00:00Z", "opened_at": "2026-01-01T00:02:00Z",
        "value": 400.5, "expected": 12, "lower": "NaN", "upper": 30.0,
        "finding": "value 400.5, expected 12 (unknown to 30), score 3.1",
        "detectors": [
            {"name": "tide", "score": 3.1, "note": "never above 31\n\u{1b}[2J in 14 days", "digest": "00"},
            {"name": "spike", "score": "NaN", "note": null, "digest": "00"},
        ],
        "requests": ["r-0", approval("denied")], "closed": null,
        "timeline": [{"seq": 1, "at": "2026-01-01T00:02:00Z", "kind": "opened", "text": "queue is 400.5"}],
    });
    let incident: Incident = understood(incident).unwrap_or_else(|failure| panic!("{failure}"));
    expect![[r#"
        incident:   i-1
        status:     open
        severity:   high
        source:     anomaly
        watch:      queue
        labels:     {service="checkout"}
        since:      2026-01-01T00:00:00Z
        opened:     2026-01-01T00:02:00Z
        found:      value 400.5, expected 12 (unknown to 30), score 3.1
        detectors:  tide scores 3.1: never above 31 [2J in 14 days
                    spike has not judged it
        approvals:  r-0
                    r-1 (denied): Restart checkout

        AT                    WHAT
        2026-01-01T00:02:00Z  opened  queue is 400.5
    "#]]
    .assert_eq(&describe_incident(&incident));
}

#[test]
fn an_incident_by_a_static_bound_says_so_in_the_list_and_alone() {
    let mut incident = json!({
        "id": "i1", "status": "open", "source": "anomaly", "watch": "queue", "labels": {}, "severity": "medium",
        "since": "2026-01-01T00:00:00Z", "opened_at": "2026-01-01T00:02:00Z", "value": 2.4, "expected": "NaN",
        "lower": "-Inf", "upper": 2.0, "closed": null,
        "finding": "value 2.4, above 2 (static bound until 2026-01-02 17:00 UTC; 7 h of 48 h of history)",
        "cold_start": {"above": 2.0, "below": null, "since": "2025-12-31T17:00:00Z", "until": "2026-01-02T17:00:00Z"},
    });
    let list = json!({ "incidents": [incident.clone()] });
    expect![[r#"
        ID  STATUS                   SEVERITY  WATCH  SINCE                 LABELS
        i1  open, by a static bound  medium    queue  2026-01-01T00:00:00Z  {}
    "#]]
    .assert_eq(&show::listed_incidents(&understood(list).unwrap_or_else(|failure| panic!("{failure}"))));
    let shown: Incident = understood(incident.take()).unwrap_or_else(|failure| panic!("{failure}"));
    let text = describe_incident(&shown);
    assert!(text.contains("found:     value 2.4, above 2 (static bound until 2026-01-02 17:00 UTC; 7 h"), "{text}");
}

#[test]
fn watches_say_what_judges_them() {
    let young = json!({"series": 3, "since": "x", "first_until": "x", "until": "2026-01-02T17:00:00Z", "so_far": "7 h of 48 h of history"});
    let watch = |name: &str, above: serde_json::Value, error: serde_json::Value, cycle: serde_json::Value| {
        json!({
            "name": name, "expr": "up", "mode": "ask", "interval": "1m", "detectors": ["tide"],
            "cold_start": {"history": "2d", "above": above, "below": null}, "error": error, "last_cycle": cycle,
        })
    };
    let cycle =
        |young: &serde_json::Value| json!({"series": 12, "young": young, "anomalous": 0, "awaiting_history": 0});
    let none = json!(null);
    let watches = json!({ "watches": [
        watch("old", none.clone(), none.clone(), cycle(&none)),
        watch("bounded", json!(2.0), none.clone(), cycle(&young)),
        watch("young\u{1b}[2J", none.clone(), none.clone(), cycle(&young)),
        watch("broken", none.clone(), json!({"since": "2026-01-01T00:00:00Z", "why": "no answer"}), cycle(&none)),
        watch("new", none.clone(), none.clone(), none.clone()),
        watch("batch", none.clone(), none.clone(), json!({"series": 4, "young": null, "events": {"nightly": {"judged": 3, "learning": 1}}})),
    ] });
    expect![[r#"
        WATCH      STATUS            MODE  SERIES  DETECTORS  REMARK
        old        judging           ask   12      tide
        bounded    by static bounds  ask   12      tide       static bound above 2 judges 3 series until 2026-01-02T17:00:00Z (7 h of 48 h of history)
        young?[2J  not judged yet    ask   12      tide       nothing judges 3 series until 2026-01-02T17:00:00Z (7 h of 48 h of history)
        broken     not judging       ask   12      tide       since 2026-01-01T00:00:00Z: no answer
        new        starting          ask           tide
        batch      judging           ask   4       tide       nightly lasts: 3 series judged by the last times, 1 still being learnt
    "#]]
    .assert_eq(&super::watches::listed(&understood(watches).unwrap_or_else(|failure| panic!("{failure}"))));
}

#[test]
fn what_a_policy_asked_stands_below_the_moment_at_which_it_did() {
    let sample =
        |pod: usize| json!({"labels": {"pod": format!("p{pod}")}, "at": "2026-01-01T00:02:00Z", "value": "NaN"});
    let samples: Vec<_> = (0..12).map(sample).collect();
    let incident = json!({
        "id": "i1", "status": "open", "source": "alert", "watch": "web", "labels": {}, "severity": "high",
        "since": "2026-01-01T00:00:00Z", "opened_at": "2026-01-01T00:02:00Z",
        "value": "NaN", "expected": "NaN", "lower": "NaN", "upper": "NaN", "requests": [], "closed": null,
        "timeline": [{
            "seq": 1, "at": "2026-01-01T00:02:00Z", "kind": "policy_asked", "text": "the policy asked", "unlisted": 4,
            "questions": [
                {"expr": "up == 0", "cut_from": null, "reply": "answered", "samples": samples},
                {"expr": "up == 1", "cut_from": null, "reply": "answered", "samples": []},
                {"expr": "sum(", "cut_from": null, "reply": "failed", "error": "parse error"},
                {"expr": "max(", "cut_from": 5000, "reply": "refused", "error": "at most 4096 are allowed"},
            ],
        }],
    });
    let incident: Incident = understood(incident).unwrap_or_else(|failure| panic!("{failure}"));
    let text = describe_incident(&incident);
    let timeline: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("AT")).collect();
    expect![[r#"
        AT                    WHAT
        2026-01-01T00:02:00Z  policy_asked  the policy asked
                                              up == 0: 12 series
                                                {pod="p0"} NaN
                                                {pod="p1"} NaN
                                                {pod="p2"} NaN
                                                {pod="p3"} NaN
                                                {pod="p4"} NaN
                                                {pod="p5"} NaN
                                                {pod="p6"} NaN
                                                {pod="p7"} NaN
                                                {pod="p8"} NaN
                                                {pod="p9"} NaN
                                                and 2 more
                                              up == 1: no series
                                              sum(: failed, parse error
                                              max(... (5000 bytes): refused, at most 4096 are allowed
                                              and 4 more, all refused
    "#]]
    .assert_eq(&(timeline.join("\n") + "\n"));
}

#[test]
fn what_became_of_an_approval_reads_well() {
    let mut approval = approval("approved");
    approval["decided"] = json!({"by": "alice", "surface": "cli", "at": "2026-01-01T00:01:00Z"});
    approval["execution"] = json!({"status": "finished", "outcome": "failed", "output": "exit 1\nno such unit"});
    approval["verification"] = json!({"healthy": 1, "needed": 3});
    let approval: Approval = understood(approval).unwrap_or_else(|failure| panic!("{failure}"));
    let text = describe_approval(&approval);
    let end: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("decided")).collect();
    expect![[r#"
        decided:    by alice (cli) at 2026-01-01T00:01:00Z
        execution:  failed
                    exit 1
                    no such unit
        outcome:    being watched"#]]
    .assert_eq(&end.join("\n"));
}

#[test]
fn an_approval_reads_well_and_moves_no_cursor() {
    let approval: Approval = understood(approval("pending")).unwrap_or_else(|failure| panic!("{failure}"));
    expect![[r#"
        approval:   r-1
        status:     pending
        incident:   i-1
        action:     restart
        target:     {service="checkout"}
        arguments:  replicas=3
        risk:       medium
        summary:    Restart checkout
        rationale:  It helped
                    last time ?[31mred
        evidence:   queue is 400, expected 12
        deadline:   2026-01-01T00:05:00Z
        digest:     abc
    "#]]
    .assert_eq(&describe_approval(&approval));
}

#[test]
fn one_yes_of_two_is_not_called_an_approval() {
    let mut after = approval("pending");
    after["yeses"] = json!([{"by": "alice", "surface": "cli", "address": "127.0.0.1:9", "at": "2026-01-01T00:01:00Z"}]);
    after["missing"] = json!([{"count": 1, "of": "payments"}]);
    after["deciders"] = json!(["alice", "bob"]);
    after["terms"] = json!({"require_reason": true});
    after["escalated"] = json!({"at": "2026-01-01T00:03:00Z", "to": ["leads"]});
    let after: Approval = understood(after).unwrap_or_else(|failure| panic!("{failure}"));
    let said = decide::stands_after_a_yes("r-1", &after);
    assert!(said.contains("not approved yet") && said.contains("payments") && said.contains("bob"), "{said}");
    assert!(!said.contains("alice"), "she has said yes already: {said}");
    let text = describe_approval(&after);
    let standing: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("deadline")).collect();
    expect![[r#"
        deadline:    2026-01-01T00:05:00Z
        yes:         alice (cli, 127.0.0.1:9) at 2026-01-01T00:01:00Z
        needed:      1 more of payments, each with a reason
        may decide:  alice, bob
        escalated:   to leads at 2026-01-01T00:03:00Z
        digest:      abc"#]]
    .assert_eq(&standing.join("\n"));
}

#[test]
fn what_waits_stands_first_however_long_it_has_waited() {
    let folder = tempfile::tempdir().expect("a folder");
    let of = |id: &str, status: &str, deadline: &str| {
        let mut approval = approval(status);
        approval["id"] = id.into();
        approval["deadline"] = deadline.into();
        approval
    };
    let (late, soon) = (of("r-9", "pending", "2026-01-01T00:09:00Z"), of("r-2", "pending", "2026-01-01T00:05:00Z"));
    let latest = json!({ "approvals": [of("r-10", "denied", "2026-01-01T00:01:00Z"), late], "next": "r-9" });
    let waiting = json!({ "approvals": [late, soon], "next": null });
    let host = canned(vec![(200, latest.to_string()), (200, waiting.to_string())]);
    let client = client_of(&host, folder.path());
    let answer = show::listed(&client, false, None).unwrap_or_else(|failure| panic!("{failure}"));
    let ids: Vec<&str> =
        answer["approvals"].as_array().expect("a list").iter().filter_map(|a| a["id"].as_str()).collect();
    assert_eq!((ids, &answer["more"]), (vec!["r-2", "r-9", "r-10"], &json!(true)));
    assert!(host.asked.recv().expect("a question").starts_with("GET /api/v1/approvals?limit=50 "));
    assert!(host.asked.recv().expect("a question").starts_with("GET /api/v1/approvals?limit=1000&status=pending "));

    let first = json!({ "approvals": [of("r-3", "denied", ""), of("r-2", "expired", "")], "next": "r-2" });
    let last = json!({ "approvals": [of("r-1", "denied", "")], "next": null });
    let host = canned(vec![(200, first.to_string()), (200, last.to_string())]);
    let client = client_of(&host, folder.path());
    let answer =
        show::listed(&client, false, Some(ApprovalStatus::Denied)).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(answer["approvals"].as_array().map(Vec::len), Some(2));
    host.asked.recv().expect("a question");
    assert!(host.asked.recv().expect("a question").contains("&before=r-2 "));
}
