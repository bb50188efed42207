//! The client against loopback servers that behave as Prometheus does on its bad days.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use axum::Router;
use axum::extract::{Form, Query};
use axum::http::StatusCode as Code;
use axum::routing::{any, get, post};

use super::*;
use crate::http_client::HttpClientOptions;
use crate::http_client::tests::{refused, serve, serve_raw, serve_silence};

const NORMAL: &str = include_str!("testdata/range-matrix-normal.json");
const SCALAR: &str = include_str!("testdata/instant-scalar.json");

fn client(base: &str) -> Client {
    let limits = QueryLimits { timeout: Duration::from_secs(5), max_body: 100_000, ..QueryLimits::default() };
    limited(base, limits)
}

fn limited(base: &str, limits: QueryLimits) -> Client {
    Client::new(BaseUrl::parse(base).unwrap(), HttpClientOptions::default().build().unwrap(), limits)
}

async fn range(client: &Client) -> Result<RangeAnswer, QueryError> {
    client.query_range("up{a=\"ü\"}", Timestamp(1_500), Timestamp(61_500), Duration::from_secs(60)).await
}

#[tokio::test]
async fn a_range_query_is_a_form_with_a_timeout() {
    let answer = |Form(form): Form<HashMap<String, String>>| async move {
        let wanted =
            [("query", "up{a=\"ü\"}"), ("start", "1.5"), ("end", "61.5"), ("step", "60"), ("timeout", "5000ms")];
        let met = wanted.iter().all(|(name, value)| form[*name] == *value) && form.len() == wanted.len();
        if met { (Code::OK, NORMAL) } else { (Code::BAD_REQUEST, "other parameters") }
    };
    let base = serve(Router::new().route("/prefix/api/v1/query_range", post(answer))).await;
    assert_eq!(range(&client(&format!("{base}/prefix/"))).await.unwrap().frame.series.len(), 2);
}

#[tokio::test]
async fn where_post_is_forbidden_get_is_used_and_remembered() {
    for refusal in [Code::FORBIDDEN, Code::METHOD_NOT_ALLOWED] {
        let posts = Arc::new(AtomicUsize::new(0));
        let counted = posts.clone();
        let refuse = move || async move {
            counted.fetch_add(1, Ordering::Relaxed);
            refusal
        };
        let answer = |Query(query): Query<HashMap<String, String>>| async move {
            if query["query"].contains('ü') { (Code::OK, NORMAL) } else { (Code::BAD_REQUEST, "") }
        };
        let base = serve(Router::new().route("/api/v1/query_range", get(answer).post(refuse))).await;
        let client = client(&base);
        range(&client).await.unwrap();
        range(&client).await.unwrap();
        assert_eq!(posts.load(Ordering::Relaxed), 1);
    }
}

