//! Slack by an incoming webhook: one message for each request. The URL is a secret and never logged.

use reqwest::{Method, Url};
use serde_json::{Value, json};
use tidegate_domain::book::{Incident, Request};

use crate::clock;
use crate::http_client::{HttpClient, TransportError, read_start};

/// Slack refuses a section text of more than 3,000 characters; what follows is cut with an ellipsis.
const MOST_TEXT: usize = 2_900;
/// How long Slack may take. A message is tried again, so waiting longer gains nothing.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// Why a message did not arrive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SlackError {
    /// It could not be sent.
    #[error("the message could not be sent: {0}")]
    Transport(#[from] TransportError),
    /// A header of it could not be read.
    #[error("the message could not be made: {0}")]
    Secret(#[from] crate::http_client::SecretError),
    /// Slack did not take it.
    #[error("Slack answered {status}: {said}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The beginning of the answer, such as `invalid_blocks` or `no_service`.
        said: String,
    },
}

/// A channel of Slack that can be posted to.
#[derive(Debug)]
pub(crate) struct IncomingWebhook {
    http: HttpClient,
    url: Url,
}

impl IncomingWebhook {
    /// Posts to `url`.
    pub(crate) fn new(http: HttpClient, url: Url) -> IncomingWebhook {
        IncomingWebhook { http, url }
    }

    /// Posts one message.
    pub(crate) async fn post(&self, message: &Value) -> Result<(), SlackError> {
        let request = self.http.request(Method::POST, self.url.clone())?.timeout(TIMEOUT).json(message);
        let response = request.send().await.map_err(TransportError::from)?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let said = read_start(response, 200).await?;
        Err(SlackError::Refused { status: status.as_u16(), said })
    }
}

/// The message of a request: what exactly would run, why, how bad it is, until when, and how to answer.
pub(crate) fn request_message(request: &Request, incident: &Incident) -> Value {
    let proposal = &request.proposal;
    let action = &proposal.action;
    let dry_run = if action.dry_run { " (dry run: nothing is carried out)" } else { "" };
    let head = format!(
        "*{}* waits for your decision{dry_run}\n{}",
        escape(&request.id.0),
        escape(&proposal.summary)
    );
    let what = format!(
        "*What:* `{}` on `{}`, arguments `{}`\n*Why:* {}\n*Severity:* {}, risk {}\n*Until:* {}",
        escape(&action.name),
        escape(&action.target.to_string()),
        escape(&serde_json::Value::Object(action.arguments.clone()).to_string()),
        escape(&proposal.rationale),
        incident.severity.name(),
        action.risk.name(),
        clock::rfc3339(proposal.deadline),
    );
    let evidence: Vec<String> = proposal.shown.iter().map(|line| format!("• {}", escape(line))).collect();
    let how = format!(
        "`tidegate approve {id}` or `tidegate deny {id} --reason \"...\"` · incident {} · digest `{}`",
        escape(&incident.id.0),
        &proposal.digest[..12.min(proposal.digest.len())],
        id = escape(&request.id.0),
    );
    json!({
        // What notifications show, and screen readers read.
        "text": cut(&format!("{} waits for your decision: {}", request.id, escape(&proposal.summary))),
        "blocks": [
            section(&head),
            section(&what),
            section(&evidence.join("\n")),
            { "type": "context", "elements": [{ "type": "mrkdwn", "text": cut(&how) }] },
        ],
    })
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": cut(text) } })
}

/// The three characters that Slack reads as markup of its own: with them a label could mention a whole channel.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str) -> String {
    if text.chars().count() <= MOST_TEXT {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(MOST_TEXT).collect();
    // Half an entity would be shown as it is.
    if let Some(at) = short.rfind('&').filter(|at| !short[*at..].contains(';')) {
        short.truncate(at);
    }
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_can_act_as_markup() {
        assert_eq!(escape("<!channel> & \"x\" > y"), "&lt;!channel&gt; &amp; \"x\" &gt; y");
    }

    #[test]
    fn long_texts_are_cut_between_characters_and_entities() {
        assert_eq!(cut("short"), "short");
        let long = cut(&"ä".repeat(5000));
        assert_eq!(long.chars().count(), MOST_TEXT + 1);
        let entity = format!("{}&amp;tail", "x".repeat(MOST_TEXT - 2));
        assert_eq!(cut(&entity), format!("{}…", "x".repeat(MOST_TEXT - 2)));
    }
}
