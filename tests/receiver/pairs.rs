//! Two Alertmanagers with the same alerts, whether they know each other or not: one incident, one question.

use serde_json::json;

use super::{Scene, alert_called};
use crate::support::alertmanager::{Alertmanager, Config, alert};
use crate::support::eventually;
use crate::support::version::Version;

/// Prometheus sends the same to both.
fn send(both: &[Alertmanager; 2], alertname: &str) {
    let same = json!([alert(&alert_called(alertname), true)]);
    both.iter().for_each(|one| assert_eq!(one.post("/api/v2/alerts", &same).status, 200));
}

#[test]
fn two_that_do_not_know_each_other_are_one() {
    for versions in [Version::BOTH, [Version::Newer; 2]] {
        let mut scene = Scene::start();
        let config = Config::for_tidegate(scene.tidegate.address());
        let both = versions.map(|version| Alertmanager::run(&Config { version, ..config.clone() }));
        send(&both, "QueueTooLong");
        scene.reaches_deliveries(2.0);
        let incident = scene.tidegate.opened("payments");
        let request = scene.tidegate.pending();
        scene.has_asked_once(&incident, &request);

        // The one that is first to say so has seen it end; the other's word comes when it is no news.
        both[0].send(&alert_called("QueueTooLong"), false);
        assert_eq!(scene.tidegate.closed(&incident)["closed"]["reason"], "resolved");
        let so_far = scene.deliveries();
        both[1].send(&alert_called("QueueTooLong"), false);
        scene.reaches_deliveries(so_far + 1.0);
        assert_eq!(scene.tidegate.incidents().len(), 1);
        scene.has_withdrawn(&request);
    }
}

#[test]
fn a_cluster_is_one_and_goes_on_when_one_of_it_dies() {
    for version in Version::BOTH {
        let mut scene = Scene::start();
        let config = Config { version, ..Config::for_tidegate(scene.tidegate.address()) };
        let mut both = Alertmanager::cluster(&config);
        send(&both, "QueueTooLong");
        let incident = scene.tidegate.opened("payments");
        let request = scene.tidegate.pending();
        both[0].kill();
        // The other tells of what comes, and of the end of what came before.
        both[1].send(&alert_called("DiskFull"), true);
        eventually("the second alert is told of", || (scene.tidegate.incidents().len() == 2).then_some(()));
        both[1].send(&alert_called("QueueTooLong"), false);
        assert_eq!(scene.tidegate.closed(&incident)["closed"]["reason"], "resolved");
        assert_eq!(scene.tidegate.incidents().len(), 2);
        scene.has_withdrawn(&request);
    }
}
