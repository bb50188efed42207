//! The later syntax: names and values in any script, in quotes with Go's escapes where they need to be.

use std::str::Chars;

use super::{Written, operator};

/// One matcher; None where it is not in this syntax.
pub(super) fn one(text: &str) -> Option<Written> {
    let mut rest = text;
    let written = matcher(&mut rest)?;
    rest.trim().is_empty().then_some(written)
}

/// Any number of matchers, in braces or not.
pub(super) fn all(text: &str) -> Option<Vec<Written>> {
    let text = text.trim();
    let mut rest = match text.strip_prefix('{') {
        Some(inner) => inner.strip_suffix('}')?,
        None => text,
    };
    let mut written = Vec::new();
    while !rest.trim_start().is_empty() {
        written.push(matcher(&mut rest)?);
        rest = rest.trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.is_empty() => {}
            None => return None,
        }
    }
    Some(written)
}

/// Takes one from the start of `rest`.
fn matcher(rest: &mut &str) -> Option<Written> {
    let name = word(rest).filter(|name| !name.is_empty())?;
    *rest = rest.trim_start();
    let operator = operator(rest)?;
    *rest = &rest[operator.len()..];
    let value = word(rest)?;
    Some(Written::new(name, operator, value))
}

/// A name or a value, in quotes or not.
fn word(rest: &mut &str) -> Option<String> {
    *rest = rest.trim_start();
    if let Some(inner) = rest.strip_prefix('"') {
        let mut chars = inner.chars();
        let plain = quoted(&mut chars)?;
        *rest = chars.as_str();
        return Some(plain);
    }
    let end = rest.find(|c: char| c.is_whitespace() || "{}!=~,\\\"'`".contains(c)).unwrap_or(rest.len());
    let (plain, after) = rest.split_at(end);
    *rest = after;
    (!plain.is_empty()).then(|| plain.to_owned())
}

/// What stands before the closing quote, with Go's escapes undone. Those for bytes must make up UTF-8.
fn quoted(chars: &mut Chars<'_>) -> Option<String> {
    let mut plain: Vec<u8> = Vec::new();
    let push = |c: char, plain: &mut Vec<u8>| plain.extend(c.encode_utf8(&mut [0; 4]).bytes());
    loop {
        match chars.next()? {
            '"' => return String::from_utf8(plain).ok(),
            '\n' => return None,
            '\\' => match chars.next()? {
                'a' => plain.push(0x07),
                'b' => plain.push(0x08),
                'f' => plain.push(0x0c),
                'n' => plain.push(b'\n'),
                'r' => plain.push(b'\r'),
                't' => plain.push(b'\t'),
                'v' => plain.push(0x0b),
                '\\' => plain.push(b'\\'),
                '"' => plain.push(b'"'),
                'x' => plain.push(u8::try_from(digits(chars, 2, 16)?).ok()?),
                'u' => push(char::from_u32(digits(chars, 4, 16)?)?, &mut plain),
                'U' => push(char::from_u32(digits(chars, 8, 16)?)?, &mut plain),
                first @ '0'..='7' => {
                    let value = first.to_digit(8)? * 64 + digits(chars, 2, 8)?;
                    plain.push(u8::try_from(value).ok()?);
                }
                _ => return None,
            },
            other => push(other, &mut plain),
        }
    }
}

fn digits(chars: &mut Chars<'_>, count: usize, radix: u32) -> Option<u32> {
    let mut value: u32 = 0;
    for _ in 0..count {
        value = value.checked_mul(radix)?.checked_add(chars.next()?.to_digit(radix)?)?;
    }
    Some(value)
}
