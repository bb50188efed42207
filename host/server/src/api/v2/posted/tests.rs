use super::*;

const NOW: Timestamp = Timestamp(1_795_340_000_000);
const MINUTE: i64 = 60_000;

fn read(body: &str) -> Posted {
    Posted::read(body.as_bytes(), NOW).unwrap_or_else(|fault| panic!("{body}: {fault:?}"))
}

/// Its status and its code, or 400 for both where alerts of it are refused by themselves; 200 where it is taken.
fn answered(body: &str) -> (u16, u16) {
    match Posted::read(body.as_bytes(), NOW) {
        Err(Fault::Unreadable { status, code, .. }) => (status.as_u16(), code),
        Err(other) => panic!("{body}: {other:?}"),
        Ok(posted) if posted.bad.is_empty() => (200, 200),
        Ok(_) => (400, 400),
    }
}

#[test]
fn bodies_are_answered_as_alertmanager_does() {
    let cases = [
        ("", (422, 602)),
        ("[]", (200, 200)),
        ("null", (200, 200)),
        ("{}", (400, 400)),
        ("{{", (400, 400)),
        (r#""x""#, (400, 400)),
        ("[null]", (400, 400)),
        ("[] x", (400, 400)),
        ("[{}]", (422, 602)),
        (r#"[{"labels":null}]"#, (422, 602)),
        (r#"[{"labels":{}}]"#, (400, 400)),
        (r#"[{"labels":{"a":""}}]"#, (400, 400)),
        (r#"[{"labels":{"":"c"}}]"#, (400, 400)),
        (r#"[{"labels":{"a":1}}]"#, (400, 400)),
        (r#"[{"labels":5}]"#, (400, 400)),
        (r#"[{"labels":{"a b.c":"d"}}]"#, (200, 200)),
        (r#"[{"labels":{"a":"\u0000"}}]"#, (200, 200)),
        (r#"[{"labels":{"a":"b"},"annotations":{"c":1}}]"#, (400, 400)),
        (r#"[{"labels":{"a":"b"},"annotations":null}]"#, (200, 200)),
        (r#"[{"labels":{"a":"b"},"annotations":{"":"x"}}]"#, (400, 400)),
        (r#"[{"labels":{"a":"b"},"more":{"of":["this"]}}]"#, (200, 200)),
        (r#"[{"labels":{"a":"b"},"startsAt":"yesterday"}]"#, (400, 400)),
        (r#"[{"labels":{"a":"b"},"startsAt":5}]"#, (400, 400)),
        (r#"[{"labels":{"a":"b"},"startsAt":null,"endsAt":""}]"#, (200, 200)),
        (r#"[{"labels":{"a":"b"},"startsAt":"10000-11-23T01:02:03Z"}]"#, (400, 400)),
        (r#"[{"labels":{"a":"b"},"startsAt":"2026-11-23T01:02:03Z","endsAt":"9999-12-31T23:59:59Z"}]"#, (200, 200)),
        (r#"[{"labels":{"a":"b"},"startsAt":"2026-11-23T01:02:03Z","endsAt":"2026-11-22T01:02:03Z"}]"#, (400, 400)),
        (r#"[{"labels":{"a":"b"},"startsAt":"2027-11-23T01:02:03Z"}]"#, (400, 400)),
        (r#"[{"labels":{"a":"b"},"generatorURL":"not a url"}]"#, (422, 601)),
        (r#"[{"labels":{"a":"b"},"generatorURL":""}]"#, (200, 200)),
        (r#"[{"labels":{"a":"b"},"generatorURL":"/graph"}]"#, (200, 200)),
        (r#"[{"labels":{"a":"b"},"generatorURL":"http://p:9090/graph?g0.expr=up%3D%3D0"}]"#, (200, 200)),
        (r#"[{"labels":{"a":"b"},"generatorURL":5}]"#, (400, 400)),
    ];
    for (body, answer) in cases {
        assert_eq!(answered(body), answer, "{body}");
    }
}

#[test]
fn times_that_are_not_set_are_settled() {
    let unset = "0001-01-01T00:00:00.000Z";
    let (start, end) = ("2026-11-22T09:30:00Z", "2026-11-22T10:30:00.5+00:30");
    let at = |text: &str| Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond());
    let later = NOW.plus(RESOLVE_TIMEOUT);
    let cases = [
        ((unset, unset), (NOW, later, true)),
        (("", ""), (NOW, later, true)),
        ((start, unset), (at(start), later, true)),
        ((start, end), (at(start), at(end), false)),
        ((unset, end), (at(end), at(end), false)),
        (("2026-11-22T09:30:00", unset), (at(start), later, true)),
    ];
    for ((starts_at, ends_at), (starts, ends, times_out)) in cases {
        let posted = read(&format!(r#"[{{"labels":{{"a":"b"}},"startsAt":"{starts_at}","endsAt":"{ends_at}"}}]"#));
        let alert = &posted.good[0];
        assert_eq!(
            (alert.starts_at, alert.ends_at, alert.times_out),
            (starts, ends, times_out),
            "{starts_at} {ends_at}"
        );
    }
}

#[test]
fn one_bad_alert_does_not_take_the_others_with_it_and_is_named() {
    let posted =
        read(r#"[{"labels":{"a":"1"}},{"labels":{}},{"labels":{"a":"2","empty":""},"generatorURL":"http://p"}]"#);
    assert_eq!(posted.bad, ["alert 1: at least one label pair required"]);
    assert_eq!(posted.faults().as_deref(), Some("alert 1: at least one label pair required"));
    let labels: Vec<String> = posted.good.iter().map(|alert| alert.labels.to_string()).collect();
    assert_eq!(labels, [r#"{a="1"}"#, r#"{a="2"}"#], "empty labels are none");
    assert_eq!(posted.good[1].generator_url.as_deref(), Some("http://p"));
    assert_eq!(posted.good[0].ends_at, Timestamp(NOW.0 + 5 * MINUTE));
}

#[test]
fn of_many_bad_alerts_some_are_named() {
    let body = format!("[{}]", vec![r#"{"labels":{}}"#; 5000].join(","));
    let faults = read(&body).faults().unwrap();
    assert!(faults.ends_with("; and 4980 more"), "{faults}");
    assert!(faults.len() < 2000);
}
