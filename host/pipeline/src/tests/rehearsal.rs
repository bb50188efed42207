//! A series played alone is judged as by the whole host.

use std::time::Duration;

use tidegate_domain::rules::{ColdStart, Watch};
use tidegate_domain::series::{Standing, Unjudged};

use crate::rehearsal::{Rehearsed, rehearse};
use crate::report::Counts;
use crate::scorer::Scorer;
use crate::sounding::History;
use crate::tests::data::{Data, at, minute, pod};
use crate::tests::events::batch;
use crate::tests::host::{Host, minutes, watch};
use crate::tests::scripted::{Scripted, value_of};

fn scripted() -> Vec<Box<dyn Scorer>> {
    vec![Box::new(Scripted::new("d"))]
}

/// A letter a minute; `.` is no sample.
fn play(watch: Watch, letters: &str) -> Vec<(u64, Rehearsed)> {
    let samples = letters.chars().enumerate().filter(|(_, letter)| *letter != '.');
    let (times, values): (Vec<u64>, Vec<f64>) = samples.map(|(place, letter)| (place as u64, value_of(letter))).unzip();
    let timestamps: Vec<i64> = times.iter().map(|minute| at(*minute).0).collect();
    let played = rehearse(watch, scripted(), History { timestamps: &timestamps, values: &values });
    times.into_iter().zip(played).collect()
}

/// `n` normal, `A` anomalous, `O` anomalous and an incident opens, `?` unjudged, `-` not looked at.
fn told(played: &[(u64, Rehearsed)]) -> String {
    let letter = |sample: &Rehearsed| match sample.judgement.map(|judgement| judgement.standing) {
        None => '-',
        Some(_) if sample.opened.is_some() => 'O',
        Some(Standing::Anomalous) => 'A',
        Some(Standing::Normal) => 'n',
        Some(Standing::Unjudged(_)) => '?',
    };
    played.iter().map(|(_, sample)| letter(sample)).collect()
}

fn scores(played: &[(u64, Rehearsed)]) -> Vec<String> {
    let score = |sample: &Rehearsed| sample.judgement.map_or(f64::NAN, |judgement| judgement.verdict.score);
    played.iter().map(|(_, sample)| score(sample).to_string()).collect()
}

#[test]
fn sample_by_sample() {
    // The first sample is all the history there is.
    let played = play(watch(), "nnAAnAAAm~!nnn?A");
    assert_eq!(told(&played), "-nAAnAAOn??nnn?A");
    assert_eq!(scores(&played)[..5], ["NaN", "0.1", "1.2", "1.2", "0.1"]);
    let opened: Vec<_> = played.iter().filter_map(|(at, sample)| Some((*at, minute(sample.opened?)))).collect();
    assert_eq!(opened, [(7, 5)]);
    let within: String = played.iter().map(|(_, sample)| if sample.in_incident { 'i' } else { '.' }).collect();
    assert_eq!(within, "........iiiiii..", "up to the third healthy one");
    let why = |place: usize| played[place].1.judgement.map(|judgement| judgement.standing);
    assert_eq!(why(9), Some(Standing::Unjudged(Unjudged::NotFinite)));
    assert_eq!(why(10), Some(Standing::Unjudged(Unjudged::GuestFailed)));
}

#[test]
fn cold_start_is_judged_by_bounds_or_not_at_all() {
    let cold = |above| ColdStart { history: minutes(5), above, below: None };
    let played = play(Watch { cold_start: cold(None), ..watch() }, "nnHHHnnHH");
    assert_eq!(told(&played), "-????nnAA");
    assert_eq!(scores(&played)[4..6], ["NaN", "0.1"]);
    let played = play(Watch { cold_start: cold(Some(15.0)), consecutive: 1, ..watch() }, "nnHHnnnHH");
    assert_eq!(told(&played), "-nOAnnnOA");
}

#[test]
fn late_samples_and_those_that_come_twice_are_dropped() {
    let times = [3, 4, 5, 4, 5, 6, 1].map(|minute| at(minute).0);
    let values = ['n', 'n', 'n', 'A', 'A', 'n', 'A'].map(value_of);
    let played = rehearse(watch(), scripted(), History { timestamps: &times, values: &values });
    let played: Vec<_> = played.into_iter().map(|sample| (0, sample)).collect();
    assert_eq!(told(&played), "-nn--n-");
}

