//! Known events with a real Prometheus and made history: a batch job that comes again and again is no incident while it runs and
//! hides none while it does not, and more than it ever brought is one.

use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::prometheus::{self, Prometheus};
use crate::support::target::{NORMAL, Target};
use crate::support::tidegate::Tidegate;

/// What the job makes of the queue while it runs.
const AT_WORK: f64 = 900.0;
/// Seconds between two samples.
const STEP: i64 = 2;
const MINUTE: i64 = 60;
/// The job comes every hour, and works for a third of it.
const PERIOD: i64 = 60 * MINUTE;
const LASTS: i64 = 20 * MINUTE;

/// With `EVENTS` for the known events, and what the watch names of them.
const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[detector.spike]
guest = "zscore"
settings = { window = "150m" }

EVENTS
interval = "1s"
step = "2s"
query_offset = "1s"
detectors = ["spike"]
consecutive = 2
cold_start = { history = "150m" }
"#;

/// One event that began a while ago, and one of which nothing is to be seen for as long.
fn events(now: i64) -> String {
    let event = |name: &str, begins: i64, service: &str| {
        format!(
            "[[known_event]]\nname = \"{name}\"\ncron = \"{} * * * *\"\nlasts = \"{LASTS}s\"\n\
             match = ['service=\"{service}\"']\n\n",
            begins / MINUTE % 60
        )
    };
    let (runs, rests) = began(now);
    event("runs-now", runs, "planned") + &event("rests-now", rests, "resting")
}

/// When the latest occurrences of the two began. The one goes on for a quarter of an hour, and so long the other rests.
fn began(now: i64) -> (i64, i64) {
    let runs = (now - 4 * MINUTE) / MINUTE * MINUTE;
    (runs, runs - 40 * MINUTE)
}

/// Three hours of a queue with a job that begins at that time, and every hour before and after it.
fn history(service: &str, now: i64, begins: i64) -> String {
    let from = now / STEP * STEP - 3 * PERIOD;
    let samples = (from..now).step_by(STEP as usize).map(|at| {
        let runs = (at - begins).rem_euclid(PERIOD) < LASTS;
        let value = if runs { AT_WORK } else { NORMAL } + (at / STEP * 7 % 11 - 5) as f64;
        format!("queue_length{{instance=\"one\",job=\"target\",service=\"{service}\"}} {value} {at}\n")
    });
    samples.collect()
}

struct Scene {
    target: Target,
    tidegate: Tidegate,
    events: String,
    prometheus: Prometheus,
}

impl Scene {
    fn configure(&self, events: &str) {
        let watch = "[[watch]]\nname = \"queues\"\nexpr = 'queue_length{service=~\"planned|resting\"}'";
        let config = CONFIG.replace("EVENTS", &format!("{events}{watch}"));
        self.tidegate.configure(&config, &[("prometheus", self.prometheus.address())]);
    }
}

/// `planned`, whose job runs now as it should, and `resting`, whose job does not run now.
fn scene() -> Scene {
    let now = jiff::Timestamp::now().as_second();
    let (runs, rests) = began(now);
    let target = Target::start();
    target.set_queue("planned", AT_WORK);
    target.set_queue("resting", NORMAL);
    let history = history("planned", now, runs) + &history("resting", now, rests);
    let prometheus = Prometheus::run(&target, &prometheus::Config { history, ..prometheus::Config::default() });
    Scene { target, tidegate: Tidegate::new(), events: events(now), prometheus }
}

const NAMES: &str = "[defaults.watch]\nknown_events = [\"runs-now\", \"rests-now\"]\n\n";

fn incident_of(tidegate: &Tidegate, service: &str) -> Value {
    eventually(&format!("an incident of {service}"), || {
        tidegate.incidents().into_iter().find(|incident| incident["labels"]["service"] == service)
    })
}

#[test]
fn a_batch_job_is_no_incident_while_it_runs_and_hides_none_while_it_does_not() {
    let mut scene = scene();
    scene.configure(&format!("{}{NAMES}", scene.events));
    scene.tidegate.run();
    let tidegate = &scene.tidegate;
    tidegate.reaches("tidegate_samples_total", r#"watch="queues",standing="normal""#, 8.0);
    assert_eq!(tidegate.incidents(), Vec::<Value>::new());
    let in_event =
        |labels: &str| tidegate.metric("tidegate_known_event_series", &format!(r#"watch="queues",{labels}"#));
    assert_eq!(in_event(r#"event="runs-now",standing="judged""#), 1.0);
    assert_eq!(in_event(r#"event="rests-now",standing="judged""#), 0.0);
    let watch = tidegate.get("/api/v1/watches").good()["watches"][0].clone();
    assert_eq!(watch["known_events"], json!(["runs-now", "rests-now"]));
    assert_eq!(watch["last_cycle"]["events"], json!({ "runs-now": { "judged": 1, "learning": 0 } }));
    assert!(tidegate.says(&["watch", "list"]).contains("runs-now lasts: 1 series judged"));
    assert!(tidegate.page("/guests").contains("runs-now"));

    // The same height at another time. With the job in its baseline it would be nothing: a third of all samples.
    scene.target.set_queue("resting", AT_WORK);
    let incident = incident_of(tidegate, "resting");
    let finding = incident["finding"].as_str().expect("words");
    assert!(finding.contains("expected 4") || finding.contains("expected 39"), "{finding}");
    assert!(!finding.contains("during"), "{finding}");

    // And more than the job ever brought.
    scene.target.set_queue("planned", 4.0 * AT_WORK);
    let incident = incident_of(tidegate, "planned");
    let finding = incident["finding"].as_str().expect("words");
    assert!(finding.contains("expected 9") || finding.contains("expected 89"), "{finding}");
    assert!(finding.contains("during runs-now"), "{finding}");

    // What was learnt apart is there again after a crash, and the incidents end as they would have.
    scene.tidegate.kill();
    scene.tidegate.run();
    let tidegate = &scene.tidegate;
    scene.target.set_queue("planned", AT_WORK);
    scene.target.set_queue("resting", NORMAL);
    for service in ["planned", "resting"] {
        assert_eq!(tidegate.closed(&incident_of(tidegate, service))["closed"]["reason"], "recovered");
    }
    assert_eq!(tidegate.incidents().len(), 2);
    scene.tidegate.stop_and_verify_journal();
}

#[test]
fn an_event_that_is_added_is_out_of_the_baseline_at_once() {
    let mut scene = scene();
    scene.configure("");
    scene.tidegate.run();
    scene.target.set_queue("resting", AT_WORK);
    let tidegate = &scene.tidegate;
    tidegate.reaches("tidegate_samples_total", r#"watch="queues",standing="normal""#, 8.0);
    assert_eq!(tidegate.incidents(), Vec::<Value>::new(), "the job is in the baseline");
    scene.configure(&format!("{}{NAMES}", scene.events));
    scene.tidegate.hang_up();
    let incident = incident_of(&scene.tidegate, "resting");
    assert!(incident["finding"].as_str().is_some_and(|finding| !finding.contains("during")), "{incident}");
    assert_eq!(scene.tidegate.incidents().len(), 1, "and nothing is odd about the job that runs");
    scene.tidegate.stop_and_verify_journal();
}
