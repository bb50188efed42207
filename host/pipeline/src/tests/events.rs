//! Known events: what they bring is judged and learnt apart, live and from history, through incidents and crashes.

use std::sync::Arc;

use tidegate_domain::calendar::{Cron, KnownEvent, When, parse_zone};
use tidegate_domain::event::{Evidence, MemberEnd};
use tidegate_domain::input::WatchChange;
use tidegate_domain::labels::Matcher;
use tidegate_domain::rules::{ColdStart, Watch};
use tidegate_domain::series::{Phase, Unjudged};
use tidegate_domain::time::Timestamp;

use crate::entry::Fold;
use crate::frame::{Frame, FrameSeries};
use crate::report::InEvent;
use crate::scorer::Scorer;
use crate::tests::data::{at, pod};
use crate::tests::host::{Host, minutes, watch};
use crate::tests::learning::Record;
use crate::tests::scripted::{Scripted, ZScore, learnt};

/// An event of five minutes: the samples 16 to 20, 76 to 80 and so on, because the first one is at 22:14.
pub(crate) fn batch(name: &str, matchers: &[&str]) -> Arc<KnownEvent> {
    let matchers = matchers.iter().map(|text| Matcher::parse(text).expect("a matcher")).collect::<Vec<_>>();
    let cron = Cron::parse("30 * * * *", parse_zone("UTC").expect("a zone")).expect("fields of cron");
    Arc::new(KnownEvent {
        name: name.to_owned(),
        matchers: (!matchers.is_empty()).then_some(matchers),
        when: When::Begins { cron, lasts: minutes(5) },
    })
}

fn known() -> Watch {
    Watch { known_events: vec![batch("batch", &[])], ..watch() }
}

/// What the first detector has learnt of an event.
fn apart(host: &Host, name: &str, event: usize) -> String {
    let apart = host.track(&pod(name)).apart.as_ref().and_then(|apart| apart.get(event));
    apart.map_or_else(|| "-".to_owned(), |set| learnt(&set.states[0].0))
}

/// That of the first incident.
fn evidence(host: &Host) -> Evidence {
    let evidence = host.changes.iter().find_map(|(_, change)| match change {
        WatchChange::Opened { evidence, .. } => Some((**evidence).clone()),
        _ => None,
    });
    evidence.expect("one opened")
}

/// An hour from 22:14 on: healthy, with these five samples while the event lasts.
fn hour(event: &str) -> String {
    assert_eq!(event.len(), 5);
    format!("{}{event}{}", "n".repeat(16), "n".repeat(39))
}

#[test]
fn ordinary_states_see_nothing_of_an_event_and_the_others_nothing_else() {
    let letters = format!("{}{}{}", hour("mmmmm"), hour("m~mm."), hour("mnmmm"));
    for live_from in [0, 17, 40, 100, 179] {
        let mut host = Host::scripted(known()).with("web-1", &letters);
        host.detectors = Box::new(|| vec![Box::new(Scripted { history: minutes(300), ..Scripted::new("d") })]);
        host.crash();
        host.live(live_from, 179);
        assert_eq!(host.learnt(&pod("web-1")), "n".repeat(165), "live from {live_from}");
        assert_eq!(apart(&host, "web-1", 0), "mmmmmmmmmnmmm", "live from {live_from}");
        assert!(host.changes.is_empty(), "live from {live_from}: {:?}", host.changes);
    }
    let mut host = Host::scripted(watch()).with("web-1", &letters);
    host.live(0, 179);
    assert_eq!(host.track(&pod("web-1")).apart, None, "without events nothing is kept");
}

#[test]
fn the_detectors_judge_from_the_third_occurrence_on() {
    // Anomalous each time: twice nobody knows, the third time it is told.
    let letters = hour("AAAAA").repeat(3);
    let mut host = Host::scripted(known()).with("web-1", &letters);
    host.live(0, 18);
    assert_eq!(host.last.counts.unjudged.get(&Unjudged::KnownEvent), Some(&1), "{:?}", host.last.counts);
    assert_eq!(host.last.counts.events["batch"], InEvent { known: 0, learning: 1 });
    host.live(19, 137);
    assert_eq!((host.opened(), apart(&host, "web-1", 0)), (vec![], "AAAAAAAAAA".to_owned()));
    host.live(138, 138);
    assert_eq!(host.opened(), [(pod("web-1"), 136)]);
    assert_eq!(host.last.counts.events["batch"], InEvent { known: 1, learning: 0 });
    let evidence = evidence(&host);
    assert_eq!((evidence.during.as_deref(), evidence.cold_start), (Some("batch"), false));
    assert_eq!(learnt(&evidence.opinions[0].state.0), "AAAAAAAAAA", "the states that judged");
    host.live(139, 179);
    assert_eq!(host.ended(), [(143, pod("web-1"), MemberEnd::Recovered)]);
    assert_eq!(apart(&host, "web-1", 0), "AAAAAAAAAAAAA", "its opening, to where it belongs");
    assert_eq!(host.learnt(&pod("web-1")), "n".repeat(165), "and what ended it");
    assert!(host.last.counts.events.is_empty());
}

