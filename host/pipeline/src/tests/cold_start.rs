//! Series that are too young for the detectors: how many, how far they have come, and that they leave that state once.

use std::time::Duration;

use tidegate_domain::event::Learning;
use tidegate_domain::rules::{ColdStart, Watch};

use crate::tests::data::at;
use crate::tests::host::{Host, minutes, watch};

fn cold(history: Duration) -> Watch {
    Watch { cold_start: ColdStart { history, above: Some(15.0), below: None }, ..watch() }
}

/// Of each cycle from one minute to another: how many series are too young, how old the youngest of them is in minutes, and
/// how many have just come of age.
fn lived(host: &mut Host, from: u64, until: u64) -> Vec<(u64, Option<u64>, u64)> {
    let cycle = |minute| {
        host.cycle(minute);
        let counts = &host.last.counts;
        (counts.cold, counts.cold_ages.map(|(youngest, _)| youngest.as_secs() / 60), counts.switched)
    };
    (from..=until).map(cycle).collect()
}

#[test]
fn a_series_comes_of_age_once() {
    let mut host = Host::scripted(cold(minutes(3))).with("web-1", "nnnnnn");
    // What is there when it is first seen is learnt and not judged.
    let all = [(0, None, 0), (1, Some(1), 0), (1, Some(2), 0), (0, None, 1), (0, None, 0), (0, None, 0)];
    assert_eq!(lived(&mut host, 0, 5), all);
}

#[test]
fn one_with_a_history_or_without_need_of_one_has_no_age_to_come_of() {
    let mut host = Host::scripted(cold(minutes(3))).with("web-1", &"n".repeat(14));
    assert!(lived(&mut host, 10, 13).iter().all(|cycle| *cycle == (0, None, 0)));
    let mut host = Host::scripted(cold(Duration::ZERO)).with("web-1", "nnnn");
    assert!(lived(&mut host, 0, 3).iter().all(|cycle| *cycle == (0, None, 0)));
}

#[test]
fn a_gap_and_a_crash_change_nothing_about_it() {
    let mut host = Host::scripted(cold(minutes(4))).with("web-1", "nn..nnn");
    let all = [(0, None, 0), (1, Some(1), 0), (0, None, 0), (0, None, 0)];
    assert_eq!(lived(&mut host, 0, 3), all, "without a sample nothing can be said");
    host.save(1000);
    host.crash();
    assert_eq!(lived(&mut host, 4, 6), [(0, None, 1), (0, None, 0), (0, None, 0)]);
}

#[test]
fn what_a_static_bound_found_says_until_when_that_judges() {
    let mut host = Host::scripted(Watch { consecutive: 1, ..cold(minutes(60)) }).with("web-1", "nnnH");
    host.live(0, 3);
    let evidence = host.view().open.values().next().expect("an incident").members.values().next().cloned();
    let evidence = evidence.expect("its series");
    assert!(evidence.cold_start);
    assert_eq!(evidence.learning, Some(Learning { since: at(0), until: at(60) }));
}
