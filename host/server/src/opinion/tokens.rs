//! The outermost tokens of a PromQL expression: as much of the language as it takes to see which operator is the outermost.
//!
//! What stands in brackets is one token, whatever it is, and texts and comments are passed over. So an expression is taken
//! apart without being rewritten, and functions, modifiers and dialects that did not exist when this was written stay as
//! they are. (The parser that there is on crates.io brings twenty more packages, a parser generator among them, and gives
//! back an expression of its own making.)

/// Longer expressions are not looked at: those of rules are written by people.
const MOST_BYTES: usize = 16 * 1024;

/// Brackets within brackets, at most.
const MOST_DEPTH: usize = 100;

/// One token and where it stands, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) from: usize,
    pub(super) to: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// A name, a function or an operator that is written as a word.
    Word(&'a str),
    /// A number or a duration.
    Number(&'a str),
    /// Something in quotes.
    Text,
    /// Brackets and all that is in them, by the opening one.
    Group(char),
    /// `==`, `!=`, `>`, `<`, `>=` or `<=`.
    Comparison(&'a str),
    /// Anything else, sign by sign.
    Sign(char),
}

/// Why a text cannot be taken apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("it is longer than {MOST_BYTES} bytes")]
    TooLong,
    #[error("a bracket is not closed, or closed twice")]
    Brackets,
    #[error("its brackets are nested too deeply")]
    TooDeep,
    #[error("a text in it has no end")]
    OpenText,
    #[error("it uses the operator {0}, which is not known here")]
    Operator(String),
}

/// The same expression without its comments, which would swallow what is written behind it.
pub(super) fn without_comments(text: &str) -> Result<String, Unreadable> {
    if text.len() > MOST_BYTES {
        return Err(Unreadable::TooLong);
    }
    let (mut plain, mut at) = (String::with_capacity(text.len()), 0);
    while let Some(c) = text[at..].chars().next() {
        let end = match c {
            '"' | '\'' | '`' => end_of_text(text, at)?,
            '#' => {
                at = text[at..].find('\n').map_or(text.len(), |length| at + length);
                continue;
            }
            _ => at + c.len_utf8(),
        };
        plain.push_str(&text[at..end]);
        at = end;
    }
    Ok(plain)
}

/// Whether a part of it is pinned to the ends of whatever stretch is asked for, `@ start()` or `@ end()`: a history of it
/// would be of one value.
pub(super) fn is_pinned(text: &str) -> Result<bool, Unreadable> {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        at = match c {
            '"' | '\'' | '`' => end_of_text(text, at)?,
            c => at + c.len_utf8(),
        };
        let behind = text[at..].trim_start();
        if c == '@' && ["start", "end"].iter().any(|end| behind.starts_with(end)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The outermost tokens of an expression without comments.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, Unreadable> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(c) = text[at..].chars().next() {
        let to = match c {
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            '"' | '\'' | '`' => end_of_text(text, at)?,
            '(' | '[' | '{' => end_of_group(text, at)?,
            ')' | ']' | '}' => return Err(Unreadable::Brackets),
            c if is_word(c) || c == '.' => end_of(text, at, |c| is_word(c) || c == '.'),
            '=' | '!' | '<' | '>' => end_of(text, at, |c| "=!<>~/".contains(c)),
            c => at + c.len_utf8(),
        };
        let part = &text[at..to];
        let kind = match c {
            '"' | '\'' | '`' => Kind::Text,
            '(' | '[' | '{' => Kind::Group(c),
            c if c.is_ascii_digit() || c == '.' => Kind::Number(part),
            c if is_word(c) => Kind::Word(part),
            '=' | '!' | '<' | '>' => match part {
                "==" | "!=" | ">" | "<" | ">=" | "<=" => Kind::Comparison(part),
                other => return Err(Unreadable::Operator(other.to_owned())),
            },
            c => Kind::Sign(c),
        };
        found.push(Token { kind, from: at, to });
        at = to;
    }
    Ok(found)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == ':'
}

fn end_of(text: &str, from: usize, part_of_it: impl Fn(char) -> bool) -> usize {
    text[from..].find(|c| !part_of_it(c)).map_or(text.len(), |length| from + length)
}

/// Behind the closing quote of the text that begins at `from`.
fn end_of_text(text: &str, from: usize) -> Result<usize, Unreadable> {
    let mut chars = text[from..].char_indices();
    let (_, quote) = chars.next().ok_or(Unreadable::OpenText)?;
    while let Some((at, c)) = chars.next() {
        match c {
            // Between backticks a backslash is a backslash.
            '\\' if quote != '`' => drop(chars.next()),
            c if c == quote => return Ok(from + at + c.len_utf8()),
            _ => {}
        }
    }
    Err(Unreadable::OpenText)
}

/// Behind the bracket that closes the one at `from`.
fn end_of_group(text: &str, from: usize) -> Result<usize, Unreadable> {
    let (mut open, mut at) = (Vec::new(), from);
    while let Some(c) = text[at..].chars().next() {
        match c {
            '"' | '\'' | '`' => {
                at = end_of_text(text, at)?;
                continue;
            }
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' if open.pop() != Some(c) => return Err(Unreadable::Brackets),
            _ => {}
        }
        at += c.len_utf8();
        if open.is_empty() {
            return Ok(at);
        }
        if open.len() > MOST_DEPTH {
            return Err(Unreadable::TooDeep);
        }
    }
    Err(Unreadable::Brackets)
}

#[cfg(test)]
mod tests {
    use super::{Unreadable, tokens, without_comments};

    fn parts(text: &str) -> Vec<&str> {
        let tokens = tokens(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        tokens.iter().map(|token| &text[token.from..token.to]).collect()
    }

    #[test]
    fn brackets_and_texts_are_one_token_each() {
        for (text, expected) in [
            ("a>5", vec!["a", ">", "5"]),
            (
                "sum by (b) (rate(c{d=\"}(\"}[5m])) >= bool 1e3",
                vec!["sum", "by", "(b)", "(rate(c{d=\"}(\"}[5m]))", ">=", "bool", "1e3"],
            ),
            (r#"{"größe\"", x=`\`} < -.5"#, vec![r#"{"größe\"", x=`\`}"#, "<", "-", ".5"]),
            ("a offset -5m @ 17.5 != b", vec!["a", "offset", "-", "5m", "@", "17.5", "!=", "b"]),
            ("größe == 1", vec!["größe", "==", "1"]),
            ("", vec![]),
        ] {
            assert_eq!(parts(text), expected);
        }
    }

    #[test]
    fn comments_are_left_out_and_signs_in_texts_are_none() {
        let text = "a{b=\"#1\"} # why > 3\n> 5 # and so on";
        assert_eq!(without_comments(text).as_deref(), Ok("a{b=\"#1\"} \n> 5 "));
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for (text, why) in [
            ("(a", Unreadable::Brackets),
            ("a)", Unreadable::Brackets),
            ("(a]", Unreadable::Brackets),
            ("a{b=\"c}", Unreadable::OpenText),
            ("a{b='\\'}", Unreadable::OpenText),
            ("a =~ b", Unreadable::Operator("=~".to_owned())),
            ("a >/ 5", Unreadable::Operator(">/".to_owned())),
        ] {
            assert_eq!(tokens(text), Err(why), "{text}");
        }
        let deep = "(".repeat(200) + &")".repeat(200);
        assert_eq!(tokens(&deep), Err(Unreadable::TooDeep));
        assert_eq!(without_comments(&"a".repeat(20_000)), Err(Unreadable::TooLong));
        assert_eq!(without_comments("a{b=\"c}"), Err(Unreadable::OpenText));
    }
}
