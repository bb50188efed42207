//! What is learnt of an incident, by the detectors as they ship: an outage does not become normal, a level that lasts does.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tidegate_domain::event::MemberEnd;
use tidegate_domain::rules::Watch;
use tidegate_domain::series::OPENING;

use crate::scorer::{ScoreError, Scorer};
use crate::tests::data::pod;
use crate::tests::host::{Host, minutes, watch};
use crate::tests::scripted::{Scripted, Seasonal, ZScore, learnt};

/// A number of a minute that looks like none of its neighbours, below 10.
fn noise(minute: u64) -> f64 {
    (minute.wrapping_mul(7919).wrapping_add(minute / 13) % 97) as f64 / 9.7
}

fn zscore() -> Vec<Box<dyn Scorer>> {
    vec![Box::new(ZScore::new(120))]
}

/// An hour with a hill in it, again and again.
fn seasonal() -> Vec<Box<dyn Scorer>> {
    vec![Box::new(Seasonal::open(r#"{"period": "1h"}"#))]
}

fn hill(minute: u64) -> f64 {
    if (20..30).contains(&(minute % 60)) { 200.0 } else { 0.0 }
}

fn host(watch: Watch, detectors: fn() -> Vec<Box<dyn Scorer>>, until: u64, value: impl Fn(u64) -> f64) -> Host {
    let mut host = Host::new(watch, Box::new(detectors));
    host.data.0.insert(pod("web-1"), (0..until).map(|minute| (minute, value(minute))).collect::<BTreeMap<_, _>>());
    host
}

#[test]
fn a_long_outage_does_not_become_normal() {
    // Ten hours of it, more than any window holds; an hour of peace; and once more.
    let down = |minute: u64| (1000..1600).contains(&minute) || (1660..1700).contains(&minute);
    let level = move |minute: u64| noise(minute) + if down(minute) { 100.0 } else { 0.0 };
    let hosts = [
        ("zscore", host(watch(), zscore, 1800, level)),
        ("seasonal", host(watch(), seasonal, 1800, |minute| level(minute) + hill(minute))),
    ];
    for (name, mut host) in hosts {
        host.live(900, 1799);
        assert_eq!(host.opened(), [(pod("web-1"), 1000), (pod("web-1"), 1660)], "{name}");
        let ended: Vec<_> = host.ended().into_iter().map(|(minute, _, how)| (minute, how)).collect();
        assert_eq!(ended, [(1602, MemberEnd::Recovered), (1702, MemberEnd::Recovered)], "{name}");
    }
}

#[test]
fn a_fault_that_comes_and_goes_does_not_become_normal() {
    for (bad, well) in [(5, 5), (20, 4), (3, 7)] {
        // Hours of it, each time an incident of its own, and then it stays.
        let down = move |minute: u64| minute >= 1600 || (minute >= 1000 && (minute - 1000) % (bad + well) < bad);
        let mut host =
            host(watch(), zscore, 1700, move |minute| noise(minute) + if down(minute) { 100.0 } else { 0.0 });
        host.live(900, 1699);
        let times = 600 / (bad + well) + 1;
        assert_eq!(host.opened().len() as u64, times, "{bad} and {well}: {:?}", host.opened());
        assert!(host.view().open.len() == 1, "{bad} and {well}: it lasts");
    }
}

#[test]
fn of_what_a_repair_was_tried_on_no_beginning_is_learnt() {
    let mut host = Host::scripted(watch()).with("web-1", "nnnnnnAAAAAnnnnn");
    host.repairing = true;
    host.live(3, 15);
    assert_eq!(host.ended().len(), 1, "{:?}", host.changes);
    assert_eq!(host.learnt(&pod("web-1")), "nnnnnnnnnnn", "a relapse is judged by what was before");
}

#[test]
fn a_level_that_lasts_becomes_normal() {
    let soon = Watch { accept_after: minutes(300), ..watch() };
    // Up for good, and for an hour back to what was normal once.
    let up = |minute: u64| minute >= 1000 && !(1500..1560).contains(&minute);
    let mut host = host(soon, zscore, 1600, |minute| noise(minute) + if up(minute) { 100.0 } else { 0.0 });
    host.live(900, 1599);
    assert_eq!(host.opened(), [(pod("web-1"), 1000), (pod("web-1"), 1500)]);
    let ended: Vec<_> = host.ended().into_iter().map(|(minute, _, how)| (minute, how)).collect();
    assert_eq!(ended, [(1300, MemberEnd::Accepted), (1562, MemberEnd::Recovered)]);
}

#[test]
fn a_level_that_lasts_becomes_normal_and_the_season_stays() {
    let soon = Watch { accept_after: minutes(300), ..watch() };
    // From 1000 on higher by 100 for good. At 1500 the hill is there, and for once at 1540 as well.
    let value = |minute: u64| {
        let odd = if (1540..1545).contains(&minute) { 200.0 } else { 0.0 };
        noise(minute) + hill(minute) + odd + if minute >= 1000 { 100.0 } else { 0.0 }
    };
    let mut host = host(soon, seasonal, 1600, value);
    host.live(900, 1599);
    assert_eq!(host.opened(), [(pod("web-1"), 1000), (pod("web-1"), 1540)]);
    let ended: Vec<_> = host.ended().into_iter().map(|(minute, _, how)| (minute, how)).collect();
    assert_eq!(ended, [(1300, MemberEnd::Accepted), (1547, MemberEnd::Recovered)]);
}

/// Says that what is larger than all that it has seen is anomalous; gets used to anything at once.
pub(crate) struct Record(pub(crate) Scripted);

impl Scorer for Record {
    fn name(&self) -> &str {
        "record"
    }

    fn digest(&self) -> &str {
        self.0.digest()
    }

    fn model(&self) -> &str {
        "record"
    }

    fn history(&self) -> std::time::Duration {
        self.0.history()
    }

    fn score(&self, state: &[u8], timestamps: &[i64], values: &[f64]) -> Result<tidegate_sandbox::Scored, ScoreError> {
        let mut largest = state.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).fold(0.0, f64::max);
        let mut scored = self.0.score(state, timestamps, values)?;
        for (value, score) in values.iter().zip(&mut scored.verdicts.scores) {
            *score = if *value > largest { 1.2 } else { 0.1 };
            largest = largest.max(*value);
        }
        Ok(scored)
    }
}

fn two() -> Vec<Box<dyn Scorer>> {
    vec![Box::new(Scripted::new("d")), Box::new(Record(Scripted::new("record")))]
}

fn states(host: &Host) -> [String; 2] {
    let states = &host.track(&pod("web-1")).states;
    [learnt(&states[0].0), learnt(&states[1].0)]
}

#[test]
fn only_the_detector_that_cannot_bear_the_new_level_begins_anew() {
    let soon = Watch { accept_after: minutes(6), ..watch() };
    let mut host = Host::new(soon, Box::new(two)).with("web-1", "nnmnmnnnAAAAAAAAAnn");
    host.live(5, 14);
    assert_eq!(host.ended().len(), 1, "{:?}", host.changes);
    assert_eq!(states(&host), ["nnmnmnnn", "nnmnmnnn"], "the history since is still to be learnt");
    host.live(15, 18);
    assert_eq!(states(&host), ["AAAAAAAAAnn", "nnmnmnnnAAAAAAAAAnn"]);
    assert_eq!(host.track(&pod("web-1")).accepted, None);
}

#[test]
fn what_is_being_accepted_survives_a_crash_and_an_interrupted_query() {
    // Both must agree: what the one has got used to is no incident.
    let soon = || Watch { accept_after: minutes(70), quorum: 2, ..watch() };
    let letters = format!("{}{}{}", "nm".repeat(30), "A".repeat(100), "n".repeat(10));
    let mut lucky = Host::new(soon(), Box::new(two)).with("web-1", &letters);
    lucky.live(59, 169);
    assert_eq!(lucky.ended().first().map(|(minute, _, how)| (*minute, *how)), Some((130, MemberEnd::Accepted)));
    for crash in [129, 130, 131, 132, 133, 140] {
        let mut host = Host::new(soon(), Box::new(two)).with("web-1", &letters);
        host.live(59, 129);
        // From here on only the first piece of what is to be learnt comes.
        host.history_breaks = Some(112);
        host.live(130, crash.min(132)).save(usize::MAX);
        host.crash();
        host.history_breaks = (crash > 132).then_some(112);
        host.live(crash.min(132) + 1, crash);
        host.history_breaks = None;
        host.live(crash + 1, 169);
        assert_eq!(host.incidents(), lucky.incidents(), "{crash}");
        assert_eq!(states(&host), states(&lucky), "{crash}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// However trouble comes and goes: all that is learnt of an incident is its beginning and what ended it.
    #[test]
    fn no_more_of_an_incident_is_learnt_than_it_may(
        stretches in prop::collection::vec((1..60usize, prop::sample::select(vec!['n', 'A', 'H', 'm', '~', '.'])), 1..12),
        hasty: bool,
    ) {
        let letters: String = stretches.iter().map(|(length, letter)| letter.to_string().repeat(*length)).collect();
        let letters = format!("nnnnnn{letters}nnnn");
        let consecutive = if hasty { 1 } else { 3 };
        let mut host = Host::scripted(Watch { consecutive, ..watch() }).with("web-1", &letters);
        host.live(3, letters.len() as u64 - 1);
        let learnt = host.learnt(&pod("web-1"));
        let bad = |text: &str| text.chars().filter(|letter| matches!(letter, 'A' | 'H')).count();
        let most = host.opened().len() * (OPENING + consecutive as usize);
        let passing = letters.split(['n', 'm']).map(bad).filter(|bad| *bad < 3).sum::<usize>();
        prop_assert!(bad(&learnt) <= most + passing, "{letters}: {learnt}");
    }
}
