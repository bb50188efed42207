//! One series: what is told of it, and what its detectors learn and do not learn.

use tidegate_domain::event::MemberEnd;
use tidegate_domain::input::WatchChange;
use tidegate_domain::rules::{ColdStart, Watch};
use tidegate_domain::series::{Phase, Unjudged};

use crate::frame::{Frame, FrameSeries};
use crate::scorer::Scorer;
use crate::tests::data::{at, pod};
use crate::tests::host::{Host, minutes, watch};
use crate::tests::scripted::Scripted;

/// Plays the letters a minute each behind two healthy hours; what was told, minute by minute, and what was learnt.
fn play(watch: Watch, letters: &str) -> (String, String) {
    let mut host = Host::scripted(watch).with("web-1", &format!("{}{letters}", "n".repeat(120)));
    host.live(119, 119);
    let mut told = String::new();
    for minute in 120..120 + letters.len() as u64 {
        let before = host.changes.len();
        host.cycle(minute);
        told.push(host.changes[before..].iter().find_map(|(_, change)| letter(change)).unwrap_or('.'));
    }
    let learnt = host.learnt(&pod("web-1"));
    (told, learnt.trim_start_matches('n').to_owned())
}

fn letter(change: &WatchChange) -> Option<char> {
    match change {
        WatchChange::Opened { .. } => Some('O'),
        WatchChange::Worsened { .. } => Some('W'),
        WatchChange::Ended { how: MemberEnd::Recovered, .. } => Some('R'),
        WatchChange::Ended { how: MemberEnd::Accepted, .. } => Some('X'),
        WatchChange::Ended { how: MemberEnd::Vanished, .. } => Some('V'),
        _ => None,
    }
}

#[test]
fn anomalies_are_told_and_not_learnt() {
    let rows = [
        // Samples, what is told, what is learnt behind the healthy history.
        ("mmmm", "....", "mmmm"),
        // A streak that opens nothing is learnt in order, when it is over.
        ("mAm", "...", "mAm"),
        ("mAAm", "....", "mAAm"),
        ("mAA?m", ".....", "mAA?m"),
        ("mAA~m", ".....", "mAAm"),
        ("mAA", "...", "m"),
        ("mAAA", "...O", "m"),
        ("mAAAnnn", "...O..R", "mAAAnnn"),
        // Of an incident only how it began, and what ended it.
        ("mAAAnnnm", "...O..R.", "mAAAnnnm"),
        ("mAAAnmnnnm", "...O....R.", "mAAAnnnm"),
        ("mAAAAAHHHAAnnnm", "...O..W......R.", "mAAAnnnm"),
        ("mAAAHAH", "...OW..", "m"),
        // Gaps and failures neither open, nor close, nor count as healthy.
        ("mAA~~~~", ".......", "m"),
        ("mAA....A", ".......O", "m"),
        ("mAA!!!!", ".......", "m"),
        ("mAAAnn~~!!??", "...O........", "m"),
        ("mAAAnn......n", "...O........R", "mAAAnnn"),
        ("m!m", "...", "mm"),
        ("mPm", "...", "mm"),
        ("mSm", "...", "mm"),
    ];
    for (letters, told, learnt) in rows {
        assert_eq!(play(watch(), letters), (told.to_owned(), learnt.to_owned()), "{letters}");
    }
    let hasty = Watch { consecutive: 1, recover_after: 1, ..watch() };
    assert_eq!(play(hasty, "mAnAm"), (".ORO.".to_owned(), "mAn".to_owned()));
}

#[test]
fn after_a_streak_that_opened_nothing_all_is_as_without_it() {
    let calm = Watch { consecutive: 1000, ..watch() };
    // The same samples, judged normal one by one: no detector that answers, and no streak.
    let deaf = Watch { min_dev: 1e9, ..watch() };
    for letters in ["mAm", "AAmAAAAm", "mAAA?AA~Am", "bAAnHm"] {
        assert_eq!(play(calm.clone(), letters), play(deaf.clone(), letters), "{letters}");
    }
}

#[test]
fn a_level_that_lasts_is_learnt_from_its_beginning() {
    let soon = Watch { accept_after: minutes(6), ..watch() };
    // Accepted; the next cycle learns the level, then judges.
    let (told, learnt) = play(soon, "mAAAAAAAAn");
    assert_eq!((told.as_str(), learnt.as_str()), ("...O...X..", "AAAAAAAAn"));
}

