//! Every metric once: what is served, what the docs say of it, and what promtool is shown by the tests of the whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use expect_test::expect_file;
use tidegate_domain::calendar::{Calendar, KnownEvent, When};
use tidegate_domain::defaults;
use tidegate_domain::event::{IncidentId, LeftOut, RequestId, SecondOpinion};
use tidegate_domain::labels::Labels;
use tidegate_domain::rules::Watch;
use tidegate_domain::series::Unjudged;
use tidegate_pipeline::report::InEvent;
use tidegate_sandbox::GuestKind;

use super::*;

const DOCS: &str = include_str!("../../../../docs/metrics.md");
const TOOK: Duration = Duration::from_millis(40);

/// Metrics that have been through everything once.
fn busy() -> Metrics {
    let metrics = Metrics::new();
    metrics.config_loaded();
    metrics.journal_written(TOOK, true);
    metrics.count_event(&Fact::ExecutionRefused {
        request: RequestId("r1".to_owned()),
        guard: tidegate_domain::event::Guard::Storm,
        retry_at: tidegate_domain::time::Timestamp(0),
    });
    metrics.count_execution("restart", &RunResult::DryRun);
    metrics.count_untraced();

    metrics.swapped("checkout", TOOK);
    metrics.snapshot("checkout", TOOK);
    metrics.count_query("checkout", "success");
    metrics.count_warning("checkout");
    metrics.count_histograms("checkout", 1);
    metrics.stage("checkout", "fold", TOOK);
    metrics.count_learnt("checkout", 1);
    let mut counts = tidegate_pipeline::report::Counts::default();
    counts.unjudged.insert(Unjudged::Learning, 1);
    counts.failed.insert(("daily".to_owned(), "trapped"), 1);
    metrics.cycle("checkout", 0.04, &counts);
    metrics.cold_start("checkout", None);
    metrics.known_events(&watch("batch"), &BTreeMap::new());

    metrics.guests.runs_as("seasonal", "00ff", "detector", "1.0.0");
    metrics.guests.loaded("seasonal");
    metrics.slack.count_call("views.open", true);
    metrics.slack.count_request("accepted");
    metrics.slack.count_answer(true);
    metrics.slack.roster("oncall", true);
    metrics.alertmanager.members(["http://am:9093".to_owned()]);
    metrics
}

/// `checkout`, with one known event.
fn watch(event: &str) -> Watch {
    let when = When::Within(Calendar::default());
    let event = KnownEvent { name: event.to_owned(), matchers: None, when };
    let step = Duration::from_secs(60);
    Watch { known_events: vec![Arc::new(event)], ..defaults::watch("checkout".to_owned(), step, Vec::new(), []) }
}

fn guest() -> GuestStats {
    GuestStats {
        guest: "seasonal".to_owned(),
        digest: "00ff".to_owned(),
        kind: GuestKind::Detector,
        calls: 1,
        scores: 1,
        busy: TOOK,
        errors: vec![("trapped", 1)],
        instances_made: 1,
        instances: 1,
        instances_retired: 1,
        memory_peak: 1,
        log_lines_dropped: 1,
        quarantined: false,
        quarantined_for: None,
    }
}

/// Every family, each series with the value 1: values are no matter here, and some are never the same.
fn families(text: &str) -> String {
    let mut shown = String::new();
    for family in text.split("# HELP ").skip(1) {
        let (header, samples) = family.split_at(family.match_indices('\n').nth(1).expect("HELP and TYPE").0 + 1);
        let mut series: Vec<&str> = samples.lines().filter_map(|line| Some(line.rsplit_once(' ')?.0)).collect();
        // Families keep their series in no order.
        series.sort_unstable();
        shown.push_str(&format!("# HELP {header}{} 1\n", series.join(" 1\n")));
    }
    shown.replace(env!("CARGO_PKG_VERSION"), "0.0.0")
}

#[test]
fn every_family_is_served_and_in_the_docs_and_nothing_else_is() {
    let metrics = busy();
    let text = metrics.write(Format::Text, &Book::default(), &[guest()], true);
    expect_file!["testdata/every-family.txt"].assert_eq(&families(&text));

    let served: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    // What was registered and never counted above would not be seen.
    let registered = format!("{:?}", lock(&metrics.registry)).matches("Descriptor {").count();
    assert_eq!(served.len(), registered, "busy() leaves something out");

    let tables = DOCS.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let documented: BTreeSet<&str> =
        tables.flat_map(|cell| cell.split(", ")).map(|name| name.trim_matches('`')).collect();
    assert_eq!(documented, served);
}

