//! Tokens against a loopback token server, in front of a loopback endpoint that wants them.

use std::fs;
use std::sync::{Arc, Mutex as Shared};

use axum::Router;
use axum::extract::State as Of;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use reqwest::Method;

use super::*;
use crate::http_client::tests::{refused, serve, serve_raw};
use crate::http_client::{BaseUrl, HttpClient, HttpClientOptions, HttpOptionsError};

/// A token server with the endpoint that its tokens are for.
#[derive(Clone, Default)]
struct Login {
    /// What was asked for, as `Authorization | body`.
    asked: Arc<Shared<Vec<String>>>,
    /// Tokens are called `t1`, `t2`, and so on; those up to here are refused by the endpoint.
    revoked: Arc<Shared<usize>>,
    /// What the endpoint was sent, as `Authorization | body`.
    served: Arc<Shared<Vec<String>>>,
    lasts: Option<u64>,
    body_only: bool,
}

impl Login {
    async fn start(self) -> (String, Login) {
        let routes =
            Router::new().route("/token", post(grant)).route("/thing", get(thing).post(thing)).with_state(self.clone());
        (serve(routes).await, self)
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

async fn grant(Of(login): Of<Login>, headers: HeaderMap, body: String) -> Response {
    // Long enough for the others to come and wait.
    tokio::task::yield_now().await;
    let authorization = headers.get("authorization").map_or("", |value| value.to_str().unwrap());
    if login.body_only && !body.contains("client_secret=") {
        return (StatusCode::UNAUTHORIZED, r#"{"error":"invalid_client"}"#).into_response();
    }
    let mut asked = login.asked.lock().unwrap();
    asked.push(format!("{authorization} | {body}"));
    let lasts = login.lasts.map_or_else(String::new, |seconds| format!(r#","expires_in":{seconds}"#));
    format!(r#"{{"access_token":"t{}","token_type":"bearer"{lasts}}}"#, asked.len()).into_response()
}

async fn thing(Of(login): Of<Login>, headers: HeaderMap, body: String) -> StatusCode {
    let authorization = headers.get("authorization").map_or("", |value| value.to_str().unwrap());
    login.served.lock().unwrap().push(format!("{authorization} | {body}"));
    let number: usize = authorization.trim_start_matches("Bearer t").parse().unwrap_or(0);
    if number > *login.revoked.lock().unwrap() { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
}

/// Options with a secret of `hush & more`.
fn options(folder: &tempfile::TempDir, base: &str, more: &str) -> HttpClientOptions {
    fs::write(folder.path().join("secret"), "hush & more\n").unwrap();
    let toml = format!(
        "oauth2 = {{ client_id = \"gate\", client_secret_file = \"secret\", token_url = \"{base}/token?key=k1\"{more} }}"
    );
    toml::from_str::<HttpClientOptions>(&toml).unwrap().below(folder.path())
}

async fn send(client: &HttpClient, base: &str) -> Result<StatusCode, TransportError> {
    let url = BaseUrl::parse(base).unwrap().at("/thing");
    let request = client.request(Method::POST, url).unwrap().json("body");
    request.send().await.map(|response| response.status())
}

#[tokio::test]
async fn one_token_serves_all_who_ask_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (base, login) = Login { lasts: Some(3600), ..Login::default() }.start().await;
    let more = r#", scopes = ["a", "b c"], endpoint_params = { audience = "x&y" }"#;
    let client = options(&folder, &base, more).build().unwrap();
    let all = futures_util::future::join_all((0..20).map(|_| send(&client, &base))).await;
    assert!(all.iter().all(|answer| *answer == Ok(StatusCode::OK)), "{all:?}");
    assert_eq!(login.served.lock().unwrap()[..], vec!["Bearer t1 | \"body\"".to_owned(); 20]);
    // gate:hush+%26+more
    let asked = "Basic Z2F0ZTpodXNoKyUyNittb3Jl | grant_type=client_credentials&audience=x%26y&scope=a+b+c";
    assert_eq!(*login.asked.lock().unwrap(), [asked]);
    let printed = format!("{client:?}");
    assert!(printed.contains("gate") && !printed.contains("hush") && !printed.contains("t1"), "{printed}");
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_the_request_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let (base, login) = Login::default().start().await;
    let client = options(&folder, &base, "").build().unwrap();
    assert_eq!(send(&client, &base).await, Ok(StatusCode::OK));
    *login.revoked.lock().unwrap() = 1;
    let all = futures_util::future::join_all((0..5).map(|_| send(&client, &base))).await;
    assert!(all.iter().all(|answer| *answer == Ok(StatusCode::OK)), "{all:?}");
    assert_eq!(login.count(), 2, "one more for all of them");
    assert!(login.served.lock().unwrap().iter().all(|sent| sent.ends_with(" | \"body\"")));
    // Nothing helps: one more token, and no loop.
    *login.revoked.lock().unwrap() = usize::MAX;
    login.served.lock().unwrap().clear();
    assert_eq!(send(&client, &base).await, Ok(StatusCode::UNAUTHORIZED));
    assert_eq!((login.count(), login.served.lock().unwrap().len()), (3, 2));
}

#[tokio::test]
async fn a_token_is_replaced_before_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (base, login) = Login { lasts: Some(1), ..Login::default() }.start().await;
    let client = options(&folder, &base, "").build().unwrap();
    let until_another = async {
        while login.count() < 2 {
            assert_eq!(send(&client, &base).await, Ok(StatusCode::OK));
        }
    };
    tokio::time::timeout(Duration::from_secs(60), until_another).await.expect("another token after a second");
}

#[tokio::test]
async fn servers_that_read_the_body_alone_are_understood() {
    let folder = tempfile::tempdir().unwrap();
    let (base, login) = Login { body_only: true, lasts: Some(3600), ..Login::default() }.start().await;
    let client = options(&folder, &base, r#", endpoint_params = { grant_type = "odd" }"#).build().unwrap();
    assert_eq!(send(&client, &base).await, Ok(StatusCode::OK));
    assert_eq!(*login.asked.lock().unwrap(), [" | grant_type=odd&client_id=gate&client_secret=hush+%26+more"]);
}

#[tokio::test]
async fn what_goes_wrong_names_the_token_server_and_never_the_secret() {
    let folder = tempfile::tempdir().unwrap();
    let answer = |text: &str| text.as_bytes().to_vec();
    let echo = r#"{"error":"invalid_client","error_description":"hush & more is not it"}"#;
    let refusal = format!("HTTP/1.1 401 Unauthorized\r\nContent-Length: {}\r\n\r\n{echo}", echo.len());
    // The end of what is kept falls into the secret.
    let long = format!("{}hush & more", "x".repeat(296));
    let cut = format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n{long}", long.len());
    let endless = [answer("HTTP/1.1 200 OK\r\n\r\n"), vec![b'x'; MOST_BYTES + 1]].concat();
    for (base, said) in [
        (refused().await, "cannot connect"),
        (serve_raw(answer(&refusal)).await, "401 Unauthorized: invalid_client: <secret> is not it"),
        (serve_raw(answer(&cut)).await, "xxx<sec"),
        (serve_raw(answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")).await, "no access_token"),
        (serve_raw(answer("HTTP/1.1 307 See\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")).await, "307"),
        (serve_raw(answer("garbage")).await, "the connection broke"),
        (serve_raw(endless).await, "longer than"),
    ] {
        let client = options(&folder, &base, "").build().unwrap();
        let error = send(&client, &base).await.unwrap_err();
        assert!(matches!(error, TransportError::NoToken { .. }), "{error:?}");
        let error = error.to_string();
        assert!(error.contains(said) && error.contains(&format!("{base}/token:")), "{said}: {error}");
        assert!(!error.contains("hush") && !error.contains("k1"), "{error}");
    }
    let gone = options(&folder, "http://127.0.0.1:1", "").build().unwrap();
    fs::remove_file(folder.path().join("secret")).unwrap();
    let error = send(&gone, "http://127.0.0.1:1").await.unwrap_err().to_string();
    assert!(error.contains("cannot read the secret"), "{error}");
}

#[tokio::test]
async fn those_who_waited_for_a_failure_share_it() {
    let folder = tempfile::tempdir().unwrap();
    let asked = Arc::new(Shared::new(0));
    let (counted, (open, gate)) = (asked.clone(), tokio::sync::watch::channel(false));
    let routes = Router::new().route(
        "/token",
        post(move || {
            let (counted, mut gate) = (counted.clone(), gate.clone());
            async move {
                *counted.lock().unwrap() += 1;
                let _ = gate.wait_for(|open| *open).await;
                StatusCode::SERVICE_UNAVAILABLE
            }
        }),
    );
    let base = serve(routes).await;
    let client = options(&folder, &base, "").build().unwrap();
    let all = futures_util::future::join_all((0..10).map(|_| send(&client, &base)));
    let (all, ()) = tokio::join!(all, async { open.send(true).unwrap() });
    assert!(all.iter().all(Result::is_err), "{all:?}");
    assert_eq!(*asked.lock().unwrap(), 1);
    assert!(send(&client, &base).await.is_err());
    assert_eq!(*asked.lock().unwrap(), 2, "whoever comes later makes an attempt of their own");
}

#[test]
fn options_that_cannot_work_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret"), "s").unwrap();
    let build = |text: &str| {
        let parsed: HttpClientOptions = toml::from_str(text).unwrap();
        parsed.below(folder.path()).build()
    };
    let url = "token_url = \"http://127.0.0.1:1/token\"";
    for (text, said) in [
        (format!("oauth2 = {{ client_id = \"a\", {url} }}"), "exactly one of oauth2.client_secret_file"),
        (format!("oauth2 = {{ client_id = \"\", client_secret_file = \"secret\", {url} }}"), "client_id is empty"),
        (format!("oauth2 = {{ client_id = \"a\", client_secret_file = \"gone\", {url} }}"), "gone"),
        (
            "oauth2 = { client_id = \"a\", client_secret_file = \"secret\", token_url = \"here\" }".to_owned(),
            "token_url is not a URL",
        ),
        (
            "oauth2 = { client_id = \"a\", client_secret_file = \"secret\", token_url = \"http://u:hush@h/\" }"
                .to_owned(),
            "carries a user name",
        ),
        (
            format!(
                "oauth2 = {{ client_id = \"a\", client_secret_file = \"secret\", {url}, endpoint_params = {{ scope = \"x\" }} }}"
            ),
            "option of its own",
        ),
        (
            format!(
                "oauth2 = {{ client_id = \"a\", client_secret_file = \"secret\", {url}, tls_config = {{ ca_file = \"gone\" }} }}"
            ),
            "oauth2: tls_config: cannot read",
        ),
        (
            format!(
                "authorization = {{ credentials_file = \"secret\" }}
                oauth2 = {{ client_id = \"a\", client_secret_file = \"secret\", {url} }}"
            ),
            "give one of them",
        ),
        ("authorization = { type = \"basic\", credentials_file = \"secret\" }".to_owned(), "use basic_auth"),
    ] {
        let error: HttpOptionsError = build(&text).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(said) && !error.contains("hush"), "{text}: {error}");
    }
    for text in ["oauth2 = {}", "oauth2 = { client_id = \"a\", client_secret = \"s\", token_url = \"http://h/\" }"] {
        assert!(toml::from_str::<HttpClientOptions>(text).is_err(), "{text} must be refused");
    }
}
