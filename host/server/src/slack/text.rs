//! Text for Slack's markup. No text from outside can begin a line of its own, mention anybody or leave its place.

use tidegate_domain::text::one_line;
use tidegate_domain::time::Timestamp;

use crate::clock;

/// Slack refuses a text of a section with more than 3,000 characters; an entity of five is one of them.
pub(super) const MOST_TEXT: usize = 2_900;
/// Each line from outside is cut here, so that a long one does not push the others out.
const MOST_LINE: usize = 600;
/// Of what an approval is bound to: all that fits.
const MOST_BOUND: usize = MOST_TEXT - 20;

/// Text from outside on one line, without what deceives a reader.
pub(crate) fn line(text: &str) -> String {
    cut(&escape(&one_line(text, usize::MAX)), MOST_LINE)
}

/// What an approval is bound to, as code, and all of it. The domain has cut it to what a person reads.
pub(super) fn bound(text: &str) -> String {
    format!("`{}`", cut(&escape(&one_line(&text.replace('`', "'"), usize::MAX)), MOST_BOUND))
}

/// Text from outside as code: what is a quote to Slack would end it.
pub(crate) fn code(text: &str) -> String {
    format!("`{}`", line(&text.replace('`', "'")))
}

/// Text from outside where Slack reads no markup: in buttons, dialogs and titles.
pub(crate) fn plain(text: &str, most: usize) -> String {
    cut(&one_line(text, usize::MAX), most.saturating_sub(1))
}

/// A time in the reader's own time zone; the text behind the bar where that cannot be shown.
pub(crate) fn date(at: Timestamp) -> String {
    let seconds = at.0.div_euclid(1000);
    format!("<!date^{seconds}^{{date_short_pretty}} {{time_secs}}|{}>", clock::rfc3339(at))
}

/// The three characters that Slack reads as markup of its own: with them a label could mention a whole channel.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// At most `most` characters and a sign that there were more.
pub(super) fn cut(text: &str, most: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(most) else { return text.to_owned() };
    let mut short = text[..end].to_owned();
    // Half an entity would be shown as it is.
    if let Some(at) = short.rfind('&').filter(|at| !short[*at..].contains(';')) {
        short.truncate(at);
    }
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters_and_entities() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("größer", 4), "größ…");
        assert_eq!(cut("abc&amp;tail", 6), "abc…");
        assert_eq!(cut("abc&amp;tail", 8), "abc&amp;…");
        assert_eq!(plain("größer\nals <das>", 9), "größer a…");
    }

    #[test]
    fn nothing_from_outside_is_markup() {
        assert_eq!(line(" a\n*b*\u{202e} <!channel> "), "a *b* &lt;!channel&gt;");
        assert_eq!(line("ali\u{200b}ce\u{61c}\u{feff}"), "ali ce", "nor what has no width");
        assert_eq!(bound(&"x".repeat(2_000)).len(), 2_002, "all that an approval is bound to");
        assert_eq!(code("`a`"), "`'a'`");
    }
}
