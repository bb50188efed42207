//! Captured deliveries, and bodies that no Alertmanager sends.

use std::fs;

use super::*;

fn folder() -> String {
    format!("{}/src/webhook/testdata", env!("CARGO_MANIFEST_DIR"))
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(format!("{}/{name}.json", folder())).unwrap()
}

#[test]
fn every_captured_delivery_is_read() {
    let mut seen = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let outcome = parse(&fs::read(&path).unwrap());
        if path.to_string_lossy().contains("custom-payload") {
            assert_eq!(outcome, Err(WebhookError::NotVersion4 { found: "missing".to_owned() }));
        } else {
            let delivery = outcome.unwrap_or_else(|error| panic!("{path:?}: {error}"));
            assert!(!delivery.alerts.is_empty() && !delivery.group_key.is_empty(), "{path:?}");
            assert!(delivery.alerts.iter().all(|alert| alert.starts_at > Timestamp(1_700_000_000_000)), "{path:?}");
        }
        seen += 1;
    }
    assert_eq!(seen, 12);
}

#[test]
fn the_parts_that_matter_arrive() {
    let firing = parse(&fixture("am-0.33.1-webhook-firing-group")).unwrap();
    assert_eq!(firing.alerts.len(), 2);
    assert!(firing.alerts.iter().all(|alert| alert.firing));
    assert_eq!(firing.alerts[0].fingerprint, "d530ad126fda575e");
    assert_eq!(firing.alerts[0].annotations.get("summary"), Some("CPU anomaly on h1"));
    // 2026-11-22T09:35:17.123456789Z; what is finer than a millisecond goes.
    assert_eq!(firing.alerts[1].starts_at, Timestamp(1_795_340_117_123));

    let resolved = parse(&fixture("am-0.33.1-webhook-resolved-group")).unwrap();
    assert_eq!(resolved.group_key, firing.group_key);
    assert!(resolved.alerts.iter().all(|alert| !alert.firing));
    assert_eq!(resolved.alerts[0].starts_at, firing.alerts[0].starts_at);

    let mixed = parse(&fixture("am-0.33.1-webhook-mixed-firing-resolved")).unwrap();
    assert_eq!(mixed.alerts.iter().map(|alert| alert.firing).collect::<Vec<_>>(), [false, true]);
    assert_eq!(mixed.left_out, None);
    let left_out = parse(&fixture("am-0.33.1-webhook-truncated")).unwrap().left_out;
    let group_labels = Labels::new([("alertname", "Disk")]);
    assert_eq!(left_out, Some(LeftOut { count: 3, receiver: "max-two".to_owned(), group_labels }));
    let utf8 = parse(&fixture("am-0.33.1-webhook-utf8")).unwrap();
    assert_eq!(utf8.alerts[0].labels.get("my.label-ü"), Some("värde"));
    assert_eq!(parse(&fixture("am-0.33.1-webhook-no-alertname")).unwrap().alerts[0].labels.get("alertname"), None);
}

