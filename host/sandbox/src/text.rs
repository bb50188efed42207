//! What a guest says, cut to size and made safe to print. Knows nothing of who said it or where it goes.

use std::fmt::Write as _;

/// Cuts `text` to at most `max` bytes, at a character boundary, and marks the cut with an ellipsis where one fits.
pub(crate) fn truncated(mut text: String, max: usize) -> String {
    const CUT: &str = "…";
    if text.len() <= max {
        return text;
    }
    let room = if max >= CUT.len() { max - CUT.len() } else { max };
    text.truncate(text.floor_char_boundary(room));
    if text.len() + CUT.len() <= max {
        text.push_str(CUT);
    }
    text
}

/// Text for people, of at most `max` bytes. Control characters other than the end of a line and the tabulator are
/// replaced, and so are those that turn the direction of writing: what a person reads and approves must not be drawn
/// over or read backwards.
pub(crate) fn for_people(text: String, max: usize) -> String {
    let text = truncated(text, max);
    if !text.contains(is_deceptive) {
        return text;
    }
    truncated(text.replace(is_deceptive, "\u{fffd}"), max)
}

fn is_deceptive(character: char) -> bool {
    let turns_direction =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns_direction || (character.is_control() && character != '\n' && character != '\t')
}

/// One printable line of at most about `max` bytes. Control characters are written as escapes: a guest must not be able
/// to forge a second log line or to steer a terminal.
pub(crate) fn one_line(text: &str, max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(max));
    for character in text.trim_end().chars() {
        // One character past the limit is enough for `truncated` to see that there was more.
        if line.len() > max {
            break;
        }
        if character == '\n' || character == '\t' || is_deceptive(character) {
            // Writing to a string cannot fail.
            let _ = write!(line, "{}", character.escape_default());
        } else {
            line.push(character);
        }
    }
    truncated(line, max)
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::{for_people, one_line, truncated};

    #[test]
    fn cuts_at_a_character_boundary_and_says_so() {
        for (text, max, expected) in [
            ("short", 5, "short"),
            ("longer than that", 9, "longer…"),
            ("ééééé", 8, "éé…"),
            ("日本語", 8, "日…"),
            ("日本語", 2, ""),
            ("abc", 0, ""),
            ("", 0, ""),
        ] {
            let cut = truncated(text.to_owned(), max);
            assert_eq!(cut, expected, "{text:?} at {max}");
            assert!(cut.len() <= max);
        }
    }

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(one_line("a\nb\x1b[31mc\n", 100), "a\\nb\\u{1b}[31mc");
        assert_eq!(one_line(&"x".repeat(1000), 10), "xxxxxxx…");
        assert!(one_line(&"\n".repeat(1000), 10).len() <= 10);
    }

    #[test]
    fn nobody_is_deceived() {
        for (text, expected) in [
            ("two\nlines\tand a tab, é 日本", "two\nlines\tand a tab, é 日本"),
            ("\x1b[2Jgone\r\0", "\u{fffd}[2Jgone\u{fffd}\u{fffd}"),
            ("abc\u{202e}cba", "abc\u{fffd}cba"),
        ] {
            assert_eq!(for_people(text.to_owned(), 100), expected);
        }
        // A replacement is longer than what it replaces.
        assert!(for_people("\0".repeat(100), 100).len() <= 100);
    }
}
