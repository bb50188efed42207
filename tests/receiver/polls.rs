//! What Alertmanager never delivers, and only tells whoever asks: alerts that were left out for length, and those that are
//! over while they are silenced.

use serde_json::json;

use super::{Scene, alert_called, alerts_of};
use crate::support::alertmanager::{Alertmanager, Config};
use crate::support::eventually;
use crate::support::version::Version;

/// A tidegate that looks every second at the Alertmanager that delivers to it, of which `change` is the config.
fn looking(version: Version, change: impl FnOnce(&mut Config)) -> (Scene, Alertmanager) {
    let mut scene = Scene::new();
    let mut config = Config { version, ..Config::for_tidegate(scene.tidegate.address()) };
    change(&mut config);
    let alertmanager = Alertmanager::run(&config);
    let known = "\n[alertmanager]\nurl = \"http://alertmanager\"\npoll_interval = \"1s\"\n";
    scene.configure(known, &[("alertmanager", alertmanager.address())]);
    scene.tidegate.run();
    (scene, alertmanager)
}

#[test]
fn alerts_that_were_left_out_are_fetched() {
    for version in Version::BOTH {
        let (mut scene, alertmanager) = looking(version, |config| {
            config.group_by = "[service]".to_owned();
            config.receivers[0].max_alerts = 2;
        });
        let five = ["A", "B", "C", "D", "E"];
        alertmanager.send(&json!({ "alertname": "Other", "service": "cart" }), true);
        alertmanager.send_all(&five.map(alert_called), true);
        let incident = scene.tidegate.opened("payments");
        let complete = eventually("all five are in it", || {
            let incident = scene.tidegate.incident(&incident);
            (alerts_of(&incident)[0] == five).then_some(incident)
        });
        assert_eq!(complete["labels"], json!({ "service": "checkout" }), "{complete}");
        let request = scene.tidegate.pending();
        assert_eq!(scene.tidegate.requests().len(), 1);

        // Alertmanager was asked at least once while it had them: what it never had may just not be there yet.
        let looks = || scene.tidegate.metric("tidegate_alertmanager_lookups_total", &of(&alertmanager));
        let so_far = looks();
        eventually("a look that began after all that", || (looks() >= so_far + 2.0).then_some(()));
        // Of the ends, too, at most two are delivered.
        alertmanager.send_all(&five.map(alert_called), false);
        assert_eq!(scene.tidegate.closed(&incident)["closed"]["reason"], "resolved");
        assert_eq!(scene.tidegate.incidents().len(), 2, "the other service's is its own");
        scene.has_withdrawn(&request);
    }
}

#[test]
fn what_is_over_while_it_is_silenced_closes_although_nobody_says_so() {
    for version in Version::BOTH {
        let (mut scene, alertmanager) = looking(version, |_| {});
        alertmanager.send(&alert_called("QueueTooLong"), true);
        let incident = scene.tidegate.opened("payments");
        let request = scene.tidegate.pending();
        alertmanager.silence("checkout");
        scene
            .tidegate
            .request_when(&request, "what is silenced is asked no more", |request| request["status"] == "withdrawn");
        assert_eq!(scene.tidegate.incident(&incident)["status"], "open");

        let so_far = scene.deliveries();
        alertmanager.send(&alert_called("QueueTooLong"), false);
        assert_eq!(scene.tidegate.closed(&incident)["closed"]["reason"], "resolved");
        assert_eq!(scene.deliveries(), so_far, "nothing was delivered");
        scene.has_withdrawn(&request);
    }
}

/// The labels of what is counted of looks at it that had an answer.
fn of(alertmanager: &Alertmanager) -> String {
    format!("alertmanager=\"http://{}\",result=\"ok\"", alertmanager.address())
}
