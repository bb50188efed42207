//! A Prometheus that answers badly, late or not at all: counted, said once, no verdict, and all is well when it is back.

use std::time::Duration;

use crate::support::eventually;
use crate::support::fake_prometheus::FakePrometheus;
use crate::support::listener::Reply;
use crate::support::tidegate::Tidegate;
use crate::support::{captured, free_address};

const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[defaults.watch]
interval = "1s"
step = "1s"
query_offset = "0s"
consecutive = 2
detectors = ["sudden"]
# The series are a minute old, so static bounds judge.
cold_start = { history = "1h", above = 100.0 }

[detector.sudden]
guest = "zscore"
settings = { window = "1m" }
"#;

fn watch(name: &str) -> String {
    format!("[[watch]]\nname = \"{name}\"\nexpr = \"{name}\"\n")
}

/// What is answered, and under which result it is counted.
fn bad_answers() -> Vec<(&'static str, &'static str, Reply)> {
    let json = |status, name: &str| Reply::json(status, captured("prometheus", name));
    let half = Reply { cut_at: Some(100), ..json(200, "range-matrix-normal.json") };
    vec![
        ("refused", "bad_data", json(400, "err-parse.json")),
        ("many-to-many", "execution", json(422, "err-exec-dup-labelset.json")),
        ("starting", "unavailable", Reply::text(503, "Service Unavailable")),
        ("too-slow", "timeout", json(503, "err-timeout.json")),
        ("half", "broken", half),
        ("page", "garbage", Reply { content_type: "text/html", ..Reply::text(200, "<html>Please log in</html>") }),
        ("vector", "garbage", json(200, "instant-vector.json")),
        ("empty", "garbage", Reply::json(200, "")),
        ("login", "unauthorized", Reply::text(401, "Unauthorized")),
        ("elsewhere", "status", Reply::text(404, "404 page not found")),
    ]
}

#[test]
fn bad_answers_are_counted_and_said_once_and_judged_never() {
    let prometheus = FakePrometheus::start();
    let mut config = CONFIG.to_owned() + &watch("steady");
    prometheus.play("steady", 40.0);
    for (name, _, reply) in bad_answers() {
        prometheus.play(name, 40.0);
        prometheus.answer(name, reply);
        config.push_str(&watch(name));
    }
    let mut tidegate = Tidegate::start(&config, &[("prometheus", prometheus.address())]);

    tidegate.ready();
    for (name, result, _) in bad_answers() {
        tidegate.reaches("tidegate_queries_total", &format!("watch=\"{name}\",result=\"{result}\""), 3.0);
    }
    tidegate.reaches("tidegate_samples_total", r#"watch="steady",standing="normal""#, 3.0);
    let log = tidegate.log();
    for (name, ..) in bad_answers() {
        let said =
            log.lines().filter(|line| line.contains("no verdict until") && line.contains(&format!("watch=\"{name}\"")));
        assert_eq!(said.count(), 1, "{name}:\n{log}");
        for standing in ["normal", "anomalous", "learnt"] {
            let labels = format!("watch=\"{name}\",standing=\"{standing}\"");
            assert_eq!(tidegate.metric("tidegate_samples_total", &labels), 0.0, "{labels}");
        }
    }

    for (name, ..) in bad_answers() {
        prometheus.heal(name);
        prometheus.set(name, 400.0);
    }
    for (name, ..) in bad_answers() {
        tidegate.opened(name);
    }
    let log = tidegate.log();
    assert_eq!(log.matches("the query answers again").count(), bad_answers().len(), "{log}");
    tidegate.stop_and_verify_journal();
}

#[test]
fn what_may_be_partial_is_held_back_and_what_is_no_number_is_not_judged() {
    let prometheus = FakePrometheus::start();
    for (name, value) in [("partial", 40.0), ("not-a-number", f64::NAN), ("infinite", f64::INFINITY), ("native", 40.0)]
    {
        prometheus.play(name, value);
    }
    let json = |name: &str| Reply::json(200, captured("prometheus", name));
    prometheus.answer("partial", json("warn-annotation.json"));
    prometheus.answer("native", json("native-histogram.json"));
    let names = ["partial", "not-a-number", "infinite", "native"];
    let config = CONFIG.to_owned() + &names.map(watch).concat();
    let mut tidegate = Tidegate::start(&config, &[("prometheus", prometheus.address())]);

    tidegate.reaches("tidegate_query_warnings_total", r#"watch="partial""#, 2.0);
    assert_eq!(tidegate.log().matches("held back").count(), 1, "said once: {}", tidegate.log());
    tidegate.reaches("tidegate_query_histograms_skipped_total", r#"watch="native""#, 2.0);
    for name in ["not-a-number", "infinite"] {
        tidegate.reaches("tidegate_samples_unjudged_total", &format!("watch=\"{name}\",reason=\"not_finite\""), 2.0);
    }
    for name in names {
        for standing in ["normal", "anomalous"] {
            let labels = format!("watch=\"{name}\",standing=\"{standing}\"");
            assert_eq!(tidegate.metric("tidegate_samples_total", &labels), 0.0, "{labels}");
        }
    }

    for name in names {
        prometheus.heal(name);
        prometheus.set(name, 400.0);
    }
    for name in names {
        tidegate.opened(name);
    }
    tidegate.stop_and_verify_journal();
}

#[test]
fn a_slow_query_delays_no_other() {
    let prometheus = FakePrometheus::start();
    for name in ["slow", "quick"] {
        prometheus.play(name, 400.0);
    }
    prometheus.slow_down("slow", Duration::from_secs(20));
    let config = CONFIG.to_owned() + &watch("slow") + &watch("quick");
    let mut tidegate = Tidegate::start(&config, &[("prometheus", prometheus.address())]);

    tidegate.opened("quick");
    assert_eq!(prometheus.asked("slow").len(), 1, "still at its first query");
    assert_eq!(tidegate.metric("tidegate_queries_total", r#"watch="slow",result="success""#), 0.0);
    // Nor does it delay the end.
    tidegate.stop_and_verify_journal();
}

#[test]
fn a_prometheus_that_is_down_at_first_is_waited_for() {
    let address = free_address();
    let config = CONFIG.to_owned() + &watch("late");
    let mut tidegate = Tidegate::start(&config, &[("prometheus", address)]);

    let unready = tidegate.get("/-/ready");
    assert_eq!(unready.status, 503);
    assert!(unready.body.contains(&address.to_string()), "{unready:?}");
    tidegate.reaches("tidegate_queries_total", r#"watch="late",result="refused""#, 2.0);
    assert_eq!(tidegate.get("/-/ready").status, 503);
    assert_eq!(tidegate.get("/-/healthy").status, 200);
    assert_eq!(tidegate.log().matches("cannot reach Prometheus").count(), 1, "{}", tidegate.log());

    let prometheus = FakePrometheus::start_at(address);
    prometheus.play("late", 400.0);
    tidegate.ready();
    tidegate.opened("late");
    eventually("it says so", || tidegate.log().contains("the query answers again").then_some(()));
    tidegate.stop_and_verify_journal();
}
