//! Groups: health of those in trouble, absence and return, and what is forgotten.

use tidegate_domain::event::Health::{self, Healthy, Unhealthy, Unjudged};
use tidegate_domain::event::{CloseReason, MemberEnd};
use tidegate_domain::input::WatchChange;
use tidegate_domain::rules::Watch;

use crate::tests::data::{app, at, minute, pod};
use crate::tests::host::{Host, minutes, watch};

fn by_app() -> Watch {
    Watch { group_by: Some(vec!["app".to_owned()]), ..watch() }
}

/// Health by minute, as told for a group under repair from minute 8 on, in cycles of so many minutes.
fn health(series: &[&str], every: usize) -> Vec<(u64, Health)> {
    let mut host = Host::scripted(by_app());
    for (number, letters) in series.iter().enumerate() {
        host.data.write(&format!("web-{number}"), 0, letters);
    }
    host.live(3, 7);
    host.repairing = true;
    let last = series.iter().map(|letters| letters.len()).max().unwrap_or(0) as u64 - 1;
    let mut cycles: Vec<u64> = (8..=last).rev().step_by(every).collect();
    cycles.reverse();
    cycles.into_iter().for_each(|until| host.cycle(until));
    let observed = host.changes.iter().filter_map(|(_, change)| match change {
        WatchChange::Observed { sample_at, health, .. } => Some((minute(*sample_at), *health)),
        _ => None,
    });
    observed.collect()
}

#[test]
fn health_is_that_of_every_series_at_every_time() {
    let cases: [(&[&str], &[Health]); 11] = [
        (&["nnnnnAAAnn"], &[Healthy, Healthy]),
        (&["nnnnnAAAnmnAn"], &[Healthy, Unhealthy, Healthy, Unhealthy, Healthy]),
        // On both sides: a restart that kills the traffic is no repair.
        (&["nnnnnAAAnbn"], &[Healthy, Unhealthy, Healthy]),
        (&["nnnnnAAAn~?!n"], &[Healthy, Unjudged, Unjudged, Unjudged, Healthy]),
        (&["nnnnnAAAnn", "nnnnnAAAnA"], &[Healthy, Unhealthy]),
        (&["nnnnnAAAnnn", "nnnnnAAAn.n"], &[Healthy, Unjudged, Healthy]),
        // The one that was in trouble is gone: that its neighbour is well says nothing.
        (&["nnnnnAAA", "nnnnnnnnnnn"], &[Unjudged, Unjudged, Unjudged]),
        // A neighbour that was never in trouble counts where it is unwell.
        (&["nnnnnAAAnnn", "nnnnnnnnnAn"], &[Healthy, Unhealthy, Healthy]),
        (&["nnnnnAAAnnn", "nnnnnnnnn?~"], &[Healthy, Healthy, Healthy]),
        (&["nnnnnAAA???", "nnnnnnnnnnn"], &[Unjudged, Unjudged, Unjudged]),
        (&["nnnnnAAAAAA", "nnnnnnnn???"], &[Unhealthy, Unhealthy, Unhealthy]),
    ];
    for (series, expected) in cases {
        let expected: Vec<_> = (8..).zip(expected.iter().copied()).collect();
        for every in 1..=5 {
            assert_eq!(health(series, every), expected, "{series:?}, every {every} minutes");
        }
    }
}

#[test]
fn a_group_with_a_member_gone_for_good_never_reads_healthy() {
    let short = Watch { accept_after: minutes(6), absent_after: minutes(3), recover_after: 50, ..by_app() };
    let mut host = Host::scripted(short).with("web-0", "nnnnnAAA").with("web-1", "nnnnnAAAAnnnnnnnnnnnn");
    host.live(3, 8);
    host.repairing = true;
    host.live(9, 20);
    assert_eq!(host.ended()[0], (13, pod("web-0"), MemberEnd::Vanished));
    let healthy = |change: &WatchChange| matches!(change, WatchChange::Observed { health: Healthy, .. });
    assert!(!host.changes.iter().any(|(_, change)| healthy(change)), "{:?}", host.changes);
}