#[test]
fn nothing_at_all() {
    assert_eq!(rehearse(watch(), scripted(), History { timestamps: &[], values: &[] }), []);
    let last = [i64::MAX];
    let _ = rehearse(watch(), scripted(), History { timestamps: &last, values: &[1.0] });
    let ends = [i64::MIN, i64::MAX];
    assert_eq!(rehearse(watch(), scripted(), History { timestamps: &ends, values: &[1.0, 1.0] }).len(), 2);
}

/// What the whole host makes of the same minutes, with its book, its series table and its backfill.
fn live(watch: Watch, letters: &str) -> (String, Vec<(u64, u64)>) {
    let mut host = Host::scripted(watch);
    host.data = Data::default();
    host.data.write("web-1", 0, letters);
    let mut told = String::new();
    let mut opened = Vec::new();
    for minute in 0..letters.len() as u64 {
        let before = host.opened().len();
        host.cycle(minute);
        if host.data.0[&pod("web-1")].contains_key(&minute) {
            let news = host.opened();
            told.push(standing(&host.last.counts, news.len() > before));
            opened.extend((news.len() > before).then(|| (minute, news.last().map_or(0, |(_, since)| *since))));
        }
    }
    (told, opened)
}

fn standing(counts: &Counts, opened: bool) -> char {
    let unjudged: u64 = counts.unjudged.values().sum();
    match (counts.anomalous, counts.normal, unjudged) {
        (0, 0, 0) => '-',
        (1, 0, 0) if opened => 'O',
        (1, 0, 0) => 'A',
        (0, 1, 0) => 'n',
        (0, 0, 1) => '?',
        _ => panic!("one sample: {counts:?}"),
    }
}

/// Letters in stretches, evenly chosen (linear congruential: D. H. Lehmer, 1951).
fn letters(seed: u64, length: usize) -> String {
    const KINDS: [(&str, u64); 8] = [("n", 12), ("n", 5), ("A", 7), ("H", 4), ("m", 3), ("?", 2), ("~", 3), (".", 9)];
    let mut random = seed * 2 + 1;
    let mut next = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let mut letters = "nnn".to_owned();
    while letters.len() < length {
        let (letter, most) = KINDS[next(KINDS.len() as u64) as usize];
        letters += &letter.repeat(1 + next(most) as usize);
    }
    letters
}

#[test]
fn as_the_whole_host() {
    let rules = [
        watch(),
        Watch { consecutive: 1, recover_after: 1, ..watch() },
        // A trouble that lasts is accepted, and a series that is away for as long is forgotten.
        Watch { accept_after: minutes(6), ..watch() },
        Watch { known_events: vec![batch("batch", &[])], accept_after: minutes(20), ..watch() },
        Watch { consecutive: 1, accept_after: minutes(4), absent_after: minutes(4), ..watch() },
        Watch {
            cold_start: ColdStart { history: Duration::from_secs(1200), above: Some(15.0), below: None },
            ..watch()
        },
    ];
    for (which, rules) in rules.into_iter().enumerate() {
        for seed in 0..16 {
            // Long enough for the third time of what is known.
            let letters = letters(seed, if rules.known_events.is_empty() { 120 } else { 220 });
            let played = play(rules.clone(), &letters);
            let opened = played.iter().filter_map(|(at, sample)| Some((*at, minute(sample.opened?)))).collect();
            assert_eq!((told(&played), opened), live(rules.clone(), &letters), "rules {which}, {letters}");
        }
    }
}

#[test]
fn what_comes_later_changes_nothing() {
    let rules = Watch { accept_after: minutes(6), ..watch() };
    for seed in 0..10 {
        let letters = letters(seed, 120);
        let whole = play(rules.clone(), &letters);
        for cut in (1..letters.len()).step_by(7) {
            let piece = play(rules.clone(), &letters[..cut]);
            let same =
                |one: &[(u64, Rehearsed)], other: &[(u64, Rehearsed)]| format!("{one:?}") == format!("{other:?}");
            assert!(same(&piece, &whole[..piece.len()]), "{letters} cut after {cut}");
        }
    }
}