#[test]
fn history_counts_and_half_of_an_occurrence_does_not() {
    let letters = hour("AAAAA").repeat(4);
    for (history, opened) in [(130, vec![(pod("web-1"), 136)]), (115, vec![(pod("web-1"), 196)])] {
        let mut host = Host::scripted(known()).with("web-1", &letters);
        host.detectors = Box::new(move || vec![Box::new(Scripted { history: minutes(history), ..Scripted::new("d") })]);
        host.crash();
        host.live(133, 239);
        assert_eq!(host.opened()[..1], opened, "history from {} on", 133 - history);
    }
}

#[test]
fn until_then_static_bounds_judge_where_there_are_some() {
    let bounds = ColdStart { history: minutes(0), above: Some(15.0), below: None };
    let mut host = Host::scripted(Watch { cold_start: bounds, ..known() });
    host.data.write("web-1", 0, &format!("{}{}", hour("AAAAA"), hour("HHHHH")));
    host.live(0, 119);
    assert_eq!(host.opened(), [(pod("web-1"), 76)]);
    let evidence = evidence(&host);
    assert_eq!((evidence.cold_start, evidence.during.as_deref(), evidence.learning), (true, Some("batch"), None));
}

#[test]
fn only_the_series_that_it_is_about_and_the_first_event_that_lasts() {
    let events = vec![batch("of web", &["app=\"web\""]), batch("of all", &[])];
    let mut host = Host::scripted(Watch { known_events: events, ..watch() });
    host.data.write("web-1", 0, &hour("mmmmm")).write("api-1", 0, &hour("mmmmm"));
    host.live(0, 59);
    assert_eq!([0, 1].map(|event| apart(&host, "web-1", event)), ["mmmmm", "-"]);
    assert_eq!([0, 1].map(|event| apart(&host, "api-1", event)), ["-", "mmmmm"]);
    let events = vec![batch("of db", &["app=\"db\""])];
    let mut host = Host::scripted(Watch { known_events: events, ..watch() }).with("web-1", &hour("AAAAA"));
    host.live(0, 59);
    assert_eq!(host.opened(), [(pod("web-1"), 16)], "what no event is about is as ever");
}

#[test]
fn an_incident_under_way_and_an_event_learn_nothing_of_each_other() {
    // The trouble begins before the event, which nobody knows yet, and goes on after it.
    let letters = format!("{}AAAAmmmmmAA{}", "n".repeat(12), "n".repeat(37));
    let mut host = Host::scripted(known()).with("web-1", &letters);
    host.live(0, 20);
    assert_eq!(apart(&host, "web-1", 0), "", "the fault may be in it");
    assert!(matches!(host.track(&pod("web-1")).phase, Phase::Incident { since, .. } if since == at(12)));
    host.live(21, 59);
    assert_eq!(
        (host.opened(), host.ended()),
        (vec![(pod("web-1"), 12)], vec![(25, pod("web-1"), MemberEnd::Recovered)])
    );
    assert_eq!(host.learnt(&pod("web-1")), format!("{}AAA{}", "n".repeat(12), "n".repeat(37)));
    assert_eq!(apart(&host, "web-1", 0), "");
    // In a streak it is learnt, and not twice.
    let letters = format!("{}AAmmmmm{}", "n".repeat(14), "n".repeat(39));
    let mut host = Host::scripted(known()).with("web-1", &letters);
    host.live(0, 59);
    assert_eq!(host.opened(), []);
    assert_eq!(host.learnt(&pod("web-1")), format!("{}AA{}", "n".repeat(14), "n".repeat(39)));
    assert_eq!(apart(&host, "web-1", 0), "mmmmm");
}

#[test]
fn a_fault_that_outlasts_events_is_not_what_they_are_like() {
    // From before the first occurrence to after the third, at a height that ordinary times do not know.
    let letters = format!("{}{}{}", "n".repeat(10), "A".repeat(150), "n".repeat(20));
    let record = || -> Vec<Box<dyn Scorer>> { vec![Box::new(Record(Scripted::new("record")))] };
    let mut host = Host::new(known(), Box::new(record)).with("web-1", &letters);
    host.live(0, 179);
    assert_eq!(
        (host.opened(), host.ended()),
        (vec![(pod("web-1"), 10)], vec![(162, pod("web-1"), MemberEnd::Recovered)])
    );
}

