//! History: learnt before a series is judged, piece by piece, and again where it was interrupted.

use tidegate_domain::time::Timestamp;

use crate::tests::data::{at, pod};
use crate::tests::host::{Host, watch};

#[test]
fn what_is_learnt_is_not_judged() {
    let mut host = Host::scripted(watch()).with("web-1", "nnAAAAAAmn");
    host.live(8, 9);
    assert_eq!(host.learnt(&pod("web-1")), "nnAAAAAAmn");
    assert!(host.changes.is_empty());
    assert_eq!(host.last.counts.normal, 1, "only what came after");
}

#[test]
fn an_interrupted_backfill_goes_on_where_it_was() {
    let mut host = Host::scripted(watch()).with("web-1", &"mn".repeat(70));
    // The detector wants an hour: two pieces.
    host.history_breaks = Some(110);
    host.live(120, 125);
    assert_eq!(host.fold.newest(), None);
    assert_eq!(host.learnt(&pod("web-1")), "mn".repeat(25), "what there was is kept");
    assert_eq!(host.fold.awaiting_history(at(125)), Some(Timestamp(at(109).0 + 1)));

    // Another one appears while the first one waits.
    host.data.write("web-2", 100, &"n".repeat(40));
    host.history_breaks = Some(116);
    host.live(126, 126);
    assert_eq!(host.learnt(&pod("web-2")), "n".repeat(16));
    assert_eq!(host.fold.awaiting_history(at(126)), Some(Timestamp(at(115).0 + 1)));
    assert_eq!(host.last.counts.awaiting_history, 2);
    host.history_breaks = None;
    host.live(127, 139);
    assert_eq!(host.learnt(&pod("web-1")), "mn".repeat(70)[60..], "each sample once");
    assert_eq!(host.learnt(&pod("web-2")), "n".repeat(40));
    assert_eq!(host.fold.awaiting_history(at(139)), None);
}

#[test]
fn a_detector_that_fails_on_history_goes_without() {
    let mut host = Host::scripted(watch()).with("web-1", "nnn!nnnn").with("web-2", "nnnnnnnn");
    host.live(5, 7);
    assert_eq!(host.learnt(&pod("web-1")), "nn", "the piece failed, what came after did not");
    assert_eq!(host.learnt(&pod("web-2")), "nnnnnnnn");
}
