//! One series over time: streaks, recoveries, gaps, and what is learnt. A letter a sample, a minute apart:
//! `n` healthy, `m` normal but not yet healthy, `A` anomalous, `H` anomalous and high, `b` normal on the watched side
//! only, `?` unjudged, `~` not a number, `.` nothing at all, `-` nothing for an hour.

use tidegate_domain::rules::{Severity, Watch};
use tidegate_domain::series::{Change, Judgement, Learn, Standing, Track, Unjudged, Verdict};
use tidegate_domain::time::Timestamp;

use crate::world::{START, minutes, watch};

fn judgement(letter: char) -> Judgement {
    let (standing, calm, healthy) = match letter {
        'n' => (Standing::Normal, Some(true), Some(true)),
        'm' => (Standing::Normal, Some(false), Some(false)),
        'b' => (Standing::Normal, Some(true), Some(false)),
        'A' | 'H' => (Standing::Anomalous, Some(false), Some(false)),
        '?' => (Standing::Unjudged(Unjudged::GuestFailed), None, None),
        '~' => (Standing::Unjudged(Unjudged::NotFinite), None, None),
        other => panic!("no sample is written {other:?}"),
    };
    let severity = if letter == 'H' { Severity::High } else { Severity::Medium };
    let verdict = Verdict { score: 0.0, expected: 0.0, lower: 0.0, upper: 0.0 };
    Judgement { standing, calm, healthy, verdict, severity, cold_start: false }
}

/// Plays the samples; a letter each for what came of it.
///
/// `k` kept, `d` discarded, `r` folded in again, `O` opened, `W` worsened, `R` recovered, `X` accepted.
pub(crate) fn play(watch: &Watch, samples: &str, repaired: bool) -> (String, Track) {
    let mut track = Track::new(1);
    let mut at = START;
    let mut said = String::new();
    for letter in samples.chars() {
        at = at.plus(if letter == '-' { minutes(60) } else { minutes(1) });
        if matches!(letter, '.' | '-') {
            said.push(letter);
            continue;
        }
        let value = if letter == '~' { f64::NAN } else { 1.0 };
        track.see(at, value);
        let (learn, change) = track.advance(watch, at, value, &judgement(letter), repaired);
        said.push(match (&learn, change) {
            (Learn::Keep, None) => 'k',
            (Learn::Discard, None) => 'd',
            (Learn::Refold(_), None) => 'r',
            (Learn::Discard, Some(Change::Opened { .. })) => 'O',
            (Learn::Discard, Some(Change::Worsened { .. })) => 'W',
            (Learn::Refold(_), Some(Change::Recovered)) => 'R',
            (Learn::Relearn(_), Some(Change::Accepted)) => 'X',
            other => panic!("{other:?} do not go together"),
        });
    }
    (said, track)
}

fn web() -> Watch {
    watch("web", Vec::new())
}

fn check(watch: &Watch, repaired: bool, rows: &[(&str, &str)]) {
    for (samples, expected) in rows {
        let (said, _) = play(watch, samples, repaired);
        assert_eq!(said, *expected, "{samples}");
    }
}

#[test]
fn streaks_open_and_recoveries_close() {
    let rows = [
        ("nnmn", "kkkk"),
        ("nAAnn", "kddrk"),
        ("nAAmAAA", "kddrddO"),
        ("nAAAnnnn", "kddOddRk"),
        ("AAAnmnnn", "ddOddddR"),
        ("AAAnnAnnn", "ddOdddddR"),
        ("AAAnnnAAA", "ddOddRddO"),
    ];
    check(&web(), false, &rows);
    let hasty = Watch { consecutive: 1, recover_after: 1, ..web() };
    check(&hasty, false, &[("nAn", "kOR"), ("AAn", "OdR"), ("AHn", "OWR")]);
}

#[test]
fn worse_is_told_once_and_better_never() {
    check(&web(), false, &[("AAAHHAHA", "ddOWdddd"), ("AAHAH", "ddOdd"), ("AAAnHnnn", "ddOdWddR")]);
}

#[test]
fn a_gap_neither_opens_nor_closes() {
    let rows = [
        ("nAA?A", "kdddO"),
        ("nAA.A", "kdd.O"),
        ("nAA??????", "kdddddddd"),
        ("nAA~~~~~~", "kdddddddd"),
        ("nA......", "kd......"),
        ("nAAAnn????", "kddOdddddd"),
        ("nAAAnn....n", "kddOdd....R"),
        ("nAAA~~~~~~", "kddOdddddd"),
        ("n???n", "kkkkk"),
    ];
    check(&web(), false, &rows);
}

#[test]
fn after_a_repair_both_sides_count() {
    check(&web(), false, &[("AAAbbb", "ddOddR")]);
    check(&web(), true, &[("AAAbbbnnn", "ddOdddddR"), ("AAAnnbnnn", "ddOdddddR")]);
}

