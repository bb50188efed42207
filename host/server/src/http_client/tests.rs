//! The client against a loopback server, and the small servers that the other edges test with.

use std::fs;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap as Received;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// Serves `routes` on a free loopback port until the test's runtime ends; returns its base URL.
pub(crate) async fn serve(routes: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

/// Reads one request from each connection and answers with exactly these bytes, then hangs up.
pub(crate) async fn serve_raw(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 65_536];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&answer).await;
            let _ = stream.shutdown().await;
        }
    });
    format!("http://{address}")
}

/// Accepts connections and never answers.
pub(crate) async fn serve_silence() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    format!("http://{address}")
}

/// A base URL on which nobody listens.
pub(crate) async fn refused() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn options(toml: &str) -> HttpClientOptions {
    toml::from_str(toml).unwrap()
}

async fn get_text(options: &HttpClientOptions, base: &str) -> String {
    let url = BaseUrl::parse(base).unwrap().at("/");
    let request = options.build().unwrap().request(Method::GET, url).unwrap();
    let response = request.send().await.unwrap();
    String::from_utf8(read_capped(response, 10_000).await.unwrap()).unwrap()
}

#[tokio::test]
async fn credentials_and_headers_arrive_and_rotate() {
    let echo = |headers: Received| async move {
        let all = headers.get_all("x-scope").iter().map(|value| value.to_str().unwrap());
        let scopes: Vec<_> = all.collect();
        format!("{} {}", headers["authorization"].to_str().unwrap(), scopes.join(","))
    };
    let base = serve(Router::new().route("/", get(echo))).await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "one\n").unwrap();
    let bearer = options(
        r#"authorization = { credentials_file = "token" }
           http_headers = { X-Scope = { values = ["a", "b"], files = ["token"] } }"#,
    )
    .below(folder.path());
    assert_eq!(get_text(&bearer, &base).await, "Bearer one a,b,one");
    fs::write(folder.path().join("token"), "two").unwrap();
    assert_eq!(get_text(&bearer, &base).await, "Bearer two a,b,two");
    let basic = options(r#"basic_auth = { username = "u", password_file = "token" }"#);
    assert_eq!(get_text(&basic.below(folder.path()), &base).await, "Basic dTp0d28= ");
}

#[test]
fn options_that_cannot_work_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "t").unwrap();
    fs::write(folder.path().join("lines"), "a\nb").unwrap();
    for (toml, said) in [
        (r#"basic_auth = { username = "u" }"#, "exactly one of password_file and password_env"),
        (r#"authorization = { credentials_file = "a", credentials_env = "B" }"#, "exactly one of"),
        (r#"authorization = { credentials_file = "nowhere" }"#, "nowhere"),
        (r#"authorization = { credentials_file = "lines" }"#, "line break"),
        (
            r#"authorization = { credentials_file = "token" }
               basic_auth = { username = "u", password_file = "token" }"#,
            "all fill the Authorization header",
        ),
        (r#"http_headers = { Authorization = { values = ["x"] } }"#, "option of its own"),
        (r#"http_headers = { "a b" = { values = ["x"] } }"#, "not a header name"),
        (r#"tls_config = { cert_file = "token" }"#, "go together"),
        (r#"tls_config = { ca_file = "token" }"#, "no certificate in it"),
        (r#"tls_config = { ca_file = "nowhere" }"#, "cannot read"),
        (r#"proxy_url = "::""#, "not a proxy URL"),
    ] {
        let error = options(toml).below(folder.path()).build().unwrap_err().to_string();
        assert!(error.contains(said), "{toml}: {error}");
    }
    for toml in ["basic_auth = { username = \"u\", password = \"p\" }", "bearer_token = \"x\""] {
        assert!(toml::from_str::<HttpClientOptions>(toml).is_err(), "{toml} must be refused");
    }
}

#[test]
fn base_urls_keep_their_prefix() {
    for (base, whole) in
        [("http://h:1", "http://h:1/api"), ("http://h:1/", "http://h:1/api"), ("https://h/prom/", "https://h/prom/api")]
    {
        assert_eq!(BaseUrl::parse(base).unwrap().at("/api").as_str(), whole);
    }
    for base in ["", "h:9090", "ftp://h", "http://", "http://h/?a=b", "http://u:secret@h/"] {
        let error = BaseUrl::parse(base).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn redirects_stay_on_the_host() {
    let elsewhere = serve(Router::new().route("/", get(|| async { "credentials, please" }))).await;
    let to = elsewhere.clone();
    let routes = Router::new()
        .route("/", get(|| async move { axum::response::Redirect::temporary(&to) }))
        .route("/near", get(|| async { axum::response::Redirect::temporary("/end") }))
        .route("/end", get(|| async { "end" }))
        .route("/loop", get(|| async { axum::response::Redirect::temporary("/loop") }));
    let base = BaseUrl::parse(&serve(routes).await).unwrap();
    let client = HttpClientOptions::default().build().unwrap();
    let send = async |path: &str| client.request(Method::GET, base.at(path)).unwrap().send().await;
    assert_eq!(send("/").await.unwrap().status(), 307);
    assert_eq!(send("/near").await.unwrap().status(), 200);
    assert!(send("/loop").await.is_err());
}

#[tokio::test]
async fn every_way_to_fail_has_its_name() {
    let client = HttpClientOptions::default().build().unwrap();
    let fetch = async |base: String, limit: usize| {
        let url = BaseUrl::parse(&base).unwrap().at("/");
        let request = client.request(Method::GET, url).unwrap();
        let response = request.timeout(Duration::from_secs(5)).send().await?;
        read_capped(response, limit).await
    };
    let named = |answer: &'static str| serve_raw(answer.as_bytes().to_vec());
    let error = fetch(refused().await, 100).await.unwrap_err();
    assert!(matches!(error, TransportError::NotConnected(_)), "{error:?}");
    let error = fetch(serve_silence().await, 100).await.unwrap_err();
    assert!(matches!(error, TransportError::TimedOut(_)), "{error:?}");
    let half = named("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf").await;
    let error = fetch(half, 100).await.unwrap_err();
    assert!(matches!(error, TransportError::Broken(_)), "{error:?}");
    let error = fetch(named("garbage").await, 100).await.unwrap_err();
    assert!(matches!(error, TransportError::Broken(_)), "{error:?}");
    let announced = named("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde").await;
    assert_eq!(fetch(announced.clone(), 4).await, Err(TransportError::TooLarge { limit: 4 }));
    assert_eq!(fetch(announced, 5).await, Ok(b"abcde".to_vec()));
    let endless = named("HTTP/1.1 200 OK\r\n\r\nabcdefgh").await;
    assert_eq!(fetch(endless, 4).await, Err(TransportError::TooLarge { limit: 4 }));
}
