//! Where the Alertmanagers are, and how any endpoint is talked to.

use std::time::Duration;

use super::super::{Alertmanager, DnsRecords};
use super::{Folder, MINIMAL, accepted};

fn read(section: &str) -> Alertmanager {
    accepted(&format!("{MINIMAL}[alertmanager]\n{section}")).alertmanager.expect("it is there")
}

#[test]
fn they_are_named_or_found() {
    let urls = |section: &str| read(section).urls.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    assert_eq!(urls("url = 'http://127.0.0.1:9093/am/'"), "http://127.0.0.1:9093/am");
    assert_eq!(urls("urls = ['http://a:9093', 'https://b']"), "http://a:9093 https://b");
    assert!(read("url = 'http://a:9093'").dns_sd.is_none());

    let found = read("urls = ['http://a:9093']\ndns_sd = { names = ['_web._tcp.am.example.com'] }");
    assert_eq!((found.urls.len(), found.poll_interval), (1, Duration::from_secs(15)));
    let dns = found.dns_sd.expect("it is there");
    assert_eq!((dns.names, dns.records), (vec!["_web._tcp.am.example.com".to_owned()], DnsRecords::Srv));
    assert_eq!((dns.scheme.as_str(), dns.path_prefix.as_str(), dns.resolver), ("http", "/", None));
    assert_eq!(dns.refresh_interval, Duration::from_secs(30));

    let all = "dns_sd = { names = ['am.example.com.', 'b'], type = 'AAAA', port = 9093, scheme = 'https', \
               path_prefix = '/am', refresh_interval = '1m', resolver = '[fd00::35]:5353' }\npoll_interval = '5s'";
    let found = read(all);
    assert_eq!((found.urls.len(), found.poll_interval), (0, Duration::from_secs(5)));
    let dns = found.dns_sd.expect("it is there");
    assert_eq!((dns.records, dns.scheme.as_str(), dns.path_prefix.as_str()), (DnsRecords::Aaaa(9093), "https", "/am"));
    assert_eq!(dns.resolver, Some("[fd00::35]:5353".parse().expect("an address")));
    let dns =
        read("dns_sd = { names = ['a'], type = 'A', port = 1, resolver = '10.0.0.53' }").dns_sd.expect("it is there");
    assert_eq!(dns.resolver, Some("10.0.0.53:53".parse().expect("an address")));
}

