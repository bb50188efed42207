//! Several real Alertmanagers behind one tidegate: two of a cluster beside one apart, one that dies, one that is found by
//! its name.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::alertmanager::{Alertmanager, Config, alert};
use crate::support::amtool::Amtool;
use crate::support::eventually;
use crate::support::fake_prometheus::FakePrometheus;
use crate::support::tidegate::{SENDER_TOKEN, TOKEN, Tidegate};
use crate::support::version::Version;

const PROMETHEUS: &str = "\n[prometheus]\nurl = \"http://prometheus\"\n";

const THREE: &str = r#"
[alertmanager]
urls = ["http://one", "http://two", "http://apart"]
poll_interval = "1s"
"#;

/// One that delivers to nobody.
fn config(version: Version) -> Config {
    let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
    Config { version, receivers: Vec::new(), ..Config::for_tidegate(nobody) }
}

fn started(config: &str, around: &[(&str, SocketAddr)]) -> (Tidegate, FakePrometheus) {
    let prometheus = FakePrometheus::start();
    let around = [&[("prometheus", prometheus.address())][..], around].concat();
    (Tidegate::start(&format!("{PROMETHEUS}{config}"), &around), prometheus)
}

/// The silences that hold there, by id.
fn holding(alertmanager: &Alertmanager) -> BTreeSet<String> {
    let silences = alertmanager.silences().into_iter().filter(|silence| silence["status"]["state"] != "expired");
    silences.map(|silence| silence["id"].as_str().expect("an id").to_owned()).collect()
}

/// Sends an alert by way of tidegate.
fn send(tidegate: &Tidegate, name: &str) {
    let sender = tidegate.stranger().with_token(SENDER_TOKEN);
    let alert = alert(&json!({ "alertname": name, "service": "checkout" }), true);
    assert_eq!(sender.post("/api/v2/alerts", &json!([alert])).status, 200);
}

fn silenced_by(tidegate: &Tidegate, name: &str) -> Option<Vec<Value>> {
    let alerts = tidegate.get("/api/v2/alerts").good();
    let alert = alerts.as_array()?.iter().find(|alert| alert["labels"]["alertname"] == name)?;
    alert["status"]["silencedBy"].as_array().cloned()
}

fn check(tidegate: &Tidegate) -> (Option<i32>, String) {
    let output = tidegate.cli(&["check", "--connect"]);
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    (output.status.code(), said)
}

#[test]
fn a_silence_is_made_once_in_each_cluster_and_ends_in_all() {
    for version in Version::BOTH {
        let [mut one, two] = Alertmanager::cluster(&config(version));
        let apart = Alertmanager::run(&config(Version::Installed));
        let around = [("one", one.address()), ("two", two.address()), ("apart", apart.address())];
        let (tidegate, _prometheus) = started(THREE, &around);
        let (code, said) = check(&tidegate);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(said.matches(", one of a cluster of 2\n").count(), 2, "{said}");
        assert_eq!(said.matches(": ready, version 0.").count(), 3, "{said}");

        send(&tidegate, "QueueTooLong");
        for alertmanager in [&one, &two, &apart] {
            eventually("every one has the alert", || (alertmanager.alerts("QueueTooLong").len() == 1).then_some(()));
        }
        let amtool = Amtool::new(version, tidegate.address(), TOKEN);
        let silence = |comment: &str| {
            amtool.says(&["silence", "add", "--comment", comment, "service=checkout"]).trim().to_owned()
        };
        let id = silence("a deploy");
        let clustered = eventually("both of the cluster have it", || {
            let (first, second) = (holding(&one), holding(&two));
            (first.len() == 1 && first == second).then_some(first)
        });
        let lonely = holding(&apart);
        assert_eq!((lonely.len(), lonely.is_disjoint(&clustered)), (1, true), "{lonely:?} {clustered:?}");
        assert!(clustered.contains(&id) || lonely.contains(&id));
        // What any of them says counts, whoever of them answers.
        eventually("the alert is silenced by both", || {
            (silenced_by(&tidegate, "QueueTooLong")?.len() == 2).then_some(())
        });
        amtool.says(&["silence", "expire", &id]);
        for alertmanager in [&one, &two, &apart] {
            eventually("it has ended everywhere", || holding(alertmanager).is_empty().then_some(()));
        }

        // With one of the cluster gone, the other makes it.
        one.kill();
        silence("another");
        assert_eq!((holding(&two).len(), holding(&apart).len()), (1, 1));
        let (code, said) = check(&tidegate);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(&format!("Alertmanager at http://{}: cannot connect", one.address())), "{said}");
        assert_eq!(said.matches(": ready, version 0.").count(), 2, "{said}");
    }
}

#[test]
fn what_one_of_two_apart_holds_back_is_held_back() {
    let (mut one, other) = (Alertmanager::run(&config(Version::Installed)), Alertmanager::run(&config(Version::Newer)));
    let three = THREE.replace("\"http://two\", ", "");
    let (tidegate, _prometheus) = started(&three, &[("one", one.address()), ("apart", other.address())]);
    send(&tidegate, "QueueTooLong");
    eventually("both have the alert", || {
        (one.alerts("QueueTooLong").len() + other.alerts("QueueTooLong").len() == 2).then_some(())
    });
    let id = other.silence("checkout");
    eventually("it is silenced", || (silenced_by(&tidegate, "QueueTooLong")? == [json!(id)]).then_some(()));
    one.kill();
    let looked = |told: &str| {
        let silenced_by = silenced_by(&tidegate, "QueueTooLong")?;
        assert_eq!(silenced_by, [json!(id)], "whoever of them answers");
        tidegate.log().contains(told).then_some(())
    };
    eventually("the one that is gone was missed", || looked("an Alertmanager cannot be asked"));
    one.start_again();
    eventually("it is back", || looked("an Alertmanager can be asked again"));
    let log = tidegate.log();
    assert_eq!(log.matches("an Alertmanager cannot be asked").count(), 1, "told once: {log}");
}

#[test]
fn one_is_found_by_its_name() {
    let alertmanager = Alertmanager::run(&config(Version::Installed));
    let port = alertmanager.address().port();
    let config = format!(
        "[alertmanager]\npoll_interval = \"1s\"\n\
         dns_sd = {{ names = [\"localhost\", \"gone.invalid\"], type = \"A\", port = {port}, refresh_interval = \"1s\" }}\n"
    );
    let (tidegate, _prometheus) = started(&config, &[]);
    send(&tidegate, "QueueTooLong");
    eventually("it has the alert", || (alertmanager.alerts("QueueTooLong").len() == 1).then_some(()));
    eventually("it is listed", || silenced_by(&tidegate, "QueueTooLong"));
    let log = tidegate.log();
    assert!(log.contains(&format!("http://localhost:{port} (127.0.0.1)")), "{log}");
    assert_eq!(log.matches("cannot be looked up").count(), 1, "the other name is told of once: {log}");
    let (code, said) = check(&tidegate);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("Alertmanager at http://localhost:{port} (127.0.0.1): ready")), "{said}");
}