#[test]
fn names_of_receivers_are_read_back() {
    let cases = [
        (r"team\.hook", "team.hook"),
        (r"\\\.\+\*\?\(\)\|\[\]\{\}\^\$", r"\.+*?()|[]{}^$"),
        (r"wärme/a b-c", "wärme/a b-c"),
        // Nothing that Alertmanager would send.
        (r"a\d\", r"a\d\"),
        ("", ""),
    ];
    for (quoted, name) in cases {
        assert_eq!(unquoted(quoted), name);
    }
}

fn with(from: &str, to: &str) -> Result<Delivery, WebhookError> {
    let body = String::from_utf8(fixture("am-0.25.0-webhook-firing")).unwrap();
    assert!(body.contains(from), "{from}");
    parse(body.replacen(from, to, 1).as_bytes())
}

#[test]
fn times_with_an_offset_and_missing_annotations_are_fine() {
    let plain = parse(&fixture("am-0.25.0-webhook-firing")).unwrap();
    let offset = with("2026-11-22T09:39:09Z", "2026-11-22T11:39:09+02:00").unwrap();
    assert_eq!(offset.alerts[0].starts_at, plain.alerts[0].starts_at);
    let bare = with(r#""annotations":{"summary":"s"},"#, "").unwrap();
    assert_eq!(bare.alerts[0].annotations, Labels::empty());
    assert_eq!(with(r#","truncatedAlerts":0"#, "").unwrap().left_out, None);
    // Whoever has no group labels groups by nothing.
    let left_out = with(r#""truncatedAlerts":0"#, r#""truncatedAlerts":7"#).unwrap().left_out.unwrap();
    assert_eq!((left_out.count, left_out.receiver.as_str()), (7, "team.hook"));
    assert_eq!(left_out.group_labels, Labels::new([("alertname", "Ver")]));
    // The year 1 stands for "not set" in Alertmanager's own API.
    assert!(with("2026-11-22T09:39:09Z", "0001-01-01T00:00:00Z").unwrap().alerts[0].starts_at < Timestamp(0));
    assert!(with(r#""alerts":["#, r#""x":[[[{}]]],"alerts":["#).is_ok());
}

#[test]
fn what_is_not_a_delivery_is_told_why() {
    for (from, to, said) in [
        (r#""version":"4""#, r#""version":"5""#, "version is \"5\""),
        (r#""version":"4""#, r#""version":4"#, "version is 4"),
        (r#""version":"4""#, r#""version":null"#, "version is missing"),
        (r#""status":"firing","labels""#, r#""status":"pending","labels""#, "alerts[0].status"),
        (r#""fingerprint":"b0490a45a9b2bd7f""#, r#""fingerprint":"b0490a45a9b2bd7""#, "alerts[0].fingerprint"),
        (r#""fingerprint":"b0490a45a9b2bd7f""#, r#""fingerprint":"B0490A45A9B2BD7F""#, "16 hexadecimal digits"),
        (r#""fingerprint":"b0490a45a9b2bd7f""#, r#""fingerprint":"../../../../../1""#, "16 hexadecimal digits"),
        (r#","fingerprint":"b0490a45a9b2bd7f""#, "", "missing field `fingerprint`"),
        ("2026-11-22T09:39:09Z", "yesterday", "alerts[0].startsAt"),
        ("2026-11-22T09:39:09Z", "2026-11-22T09:39:09", "alerts[0].startsAt"),
        ("2026-11-22T09:39:09Z", "99999-11-22T09:39:09Z", "alerts[0].startsAt"),
        (r#""instance":"a""#, r#""instance":1"#, "alerts[0].labels"),
        (r#""alerts":["#, r#""alerts":[null,"#, "alerts[0]"),
        (r#""alerts":["#, r#""alert":["#, "missing field `alerts`"),
        (r#""groupKey":"{}:{alertname=\"Ver\"}""#, r#""groupKey":"""#, "groupKey: it is empty"),
        (r#""truncatedAlerts":0"#, r#""truncatedAlerts":-1"#, "truncatedAlerts"),
    ] {
        let error = with(from, to).unwrap_err().to_string();
        assert!(error.contains(said), "{to}: {error}");
    }
    for body in ["", "null", "[]", "\"4\"", "4", "{", "<html>", "{\"version\":\"4\"", &"[".repeat(1_000_000)] {
        assert!(matches!(parse(body.as_bytes()), Err(WebhookError::NotJson(_))), "{body:.20}");
    }
    let deep = format!(r#"{{"version":{}"#, "[".repeat(1_000_000));
    assert!(matches!(parse(deep.as_bytes()), Err(WebhookError::NotJson(_))));
    assert!(matches!(parse(b"{\"version\":\"4\xff\"}"), Err(WebhookError::NotJson(_))));
}

#[test]
fn a_delivery_of_very_many_alerts_is_read_whole() {
    let one =
        r#"{"status":"firing","labels":{"a":"1"},"startsAt":"2026-11-22T09:39:09Z","fingerprint":"b0490a45a9b2bd7f"}"#;
    let many = format!("\"alerts\":[{}{one},", format!("{one},").repeat(20_000));
    assert_eq!(with(r#""alerts":["#, &many).unwrap().alerts.len(), 20_002);
}

#[test]
fn a_body_cut_anywhere_is_an_error() {
    let whole = fixture("am-0.33.1-webhook-utf8");
    let whole = whole.trim_ascii_end();
    for length in 0..whole.len() {
        assert!(parse(&whole[..length]).is_err(), "cut at {length}");
    }
}
