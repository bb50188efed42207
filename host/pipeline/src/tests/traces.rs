//! What is remembered of recent samples: their bands are the verdicts that were given, whatever happens in between.

use tidegate_domain::event::TracePoint;
use tidegate_domain::labels::Labels;
use tidegate_domain::rules::{ColdStart, Watch};

use crate::scorer::Scorer;
use crate::tests::data::{at, minute, pod};
use crate::tests::host::{Host, minutes, watch};
use crate::tests::scripted::ZScore;
use crate::trace::{Trace, Wanted};

fn trace_of(host: &Host, series: &Labels, place: &Labels, after: u64) -> Trace {
    let wanted = Wanted { series: series.clone(), place: place.clone(), after: at(after) };
    host.fold.trace(&[wanted]).remove(0)
}

fn trace(host: &Host, name: &str, after: u64) -> Vec<TracePoint> {
    trace_of(host, &pod(name), &pod(name), after).points
}

/// Minute by minute: `.` without a band, `A` taken for an anomaly, `n` not.
fn letters(points: &[TracePoint]) -> String {
    points
        .iter()
        .map(|point| match (point.score.0.is_nan() && point.upper.0.is_nan(), point.anomalous) {
            (true, _) => '.',
            (_, true) => 'A',
            (_, false) => 'n',
        })
        .collect()
}

#[test]
fn samples_before_during_and_after_the_trouble_have_the_bands_that_judged_them() {
    let mut host = Host::scripted(watch()).with("web-1", "nnnnnnnmAAAHHnn~mnnnn");
    host.live(4, 20);
    let points = trace(&host, "web-1", 3);
    // The first is history and was not judged; of the one that is not a number nothing is remembered.
    assert_eq!(letters(&points), ".nnnAAAAAnnnnnnn");
    let minutes: Vec<u64> = points.iter().map(|point| minute(point.at)).collect();
    assert_eq!(minutes, (4..=20).filter(|minute| *minute != 15).collect::<Vec<_>>());
    let at_worst = points.iter().find(|point| minute(point.at) == 11).expect("a sample");
    assert_eq!([at_worst.value.0, at_worst.expected.0, at_worst.lower.0, at_worst.upper.0], [20.0, 0.0, -10.0, 10.0]);
    assert!((at_worst.score.0 - 2.0).abs() < 1e-6);
    assert_eq!(trace(&host, "web-1", 18).len(), 2, "only what is new");
    assert_eq!(trace(&host, "nobody-1", 0), []);
}

/// The bands of a real detector, against those of an identical one that is asked directly.
#[test]
fn bands_are_those_of_the_detector_however_large_the_values() {
    for level in [0.0, 40.0, 1e12, -1e300] {
        let mut host = Host::new(watch(), Box::new(|| vec![Box::new(ZScore::new(30))]));
        let spread = if level == -1e300 { 1e290 } else { 1.0 };
        let value = |minute: u64| level + spread * ((minute * 7919 % 10) as f64);
        host.data.0.insert(pod("web-1"), (0..120).map(|minute| (minute, value(minute))).collect());
        host.live(40, 119);
        let points = trace(&host, "web-1", 0);
        assert_eq!(points.len(), 60);

        let own = ZScore::new(30);
        let (timestamps, values): (Vec<i64>, Vec<f64>) = (0..120).map(|m| (at(m).0, value(m))).unzip();
        let said = own.score(&[], &timestamps, &values).expect("an answer").verdicts;
        for (point, place) in points.iter().zip(60..) {
            let (value, verdict) = (values[place], [said.expected[place], said.lower[place], said.upper[place]]);
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-6 * (b - value).abs() + 1e-15 * value.abs();
            for (kept, given) in [point.expected.0, point.lower.0, point.upper.0].into_iter().zip(verdict) {
                let endless = (given - value).abs() > f64::from(f32::MAX);
                assert!(close(kept, given) || (endless && kept.is_infinite()), "{kept} for {given}, level {level}");
            }
            assert!((point.score.0 - said.scores[place]).abs() <= 1e-6 * said.scores[place]);
        }
    }
}

