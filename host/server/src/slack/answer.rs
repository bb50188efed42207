//! Answers to whoever has just done something in Slack, by the `response_url` that came with it.
//!
//! That URL is a way to make this host call anything, so it counts only where it names one of the hosts that the config
//! allows, and nobody is followed elsewhere.

use std::time::Duration;

use reqwest::{Method, Url};
use serde_json::json;

use super::api::TIMEOUT;
use super::is_loopback;
use super::text::{MOST_TEXT, cut};
use crate::http_client::{HttpClient, read_start};

/// Slack takes five answers by one URL. There is one answer to one deed, and it is sent so often at the most.
const TRIES: u32 = 3;
/// The pause before the second try; twice as long before the next.
const PAUSE: Duration = Duration::from_millis(500);
/// What Slack says about an answer that it does not take.
const MOST_ERROR: usize = 200;

/// Why somebody hears nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum AnswerError {
    /// It is not for us to call.
    #[error("its response_url names {host:?}, which is not among response_hosts in [slack], or is not https")]
    Foreign {
        /// What it named, and nothing behind that: the rest is a secret.
        host: String,
    },
    /// Slack did not take it.
    #[error("Slack did not take the answer: {0}")]
    Failed(String),
}

/// Sends answers.
#[derive(Debug)]
pub(super) struct Answers {
    http: HttpClient,
    /// With their ports, where they are not the usual ones.
    hosts: Vec<String>,
}

impl Answers {
    pub(super) fn new(http: HttpClient, hosts: Vec<String>) -> Answers {
        Answers { http, hosts }
    }

    /// The client that follows nobody.
    pub(super) fn http(&self) -> &HttpClient {
        &self.http
    }

    /// Says something to the one person who asked, so that nobody else sees it. What they clicked on stays.
    pub(super) async fn say(&self, response_url: &str, text: &str) -> Result<(), AnswerError> {
        let url = self.allowed(response_url)?;
        let message = json!({
            "response_type": "ephemeral", "replace_original": false, "text": cut(text, MOST_TEXT),
        });
        let mut failed = String::new();
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(PAUSE * attempt).await;
            }
            let request = self.http.request(Method::POST, url.clone());
            let request = request.map_err(|error| AnswerError::Failed(error.to_string()))?;
            match request.timeout(TIMEOUT).json(&message).send().await {
                Ok(response) if response.status().is_success() => return Ok(()),
                Ok(response) => {
                    let status = response.status();
                    let said = read_start(response, MOST_ERROR).await.unwrap_or_default();
                    failed = format!("HTTP status {status}: {}", super::api::one_line(&said));
                    // An answer that is too late, or one too many, stays so.
                    if status.is_client_error() {
                        break;
                    }
                }
                Err(error) => failed = error.to_string(),
            }
        }
        Err(AnswerError::Failed(failed))
    }

    fn allowed(&self, response_url: &str) -> Result<Url, AnswerError> {
        let foreign = |host: &str| AnswerError::Foreign { host: host.chars().take(100).collect() };
        let url = Url::parse(response_url).map_err(|_| foreign("no URL"))?;
        let name = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        let known = self.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(&host));
        let secret = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
        let plain = url.username().is_empty() && url.password().is_none();
        if known && secret && plain { Ok(url) } else { Err(foreign(&host)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http_client::HttpClientOptions;

    fn answers(hosts: &[&str]) -> Answers {
        let http = HttpClientOptions::default().build().unwrap();
        Answers::new(http, hosts.iter().map(|host| (*host).to_owned()).collect())
    }

    #[test]
    fn only_slacks_own_host_is_called_and_only_by_https() {
        let answers = answers(&["hooks.slack.com", "slack.example:8443", "127.0.0.1:9000", "10.0.0.1"]);
        for (url, good) in [
            ("https://hooks.slack.com/commands/T/1/2", true),
            ("https://HOOKS.slack.com./commands", false),
            ("https://HOOKS.slack.com/commands", true),
            ("https://hooks.slack.com:443/commands", true),
            ("https://slack.example:8443/x", true),
            ("http://127.0.0.1:9000/x", true),
            ("http://hooks.slack.com/commands", false),
            ("http://10.0.0.1/x", false),
            ("https://hooks.slack.com:444/x", false),
            ("https://hooks.slack.com.evil.example/x", false),
            ("https://hooks.slack.com@evil.example/x", false),
            ("https://user@hooks.slack.com/x", false),
            ("https://evil.example/?hooks.slack.com", false),
            ("http://127.0.0.1:9001/x", false),
            ("http://169.254.169.254/latest/meta-data", false),
            ("file:///etc/passwd", false),
            ("ftp://hooks.slack.com/x", false),
            ("", false),
        ] {
            assert_eq!(answers.allowed(url).is_ok(), good, "{url}");
        }
    }

    #[test]
    fn what_is_refused_is_named_by_its_host_alone() {
        let error = answers(&[]).allowed("https://evil.example/verysecret").unwrap_err().to_string();
        assert!(error.contains("evil.example") && !error.contains("verysecret"), "{error}");
    }
}
