//! `match = [...]`: which alerts, incidents or times something is about.

use tidegate_domain::labels::{Matcher, MatcherError};

use super::section::Section;

/// Reads `match`, which must not be empty where it is there: `otherwise` says what an empty list does not mean. Each text
/// holds one matcher or several, as in Alertmanager's own `matchers`.
pub(super) fn read(section: &Section<'_>, otherwise: &str) -> Option<Vec<Matcher>> {
    let texts = section.some_texts("match", &remedy(otherwise))?;
    let mut matchers = Vec::new();
    let mut all_good = true;
    for text in &texts.value {
        let (what, remedy) = match Matcher::parse_all(&text.value) {
            Ok(read) if !read.is_empty() => {
                matchers.extend(read);
                continue;
            }
            Err(MatcherError::Regex { matcher, cause }) => {
                // The last line is the reason, those before it draw a picture.
                let reason = cause.lines().last().unwrap_or_default().trim_start_matches("error: ");
                let what = format!("the regular expression in {matcher:?} is not valid: {reason}");
                (what, "write it as RE2, the syntax that Prometheus uses")
            }
            Err(error @ MatcherError::TooLong) => (error.to_string(), "leave out what is not needed"),
            Ok(_) | Err(MatcherError::Syntax(_)) => (
                format!("{:?} is not a label matcher", text.value),
                "write name=\"value\", name!=\"value\", name=~\"regex\" or name!~\"regex\"",
            ),
        };
        section.findings.error(&text.spot, what, remedy);
        all_good = false;
    }
    all_good.then_some(matchers)
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
