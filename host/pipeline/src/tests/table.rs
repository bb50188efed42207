//! Rows: written when they changed, read back whole, refused when they are not what they should be.

use proptest::prelude::*;
use tidegate_domain::rules::Watch;

use crate::tests::data::{at, pod};
use crate::tests::host::{Host, watch};
use crate::tests::scripted::{Scripted, learnt};

fn unsaved() -> Host {
    let by_app = Watch { identity: Some(vec!["app".to_owned()]), ..watch() };
    let mut host =
        Host::scripted(by_app).with("web-1", "nnnnmAAAA").with("api-1", "nnnnnnnnnnA").with("db-1", "nnnnnn~~~~~");
    host.data.write("web-2", 9, "AA");
    host.live(3, 10);
    host
}

fn lived() -> Host {
    let mut host = unsaved();
    host.save(usize::MAX);
    host
}

#[test]
fn rows_come_back_whole() {
    let mut host = lived();
    let tracks = host.tracks();
    assert_eq!(host.crash(), 0);
    assert_eq!(host.tracks(), tracks);
    let heir = host.fold.entry(&pod("web-2")).expect("an heir");
    assert_eq!(heir.known_as, Some(pod("web-1")));
    assert_eq!(host.fold.snapshot().changed, [], "nothing has changed");
}

#[test]
fn only_what_changed_is_written() {
    let mut host = lived();
    host.data.write("api-1", 11, "n");
    host.live(11, 11);
    let changed: Vec<_> = host.fold.snapshot().changed.into_iter().map(|(labels, _)| labels).collect();
    assert_eq!(changed, [pod("api-1")]);
}

#[test]
fn parts_make_the_whole() {
    let (mut whole, mut in_parts) = (unsaved(), unsaved());
    let mut parts = Vec::new();
    loop {
        let part = in_parts.fold.snapshot_part(1);
        parts.extend(part.changed.clone());
        if part.changed.is_empty() {
            break;
        }
        assert_eq!(part.changed.len(), 1);
    }
    parts.sort();
    let mut whole = whole.fold.snapshot().changed;
    whole.sort();
    assert_eq!(parts, whole);
}

#[test]
fn rows_of_another_layout_are_refused() {
    let mut host = lived();
    host.disk.values_mut().for_each(|row| row[0] -= 1);
    assert_eq!(host.crash(), 3);
    assert!(host.fold.is_empty());
    assert_eq!(host.fold.snapshot().removed.len(), 3, "and deleted");
}

#[test]
fn a_state_is_put_back_to_the_detector_it_is_of() {
    let mut host = lived();
    let before = host.learnt(&pod("api-1"));
    host.detectors = Box::new(|| vec![Box::new(Scripted::new("e")), Box::new(Scripted::new("d"))]);
    assert_eq!(host.crash(), 0);
    let states = &host.track(&pod("api-1")).states;
    assert_eq!((learnt(&states[0].0).as_str(), learnt(&states[1].0)), ("", before));
    assert!(host.fold.awaiting_history(at(10)).is_some(), "what has none is learnt");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn broken_rows_are_counted_and_skipped(
        noise in proptest::collection::vec((0..10_000usize, 1..=255u8), 0..4),
        cut in prop::option::of(0..400usize),
        tail in proptest::collection::vec(any::<u8>(), 0..3),
    ) {
        let mut host = lived();
        let row = host.disk.get_mut(&pod("web-2")).expect("a row");
        let sound = row.clone();
        for (place, flip) in &noise {
            let place = place % row.len();
            row[place] ^= flip;
        }
        row.truncate(cut.unwrap_or(usize::MAX));
        row.extend(&tail);
        let broken = *row != sound;
        let unreadable = host.crash();
        prop_assert_eq!(unreadable + host.fold.len(), 3);
        prop_assert!(broken || unreadable == 0);
        let short = cut.is_some_and(|cut| cut + tail.len() < sound.len());
        prop_assert!(unreadable == 1 || !short, "a row that is cut short is refused");
        // Whatever it says, the watch goes on.
        host.data.write("web-2", 11, "Annnm").write("api-1", 11, "nnnnn");
        host.live(11, 15);
    }
}
