//! Label matchers, read as Alertmanager reads them.
//!
//! It has two syntaxes. The classic one has names of ASCII letters and takes an escape that it does not know for two
//! characters (`"\d"`). The later one has names and values in any script, quoted where they need to be, with Go's escapes.
//! Alertmanager tries both, and where both understand a text and disagree the classic one wins; so it does here.

use std::fmt;

use regex::{Regex, RegexBuilder};

use super::Labels;

mod classic;
mod utf8;

/// How many bytes of text are read. A filter comes in a URL, and servers take about 8 KB of those.
const LONGEST: usize = 16 * 1024;
/// How many matchers one text may hold: each may be an expression, and those cost.
const MOST: usize = 100;
/// How much memory a compiled expression may take, in bytes. `\w{20}` over all of Unicode is below it.
const REGEX_SIZE: usize = 1 << 20;

/// One condition on one label. A label that is absent counts as empty, as in Prometheus.
#[derive(Clone, Debug)]
pub struct Matcher {
    name: String,
    value: String,
    is_equal: bool,
    /// The value compiled, for `=~` and `!~`.
    pattern: Option<Regex>,
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
    /// More than anybody writes.
    #[error("too much for label matchers: at most {LONGEST} bytes, and {MOST} matchers, are read")]
    TooLong,
}

/// A matcher as written, with quotes and escapes gone.
#[derive(Debug, PartialEq, Eq)]
struct Written {
    name: String,
    is_equal: bool,
    is_regex: bool,
    value: String,
}

impl Matcher {
    /// Reads one matcher. Quotes around name and value are optional; regular expressions match the whole value.
    pub fn parse(text: &str) -> Result<Matcher, MatcherError> {
        if text.len() > LONGEST {
            return Err(MatcherError::TooLong);
        }
        let written = classic::one(text).or_else(|| utf8::one(text));
        written.ok_or_else(|| MatcherError::Syntax(text.to_owned()))?.compile()
    }

    /// Reads any number of matchers: `{a="b", c=~"d"}`, or without braces. Nothing at all is no matcher, and whoever asks
    /// has to say what that means.
    pub fn parse_all(text: &str) -> Result<Vec<Matcher>, MatcherError> {
        if text.len() > LONGEST {
            return Err(MatcherError::TooLong);
        }
        let written = classic::all(text).or_else(|| utf8::all(text));
        let written = written.ok_or_else(|| MatcherError::Syntax(text.to_owned()))?;
        if written.len() > MOST {
            return Err(MatcherError::TooLong);
        }
        written.into_iter().map(Written::compile).collect()
    }

    /// The label that it is about.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value or regular expression, without quotes and anchors.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// True for `=~` and `!~`.
    #[must_use]
    pub fn is_regex(&self) -> bool {
        self.pattern.is_some()
    }

    /// True for `=` and `=~`.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.is_equal
    }

    /// True when the labels meet the condition.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.name).unwrap_or("");
        let found = self.pattern.as_ref().map_or(value == self.value, |pattern| pattern.is_match(value));
        found == self.is_equal
    }
}

impl Written {
    fn new(name: String, operator: &str, value: String) -> Written {
        Written { name, is_equal: operator.starts_with('='), is_regex: operator.ends_with('~'), value }
    }

    fn operator(&self) -> &'static str {
        match (self.is_equal, self.is_regex) {
            (true, false) => "=",
            (false, false) => "!=",
            (true, true) => "=~",
            (false, true) => "!~",
        }
    }

    fn compile(self) -> Result<Matcher, MatcherError> {
        let pattern = if self.is_regex { Some(self.pattern()?) } else { None };
        let Written { name, is_equal, value, .. } = self;
        Ok(Matcher { name, value, is_equal, pattern })
    }

    fn pattern(&self) -> Result<Regex, MatcherError> {
        let build = |pattern: &str| {
            RegexBuilder::new(pattern).size_limit(REGEX_SIZE).dfa_size_limit(REGEX_SIZE).build().map_err(|cause| {
                let matcher = format!("{}{}\"{}\"", self.name, self.operator(), self.value);
                MatcherError::Regex { matcher, cause: cause.to_string() }
            })
        };
        // By itself first: `a)|(b` would escape the anchors.
        build(&self.value)?;
        build(&format!("^(?:{})$", self.value))
    }
}

/// As [`Matcher::parse`] reads it: `name="value"`.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = match (self.is_equal, self.is_regex()) {
            (true, false) => "=",
            (false, false) => "!=",
            (true, true) => "=~",
            (false, true) => "!~",
        };
        if classic::is_name(&self.name) {
            write!(f, "{}{operator}\"{}\"", self.name, escaped(&self.value))
        } else {
            write!(f, "\"{}\"{operator}\"{}\"", escaped(&self.name), escaped(&self.value))
        }
    }
}

