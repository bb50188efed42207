//! The page waits while a repair is carried out, by the inhibit rule that the docs give, and goes out when that comes to nothing.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::alertmanager::{Alertmanager, Config, Webhook};
use crate::support::fake_prometheus::FakePrometheus;
use crate::support::listener::{Listener, Reply};
use crate::support::target::{Conduct, Target};
use crate::support::tidegate::Tidegate;
use crate::support::{eventually, free_address};

/// As in docs/alertmanager.md, on one line; the other rule is somebody's own.
const INHIBIT: &str = r#"[
    { source_matchers: ['alertname="TidegateHandling"', 'service!=""'], target_matchers: ['severity="page"'], equal: [service] },
    { source_matchers: ['alertname="DatacenterDown"'], target_matchers: ['severity="page"'], equal: [zone] }]"#;

const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[alertmanager]
url = "http://alertmanager"
poll_interval = "1s"

[[alert_route]]
name = "payments"
match = ['alertname="QueueTooLong"']
remediation = { guest = "runbook", settings = { rules = [{ action = "restart" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "low"
timeout = "5m"
verify = { settle = "0s", within = "1m", healthy_for = 1 }
"#;

/// Everything that takes part.
struct Scene {
    tidegate: Tidegate,
    alertmanager: Alertmanager,
    target: Target,
    pager: Pager,
    _prometheus: FakePrometheus,
}

/// Who is paged, and about what.
struct Pager {
    _listener: Listener,
    pages: Arc<Mutex<Vec<Value>>>,
}

impl Pager {
    fn start() -> (Pager, Webhook) {
        let pages = Arc::<Mutex<Vec<Value>>>::default();
        let taken = pages.clone();
        let listener = Listener::open(free_address(), move |call| {
            let delivery: Value = serde_json::from_slice(&call.body).expect("JSON");
            let firing = delivery["alerts"].as_array().expect("alerts").iter();
            let firing = firing.filter(|alert| alert["status"] == "firing").map(|alert| alert["labels"].clone());
            taken.lock().expect("no panic").extend(firing);
            Reply::text(200, "")
        });
        let url = format!("http://{}/", listener.address());
        let webhook = Webhook { name: "pager".to_owned(), url, http_config: String::new(), max_alerts: 0 };
        (Pager { _listener: listener, pages }, webhook)
    }

    fn was_told(&self, alertname: &str, service: &str) -> bool {
        let pages = self.pages.lock().expect("no panic");
        pages.iter().any(|labels| labels["alertname"] == alertname && labels["service"] == service)
    }

    fn is_told(&self, alertname: &str, service: &str) {
        eventually(&format!("somebody is paged about {alertname} of {service}"), || {
            self.was_told(alertname, service).then_some(())
        });
    }
}

fn page(alertname: &str, service: &str) -> Value {
    json!({ "alertname": alertname, "service": service, "severity": "page", "zone": "a" })
}

impl Scene {
    fn start() -> Scene {
        Scene::start_with(CONFIG)
    }

    fn start_with(tidegates: &str) -> Scene {
        let (prometheus, target) = (FakePrometheus::start(), Target::start());
        let (pager, webhook) = Pager::start();
        let mut tidegate = Tidegate::new();
        let mut config = Config::for_tidegate(tidegate.address());
        config.receivers.push(webhook);
        config.inhibit_rules = INHIBIT.replace('\n', " ");
        let alertmanager = Alertmanager::run(&config);
        let around = [
            ("prometheus", prometheus.address()),
            ("alertmanager", alertmanager.address()),
            ("target", target.address()),
        ];
        tidegate.configure(tidegates, &around);
        tidegate.run();
        Scene { tidegate, alertmanager, target, pager, _prometheus: prometheus }
    }

    /// An alert that pages, the approval of its repair, and the repair, which does not come to its end by itself.
    fn repair(&self) -> (Value, Value) {
        self.target.on_repair(Conduct::Hang);
        self.alertmanager.send(&page("QueueTooLong", "checkout"), true);
        let incident = self.tidegate.opened("payments");
        let request = self.tidegate.pending();
        self.tidegate.approve(&request).good();
        eventually("the action runs", || (self.target.repairs().len() == 1).then_some(()));
        (incident, request)
    }

    /// What the repair stirs up pages nobody; what has nothing to do with it does.
    fn stirs_up(&self) {
        self.alertmanager.send(&page("InstanceDown", "checkout"), true);
        eventually("the page is held back", || {
            let alert = self.alertmanager.alerts("InstanceDown").pop()?;
            (alert["status"]["state"] == "suppressed").then_some(())
        });
        self.alertmanager.send(&page("InstanceDown", "billing"), true);
        self.pager.is_told("InstanceDown", "billing");
        assert!(!self.pager.was_told("InstanceDown", "checkout"));
    }

    fn handling(&self) -> Option<Value> {
        let mut alerts = self.alertmanager.alerts("TidegateHandling");
        assert!(alerts.len() <= 1, "{alerts:?}");
        alerts.pop()
    }

    fn handles_nothing(&self) {
        eventually("nothing is handled", || self.handling().is_none().then_some(()));
    }
}

/// For how long an alert stands without another word, in seconds.
fn stands_for(alert: &Value) -> i64 {
    let at = |key: &str| alert[key].as_str().expect("a time").parse::<jiff::Timestamp>().expect("RFC 3339").as_second();
    at("endsAt") - at("updatedAt")
}

#[test]
fn the_page_waits_for_the_repair_and_goes_out_when_it_fails() {
    let mut scene = Scene::start();
    let (incident, request) = scene.repair();
    // It was there before the action ran.
    let alert = scene.handling().expect("it stands");
    let expected = json!({
        "alertname": "TidegateHandling", "handled_alertname": "QueueTooLong", "severity": "none",
        "service": "checkout", "zone": "a", "incident": incident["id"], "request": request["id"],
    });
    assert_eq!(alert["labels"], expected);
    assert!((230..=240).contains(&stands_for(&alert)), "{alert}");
    let told = alert["annotations"]["description"].as_str().expect("a description");
    assert!(told.contains("approved by alice"), "{told}");
    scene.stirs_up();
    // The alert that is seen to is held back by the host's own word, which stands in nobody's way.
    let page = scene.alertmanager.alerts("QueueTooLong").pop().expect("it fires");
    assert_eq!(page["status"]["inhibitedBy"], json!([alert["fingerprint"]]));

    scene.target.on_repair(Conduct::Fail);
    scene.tidegate.request_when(&request, "the repair fails", |r| r["execution"]["outcome"] == "failed");
    scene.handles_nothing();
    scene.pager.is_told("InstanceDown", "checkout");
    let timeline = scene.tidegate.timeline(&incident);
    assert!(!timeline.iter().any(|kind| kind == "incident_held" || kind == "execution_refused"), "{timeline:?}");
    scene.tidegate.stop_and_verify_journal();
}

#[test]
fn the_page_goes_out_when_the_host_dies_and_does_not_know_what_became_of_the_repair() {
    let mut scene = Scene::start();
    let (_, request) = scene.repair();
    scene.stirs_up();
    scene.tidegate.kill();
    // Nobody is there to say anything: it goes by itself.
    let alert = scene.handling().expect("it stands");
    assert!(stands_for(&alert) <= 240, "{alert}");
    assert!(!scene.pager.was_told("InstanceDown", "checkout"));
    // Or when there is somebody again, who does not know either.
    scene.tidegate.run();
    scene.tidegate.request_when(&request, "it is not known", |r| r["execution"]["outcome"] == "unknown");
    scene.handles_nothing();
    scene.pager.is_told("InstanceDown", "checkout");
    scene.tidegate.stop_and_verify_journal();
}

#[test]
fn it_goes_on_after_a_restart_to_the_end_of_verification() {
    let mut scene = Scene::start();
    scene.target.on_repair(Conduct::Nothing);
    scene.alertmanager.send(&page("QueueTooLong", "checkout"), true);
    let incident = scene.tidegate.opened("payments");
    let request = scene.tidegate.pending();
    scene.tidegate.approve(&request).good();
    scene.tidegate.request_when(&request, "the action ends", |r| r["execution"]["outcome"] == "succeeded");
    // The alert is sent beside the action, and may come after its end.
    eventually("it stands", || scene.handling());
    scene.tidegate.kill();
    // While nobody runs: the old one may say so again up to its end, and the new one does at once.
    let first = scene.handling().expect("it stands");
    scene.tidegate.run();
    eventually("it is renewed", || scene.handling().filter(|alert| alert["updatedAt"] != first["updatedAt"]));
    // What it has never found with Alertmanager it takes for gone only after minutes. The first look may have been before.
    let upstream = format!("alertmanager=\"http://{}\",result=\"ok\"", scene.alertmanager.address());
    let looks = || scene.tidegate.metric("tidegate_alertmanager_lookups_total", &upstream);
    let before = looks();
    eventually("the new one has looked twice", || (looks() >= before + 2.0).then_some(()));
    scene.alertmanager.send(&page("QueueTooLong", "checkout"), false);
    assert_eq!(scene.tidegate.closed(&incident)["closed"]["reason"], "fixed");
    assert_eq!(scene.target.repairs().len(), 1);
    scene.handles_nothing();
    scene.tidegate.stop_and_verify_journal();
}

#[test]
fn what_somebody_elses_alert_inhibits_is_not_repaired() {
    let mut scene = Scene::start();
    scene.alertmanager.send(&page("QueueTooLong", "checkout"), true);
    let incident = scene.tidegate.opened("payments");
    let request = scene.tidegate.pending();
    scene.alertmanager.send(&json!({ "alertname": "DatacenterDown", "zone": "a" }), true);
    assert!(scene.tidegate.told(&incident, "incident_held").contains("DatacenterDown"));
    scene.tidegate.request_when(&request, "the request is withdrawn", |r| r["status"] == "withdrawn");
    assert_eq!(scene.tidegate.approve(&request).status, 409);
    assert!(scene.target.repairs().is_empty());
    assert_eq!(scene.handling(), None);
    scene.tidegate.stop_and_verify_journal();
}

/// The first rule that holds is the one whose alert Alertmanager names, and that is the one of the host's own alert.
#[test]
fn what_else_inhibits_is_seen_before_the_hosts_own_word_stands() {
    // Nothing looks by itself between the request and its approval.
    let mut scene = Scene::start_with(&CONFIG.replace("poll_interval = \"1s\"", "poll_interval = \"1h\""));
    scene.alertmanager.send(&page("QueueTooLong", "checkout"), true);
    let incident = scene.tidegate.opened("payments");
    let request = scene.tidegate.pending();
    scene.alertmanager.send(&json!({ "alertname": "DatacenterDown", "zone": "a" }), true);
    eventually("it is inhibited", || {
        let alert = scene.alertmanager.alerts("QueueTooLong").pop()?;
        (alert["status"]["state"] == "suppressed").then_some(())
    });
    scene.tidegate.approve(&request).good();
    let refused = scene.tidegate.told(&incident, "execution_refused");
    assert!(refused.contains("DatacenterDown"), "{refused}");
    assert!(scene.target.repairs().is_empty());
    scene.tidegate.stop_and_verify_journal();
}
