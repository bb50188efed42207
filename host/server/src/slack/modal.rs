//! The dialogs: the one that asks for a reason, before a no and before a yes where one has to be explained, and the one that
//! asks for how long an incident is to be silenced.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tidegate_domain::book::{Incident, Request};
use tidegate_domain::decide::LONGEST_REASON;

use super::action_id;
use super::text::{code, line, plain};
use crate::silencing::{CHOICES, USUAL};

/// Name of the field, and of the block around it.
pub(super) const REASON: &str = "reason";
/// The same of the choice of lengths.
pub(super) const LENGTH: &str = "length";
/// Slack refuses a title with more than 24 characters.
const MOST_TITLE: usize = 24;

/// What a dialog brings back: what it is about, and where to answer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct About {
    /// As [`Pressed`](super::inbound::Inbound::Pressed) had it: the request and the digest of what was shown.
    pub(super) value: String,
    pub(super) response_url: String,
}

/// The dialog for one request.
pub(super) fn view(action: &str, request: &Request, about: &About) -> Value {
    let approve = action == action_id::APPROVE;
    let (verb, why) = if approve {
        ("Approve", "Kept with the request, for whoever looks at it later.")
    } else {
        ("Deny", "Shown to whoever is asked the next time, and to the policy.")
    };
    let proposal = &request.proposal;
    let what = format!(
        "{} on {}\n> {}",
        code(&proposal.action.name),
        code(&proposal.action.target.to_string()),
        line(&proposal.summary)
    );
    whole(
        action,
        &format!("{verb} {}", request.id),
        verb,
        about,
        &[super::message::section(&what), why_field("Why?", why)],
    )
}

/// The dialog that silences an incident.
pub(super) fn silence_view(incident: &Incident, about: &About) -> Value {
    let what = format!(
        "Incident {} · {}\n> {}",
        code(&incident.id.0),
        line(incident.origin.name()),
        code(&incident.labels.to_string())
    );
    let note = "It becomes a silence in Alertmanager, for the alerts of this incident. Until it ends nobody is paged about \
                them, nobody is asked, and no repair is begun.";
    let options = CHOICES.map(|(length, words)| (length, json!({ "text": text(words), "value": length })));
    let usual = options.iter().find(|(length, _)| *length == USUAL).map(|(_, option)| option);
    let length = json!({
        "type": "input",
        "block_id": LENGTH,
        "label": text("For how long?"),
        "element": {
            "type": "static_select",
            "action_id": LENGTH,
            "initial_option": usual,
            "options": options.iter().map(|(_, option)| option).collect::<Vec<_>>(),
        },
    });
    let comment = why_field("Why?", "Kept with the silence, for whoever looks into Alertmanager.");
    let blocks = [super::message::section(&what), super::message::section(note), length, comment];
    whole(action_id::SILENCE, &format!("Silence {}", incident.id), "Silence", about, &blocks)
}

fn whole(callback: &str, title: &str, verb: &str, about: &About, blocks: &[Value]) -> Value {
    json!({
        "type": "modal",
        "callback_id": callback,
        "private_metadata": json!(about).to_string(),
        "title": text(&plain(title, MOST_TITLE)),
        "submit": text(verb),
        "close": text("Back"),
        "blocks": blocks,
    })
}

fn why_field(label: &str, hint: &str) -> Value {
    json!({
        "type": "input",
        "block_id": REASON,
        "label": text(label),
        "hint": text(hint),
        "element": {
            "type": "plain_text_input",
            "action_id": REASON,
            "multiline": true,
            "min_length": 1,
            "max_length": LONGEST_REASON,
        },
    })
}

fn text(text: &str) -> Value {
    json!({ "type": "plain_text", "text": text })
}

/// The answer to a dialog that did not do: it stays open and says why.
pub(super) fn objection(why: &str) -> Value {
    json!({ "response_action": "errors", "errors": { REASON: plain(why, 500) } })
}
