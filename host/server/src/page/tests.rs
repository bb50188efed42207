//! What must hold for every page, whatever stands in it: nothing from outside is taken for HTML or deceives a reader, and
//! everything can be read.

use std::collections::BTreeMap;

use tidegate_domain::labels::Labels;

use super::{assets, said};

const STYLE: &str = include_str!("assets/style.css");

/// What somebody may write into a label, an annotation, a reason or a guest's name.
const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</pre></textarea></title><svg/onload=alert(1)>",
    "safe\u{202e}gnp.exe\u{2066}",
    "a\u{0}b\u{1b}[2J\u{7f}c",
    "\u{200f}\u{61c}right to left\u{200b}",
    "&lt;b&gt; stays as it is",
];

#[test]
fn nothing_from_outside_is_html() {
    for text in HOSTILE {
        let labels = Labels::new([("alertname", text), (text, "x")]);
        for shown in [
            said::said(text).into_string(),
            said::bound(text).into_string(),
            said::verbatim(text).into_string(),
            said::labels(&labels).into_string(),
            said::digest(text).into_string(),
            maud::html! { p title=(said::plain(text)) { (said::labels_text(&labels)) } }.into_string(),
        ] {
            let own = ["<bdi>", "</bdi>", "<pre>", "</pre>", "<span class=\"labels\">", "<span class=\"label\">"];
            let own = own.iter().chain(&["<span class=\"name\">", "</span>", "<b>", "</b>", "<p title=", "</p>"]);
            let own = own.chain(&["<code class=\"digest\" title=", "</code>"]);
            let rest = own.fold(shown.clone(), |rest, tag| rest.replace(tag, ""));
            assert!(!rest.contains('<'), "{text:?} became {shown}");
            // What is left of the tags above is one attribute, whose quotes nothing within ends.
            assert!(rest.matches('"').count() <= 2, "{text:?} became {shown}");
            let deceives =
                |c: char| (c.is_control() && c != '\n') || "\u{200b}\u{200f}\u{202e}\u{2066}\u{61c}".contains(c);
            assert!(!shown.contains(deceives), "{text:?} became {shown:?}");
        }
    }
}

#[test]
fn what_is_long_is_cut() {
    let long = "x".repeat(1 << 20);
    assert!(said::said(&long).into_string().len() < 1_000);
    let command = "x".repeat(2_000);
    assert!(said::bound(&command).into_string().contains(&command), "as long as the domain lets it be");
    assert!(said::verbatim(&long).into_string().len() < 20_000);
    assert!(said::labels(&Labels::new([(long.as_str(), long.as_str())])).into_string().len() < 1_000);
}

/// The colours of the style sheet: light, and dark where they differ.
fn colours() -> [BTreeMap<String, [f64; 3]>; 2] {
    let (light, dark) = STYLE.split_once("@media (prefers-color-scheme: dark)").expect("both");
    let (dark, _) = dark.split_once("\n}\n").expect("an end");
    let parse = |block: &str| {
        let lines = block.lines().filter_map(|line| line.trim().strip_prefix("--")?.strip_suffix(';'));
        let pairs = lines.filter_map(|line| line.split_once(": #"));
        let channel = |hex: &str, at: usize| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
        let colour = |hex: &str| [channel(hex, 0), channel(hex, 2), channel(hex, 4)];
        pairs.map(|(name, hex)| (name.to_owned(), colour(hex))).collect::<BTreeMap<_, _>>()
    };
    let light = parse(light);
    let mut both = light.clone();
    both.extend(parse(dark));
    [light, both]
}

/// As the Web Content Accessibility Guidelines compute it (W3C, *WCAG 2.2*, 2023).
fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let linear = |c: f64| if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) };
    let luminance = |[r, g, b]: [f64; 3]| 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn every_text_can_be_read_in_light_and_dark() {
    assert!((contrast([0.0; 3], [1.0; 3]) - 21.0).abs() < 1e-9);
    const TEXT: [(&str, &[&str]); 15] = [
        ("ink", &["paper", "card", "sunk"]),
        ("quiet", &["paper", "card", "sunk"]),
        ("link", &["paper", "card"]),
        ("top-ink", &["top"]),
        ("top-quiet", &["top"]),
        ("waits-ink", &["waits"]),
        ("goes-ink", &["goes"]),
        ("good-ink", &["good"]),
        ("bad-ink", &["bad", "card", "paper"]),
        ("still-ink", &["still"]),
        ("high-ink", &["high"]),
        ("critical-ink", &["critical"]),
        ("yes-ink", &["yes"]),
        ("no-ink", &["no"]),
        ("card", &["link"]),
    ];
    for (colours, theme) in colours().iter().zip(["light", "dark"]) {
        for (text, grounds) in TEXT {
            for ground in grounds {
                let contrast = contrast(colours[text], colours[*ground]);
                assert!(contrast >= 4.5, "{theme}: {text} on {ground} has {contrast:.2}");
            }
        }
        // What is no text: the ring around what has the focus.
        for ground in ["paper", "card"] {
            assert!(contrast(colours["focus"], colours[ground]) >= 3.0, "{theme}: focus on {ground}");
        }
    }
}

#[test]
fn nothing_is_fetched_from_elsewhere() {
    for text in [STYLE, include_str!("assets/page.js"), include_str!("assets/icon.svg")] {
        let elsewhere = text.replace("http://www.w3.org/2000/svg", "");
        for sign in ["http:", "https:", "//cdn", "@import", "url("] {
            assert!(!elsewhere.contains(sign), "{sign}");
        }
    }
    assert!(assets::style().starts_with("/assets/style."));
}
