//! Both versions of `amtool`, with and without an upstream Alertmanager.

use super::*;

fn names(alerts: &[Value]) -> BTreeSet<&str> {
    alerts.iter().filter_map(|alert| alert["labels"]["alertname"].as_str()).collect()
}

/// Alerts are added and found, with and without an upstream.
fn alerts_are_added_and_found(amtool: &Amtool) {
    amtool.says(&["alert", "add", "QueueTooLong", "service=checkout", "severity=page", "--annotation=summary=long"]);
    amtool.says(&["alert", "add", "alertname=DiskFull", "node=n1", "--generator-url=http://prometheus/graph"]);
    let all = eventually("both are there", || {
        let all = amtool.lists(&["alert", "query"]);
        (names(&all) == BTreeSet::from(["DiskFull", "QueueTooLong"])).then_some(all)
    });
    assert!(all.iter().any(|alert| alert["annotations"] == json!({ "summary": "long" })), "{all:#?}");
    assert!(all.iter().any(|alert| alert["generatorURL"] == "http://prometheus/graph"), "{all:#?}");
    for (matchers, found) in [
        (&["node=n1"][..], "DiskFull"),
        (&["node=~n.*"], "DiskFull"),
        (&["QueueTooLong"], "QueueTooLong"),
        (&["service=\"checkout\"", "severity!=\"info\""], "QueueTooLong"),
        (&["alertname!~\"Queue.*\""], "DiskFull"),
    ] {
        let listed = amtool.lists(&[&["alert", "query"], matchers].concat());
        assert_eq!(names(&listed), BTreeSet::from([found]), "{matchers:?}");
    }
    assert!(amtool.lists(&["alert", "query", "node=n2"]).is_empty());
    assert!(amtool.says(&["alert", "query"]).contains("QueueTooLong"));
    assert!(amtool.says(&["alert", "query", "--output=extended"]).contains("checkout"));
    // Added with an end that has passed, it is over.
    let ended = (jiff::Timestamp::now() - jiff::SignedDuration::from_secs(1)).to_string();
    amtool.says(&["alert", "add", "DiskFull", "node=n1", &format!("--end={ended}")]);
    eventually("it is gone", || amtool.lists(&["alert", "query", "node=n1"]).is_empty().then_some(()));
}

fn what_it_says_of_itself(amtool: &Amtool) {
    assert!(amtool.says(&["config", "show"]).contains("receiver: tidegate"));
    assert_eq!(amtool.says(&["config", "routes", "test", "service=checkout"]).trim(), "tidegate");
    assert!(amtool.says(&["cluster", "show"]).contains("disabled"));
}

fn alone(version: Version) {
    let around = Around::alone();
    let amtool = Amtool::new(version, around.tidegate.address(), TOKEN);
    alerts_are_added_and_found(&amtool);
    what_it_says_of_itself(&amtool);
    let incident = around.tidegate.opened("queues");
    assert_eq!(incident["caused_by"], json!(["alice"]), "whoever adds an alert asked for what follows");
    assert!(amtool.lists(&["silence", "query"]).is_empty());
    assert!(amtool.refused(&["silence", "add", "--comment=why", "service=checkout"]).contains("503"));
    let vera = Amtool::new(version, around.tidegate.address(), VERA);
    assert_eq!(names(&vera.lists(&["alert", "query"])), BTreeSet::from(["QueueTooLong"]));
    assert!(vera.refused(&["alert", "add", "QueueTooLong"]).contains("403"));
    assert!(Amtool::new(version, around.tidegate.address(), "guess").refused(&["alert", "query"]).contains("401"));
}

#[test]
fn the_installed_one_without_an_upstream() {
    alone(Version::Installed);
}

#[test]
fn a_newer_one_without_an_upstream() {
    alone(Version::Newer);
}

fn beside(version: Version) {
    let upstream = upstream(version);
    let mut around = Around::beside(&upstream);
    let amtool = Amtool::new(version, around.tidegate.address(), TOKEN);
    alerts_are_added_and_found(&amtool);
    what_it_says_of_itself(&amtool);

    let made =
        amtool.says(&["silence", "add", "--comment=on it", "--author=mallory", "--duration=1h", "service=checkout"]);
    let id = made.trim();
    let theirs = upstream.silences();
    assert_eq!((theirs[0]["id"].as_str(), &theirs[0]["createdBy"]), (Some(id), &json!("alice")), "{theirs:#?}");
    let ours = amtool.lists(&["silence", "query"]);
    assert_eq!(ours.len(), 1, "{ours:#?}");
    assert_eq!(ours[0]["matchers"], theirs[0]["matchers"]);
    assert_eq!(amtool.lists(&["silence", "query", "service=checkout"]).len(), 1);
    assert!(amtool.lists(&["silence", "query", "service=other"]).is_empty());
    assert_eq!(amtool.says(&["silence", "query", "--quiet"]).trim(), id);
    eventually("the alert is silenced", || {
        let active = amtool.lists(&["alert", "query"]);
        let silenced = amtool.lists(&["alert", "query", "--silenced"]);
        (active.is_empty() && names(&silenced) == BTreeSet::from(["QueueTooLong"])).then_some(())
    });
    let incident = around.tidegate.opened("queues");
    around.tidegate.told(&incident, "incident_held");

    amtool.says(&["silence", "update", "--duration=2h", "--comment=still on it", id]);
    let updated = amtool.lists(&["silence", "query"]);
    assert_eq!(updated[0]["comment"], "still on it");
    let id = updated[0]["id"].as_str().expect("an id");
    amtool.says(&["silence", "expire", id]);
    assert!(amtool.lists(&["silence", "query"]).is_empty());
    assert!(!amtool.lists(&["silence", "query", "--expired"]).is_empty());
    around.tidegate.told(&incident, "incident_released");

    let now = jiff::Timestamp::now();
    let silence = |service: &str| {
        json!({
            "matchers": [{ "name": "service", "value": service, "isRegex": false, "isEqual": true }],
            "startsAt": now.to_string(), "endsAt": (now + jiff::SignedDuration::from_hours(1)).to_string(),
            "createdBy": "somebody", "comment": "imported",
        })
    };
    amtool.write("silences.json", &json!([silence("a"), silence("b")]).to_string());
    amtool.says(&["silence", "import", "silences.json"]);
    let imported = amtool.lists(&["silence", "query"]);
    assert_eq!(imported.iter().filter(|silence| silence["createdBy"] == "alice").count(), 2, "{imported:#?}");

    // Who did what is in the journal.
    let events = around.tidegate.cli(&["journal", "export"]);
    let events = String::from_utf8_lossy(&events.stdout).into_owned();
    assert!(events.contains("still on it") && events.contains("imported") && !events.contains("mallory"), "{events}");

    let vera = Amtool::new(version, around.tidegate.address(), VERA);
    assert!(vera.refused(&["silence", "add", "--comment=why", "service=checkout"]).contains("403"));
    assert!(vera.refused(&["silence", "expire", imported[0]["id"].as_str().expect("an id")]).contains("403"));
    assert_eq!(upstream.silences().iter().filter(|silence| silence["status"]["state"] == "active").count(), 2);
    around.tidegate.stop_and_verify_journal();
}

#[test]
fn the_installed_one_with_an_upstream() {
    beside(Version::Installed);
}

#[test]
fn a_newer_one_with_an_upstream() {
    beside(Version::Newer);
}
