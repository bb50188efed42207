//! What a request looks like in Slack.
//!
//! Whoever decides must be able to trust the layout: what the host says and what a policy or a label says are kept
//! apart, and no text from outside can begin a line of its own, mention a channel or leave its place.

use serde_json::{Value, json};
use tidegate_domain::book::{Incident, Request};
use tidegate_domain::time::Timestamp;

use crate::clock;

/// Slack refuses a text of a section with more than 3,000 characters; an entity of five is one of them.
const MOST_TEXT: usize = 2_900;
/// Each line from outside is cut here, so that a long one does not push the others out.
const MOST_LINE: usize = 600;
/// Enough to compare with what the command line shows.
const DIGEST: usize = 12;

/// The message of a request: what exactly would run, why, how bad it is, until when, and how to answer.
pub(crate) fn request_message(request: &Request, incident: &Incident) -> Value {
    let proposal = &request.proposal;
    let action = &proposal.action;
    let id = escape(&request.id.0);
    let dry_run = if action.dry_run { " (dry run: nothing is carried out)" } else { "" };
    let what = format!(
        "*What:* {} on {}, arguments {}\n*Severity:* {}, risk {}\n*Until:* {}",
        code(&action.name),
        code(&action.target.to_string()),
        code(&Value::Object(action.arguments.clone()).to_string()),
        incident.severity.name(),
        action.risk.name(),
        date(proposal.deadline),
    );
    let why = format!("*Why, says the policy:*\n> {}\n> {}", line(&proposal.summary), line(&proposal.rationale));
    let evidence: Vec<String> = proposal.shown.iter().map(|shown| format!("• {}", line(shown))).collect();
    let how = format!(
        "`tidegate approve {id}` or `tidegate deny {id} --reason \"...\"`, everything by `tidegate approval show {id}` \
         · incident {} · digest `{}`",
        line(&incident.id.0),
        line(&proposal.digest.chars().take(DIGEST).collect::<String>()),
    );
    let mut blocks = vec![section(&format!("*{id}* waits for your decision{dry_run}")), section(&what), section(&why)];
    // Slack refuses a section without text.
    if !evidence.is_empty() {
        blocks.push(section(&evidence.join("\n")));
    }
    blocks.push(json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": cut(&how, MOST_TEXT) }] }));
    json!({
        // What notifications show, and screen readers read.
        "text": cut(&format!("{id} waits for your decision{dry_run}: {}", line(&proposal.summary)), MOST_TEXT),
        "blocks": blocks,
    })
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": cut(text, MOST_TEXT) } })
}

/// A time in the reader's own time zone; the text behind the bar where that cannot be shown.
fn date(at: Timestamp) -> String {
    let seconds = at.0.div_euclid(1000);
    format!("<!date^{seconds}^{{date_short_pretty}} {{time_secs}}|{}>", clock::rfc3339(at))
}

/// Text from outside on one line.
fn line(text: &str) -> String {
    let flat: String = text.trim().chars().map(|c| if is_break(c) { ' ' } else { c }).collect();
    cut(&escape(&flat), MOST_LINE)
}

/// Text from outside as code: what is a quote to Slack would end it.
fn code(text: &str) -> String {
    format!("`{}`", line(&text.replace('`', "'")))
}

/// Line breaks of every kind, other control characters, and those that turn the direction of reading.
fn is_break(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The three characters that Slack reads as markup of its own: with them a label could mention a whole channel.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cut(text: &str, most: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(most) else { return text.to_owned() };
    let mut short = text[..end].to_owned();
    // Half an entity would be shown as it is.
    if let Some(at) = short.rfind('&').filter(|at| !short[*at..].contains(';')) {
        short.truncate(at);
    }
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use tidegate_domain::book::Book;
    use tidegate_domain::event::{Event, Fact, IncidentId, Origin, Proposal, RequestId, ResolvedAction};
    use tidegate_domain::labels::Labels;
    use tidegate_domain::rules::{ActionKind, Mode, Severity, Verify};
    use tidegate_domain::terms::AskedTerms;

    use super::*;

    fn proposal(summary: &str, target: &str, shown: Vec<String>) -> Proposal {
        let spec = ActionKind::Command { program: "/bin/true".to_owned(), args: Vec::new(), env: BTreeMap::new() };
        let action = ResolvedAction {
            name: "restart".to_owned(),
            spec,
            target: Labels::new([("service", target)]),
            arguments: json!({ "replicas": 3 }).as_object().cloned().unwrap(),
            risk: Severity::Medium,
            timeout: Duration::from_secs(1),
            idempotent: false,
            dry_run: false,
            verify: Verify::default(),
        };
        Proposal {
            action,
            summary: summary.to_owned(),
            rationale: "it helped\nlast time".to_owned(),
            policy_digest: "p".repeat(64),
            shown,
            digest: "0123456789abcdef".repeat(4),
            deadline: Timestamp(1_795_340_857_035),
            start_within: Duration::from_secs(120),
            earlier: 0,
            terms: AskedTerms::default(),
        }
    }

    fn message(proposal: Proposal) -> Value {
        let (incident, request) = (IncidentId("i7".to_owned()), RequestId("r12-9f3a".to_owned()));
        let opened = Fact::IncidentOpened {
            incident: incident.clone(),
            origin: Origin::Absence { watch: "w".to_owned(), group: Labels::empty() },
            labels: Labels::empty(),
            severity: Severity::High,
            since: Timestamp(0),
            mode: Mode::Ask,
            has_policy: true,
            dry_run: false,
            evidence: None,
            alerts: Vec::new(),
            caused_by: [].into(),
        };
        let asked =
            Fact::RequestOpened { request: request.clone(), incident: incident.clone(), proposal: Box::new(proposal) };
        let mut book = Book::default();
        for fact in [opened, asked] {
            book.apply(&Event { at: Timestamp(0), fact });
        }
        request_message(book.request(&request).unwrap(), book.incident(&incident).unwrap())
    }

    fn texts(message: &Value) -> Vec<String> {
        let of = |block: &Value| {
            let text = if block["type"] == "context" { &block["elements"][0]["text"] } else { &block["text"]["text"] };
            text.as_str().unwrap().to_owned()
        };
        message["blocks"].as_array().unwrap().iter().map(of).collect()
    }

    #[test]
    fn a_request_says_everything_that_a_decision_needs() {
        let message =
            message(proposal("Restart checkout", "checkout", vec!["latency 2.1 s".into(), "since 12:00".into()]));
        assert_eq!(message["text"], "r12-9f3a waits for your decision: Restart checkout");
        assert_eq!(
            texts(&message),
            [
                "*r12-9f3a* waits for your decision",
                "*What:* `restart` on `{service=\"checkout\"}`, arguments `{\"replicas\":3}`\n\
                 *Severity:* high, risk medium\n\
                 *Until:* <!date^1795340857^{date_short_pretty} {time_secs}|2026-11-22T09:47:37.035Z>",
                "*Why, says the policy:*\n> Restart checkout\n> it helped last time",
                "• latency 2.1 s\n• since 12:00",
                "`tidegate approve r12-9f3a` or `tidegate deny r12-9f3a --reason \"...\"`, everything by \
                 `tidegate approval show r12-9f3a` · incident i7 · digest `0123456789ab`",
            ]
        );
    }

    #[test]
    fn no_text_from_outside_leaves_its_place() {
        let evil = "x\n*Severity:* low\r\u{2028}\u{202e}<!channel> & `code`";
        let texts = texts(&message(proposal(evil, evil, vec![evil.into()])));
        for text in &texts {
            assert!(!text.contains("<!channel>") && !text.contains('\u{202e}') && !text.contains('\r'), "{text}");
            assert!(!text.lines().any(|line| line.starts_with("*Severity:* low")), "{text}");
        }
        assert_eq!(texts[1].lines().count(), 3);
        assert_eq!(texts[1].matches('`').count(), 6, "{}", texts[1]);
        assert_eq!(texts[2].lines().filter(|line| line.starts_with("> ")).count(), 2);
        assert_eq!(texts[3].lines().count(), 1);
    }

    #[test]
    fn without_evidence_there_is_no_empty_section() {
        assert!(texts(&message(proposal("s", "t", Vec::new()))).iter().all(|text| !text.is_empty()));
    }

    #[test]
    fn nothing_is_longer_than_slack_takes() {
        let long = "&".repeat(50_000);
        let message = message(proposal(&long, &long, vec![long.clone(); 40]));
        for text in texts(&message).iter().chain([&message["text"].as_str().unwrap().to_owned()]) {
            assert!(text.chars().count() <= 3_000, "{}", text.chars().count());
        }
        // What is long does not push out what counts.
        assert!(texts(&message)[1].contains("*Until:* <!date^1795340857"));
    }

    #[test]
    fn long_texts_are_cut_between_characters_and_entities() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("größer", 4), "größ…");
        assert_eq!(cut("abc&amp;tail", 6), "abc…");
        assert_eq!(cut("abc&amp;tail", 8), "abc&amp;…");
    }
}
