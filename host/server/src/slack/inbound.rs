//! What Slack sends, read: a command, a press on a button, a dialog that was filled in. The same by HTTP and by WebSocket.
//!
//! Nothing in here is trusted for more than what it says; who somebody is and whether they may is asked elsewhere.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::modal::{LENGTH, REASON};

/// Why something is not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    /// A field that Slack always sends.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// Not JSON, or another shape than Slack's.
    #[error("the payload is not what Slack sends: {0}")]
    Shape(String),
}

/// Who did something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct From {
    /// Id of the user.
    pub(super) user: String,
    /// Every id of a workspace that came with it: where it was done, and the user's own.
    pub(super) teams: Vec<String>,
    /// Id of the organisation, where the workspace is part of one.
    pub(super) enterprise: Option<String>,
}

impl From {
    /// Did they do it in the one workspace that counts, being of it? In an organisation the config may name that instead.
    pub(super) fn is_of(&self, team: &str) -> bool {
        if team.starts_with('E') {
            return self.enterprise.as_deref() == Some(team);
        }
        !self.teams.is_empty() && self.teams.iter().all(|named| named == team)
    }
}

/// What somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Inbound {
    /// A slash command.
    Command {
        from: From,
        /// With its slash.
        name: String,
        /// What stood behind it.
        text: String,
        response_url: String,
    },
    /// A press on one of our buttons.
    Pressed {
        from: From,
        action: String,
        value: String,
        /// Opens a dialog, for three seconds.
        trigger: String,
        response_url: String,
    },
    /// A dialog of ours was filled in.
    Submitted {
        from: From,
        /// Which dialog.
        callback: String,
        /// What we gave it along.
        metadata: String,
        /// What was written into it.
        reason: String,
        /// What was chosen, where the dialog offers a choice of lengths.
        length: Option<String>,
    },
    /// Nothing that concerns us: a link was followed, a dialog closed, Slack looked at our certificate.
    Nothing,
}

/// A slash command, as a form.
pub(super) fn command(body: &[u8]) -> Result<Inbound, Unreadable> {
    let fields: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
    if fields.contains_key("ssl_check") {
        return Ok(Inbound::Nothing);
    }
    of_command(&|name| fields.get(name).cloned())
}

/// A press on a button and the like: a form with one field, which holds JSON.
pub(super) fn interaction(body: &[u8]) -> Result<Inbound, Unreadable> {
    let mut fields = form_urlencoded::parse(body);
    let mut ssl_check = false;
    let payload = fields.find_map(|(name, value)| {
        ssl_check |= name == "ssl_check";
        (name == "payload").then(|| value.into_owned())
    });
    match payload {
        Some(payload) => {
            let payload = serde_json::from_str(&payload).map_err(|error| Unreadable::Shape(error.to_string()))?;
            of_payload(payload)
        }
        None if ssl_check => Ok(Inbound::Nothing),
        None => Err(Unreadable::Missing("payload")),
    }
}

/// A slash command, as Socket Mode has it.
pub(super) fn command_object(payload: &Value) -> Result<Inbound, Unreadable> {
    of_command(&|name| payload[name].as_str().map(str::to_owned))
}

fn of_command(field: &dyn Fn(&str) -> Option<String>) -> Result<Inbound, Unreadable> {
    let need = |name: &'static str| field(name).filter(|value| !value.is_empty()).ok_or(Unreadable::Missing(name));
    Ok(Inbound::Command {
        from: From {
            user: need("user_id")?,
            teams: vec![need("team_id")?],
            enterprise: field("enterprise_id").filter(|id| !id.is_empty()),
        },
        name: need("command")?,
        text: field("text").unwrap_or_default(),
        response_url: field("response_url").unwrap_or_default(),
    })
}

#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: String,
    user: Option<User>,
    team: Option<Named>,
    enterprise: Option<Named>,
    #[serde(default)]
    trigger_id: String,
    #[serde(default)]
    response_url: String,
    #[serde(default)]
    actions: Vec<Action>,
    view: Option<View>,
}

#[derive(Deserialize)]
struct User {
    id: String,
    team_id: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct Action {
    #[serde(default)]
    action_id: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct View {
    #[serde(default)]
    callback_id: String,
    #[serde(default)]
    private_metadata: String,
    #[serde(default)]
    state: Value,
}

/// An interaction, as JSON.
pub(super) fn of_payload(payload: Value) -> Result<Inbound, Unreadable> {
    let payload: Payload = serde_json::from_value(payload).map_err(|error| Unreadable::Shape(error.to_string()))?;
    let user = payload.user.ok_or(Unreadable::Missing("user"))?;
    let from = From {
        user: user.id,
        teams: payload.team.map(|team| team.id).into_iter().chain(user.team_id).collect(),
        enterprise: payload.enterprise.map(|enterprise| enterprise.id),
    };
    match (payload.kind.as_str(), payload.view) {
        ("block_actions", None) => {
            // One press is one action; a link is one without a value.
            let pressed = payload.actions.into_iter().find(|action| !action.value.is_empty());
            Ok(pressed.map_or(Inbound::Nothing, |action| Inbound::Pressed {
                from,
                action: action.action_id,
                value: action.value,
                trigger: payload.trigger_id,
                response_url: payload.response_url,
            }))
        }
        ("view_submission", Some(view)) => {
            let values = &view.state["values"];
            let (reason, length) = (&values[REASON][REASON], &values[LENGTH][LENGTH]);
            Ok(Inbound::Submitted {
                from,
                reason: reason["value"].as_str().unwrap_or_default().to_owned(),
                length: length["selected_option"]["value"].as_str().map(str::to_owned),
                callback: view.callback_id,
                metadata: view.private_metadata,
            })
        }
        _ => Ok(Inbound::Nothing),
    }
}

#[cfg(test)]
mod tests;