#[test]
fn every_fault_of_theirs_is_named_with_its_key_and_a_remedy() {
    let folder = Folder::new();
    for (section, key, said) in [
        ("timeout = '5s'", "alertmanager.url: missing", "or urls, or dns_sd"),
        ("url = 'http://a'\nurls = ['http://b']", "alertmanager.urls: url and urls at once", "leave url out"),
        ("urls = []", "alertmanager.urls: the list is empty", "name at least one"),
        ("urls = ['http://a', 'b']", "alertmanager.urls[1]: \"b\" is not a URL", "write it in full"),
        ("urls = ['http://a', 'http://u:p@b']", "alertmanager.urls[1]: the URL carries", "take it out"),
        ("urls = ['http://a', 'http://a/']", "alertmanager.urls[1]: http://a is named twice", "name it once"),
        ("urls = ['http://a', 'http://a']", "alertmanager.urls[1]: \"http://a\" is named twice", "name it once"),
        ("urls = ['http://a?b']", "alertmanager.urls[0]: ", "it has a query"),
        (
            "url = 'http://a'\nalertname = 'TidegateHandling'",
            "alertmanager.alertname: TidegateHandling is the name of another alert",
            "choose a name of its own",
        ),
        ("dns_sd = 'a'", "alertmanager.dns_sd: expected a table", "{ key = value }"),
        ("dns_sd = {}", "alertmanager.dns_sd.names: missing", "name at least one to look up"),
        ("dns_sd = { names = [] }", "alertmanager.dns_sd.names: the list is empty", "name at least one to look up"),
        ("dns_sd = { names = ['a'], typ = 'A' }", "unknown key \"typ\"", "the nearest key is \"type\""),
        ("dns_sd = { names = ['a', 'a'] }", "alertmanager.dns_sd.names[1]: \"a\" is named twice", "name it once"),
        (
            "dns_sd = { names = ['http://a'] }",
            "alertmanager.dns_sd.names[0]: \"http://a\" is not a name",
            "belongs into urls",
        ),
        ("dns_sd = { names = ['a:9093'] }", "\"a:9093\" is not a name", "without scheme and port"),
        ("dns_sd = { names = ['10.0.0.1'] }", "\"10.0.0.1\" is not a name", "belongs into urls"),
        ("dns_sd = { names = ['a..b'] }", "\"a..b\" is not a name", "write a name alone"),
        ("dns_sd = { names = ['a'], type = 'MX' }", "dns_sd.type: \"MX\" is not known", "\"A\", \"AAAA\", \"SRV\""),
        ("dns_sd = { names = ['a'], type = 'A' }", "alertmanager.dns_sd.port: missing", "for example 9093"),
        ("dns_sd = { names = ['a'], type = 'A', port = 0 }", "dns_sd.port: 0 is out of range", "from 1 to 65535"),
        (
            "dns_sd = { names = ['a'], type = 'A', port = 65536 }",
            "dns_sd.port: 65536 is out of range",
            "from 1 to 65535",
        ),
        ("dns_sd = { names = ['a'], port = 1 }", "dns_sd.port: SRV records", "set type = \"A\" or \"AAAA\""),
        ("dns_sd = { names = ['a'], scheme = 'ftp' }", "dns_sd.scheme: \"ftp\" is not known", "\"http\", \"https\""),
        ("dns_sd = { names = ['a'], path_prefix = 'am' }", "dns_sd.path_prefix: \"am\" is not", "write it like"),
        ("dns_sd = { names = ['a'], path_prefix = '/a?b' }", "dns_sd.path_prefix: \"/a?b\" is not", "write it like"),
        ("dns_sd = { names = ['a'], path_prefix = '/../x' }", "dns_sd.path_prefix: \"/../x\" is not", "write it like"),
        (
            "dns_sd = { names = ['a'], refresh_interval = '0s' }",
            "dns_sd.refresh_interval: zero",
            "choose a longer time",
        ),
        (
            "dns_sd = { names = ['a'], resolver = 'ns.example.com' }",
            "dns_sd.resolver: \"ns.example.com\" is not",
            "10.0.0.53:53",
        ),
        (
            "dns_sd = { names = ['a'] }\nproxy_url = 'http://p'",
            "dns_sd and proxy_url do not go together",
            "name them in urls",
        ),
        ("url = 'http://a'\npoll_interval = '0s'", "alertmanager.poll_interval: zero", "choose a longer time"),
        (
            "url = 'https://a'\ntls_config = { server_name = '10.0.0.1' }",
            "alertmanager.tls_config: tls_config: server_name cannot be used",
            "the one DNS name",
        ),
        (
            "url = 'https://a'\nproxy_url = 'http://p'\ntls_config = { server_name = 'b' }",
            "alertmanager.tls_config: tls_config: server_name cannot be used: with proxy_url",
            "correct the options",
        ),
        (
            "url = 'http://a'\noauth2 = { client_id = 'c', client_secret = 's', token_url = 'http://t' }",
            "alertmanager.oauth2: oauth2.client_secret: unknown field",
            "secrets by file or environment",
        ),
        (
            "url = 'http://a'\noauth2 = { client_id = 'c', client_secret_file = 'gone', token_url = 'http://t' }",
            "alertmanager.oauth2: cannot read the secret in",
            "correct the options",
        ),
        (
            "url = 'http://a'\noauth2 = { client_id = 'c', client_secret_file = 'secrets/alice', token_url = 't' }",
            "alertmanager.oauth2: oauth2: token_url is not a URL",
            "write it in full",
        ),
        (
            "url = 'http://a'\nauthorization = { credentials_file = 'secrets/bob' }\n\
             oauth2 = { client_id = 'c', client_secret_file = 'secrets/alice', token_url = 'http://t' }",
            "all fill the Authorization header; give one of them",
            "correct the options",
        ),
    ] {
        let result = folder.load(&format!("{MINIMAL}[alertmanager]\n{section}"));
        let text = folder.said(&result);
        assert!(text.contains(key) && text.contains(said), "{section}\n{text}");
        assert!(text.contains("1 error"), "one fault is told once: {section}\n{text}");
        assert!(!text.contains("u:p"), "{text}");
    }
}