/// Answers each request with the next of these; the last one stays.
async fn in_turn(answers: Vec<(Code, &'static str)>) -> (Client, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let answer = move || async move {
        let turn = counted.fetch_add(1, Ordering::Relaxed);
        answers[turn.min(answers.len() - 1)]
    };
    (client(&serve(Router::new().fallback(any(answer))).await), asked)
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_stays_is_not() {
    let starting = (Code::SERVICE_UNAVAILABLE, "Service Unavailable");
    for (answers, asked_times, outcome) in [
        (vec![starting, (Code::BAD_GATEWAY, "<html>"), (Code::OK, NORMAL)], 3, "ok"),
        (vec![(Code::GATEWAY_TIMEOUT, "")], 3, "unavailable"),
        (vec![starting], 3, "unavailable"),
        (vec![(Code::SERVICE_UNAVAILABLE, include_str!("testdata/err-timeout.json"))], 1, "timeout"),
        (vec![(Code::BAD_REQUEST, include_str!("testdata/err-parse.json"))], 1, "bad_data"),
        (vec![(Code::UNPROCESSABLE_ENTITY, include_str!("testdata/err-exec-dup-labelset.json"))], 1, "execution"),
        (vec![(Code::UNPROCESSABLE_ENTITY, r#"{"status":"error","errorType":"422","error":"x"}"#)], 1, "execution"),
        (vec![(Code::NOT_FOUND, "404 page not found")], 1, "status"),
        (vec![(Code::UNAUTHORIZED, "Unauthorized")], 1, "unauthorized"),
        (vec![(Code::FORBIDDEN, "no")], 2, "unauthorized"),
        (vec![(Code::OK, "<html>a login page</html>")], 1, "garbage"),
        (vec![(Code::NO_CONTENT, "")], 1, "status"),
    ] {
        let (client, asked) = in_turn(answers.clone()).await;
        let kind = range(&client).await.map_or_else(|error| error.kind(), |_| "ok");
        assert_eq!((kind, asked.load(Ordering::Relaxed)), (outcome, asked_times), "{answers:.60?}");
    }
}

#[tokio::test]
async fn the_message_names_what_prometheus_said() {
    let (client, _) = in_turn(vec![(Code::BAD_REQUEST, include_str!("testdata/err-parse.json"))]).await;
    let said = range(&client).await.unwrap_err().to_string();
    assert!(said.contains("unclosed left parenthesis"), "{said}");
    let (client, _) = in_turn(vec![(Code::NOT_FOUND, "404 page not found\n")]).await;
    let said = range(&client).await.unwrap_err().to_string();
    assert!(said.contains("404 page not found; is this the base URL"), "{said}");
}

#[tokio::test]
async fn broken_and_oversized_answers_have_their_kind() {
    let half = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", NORMAL.len(), &NORMAL[..300]);
    let chunked = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n12c\r\n{}\r\n", &NORMAL[..300]);
    let unbounded = format!("HTTP/1.1 200 OK\r\n\r\n{}", &NORMAL[..300]);
    let huge = "HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n{".to_owned();
    for (answer, kind) in [(half, "broken"), (chunked, "broken"), (unbounded, "garbage"), (huge, "too_large")] {
        let error = range(&client(&serve_raw(answer.clone().into_bytes()).await)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{answer:.60}: {error}");
    }
    let error = range(&client(&refused().await)).await.unwrap_err();
    assert_eq!(error.kind(), "refused");
}

#[tokio::test]
async fn silence_ends_a_little_after_the_timeout() {
    let (timeout, grace) = (Duration::from_millis(200), Duration::from_millis(100));
    let limits = QueryLimits { timeout, grace, ..QueryLimits::default() };
    let began = Instant::now();
    let error = range(&limited(&serve_silence().await, limits)).await.unwrap_err();
    assert_eq!(error.kind(), "timeout", "{error}");
    assert!(began.elapsed() >= timeout + grace);
}

#[tokio::test]
async fn instant_queries_and_alerts() {
    let routes = Router::new()
        .route("/api/v1/query", post(|| async { SCALAR }))
        .route("/api/v1/alerts", get(|| async { include_str!("testdata/alerts.json") }));
    let client = client(&serve(routes).await);
    assert_eq!(client.query("1").await.unwrap().value, InstantValue::Scalar(1.0));
    assert_eq!(client.alerts().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_large_answer_is_read_whole() {
    let series =
        (0..10_000).map(|i| format!(r#"{{"metric":{{"instance":"host{i}:9100"}},"values":[[1795339740,"0.{i}"]]}}"#));
    let series = series.collect::<Vec<_>>().join(",");
    let body = format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{series}]}}}}"#);
    assert!(body.len() > PARSE_APART);
    let base = serve(Router::new().fallback(any(|| async { body }))).await;
    let limits = QueryLimits { timeout: Duration::from_secs(60), ..QueryLimits::default() };
    assert_eq!(range(&limited(&base, limits)).await.unwrap().frame.series.len(), 10_000);
}
