//! Who caused or requested an incident: whoever delivered its alerts, and whom its labels and annotations name.

use tidegate_domain::event::{Alert, IncidentId};
use tidegate_domain::input::{Input, WatchChange};
use tidegate_domain::labels::Labels;
use tidegate_domain::rules::Severity;

use crate::script::evidence;
use crate::world::{World, group, rules};

fn world() -> World {
    let mut rules = rules();
    rules.gate.causer_labels = vec!["deployed_by".to_owned(), "owner".to_owned()];
    World::new(rules)
}

fn causers(world: &World) -> Vec<&str> {
    world.check_journal();
    let incident = world.book.incident(&IncidentId("i1".to_owned())).expect("an incident");
    incident.caused_by.iter().map(String::as_str).collect()
}

fn anomaly(world: &mut World, labels: &[(&str, &str)]) {
    let series = Labels::new(labels.iter().copied());
    let evidence = Box::new(evidence(series, world.now, world.now));
    let change = WatchChange::Opened { group: group("shop"), severity: Severity::Medium, evidence };
    world.give(&Input::Watched { watch: "web".to_owned(), change });
}

fn deliver(world: &mut World, firing: bool, annotations: &[(&str, &str)], by: Option<&str>) {
    world.now.0 += 60_000;
    let alert = Alert {
        fingerprint: "one".to_owned(),
        labels: Labels::new([("team", "web"), ("owner", "carol")]),
        annotations: Labels::new(annotations.iter().copied()),
        starts_at: world.now,
        firing,
        generator_url: None,
    };
    let (group_key, by) = ("g".to_owned(), by.map(str::to_owned));
    world.give(&Input::AlertsDelivered { group_key, alerts: vec![alert], by, left_out: None });
}

#[test]
fn every_series_may_name_somebody() {
    let mut world = world();
    anomaly(&mut world, &[("service", "shop"), ("pod", "a"), ("deployed_by", "alice")]);
    assert_eq!(causers(&world), ["alice"]);
    anomaly(&mut world, &[("service", "shop"), ("pod", "b"), ("deployed_by", " bob@example.com , carol,,")]);
    assert_eq!(causers(&world), ["alice", "bob@example.com", "carol"]);
    anomaly(&mut world, &[("service", "shop"), ("pod", "c"), ("started_by", "mallory"), ("deployed_by", "")]);
    assert_eq!(causers(&world), ["alice", "bob@example.com", "carol"], "only the labels of the config name anybody");
}

#[test]
fn alerts_name_somebody_and_so_does_who_delivers_them() {
    let mut world = world();
    deliver(&mut world, true, &[("deployed_by", "dave\u{1b}[2J\nerin")], Some("alice"));
    assert_eq!(causers(&world), ["alice", "carol", "dave [2J erin"], "one line, and nothing that a terminal obeys");
    // Whoever says that it is over requests nothing; whoever fires it again does.
    deliver(&mut world, false, &[], Some("bob"));
    assert!(!causers(&world).contains(&"bob"));
}

#[test]
fn a_name_has_an_end() {
    let mut world = world();
    anomaly(&mut world, &[("service", "shop"), ("deployed_by", &"x".repeat(100_000))]);
    assert!(causers(&world).iter().all(|name| name.chars().count() <= 200));
}