#[test]
fn young_series_are_judged_by_bounds() {
    let bounds = ColdStart { history: minutes(180), above: Some(10.0), below: None };
    let (told, learnt) = play(Watch { cold_start: bounds, ..watch() }, "bbbAAAnnn");
    assert_eq!((told.as_str(), learnt.as_str()), (".....O..R", "bbbAAAnnn"));
    let unbounded = ColdStart { history: minutes(180), above: None, below: None };
    assert_eq!(play(Watch { cold_start: unbounded, ..watch() }, "AAAA"), ("....".to_owned(), "AAAA".to_owned()));
}

#[test]
fn one_failing_detector_leaves_the_other_to_judge() {
    let two = || -> Vec<Box<dyn Scorer>> {
        vec![Box::new(Scripted::new("breaks")), Box::new(Scripted { breaks: false, ..Scripted::new("holds") })]
    };
    let mut host = Host::new(watch(), Box::new(two)).with("web-1", "nnnn!PSn").with("web-2", "nnnnnnnn");
    host.live(2, 7);
    let failed: u64 = host.last.counts.failed.values().sum();
    assert_eq!((failed, host.last.counts.normal), (0, 2), "the last sample is judged by both again");
    let states = &host.track(&pod("web-1")).states;
    let learnt: Vec<String> = states.iter().map(|state| crate::tests::scripted::learnt(&state.0)).collect();
    assert_eq!(learnt, ["nnnnn", "nnnn!PSn"], "the one that failed goes without");
    assert_eq!(host.learnt(&pod("web-2")), "nnnnnnnn", "other series are none the wiser");

    host.data.write("web-1", 8, "P").write("web-2", 8, "n");
    host.live(8, 8);
    let counts = &host.last.counts;
    assert_eq!(counts.failed.get(&("breaks".to_owned(), "panicked")), Some(&1));
    assert_eq!(counts.unjudged.get(&Unjudged::GuestFailed), Some(&1), "a failure is no score of zero");
}

#[test]
fn odd_frames_are_survived() {
    let mut host = Host::scripted(watch()).with("web-1", "nnnn");
    host.live(2, 3);
    let series = |minutes: &[u64], values: &[f64]| FrameSeries {
        labels: pod("web-1"),
        timestamps: minutes.iter().map(|minute| at(*minute).0).collect(),
        values: values.to_vec(),
    };
    let frames = [
        // Nothing at all, one series without samples, the same samples again, older ones.
        vec![],
        vec![series(&[], &[]), FrameSeries { labels: pod("web-9"), timestamps: vec![], values: vec![] }],
        vec![series(&[3], &[12.0])],
        vec![series(&[0, 1, 2], &[12.0; 3])],
        // From years ahead.
        vec![series(&[900_000], &[12.0])],
        // Columns of different lengths.
        vec![series(&[1, 2, 3, 4], &[1.0])],
        // Twice in one frame: the first counts.
        vec![series(&[4], &[9.0]), series(&[4], &[12.0])],
        // An unknown one twice.
        vec![FrameSeries { labels: pod("web-2"), ..series(&[5], &[1.0]) }; 2],
    ];
    for series in frames {
        let (frame, view) = (Frame { series }, host.view());
        host.fold.meet(&frame, &view);
        host.fold.end_backfill(at(5));
        let report = host.fold.cycle(&frame, &view, at(5));
        assert!(report.changes.is_empty(), "{:?}", report.changes);
    }
    assert_eq!(host.learnt(&pod("web-1")), "nnnnm");
    assert_eq!(host.track(&pod("web-1")).cursor, at(4));
    assert_eq!(host.fold.len(), 2, "a series without samples is none");
}

#[test]
fn a_series_of_nothing_but_nan_is_present_and_unjudged() {
    let mut host = Host::scripted(watch()).with("web-1", &"~".repeat(30));
    host.live(0, 29);
    assert_eq!(host.last.counts.unjudged.get(&Unjudged::NotFinite), Some(&1));
    assert_eq!((host.last.counts.absent_groups, host.changes.len()), (0, 0));
    assert_eq!(host.track(&pod("web-1")).phase, Phase::Normal);
    assert_eq!(host.learnt(&pod("web-1")), "");
}
