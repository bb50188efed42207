//! Slash commands: `/approve ID [reason]`, `/deny ID reason`, `/pause`, `/resume`, and all of them behind `/tidegate` for
//! a workspace that wants only one. Silencing stands behind that alone.

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
    /// Silence an incident, named by itself or by one of its requests.
    Silence { of: String, length: String, comment: String },
    /// End that.
    Unsilence { of: String },
    /// Show what waits.
    List,
    /// None of these; how to write them.
    Help(String),
}

const HELP: &str = "`/tidegate list` shows what waits, `/tidegate approve ID [reason]` and `/tidegate deny ID reason` decide, \
    `/tidegate silence ID 2h comment` silences an incident in Alertmanager and `/tidegate unsilence ID` ends that, \
    `/tidegate pause` stops all repairs, `/tidegate resume` lets them go on.";

/// Reads a command by its name, with the slash, and what stood behind it.
pub(super) fn parse(name: &str, text: &str) -> Command {
    match name.trim_start_matches('/') {
        "tidegate" => {
            let (verb, rest) = first_word(text);
            let verb = verb.to_lowercase();
            silencing_of(&verb, rest).unwrap_or_else(|| verb_of(&verb, rest))
        }
        verb => verb_of(verb, text),
    }
}

/// What has no short name of its own: a workspace may well have another `/silence`.
fn silencing_of(verb: &str, text: &str) -> Option<Command> {
    let (first, rest) = first_word(text);
    let of = unmarked(first);
    let (length, comment) = first_word(rest);
    match verb {
        "silence" if of.is_empty() || length.is_empty() => Some(Command::Help(
            "Name the incident or one of its requests, and say for how long and why: `/tidegate silence ID 2h comment`."
                .to_owned(),
        )),
        "silence" => Some(Command::Silence { of, length: unmarked(length), comment: comment.to_owned() }),
        "unsilence" if of.is_empty() => {
            Some(Command::Help("Name the incident or one of its requests: `/tidegate unsilence ID`.".to_owned()))
        }
        "unsilence" => Some(Command::Unsilence { of }),
        _ => None,
    }
}

/// As it is copied from a message, where it stands in marks.
fn unmarked(word: &str) -> String {
    word.trim_matches(['`', '*', '"', '\'']).to_owned()
}

fn verb_of(verb: &str, text: &str) -> Command {
    let (first, rest) = first_word(text);
    let request = unmarked(first);
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

    fn silence(of: &str, length: &str, comment: &str) -> Command {
        Command::Silence { of: of.to_owned(), length: length.to_owned(), comment: comment.to_owned() }
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
            ("/tidegate", "Silence *i7*  2h  a deploy ", silence("i7", "2h", "a deploy")),
            ("/tidegate", "silence r1-9f3a `1h30m`", silence("r1-9f3a", "1h30m", "")),
            ("/tidegate", "unsilence `i7`", Command::Unsilence { of: "i7".to_owned() }),
            ("/silence", "i7 2h a deploy", Command::Help(HELP.to_owned())),
        ] {
            assert_eq!(parse(name, text), command, "{name} {text}");
        }
        assert!(matches!(parse("/approve", " "), Command::Help(how) if how.contains("/approve ID")));
        for text in ["silence", "silence i7", "unsilence"] {
            assert!(matches!(parse("/tidegate", text), Command::Help(how) if how.contains("silence ID")), "{text}");
        }
    }
}
