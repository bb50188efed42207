//! Text for terminals: aligned columns, and nothing that a terminal would obey.

/// The text without control characters: labels, summaries and errors come from outside, and an escape sequence in one
/// of them must not redraw what a person is about to approve.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if is_unsafe(c) { '?' } else { c }).collect()
}

/// JSON in which a terminal finds nothing to obey: what would be is written as an escape, which means the same.
pub(super) fn plain_json(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) && c != '\n' {
            plain.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            plain.push(c);
        }
    }
    plain
}

/// Control characters, and the invisible ones that say how the text around them is to be shown.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Rows below a head, columns as wide as their widest cell. The last column is not padded.
pub(super) fn columns(head: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| plain(cell)).collect()).collect();
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
        cells.chain([head[at].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells.zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let mut text = line(&mut head.iter().copied());
    for row in &rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

/// `name: value` lines, values aligned; a value of several lines is indented. Empty values are left out.
pub(super) fn fields(fields: &[(&str, String)]) -> String {
    let mut text = String::new();
    let shown = || fields.iter().filter(|(_, value)| !value.is_empty());
    let width = shown().map(|(name, _)| name.len() + 1).max().unwrap_or(0);
    for (name, value) in shown() {
        let indent = format!("\n{:width$}  ", "");
        let value = value.lines().map(plain).collect::<Vec<_>>().join(&indent);
        text.push_str(&format!("{:width$}  {value}\n", format!("{name}:")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [
            vec!["1".to_owned(), "größer".to_owned(), "x".to_owned()],
            vec!["22".to_owned(), "b".to_owned(), "\u{1b}[2J".to_owned()],
        ];
        assert_eq!(columns(&["ID", "NAME", "LAST"], &rows), "ID  NAME    LAST\n1   größer  x\n22  b       ?[2J\n");
        assert_eq!(columns(&["ID"], &[]), "ID\n");
    }

    #[test]
    fn json_stays_the_same_and_moves_no_cursor() {
        let value = serde_json::json!({ "a": "x\u{9b}2J \u{202e}\u{e0041}", "b": ["größe"] });
        let text = plain_json(&format!("{value:#}\n"));
        assert!(text.contains(r"\u009b2J \u202e\udb40\udc41") && text.contains("größe"), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("JSON"), value);
    }

    #[test]
    fn fields_line_up_and_empty_ones_are_left_out() {
        let text = fields(&[("id", "1".to_owned()), ("none", String::new()), ("longer", "a\nb".to_owned())]);
        assert_eq!(text, "id:      1\nlonger:  a\n         b\n");
    }
}