#[test]
fn static_bounds_do_not_say_that_what_detectors_found_is_over() {
    // Above the band of the detectors and far below the bound, before, during and after an event that nobody knows yet.
    let letters = format!("{}{}{}", "n".repeat(12), "A".repeat(15), "n".repeat(33));
    let bounds = ColdStart { history: minutes(0), above: Some(15.0), below: None };
    let mut host = Host::scripted(Watch { cold_start: bounds, ..known() }).with("web-1", &letters);
    host.repairing = true;
    host.live(0, 59);
    assert_eq!(
        (host.opened(), host.ended()),
        (vec![(pod("web-1"), 12)], vec![(29, pod("web-1"), MemberEnd::Recovered)])
    );
    let healthy = host.changes.iter().filter_map(|(minute, change)| match change {
        WatchChange::Observed { health: tidegate_domain::event::Health::Healthy, .. } => Some(*minute),
        _ => None,
    });
    assert_eq!(healthy.min(), Some(27), "nor that a repair was any good");
}

#[test]
fn a_level_that_is_accepted_goes_to_where_each_sample_belongs() {
    let soon = Watch { accept_after: minutes(30), ..known() };
    let letters = format!("{}{}", "n".repeat(10), "A".repeat(50));
    let mut host = Host::scripted(soon).with("web-1", &letters);
    host.live(0, 50);
    let ended = host.ended();
    assert_eq!(ended.first(), Some(&(40, pod("web-1"), MemberEnd::Accepted)), "{ended:?}");
    // The detector cannot bear it: it begins anew, without the event. What it knows of that is kept.
    assert_eq!(host.learnt(&pod("web-1")), "A".repeat(31 - 5 + 1));
    assert_eq!(apart(&host, "web-1", 0), "AAAAA");
}

#[test]
fn after_a_new_level_events_are_got_to_know_again() {
    let soon = Watch { accept_after: minutes(100), ..known() };
    // All of it goes up for good, the batch as well: else each one from now on would be an incident.
    let letters = format!("{}{}{}", hour("mmmmm").repeat(2), "n".repeat(30), "A".repeat(250));
    let record = || -> Vec<Box<dyn Scorer>> { vec![Box::new(Record(Scripted::new("record")))] };
    let mut host = Host::new(soon, Box::new(record)).with("web-1", &letters);
    let mut judged = Vec::new();
    for minute in 0..400 {
        host.cycle(minute);
        judged.extend(host.last.counts.events.get("batch").map(|event| (minute, event.known == 1)));
    }
    judged.retain(|(minute, _)| minute % 60 == 16);
    assert_eq!(judged, [(16, false), (76, false), (136, true), (196, true), (256, false), (316, false), (376, true)]);
    assert_eq!(
        (host.opened(), host.ended()),
        (vec![(pod("web-1"), 150)], vec![(250, pod("web-1"), MemberEnd::Accepted)])
    );
}

#[test]
fn a_lost_table_is_made_again_with_the_states_that_judged() {
    let letters = format!("{}{}", hour("mmmmm").repeat(2), hour("AAAAA"));
    let mut host = Host::scripted(known()).with("web-1", &letters);
    host.live(0, 139);
    assert_eq!(host.opened(), [(pod("web-1"), 136)]);
    host.crash();
    host.live(140, 140);
    // Its detector wants an hour of history: one occurrence. The other one is in the journal.
    assert_eq!(apart(&host, "web-1", 0), "mmmmmmmmmm");
    assert_eq!(host.learnt(&pod("web-1")), "n".repeat(55));
    host.live(141, 179);
    assert_eq!(host.ended(), [(143, pod("web-1"), MemberEnd::Recovered)]);
    assert_eq!(apart(&host, "web-1", 0), "mmmmmmmmmmAAA");
}

#[test]
fn an_event_that_is_added_is_taken_out_of_what_was_learnt() {
    let long = || -> Vec<Box<dyn Scorer>> { vec![Box::new(Scripted { history: minutes(300), ..Scripted::new("d") })] };
    for restart in [false, true] {
        let mut host = Host::new(watch(), Box::new(long)).with("web-1", &hour("mmmmm").repeat(3));
        host.live(100, 130).save(usize::MAX);
        assert!(host.learnt(&pod("web-1")).contains('m'));
        if restart {
            host.watch = known();
            assert_eq!(host.crash(), 0);
        } else {
            assert_eq!(host.retool(known(), Box::new(long)).relearning, 1);
        }
        host.live(131, 138);
        assert_eq!(host.learnt(&pod("web-1")), "n".repeat(139 - 13), "restarted: {restart}");
        assert_eq!(apart(&host, "web-1", 0), "m".repeat(13), "restarted: {restart}");
        assert_eq!(host.last.counts.events["batch"], InEvent { known: 1, learning: 0 }, "restarted: {restart}");
        // And back.
        assert_eq!(host.retool(watch(), Box::new(long)).relearning, 1);
        host.live(139, 150);
        assert_eq!((host.track(&pod("web-1")).apart.as_ref(), host.learnt(&pod("web-1")).len()), (None, 151));
    }
}

