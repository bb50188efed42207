//! Where the Alertmanagers are: `url` or `urls` of `[alertmanager]`, and `dns_sd`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::endpoints::{base_url, base_url_of};
use super::section::{At, Section};
use super::{DnsRecords, DnsSd};
use crate::http_client::BaseUrl;

pub(super) const DNS_KEYS: &[&str] =
    &["names", "type", "port", "scheme", "path_prefix", "refresh_interval", "resolver"];

/// As Prometheus: often enough for a rollout to be noticed before alerts are missed.
const REFRESH_INTERVAL: Duration = Duration::from_secs(30);
const DNS_PORT: u16 = 53;

/// Kinds of records, before a port is asked for.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    A,
    Aaaa,
    Srv,
}

const KINDS: [(&str, Kind); 3] = [("A", Kind::A), ("AAAA", Kind::Aaaa), ("SRV", Kind::Srv)];
const SCHEMES: [(&str, &str); 2] = [("http", "http"), ("https", "https")];

/// Those with a fixed URL. None of them is fine where others are looked up.
pub(super) fn alertmanager_urls(section: &Section<'_>) -> Option<Vec<BaseUrl>> {
    match (section.has("url"), section.has("urls")) {
        (true, true) => {
            section.error("urls", "url and urls at once", "put all of them into urls, and leave url out");
            None
        }
        (true, false) => Some(vec![base_url(section, "url")?]),
        (false, true) => {
            let texts = section.some_texts("urls", "name at least one, or leave the key out")?;
            let mut urls: Vec<BaseUrl> = Vec::new();
            for text in &texts.value {
                let url = base_url_of(section, text)?;
                if urls.iter().any(|known| known.to_string() == url.to_string()) {
                    // A text that is the same to the letter has been objected to already.
                    let same = texts.value.iter().filter(|other| other.value == text.value).count() > 1;
                    if !same {
                        section.findings.error(&text.spot, format!("{url} is named twice"), "name it once");
                    }
                }
                urls.push(url);
            }
            Some(urls)
        }
        (false, false) if section.has("dns_sd") => Some(Vec::new()),
        (false, false) => {
            section.error("url", "missing", "set url, for example \"http://127.0.0.1:9093\", or urls, or dns_sd");
            None
        }
    }
}

/// Those that are looked up; `Some(None)` where none are.
pub(super) fn dns_sd(section: &Section<'_>) -> Option<Option<DnsSd>> {
    if !section.has("dns_sd") {
        return Some(None);
    }
    let sd = section.section("dns_sd", Some(DNS_KEYS))?;
    let remedy = "name at least one to look up, for example names = [\"alertmanager.example.com\"]";
    let names = sd.require(sd.some_texts("names", remedy), "names", remedy);
    let names = names.and_then(|names| names.value.into_iter().map(|name| host_name(&sd, name)).collect());
    let (records, resolver) = (records(&sd), resolver(&sd));
    let scheme = if sd.has("scheme") { sd.choice("scheme", &SCHEMES).map(|scheme| scheme.value) } else { Some("http") };
    let path_prefix = sd.text("path_prefix");
    let refresh = sd.positive_duration("refresh_interval").map_or(REFRESH_INTERVAL, |length| length.value);
    if let Some(prefix) = path_prefix.as_ref().filter(|prefix| !is_path(&prefix.value)) {
        let what = format!("{:?} is not the beginning of a path", prefix.value);
        sd.findings.error(&prefix.spot, what, "write it like \"/alertmanager\"");
        return None;
    }
    Some(Some(DnsSd {
        names: names?,
        records: records?,
        scheme: scheme?.to_owned(),
        path_prefix: path_prefix.map_or_else(|| "/".to_owned(), |prefix| prefix.value),
        refresh_interval: refresh,
        resolver: resolver?,
    }))
}

fn host_name(sd: &Section<'_>, name: At<String>) -> Option<String> {
    let part = |part: &str| {
        !part.is_empty() && part.len() <= 63 && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let bare = name.value.strip_suffix('.').unwrap_or(&name.value);
    if bare.len() > 253 || !bare.split('.').all(part) || bare.parse::<IpAddr>().is_ok() {
        let what = format!("{:?} is not a name that the DNS can be asked for", name.value);
        let remedy = "write a name alone, without scheme and port, for example \"alertmanager.example.com\"; \
                      what has an address or a URL belongs into urls";
        sd.findings.error(&name.spot, what, remedy);
        return None;
    }
    Some(name.value)
}

fn records(sd: &Section<'_>) -> Option<DnsRecords> {
    // As Prometheus: SRV, unless it says otherwise.
    let kind = if sd.has("type") { sd.choice("type", &KINDS)?.value } else { Kind::Srv };
    if kind == Kind::Srv {
        if sd.has("port") {
            let remedy = "leave it out, or set type = \"A\" or \"AAAA\"";
            sd.error("port", "SRV records, which is the type here, have ports of their own", remedy);
            return None;
        }
        return Some(DnsRecords::Srv);
    }
    let port = sd.require(sd.integer("port", 1..=65_535), "port", "set the port they listen on, for example 9093")?;
    let port = u16::try_from(port.value).ok()?;
    Some(if kind == Kind::A { DnsRecords::A(port) } else { DnsRecords::Aaaa(port) })
}

fn resolver(sd: &Section<'_>) -> Option<Option<SocketAddr>> {
    if !sd.has("resolver") {
        return Some(None);
    }
    let text = sd.text("resolver")?;
    let whole = text.value.parse().ok();
    let address = whole.or_else(|| text.value.parse().ok().map(|ip: IpAddr| SocketAddr::new(ip, DNS_PORT)));
    if address.is_none() {
        let what = format!("{:?} is not an IP address with a port", text.value);
        sd.findings.error(
            &text.spot,
            what,
            "write it like \"10.0.0.53:53\", or leave the key out for the system's resolver",
        );
    }
    address.map(Some)
}

fn is_path(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~/".contains(&b);
    text.starts_with('/') && text.bytes().all(plain) && !text.split('/').any(|part| part == "..")
}