/// With the escapes that both syntaxes know.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The longest operator that a text begins with.
fn operator(text: &str) -> Option<&'static str> {
    ["=~", "!~", "!=", "="].into_iter().find(|operator| text.starts_with(operator))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_select_as_in_alertmanager() {
        let labels = Labels::new([("team", "payments"), ("service", "checkout"), ("größe", "5\""), ("line", "a\nb")]);
        for (text, holds) in [
            ("team=payments", true),
            ("team=\"payments\"", true),
            (" team = \"payments\" ", true),
            ("team!=payments", false),
            ("service=~\"check.*\"", true),
            ("service=~\"check\"", false),
            ("service=~\"check|checkout\"", true),
            ("service!~\"a|b\"", true),
            ("absent=\"\"", true),
            ("absent=", true),
            ("absent=~\".+\"", false),
            ("absent!~\".+\"", true),
            ("\"größe\"=\"5\\\"\"", true),
            ("größe=\"5\\\"\"", true),
            // As in Go, a dot is no newline.
            ("line=~\"a.b\"", false),
            ("line=\"a\\nb\"", true),
        ] {
            assert_eq!(Matcher::parse(text).map(|m| m.matches(&labels)), Ok(holds), "{text}");
        }
    }

    /// Each as Alertmanager writes it again.
    #[test]
    fn one_matcher_is_read_as_in_alertmanager() {
        for (text, read) in [
            ("foo=bar", r#"foo="bar""#),
            ("foo='bar'", r#"foo="'bar'""#),
            (" foo = bar baz ", r#"foo="bar baz""#),
            ("foo=a,b", r#"foo="a,b""#),
            ("foo=a=b", r#"foo="a=b""#),
            ("foo==b", r#"foo="=b""#),
            (r"foo=~a{2}", r#"foo=~"a{2}""#),
            // An escape that is none is two characters; a backslash at the end is itself.
            (r#"foo=~"\d+""#, r#"foo=~"\\d+""#),
            (r"foo=bar\", r#"foo="bar\\""#),
            (r#"foo="\u0041""#, r#"foo="\\u0041""#),
            (r#"foo="a\\\"b\n""#, r#"foo="a\\\"b\n""#),
            ("foo:bar!~\"\"", "foo:bar!~\"\""),
            // Names that only the later syntax has, and there the escapes are Go's.
            (r#""foo"="bar""#, r#"foo="bar""#),
            (r#"größe="5""#, r#""größe"="5""#),
            (r#""foo bar"="\u0041\x42\103\t""#, "\"foo bar\"=\"ABC\t\""),
            (r#""a\"b"=~"x|y""#, r#""a\"b"=~"x|y""#),
            (r#""🙂" != 🙂"#, r#""🙂"!="🙂""#),
            ("host.name=a-b", r#""host.name"="a-b""#),
        ] {
            let matcher = Matcher::parse(text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(matcher.to_string(), read, "{text}");
            let again = Matcher::parse_all(read).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(again.iter().map(ToString::to_string).collect::<Vec<_>>(), [read], "{text}");
        }
    }

    #[test]
    fn several_matchers_are_read_as_in_alertmanager() {
        for (text, read) in [
            ("", &[][..]),
            ("{}", &[]),
            (" { } ", &[]),
            ("foo=bar", &[r#"foo="bar""#]),
            (r#"{foo="bar"}"#, &[r#"foo="bar""#]),
            (r#"{foo="bar",}"#, &[r#"foo="bar""#]),
            (r#"foo="bar","#, &[r#"foo="bar""#]),
            (r#" {foo="bar", } "#, &[r#"foo="bar""#]),
            (r#"foo=bar,baz!="b""#, &[r#"foo="bar""#, r#"baz!="b""#]),
            (r#"{a="b", c=~"d|e", f!~"g", h!=i}"#, &[r#"a="b""#, r#"c=~"d|e""#, r#"f!~"g""#, r#"h!="i""#]),
            (r#"{a="x,y", b="}", c="\","}"#, &[r#"a="x,y""#, r#"b="}""#, r#"c="\",""#]),
            (r#"{"größe"="5,6", ort=köln}"#, &[r#""größe"="5,6""#, r#"ort="köln""#]),
            ("a=~b{2}", &[r#"a=~"b{2}""#]),
        ] {
            let matchers = Matcher::parse_all(text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(matchers.iter().map(ToString::to_string).collect::<Vec<_>>(), read, "{text}");
        }
    }

    #[test]
    fn what_is_no_matcher_is_refused() {
        for text in
            ["", " ", "foo", "=x", "\"\"=x", "foo~x", "foo!x", "foo=\"open", "foo=\"a\"b", "foo=a\"b", "foo=~\"(\""]
        {
            assert!(Matcher::parse(text).is_err(), "{text:?} must be refused");
        }
        for text in [
            ",",
            "{,}",
            "foo",
            "{foo}",
            "foo=a,,bar=b",
            "foo=a,b",
            "{foo=bar",
            "foo=bar}",
            "{{foo=bar}}",
            "{foo=bar}x",
            r#""a b"="\d""#,
            r#""a b"="\xff""#,
            r#""a b"="\ud800""#,
            r#""a b"="\'""#,
            "\"a b\"=\"x\ny\"",
            r#""a b=c"#,
        ] {
            assert!(Matcher::parse_all(text).is_err(), "{text:?} must be refused");
        }
    }

    #[test]
    fn expressions_stay_between_their_anchors() {
        for value in ["a)|(b", "a)|(?:b", "(?x)a #"] {
            let refused = Matcher::parse(&format!("foo=~\"{value}\""));
            assert!(matches!(refused, Err(MatcherError::Regex { .. })), "{value}: {refused:?}");
        }
    }

    #[test]
    fn hostile_texts_cost_little() {
        let many = "a=~b,".repeat(MOST + 1);
        assert_eq!(Matcher::parse_all(&many).map(|all| all.len()), Err(MatcherError::TooLong));
        assert_eq!(Matcher::parse_all(&many[..MOST * 5]).map(|all| all.len()), Ok(MOST));
        assert!(matches!(Matcher::parse(&"a".repeat(LONGEST + 1)), Err(MatcherError::TooLong)));
        for value in ["(((a{100}){100}){100}){100}", r"\\pL{5000}", &"(".repeat(5000)] {
            let refused = Matcher::parse(&format!("foo=~\"{value}\""));
            assert!(matches!(refused, Err(MatcherError::Regex { .. })), "{refused:?}");
        }
        assert!(Matcher::parse(r#"foo=~"\w{20}""#).is_ok(), "what is ordinary is no hostile text");
    }
}
