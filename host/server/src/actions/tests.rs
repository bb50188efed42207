//! Actions on real programs and loopback servers; each must say no more than is known.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use tidegate_domain::labels::Labels;
use tidegate_domain::rules::{Severity, Verify};

use super::*;
use crate::http_client::tests::{refused, serve, serve_raw, serve_silence};

fn action(spec: ActionKind, timeout: Duration) -> ResolvedAction {
    ResolvedAction {
        name: "restart".to_owned(),
        spec,
        target: Labels::new([("service", "check out; rm -rf /")]),
        arguments: json!({ "replicas": 3, "zone": "{service}" }).as_object().cloned().unwrap_or_default(),
        risk: Severity::Low,
        timeout,
        idempotent: false,
        dry_run: false,
        verify: Verify::default(),
    }
}

fn sh(script: &str) -> ActionKind {
    ActionKind::Command {
        program: "/bin/sh".to_owned(),
        args: vec![
            "-c".to_owned(),
            script.to_owned(),
            "sh".to_owned(),
            "{service}".to_owned(),
            "{replicas}".to_owned(),
        ],
        env: BTreeMap::from([("ONLY".to_owned(), "this".to_owned())]),
    }
}

fn call(url: String) -> ActionKind {
    ActionKind::Http { url, method: "POST".to_owned(), headers: BTreeMap::new(), bearer_token_file: None }
}

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_command_gets_its_arguments_whole_and_no_environment() {
    let script = r#"printf '%s|%s|%s|%s' "$1" "$2" "$ONLY" "$HOME""#;
    let result = run(&action(sh(script), LONG), "r1").await;
    assert_eq!(result, RunResult::Succeeded { output: "check out; rm -rf /|3|this|".to_owned() });
}

#[tokio::test]
async fn a_command_that_fails_says_why() {
    let RunResult::Failed { error } = run(&action(sh("echo no such host >&2; exit 7"), LONG), "r1").await else {
        panic!("it must have failed");
    };
    assert!(error.contains("exit status: 7") && error.ends_with("no such host"), "{error}");
    let missing = ActionKind::Command { program: "/no/such/program".to_owned(), args: vec![], env: BTreeMap::new() };
    assert!(matches!(run(&action(missing, LONG), "r1").await, RunResult::Failed { .. }));
}

#[tokio::test]
async fn a_command_past_its_time_is_killed_with_all_it_started() {
    let begun = Instant::now();
    // The child of the shell holds the pipe open: killing the shell alone would wait for it.
    let result = run(&action(sh("sleep 60 & sleep 60"), Duration::from_millis(300)), "r1").await;
    assert!(matches!(result, RunResult::Unknown { .. }), "{result:?}");
    assert!(begun.elapsed() < LONG);
}

