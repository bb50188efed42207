//! What a crash must not change: samples past the cursor are folded again, the book is right, and no fault is
//! forgotten.

use tidegate_domain::book::Book;
use tidegate_domain::event::{CloseReason, MemberEnd};
use tidegate_domain::rules::Watch;
use tidegate_domain::series::Phase;

use crate::scorer::Scorer;
use crate::tests::data::{at, pod};
use crate::tests::host::{Host, minutes, watch};
use crate::tests::scripted::Scripted;

/// Lives through the letters with the table written at one minute and lost at another, and without.
fn crashed(watch: &Watch, letters: &str, saved: u64, lost: u64) -> [Host; 2] {
    let end = letters.len() as u64 - 1;
    let mut lucky = Host::scripted(watch.clone()).with("web-1", letters);
    lucky.live(4, end);
    let mut host = Host::scripted(watch.clone()).with("web-1", letters);
    host.live(4, saved).save(usize::MAX);
    host.live(saved + 1, lost);
    assert_eq!(host.crash(), 0);
    host.live(lost + 1, end);
    [host, lucky]
}

#[test]
fn incidents_are_the_same_with_and_without_a_crash() {
    let cases = [
        "nnnnnnmAAAmmnnnmAAAmnnnm",
        "nnnnnnAAAnnnAAAnnnAAAnnn",
        "nnnnnnAAAnnnAAAAAAAAAAAA",
        "nnnnnnAAAAAAAAAAAAAAAAAA",
        "nnnnnnAAAHHnnnAAAAnnAAAm",
        "nnnnnnAmAmAAnAAAnnnmAAAn",
    ];
    for letters in cases {
        for saved in 5..20 {
            for lost in saved..23 {
                let [host, lucky] = crashed(&watch(), letters, saved, lost);
                let what = format!("{letters}, written at {saved}, lost at {lost}");
                assert_eq!(host.incidents(), lucky.incidents(), "{what}");
                assert_eq!(host.opened(), lucky.opened(), "{what}");
                assert_eq!(host.tracks(), lucky.tracks(), "{what}");
            }
        }
    }
}

#[test]
fn an_acceptance_is_found_again() {
    let soon = Watch { accept_after: minutes(6), ..watch() };
    let letters = "nnnnnnAAAAAAAnmnmnmnmnmn";
    for saved in 5..20 {
        for lost in saved..22 {
            let [host, lucky] = crashed(&soon, letters, saved, lost);
            assert_eq!(host.incidents(), lucky.incidents(), "written at {saved}, lost at {lost}");
            assert_eq!(host.learnt(&pod("web-1")), lucky.learnt(&pod("web-1")), "written at {saved}, lost at {lost}");
        }
    }
}

#[test]
fn a_lost_table_is_made_again_from_the_evidence() {
    let mut host = Host::scripted(watch()).with("web-1", "nnnnmAAAAAAAAAAAnnnm");
    host.live(4, 10);
    host.crash();
    host.live(11, 15);
    assert_eq!(host.learnt(&pod("web-1")), "nnnnm", "from before the trouble");
    assert!(matches!(host.track(&pod("web-1")).phase, Phase::Incident { since, .. } if since == at(5)));
    host.live(16, 19);
    assert_eq!(host.incidents(), [(pod("web-1"), 5, Some(CloseReason::Recovered))]);
    assert_eq!(host.learnt(&pod("web-1")), "nnnnmAAAnnnm");
}

#[test]
fn other_detectors_learn_what_was_before_the_trouble() {
    let other =
        || -> Vec<Box<dyn Scorer>> { vec![Box::new(Scripted { digest: "01".to_owned(), ..Scripted::new("d") })] };
    let mut host = Host::scripted(watch()).with("web-1", &format!("{}{}nnnm", "m".repeat(90), "A".repeat(80)));
    host.live(80, 100);
    host.detectors = Box::new(other);
    host.crash();
    // Longer ago than the detector's history of an hour.
    host.live(165, 165);
    assert_eq!(host.learnt(&pod("web-1")), "m".repeat(60));
    host.live(166, 171);
    assert_eq!(host.incidents(), [(pod("web-1"), 90, None)], "not seen to recover yet");
    host.live(172, 173);
    assert_eq!(host.incidents(), [(pod("web-1"), 90, Some(CloseReason::Recovered))]);
    assert_eq!(host.learnt(&pod("web-1")), format!("{}AAAnnnm", "m".repeat(60)));
}

