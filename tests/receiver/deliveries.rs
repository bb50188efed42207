//! What a delivery says, delivered by Alertmanager itself.

use serde_json::{Value, json};

use super::{Scene, alert_called, alerts_of};
use crate::support::alertmanager::{Alertmanager, Config, alert};
use crate::support::eventually;
use crate::support::version::Version;

#[test]
fn an_alert_that_is_told_again_and_again_is_asked_about_once() {
    for version in Version::BOTH {
        let mut scene = Scene::start();
        let repeating = "1s".to_owned();
        let config = Config::for_tidegate(scene.tidegate.address());
        let alertmanager = Alertmanager::run(&Config { version, repeat_interval: repeating, ..config });
        alertmanager.send(&alert_called("QueueTooLong"), true);
        let incident = scene.tidegate.opened("payments");
        let request = scene.tidegate.pending();
        scene.tidegate.told(&incident, "request_announced");
        let told = scene.tidegate.timeline(&incident);
        scene.reaches_deliveries(4.0);
        scene.has_asked_once(&incident, &request);
        assert_eq!(scene.tidegate.timeline(&incident), told, "nothing has happened");

        alertmanager.send(&alert_called("QueueTooLong"), false);
        assert_eq!(scene.tidegate.closed(&incident)["closed"]["reason"], "resolved");
        scene.has_withdrawn(&request);
    }
}

#[test]
fn a_group_of_which_some_fire_and_some_are_over_is_one_incident() {
    for version in Version::BOTH {
        let mut scene = Scene::start();
        let config = Config::for_tidegate(scene.tidegate.address());
        let alertmanager = Alertmanager::run(&Config { version, group_by: "[service]".to_owned(), ..config });
        let both = ["A", "B"].map(alert_called);
        alertmanager.send_all(&both, true);
        let incident = scene.tidegate.opened("payments");
        let request = scene.tidegate.pending();
        let when = |what: &str, firing: &[&str], over: &[&str]| {
            eventually(what, || (alerts_of(&scene.tidegate.incident(&incident)) == [firing, over]).then_some(()))
        };
        when("both are in it", &["A", "B"], &[]);

        // One request, so one delivery has one that is over beside two that fire.
        let mixed = json!([alert(&alert_called("A"), false), alert(&alert_called("C"), true)]);
        assert_eq!(alertmanager.post("/api/v2/alerts", &mixed).status, 200);
        when("one is over and another has come", &["B", "C"], &["A"]);
        alertmanager.send(&alert_called("B"), false);
        when("another one is over", &["C"], &["A", "B"]);
        scene.has_asked_once(&incident, &request);

        // It begins anew: what has begun before its end is a copy that comes late.
        let anew = jiff::Timestamp::now();
        let since_anew = |firing: bool| {
            let mut again = alert(&alert_called("A"), firing);
            again["startsAt"] = anew.to_string().into();
            again
        };
        assert_eq!(alertmanager.post("/api/v2/alerts", &json!([since_anew(true)])).status, 200);
        when("one has come back", &["A", "C"], &["B"]);
        let ends = json!([since_anew(false), alert(&alert_called("C"), false)]);
        assert_eq!(alertmanager.post("/api/v2/alerts", &ends).status, 200);
        assert_eq!(scene.tidegate.closed(&incident)["closed"]["reason"], "resolved");
        scene.has_withdrawn(&request);
    }
}

#[test]
fn alerts_need_no_name_and_labels_may_be_called_anything() {
    let mut scene = Scene::start();
    let config = Config::for_tidegate(scene.tidegate.address());
    let config = Config { group_by: "['...']".to_owned(), ..config };
    let newer = Alertmanager::run(&Config { version: Version::Newer, ..config.clone() });
    let nameless = json!({ "service": "checkout", "severity": "page" });
    for alertmanager in [&newer, &Alertmanager::run(&config)] {
        alertmanager.send(&nameless, true);
        let incident = scene.tidegate.opened("payments");
        assert_eq!(incident["labels"], nameless);
        assert_eq!(incident["alerts"].as_array().map(Vec::len), Some(1), "{incident}");
        let request = scene.tidegate.pending();
        assert_eq!(request["action"]["target"], json!({ "service": "checkout" }));
        alertmanager.send(&nameless, false);
        scene.tidegate.closed(&incident);
    }

    let odd = json!({ "service": "cart", "größe": "größer als \"früher\"", "http.status": "503", "": "\n" });
    let refused = newer.post("/api/v2/alerts", &json!([alert(&odd, true)]));
    assert_eq!(refused.status, 400, "a label needs a name: {refused:?}");
    let odd =
        json!({ "service": "cart", "größe": "größer als \"früher\"\n{}", "http.status": "503", "a b,c=\"d\"": "𝄞" });
    newer.send(&odd, true);
    let incident = scene.tidegate.opened("statuses");
    assert_eq!(incident["labels"], odd);
    newer.send(&odd, false);
    assert_eq!(scene.tidegate.closed(&incident)["closed"]["reason"], "resolved");
    scene.tidegate.stop_and_verify_journal();
}

#[test]
fn what_is_about_alerting_itself_is_in_no_incident() {
    let mut scene = Scene::start();
    let config = Config::for_tidegate(scene.tidegate.address());
    let alertmanager = Alertmanager::run(&Config { group_by: "[service]".to_owned(), ..config });
    let own = ["Watchdog", "InfoInhibitor", "TidegateAnomaly", "TidegateHandling", "TidegateRequestUndelivered"]
        .map(alert_called);
    alertmanager.send_all(&own, true);
    scene.reaches_deliveries(1.0);
    assert_eq!(scene.tidegate.incidents(), Vec::<Value>::new());

    // In one group with something real.
    alertmanager.send(&alert_called("QueueTooLong"), true);
    let incident = scene.tidegate.opened("payments");
    assert_eq!(alerts_of(&incident), [vec!["QueueTooLong".to_owned()], vec![]]);
    let request = scene.tidegate.pending();
    alertmanager.send(&alert_called("QueueTooLong"), false);
    assert_eq!(scene.tidegate.closed(&incident)["closed"]["reason"], "resolved", "the others go on");
    assert_eq!(scene.tidegate.incidents().len(), 1);
    scene.has_withdrawn(&request);
}

#[test]
fn one_bad_alert_among_fifty_costs_none_of_the_others() {
    for version in Version::BOTH {
        let mut scene = Scene::start();
        let config = Config::for_tidegate(scene.tidegate.address());
        let alertmanager = Alertmanager::run(&Config { version, group_by: "[service]".to_owned(), ..config });
        let named = |n: u32| {
            let labels = json!({ "alertname": format!("Alert{n:02}"), "service": "checkout" });
            alert(if n == 25 { &Value::Null } else { &labels }, true)
        };
        let mut fifty: Vec<Value> = (0..50).map(named).collect();
        fifty[25]["labels"] = json!({});
        assert_eq!(alertmanager.post("/api/v2/alerts", &Value::from(fifty)).status, 400);
        let incident = scene.tidegate.opened("payments");
        let good: Vec<String> = (0..50).filter(|n| *n != 25).map(|n| format!("Alert{n:02}")).collect();
        eventually("the other forty-nine are in it", || {
            (alerts_of(&scene.tidegate.incident(&incident))[0] == good).then_some(())
        });
        scene.tidegate.stop_and_verify_journal();
    }
}