#[test]
fn only_the_newest_sample_of_groups_in_trouble_is_reported() {
    let mut host = Host::scripted(by_app()).with("web-1", "nnnnnAAAAA").with("api-1", "nnnnnnnnnn");
    host.live(3, 9);
    assert_eq!(host.last.newest, [(app("web"), at(9))]);
}

#[test]
fn a_group_that_stops_is_absent_until_it_is_back() {
    let gap = ".".repeat(10);
    let mut host = Host::scripted(by_app())
        .with("web-1", &format!("nnnnn{gap}nnn"))
        .with("web-2", &format!("nnnn{gap}...."))
        .with("api-1", &"n".repeat(18));
    host.live(2, 17);
    let told: Vec<_> = host
        .changes
        .iter()
        .filter_map(|(until, change)| match change {
            WatchChange::Absent { group, since } => Some((*until, group.clone(), Some(minute(*since)))),
            WatchChange::Returned { group } => Some((*until, group.clone(), None)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [(9, app("web"), Some(4)), (15, app("web"), None)]);
    assert_eq!(host.incidents(), [(app("web"), 4, Some(CloseReason::Returned))]);
}

#[test]
fn an_absence_survives_a_crash() {
    for (saved, lost) in [(3, 5), (4, 7), (5, 12), (8, 8), (11, 13)] {
        let mut host = Host::scripted(by_app()).with("web-1", "nnnn............nn").with("api-1", &"n".repeat(18));
        host.live(2, saved).save(usize::MAX);
        host.live(saved + 1, lost);
        host.crash();
        // Minute by minute from where the table ends: early on the absence is still to come.
        let from = minute(host.fold.newest().expect("a table")) + 1;
        host.live(from, 15);
        let what = format!("written at {saved}, lost at {lost}");
        assert_eq!(host.incidents(), [(app("web"), 3, None)], "{what}");
        host.live(16, 17);
        assert_eq!(host.incidents(), [(app("web"), 3, Some(CloseReason::Returned))], "{what}");
    }
}

#[test]
fn a_group_whose_series_wait_for_history_is_there() {
    let mut host = Host::scripted(by_app()).with("web-1", "nnnn").with("api-1", &"n".repeat(20));
    host.live(2, 3);
    host.history_breaks = Some(0);
    host.data.write("web-2", 4, &"n".repeat(16));
    host.live(4, 19);
    assert_eq!((host.last.counts.awaiting_history, host.changes.len()), (1, 0), "{:?}", host.changes);
}

#[test]
fn what_nobody_waits_for_is_forgotten() {
    let short = Watch { accept_after: minutes(10), absent_after: minutes(5), ..watch() };
    let mut host = Host::scripted(short).with("web-1", "nnnnn").with("web-2", "nnAAA").with("api-1", &"n".repeat(40));
    host.live(1, 6).save(usize::MAX);
    // Never learnt, because history fails, and gone again.
    host.history_breaks = Some(0);
    host.data.write("web-3", 7, "nn");
    host.live(7, 20);
    assert_eq!(host.fold.len(), 1);
    assert_eq!(host.fold.awaiting_history(at(20)), None);
    assert_eq!(host.last.counts.absent_groups, 0);
    assert_eq!(host.ended(), [(14, pod("web-2"), MemberEnd::Vanished)]);
    host.save(usize::MAX);
    assert_eq!(host.disk.keys().collect::<Vec<_>>(), [&pod("api-1")]);

    // Back before the deletion was written: its row is the new one.
    host.history_breaks = None;
    host.data.write("api-1", 40, &"n".repeat(40)).write("web-1", 36, "n").write("web-1", 50, "n");
    host.live(21, 36).save(usize::MAX);
    host.live(37, 50).save(usize::MAX);
    assert!(host.disk.contains_key(&pod("web-1")));
}

#[test]
fn the_survey_counts_groups() {
    let mut host =
        Host::scripted(by_app()).with("web-1", "nnnnAAAA").with("web-2", "nnnnAAAA").with("api-1", "nnnnnnnn");
    host.live(2, 7);
    let surveyed = host.last.changes.iter().find_map(|change| match change {
        WatchChange::Surveyed { anomalous, total } => Some((*anomalous, *total)),
        _ => None,
    });
    assert_eq!(surveyed, Some((1, 2)));
}