#[test]
fn an_unreadable_state_is_learnt_again() {
    let mut host = Host::scripted(watch()).with("web-1", "nnnnmAmUmmnnnnnnnn").with("web-2", "nnnnnnAAAAUAAAnnnm");
    host.live(4, 7);
    assert!(host.last.counts.failed.values().sum::<u64>() == 1, "{:?}", host.last.counts);
    host.live(8, 9);
    assert_eq!(host.learnt(&pod("web-1")), "nnnnmAmUmm");
    host.live(10, 13);
    assert_eq!(host.learnt(&pod("web-2")), "nnnnnn", "a fault is not learnt on the way");
    host.live(14, 17);
    assert_eq!(host.incidents(), [(pod("web-2"), 6, Some(CloseReason::Recovered))]);
}

#[test]
fn where_table_and_book_disagree_the_book_wins() {
    // The table has an incident of which the book never heard.
    let mut host = Host::scripted(watch()).with("web-1", "nnnnAAAmAAAA");
    host.live(2, 6);
    host.book = Book::default();
    host.live(7, 11);
    assert_eq!(host.incidents(), [(pod("web-1"), 8, None)], "a new streak is told anew");

    // The book has one of which the table says that it is over.
    let mut host = Host::scripted(watch()).with("web-1", "nnnnAAAAnnnnnnnm");
    host.live(2, 7);
    let before = host.book.clone();
    host.live(8, 11);
    assert_eq!(host.ended(), [(10, pod("web-1"), MemberEnd::Recovered)]);
    host.book = before;
    host.live(12, 15);
    assert_eq!(host.incidents(), [(pod("web-1"), 4, Some(CloseReason::Recovered))]);
    assert_eq!(host.learnt(&pod("web-1")), "nnnnAAAnnnnnnnm", "frozen again until it recovers, and learnt once");
}

#[test]
fn a_series_that_died_with_the_table_still_ends_its_incident() {
    let short = Watch { accept_after: minutes(20), absent_after: minutes(5), ..watch() };
    let mut host = Host::scripted(short).with("web-1", "nnnnAAA").with("web-2", &"n".repeat(40));
    host.live(2, 8);
    host.crash();
    host.live(9, 39);
    assert_eq!(host.ended(), [(26, pod("web-1"), MemberEnd::Vanished)]);
    assert_eq!(host.incidents()[0], (pod("web-1"), 4, Some(CloseReason::Vanished)));
    assert_eq!(host.fold.len(), 1);
}

#[test]
fn a_watch_that_groups_otherwise_now_ends_what_it_had() {
    let mut host = Host::scripted(watch()).with("web-1", "nnnnAAAAAAAAA");
    host.live(2, 7);
    host.save(usize::MAX);
    host.watch.group_by = Some(vec!["app".to_owned()]);
    host.crash();
    host.live(8, 12);
    let open: Vec<_> = host.book.open_incidents().map(|incident| incident.labels.clone()).collect();
    assert_eq!(open, [crate::tests::data::app("web")], "{:?}", host.incidents());
}

#[test]
fn a_table_written_half_is_resumed_from_its_older_half() {
    let letters = "nmnmnmnmnAmnmnmAAAmnnnmn";
    let mut lucky = Host::scripted(watch()).with("web-1", letters).with("web-2", letters);
    lucky.data.write("web-0", 0, "nnnn");
    lucky.live(2, 23);
    for rows in 0..=2 {
        let mut host = Host::scripted(watch()).with("web-1", letters).with("web-2", letters);
        // Long gone; once its row is two writes old it does not make the host ask for everything since then.
        host.data.write("web-0", 0, "nnnn");
        host.live(2, 6).save(usize::MAX);
        host.live(7, 10).save(usize::MAX);
        host.live(11, 17).save(rows);
        host.live(18, 18);
        host.crash();
        assert_eq!(host.fold.newest(), Some(at([3, 10, 17][rows])), "{rows} rows written");
        host.live(19, 23);
        for name in ["web-1", "web-2"] {
            assert_eq!(host.track(&pod(name)), lucky.track(&pod(name)), "{name}, {rows} rows written");
        }
        assert_eq!(host.fold.newest(), Some(at(23)));
        assert_eq!(host.incidents(), lucky.incidents());
    }
}
