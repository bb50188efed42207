//! Slash commands: `/approve ID [reason]`, `/deny ID reason`, `/pause`, `/resume`, and all of them behind `/tidegate` for
//! a workspace that wants only one.

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Say yes.
    Approve { request: String, reason: Option<String> },
    /// Say no.
    Deny { request: String, reason: String },
    /// Stop all repairs.
    Pause,
    /// Let them go on.
    Resume,
    /// Show what waits.
    List,
    /// None of these; how to write them.
    Help(String),
}

const HELP: &str = "`/tidegate list` shows what waits, `/tidegate approve ID [reason]` and `/tidegate deny ID reason` decide, \
    `/tidegate pause` stops all repairs, `/tidegate resume` lets them go on.";

/// Reads a command by its name, with the slash, and what stood behind it.
pub(super) fn parse(name: &str, text: &str) -> Command {
    match name.trim_start_matches('/') {
        "tidegate" => {
            let (verb, rest) = first_word(text);
            verb_of(&verb.to_lowercase(), rest)
        }
        verb => verb_of(verb, text),
    }
}

fn verb_of(verb: &str, text: &str) -> Command {
    let (first, rest) = first_word(text);
    // As it is copied from a message, where it stands in marks.
    let request = first.trim_matches(['`', '*', '"', '\'']).to_owned();
    match verb {
        "approve" | "deny" if request.is_empty() => {
            Command::Help(format!("Name the request: `/{verb} ID reason`. `/tidegate list` shows what waits."))
        }
        "approve" => Command::Approve { request, reason: (!rest.is_empty()).then(|| rest.to_owned()) },
        "deny" => Command::Deny { request, reason: rest.to_owned() },
        "pause" => Command::Pause,
        "resume" => Command::Resume,
        "list" => Command::List,
        _ => Command::Help(HELP.to_owned()),
    }
}

fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim();
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (first, rest.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approve(request: &str, reason: Option<&str>) -> Command {
        Command::Approve { request: request.to_owned(), reason: reason.map(str::to_owned) }
    }

    fn deny(request: &str, reason: &str) -> Command {
        Command::Deny { request: request.to_owned(), reason: reason.to_owned() }
    }

    #[test]
    fn commands_stand_alone_or_behind_one() {
        for (name, text, command) in [
            ("/approve", "r1-9f3a", approve("r1-9f3a", None)),
            ("/approve", "  `r1-9f3a`   looks right ", approve("r1-9f3a", Some("looks right"))),
            ("/tidegate", "Approve *r1-9f3a*", approve("r1-9f3a", None)),
            ("/deny", "r1-9f3a not now", deny("r1-9f3a", "not now")),
            ("/deny", "r1-9f3a", deny("r1-9f3a", "")),
            ("/tidegate", "deny r1-9f3a\nnot now", deny("r1-9f3a", "not now")),
            ("/pause", "", Command::Pause),
            ("/tidegate", "pause", Command::Pause),
            ("/resume", "", Command::Resume),
            ("/tidegate", "list", Command::List),
            ("/tidegate", "", Command::Help(HELP.to_owned())),
            ("/tidegate", "tidegate pause", Command::Help(HELP.to_owned())),
            ("/other", "approve r1-9f3a", Command::Help(HELP.to_owned())),
        ] {
            assert_eq!(parse(name, text), command, "{name} {text}");
        }
        assert!(matches!(parse("/approve", " "), Command::Help(how) if how.contains("/approve ID")));
    }
}
