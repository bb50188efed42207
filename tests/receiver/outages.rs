//! Alertmanager, the network, the host or its disk are gone for a while. Nothing is lost, and nothing is asked twice.

use sqlx::{Connection as _, SqliteConnection};

use super::{Scene, alert_called};
use crate::support::alertmanager::{Alertmanager, Config};
use crate::support::eventually;
use crate::support::proxy::Proxy;
use crate::support::version::Version;

/// Deliveries that failed, as Alertmanager counts them; it tries again after more than half a second.
fn has_failed(alertmanager: &Alertmanager, more: f64) {
    let failed = || alertmanager.metric("alertmanager_notification_requests_failed_total");
    let so_far = failed();
    eventually("deliveries fail", || Some(failed()).filter(|count| *count >= so_far + more));
}

#[test]
fn an_alertmanager_that_was_killed_tells_the_same_again() {
    for version in Version::BOTH {
        let mut scene = Scene::start();
        let config = Config::for_tidegate(scene.tidegate.address());
        let mut alertmanager = Alertmanager::run(&Config { version, ..config });
        let alert = alert_called("QueueTooLong");
        alertmanager.send(&alert, true);
        let incident = scene.tidegate.opened("payments");
        let request = scene.tidegate.pending();
        // What it has delivered it forgets when it is killed, and its alerts in any case.
        for killed in [true, false] {
            if killed {
                alertmanager.kill()
            } else {
                alertmanager.terminate()
            }
            alertmanager.start_again();
            assert!(alertmanager.alerts("QueueTooLong").is_empty());
            // Prometheus sends it again.
            let so_far = scene.deliveries();
            alertmanager.send(&alert, true);
            if killed {
                scene.reaches_deliveries(so_far + 1.0);
            }
            scene.has_asked_once(&incident, &request);
        }
        alertmanager.send(&alert, false);
        assert_eq!(scene.tidegate.closed(&incident)["closed"]["reason"], "resolved");
        scene.has_withdrawn(&request);
    }
}

#[test]
fn what_happens_while_the_network_is_down_is_delivered_when_it_is_up() {
    for version in Version::BOTH {
        let mut scene = Scene::start();
        let network = Proxy::to(scene.tidegate.address());
        let alertmanager = Alertmanager::run(&Config { version, ..Config::for_tidegate(network.address()) });
        let alert = alert_called("QueueTooLong");
        network.down();
        alertmanager.send(&alert, true);
        has_failed(&alertmanager, 3.0);
        assert!(scene.tidegate.incidents().is_empty());
        network.up();
        let incident = scene.tidegate.opened("payments");
        let request = scene.tidegate.pending();

        network.down();
        alertmanager.send(&alert, false);
        has_failed(&alertmanager, 2.0);
        scene.has_asked_once(&incident, &request);
        network.up();
        assert_eq!(scene.tidegate.closed(&incident)["closed"]["reason"], "resolved");
        scene.has_withdrawn(&request);
    }
}

#[test]
fn a_host_that_was_killed_gets_what_it_has_missed() {
    let mut scene = Scene::start();
    let alertmanager = Alertmanager::start(scene.tidegate.address());
    alertmanager.send(&alert_called("QueueTooLong"), true);
    let incident = scene.tidegate.opened("payments");
    let request = scene.tidegate.pending();
    scene.tidegate.kill();
    alertmanager.send(&alert_called("QueueTooLong"), false);
    alertmanager.send(&alert_called("DiskFull"), true);
    has_failed(&alertmanager, 2.0);
    scene.tidegate.run();
    assert_eq!(scene.tidegate.closed(&incident)["closed"]["reason"], "resolved");
    scene.tidegate.request_when(&request, "the request is withdrawn", |request| request["status"] == "withdrawn");
    let other = scene.tidegate.opened("payments");
    assert_eq!(other["labels"], alert_called("DiskFull"));
    assert_eq!(scene.tidegate.incidents().len(), 2);
    scene.tidegate.stop_and_verify_journal();
}

#[test]
fn what_the_journal_cannot_take_is_not_answered_as_taken() {
    let mut scene = Scene::start();
    let alertmanager = Alertmanager::start(scene.tidegate.address());
    // Another process that writes and does not come to an end, such as a backup that was done wrong.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let file = scene.tidegate.file("data/journal.db");
    let mut other = runtime
        .block_on(SqliteConnection::connect(&format!("sqlite:{}", file.display())))
        .expect("a journal in SQLite");
    runtime.block_on(sqlx::query("BEGIN IMMEDIATE").execute(&mut other)).expect("nobody else writes");

    alertmanager.send(&alert_called("QueueTooLong"), true);
    scene.tidegate.reaches("tidegate_webhook_deliveries_total", r#"result="failed""#, 1.0);
    has_failed(&alertmanager, 1.0);
    let log = alertmanager.log();
    assert!(log.contains("unexpected status code 503"), "{log}");
    assert!(scene.tidegate.incidents().is_empty(), "what is not durable has not happened");
    runtime.block_on(sqlx::query("ROLLBACK").execute(&mut other)).expect("nothing was written");
    runtime.block_on(other.close()).expect("it is closed");

    let incident = scene.tidegate.opened("payments");
    let request = scene.tidegate.pending();
    scene.has_asked_once(&incident, &request);
    alertmanager.send(&alert_called("QueueTooLong"), false);
    scene.tidegate.closed(&incident);
    scene.has_withdrawn(&request);
}