#[test]
fn events_that_a_watch_no_longer_has_are_not_shown() {
    let metrics = Metrics::new();
    let lasting = BTreeMap::from([("batch".to_owned(), InEvent { known: 3, learning: 1 })]);
    metrics.known_events(&watch("batch"), &lasting);
    let shown = || {
        let text = metrics.write(Format::Text, &Book::default(), &[], false);
        let mut lines: Vec<String> =
            text.lines().filter(|line| line.starts_with("tidegate_known_event_series{")).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let of = |event: &str, standing: &str, series: u64| {
        format!("tidegate_known_event_series{{watch=\"checkout\",event=\"{event}\",standing=\"{standing}\"}} {series}")
    };
    assert_eq!(shown(), [of("batch", "judged", 3), of("batch", "learning", 1)]);
    metrics.known_events(&watch("batch"), &BTreeMap::new());
    assert_eq!(shown(), [of("batch", "judged", 0), of("batch", "learning", 0)]);
    metrics.forget_events(&watch("batch"));
    metrics.known_events(&watch("holidays"), &lasting);
    assert_eq!(shown(), [of("holidays", "judged", 0), of("holidays", "learning", 0)]);
}

#[test]
fn every_kind_of_event_is_in_the_docs() {
    let source = include_str!("../story.rs");
    let (_, kinds) = source.split_once("fn kind(").expect("where kinds are named");
    let (kinds, _) = kinds.split_once("\n}").expect("the end of it");
    let named: BTreeSet<&str> = kinds.split('"').skip(1).step_by(2).collect();
    let (_, section) = DOCS.split_once("## Kinds of events").expect("a section");
    let documented: BTreeSet<&str> =
        section.split('`').skip(1).step_by(2).filter(|word| !word.contains(' ') && *word != "kind").collect();
    let documented = &documented - &BTreeSet::from(["tidegate_journal_events_total", "observe"]);
    assert_eq!(documented, named);
}

#[test]
fn what_facts_say_is_counted() {
    let metrics = Metrics::new();
    let incident = IncidentId("i1".to_owned());
    let left_out = LeftOut { count: 3, receiver: "tidegate".to_owned(), group_labels: Labels::empty() };
    metrics.count_event(&Fact::AlertsLeftOut { incident: incident.clone(), group_key: String::new(), left_out });
    let opinion = |verdict| SecondOpinion { fingerprint: String::new(), verdict, expr: String::new(), evidence: None };
    let unknown = OpinionVerdict::Unknown { why: "its rule was not found".to_owned() };
    let opinions = [OpinionVerdict::Usual, unknown.clone(), unknown, OpinionVerdict::Unusual].map(opinion).to_vec();
    metrics.count_event(&Fact::SecondOpinionGiven { incident, opinions });
    let request = RequestId("r1".to_owned());
    let (outcome, reason) = (Verified::Ineffective, String::new());
    metrics.count_event(&Fact::VerificationFinished { request, outcome, reason });
    metrics.journal_written(TOOK, false);

    let text = metrics.write(Format::Text, &Book::default(), &[], false);
    for line in [
        "tidegate_alerts_truncated_total 3",
        "tidegate_second_opinions_total{verdict=\"usual\"} 1",
        "tidegate_second_opinions_total{verdict=\"unusual\"} 1",
        "tidegate_second_opinions_total{verdict=\"unknown\"} 2",
        "tidegate_verifications_total{outcome=\"ineffective\"} 1",
        "tidegate_verifications_total{outcome=\"fixed\"} 0",
        "tidegate_journal_events_total{kind=\"second_opinion_given\"} 1",
        "tidegate_journal_last_write_successful 0",
        "tidegate_journal_writes_failed_total 1",
        "tidegate_ready 0",
    ] {
        assert!(text.lines().any(|served| served == line), "{line} is not in\n{text}");
    }
}

#[test]
fn an_alertmanager_that_is_gone_leaves_no_series_behind() {
    let metrics = Metrics::new();
    let (first, second) = ("http://am-0:9093", "http://am-1:9093");
    metrics.alertmanager.members([first.to_owned(), second.to_owned()]);
    metrics.alertmanager.sent(first, 7);
    metrics.alertmanager.failed(second, 2);
    metrics.alertmanager.dropped(second, 1);
    metrics.alertmanager.queued(second, 4);
    metrics.alertmanager.looked_up(second, false);
    let served = |metrics: &Metrics| metrics.write(Format::Text, &Book::default(), &[], true);
    let text = served(&metrics);
    assert!(text.contains("tidegate_alertmanagers_discovered 2\n"));
    assert!(text.contains("tidegate_alertmanager_queue_length{alertmanager=\"http://am-1:9093\"} 4\n"));
    assert!(text.contains("tidegate_alertmanager_alerts_failed_total{alertmanager=\"http://am-0:9093\"} 0\n"));

    for line in [
        "tidegate_alertmanager_alerts_failed_total{alertmanager=\"http://am-1:9093\"} 2\n",
        "tidegate_alertmanager_alerts_dropped_total{alertmanager=\"http://am-1:9093\"} 1\n",
        "tidegate_alertmanager_lookups_total{alertmanager=\"http://am-1:9093\",result=\"failed\"} 1\n",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }

    metrics.alertmanager.members([first.to_owned()]);
    let text = served(&metrics);
    assert!(text.contains("tidegate_alertmanagers_discovered 1\n"));
    assert!(text.contains("tidegate_alertmanager_alerts_sent_total{alertmanager=\"http://am-0:9093\"} 7\n"));
    assert!(!text.contains(second), "{text}");
}

#[test]
fn alerts_count_by_how_they_came() {
    let metrics = Metrics::new();
    metrics.alerts.received(Via::Api, 2, 1);
    metrics.alerts.invalid(Via::Webhook, 5);
    let text = metrics.write(Format::Text, &Book::default(), &[], true);
    assert!(text.contains("tidegate_alerts_received_total{via=\"api\",status=\"firing\"} 2\n"));
    assert!(text.contains("tidegate_alerts_received_total{via=\"api\",status=\"resolved\"} 1\n"));
    assert!(text.contains("tidegate_alerts_received_total{via=\"webhook\",status=\"firing\"} 0\n"));
    assert!(text.contains("tidegate_alerts_invalid_total{via=\"webhook\"} 5\n"));
}
