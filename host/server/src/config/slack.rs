//! `[slack]`: where requests are told, and who may answer from there.

use std::net::IpAddr;

use reqwest::Url;
use tidegate_domain::people::Role;

use super::credentials::{printable, unguessable};
use super::endpoints::{absolute_url, base_url};
use super::people::{APPROVER_KEYS, Everybody};
use super::section::{At, Section};
use super::{Slack, SlackPosting, WebhookUrl, secret};
use crate::http_client::{BaseUrl, Secret};

pub(super) const KEYS: &[&str] = &[
    "webhook_url",
    "webhook_url_file",
    "webhook_url_env",
    "bot_token_file",
    "bot_token_env",
    "channel",
    "signing_secret_file",
    "signing_secret_env",
    "team_id",
    "app_token_file",
    "app_token_env",
    "api_url",
    "response_hosts",
];

const WAYS_TO_POST: &[&str] =
    &["bot_token_file", "bot_token_env", "webhook_url_file", "webhook_url_env", "webhook_url"];
const BOT_TOKEN: [&str; 2] = ["bot_token_file", "bot_token_env"];
/// What lets requests in that seem to come from Slack.
const ANSWERING: [&str; 4] = ["signing_secret_file", "signing_secret_env", "app_token_file", "app_token_env"];

/// What an id of Slack begins with, and where people find it.
pub(super) struct IdKind(&'static [char], &'static str);

pub(super) const USER: IdKind = IdKind(&['U', 'W'], "copy the member id, U..., from the person's profile in Slack");
pub(super) const USERGROUP: IdKind = IdKind(&['S'], "copy the id of the user group, S..., from its page in Slack");
pub(super) const CHANNEL: IdKind =
    IdKind(&['C', 'G', 'D'], "copy the channel id, C..., from the end of the channel's details in Slack");
const TEAM: IdKind = IdKind(&['T', 'E'], "copy the workspace id, T..., from the URL of Slack in a browser");

/// Reads an id. Names are refused: anybody can take one, and Slack takes ids only.
pub(super) fn id(section: &Section<'_>, key: &str, kind: IdKind) -> Option<At<String>> {
    let IdKind(first, remedy) = kind;
    let id = section.text(key)?;
    let plain = id.value.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    if plain && id.value.starts_with(first) {
        return Some(id);
    }
    section.error(key, format!("{:?} is not an id of Slack's", id.value), remedy);
    None
}

/// Objects to a key, outside of `[slack]`, that only a bot can make true.
pub(super) fn needs_bot(root: &Section<'_>, section: &Section<'_>, key: &str, what: &str) {
    let has_bot = root.is_table("slack")
        && root.section("slack", None).is_some_and(|slack| BOT_TOKEN.iter().any(|key| slack.has(key)));
    if section.has(key) && !has_bot {
        let what = format!("only a bot can {what}, and [slack] has no bot_token_file");
        section.error(key, what, "give [slack] a bot_token_file and a channel, or take this out");
    }
}

pub(super) fn read(root: &Section<'_>) -> Option<Slack> {
    let section = root.section("slack", Some(KEYS))?;
    let posting = posting(&section);
    let signing_secret = secret::optional(&section, "signing_secret").filter(|secret| {
        unguessable(&section, secret, "signing secret", "copy it from the app's basic information in Slack")
    });
    let app_token = token(&section, "app_token", "xapp-");
    let team_id = id(&section, "team_id", TEAM);
    let answering = ANSWERING.into_iter().find(|key| section.has(key));
    if let (Some(key), false) = (answering, section.has("team_id")) {
        let what = format!("missing, and {key} lets requests in from Slack");
        section.error("team_id", what, "name the one workspace that may decide: team_id = \"T...\"");
    }
    let api_url = if section.has("api_url") { api_url(&section) } else { BaseUrl::parse("https://slack.com/api").ok() };
    let response_hosts = response_hosts(&section);
    Some(Slack {
        posting: posting?,
        signing_secret: signing_secret.map(|secret| secret.value),
        team_id: team_id.map(|id| id.value),
        app_token,
        api_url: api_url?,
        response_hosts,
    })
}

