//! Text and numbers for people: nothing that a terminal would obey, nothing longer than it needs to be.

use std::fmt::Write as _;
use std::time::Duration;

/// One printable line of at most `max` characters. What a guest, a label or a file says is shown with control
/// characters and those that turn the direction of writing replaced, and marked where it was cut.
#[must_use]
pub fn printable(text: &str, max: usize) -> String {
    let mut shown = String::new();
    let mut space = false;
    for (count, character) in text.trim().chars().enumerate() {
        if count >= max {
            shown.push('…');
            break;
        }
        // Line breaks of a description are an editor's, not the author's.
        if character.is_whitespace() {
            space = true;
            continue;
        }
        if std::mem::take(&mut space) {
            shown.push(' ');
        }
        shown.push(if deceives(character) { '\u{fffd}' } else { character });
    }
    shown
}

/// Text of several lines and at most `max` characters, made safe as [`printable`] does and otherwise as it stands.
#[must_use]
pub fn plain(text: &str, max: usize) -> String {
    let mut shown: String = text
        .trim_end()
        .chars()
        .take(max)
        .map(|character| if character != '\n' && deceives(character) { '\u{fffd}' } else { character })
        .collect();
    if text.trim_end().chars().nth(max).is_some() {
        shown.push('…');
    }
    shown
}

/// Controls, what turns the direction of writing, and what has no width: two names that look alike could be two.
fn deceives(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        )
}

/// A number to about six digits, for tables: `0.5`, `12.3457`, `1.5e12`.
#[must_use]
pub fn short(number: f64) -> String {
    if !number.is_finite() {
        return full(number);
    }
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e9).contains(&size) {
        let text = format!("{number:.4e}");
        return match text.split_once('e') {
            Some((digits, exponent)) => format!("{}e{exponent}", without_zeros(digits)),
            None => text,
        };
    }
    // Whole digits first; of what is behind the point as much as makes six.
    let whole = if size < 1.0 { 1.0 } else { size.log10().floor() + 1.0 };
    let decimals = (6.0 - whole).clamp(0.0, 6.0) as usize;
    let decimals = if size < 0.1 { 6 } else { decimals };
    without_zeros(&format!("{number:.decimals$}")).to_owned()
}

/// A number with all of its digits, the others as Prometheus writes them: `NaN`, `+Inf`, `-Inf`.
#[must_use]
pub fn full(number: f64) -> String {
    if number.is_finite() {
        number.to_string()
    } else if number.is_nan() {
        "NaN".to_owned()
    } else if number > 0.0 {
        "+Inf".to_owned()
    } else {
        "-Inf".to_owned()
    }
}

/// A number in JSON, which has neither NaN nor infinities: those are strings, as Prometheus writes them.
#[must_use]
pub fn json(number: f64) -> serde_json::Value {
    if number.is_finite() { number.into() } else { full(number).into() }
}

