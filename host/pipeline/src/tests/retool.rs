//! Guests and settings that change while a watch runs: what goes on, what is learnt again, and that nobody else notices.

use tidegate_domain::event::CloseReason;
use tidegate_domain::rules::Watch;
use tidegate_domain::series::{Phase, Unjudged};

use crate::scorer::Scorer;
use crate::tests::data::{app, at, pod};
use crate::tests::host::{Detectors, Host, minutes, watch};
use crate::tests::scripted::{Scripted, ZScore, learnt};

fn one(detector: Scripted) -> Detectors {
    Box::new(move || vec![Box::new(detector.clone())])
}

fn all(detectors: &[Scripted]) -> Detectors {
    let detectors = detectors.to_vec();
    Box::new(move || detectors.iter().map(|detector| Box::new(detector.clone()) as Box<dyn Scorer>).collect())
}

/// Another version of the same guest, with the same settings.
fn version(digest: &str) -> Scripted {
    Scripted { digest: digest.to_owned(), ..Scripted::new("d") }
}

/// One that knows nothing of the states of the version before it.
fn stranger() -> Scripted {
    Scripted { refuses: true, ..version("02") }
}

const LIVES: [&str; 4] =
    ["nnnnnnmAAAmmnnnmAAAmnnnm", "nnnnnnAAAnnnAAAAAAAAAAAA", "nnnnnnAmAmAAnAAAnnnmAAAn", "nmnmnmnmn~nm?nmnmnmnmnmn"];

/// Lives through the letters, with a swap after one of the minutes, and without.
fn swapped(letters: &str, minute: u64, detector: Scripted) -> [Host; 2] {
    let end = letters.len() as u64 - 1;
    let mut plain = Host::scripted(watch()).with("web-1", letters);
    plain.live(4, end);
    let mut host = Host::scripted(watch()).with("web-1", letters);
    host.live(4, minute);
    host.retool(watch(), one(detector));
    host.live(minute + 1, end);
    [host, plain]
}

#[test]
fn a_version_that_reads_the_states_changes_no_bits() {
    for letters in LIVES {
        for minute in 4..23 {
            for detector in [Scripted::new("d"), version("01")] {
                let what = format!("{letters}, {} after minute {minute}", detector.digest);
                let [host, plain] = swapped(letters, minute, detector);
                assert_eq!(host.tracks(), plain.tracks(), "{what}");
                assert_eq!(host.incidents(), plain.incidents(), "{what}");
                assert_eq!(host.last.counts, plain.last.counts, "{what}");
            }
        }
    }
}

#[test]
fn a_real_detector_goes_on_with_the_same_bits() {
    let detectors = || -> Detectors { Box::new(|| vec![Box::new(ZScore::new(30))]) };
    let values: Vec<f64> = (0..200u64).map(|minute| 10.0 + (minute * 7919 % 13) as f64 / 3.0).collect();
    let live = |swaps: &[u64]| {
        let mut host = Host::new(watch(), detectors());
        let samples = host.data.0.entry(pod("web-1")).or_default();
        samples.extend(values.iter().enumerate().map(|(minute, value)| (minute as u64, *value)));
        for minute in 40..200 {
            if swaps.contains(&minute) {
                host.retool(watch(), detectors());
            }
            host.cycle(minute);
        }
        host.tracks()
    };
    assert_eq!(live(&[]), live(&[41, 77, 78, 150]));
}

#[test]
fn a_state_that_cannot_be_read_is_learnt_again_before_the_next_judgement() {
    let mut host = Host::scripted(watch()).with("web-1", &"nm".repeat(40)).with("web-2", &"mn".repeat(40));
    host.live(70, 74);
    let (before, judged) = (host.tracks(), host.last.counts.normal);
    let retooled = host.retool(watch(), one(stranger()));
    assert_eq!((retooled.tried, retooled.relearning), (2, 2));
    assert!(retooled.report.failures.is_empty(), "{:?}", retooled.report.failures);
    assert_eq!(host.learnt(&pod("web-1")), "", "it is dropped");

    host.live(75, 75);
    assert_eq!(host.last.counts.normal, judged, "no sample goes without a judgement");
    // The detector's hour of history and the sample just judged. The state before had begun earlier.
    assert_eq!(host.learnt(&pod("web-1")), "nm".repeat(40)[14..76]);
    host.live(76, 79);
    assert_eq!(host.learnt(&pod("web-2")), "mn".repeat(40)[14..]);
    let after = host.track(&pod("web-1"));
    assert_eq!(after.history_from, before[&pod("web-1")].history_from, "the series is as old as it was");
    assert_eq!(host.fold.awaiting_history(at(79)), None);
}

