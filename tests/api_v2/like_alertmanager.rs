//! The same questions to a real Alertmanager and to tidegate: the same answers.

use super::*;

/// Alerts that both versions of Alertmanager take.
fn alerts() -> Vec<Value> {
    let all = [
        json!({ "alertname": "QueueTooLong", "service": "checkout", "severity": "page", "pod": "a-1" }),
        json!({ "alertname": "QueueTooLong", "service": "search", "severity": "info" }),
        json!({ "alertname": "DiskFull", "node": "n1", "severity": "info", "service": "checkout" }),
        json!({ "alertname": "DiskFull", "node": "n2", "quoted": "say \"hi\" \\ there" }),
        json!({ "alertname": "Wörter", "text": "größer, als {sie} = scheinen", "lines": "one\ntwo" }),
        json!({ "no": "alertname", "empty": "" }),
    ];
    all.iter().map(|labels| alert(labels, true)).collect()
}

/// What stands behind the question mark.
const QUERIES: [&str; 44] = [
    "",
    "filter=alertname%3D%22DiskFull%22",
    "filter=alertname=DiskFull",
    "filter=alertname!=DiskFull",
    "filter=alertname!%3D%22%22",
    "filter=alertname%3D%22%22",
    "filter=alertname=",
    "filter=alertname=~%22Disk.*%22",
    "filter=alertname=~Disk",
    "filter=alertname=~Disk.*|Queue.*",
    "filter=alertname!~%22Disk.*%22",
    "filter=node=~%22%22",
    "filter=node=~.*",
    "filter=node=~.%2B",
    "filter=pod!~.%2B",
    "filter=service=checkout&filter=severity=info",
    "filter=service=checkout&filter=service=search",
    "filter=service%3D%22checkout%22&filter=pod!=",
    "filter=%20service%20=%20checkout%20",
    "filter=quoted%3D%22say%20%5C%22hi%5C%22%20%5C%5C%20there%22",
    "filter=text%3D%22gr%C3%B6%C3%9Fer,%20als%20%7Bsie%7D%20=%20scheinen%22",
    "filter=text%3D~%22gr%C3%B6%C3%9Fer.*%22",
    "filter=lines%3D%22one%5Cntwo%22",
    "filter=lines=~one.two",
    "filter=service=checkout,severity=info",
    "filter=",
    "filter=service",
    "filter=%7B%7D",
    "filter=%7Bservice=checkout%7D",
    "filter=service=~%5B",
    "filter=service%3D%22checkout",
    "filter=a%20b=c",
    "active=false",
    "active=no&silenced=false&inhibited=false",
    "active=1&silenced=&inhibited=T",
    "silenced=false",
    "inhibited=false",
    "active=false&silenced=false",
    "unprocessed=false",
    "active=true&active=false",
    "receiver=%5B",
    "receiver=none",
    "receiver=.*",
    "something=else",
];

/// What may differ: when it came, who is told, and what older versions leave out.
fn same(alert: &Value) -> Value {
    let status = &alert["status"];
    json!({
        "labels": alert["labels"],
        "annotations": alert["annotations"],
        "fingerprint": alert["fingerprint"],
        "startsAt": alert["startsAt"],
        "endsAt": alert["endsAt"],
        "status": [status["state"], status["silencedBy"], status["inhibitedBy"]],
    })
}

/// The status, and what is listed: nothing where it is a refusal, whose words are one's own.
fn answer(answer: crate::support::http::Answer) -> (u16, Vec<Value>) {
    match answer.json() {
        Value::Array(alerts) => (answer.status, alerts.iter().map(same).collect()),
        other => {
            assert!(other.is_string(), "{other}");
            (answer.status, Vec::new())
        }
    }
}