fn without_zeros(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

/// A length of time, as Prometheus writes one: `1h30m`, `250ms`.
#[must_use]
pub fn duration(length: Duration) -> String {
    const UNITS: [(&str, u128); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let mut rest = length.as_millis();
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (name, size) in UNITS {
        if rest >= size {
            // Writing to a string cannot fail.
            let _ = write!(text, "{}{name}", rest / size);
            rest %= size;
        }
    }
    text
}

/// How long something took, to three digits: `840 ns`, `1.24 us`, `35.1 ms`, `7.02 s`.
#[must_use]
pub fn elapsed(nanos: f64) -> String {
    let (scaled, unit) = match nanos {
        n if n < 1e3 => (n, "ns"),
        n if n < 1e6 => (n / 1e3, "us"),
        n if n < 1e9 => (n / 1e6, "ms"),
        n => (n / 1e9, "s"),
    };
    let decimals = if scaled >= 100.0 || unit == "ns" {
        0
    } else if scaled >= 10.0 {
        1
    } else {
        2
    };
    format!("{scaled:.decimals$} {unit}")
}

/// A size in bytes: `812 B`, `3.6 KiB`, `18.2 MiB`.
#[must_use]
pub fn bytes(size: u64) -> String {
    let size = size as f64;
    match size {
        size if size < 1024.0 => format!("{size} B"),
        size if size < 1024.0 * 1024.0 => format!("{:.1} KiB", size / 1024.0),
        size => format!("{:.1} MiB", size / (1024.0 * 1024.0)),
    }
}

/// A count with its noun: `1 sample`, `1,440 samples`.
#[must_use]
pub fn count(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// A whole number with its thousands apart: `1,440`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Rows below a head, columns as wide as their widest cell; those at the places of `right` are set to the right. The last
/// column is not padded.
#[must_use]
pub fn columns(head: &[&str], rows: &[Vec<String>], right: &[usize]) -> String {
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
        cells.chain([head[at].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    let heads: Vec<String> = head.iter().map(|&name| name.to_owned()).collect();
    for row in std::iter::once(&heads).chain(rows) {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(
                |(at, (cell, &width))| {
                    if right.contains(&at) { format!("{cell:>width$}") } else { format!("{cell:width$}") }
                },
            )
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// `name: value` lines, values aligned; a value of several lines is indented. Empty values are left out.
#[must_use]
pub fn fields(fields: &[(&str, String)]) -> String {
    let shown = || fields.iter().filter(|(_, value)| !value.is_empty());
    let width = shown().map(|(name, _)| name.len() + 1).max().unwrap_or(0);
    let indent = format!("\n{:width$}  ", "");
    shown()
        .map(|(name, value)| {
            let value = value.lines().collect::<Vec<_>>().join(&indent);
            format!("{:width$}  {value}\n", format!("{name}:"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_steers_no_terminal() {
        for (text, max, shown) in [
            ("plain", 10, "plain"),
            ("two\n   lines\t and more ", 40, "two lines and more"),
            ("\u{1b}[2Jgone\u{7}", 40, "\u{fffd}[2Jgone\u{fffd}"),
            ("abc\u{202e}cba", 40, "abc\u{fffd}cba"),
            ("äöüäöü", 3, "äöü…"),
            ("", 3, ""),
        ] {
            assert_eq!(printable(text, max), shown, "{text:?}");
        }
    }

    #[test]
    fn numbers_are_as_long_as_they_need_to_be() {
        for (number, text) in [
            (0.0, "0"),
            (-0.5, "-0.5"),
            (1.0 / 3.0, "0.33333"),
            (12.345_678_9, "12.3457"),
            (1_234_567.89, "1234568"),
            (0.001_234_567, "0.001235"),
            (1.5e12, "1.5e12"),
            (-2e-9, "-2e-9"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(short(number), text);
        }
        assert_eq!(json(f64::INFINITY), "+Inf");
        assert_eq!(json(0.1 + 0.2).to_string(), "0.30000000000000004");
    }

    #[test]
    fn lengths_sizes_and_counts_read_well() {
        for (millis, text) in [(0, "0s"), (250, "250ms"), (60_000, "1m"), (5_400_000, "1h30m"), (1_814_400_000, "21d")]
        {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
        for (nanos, text) in [(840.2, "840 ns"), (1_240.0, "1.24 us"), (35_140_000.0, "35.1 ms"), (7.02e9, "7.02 s")] {
            assert_eq!(elapsed(nanos), text);
        }
        assert_eq!([bytes(812), bytes(3_700), bytes(19_000_000)], ["812 B", "3.6 KiB", "18.1 MiB"]);
        assert_eq!([count(1, "sample"), count(1_440, "sample")], ["1 sample", "1,440 samples"]);
        assert_eq!([grouped(0), grouped(999), grouped(1_234_567)], ["0", "999", "1,234,567"]);
    }

    #[test]
    fn tables_line_up() {
        let rows = [vec!["größer".to_owned(), "1".to_owned()], vec!["b".to_owned(), "22".to_owned()]];
        assert_eq!(columns(&["NAME", "N"], &rows, &[1]), "NAME     N\ngrößer   1\nb       22\n");
        let text = fields(&[("id", "1".to_owned()), ("none", String::new()), ("longer", "a\nb".to_owned())]);
        assert_eq!(text, "id:      1\nlonger:  a\n         b\n");
    }
}
