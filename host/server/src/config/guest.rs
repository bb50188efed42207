//! `[guest.NAME]` and `[detector.NAME]`: what a guest may do, and guests with settings that judge series.

use std::collections::BTreeMap;

use tidegate_sandbox::{Grants, Limits};

use super::error::suggest;
use super::section::{At, Section};
use super::{DetectorConfig, GuestConfig};

pub(super) const GUEST_KEYS: &[&str] = &[
    "sha256",
    "grants",
    "memory",
    "call_timeout",
    "open_timeout",
    "max_wasm_size",
    "compile_timeout",
    "compile_memory",
    "max_state_size",
    "max_queries",
    "query_timeout",
    "queries_timeout",
    "max_query_series",
    "max_answer_size",
];
pub(super) const DETECTOR_KEYS: &[&str] = &["guest", "settings"];

pub(super) fn guests(root: &Section<'_>) -> BTreeMap<String, GuestConfig> {
    root.named("guest", Some(GUEST_KEYS))
        .into_iter()
        .map(|(name, section)| {
            let config = GuestConfig { sha256: digest(&section), grants: grants(&section), limits: limits(&section) };
            (name, config)
        })
        .collect()
}

fn digest(section: &Section<'_>) -> Option<String> {
    let text = section.text("sha256")?;
    let digits = text.value.to_ascii_lowercase();
    if digits.len() == 64 && digits.chars().all(|c| c.is_ascii_hexdigit()) {
        return Some(digits);
    }
    section.error("sha256", "not a SHA-256 digest", "write its 64 hexadecimal digits, as sha256sum prints them");
    None
}

fn grants(section: &Section<'_>) -> Grants {
    let Some(list) = section.texts("grants") else { return Grants::none() };
    for name in list.value.iter().filter(|name| !Grants::KNOWN.contains(&name.value.as_str())) {
        let remedy = suggest(&name.value, "grant", Grants::KNOWN.iter().copied());
        section.findings.error(&name.spot, format!("there is no grant {:?}", name.value), remedy);
    }
    Grants::parse(list.value.iter().map(|name| &name.value)).unwrap_or_default()
}

fn limits(section: &Section<'_>) -> Limits {
    let defaults = Limits::default();
    let bytes = |key, default| section.size(key).and_then(|bytes| usize::try_from(bytes.value).ok()).unwrap_or(default);
    let length = |key, default| section.positive_duration(key).map_or(default, |length| length.value);
    Limits {
        call_timeout: length("call_timeout", defaults.call_timeout),
        open_timeout: length("open_timeout", defaults.open_timeout),
        memory_bytes: bytes("memory", defaults.memory_bytes),
        max_wasm_bytes: bytes("max_wasm_size", defaults.max_wasm_bytes),
        compile_timeout: length("compile_timeout", defaults.compile_timeout),
        compile_memory_bytes: section.size("compile_memory").map_or(defaults.compile_memory_bytes, |bytes| bytes.value),
        max_state_bytes: bytes("max_state_size", defaults.max_state_bytes),
        max_queries: section.count("max_queries", 1).map_or(defaults.max_queries, |count| count.value),
        query_timeout: length("query_timeout", defaults.query_timeout),
        queries_timeout: length("queries_timeout", defaults.queries_timeout),
        max_query_series: section
            .count("max_query_series", 1)
            .and_then(|count| usize::try_from(count.value).ok())
            .unwrap_or(defaults.max_query_series),
        max_answer_bytes: bytes("max_answer_size", defaults.max_answer_bytes),
        ..defaults
    }
}

pub(super) fn detectors(root: &Section<'_>) -> BTreeMap<String, DetectorConfig> {
    root.named("detector", Some(DETECTOR_KEYS))
        .into_iter()
        .filter_map(|(name, section)| {
            let (guest, settings) = guest_and_settings(&section)?;
            Some((name, DetectorConfig { guest: guest.value, settings, implied_by: None }))
        })
        .collect()
}

/// The two keys that turn a guest into something that runs.
pub(super) fn guest_and_settings(section: &Section<'_>) -> Option<(At<String>, serde_json::Value)> {
    let guest = section.text("guest");
    let guest = section.require(guest, "guest", "name a file of guest_dir without its .wasm, for example \"zscore\"");
    let settings = if section.has("settings") {
        // Settings are an object, whatever is in it.
        section.section("settings", None)?;
        section.json("settings")?.value
    } else {
        serde_json::Value::Object(serde_json::Map::new())
    };
    let guest = guest?;
    // It becomes a file name inside guest_dir.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if !guest.value.chars().all(plain) || guest.value.starts_with('.') {
        section.error(
            "guest",
            format!("{:?} cannot be the name of a guest", guest.value),
            "use letters, digits, - and _",
        );
        return None;
    }
    Some((guest, settings))
}