#[tokio::test]
async fn what_a_command_leaves_running_neither_delays_nor_dies() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let script = format!("(sleep 1; echo alive > {}) & echo started", mark.display());
    let begun = Instant::now();
    let result = run(&action(sh(&script), LONG), "r1").await;
    assert_eq!(result, RunResult::Succeeded { output: "started".to_owned() });
    assert!(begun.elapsed() < LONG);
    while !mark.exists() {
        assert!(begun.elapsed() < LONG, "it was killed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_command_that_nobody_waits_for_is_killed_with_all_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let (begun, done) = (folder.path().join("begun"), folder.path().join("done"));
    let script = format!("touch {}; (sleep 1; touch {}) & sleep 60", begun.display(), done.display());
    let action = action(sh(&script), LONG);
    tokio::select! {
        result = run(&action, "r1") => panic!("{result:?}"),
        () = async { while !begun.exists() { tokio::time::sleep(Duration::from_millis(5)).await } } => {}
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(!done.exists());
}

#[tokio::test]
async fn a_command_killed_by_somebody_is_unknown() {
    let result = run(&action(sh("kill -TERM $$"), LONG), "r1").await;
    assert!(matches!(&result, RunResult::Unknown { error } if error.contains("signal: 15")), "{result:?}");
}

#[tokio::test]
async fn a_command_with_a_zero_byte_is_never_started() {
    let mut action = action(sh("true"), LONG);
    action.target = Labels::new([("service", "a\0b")]);
    assert!(matches!(run(&action, "r1").await, RunResult::Failed { .. }));
}

#[tokio::test]
async fn endless_output_is_cut() {
    let RunResult::Succeeded { output } = run(&action(sh("yes | head -c 3000000; echo end"), LONG), "r1").await else {
        panic!("it must have succeeded");
    };
    assert!(output.len() <= MOST_OUTPUT && output.ends_with("end"));
}

#[tokio::test]
async fn a_request_carries_the_order_and_its_key() {
    let echo = |headers: HeaderMap, body: String| async move {
        format!("{} {body}", headers["idempotency-key"].to_str().unwrap_or("none"))
    };
    let url = serve(Router::new().route("/", post(echo))).await;
    let RunResult::Succeeded { output } = run(&action(call(url), LONG), "r1-abcd").await else {
        panic!("it must have succeeded");
    };
    let (key, body) = output.split_once(' ').expect("key and body");
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!((key, &body["idempotency_key"]), ("r1-abcd", &json!("r1-abcd")));
    assert_eq!(body["arguments"], json!({ "replicas": 3, "zone": "{service}" }));
    assert_eq!(body["target"], json!({ "service": "check out; rm -rf /" }));
}

#[tokio::test]
async fn answers_that_are_no_yes_are_a_no() {
    let answer = |code: StatusCode| Router::new().route("/", post(move || async move { (code, "because") }));
    for code in [StatusCode::CONFLICT, StatusCode::INTERNAL_SERVER_ERROR, StatusCode::TEMPORARY_REDIRECT] {
        let RunResult::Failed { error } = run(&action(call(serve(answer(code)).await), LONG), "r1").await else {
            panic!("{code} must be a failure");
        };
        assert!(error.contains(code.as_str()) && error.ends_with("because"), "{error}");
    }
}

#[tokio::test]
async fn what_was_sent_and_not_answered_is_unknown() {
    let silent = serve_silence().await;
    let result = run(&action(call(silent), Duration::from_secs(3)), "r1").await;
    assert!(matches!(result, RunResult::Unknown { .. }), "{result:?}");
    let result = run(&action(call(serve_raw(Vec::new()).await), LONG), "r1").await;
    assert!(matches!(result, RunResult::Unknown { .. }), "hung up on: {result:?}");
}

#[tokio::test]
async fn a_success_that_breaks_off_and_a_lost_gateway_are_unknown() {
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nbegun".to_vec();
    let result = run(&action(call(serve_raw(half).await), LONG), "r1").await;
    assert!(matches!(&result, RunResult::Unknown { error } if error.contains("200")), "{result:?}");
    for code in [StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT] {
        let routes = Router::new().route("/", post(move || async move { code }));
        let result = run(&action(call(serve(routes).await), LONG), "r1").await;
        assert!(matches!(result, RunResult::Unknown { .. }), "{code}: {result:?}");
    }
    let garbage = serve_raw(b"garbage".to_vec()).await;
    assert!(matches!(run(&action(call(garbage), LONG), "r1").await, RunResult::Unknown { .. }));
}

#[tokio::test]
async fn a_token_is_sent_and_a_missing_one_stops_everything() {
    let echo = |headers: HeaderMap| async move { headers["authorization"].to_str().unwrap().to_owned() };
    let url = serve(Router::new().route("/", post(echo))).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let spec = ActionKind::Http {
        url,
        method: "POST".to_owned(),
        headers: BTreeMap::from([("X-Team".to_owned(), "a".to_owned())]),
        bearer_token_file: Some(file.to_string_lossy().into_owned()),
    };
    let action = action(spec, LONG);
    let missing = run(&action, "r1").await;
    assert!(matches!(&missing, RunResult::Failed { error } if error.starts_with("nothing was sent")), "{missing:?}");
    std::fs::write(&file, "abc\n").unwrap();
    assert_eq!(run(&action, "r1").await, RunResult::Succeeded { output: "Bearer abc".to_owned() });
}

#[tokio::test]
async fn what_was_never_sent_has_failed() {
    let url = refused().await;
    let RunResult::Failed { error } = run(&action(call(url), LONG), "r1").await else {
        panic!("refused is not unknown");
    };
    assert!(error.starts_with("nothing was sent"), "{error}");
}

#[tokio::test]
async fn a_dry_run_runs_nothing() {
    let missing = ActionKind::Command { program: "/no/such/program".to_owned(), args: vec![], env: BTreeMap::new() };
    let action = ResolvedAction { dry_run: true, ..action(missing, LONG) };
    assert_eq!(run(&action, "r1").await, RunResult::DryRun);
}
