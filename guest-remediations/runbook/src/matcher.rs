//! One label matcher, as in Alertmanager: `service="checkout"`, `env!="dev"`, `pod=~"web-.*"`, `zone!~"eu-.*"`.
//!
//! Regular expressions are anchored at both ends, and a label that is absent has the empty value, as in Prometheus.

use std::fmt;

use regex_lite::Regex;

use crate::labels::Labels;

/// A condition on one label.
#[derive(Debug)]
pub(crate) struct Matcher {
    text: String,
    name: String,
    test: Test,
    negated: bool,
}

#[derive(Debug)]
enum Test {
    Equal(String),
    Regex(Regex),
}

impl Matcher {
    /// Reads a matcher.
    ///
    /// # Errors
    /// What is wrong, and what would do.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let refused = |why: &str| {
            format!("`{text}` is not a label matcher: {why}; write for example service=\"checkout\" or pod=~\"web-.*\"")
        };
        let at = text.find(['=', '!']).ok_or_else(|| refused("it has no =, !=, =~ or !~"))?;
        let name = text[..at].trim();
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || "{}\"',".contains(c)) {
            return Err(refused("it does not begin with the name of a label"));
        }
        let rest = &text[at..];
        let (negated, is_regex, value) =
            [("=~", false, true), ("!~", true, true), ("!=", true, false), ("=", false, false)]
                .into_iter()
                .find_map(|(operator, negated, is_regex)| Some((negated, is_regex, rest.strip_prefix(operator)?)))
                .ok_or_else(|| refused("it has no =, !=, =~ or !~"))?;
        let value = unquote(value.trim()).map_err(refused)?;
        let test = if is_regex {
            let regex = Regex::new(&format!("^(?s:{value})$"));
            Test::Regex(regex.map_err(|e| refused(&format!("its regular expression has a fault: {e}")))?)
        } else {
            Test::Equal(value)
        };
        Ok(Matcher { text: text.trim().to_owned(), name: name.to_owned(), test, negated })
    }

    /// Whether the labels satisfy it.
    pub(crate) fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.name).unwrap_or("");
        let equal = match &self.test {
            Test::Equal(wanted) => value == wanted,
            Test::Regex(regex) => regex.is_match(value),
        };
        equal != self.negated
    }

    /// The label it is about.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The value of a matcher: in double quotes with `\"`, `\\` and `\n`, or bare where it holds nothing that needs quotes.
fn unquote(text: &str) -> Result<String, &'static str> {
    let Some(quoted) = text.strip_prefix('"') else {
        let plain = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || "{}\"',\\=!~".contains(c));
        return if plain { Ok(text.to_owned()) } else { Err("its value needs double quotes") };
    };
    let mut value = String::new();
    let mut letters = quoted.chars();
    loop {
        match letters.next() {
            None => return Err("its value has no closing quote"),
            Some('"') if letters.as_str().is_empty() => return Ok(value),
            Some('"') => return Err("something follows its closing quote"),
            Some('\\') => match letters.next() {
                Some('n') => value.push('\n'),
                Some(escaped @ ('"' | '\\')) => value.push(escaped),
                // Regular expressions are full of these: `\d` and `\.` need no second backslash.
                Some(other) => value.extend(['\\', other]),
                None => return Err("its value has no closing quote"),
            },
            Some(letter) => value.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use tidegate_guest::testing::policy_cases::incident;

    use super::*;

    #[test]
    fn matches_as_alertmanager_does() {
        let incident = incident(&[("service", "checkout"), ("pod", "web-12"), ("quote", "a\"b"), ("empty", "")]);
        let labels = Labels::of(&incident);
        for (text, wanted) in [
            (r#"service="checkout""#, true),
            ("service=checkout", true),
            (r#" service = "checkout" "#, true),
            (r#"service="check""#, false),
            (r#"service!="checkout""#, false),
            (r#"service!="cart""#, true),
            (r#"service=~"check""#, false),
            (r#"service=~"check.*""#, true),
            (r#"service=~"cart|checkout""#, true),
            (r#"service!~"cart|check""#, true),
            (r#"pod=~"web-\d+""#, true),
            (r#"pod=~"web-\\d+""#, true),
            (r#"quote="a\"b""#, true),
            (r#"absent="""#, true),
            (r#"absent!="""#, false),
            (r#"empty="""#, true),
            (r#"absent=~".+""#, false),
            (r#"absent=~".*""#, true),
            (r#"service!=checkout"#, false),
        ] {
            let matcher = Matcher::parse(text).expect(text);
            assert_eq!(matcher.matches(&labels), wanted, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_matcher() {
        for text in [
            "",
            "service",
            "=checkout",
            r#"service="checkout"#,
            r#"service="a" b"#,
            "service=",
            r#"pod=~"web-(""#,
            r#"{service="a"}"#,
            "a b=c",
            "service!checkout",
            "service==checkout",
            r#"service="a\"#,
            "service=a,b=c",
        ] {
            let refusal = Matcher::parse(text).expect_err(text);
            assert!(refusal.contains("not a label matcher"), "{text}: {refusal}");
        }
    }
}