#[test]
fn trouble_goes_on_where_it_was() {
    for letters in LIVES {
        for minute in 4..23 {
            let [host, plain] = swapped(letters, minute, stranger());
            let what = format!("{letters}, swapped after {minute}");
            assert_eq!(host.incidents(), plain.incidents(), "{what}");
            assert_eq!(host.opened(), plain.opened(), "{what}");
            let (track, other) = (host.track(&pod("web-1")), plain.track(&pod("web-1")));
            assert_eq!((&track.phase, &track.recent), (&other.phase, &other.recent), "{what}");
        }
    }
}

#[test]
fn a_fault_is_not_learnt_on_the_way() {
    let letters = "nnnnmnAAAAAAAnnnm";
    let mut host = Host::scripted(watch()).with("web-1", letters);
    host.live(4, 9);
    host.retool(watch(), one(stranger()));
    host.live(10, 12);
    assert_eq!(host.learnt(&pod("web-1")), "nnnnmn", "from before the trouble");
    assert!(matches!(host.track(&pod("web-1")).phase, Phase::Incident { since, .. } if since == at(6)));
    host.live(13, 16);
    assert_eq!(host.incidents(), [(pod("web-1"), 6, Some(CloseReason::Recovered))]);
}

#[test]
fn until_history_is_there_the_detector_abstains_and_the_others_judge() {
    let both = |digest: &str, refuses| {
        all(&[Scripted { refuses, ..version(digest) }, Scripted { digest: "e0".to_owned(), ..Scripted::new("e") }])
    };
    let mut host = Host::new(watch(), both("00", false)).with("web-1", "nmnmnmnmnmAAAAnnnnnn");
    host.live(5, 8);
    host.history_breaks = Some(0);
    host.retool(watch(), both("02", true));
    host.live(9, 12);
    let states = &host.track(&pod("web-1")).states;
    assert_eq!((learnt(&states[0].0).as_str(), learnt(&states[1].0)), ("", "nmnmnmnmnm".to_owned()));
    assert_eq!(host.opened(), [(pod("web-1"), 10)], "one detector is enough here");
    // Nobody else to judge: that is no verdict, and no failure either.
    let mut alone = Host::scripted(watch()).with("web-1", &"n".repeat(12));
    alone.live(5, 8);
    alone.history_breaks = Some(0);
    alone.retool(watch(), one(stranger()));
    alone.live(9, 9);
    assert_eq!(alone.last.counts.unjudged, [(Unjudged::Learning, 1)].into());
    assert_eq!(alone.last.counts.calls, 0);

    // In between it dies: what was missing is missing still.
    alone.save(usize::MAX);
    alone.crash();
    alone.live(10, 10);
    assert_eq!(alone.last.counts.unjudged, [(Unjudged::Learning, 1)].into());
    alone.history_breaks = None;
    alone.live(11, 11);
    assert_eq!((alone.learnt(&pod("web-1")), alone.last.counts.normal), ("n".repeat(12), 1));
    host.history_breaks = None;
    host.live(13, 19);
    assert_eq!(host.incidents(), [(pod("web-1"), 10, Some(CloseReason::Recovered))]);
    let states = &host.track(&pod("web-1")).states;
    assert_eq!(states[0], states[1], "both have learnt the same");
}

#[test]
fn other_settings_are_learnt_anew_and_the_other_detector_goes_on() {
    let (d, e) = (Scripted::new("d"), Scripted::new("e"));
    let short = Scripted { model: "another window", history: minutes(3), ..d.clone() };
    let mut host = Host::new(watch(), all(&[d, e.clone()])).with("web-1", &"nm".repeat(10));
    host.live(10, 14);
    // In another order, at that.
    host.retool(watch(), all(&[e.clone(), short.clone()]));
    host.live(15, 15);
    let states = &host.track(&pod("web-1")).states;
    assert_eq!(learnt(&states[0].0), "nm".repeat(8));
    assert_eq!(learnt(&states[1].0), "nm".repeat(8), "what one wants of history, all get");
    // One more, and one less.
    host.retool(watch(), all(&[Scripted::new("f"), short]));
    host.live(16, 16);
    assert_eq!(learnt(&host.track(&pod("web-1")).states[1].0), "nm".repeat(9)[..17]);
    host.retool(watch(), all(&[]));
    assert_eq!(host.track(&pod("web-1")).states, []);
}

