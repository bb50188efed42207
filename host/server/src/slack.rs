//! Slack: where people are told of requests, and where they decide about them.
//!
//! Outwards there are two ways: a bot, which can change what it has posted, and a plain incoming webhook, which cannot.
//! Inwards there are two as well: signed requests to this host ([`routes`]), and a WebSocket that this host opens
//! ([`socket`]). What comes in either way is read by [`inbound`] and carried out by [`deciding`].

mod answer;
mod api;
mod command;
mod deciding;
mod inbound;
mod message;
mod modal;
mod routes;
mod signature;
mod socket;
mod spark;
mod text;
mod webhook;

use reqwest::Url;
use serde_json::Value;
use tidegate_domain::event::Message;

use crate::config::{self, SlackPosting};
use crate::http_client::{HttpClientOptions, HttpOptionsError, Secret};

pub(crate) use api::{Api, SlackError};
pub(crate) use message::Card;
pub(crate) use routes::router;
pub(crate) use socket::run;
pub(crate) use text::{code, date, line};

use answer::Answers;
use webhook::IncomingWebhook;

/// What buttons and dialogs call themselves.
mod action_id {
    pub(super) const APPROVE: &str = "approve";
    pub(super) const DENY: &str = "deny";
    pub(super) const SILENCE: &str = "silence";
}

/// One workspace, as the config has it.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) api: Api,
    posting: Posting,
    answers: Answers,
    signing_secret: Option<Secret>,
    team_id: Option<String>,
    app_token: Option<Secret>,
}

#[derive(Debug)]
enum Posting {
    Webhook(IncomingWebhook),
    Bot { token: Secret, channel: String },
}

impl Workspace {
    /// Makes what the config asks for.
    pub(crate) fn new(config: &config::Slack) -> Result<Workspace, HttpOptionsError> {
        // Whoever redirects elsewhere would be given what is meant for Slack.
        let http = HttpClientOptions { follow_redirects: false, ..HttpClientOptions::default() }.build()?;
        let posting = match &config.posting {
            SlackPosting::Webhook(url) => Posting::Webhook(IncomingWebhook::new(http.clone(), url.expose().clone())),
            SlackPosting::Bot { token, channel } => Posting::Bot { token: token.clone(), channel: channel.clone() },
        };
        Ok(Workspace {
            answers: Answers::new(http.clone(), config.response_hosts.clone()),
            api: Api::new(http, config.api_url.clone()),
            posting,
            signing_secret: config.signing_secret.clone(),
            team_id: config.team_id.clone(),
            app_token: config.app_token.clone(),
        })
    }

    /// The bot's token, where there is a bot.
    pub(crate) fn bot(&self) -> Option<&Secret> {
        match &self.posting {
            Posting::Bot { token, .. } => Some(token),
            Posting::Webhook(_) => None,
        }
    }

    /// The channel that is told of everything; None where only Slack knows which one that is.
    pub(crate) fn channel(&self) -> Option<&str> {
        match &self.posting {
            Posting::Bot { channel, .. } => Some(channel),
            Posting::Webhook(_) => None,
        }
    }

    /// True where Slack can reach this host, one way or the other.
    pub(crate) fn is_answerable(&self) -> bool {
        self.team_id.is_some() && (self.signing_secret.is_some() || self.app_token.is_some())
    }

    /// Posts a message: into `channel`, or where the webhook leads; below `thread` where there is one. Returned is what it
    /// can be changed by.
    pub(crate) async fn post(
        &self,
        channel: Option<&str>,
        message: &Value,
        thread: Option<&str>,
    ) -> Result<Option<Message>, SlackError> {
        match &self.posting {
            Posting::Webhook(webhook) => webhook.post(message).await.map(|()| None),
            Posting::Bot { token, channel: main } => {
                self.api.post(token, channel.unwrap_or(main), message, thread).await.map(Some)
            }
        }
    }
}

/// True for a URL that may be called without TLS: it does not leave this machine.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
