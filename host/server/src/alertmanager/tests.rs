//! The client against loopback servers that behave as Alertmanager does, or does not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::wire::posted;
use super::*;
use crate::http_client::tests::{refused, serve, serve_raw, serve_silence};
use crate::http_client::{BaseUrl, HttpClientOptions};

#[test]
fn errors_are_read_in_every_form() {
    for (body, text) in [
        (&br#"{"code":601,"message":"labels in body is required"}"#[..], "labels in body is required"),
        (br#""bad matcher""#, "bad matcher"),
        (b"plain text\n", "plain text"),
        (b"{\"code\":1}", "{\"code\":1}"),
        (b"\xff", "\u{fffd}"),
    ] {
        assert_eq!(said(body), text);
    }
}

#[test]
fn an_alert_has_both_times() {
    let mut sent = alert("A");
    let expected = json!({
        "labels": {"alertname": "A"},
        "annotations": {},
        "startsAt": "1970-01-01T00:00:00.000Z",
        "endsAt": "1970-01-01T00:01:00.000Z",
    });
    assert_eq!(posted(&sent), expected);
    sent.generator_url = Some("http://p/graph".to_owned());
    assert_eq!(posted(&sent)["generatorURL"], "http://p/graph");
}

#[test]
fn silences_are_written_as_they_were_read() {
    let captured = include_str!("testdata/am-0.33.1-silence-get.json");
    let as_it_is: Value = serde_json::from_str(captured).unwrap();
    let mut newer = as_it_is.clone();
    newer["annotations"] = json!({ "ticket": "OPS-1" });
    for silence in [as_it_is, newer] {
        let read: ListedSilence = serde_json::from_value(silence.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), silence);
    }
    let old = r#"{"id":"a","status":{"state":"expired"},"matchers":[{"name":"a","value":"b","isRegex":false}]}"#;
    let read: ListedSilence = serde_json::from_str(old).unwrap();
    assert!(read.matchers[0].is_equal, "what says nothing must match, as before there was a choice");
}

fn client(base: &str) -> Client {
    let http = HttpClientOptions::default().build().unwrap();
    Client::new(BaseUrl::parse(base).unwrap(), None, http, Duration::from_secs(5))
}

fn alert(name: &str) -> OutgoingAlert {
    let labels = Labels::new([("alertname", name)]);
    let (starts_at, ends_at) = (Timestamp(0), Timestamp(60_000));
    OutgoingAlert { labels, annotations: Labels::empty(), starts_at, ends_at, generator_url: None }
}

/// Refuses every batch with a bad alert in it, as Alertmanager does, and notes how many alerts each batch had.
async fn picky() -> (Client, Arc<Mutex<Vec<usize>>>) {
    let batches = Arc::new(Mutex::new(Vec::new()));
    let noted = batches.clone();
    let take = |Json(alerts): Json<Vec<Value>>| async move {
        noted.lock().unwrap().push(alerts.len());
        let bad = alerts.iter().any(|alert| alert["labels"]["alertname"] == "bad");
        if bad { (StatusCode::BAD_REQUEST, r#""invalid label set""#) } else { (StatusCode::OK, "") }
    };
    (client(&serve(Router::new().route("/api/v2/alerts", post(take))).await), batches)
}

#[tokio::test]
async fn the_bad_alert_of_a_batch_is_found_and_the_others_arrive() {
    let (client, batches) = picky().await;
    let refused = client.post(&[alert("a"), alert("bad"), alert("b"), alert("bad")]).await.unwrap();
    assert_eq!(refused.iter().map(|(alert, _)| alert.labels.get("alertname")).collect::<Vec<_>>(), [Some("bad"); 2]);
    assert!(refused[0].1.to_string().contains("400: invalid label set"), "{}", refused[0].1);
    assert_eq!(*batches.lock().unwrap(), [4, 2, 1, 1, 2, 1, 1]);
}

#[tokio::test]
async fn an_alert_for_which_a_whole_batch_is_refused_holds_up_no_other() {
    let stored = Arc::new(Mutex::new(0));
    let counted = stored.clone();
    // As Alertmanager answers where a field of one of them has another form than it must have: none of them is stored.
    let take = |Json(alerts): Json<Vec<Value>>| async move {
        if alerts.iter().any(|alert| alert["generatorURL"] == "http://h/%zz") {
            let why = r#"{"code":601,"message":"1.generatorURL in body must be of type uri: \"http://h/%zz\""}"#;
            return (StatusCode::UNPROCESSABLE_ENTITY, why);
        }
        *counted.lock().unwrap() += alerts.len();
        (StatusCode::OK, "")
    };
    let client = client(&serve(Router::new().route("/api/v2/alerts", post(take))).await);
    let bad = OutgoingAlert { generator_url: Some("http://h/%zz".to_owned()), ..alert("bad") };
    let refused = client.post(&[alert("a"), bad.clone(), alert("b")]).await.unwrap();
    assert_eq!(refused.iter().map(|(alert, _)| alert).collect::<Vec<_>>(), [&bad]);
    assert!(refused[0].1.to_string().contains("422: 1.generatorURL"), "{}", refused[0].1);
    assert_eq!(*stored.lock().unwrap(), 2);
}

#[tokio::test]
async fn a_single_bad_alert_is_sent_once() {
    let (client, batches) = picky().await;
    assert_eq!(client.post(&[alert("bad")]).await.unwrap().len(), 1);
    assert!(client.post(&[]).await.unwrap().is_empty());
    assert!(client.post(&[alert("a"), alert("b")]).await.unwrap().is_empty());
    assert_eq!(*batches.lock().unwrap(), [1, 2]);
}

#[tokio::test]
async fn other_errors_are_errors_and_not_tried_alert_by_alert() {
    let count = Arc::new(Mutex::new(0));
    let counted = count.clone();
    let gone = || async move {
        *counted.lock().unwrap() += 1;
        (StatusCode::GONE, r#"{"code":410,"message":"v1 is gone"}"#)
    };
    let gone = client(&serve(Router::new().fallback(any(gone))).await);
    let error = gone.post(&[alert("a"), alert("b")]).await.unwrap_err().to_string();
    assert!(error.contains("410: v1 is gone"), "{error}");
    assert_eq!(*count.lock().unwrap(), 1);
    let half = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 90\r\n\r\nhalf".to_vec();
    for base in [refused().await, serve_silence().await, serve_raw(half).await] {
        let outcome = client(&base).post(&[alert("a"), alert("b")]).await;
        assert!(matches!(outcome, Err(AlertmanagerError::Transport { .. })), "{outcome:?}");
    }
}

#[tokio::test]
async fn listed_alerts_are_read_and_garbage_is_an_error() {
    let listed = include_str!("testdata/am-0.33.1-alerts-get-silenced.json");
    let alertmanager =
        client(&serve(Router::new().route("/am/api/v2/alerts", get(move || async move { listed }))).await);
    assert!(matches!(alertmanager.alerts().await, Err(AlertmanagerError::Refused { status: 404, .. })));
    let base = serve(Router::new().route("/am/api/v2/alerts", get(move || async move { listed }))).await;
    assert_eq!(client(&format!("{base}/am")).alerts().await.unwrap().len(), 1);
    for garbage in ["", "null", "{}", "<html>", "[{}]", r#"[{"fingerprint":1,"status":{}}]"#, &listed[..200]] {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{garbage}", garbage.len());
        let outcome = client(&serve_raw(answer.into_bytes()).await).alerts().await;
        assert!(matches!(outcome, Err(AlertmanagerError::Garbage { .. })), "{garbage:.40}: {outcome:?}");
    }
}

#[tokio::test]
async fn of_fifty_alerts_with_a_bad_one_all_others_are_stored_and_it_is_named_once() {
    for bad in [0, 17, 49] {
        let (client, batches) = picky().await;
        let alerts: Vec<_> =
            (0..50).map(|at| if at == bad { alert("bad") } else { alert(&format!("a{at}")) }).collect();
        let refused = client.post(&alerts).await.unwrap();
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].0, alert("bad"));
        assert!(batches.lock().unwrap().len() <= 13, "by halves: {:?}", batches.lock().unwrap());
    }
}

#[tokio::test]
async fn many_alerts_go_out_in_batches() {
    let (client, batches) = picky().await;
    let alerts: Vec<_> = (0..600).map(|at| alert(&format!("a{at}"))).collect();
    assert!(client.post(&alerts).await.unwrap().is_empty());
    assert_eq!(*batches.lock().unwrap(), [256, 256, 88]);
}

#[tokio::test]
async fn whoever_refuses_everything_is_not_asked_without_end() {
    let (client, batches) = picky().await;
    let alerts = vec![alert("bad"); 1000];
    let refused = client.post(&alerts).await.unwrap();
    assert_eq!(refused.len(), 1000, "each is accounted for");
    assert!(batches.lock().unwrap().len() < 250, "{}", batches.lock().unwrap().len());
    // A proxy that takes short bodies only gets short ones.
    let taken = Arc::new(Mutex::new(0));
    let counted = taken.clone();
    let narrow = |Json(alerts): Json<Vec<Value>>| async move {
        if alerts.len() > 40 {
            return StatusCode::PAYLOAD_TOO_LARGE;
        }
        *counted.lock().unwrap() += alerts.len();
        StatusCode::OK
    };
    let narrow = self::client(&serve(Router::new().route("/api/v2/alerts", post(narrow))).await);
    assert!(narrow.post(&vec![alert("a"); 256]).await.unwrap().is_empty());
    assert_eq!(*taken.lock().unwrap(), 256);
}

/// Sends a byte now and then, without end.
async fn serve_drip() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 65_536]).await;
                let mut next: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[";
                while stream.write_all(next).await.is_ok() {
                    next = b" ";
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn answers_that_are_too_long_or_never_end_or_come_from_elsewhere_are_errors() {
    let huge = serve_raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n[".to_vec()).await;
    let error = client(&huge).alerts().await.unwrap_err().to_string();
    assert!(error.contains("longer than"), "{error}");
    let http = HttpClientOptions::default().build().unwrap();
    let drip = serve_drip().await;
    let dripping = Client::new(BaseUrl::parse(&drip).unwrap(), None, http, Duration::from_secs(1));
    let error = dripping.alerts().await.unwrap_err().to_string();
    assert!(error.contains("no answer in time"), "{error}");
    let elsewhere = serve(Router::new().fallback(any(|| async { "[]" }))).await;
    let to = format!("HTTP/1.1 307 Elsewhere\r\nLocation: {elsewhere}/api/v2/alerts\r\nContent-Length: 0\r\n\r\n");
    let redirecting = client(&serve_raw(to.into_bytes()).await);
    for error in [
        redirecting.alerts().await.unwrap_err().to_string(),
        redirecting.post(&[alert("a"), alert("b")]).await.unwrap_err().to_string(),
    ] {
        assert!(error.contains("307") && error.contains(&elsewhere) && error.contains("not followed"), "{error}");
    }
}
