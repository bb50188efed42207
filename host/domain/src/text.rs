//! Text from outside, made fit to be a part of one line that a person reads and decides by.

/// The text in one line of at most `most` characters, the last of which is an ellipsis where some are left out. What a
/// terminal, a page or a message would obey rather than show becomes a space: line breaks, escapes, and marks that turn
/// the direction of writing around.
#[must_use]
pub fn one_line(text: &str, most: usize) -> String {
    let words = text.split(|c: char| c.is_whitespace() || is_obeyed(c)).filter(|word| !word.is_empty());
    let mut line = String::new();
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if line.chars().count() > most {
        line = line.chars().take(most.saturating_sub(1)).chain(['\u{2026}']).collect();
    }
    line
}

/// True for controls, and for the invisible marks of Unicode that say how text around them is written.
#[must_use]
pub fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn nothing_that_would_be_obeyed_is_left() {
        for (text, line) in [
            ("it burns", "it burns"),
            ("  a\r\n\tb  ", "a b"),
            ("a\n\u{1b}[2Jok by me", "a [2Jok by me"),
            ("ab\u{202e}cd\u{2069}\u{feff}", "ab cd"),
            ("\u{200b}", ""),
            ("größe 10 µs", "größe 10 µs"),
            ("1234567890123", "1234567890123"),
            ("12345678901234", "123456789012\u{2026}"),
            ("ääääääääääääää", "ääääääääääää\u{2026}"),
        ] {
            assert_eq!(one_line(text, 13), line, "{text:?}");
        }
        assert_eq!(one_line("abc", 0), "\u{2026}");
    }
}
