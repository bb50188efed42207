//! Metrics of every kind: what is ordinary for each of them, and what nobody should miss.

use std::ops::Range;

use tide::Tide;
use tidegate_guest::testing::{Dice, Model, Vigil, Watched, samples};

const STEP_MS: u64 = 300_000;
const HOUR: usize = 12;
const DAY: usize = 24 * HOUR;
const WEEK: usize = 7 * DAY;

/// Monday, 2023-11-13T00:00Z.
const MONDAY: i64 = 1_699_833_600_000;

fn watch(values: &[f64]) -> Watched {
    let mut model = Model::<Tide>::open("{}", STEP_MS).expect("default settings");
    let run = samples(MONDAY, STEP_MS, values.iter().copied());
    Vigil { accept_after: DAY, ..Vigil::default() }.watch(&mut model, &run).expect("verdicts")
}

/// The incidents that begin in a part of the series.
fn incidents(watched: &Watched, part: Range<usize>) -> Vec<Range<usize>> {
    watched.incidents.iter().filter(|incident| part.contains(&incident.start)).cloned().collect()
}

/// Whether something begins to be anomalous within a few samples of `at`, and nothing was shortly before.
fn is_found(watched: &Watched, at: usize, within: usize) -> bool {
    !incidents(watched, at..at + within).is_empty()
}

fn made_up(seed: u64, len: usize, mut value: impl FnMut(&mut Dice, usize) -> f64) -> Vec<f64> {
    let mut dice = Dice::new(seed);
    (0..len).map(|at| value(&mut dice, at)).collect()
}

#[test]
fn a_flat_metric_that_moves_by_a_hair_is_no_incident() {
    for level in [0.99, 5.0, 1000.0, 1e9, -40.0] {
        let mut values = vec![level; WEEK];
        for at in (WEEK / 2..WEEK).step_by(7) {
            values[at] = level * (1.0 + 1e-6);
        }
        values[WEEK - DAY..].fill(level * (1.0 - 2e-6));
        assert_eq!(watch(&values).incidents, [], "around {level}");
    }
}

#[test]
fn one_that_has_been_flat_for_ever_and_jumps_is_found_at_once() {
    for (level, jump) in [(0.0, 3.0), (0.0, 0.02), (5.0, 9.0), (5.0, 0.0), (1000.0, 1500.0), (1.0, 0.5), (-40.0, 10.0)]
    {
        let mut values = vec![level; WEEK];
        values.extend([jump; 6]);
        let watched = watch(&values);
        assert_eq!(incidents(&watched, 0..WEEK), [], "{level} while it is flat");
        assert!(is_found(&watched, WEEK, 1), "from {level} to {jump}");
        assert!(
            watched.verdicts[WEEK..].iter().all(|verdict| verdict.is_anomalous()),
            "from {level} to {jump}: it lasts"
        );
    }
}

#[test]
fn one_that_stands_still_and_falls_is_found_each_time() {
    for (level, fallen) in [(6.0, 4.0), (1.0, 0.0), (100.0, 90.0)] {
        let mut values = vec![level; 4 * WEEK];
        let falls: Vec<usize> = [9, 12, 16, 25].into_iter().map(|day| day * DAY).collect();
        falls.iter().for_each(|at| values[*at..at + 8].fill(fallen));
        let watched = watch(&values);
        let found: Vec<usize> = watched.incidents.iter().map(|incident| incident.start).collect();
        assert_eq!(found, falls, "from {level} to {fallen}");
    }
}

#[test]
fn what_is_over_has_no_echo() {
    type Value = fn(&mut Dice, usize) -> f64;
    let kinds: [(&str, Value); 4] = [
        ("little noise", |dice, _| 40.0 + 0.05 * dice.normal()),
        ("a slow rise", |dice, at| 40.0 + at as f64 * 0.0004 + 0.05 * dice.normal()),
        ("a sawtooth", |dice, at| 200.0 + (at % 37) as f64 * 9.0 + 5.0 * dice.normal()),
        ("requests since the start", |dice, at| 1e6 + at as f64 * 2000.0 + 50.0 * dice.normal()),
    ];
    let (trouble, hour_after) = (2 * WEEK..2 * WEEK + 8, 2 * WEEK + 8..2 * WEEK + 8 + HOUR);
    for (what, value) in kinds {
        let mut values = made_up(14, hour_after.end, value);
        values[trouble.clone()].iter_mut().for_each(|value| *value *= 4.0);
        let watched = watch(&values);
        assert!(is_found(&watched, trouble.start, 1), "{what}");
        assert_eq!(incidents(&watched, hour_after.clone()), [], "{what}: afterwards");
    }
}

