//! Series that return under new labels go on as what they were; the book goes on knowing them by the old ones.

use tidegate_domain::event::CloseReason;
use tidegate_domain::rules::Watch;

use crate::tests::data::{app, pod};
use crate::tests::host::{Host, watch};

fn by_app() -> Watch {
    Watch { identity: Some(vec!["app".to_owned()]), ..watch() }
}

#[test]
fn a_new_pod_is_not_a_new_world() {
    let mut host = Host::scripted(by_app()).with("web-1", "nnnmmAAAA");
    host.data.write("web-2", 9, "AAnnnmAAA");
    host.live(3, 10).save(usize::MAX);
    assert_eq!(host.fold.len(), 1);
    assert_eq!(host.learnt(&pod("web-2")), "nnnmm", "what the old one had learnt");
    assert_eq!(host.disk.keys().collect::<Vec<_>>(), [&pod("web-2")], "and no row of the old one");
    host.crash();
    host.live(11, 14);
    assert_eq!(host.ended()[0].1, pod("web-1"), "as the book knows it");
    assert_eq!(host.incidents(), [(app("web"), 5, Some(CloseReason::Recovered))]);
    host.live(15, 17);
    assert_eq!(host.opened()[1], (pod("web-2"), 15), "the next incident is its own");
}

#[test]
fn a_pod_that_came_before_the_old_one_went_takes_over_as_well() {
    let mut host = Host::scripted(by_app()).with("web-1", "nnnmmAAAAAA");
    host.data.write("web-2", 9, "nnnnnnnnnnm");
    host.live(3, 18);
    assert_eq!(host.incidents(), [(app("web"), 5, Some(CloseReason::Recovered))], "{:?}", host.ended());
    assert_eq!(host.fold.len(), 1);
    assert!(host.learnt(&pod("web-2")).starts_with("nnnmm"));

    // An older neighbour stands for itself.
    let mut host = Host::scripted(by_app()).with("web-1", "nnnmmAAAAAA").with("web-2", &"n".repeat(20));
    host.live(3, 19);
    assert_eq!(host.incidents(), [(app("web"), 5, None)]);
}

#[test]
fn a_pod_that_is_back_does_not_stand_twice() {
    let mut host = Host::scripted(by_app()).with("web-1", "nnnmmAAAA..nnnnnnnnn");
    host.data.write("web-2", 9, "AAAAAAAAnnnm");
    host.live(3, 12);
    assert_eq!(host.fold.len(), 2);
    host.live(13, 15);
    assert!(host.ended().is_empty(), "web-2 stands for the member, and is unwell");
    host.live(16, 19);
    assert_eq!(host.ended().len(), 1);
    assert_eq!(host.incidents(), [(app("web"), 5, Some(CloseReason::Recovered))]);
}

#[test]
fn a_rollout_pairs_old_and_new() {
    let mut host =
        Host::scripted(by_app()).with("web-1", "nnnmmAAAA").with("web-2", "nnnnnnnnn").with("web-3", "mmmmmmmmm");
    host.data.write("web-7", 9, "AAA").write("web-8", 9, "nnn").write("web-9", 9, "mmm");
    host.live(3, 11);
    assert_eq!(host.fold.len(), 3);
    let learnt = ["web-7", "web-8", "web-9"].map(|name| host.learnt(&pod(name)));
    assert_eq!(learnt, ["nnnmm", "nnnnnnnnnnnn", "mmmmmmmmmmmm"], "the one in trouble first, then by name");
}

#[test]
fn a_half_written_takeover_is_no_twin() {
    let mut host = Host::scripted(by_app()).with("web-1", "nnnmmAAAA");
    host.data.write("web-2", 9, "AAAAAAAnnnm");
    host.live(3, 8).save(usize::MAX);
    host.live(9, 12);
    let old = host.disk.clone();
    host.save(usize::MAX);
    // Rows are written before others are deleted.
    host.disk.extend(old);
    host.crash();
    assert_eq!(host.fold.len(), 1);
    host.live(13, 19);
    assert_eq!(host.incidents(), [(app("web"), 5, Some(CloseReason::Recovered))]);
    host.save(usize::MAX);
    assert_eq!(host.disk.len(), 1);
}

#[test]
fn a_lost_table_knows_the_new_pod_by_its_identity() {
    let mut host = Host::scripted(by_app()).with("web-1", "nnnmmAAAA");
    host.data.write("web-2", 9, "AAAAAAAnnnm");
    host.live(3, 12);
    host.crash();
    host.live(13, 19);
    assert_eq!(host.incidents(), [(app("web"), 5, Some(CloseReason::Recovered))]);
    assert!(host.learnt(&pod("web-2")).starts_with("nnnmm"));
}