#[test]
fn what_counts_as_normal_all_the_same_is_not_marked() {
    let mut host = Host::scripted(Watch { min_dev: 15.0, ..watch() }).with("web-1", "nnnnnAAAHn");
    host.live(4, 9);
    let points = trace(&host, "web-1", 4);
    assert_eq!(letters(&points), "nnnAn", "the score alone does not say");
    assert!(points[0].score.0 > 1.0);
}

#[test]
fn a_young_series_shows_the_bounds_that_judge_it() {
    let cold_start = ColdStart { history: minutes(60), above: Some(15.0), below: None };
    let mut host = Host::scripted(Watch { cold_start, ..watch() }).with("web-1", "nnnnnHn");
    host.live(2, 6);
    let points = trace(&host, "web-1", 2);
    assert_eq!(letters(&points), "nnAn");
    assert_eq!(points[0].upper.0, 15.0);
    assert!(points[0].lower.0 == f64::NEG_INFINITY && points[0].expected.0.is_nan() && points[0].score.0.is_nan());
    let (youngest, oldest) = host.last.counts.cold_ages.expect("a young series");
    assert_eq!((youngest, oldest), (minutes(6), minutes(6)));
}

#[test]
fn after_a_crash_samples_that_are_folded_again_have_their_bands_again() {
    let mut host = Host::scripted(watch()).with("web-1", "nnnnnnnnAAAAAAnnnnn");
    host.live(4, 6).save(usize::MAX);
    host.live(7, 12);
    let before = trace(&host, "web-1", 6);
    assert_eq!(host.crash(), 0);
    assert_eq!(letters(&trace(&host, "web-1", 3)), "...", "values are in the table, bands are not");
    host.live(13, 18);
    let after = trace(&host, "web-1", 6);
    assert_eq!(letters(&after), "nAAAAAAnnnnn");
    assert_eq!(after[..before.len()], before);
}

#[test]
fn history_and_an_accepted_level_have_no_bands() {
    let soon = Watch { accept_after: minutes(6), ..watch() };
    let mut host = Host::scripted(soon).with("web-1", "nnnnnnAAAAAAAnmnmn");
    host.live(4, 17);
    let points = trace(&host, "web-1", 0);
    let bands: Vec<(u64, char)> = points.iter().map(|point| minute(point.at)).zip(letters(&points).chars()).collect();
    assert!(bands.iter().all(|(minute, letter)| (*letter == '.') == (*minute <= 13)), "{bands:?}");
}

#[test]
fn a_series_that_goes_on_under_other_labels_is_found_there() {
    let by_app = Watch { identity: Some(vec!["app".to_owned()]), ..watch() };
    let mut host = Host::scripted(by_app).with("web-1", "nnnnnnAAA");
    host.data.write("web-2", 9, "AAAnnnnn");
    host.live(4, 11);
    let found = trace_of(&host, &pod("web-1"), &pod("web-1"), 0);
    assert_eq!((found.place.clone(), letters(&found.points).as_str()), (pod("web-2"), "....nAAAAAA"));
    // The incident is over, and the successor stands for itself; whoever remembers where it was finds it still.
    host.live(12, 16);
    let later = trace_of(&host, &pod("web-1"), &found.place, 11);
    assert_eq!(letters(&later.points), "nnnnn");
    assert_eq!(trace_of(&host, &pod("web-1"), &pod("web-1"), 0).points, []);
}

#[test]
fn what_is_remembered_of_a_series_is_small_and_grows_no_further() {
    let mut host = Host::scripted(watch()).with("web-1", &"n".repeat(200));
    host.live(4, 199);
    assert_eq!(trace(&host, "web-1", 0).len(), 60);
    assert_eq!(host.fold.entry(&pod("web-1")).expect("a series").bands.bytes(), 60 * 16);
}