#[test]
fn spikes_and_dips_stand_out_of_noise_whatever_its_unit() {
    for (level, noise) in [(100.0, 5.0), (1e-4, 1e-5), (1e9, 100.0), (3e12, 1e9), (-20.0, 1.0)] {
        for jump in [30.0, -30.0] {
            let mut values = made_up(1, WEEK, |dice, _| level + noise * dice.normal());
            values.extend([level + jump * noise; 3]);
            assert!(is_found(&watch(&values), WEEK, 1), "{jump} deviations of {noise} around {level}");
        }
    }
}

#[test]
fn counts_are_ordinary_and_bursts_of_them_are_not() {
    for (mean, burst) in [(0.05, 15.0), (0.5, 20.0), (3.0, 40.0), (40.0, 160.0)] {
        let mut values = made_up(2, 2 * WEEK, |dice, _| dice.poisson(mean));
        values.extend([burst; 3]);
        let watched = watch(&values);
        assert!(is_found(&watched, 2 * WEEK, 2), "a burst of {burst} where {mean} are usual");
        let false_alarms = incidents(&watched, WEEK..2 * WEEK).len();
        assert!(false_alarms <= 4, "a mean of {mean}: {false_alarms} incidents in a week");
    }
}

#[test]
fn a_ratio_near_its_bound_is_ordinary_and_half_of_it_is_not() {
    let ratio = |dice: &mut Dice, _| 1.0 - 0.002 * dice.exponential().min(10.0);
    let mut values = made_up(3, 2 * WEEK, ratio);
    values.extend([0.5; 3]);
    let watched = watch(&values);
    assert!(is_found(&watched, 2 * WEEK, 1));
    assert!(incidents(&watched, WEEK..2 * WEEK).len() <= 3, "{:?}", watched.incidents);
}

#[test]
fn a_counter_is_no_incident_that_never_ends() {
    for seed in 0..3 {
        let mut total = 1e6;
        let values = made_up(seed, 2 * WEEK, |dice, at| {
            total += dice.poisson(20.0);
            if at == 10 * DAY {
                total = 0.0;
            }
            total
        });
        let watched = watch(&values);
        let again = incidents(&watched, DAY..10 * DAY).len() + incidents(&watched, 12 * DAY..14 * DAY).len();
        assert!(again <= 4, "seed {seed}: {:?}", watched.incidents);
    }
}

/// A service that is busy by day, with a batch job of an hour at 02:00.
fn of_day(at: usize) -> f64 {
    let hour = (at % DAY) as f64 / HOUR as f64;
    let wave = 100.0 - 60.0 * (hour / 24.0 * std::f64::consts::TAU).cos();
    if (2.0..3.0).contains(&hour) { wave + 120.0 } else { wave }
}

#[test]
fn a_batch_job_each_night_is_learnt_and_at_noon_it_is_none() {
    let jobs = |dice: &mut Dice, at: usize| {
        let hour = at % DAY / HOUR;
        50.0 + 2.0 * dice.normal() + if hour == 2 { 100.0 } else { 0.0 }
    };
    let mut values = made_up(4, 3 * WEEK, jobs);
    values.extend(made_up(5, DAY / 2, jobs));
    let noon = values.len();
    values.extend(made_up(6, 6, |dice, _| 150.0 + 2.0 * dice.normal()));
    let watched = watch(&values);
    let late = incidents(&watched, 2 * WEEK..noon);
    assert!(late.len() <= 1, "in the third week: {late:?}");
    assert!(is_found(&watched, noon, 2), "the same at noon");
}

#[test]
fn a_day_and_night_pattern_is_ordinary_and_a_day_at_night_is_not() {
    for seed in 0..2 {
        let mut values = made_up(seed, 3 * WEEK, |dice, at| of_day(at) + 4.0 * dice.normal());
        let quiet = values.len() + HOUR / 2;
        values.extend(made_up(9, HOUR, |dice, at| {
            4.0 * dice.normal() + if at < HOUR / 2 { of_day(at) } else { of_day(10 * HOUR) }
        }));
        let watched = watch(&values);
        let late = incidents(&watched, 2 * WEEK..quiet);
        assert!(late.len() <= 2, "seed {seed}, in the third week: {late:?}");
        assert!(is_found(&watched, quiet, 3), "seed {seed}: ten in the morning, half past midnight");
    }
}