/// Only asked of a sound config: who could decide from Slack and cannot, or the other way round.
pub(super) fn warn_of_halves(root: &Section<'_>, slack: Option<&Slack>, everybody: &Everybody) {
    let answers = slack.is_some_and(|slack| slack.signing_secret.is_some() || slack.app_token.is_some());
    let by_rotation = everybody.groups.values().any(|group| group.slack_usergroup.is_some());
    let may = |name: &str| everybody.people.may(name, Role::Approve);
    let in_slack = everybody.approvers.iter().find(|approver| approver.slack_user.is_some() && may(&approver.name));
    match in_slack {
        Some(_) if !answers && !by_rotation => {
            for section in root.listed("approver", APPROVER_KEYS) {
                if section.has("slack_user") {
                    let what = "nobody can decide from Slack: there is neither a signing_secret nor an app_token";
                    let remedy = "add one of them and team_id to [slack], or take slack_user out";
                    section.findings.warning(&section.spot_of("slack_user"), what, remedy);
                    return;
                }
            }
        }
        None if answers => {
            let what = "requests from Slack are let in, and nobody who may decide has a slack_user";
            root.findings.warning(&root.spot_of("slack"), what, "give approvers their slack_user");
        }
        _ => {}
    }
}

fn posting(section: &Section<'_>) -> Option<SlackPosting> {
    let key = secret::one_of(section, WAYS_TO_POST)?;
    if !BOT_TOKEN.contains(&key) {
        if section.has("channel") {
            let what = "an incoming webhook posts where Slack has it post";
            section.error("channel", what, "take it out, or use a bot_token_file instead of the webhook");
        }
        return webhook(section, key).map(SlackPosting::Webhook);
    }
    let token = token(section, "bot_token", "xoxb-");
    let channel = id(section, "channel", CHANNEL);
    let channel = section.require(channel, "channel", "name the channel that is told of everything: \"C...\"");
    Some(SlackPosting::Bot { token: token?, channel: channel?.value })
}

fn webhook(section: &Section<'_>, key: &str) -> Option<WebhookUrl> {
    let text = if key == "webhook_url" {
        section.text(key)?
    } else {
        let secret = secret::read(section, "webhook_url")?;
        At { value: secret.value.expose().to_owned(), spot: secret.spot }
    };
    let url = Url::parse(&text.value).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if url.is_none() {
        // Not quoted: it is a secret, even a broken one.
        let remedy = "copy the whole URL of the incoming webhook from Slack";
        section.findings.error(&text.spot, "this is not an absolute http or https URL", remedy);
    }
    url.map(WebhookUrl)
}

/// A token of Slack's. What it begins with tells one kind from another; a bot's that is rotated has more before it.
fn token(section: &Section<'_>, name: &str, mark: &str) -> Option<Secret> {
    let token = secret::optional(section, name)?;
    let remedy = format!("copy the token that begins with {mark} from the app's pages in Slack");
    if !token.value.expose().contains(mark) {
        section.findings.error(&token.spot, format!("this is not a token with {mark} in it"), remedy);
        return None;
    }
    printable(section, &token, "token", &remedy).then_some(token.value)
}

fn api_url(section: &Section<'_>) -> Option<BaseUrl> {
    let text = section.text("api_url")?;
    let url = absolute_url(section, &text)?;
    if url.scheme() != "https" && !is_loopback(&url) {
        let what = "tokens would cross the network in the clear";
        section.error("api_url", what, "write it with https; http is for this machine alone");
        return None;
    }
    base_url(section, "api_url")
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn response_hosts(section: &Section<'_>) -> Vec<String> {
    let remedy = "name Slack's, [\"hooks.slack.com\"], or leave it out";
    let Some(list) = section.some_texts("response_hosts", remedy) else { return vec!["hooks.slack.com".to_owned()] };
    for host in &list.value {
        // Held against what a URL has to say about itself, so that nothing but host and port gets through.
        let alone = Url::parse(&format!("https://{}", host.value)).ok().filter(|url| {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            url.host_str().is_some_and(|name| format!("{name}{port}") == host.value)
        });
        if alone.is_none() {
            let what = format!("{:?} is not a host", host.value);
            section.findings.error(&host.spot, what, "write its name, and its port where it is not 443");
        }
    }
    list.value.into_iter().map(|host| host.value).collect()
}
