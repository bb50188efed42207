//! Whether a form was sent from a page of this host. Browsers say so with every form; what does not say it is turned away.

use axum::http::{HeaderMap, header};
use reqwest::Url;

/// True where the browser says that a page of this host has sent this. `external` is where people reach the host, as the
/// config has it: a proxy in between may ask for it by another name.
pub(super) fn is_own(headers: &HeaderMap, external: Option<&Url>) -> bool {
    let said = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    // The browser's own judgement, where it gives one: only over TLS and on loopback.
    if let Some(site) = said("sec-fetch-site") {
        return site == "same-origin";
    }
    let Some(origin) = said(header::ORIGIN.as_str()) else { return false };
    if external.is_some_and(|external| external.origin().ascii_serialization() == origin) {
        return true;
    }
    let asked = said(header::HOST.as_str());
    origin.split_once("://").is_some_and(|(_, from)| asked.is_some_and(|asked| from.eq_ignore_ascii_case(asked)))
}

/// True where a browser may have left its session out because somebody followed a link on another site: `SameSite=Strict`
/// has it do so.
pub(super) fn may_lack_cookies(headers: &HeaderMap) -> bool {
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_page = said(header::ACCEPT.as_str()).is_some_and(|accepts| accepts.contains("text/html"));
    is_page && !matches!(said("sec-fetch-site"), Some("same-origin" | "none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_forms_of_this_host_are_its_own() {
        let external = Url::parse("https://tidegate.example/").unwrap();
        let host = ("host", "127.0.0.1:9595");
        for (headers, own) in [
            (vec![host, ("sec-fetch-site", "same-origin")], true),
            (vec![host, ("origin", "http://127.0.0.1:9595")], true),
            (vec![host, ("origin", "https://tidegate.example")], true),
            (vec![host, ("sec-fetch-site", "same-origin"), ("origin", "null")], true),
            (vec![host], false),
            (vec![], false),
            (vec![host, ("origin", "null")], false),
            (vec![host, ("sec-fetch-site", "none")], false),
            (vec![host, ("sec-fetch-site", "same-site")], false),
            (vec![host, ("sec-fetch-site", "cross-site")], false),
            (vec![host, ("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:9595")], false),
            (vec![host, ("origin", "http://evil.example")], false),
            (vec![host, ("origin", "http://127.0.0.1:9596")], false),
            (vec![host, ("origin", "https://tidegate.example.evil.example")], false),
            (vec![("origin", "http://evil.example")], false),
        ] {
            assert_eq!(is_own(&map(&headers), Some(&external)), own, "{headers:?}");
        }
    }

    #[test]
    fn a_link_from_elsewhere_is_told_from_an_address_that_was_typed() {
        let html = ("accept", "text/html,application/xhtml+xml");
        for (headers, lacks) in [
            (vec![html, ("sec-fetch-site", "cross-site")], true),
            (vec![html], true),
            (vec![html, ("sec-fetch-site", "none")], false),
            (vec![html, ("sec-fetch-site", "same-origin")], false),
            (vec![("accept", "*/*")], false),
            (vec![], false),
        ] {
            assert_eq!(may_lack_cookies(&map(&headers)), lacks, "{headers:?}");
        }
    }
}
