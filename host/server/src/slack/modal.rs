//! The dialog that asks for a reason: before a no, and before a yes where one has to be explained.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tidegate_domain::book::Request;
use tidegate_domain::decide::LONGEST_REASON;

use super::action_id;
use super::text::{code, line, plain};

/// Name of the field, and of the block around it.
pub(super) const REASON: &str = "reason";
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
    let text = |text: &str| json!({ "type": "plain_text", "text": text });
    json!({
        "type": "modal",
        "callback_id": action,
        "private_metadata": json!(about).to_string(),
        "title": text(&plain(&format!("{verb} {}", request.id), MOST_TITLE)),
        "submit": text(verb),
        "close": text("Back"),
        "blocks": [
            super::message::section(&what),
            {
                "type": "input",
                "block_id": REASON,
                "label": text("Why?"),
                "hint": text(why),
                "element": {
                    "type": "plain_text_input",
                    "action_id": REASON,
                    "multiline": true,
                    "min_length": 1,
                    "max_length": LONGEST_REASON,
                },
            },
        ],
    })
}

/// The answer to a dialog that did not do: it stays open and says why.
pub(super) fn objection(why: &str) -> Value {
    json!({ "response_action": "errors", "errors": { REASON: plain(why, 500) } })
}