#[test]
fn a_detector_whose_states_are_lost_learns_those_of_events_again_too() {
    let (d, e) = (Scripted { history: minutes(300), ..Scripted::new("d") }, Scripted::new("e"));
    let both = |d: Scripted, e: Scripted| -> crate::tests::host::Detectors {
        Box::new(move || vec![Box::new(d.clone()), Box::new(e.clone())])
    };
    let mut host = Host::new(known(), both(d.clone(), e.clone())).with("web-1", &hour("mmmmm").repeat(3));
    host.live(0, 130);
    let before = host.track(&pod("web-1")).clone();
    // In another order, and one of them in a version that cannot read what there is.
    let stranger = Scripted { refuses: true, digest: "02".to_owned(), ..d };
    host.retool(known(), Box::new(move || vec![Box::new(e.clone()), Box::new(stranger.clone())]));
    host.live(131, 131);
    let after = host.track(&pod("web-1"));
    let of = |track: &tidegate_domain::series::Track, which: usize| {
        let set = track.apart.as_ref().and_then(|apart| apart.get(0)).map(|set| &set.states[which].0);
        (learnt(&track.states[which].0), set.map(|state| learnt(state)))
    };
    for (now, then) in [(0, 1), (1, 0)] {
        let (ordinary, apart) = of(&before, then);
        assert_eq!(of(after, now), (ordinary + "n", apart), "detector {now}");
    }
}

#[test]
fn a_timestamp_that_is_wrong_by_ages_stops_nothing() {
    let cron = Cron::parse("* * * * *", parse_zone("UTC").expect("a zone")).expect("fields of cron");
    let always =
        KnownEvent { name: "always".to_owned(), matchers: None, when: When::Begins { cron, lasts: minutes(1) } };
    let watch = Watch { known_events: vec![Arc::new(always)], ..watch() };
    for wrong in [i64::MIN, -377_705_116_800_000, 253_402_200_000_000, i64::MAX] {
        let mut timestamps = vec![at(0).0, wrong];
        timestamps.sort();
        let values = vec![1.0; 2];
        let frame = Frame { series: vec![FrameSeries { labels: pod("web-1"), timestamps, values }] };
        let fold = Fold::of(&watch, &[], &frame);
        let end = fold.event(&pod("web-1"), at(0)).map(|(_, occurrence)| occurrence.until);
        assert_eq!(end, Some(at(1)), "beside {wrong}");
        fold.event(&pod("web-1"), Timestamp(wrong));
    }
}

#[test]
fn rows_bring_what_was_learnt_apart_back() {
    let letters = format!("{}{}", hour("mmmmm").repeat(2), hour("AAAAA"));
    let mut lucky = Host::scripted(known()).with("web-1", &letters);
    lucky.live(0, 179);
    for minute in [15, 16, 18, 21, 76, 80, 81, 100, 135, 136, 137, 138, 141, 143, 150] {
        let mut host = Host::scripted(known()).with("web-1", &letters);
        host.live(0, minute).save(usize::MAX);
        host.live(minute + 1, minute + 3);
        assert_eq!(host.crash(), 0);
        host.live(minute + 4, 179);
        assert_eq!(host.tracks(), lucky.tracks(), "{minute}");
        assert_eq!(host.incidents(), lucky.incidents(), "{minute}");
    }
}

#[test]
fn the_same_height_is_usual_during_the_batch_and_an_incident_at_another_time() {
    let noise = |minute: u64| (minute.wrapping_mul(7919) % 97) as f64 / 97.0;
    let lasts = |minute: u64| (16..21).contains(&(minute % 60));
    let value = |minute: u64| noise(minute) + if lasts(minute) || (1000..1005).contains(&minute) { 20.0 } else { 1.0 };
    let detectors = || -> Vec<Box<dyn Scorer>> { vec![Box::new(ZScore::new(600))] };
    let run = |watch: Watch| {
        let mut host = Host::new(watch, Box::new(detectors));
        host.data.0.insert(pod("web-1"), (0..1200).map(|minute| (minute, value(minute))).collect());
        host.live(600, 1199);
        host.opened()
    };
    assert_eq!(run(known()), [(pod("web-1"), 1000)]);
    assert!(run(watch()).contains(&(pod("web-1"), 616)), "without it every batch is one");
}