#[test]
fn filters_find_what_alertmanager_finds() {
    for version in Version::BOTH {
        let (around, real) = (Around::alone(), upstream(version));
        let alerts = alerts();
        assert_eq!(real.post("/api/v2/alerts", &json!(alerts)).status, 200);
        around.send(&alerts);
        for query in QUERIES {
            let path = format!("/api/v2/alerts?{query}");
            assert_eq!(answer(around.tidegate.get(&path)), answer(real.get(&path)), "{version:?} {query}");
        }
    }
    // Names in any script came later.
    let (around, real) = (Around::alone(), upstream(Version::Newer));
    let named = alert(&json!({ "alertname": "Utf8", "my label": "ü", "größe": "1", "a.b": "c" }), true);
    assert_eq!(real.post("/api/v2/alerts", &json!([named])).status, 200);
    around.send(&[named]);
    for query in [
        "filter=%22my%20label%22%3D%22%C3%BC%22",
        "filter=%22my%20label%22=%C3%BC",
        "filter=%7B%22a.b%22=c%7D",
        "filter=gr%C3%B6%C3%9Fe=1&filter=alertname=Utf8",
        "filter=a.b=c",
        "filter=%22a.b%22=~%22%5Bc%5D%22",
        "filter=%22my%20label%22%3D%22%5Cu00fc%22",
    ] {
        let path = format!("/api/v2/alerts?{query}");
        assert_eq!(answer(around.tidegate.get(&path)), answer(real.get(&path)), "{query}");
    }
}

/// The whole of what an upstream says comes through, held back or not, by whatever question.
#[test]
fn beside_an_upstream_answers_are_the_upstreams() {
    for version in Version::BOTH {
        let webhook =
            |name: &str| Webhook { name: name.to_owned(), ..Webhook::of_tidegate("", ([127, 0, 0, 1], 9).into()) };
        let real = Alertmanager::run(&AlertmanagerConfig {
            version,
            receivers: vec![webhook("db.team"), webhook("web")],
            inhibit_rules:
                "[{ source_matchers: ['severity=\"page\"'], target_matchers: ['severity=\"info\"'], equal: [service] }]"
                    .to_owned(),
            ..AlertmanagerConfig::for_tidegate(([127, 0, 0, 1], 9).into())
        });
        let around = Around::beside(&real);
        around.send(&alerts());
        real.silence("search");
        eventually("it is silenced and inhibited there", || {
            let held = real.get("/api/v2/alerts?active=false").good();
            (held.as_array()?.len() == 2 && held[0]["status"]["state"] == "suppressed").then_some(())
        });
        // What a newer one says of time intervals an older one leaves out.
        let whole = |mut list: Value| {
            let alerts = |alert: &mut Value| {
                alert["generatorURL"].take();
                alert["status"]["mutedBy"].take();
                let mut receivers: Vec<String> = alert["receivers"]
                    .as_array()
                    .map_or_else(Vec::new, |all| all.iter().map(Value::to_string).collect());
                receivers.sort();
                alert["receivers"] = json!(receivers);
            };
            for one in list.as_array_mut().into_iter().flatten() {
                match one.get_mut("alerts") {
                    None => alerts(one),
                    Some(grouped) => {
                        let grouped = grouped.as_array_mut().expect("alerts");
                        grouped.iter_mut().for_each(alerts);
                        grouped.sort_by_key(|alert| alert["fingerprint"].to_string());
                    }
                }
            }
            if let Some(list) = list.as_array_mut() {
                list.sort_by_key(Value::to_string);
            }
            list
        };
        let queries =
            QUERIES.iter().chain(&["receiver=db.team", "receiver=db", "receiver=db.team%7Cweb", "receiver=(%3Fi)WEB"]);
        for query in queries {
            for path in ["/api/v2/alerts", "/api/v2/alerts/groups", "/api/v2/silences"] {
                // What older ones do not ask for there is not asked here either.
                let path = format!("{path}?{query}");
                eventually(&format!("{version:?} {path} is answered the same"), || {
                    let (ours, theirs) = (around.tidegate.get(&path), real.get(&path));
                    let same = ours.status == theirs.status
                        && (ours.status != 200 || whole(ours.json()) == whole(theirs.json()));
                    same.then_some(())
                });
            }
        }
    }
}
