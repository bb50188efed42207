//! The classic syntax: `name="value"`, with names of ASCII letters, digits, underscores and colons.

use super::{Written, operator};

/// One matcher; None where it is not in this syntax.
pub(super) fn one(text: &str) -> Option<Written> {
    let text = text.trim();
    let end = text.find(|c: char| !is_name_char(c))?;
    let (name, rest) = text.split_at(end);
    let rest = rest.trim_start();
    let operator = operator(rest)?;
    let value = unquoted(rest[operator.len()..].trim_start())?;
    is_name(name).then(|| Written::new(name.to_owned(), operator, value))
}

/// Any number of matchers, in braces or not.
pub(super) fn all(text: &str) -> Option<Vec<Written>> {
    let text = match text.strip_prefix('{') {
        Some(inner) => inner.strip_suffix('}')?,
        // One brace alone is a mistake; a pair may be part of an expression.
        None if text.ends_with('}') && !text.contains('{') => return None,
        None => text,
    };
    let mut parts = split(text);
    // A comma may end the list.
    if parts.last().is_some_and(|last| last.is_empty()) {
        parts.pop();
    }
    parts.into_iter().map(one).collect()
}

/// True for a name that needs no quotes.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(is_name_char)
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// At the commas outside quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut from) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            ',' if !quoted => {
                parts.push(&text[from..at]);
                (from, escaped) = (at + 1, false);
            }
            _ if escaped => escaped = false,
            '"' => quoted = !quoted,
            '\\' => escaped = true,
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

fn unquoted(text: &str) -> Option<String> {
    let (quoted, inner) = match text.strip_prefix('"') {
        Some(inner) => (true, inner),
        None => (false, text),
    };
    let mut plain = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return (quoted && chars.as_str().is_empty()).then_some(plain),
            '\\' => match chars.next() {
                Some('n') => plain.push('\n'),
                Some(other) => {
                    // What is no escape is two characters.
                    if !matches!(other, '"' | '\\') {
                        plain.push('\\');
                    }
                    plain.push(other);
                }
                None => plain.push('\\'),
            },
            other => plain.push(other),
        }
    }
    (!quoted).then_some(plain)
}
