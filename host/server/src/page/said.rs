//! What labels, guests, people and programs say, as it may stand in a page: escaped, bounded, and without characters that
//! deceive a reader.

use maud::{Markup, PreEscaped, html};
use tidegate_domain::event::Evidence;
use tidegate_domain::labels::Labels;
use tidegate_workbench::text;

/// Longest line, in characters: more is not read, and would push what matters off the screen.
const MOST_LINE: usize = 600;
/// Longest text of several lines.
const MOST_TEXT: usize = 16_000;

/// One line. Set apart, so that what is written from right to left does not turn around what stands beside it.
pub(super) fn said(line: &str) -> Markup {
    html! { bdi { (text::printable(line, MOST_LINE)) } }
}

/// A line that an approval is bound to: all of it. The domain has cut it to what a person reads.
pub(super) fn bound(line: &str) -> Markup {
    html! { bdi { (text::printable(line, MOST_TEXT)) } }
}

/// One line as plain text, for titles and attributes.
pub(super) fn plain(line: &str) -> String {
    text::printable(line, MOST_LINE)
}

/// A text of several lines, as it stands.
pub(super) fn verbatim(lines: &str) -> Markup {
    html! { pre { bdi { (text::plain(lines, MOST_TEXT)) } } }
}

/// Labels, each by itself so that a narrow screen can break between them.
pub(super) fn labels(labels: &Labels) -> Markup {
    if labels.is_empty() {
        return html! { span.labels { span.none { "no labels" } } };
    }
    html! {
        span.labels {
            @for (name, value) in labels.iter() {
                " " span.label { span.name { (text::printable(name, 100)) } "=" b { bdi { (text::printable(value, 200)) } } }
            }
        }
    }
}

/// Labels as text.
pub(super) fn labels_text(labels: &Labels) -> String {
    text::printable(&labels.to_string(), 200)
}

/// A measured number, or that there is none.
pub(super) fn number(value: f64) -> String {
    if value.is_nan() { "unknown".to_owned() } else { text::short(value) }
}

/// The band of a sample in words.
pub(super) fn band(evidence: &Evidence) -> String {
    format!("{} to {}", number(evidence.lower.0), number(evidence.upper.0))
}

/// The beginning of a digest, all of it on asking.
pub(super) fn digest(digest: &str) -> Markup {
    let start: String = digest.chars().take(12).collect();
    html! { code.digest title=(plain(digest)) { (plain(&start)) } }
}

/// A picture that the host itself has drawn, with everything in it escaped.
pub(super) fn drawn(svg: String) -> Markup {
    PreEscaped(svg)
}
