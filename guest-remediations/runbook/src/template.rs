//! Text with places for labels: `restart {{service}}`.

use crate::labels::Labels;

/// Checks that every place is closed and named.
pub(crate) fn check(text: &str) -> Result<(), String> {
    fill_with(text, |_| Some("")).map(|_| ())
}

/// The text with the value of each label in its place; `Err` where the incident lacks one.
pub(crate) fn fill(text: &str, labels: &Labels) -> Result<String, String> {
    fill_with(text, |name| labels.get(name))
}

fn fill_with<'a>(text: &str, value: impl Fn(&str) -> Option<&'a str>) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or_else(|| format!("`{text}` opens {{{{ without closing it"))?;
        let name = name.trim();
        if name.is_empty() {
            return Err(format!("`{text}` has a place without the name of a label; write for example {{{{service}}}}"));
        }
        filled.push_str(before);
        filled.push_str(value(name).ok_or_else(|| format!("needs the label `{name}`, which the incident has not"))?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}
