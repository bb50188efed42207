use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};

use super::*;
use crate::http_client::tests::{refused, serve, serve_raw};
use crate::http_client::{HttpClientOptions, SecretSource};

fn token() -> Secret {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "xoxb-verysecret").unwrap();
    SecretSource::File(folder.path().join("token")).read().unwrap()
}

fn api(base: &str) -> Api {
    Api::new(HttpClientOptions::default().build().unwrap(), BaseUrl::parse(&format!("{base}/api")).unwrap())
}

async fn members(base: &str) -> Result<Vec<String>, SlackError> {
    api(base).members(&token(), "S1").await
}

/// Answers every call with this.
async fn slack(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> String {
    serve(Router::new().fallback(move || std::future::ready(answer()))).await
}

fn ok(answer: Value) -> Response {
    Json(answer).into_response()
}

#[tokio::test]
async fn methods_that_read_take_forms_and_others_take_json() {
    let kind = |headers: &HeaderMap| headers["content-type"].to_str().unwrap_or_default().to_owned();
    let bearer = |headers: &HeaderMap| headers["authorization"] == "Bearer xoxb-verysecret";
    let read = move |headers: HeaderMap, body: Bytes| async move {
        let good = bearer(&headers) && kind(&headers).contains("form") && body == "usergroup=S1";
        ok(json!({ "ok": good, "users": ["U1", "U2"] }))
    };
    let write = move |headers: HeaderMap, Json(body): Json<Value>| async move {
        let good = bearer(&headers) && body["channel"] == "C1" && body["thread_ts"] == "1.2" && body["text"] == "ü";
        ok(json!({ "ok": good, "channel": "C1", "ts": "3.4" }))
    };
    let routes =
        Router::new().route("/api/usergroups.users.list", post(read)).route("/api/chat.postMessage", post(write));
    let base = serve(routes).await;
    assert_eq!(members(&base).await, Ok(vec!["U1".to_owned(), "U2".to_owned()]));
    let posted = api(&base).post(&token(), "C1", &json!({ "text": "ü" }), Some("1.2")).await;
    assert_eq!(posted, Ok(Message { channel: "C1".to_owned(), ts: "3.4".to_owned() }));
}

#[tokio::test]
async fn a_refusal_is_told_in_slacks_words_with_a_remedy() {
    let answer = || {
        ok(json!({
            "ok": false, "error": "missing_scope", "needed": "usergroups:read",
            "response_metadata": { "messages": ["[ERROR] line\nbreak"] },
        }))
    };
    let error = members(&slack(answer).await).await.unwrap_err();
    let said = "Slack refused usergroups.users.list: missing_scope usergroups:read: [ERROR] line break";
    assert_eq!(error.to_string(), said);
    assert!(error.is_final());
    assert!(error.remedy("channel in [slack]").unwrap().contains("scope"));

    let gone = || ok(json!({ "ok": false, "error": "channel_not_found" }));
    let error = members(&slack(gone).await).await.unwrap_err();
    assert!(error.remedy("channel in [slack]").unwrap().starts_with("see channel in [slack]"));

    let broken = || ok(json!({ "ok": false, "error": "internal_error" }));
    assert!(!members(&slack(broken).await).await.unwrap_err().is_final());
}

#[tokio::test]
async fn a_limit_says_how_long_to_wait() {
    for (header, seconds) in [("7", 7), ("soon", 30), ("999999", 300)] {
        let answer = move || (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, header)]).into_response();
        let error = members(&slack(answer).await).await.unwrap_err();
        assert_eq!(error.pause(), Some(Duration::from_secs(seconds)));
        assert!(!error.is_final());
    }
}

#[tokio::test]
async fn whatever_else_comes_is_no_answer_and_holds_no_token() {
    let unavailable = slack(|| (StatusCode::BAD_GATEWAY, "xxx\n".repeat(200)).into_response()).await;
    let elsewhere = slack(|| (StatusCode::FOUND, [("location", "http://127.0.0.1:9/")]).into_response()).await;
    let huge = slack(|| "x".repeat(MOST_BYTES + 1).into_response()).await;
    for (base, said) in [
        (unavailable, "HTTP status 502: xxx xxx"),
        (elsewhere, "HTTP status 302"),
        (huge, "longer than the 1048576 bytes"),
        (slack(|| ok(json!([]))).await, "an answer without ok"),
        (slack(|| ok(json!({ "ok": "true" }))).await, "an answer without ok"),
        (slack(|| ok(json!({ "ok": true }))).await, "no list of users"),
        (slack(|| "hello".into_response()).await, "expected value"),
        (refused().await, "cannot connect"),
        (serve_raw(Vec::new()).await, "the connection broke"),
    ] {
        let error = members(&base).await.unwrap_err();
        let shown = format!("{error} {error:?} {:?}", api(&base));
        assert!(shown.contains(said), "{said}: {shown}");
        assert!(!shown.contains("verysecret") && !error.is_final(), "{shown}");
        assert!(error.to_string().chars().count() < 400, "{shown}");
    }
}
