//! Slack's Web API, the few methods of it that are used here: one call each, with what went wrong in words.
//!
//! Slack answers 200 to nearly everything and says in the body whether it did what was asked.

use std::fmt;
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Method, StatusCode, Url};
use serde_json::{Map, Value, json};
use tidegate_domain::event::Message;

use crate::http_client::{BaseUrl, HttpClient, Request, Secret, SecretError, TransportError, read_capped, read_start};

/// How long Slack may take. What matters is tried again, so waiting longer gains nothing.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is read: a user group of the largest size is some ten kilobytes.
const MOST_BYTES: usize = 1 << 20;
/// Slack's errors are single words.
const MOST_ERROR: usize = 200;
/// Longest pause that Slack can ask for. It asks for up to a minute.
const MOST_PAUSE: Duration = Duration::from_secs(300);

/// Why Slack did not do what was asked. Holds no token and no URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SlackError {
    /// It could not be sent, or nobody knows whether it arrived.
    #[error("{method} could not be sent to Slack: {cause}")]
    Transport {
        /// What was asked.
        method: &'static str,
        /// What happened.
        cause: TransportError,
    },
    /// A header of it could not be made.
    #[error("{method} could not be made: {said}")]
    Unsendable {
        /// What was asked.
        method: &'static str,
        /// Why.
        said: String,
    },
    /// Too much was asked lately.
    #[error("Slack takes no more {method} for {} s", after.as_secs())]
    Limited {
        /// What was asked.
        method: &'static str,
        /// For how long.
        after: Duration,
    },
    /// Slack understood and declined.
    #[error("Slack refused {method}: {said}")]
    Refused {
        /// What was asked.
        method: &'static str,
        /// Slack's word for why, such as `channel_not_found`, and what it adds to that.
        said: String,
    },
    /// Something else answered, or Slack is broken.
    #[error("Slack answered {method} with {said}")]
    Garbage {
        /// What was asked.
        method: &'static str,
        /// What came.
        said: String,
    },
}

impl SlackError {
    /// True where the same call will be refused again until somebody changes something.
    pub(crate) fn is_final(&self) -> bool {
        let passing = ["internal_error", "fatal_error", "service_unavailable", "request_timeout", "ratelimited"];
        matches!(self, SlackError::Refused { said, .. } if !passing.contains(&word(said)))
    }

    /// What to do about it, where `place` is the key of the config that named the channel or user group.
    pub(crate) fn remedy(&self, place: &str) -> Option<String> {
        let SlackError::Refused { said, .. } = self else { return None };
        Some(match word(said) {
            "channel_not_found" | "not_in_channel" | "is_archived" | "restricted_action" => {
                format!("see {place}: it must be the id of a channel that the bot is in; invite it there")
            }
            "no_such_subteam" | "subteam_not_found" => format!("see {place}: it must be the id of a user group"),
            "invalid_auth"
            | "not_authed"
            | "account_inactive"
            | "token_revoked"
            | "token_expired"
            | "not_allowed_token_type" => {
                "see bot_token_file and app_token_file in [slack]: make a new token".to_owned()
            }
            "missing_scope" => "add the scope to the app and install it anew".to_owned(),
            "no_service" | "no_team" | "no_active_hooks" | "channel_is_archived" => {
                "see webhook_url_file in [slack]: make a new incoming webhook".to_owned()
            }
            _ => return None,
        })
    }

    /// How long Slack wants to be left alone.
    pub(crate) fn pause(&self) -> Option<Duration> {
        match self {
            SlackError::Limited { after, .. } => Some(*after),
            _ => None,
        }
    }
}

/// Slack's own word, without what it adds.
fn word(said: &str) -> &str {
    said.split([' ', ':']).next().unwrap_or(said)
}

/// Slack's Web API.
#[derive(Debug)]
pub(crate) struct Api {
    http: HttpClient,
    base: BaseUrl,
}

impl Api {
    /// The API under `base`.
    pub(crate) fn new(http: HttpClient, base: BaseUrl) -> Api {
        Api { http, base }
    }

    /// Where it is.
    pub(crate) fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// Whose token this is, and in which workspace.
    pub(crate) async fn whoami(&self, token: &Secret) -> Result<Identity, SlackError> {
        let answer = self.form("auth.test", token, &[]).await?;
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        let enterprise_id = answer["enterprise_id"].as_str().map(str::to_owned);
        Ok(Identity { user: text("user"), team: text("team"), team_id: text("team_id"), enterprise_id })
    }

    /// Posts a message, as an answer in the thread of another where there is one.
    pub(crate) async fn post(
        &self,
        token: &Secret,
        channel: &str,
        message: &Value,
        thread: Option<&str>,
    ) -> Result<Message, SlackError> {
        let mut body = fields(message);
        body.insert("channel".to_owned(), channel.into());
        // Links in labels are not to be fetched by anybody.
        body.insert("unfurl_links".to_owned(), false.into());
        body.insert("unfurl_media".to_owned(), false.into());
        if let Some(thread) = thread {
            body.insert("thread_ts".to_owned(), thread.into());
        }
        let answer = self.json("chat.postMessage", token, &Value::Object(body)).await?;
        match (answer["channel"].as_str(), answer["ts"].as_str()) {
            (Some(channel), Some(ts)) => Ok(Message { channel: channel.to_owned(), ts: ts.to_owned() }),
            _ => Err(garbage("chat.postMessage", "neither channel nor ts")),
        }
    }

