//! What holds for every sequence: however series are spread, however many samples a cycle brings, whatever crashes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tidegate_domain::event::{Health, MemberEnd};
use tidegate_domain::input::WatchChange;
use tidegate_domain::rules::Watch;
use tidegate_domain::series::Phase;

use crate::tests::data::{Data, at, pod};
use crate::tests::events::batch;
use crate::tests::host::{Host, watch};
use crate::tests::scripted::ZScore;

const LENGTH: u64 = 160;
const LIVE_FROM: u64 = 60;

/// Samples that are noise but for some stretches; a letter says what those are.
#[derive(Clone, Debug)]
struct Series {
    noise: u64,
    stretches: Vec<(u64, u64, char)>,
}

fn series() -> impl Strategy<Value = Series> {
    let letter = prop_oneof![3 => Just('^'), 2 => Just('v'), 1 => Just('.'), 1 => Just('~')];
    let stretch = (0..LENGTH, prop_oneof![2 => 1..3u64, 1 => 3..30u64], letter);
    (1..1000u64, prop::collection::vec(stretch, 0..7)).prop_map(|(noise, stretches)| Series { noise, stretches })
}

impl Series {
    fn samples(&self) -> BTreeMap<u64, f64> {
        let letter = |minute: u64| {
            let stretch = self.stretches.iter().find(|(from, length, _)| (*from..from + length).contains(&minute));
            // Known from the beginning: how far back history goes depends on when it was asked for.
            stretch.filter(|_| minute != LIVE_FROM).map_or('n', |(_, _, letter)| *letter)
        };
        let value = |minute: u64| match letter(minute) {
            '^' => 60.0 + noise(self.noise, minute),
            'v' => -20.0 + noise(self.noise, minute),
            '~' => f64::NAN,
            _ => 10.0 + noise(self.noise, minute),
        };
        (0..LENGTH).filter(|minute| letter(*minute) != '.').map(|minute| (minute, value(minute))).collect()
    }
}

/// From 0 to 10, evenly (splitmix64: G. L. Steele, D. Lea, C. H. Flood, 2014).
fn noise(seed: u64, minute: u64) -> f64 {
    let mut mixed = (seed << 32 | minute).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ mixed >> 31) % 1000) as f64 / 100.0
}

fn many() -> impl Strategy<Value = Data> {
    prop::collection::vec(series(), 1..5).prop_map(|many| {
        let named = many.iter().enumerate().map(|(n, series)| (pod(&format!("{}-{n}", ["web", "api"][n % 2])), series));
        Data(named.map(|(labels, series)| (labels, series.samples())).collect())
    })
}

fn host(data: &Data, grouped: bool, events: bool) -> Host {
    let group_by = grouped.then(|| vec!["app".to_owned()]);
    let known_events = if events { vec![batch("of web", &["app=\"web\""]), batch("of all", &[])] } else { Vec::new() };
    let mut host = Host::new(Watch { group_by, known_events, ..watch() }, Box::new(|| vec![Box::new(ZScore::new(40))]));
    host.data = data.clone();
    host
}

