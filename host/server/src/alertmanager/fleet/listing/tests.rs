//! What several of them list, as one list.

use serde_json::{Value, json};
use tidegate_domain::decide::HANDLING;

use super::*;

fn alert(fingerprint: &str, more: Value) -> ListedAlert {
    let mut alert = json!({
        "fingerprint": fingerprint,
        "labels": { "alertname": "A", "id": fingerprint },
        "updatedAt": "2026-11-22T09:37:10.5Z",
        "status": { "state": "active", "silencedBy": [], "inhibitedBy": [] },
    });
    for (key, value) in more.as_object().unwrap() {
        alert[key] = value.clone();
    }
    serde_json::from_value(alert).unwrap()
}

fn listing(alerts: impl IntoIterator<Item = ListedAlert>) -> Listing {
    Listing { alerts: merged(alerts), whole: true, up: None }
}

fn silence(listing: &Listing, fingerprints: &[&str]) -> Silence {
    let own = BTreeSet::from(["own".to_owned()]);
    listing.silence_of(&fingerprints.iter().map(|fingerprint| (*fingerprint).to_owned()).collect(), &own)
}

#[test]
fn what_holds_an_alert_back_is_named() {
    let captured: Vec<ListedAlert> =
        serde_json::from_str(include_str!("../../testdata/am-0.33.1-alerts-get-silenced.json")).unwrap();
    let by = Silence::By("silence 102ca2d3-df82-437b-84f4-8dfbc7bedc02".to_owned());
    assert_eq!(silence(&listing(captured), &["x", "fc1fcaeebfeb4440"]), by);
    for (status, expected) in [
        (json!({ "state": "active", "silencedBy": [], "inhibitedBy": [] }), None),
        (json!({ "state": "active", "silencedBy": null, "inhibitedBy": null, "mutedBy": null }), None),
        (json!({ "mutedBy": ["nights"] }), Some("muted by nights")),
        (json!({ "inhibitedBy": ["page"], "mutedBy": ["nights"] }), Some("inhibited by alert page (Down)")),
        (json!({ "inhibitedBy": ["unlisted"] }), Some("inhibited by alert unlisted")),
        (json!({ "inhibitedBy": ["own"] }), None),
        (json!({ "inhibitedBy": ["own", "page"] }), Some("inhibited by alert page (Down)")),
        (json!({ "inhibitedBy": ["own"], "silencedBy": ["s"] }), Some("silence s")),
        (json!({ "silencedBy": ["t", "s"] }), Some("silence s")),
        (json!({ "inhibitedBy": ["foreign"] }), Some("inhibited by alert foreign (TidegateHandling)")),
        (json!({ "inhibitedBy": ["own", "foreign"] }), Some("inhibited by alert foreign (TidegateHandling)")),
    ] {
        let listing = listing([
            alert("a", json!({ "status": status })),
            alert("own", json!({ "labels": { "alertname": HANDLING } })),
            alert("foreign", json!({ "labels": { "alertname": HANDLING } })),
            alert("page", json!({ "labels": { "alertname": "Down" } })),
        ]);
        let expected = expected.map_or(Silence::None, |by| Silence::By(by.to_owned()));
        assert_eq!(silence(&listing, &["a"]), expected, "{status}");
        assert_eq!(silence(&listing, &[]), Silence::None, "empty means nothing");
    }
}

#[test]
fn one_alert_of_an_incident_does_not_hold_back_the_others() {
    let inhibited = |by: &str| json!({ "status": { "state": "suppressed", "inhibitedBy": [by] } });
    let group = listing([alert("critical", json!({})), alert("warning", inhibited("critical"))]);
    assert_eq!(silence(&group, &["critical", "warning"]), Silence::None);
    let by_itself = silence(&group, &["warning"]);
    assert_eq!(by_itself, Silence::By("inhibited by alert critical (A)".to_owned()), "an incident of its own is held");
    let group = listing([alert("critical", inhibited("cluster")), alert("warning", inhibited("critical"))]);
    assert_eq!(silence(&group, &["critical", "warning"]), Silence::By("inhibited by alert cluster".to_owned()));
}

#[test]
fn an_alert_of_several_is_one_and_held_back_by_what_any_of_them_says() {
    let older = json!({
        "annotations": { "summary": "old" },
        "receivers": [{ "name": "a" }, { "name": "b" }],
        "status": { "state": "suppressed", "silencedBy": ["s1"], "inhibitedBy": ["x"] },
    });
    let newer = json!({
        "annotations": { "summary": "new" },
        "receivers": [{ "name": "b" }, { "name": "c" }],
        "updatedAt": "2026-11-22T09:37:10.51Z",
        "status": { "state": "active", "silencedBy": ["s2", "s1"], "inhibitedBy": [], "mutedBy": ["m"] },
    });
    for both in [[older.clone(), newer.clone()], [newer, older]] {
        let listing = listing(both.map(|alert_of| alert("a", alert_of)).into_iter().chain([alert("b", json!({}))]));
        assert_eq!(listing.alerts.len(), 2);
        let one = serde_json::to_value(&listing.alerts["a"]).unwrap();
        assert_eq!(one["annotations"]["summary"], "new");
        let mut receivers: Vec<_> = one["receivers"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
        receivers.sort_by_key(|name| name.to_string());
        assert_eq!(receivers, ["a", "b", "c"]);
        assert_eq!(one["status"]["state"], "suppressed");
        assert_eq!(one["status"]["silencedBy"], json!(["s2", "s1"]));
        assert_eq!((&one["status"]["inhibitedBy"], &one["status"]["mutedBy"]), (&json!(["x"]), &json!(["m"])));
    }
}

#[test]
fn an_alert_is_written_as_it_was_read() {
    let text = include_str!("../../testdata/am-0.33.1-alerts-get-silenced.json");
    let read: Vec<ListedAlert> = serde_json::from_str(text).unwrap();
    let mut expected: Value = serde_json::from_str(text).unwrap();
    expected[0]["generatorURL"] = "".into();
    assert_eq!(serde_json::to_value(read).unwrap(), expected);
}

#[test]
fn groups_are_put_together_by_labels_and_receiver() {
    let group = |receiver: &str, alerts: &[&str]| ListedGroup {
        labels: Labels::new([("service", "a")]),
        receiver: Receiver { name: receiver.to_owned() },
        alerts: alerts.iter().map(|fingerprint| alert(fingerprint, json!({}))).collect(),
    };
    let groups = merged_groups([group("hook", &["1", "2"]), group("mail", &["1"]), group("hook", &["3", "2"])]);
    let shape = |group: &ListedGroup| {
        let alerts: Vec<_> = group.alerts.iter().map(|alert| alert.fingerprint.clone()).collect();
        (group.receiver.name.clone(), alerts.join(" "))
    };
    let shapes: Vec<_> = groups.iter().map(shape).collect();
    assert_eq!(shapes, [("hook".to_owned(), "1 2 3".to_owned()), ("mail".to_owned(), "1".to_owned())]);
}

#[test]
fn a_list_is_whole_where_all_have_run_for_long_enough() {
    for (ups, least, whole) in [
        (vec![Some(150)], Some(150), true),
        (vec![Some(9000), Some(149)], Some(149), false),
        (vec![Some(9000), None], None, false),
        (Vec::new(), None, false),
    ] {
        let up = |seconds: Option<u64>| seconds.map(Duration::from_secs);
        let seen = ups.into_iter().map(|seconds| Seen { alerts: Vec::new(), up: up(seconds) }).collect();
        let listing = Listing::of(seen);
        assert_eq!((listing.up, listing.whole), (up(least), whole));
    }
}