#[test]
fn what_is_usual_at_two_in_the_morning_is_not_at_noon() {
    // By the minute: two weeks with a job of two hours each night, twenty times as high as the rest.
    let minute = 60_000;
    let by_day = 1440;
    let mut values = made_up(12, 14 * by_day, |dice, at| {
        40.0 + 5.0 * dice.normal() + if (120..240).contains(&(at % by_day)) { 860.0 } else { 0.0 }
    });
    values.extend(made_up(13, 11 * 60, |dice, at| {
        40.0 + 5.0 * dice.normal() + if (120..240).contains(&at) { 860.0 } else { 0.0 }
    }));
    let eleven = values.len();
    values.push(904.0);
    let mut model = Model::<Tide>::open("{}", minute).expect("default settings");
    let run = samples(MONDAY, minute, values.iter().copied());
    let watched = Vigil { accept_after: by_day, ..Vigil::default() }.watch(&mut model, &run).expect("verdicts");
    let nights = incidents(&watched, 7 * by_day..eleven);
    assert!(nights.len() <= 2, "in the second week: {nights:?}");
    let at_work = watched.verdicts[13 * by_day + 180];
    assert!((800.0..1000.0).contains(&at_work.expected), "in the middle of the job: {at_work:?}");
    let score = watched.verdicts[eleven].score;
    assert!(score > 1.5, "at eleven in the morning: {score}");
}

#[test]
fn weekends_are_learnt() {
    let values = made_up(7, 6 * WEEK, |dice, at| {
        let busy = if at / DAY % 7 < 5 { 1.0 } else { 0.4 };
        busy * (100.0 - 60.0 * ((at % DAY) as f64 / DAY as f64 * std::f64::consts::TAU).cos()) + 4.0 * dice.normal()
    });
    let watched = watch(&values);
    let late = incidents(&watched, 4 * WEEK..6 * WEEK);
    assert!(late.len() <= 6, "in the fifth and sixth week: {late:?}");
}

#[test]
fn a_level_that_shifts_for_good_speaks_once() {
    for shift in [15.0, -15.0] {
        let at = 2 * WEEK;
        let values =
            made_up(8, 3 * WEEK, |dice, i| 100.0 + 2.0 * dice.normal() + if i >= at { shift * 2.0 } else { 0.0 });
        let watched = watch(&values);
        let since = incidents(&watched, at..values.len());
        assert!(since.first().is_some_and(|incident| incident.start <= at + 3), "{shift} deviations: {since:?}");
        assert!(since.len() <= 2, "{shift} deviations: {since:?}");
        let before = incidents(&watched, WEEK..at);
        assert!(before.len() <= 3, "{before:?}");
    }
}

#[test]
fn what_has_jumped_within_its_range_is_not_healthy_by_the_second_sample() {
    // By night there is less than a third of the noon's traffic: only the samples before say that something broke.
    let traffic = |dice: &mut Dice, at: usize| {
        (100.0 - 85.0 * ((at % DAY) as f64 / DAY as f64 * std::f64::consts::TAU).cos()) * (1.0 + 0.02 * dice.normal())
    };
    let noon = 2 * DAY + DAY / 2;
    let mut values = made_up(15, noon + 20, traffic);
    values[noon..].iter_mut().for_each(|value| *value *= 0.3);
    let watched = watch(&values);
    assert!(is_found(&watched, noon, 1), "{:?}", watched.incidents);
    assert!(watched.verdicts[noon..].iter().all(|verdict| verdict.is_anomalous()), "{:?}", &watched.verdicts[noon..]);
}

#[test]
fn noise_that_grows_fivefold_is_found() {
    let at = 2 * WEEK;
    let values = made_up(10, at + 3 * HOUR, |dice, i| 100.0 + 2.0 * dice.normal() * if i >= at { 5.0 } else { 1.0 });
    assert!(is_found(&watch(&values), at, 2 * HOUR));
}

#[test]
fn gaps_are_no_incidents() {
    let mut dice = Dice::new(11);
    let mut model = Model::<Tide>::open("{}", STEP_MS).expect("default settings");
    let mut run = samples(MONDAY, STEP_MS, (0..3 * WEEK).map(|at| of_day(at) + 4.0 * dice.normal()));
    // An hour each day, and three days in one.
    let missing = |at: usize| at % DAY < HOUR || (16 * DAY..19 * DAY).contains(&at);
    let kept: Vec<usize> = (0..3 * WEEK).filter(|at| !missing(*at)).collect();
    run.timestamps = kept.iter().map(|at| run.timestamps[*at]).collect();
    run.values = kept.iter().map(|at| run.values[*at]).collect();
    let watched = Vigil { accept_after: DAY, ..Vigil::default() }.watch(&mut model, &run).expect("verdicts");
    let second = kept.partition_point(|at| *at < 2 * WEEK);
    let late = incidents(&watched, second..kept.len());
    assert!(late.len() <= 3, "in the third week: {:?}", late.iter().map(|i| kept[i.start]).collect::<Vec<_>>());
}