    /// Puts another message in the place of one.
    pub(crate) async fn update(&self, token: &Secret, of: &Message, message: &Value) -> Result<(), SlackError> {
        let mut body = fields(message);
        body.insert("channel".to_owned(), of.channel.as_str().into());
        body.insert("ts".to_owned(), of.ts.as_str().into());
        self.json("chat.update", token, &Value::Object(body)).await.map(drop)
    }

    /// Opens a dialog for whoever has just done something.
    pub(crate) async fn open_view(&self, token: &Secret, trigger: &str, view: &Value) -> Result<(), SlackError> {
        self.json("views.open", token, &json!({ "trigger_id": trigger, "view": view })).await.map(drop)
    }

    /// Ids of the users who are in a user group now.
    pub(crate) async fn members(&self, token: &Secret, usergroup: &str) -> Result<Vec<String>, SlackError> {
        let answer = self.form("usergroups.users.list", token, &[("usergroup", usergroup)]).await?;
        let Some(users) = answer["users"].as_array() else {
            return Err(garbage("usergroups.users.list", "no list of users"));
        };
        Ok(users.iter().filter_map(|user| user.as_str().map(str::to_owned)).collect())
    }

    /// Where to open the WebSocket of Socket Mode.
    pub(crate) async fn open_connection(&self, app_token: &Secret) -> Result<Ticket, SlackError> {
        let answer = self.form("apps.connections.open", app_token, &[]).await?;
        let url = answer["url"].as_str().and_then(|url| Url::parse(url).ok());
        url.map(Ticket).ok_or_else(|| garbage("apps.connections.open", "no URL"))
    }

    async fn json(&self, method: &'static str, token: &Secret, body: &Value) -> Result<Value, SlackError> {
        self.call(method, token, |request| request.json(body)).await
    }

    /// Methods that only read take forms alone.
    async fn form(&self, method: &'static str, token: &Secret, fields: &[(&str, &str)]) -> Result<Value, SlackError> {
        self.call(method, token, |request| request.form(fields)).await
    }

    async fn call(
        &self,
        method: &'static str,
        token: &Secret,
        fill: impl FnOnce(Request) -> Request,
    ) -> Result<Value, SlackError> {
        let lost = |cause: TransportError| SlackError::Transport { method, cause };
        let request = self.http.request(Method::POST, self.base.at(&format!("/{method}")));
        let request =
            request.map_err(|error: SecretError| SlackError::Unsendable { method, said: error.to_string() })?;
        let request = fill(request.bearer_auth(token.expose()).timeout(TIMEOUT));
        let response = request.send().await.map_err(lost)?;
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS {
            let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            return Err(SlackError::Limited {
                method,
                after: Duration::from_secs(after.unwrap_or(30)).min(MOST_PAUSE),
            });
        }
        if !status.is_success() {
            let said = read_start(response, MOST_ERROR).await.map_err(lost)?;
            return Err(garbage(method, &format!("HTTP status {}: {}", status.as_u16(), one_line(&said))));
        }
        let body = read_capped(response, MOST_BYTES).await.map_err(lost)?;
        let answer: Value = serde_json::from_slice(&body).map_err(|error| garbage(method, &error.to_string()))?;
        match answer["ok"].as_bool() {
            Some(true) => Ok(answer),
            Some(false) => Err(SlackError::Refused { method, said: refusal(&answer) }),
            None => Err(garbage(method, "an answer without ok")),
        }
    }
}

/// A URL that is good for one connection. Whoever has it can connect, so its `Debug` prints nothing of it.
pub(crate) struct Ticket(Url);

impl Ticket {
    /// The URL itself, for the one place that connects to it.
    pub(crate) fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// Who a token belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Name of the bot.
    pub(crate) user: String,
    /// Name of the workspace.
    pub(crate) team: String,
    /// Id of the workspace.
    pub(crate) team_id: String,
    /// Id of the organisation that it is part of, where it is.
    pub(crate) enterprise_id: Option<String>,
}

fn fields(message: &Value) -> Map<String, Value> {
    message.as_object().cloned().unwrap_or_default()
}

fn garbage(method: &'static str, said: &str) -> SlackError {
    SlackError::Garbage { method, said: one_line(said) }
}

/// Slack's word for a refusal, with the scope that is missing and the places that it did not like.
fn refusal(answer: &Value) -> String {
    let mut said = answer["error"].as_str().unwrap_or("no reason given").to_owned();
    if let Some(needed) = answer["needed"].as_str() {
        said.push_str(&format!(" {needed}"));
    }
    for message in answer["response_metadata"]["messages"].as_array().into_iter().flatten().take(3) {
        said.push_str(&format!(": {}", message.as_str().unwrap_or_default()));
    }
    one_line(&said)
}

/// What came from outside, for a log.
pub(super) fn one_line(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_ERROR).collect()
}

#[cfg(test)]
mod tests;