fn text(host: &Host) -> Vec<String> {
    host.changes.iter().map(|change| format!("{change:?}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_does_not_matter_where_a_series_is_folded(data in many(), grouped: bool, events: bool, turn in 0..4usize) {
        let mut one = host(&data, grouped, events);
        one.threads = 1;
        one.crash();
        one.repairing = true;
        one.live(LIVE_FROM, LENGTH - 1);
        let mut four = host(&data, grouped, events);
        four.threads = 4;
        four.crash();
        four.repairing = true;
        for minute in LIVE_FROM..LENGTH {
            four.turned(minute, turn);
        }
        prop_assert_eq!(text(&one), text(&four));
        prop_assert_eq!(one.tracks(), four.tracks());
    }

    #[test]
    fn it_does_not_matter_how_many_samples_come_at_once(
        data in many(),
        grouped: bool,
        events: bool,
        cycles in prop::collection::vec(1..20u64, 200),
    ) {
        let mut each = host(&data, grouped, events);
        each.live(LIVE_FROM, LENGTH - 1);
        let mut some = host(&data, grouped, events);
        let mut until = LIVE_FROM;
        for length in cycles {
            some.cycle(until);
            until = (until + length).min(LENGTH - 1);
        }
        prop_assert_eq!(some.tracks(), each.tracks());
        prop_assert_eq!(some.opened(), each.opened());
    }

    #[test]
    fn it_does_not_matter_where_it_crashes(
        data in many(),
        grouped: bool,
        events: bool,
        crashes in prop::collection::btree_map(LIVE_FROM..LENGTH, 0..40u64, 1..4),
        torn in 0..5usize,
    ) {
        let mut lucky = host(&data, grouped, events);
        lucky.live(LIVE_FROM, LENGTH - 1);
        let mut unlucky = host(&data, grouped, events);
        // Else the series are learnt anew, from history that has the anomalies in it.
        unlucky.live(LIVE_FROM, LIVE_FROM).save(usize::MAX);
        let mut saved = LIVE_FROM;
        for minute in LIVE_FROM + 1..LENGTH {
            unlucky.cycle(minute);
            if let Some(age) = crashes.get(&minute) {
                if minute - saved >= *age {
                    unlucky.save(torn);
                }
                unlucky.crash();
            } else if minute - saved > 15 {
                unlucky.save(usize::MAX);
                saved = minute;
            }
        }
        // What was lost last is folded again.
        unlucky.cycle(LENGTH - 1);
        prop_assert_eq!(unlucky.incidents(), lucky.incidents());
        prop_assert_eq!(unlucky.opened(), lucky.opened());
        prop_assert_eq!(unlucky.tracks(), lucky.tracks());
    }

    #[test]
    fn a_gap_opens_and_closes_nothing(data in many(), events: bool) {
        let mut host = host(&data, false, events);
        host.live(LIVE_FROM, LENGTH - 1);
        for (minute, change) in &host.changes {
            let series = match change {
                WatchChange::Opened { evidence, .. } => &evidence.series,
                WatchChange::Ended { series, .. } => series,
                _ => continue,
            };
            let sample = data.0[series].get(minute);
            prop_assert!(sample.is_some_and(|value| value.is_finite()), "{change:?} at a gap");
        }
    }

    #[test]
    fn a_step_that_lasts_is_never_well(
        seed in 1..1000u64,
        height in prop_oneof![30.0..100.0f64, 100.0..1e9f64],
        down: bool,
        gaps in prop::collection::vec(0..400u64, 0..40),
        crash in prop::option::of((65..390u64, any::<bool>())),
    ) {
        let step = if down { -height } else { height };
        let value = |minute: u64| 10.0 + noise(seed, minute) + if minute < 70 { 0.0 } else { step };
        let samples = (0..400).filter(|minute| *minute < 75 || !gaps.contains(minute));
        let mut host = Host::new(watch(), Box::new(|| vec![Box::new(ZScore::new(40))]));
        host.data.0.insert(pod("web-1"), samples.map(|minute| (minute, value(minute))).collect());
        host.live(60, 64).save(usize::MAX);
        host.repairing = true;
        for minute in 65..400 {
            host.cycle(minute);
            if let Some((_, lost)) = crash.filter(|(at, _)| *at == minute) {
                // Without a table there is no telling what was before the step, unless the book has it.
                if lost && host.view().open.len() == 1 {
                    host.disk.clear();
                }
                host.crash();
            }
        }
        prop_assert_eq!(host.opened(), vec![(pod("web-1"), 70)]);
        let track = host.track(&pod("web-1"));
        prop_assert!(matches!(track.phase, Phase::Incident { since, .. } if since == at(70)), "{:?}", track.phase);
        for (minute, change) in &host.changes {
            let well = matches!(
                change,
                WatchChange::Ended { how: MemberEnd::Recovered | MemberEnd::Vanished, .. }
            ) || matches!(
                change,
                WatchChange::Observed { health: Health::Healthy, sample_at, .. } if *sample_at >= at(70)
            );
            prop_assert!(!well, "at {minute}: {change:?}");
        }
    }
}
