//! Label sets and the matchers that select them, in Alertmanager's syntax.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The labels of a series, an alert or a group: unique names, sorted. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels(Arc<[(Box<str>, Box<str>)]>);

impl Labels {
    /// Labels in any order; of a name given twice the last value counts.
    pub fn new<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Labels {
        let sorted: BTreeMap<String, String> =
            pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Labels(sorted.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// No label at all.
    #[must_use]
    pub fn empty() -> Labels {
        Labels(Arc::new([]))
    }

    /// The value of one label.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(key, _)| key.as_ref().cmp(name)).ok()?;
        Some(&self.0[at].1)
    }

    /// Name and value of each label, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// True when there is no label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Only the labels named, where present.
    #[must_use]
    pub fn only(&self, names: &[String]) -> Labels {
        Labels(self.0.iter().filter(|(name, _)| names.iter().any(|n| **n == **name)).cloned().collect())
    }

    /// The labels on which both agree.
    #[must_use]
    pub fn common(&self, other: &Labels) -> Labels {
        Labels(self.0.iter().filter(|(name, value)| other.get(name) == Some(value)).cloned().collect())
    }

    /// True when one names the other or a part of it: `{service="a"}` and `{service="a", pod="x"}`. As targets, they
    /// must not be repaired at the same time.
    #[must_use]
    pub fn overlaps(&self, other: &Labels) -> bool {
        self.within(other) || other.within(self)
    }

    /// True when every label of this set is in `other` with the same value.
    #[must_use]
    pub fn within(&self, other: &Labels) -> bool {
        self.iter().all(|(name, value)| other.get(name) == Some(value))
    }
}

/// As PromQL writes a selector: `{a="1", b="2"}`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, (name, value)) in self.iter().enumerate() {
            write!(f, "{}{name}={value:?}", if at == 0 { "" } else { ", " })?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Labels, D::Error> {
        BTreeMap::<String, String>::deserialize(from).map(Labels::new)
    }
}

/// One condition on one label. A label that is absent counts as empty, as in Prometheus.
#[derive(Clone, Debug)]
pub struct Matcher {
    name: String,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Equal(String),
    NotEqual(String),
    Matches(regex::Regex),
    MatchesNot(regex::Regex),
}

/// Why a text is not a matcher.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    /// No operator, no name, or an unfinished quote.
    #[error("{0:?} is not a label matcher: write name=\"value\", name!=\"value\", name=~\"regex\" or name!~\"regex\"")]
    Syntax(String),
    /// The expression behind `=~` or `!~` does not compile.
    #[error("the regular expression in {matcher:?} is not valid: {cause}")]
    Regex {
        /// The whole matcher.
        matcher: String,
        /// What the regular expression engine said.
        cause: String,
    },
}

impl Matcher {
    /// Reads one matcher. Quotes around name and value are optional; regular expressions match the whole value.
    pub fn parse(text: &str) -> Result<Matcher, MatcherError> {
        let syntax = || MatcherError::Syntax(text.to_owned());
        let at = text.find(['=', '!']).ok_or_else(syntax)?;
        let (name, rest) = text.split_at(at);
        let (operator, value) = ["=~", "!~", "!=", "="]
            .iter()
            .find_map(|operator| rest.strip_prefix(operator).map(|value| (*operator, value)))
            .ok_or_else(syntax)?;
        let name = unquote(name.trim()).filter(|name| !name.is_empty()).ok_or_else(syntax)?;
        let value = unquote(value.trim()).ok_or_else(syntax)?;
        let compile = || {
            regex::Regex::new(&format!("^(?s:{value})$"))
                .map_err(|cause| MatcherError::Regex { matcher: text.to_owned(), cause: cause.to_string() })
        };
        let test = match operator {
            "=" => Test::Equal(value),
            "!=" => Test::NotEqual(value),
            "=~" => Test::Matches(compile()?),
            _ => Test::MatchesNot(compile()?),
        };
        Ok(Matcher { name, test })
    }

    /// True when the labels meet the condition.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.name).unwrap_or("");
        match &self.test {
            Test::Equal(wanted) => value == wanted,
            Test::NotEqual(unwanted) => value != unwanted,
            Test::Matches(pattern) => pattern.is_match(value),
            Test::MatchesNot(pattern) => !pattern.is_match(value),
        }
    }
}

/// As [`Matcher::parse`] reads it: `name="value"`.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (operator, value) = match &self.test {
            Test::Equal(value) => ("=", value.as_str()),
            Test::NotEqual(value) => ("!=", value.as_str()),
            Test::Matches(pattern) => ("=~", inner(pattern)),
            Test::MatchesNot(pattern) => ("!~", inner(pattern)),
        };
        write!(f, "{}{operator}{value:?}", self.name)
    }
}

/// What [`Matcher::parse`] has put anchors around.
fn inner(pattern: &regex::Regex) -> &str {
    let text = pattern.as_str();
    text.strip_prefix("^(?s:").and_then(|text| text.strip_suffix(")$")).unwrap_or(text)
}

fn unquote(text: &str) -> Option<String> {
    let Some(inner) = text.strip_prefix('"') else {
        return (!text.contains('"')).then(|| text.to_owned());
    };
    let mut plain = String::new();
    let mut chars = inner.chars();
    loop {
        match chars.next()? {
            '"' => return chars.as_str().is_empty().then_some(plain),
            '\\' => match chars.next()? {
                'n' => plain.push('\n'),
                other => plain.push(other),
            },
            other => plain.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_select_as_in_alertmanager() {
        let labels = Labels::new([("team", "payments"), ("service", "checkout"), ("größe", "5\"")]);
        for (text, holds) in [
            ("team=payments", true),
            ("team=\"payments\"", true),
            (" team = \"payments\" ", true),
            ("team!=payments", false),
            ("service=~\"check.*\"", true),
            ("service=~\"check\"", false),
            ("service!~\"a|b\"", true),
            ("absent=\"\"", true),
            ("absent=~\".+\"", false),
            ("\"größe\"=\"5\\\"\"", true),
        ] {
            assert_eq!(Matcher::parse(text).map(|m| m.matches(&labels)), Ok(holds), "{text}");
        }
        for text in ["team=\"a \\\"b\\\"\"", "team!=\"a\"", "team=~\"a|b.*\"", "team!~\"\""] {
            assert_eq!(Matcher::parse(text).map(|m| m.to_string()).as_deref(), Ok(text));
        }
        for text in ["", "team", "=x", "team=\"open", "team=\"a\"b", "team~x", "a=~\"(\""] {
            assert!(Matcher::parse(text).is_err(), "{text:?} must be refused");
        }
    }

    #[test]
    fn sets_compare_by_content() {
        let one = Labels::new([("b", "2"), ("a", "1")]);
        let two = Labels::new([("a", "1"), ("b", "3")]);
        assert_eq!(one.to_string(), r#"{a="1", b="2"}"#);
        assert_eq!(one.common(&two), Labels::new([("a", "1")]));
        assert!(one.common(&two).within(&one));
        assert!(!one.within(&two));
        assert!(one.overlaps(&one.common(&two)) && one.common(&two).overlaps(&one));
        assert!(!one.overlaps(&two));
        assert_eq!(one.only(&["b".into(), "c".into()]), Labels::new([("b", "2")]));
    }
}
