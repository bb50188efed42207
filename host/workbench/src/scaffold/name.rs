//! What a guest may be called: a folder, a package in three languages, a file that a host loads, and a key of its config.

use std::fmt;
use std::str::FromStr;

/// What a guest is called in templates.
const PLACEHOLDER: &str = "my-guest";
/// The same where a hyphen cannot stand: a module, the file that cargo writes.
const PLACEHOLDER_AS_MODULE: &str = "my_guest";

/// The name of a guest, in kebab case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestName(String);

/// A text that is no name for a guest, and what would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongName(String);

impl std::error::Error for WrongName {}

impl fmt::Display for WrongName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// File systems and tools take 255 bytes; a name of this length already fills a line.
const LONGEST: usize = 64;

/// Names that cannot be those of a package: words of Rust, Python and JavaScript, what Rust builds in, and what the
/// templates depend on.
const TAKEN: &str = "\
    abstract alloc and as assert async await become box break case catch class const continue core crate debugger \
    def default del delete do dyn elif else enum except export extends extern false final finally fn for from \
    function gen global if impl import in instanceof interface is lambda let loop macro match mod move mut new \
    nonlocal none not null or override package pass priv private proc-macro protected pub public raise ref return \
    schemars self serde static std struct super switch test this throw tidegate-guest trait true try type typeof \
    unsafe unsized use var virtual void where while with yield";

impl GuestName {
    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A text or path of a template, for this guest.
    pub(super) fn put_into(&self, text: &str) -> String {
        text.replace(PLACEHOLDER, &self.0).replace(PLACEHOLDER_AS_MODULE, &self.0.replace('-', "_"))
    }
}

impl fmt::Display for GuestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for GuestName {
    type Err = WrongName;

    fn from_str(text: &str) -> Result<Self, WrongName> {
        let wrong = |why: &str| Err(WrongName(format!("`{text}` cannot be a guest's name: {why}")));
        if !is_kebab(text) {
            let rule = "a name is words of a-z and 0-9 joined by single hyphens, and begins with a letter";
            let nearest = kebab(text);
            return match is_kebab(&nearest) {
                true => wrong(&format!("{rule}; `{nearest}` would do")),
                false => wrong(&format!("{rule}, for example `disk-pressure`")),
            };
        }
        if text.len() > LONGEST {
            return wrong(&format!("it has {} characters, at most {LONGEST} are allowed", text.len()));
        }
        if TAKEN.split(' ').any(|word| word == text) {
            return wrong(&format!("to a compiler it is something else; add a word, for example `{text}-detector`"));
        }
        Ok(GuestName(text.to_owned()))
    }
}

fn is_kebab(text: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.split('-').all(word)
}

/// What somebody may have meant: `TideRange` and `tide_range` as `tide-range`.
fn kebab(text: &str) -> String {
    let mut words = String::new();
    let mut after_small = false;
    for c in text.chars() {
        if c.is_ascii_uppercase() && after_small {
            words.push('-');
        }
        words.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
        after_small = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    words.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::GuestName;

    #[test]
    fn kebab_case_is_a_name() {
        for text in ["x", "tide-range", "ewma2", "a-1", "p99-latency", &"a".repeat(64)] {
            assert_eq!(text.parse::<GuestName>().expect(text).as_str(), text);
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_would_do() {
        for (text, says) in [
            ("TideRange", "`tide-range` would do"),
            ("tide_range", "`tide-range` would do"),
            ("tide range", "`tide-range` would do"),
            ("-tide--range-", "`tide-range` would do"),
            ("../tide", "`tide` would do"),
            ("/tmp/x", "`tmp-x` would do"),
            ("P99Latency", "`p99-latency` would do"),
            ("", "for example `disk-pressure`"),
            ("3-sigma", "for example `disk-pressure`"),
            ("..", "for example `disk-pressure`"),
            ("\u{0}", "for example `disk-pressure`"),
            ("größe", "`gr-e` would do"),
            ("fn", "add a word"),
            ("serde", "add a word"),
            ("lambda", "add a word"),
            (&"a".repeat(65), "65 characters"),
        ] {
            let refusal = text.parse::<GuestName>().expect_err(text).to_string();
            assert!(refusal.contains(says), "{text}: {refusal}");
        }
    }

    #[test]
    fn the_placeholder_is_replaced_in_both_spellings() {
        let name: GuestName = "tide-range".parse().expect("a name");
        assert_eq!(name.put_into("use my_guest::X; // my-guest.wasm"), "use tide_range::X; // tide-range.wasm");
    }
}
