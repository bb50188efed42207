//! `match = [...]`: which alerts, incidents or times something is about.

use tidegate_domain::labels::{Matcher, MatcherError};

use super::section::Section;

/// Reads `match`, which must not be empty where it is there: `otherwise` says what an empty list does not mean.
pub(super) fn read(section: &Section<'_>, otherwise: &str) -> Option<Vec<Matcher>> {
    let texts = section.some_texts("match", &remedy(otherwise))?;
    let mut matchers = Vec::new();
    for text in &texts.value {
        match Matcher::parse(&text.value) {
            Ok(matcher) => matchers.push(matcher),
            Err(MatcherError::Regex { cause, .. }) => {
                // The last line is the reason, those before it draw a picture.
                let reason = cause.lines().last().unwrap_or_default().trim_start_matches("error: ");
                let what = format!("the regular expression in {:?} is not valid: {reason}", text.value);
                section.findings.error(&text.spot, what, "write it as RE2, the syntax that Prometheus uses");
            }
            Err(MatcherError::Syntax(_)) => {
                let what = format!("{:?} is not a label matcher", text.value);
                let remedy = "write name=\"value\", name!=\"value\", name=~\"regex\" or name!~\"regex\"";
                section.findings.error(&text.spot, what, remedy);
            }
        }
    }
    (matchers.len() == texts.value.len()).then_some(matchers)
}

/// The same where it must be there.
pub(super) fn required(section: &Section<'_>, otherwise: &str) -> Option<Vec<Matcher>> {
    if !section.has("match") {
        section.error("match", "missing", remedy(otherwise));
    }
    read(section, otherwise)
}

fn remedy(otherwise: &str) -> String {
    format!("name at least one, for example [\"team=\\\"payments\\\"\"]; an empty list does not mean {otherwise}")
}