#[test]
fn a_level_that_is_accepted_meanwhile_is_learnt_alone() {
    let soon = Watch { accept_after: minutes(6), ..watch() };
    let (d, e) = (Scripted::new("d"), Scripted::new("e"));
    let mut host = Host::new(soon.clone(), all(&[d.clone(), e.clone()])).with("web-1", "nmnmnmAAAAAAAnmnmnm");
    host.live(4, 8);
    host.history_breaks = Some(0);
    host.retool(soon, all(&[Scripted { refuses: true, digest: "02".to_owned(), ..d }, e]));
    host.live(9, 13);
    host.history_breaks = None;
    host.live(14, 18);
    let states = &host.track(&pod("web-1")).states;
    let [lost, kept] = [0, 1].map(|which| learnt(&states[which].0));
    assert_eq!((lost.as_str(), kept.as_str()), ("AAAAAAAnmnmnm", "nmnmnmAAAAAAAnmnmnm"));
}

#[test]
fn a_restart_with_another_version_is_as_a_swap() {
    for detector in [version("01"), stranger()] {
        let letters = "nnnnmnAAAmAAAnnnmnmm";
        for minute in 5..18 {
            let [swapped, _] = swapped(letters, minute, detector.clone());
            let mut restarted = Host::scripted(watch()).with("web-1", letters);
            restarted.live(4, minute).save(usize::MAX);
            restarted.detectors = one(detector.clone());
            assert_eq!(restarted.crash(), 0);
            restarted.live(minute + 1, 19);
            let what = format!("version {} after {minute}", detector.digest);
            assert_eq!(restarted.tracks(), swapped.tracks(), "{what}");
            assert_eq!(restarted.incidents(), swapped.incidents(), "{what}");
        }
    }
}

#[test]
fn a_crash_after_a_swap_finds_the_states_of_before_and_of_after() {
    let letters = "nnnnmnmnmAAAnnnmnmnm";
    for rows in 0..=2 {
        let mut host = Host::scripted(watch()).with("web-1", letters).with("web-2", letters);
        host.live(4, 7).save(usize::MAX);
        host.retool(watch(), one(stranger()));
        host.live(8, 9).save(rows);
        host.crash();
        host.live(10, 19);
        for name in ["web-1", "web-2"] {
            let learnt = host.learnt(&pod(name));
            assert_eq!(learnt, letters, "{name}, {rows} rows written");
        }
        assert_eq!(host.incidents().len(), 2, "{rows} rows written");
    }
}

#[test]
fn a_version_that_breaks_when_it_is_tried_is_not_tried_on_every_series() {
    struct Traps;
    impl Scorer for Traps {
        fn name(&self) -> &str {
            "d"
        }
        fn digest(&self) -> &str {
            "03"
        }
        fn model(&self) -> &str {
            "scripted"
        }
        fn history(&self) -> std::time::Duration {
            minutes(60)
        }
        fn score(&self, _: &[u8], _: &[i64], _: &[f64]) -> Result<tidegate_sandbox::Scored, crate::scorer::ScoreError> {
            panic!("told to")
        }
    }
    let mut host = Host::scripted(watch());
    for pod in 0..50 {
        host.data.write(&format!("web-{pod}"), 0, "nnnnnnnn");
    }
    host.live(5, 6);
    let before = host.tracks();
    let retooled = host.retool(watch(), Box::new(|| vec![Box::new(Traps)]));
    assert!(retooled.report.counts.calls <= 2, "one a thread: {:?}", retooled.report.counts);
    assert_eq!((retooled.relearning, retooled.report.failures.len()), (0, 1));
    assert_eq!(host.tracks(), before, "the states are kept for whoever can read them");
    host.retool(watch(), one(Scripted::new("d")));
    host.live(7, 7);
    assert_eq!((host.last.counts.normal, host.learnt(&pod("web-7"))), (50, "n".repeat(8)));
}

#[test]
fn rules_change_in_place() {
    let mut host = Host::scripted(watch()).with("web-1", "nnnnmAAAAAAAAAAAA").with("web-2", "nnnnnnnnnnnnnnnnn");
    host.live(3, 5);
    host.retool(Watch { consecutive: 4, ..watch() }, one(Scripted::new("d")));
    host.live(6, 7);
    assert_eq!(host.incidents(), [], "three in a row are not enough any more");
    host.live(8, 8);
    assert_eq!(host.incidents(), [(pod("web-1"), 5, None)]);
    assert_eq!(host.learnt(&pod("web-2")), "n".repeat(9));

    // Grouped otherwise, the old incident cannot go on; as after a restart.
    host.retool(Watch { group_by: Some(vec!["app".to_owned()]), ..watch() }, one(Scripted::new("d")));
    host.live(9, 14);
    let open: Vec<_> = host.book.open_incidents().map(|incident| incident.labels.clone()).collect();
    assert_eq!(open, [app("web")], "{:?}", host.incidents());
}
