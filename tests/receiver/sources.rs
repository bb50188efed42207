//! From a metric to an incident through real programs of one age: Prometheus, which alerts, and Alertmanager.

use serde_json::json;

use super::Scene;
use crate::support::alertmanager::{Alertmanager, Config};
use crate::support::eventually;
use crate::support::prometheus::{self, Prometheus};
use crate::support::target::NORMAL;
use crate::support::tidegate::SENDER_TOKEN;
use crate::support::version::Version;

#[test]
fn what_prometheus_alerts_about_is_asked_about_and_closes_when_it_is_well_again() {
    for version in Version::BOTH {
        let mut scene = Scene::start();
        let config = Config::for_tidegate(scene.tidegate.address());
        let alertmanager = Alertmanager::run(&Config { version, ..config });
        let rule = "{ alert: QueueTooLong, expr: 'queue_length > 100', \
                      labels: { severity: page, team: 'größer' }, annotations: { summary: '{{ $value }} wait' } }";
        let rules = prometheus::Config { version, rules: vec![rule.to_owned()], ..prometheus::Config::default() };
        let _prometheus = Prometheus::run(&scene.target, &rules.alerting(alertmanager.address()));

        scene.target.set_queue("checkout", 500.0);
        let incident = scene.tidegate.opened("payments");
        let labels = json!({
            "alertname": "QueueTooLong", "service": "checkout", "instance": "one", "job": "target",
            "severity": "page", "team": "größer",
        });
        assert_eq!(incident["labels"], labels);
        let summary = incident["alerts"][0]["annotations"]["summary"].as_str().expect("a summary");
        assert!(summary.starts_with("50") && summary.ends_with("wait"), "{summary}");
        let request = scene.tidegate.pending();
        assert_eq!(request["action"]["target"], json!({ "service": "checkout" }));

        scene.target.set_queue("checkout", NORMAL);
        assert_eq!(scene.tidegate.closed(&incident)["closed"]["reason"], "resolved");
        scene.has_withdrawn(&request);
    }
}

#[test]
fn one_alert_that_comes_by_two_ways_is_one_incident() {
    for version in Version::BOTH {
        let mut scene = Scene::new();
        let config = Config::for_tidegate(scene.tidegate.address());
        let alertmanager = Alertmanager::run(&Config { version, ..config });
        let known = "\n[alertmanager]\nurl = \"http://alertmanager\"\npoll_interval = \"1s\"\n";
        scene.configure(known, &[("alertmanager", alertmanager.address())]);
        scene.tidegate.run();

        // Prometheus tells Alertmanager, which delivers it, and the host, which passes it on to Alertmanager again.
        let rule = "{ alert: QueueTooLong, expr: 'queue_length > 100' }".to_owned();
        let rules = prometheus::Config { version, rules: vec![rule], ..prometheus::Config::default() };
        let mut rules = rules.alerting(alertmanager.address());
        rules.alertmanagers.push(format!(
            "{{ static_configs: [{{ targets: ['{}'] }}], authorization: {{ credentials: {SENDER_TOKEN} }} }}",
            scene.tidegate.address()
        ));
        let _prometheus = Prometheus::run(&scene.target, &rules);
        scene.target.set_queue("checkout", 500.0);
        let incident = scene.tidegate.opened("payments");
        let request = scene.tidegate.pending();
        let by_api = || scene.tidegate.metric("tidegate_alerts_received_total", r#"via="api",status="firing""#) > 0.0;
        eventually("it has come both ways", || (by_api() && scene.deliveries() > 0.0).then_some(()));
        scene.has_asked_once(&incident, &request);
        assert_eq!(alertmanager.alerts("QueueTooLong").len(), 1);

        scene.target.set_queue("checkout", NORMAL);
        assert_eq!(scene.tidegate.closed(&incident)["closed"]["reason"], "resolved");
        assert_eq!(scene.tidegate.incidents().len(), 1);
        scene.has_withdrawn(&request);
    }
}