#[test]
fn a_level_that_lasts_is_accepted_while_it_is_there() {
    let soon = Watch { accept_after: minutes(6), ..web() };
    let rows = [
        ("AAAAAAA", "ddOdddX"),
        // Not on a recovery, a gap or a sample that nobody could judge.
        ("AAAAAAnnn", "ddOdddddR"),
        ("AAAAAA???A", "ddOddddddX"),
        ("AAAAAA~A", "ddOddddX"),
        // Two hours of nothing are not a level that lasted.
        ("AAA--AAA", "ddO--ddd"),
    ];
    check(&soon, false, &rows);
    let (_, track) = play(&soon, "nnAAAAAAA", false);
    let accepted = track.accepted.as_ref().expect("it is to be learnt");
    assert_eq!((accepted.since, accepted.anew.len()), (START.plus(minutes(3)), 1));
    assert_eq!(track.cursor, Timestamp(START.plus(minutes(3)).0 - 1), "with what came since the level changed");
    assert_eq!(track.history_from, Some(START.plus(minutes(1))), "but the series is as old as it was");
}

#[test]
fn a_level_is_accepted_some_time_after_a_gap() {
    let soon = Watch { accept_after: minutes(6), ..web() };
    let (said, _) = play(&soon, &format!("AAA--{}", "A".repeat(200)), false);
    let waited = said.find('X').expect("a level that lasts is accepted in the end");
    assert!((60..=120).contains(&waited), "{said}");
}

#[test]
fn a_streak_that_opens_nothing_is_learnt_in_order() {
    let mut track = Track::new(1);
    let mut learnt = Vec::new();
    for (minute, letter) in "AA?~n".chars().enumerate() {
        let at = START.plus(minutes(minute as u64));
        let value = if letter == '~' { f64::NAN } else { minute as f64 };
        track.see(at, value);
        match track.advance(&web(), at, value, &judgement(letter), false).0 {
            Learn::Discard => {}
            Learn::Refold(pending) => learnt.extend(pending.iter().map(|(at, value)| (at.since(START), value.0))),
            other => panic!("{letter}: {other:?}"),
        }
    }
    assert_eq!(learnt, [(minutes(0), 0.0), (minutes(1), 1.0), (minutes(2), 2.0)]);
    assert_eq!(track.phase, tidegate_domain::series::Phase::Normal);
}

/// What is learnt when it is over, by the minute, the last sample included.
fn learnt(watch: &Watch, samples: &str) -> Vec<usize> {
    let mut track = Track::new(1);
    let mut learnt = Vec::new();
    for (minute, letter) in samples.chars().enumerate() {
        let (at, value) = (START.plus(minutes(minute as u64)), minute as f64);
        track.see(at, value);
        if let (Learn::Refold(pending), Some(Change::Recovered)) =
            track.advance(watch, at, value, &judgement(letter), false)
        {
            learnt.extend(pending.iter().map(|(_, value)| value.0 as usize).chain([minute]));
        }
    }
    learnt
}

#[test]
fn of_an_incident_its_beginning_is_learnt_and_what_ended_it() {
    assert_eq!(learnt(&web(), "nAAAAAAAnnn"), [1, 2, 3, 8, 9, 10]);
    // A relapse on the way belongs to the incident, whatever was healthy before it.
    assert_eq!(learnt(&web(), "AAAnnAnnn"), [0, 1, 2, 6, 7, 8]);
    // What nobody could judge is part of what it lies in.
    assert_eq!(learnt(&web(), "A?AAAn?nn"), [0, 1, 2, 5, 6, 7, 8]);
    let hasty = Watch { consecutive: 1, recover_after: 1, ..web() };
    assert_eq!(learnt(&hasty, "nAn"), [1, 2]);
    assert_eq!(learnt(&hasty, "nAAAAAn"), [1, 2, 3, 6]);
    // However long either lasts, it is bounded by what is at hand.
    let patient = Watch { recover_after: 200, ..web() };
    let learnt = learnt(&patient, &format!("AAAA{}", "n".repeat(200)));
    assert_eq!((learnt[..3].to_vec(), learnt.len()), (vec![0, 1, 2], 3 + tidegate_domain::series::RECENT_SAMPLES));
}

#[test]
fn a_streak_that_is_never_judged_does_not_grow_without_end() {
    let (_, track) = play(&web(), &format!("AA{}", "?".repeat(500)), false);
    let tidegate_domain::series::Phase::Streak { pending, .. } = &track.phase else { panic!("{:?}", track.phase) };
    assert!(pending.len() <= tidegate_domain::series::RECENT_SAMPLES);
    assert_eq!(track.recent.len(), tidegate_domain::series::RECENT_SAMPLES);
}
