//! How often the detector cries wolf on noise, and what it must not miss: statistics over made-up weeks.

use seasonal::Seasonal;
use tidegate_guest::testing::{Model, Series, samples};

const MINUTE: u64 = 60_000;
const DAY: usize = 1440;

/// Normally distributed noise, the same in each run: a linear congruential generator (D. H. Lehmer, constants of Knuth's
/// MMIX) and the sum of twelve uniform numbers.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        let uniform = || {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        };
        std::iter::repeat_with(uniform).take(12).sum::<f64>() - 6.0
    }
}

/// A day of a busy service: low at night but for a batch job of an hour, due at 02:00.
fn shape(minute: usize, late: usize) -> f64 {
    let of_day = minute % DAY;
    let sine = 100.0 - 60.0 * (of_day as f64 / DAY as f64 * std::f64::consts::TAU).cos();
    if (120 + late..180 + late).contains(&of_day) { sine + 120.0 } else { sine }
}

fn scores(step_ms: u64, values: &[f64]) -> Vec<f64> {
    let mut model = Model::<Seasonal>::open("{}", step_ms).expect("default settings");
    let run = samples(1_699_920_000_000, step_ms, values.iter().copied());
    Series::new(&mut model).feed(&run).expect("verdicts").scores
}

/// The scores of the last day as a host makes them: what is anomalous is not learnt.
fn scores_of_today(step_ms: u64, values: &[f64], today: usize) -> Vec<f64> {
    let mut model = Model::<Seasonal>::open("{}", step_ms).expect("default settings");
    let run = samples(1_699_920_000_000, step_ms, values.iter().copied());
    let (past, fresh) = values.split_at(today);
    let mut series = Series::new(&mut model);
    series.feed(&samples(1_699_920_000_000, step_ms, past.iter().copied())).expect("verdicts");
    let mut scores = Vec::new();
    for (at, value) in run.timestamps[today..].iter().zip(fresh) {
        let before = series.state.clone();
        let verdict = series.feed_one(*at, *value).expect("a verdict");
        if verdict.is_anomalous() {
            series.state = before;
        }
        scores.push(verdict.score);
    }
    scores
}

/// The longest run of anomalous samples.
fn longest_run(scores: &[f64]) -> usize {
    scores.split(|score| *score <= 1.0).map(<[f64]>::len).max().unwrap_or(0)
}

/// Days of the shape above under noise; `starts` says by how many minutes the batch job of each day is late.
fn days(count: usize, step_minutes: usize, seed: u64, starts: impl Fn(usize) -> usize) -> Vec<f64> {
    let mut noise = Noise(seed);
    (0..count * DAY)
        .step_by(step_minutes)
        .map(|minute| shape(minute, starts(minute / DAY)) + 4.0 * noise.next())
        .collect()
}

#[test]
fn noise_around_a_daily_pattern_is_no_alarm() {
    // Step in minutes, days of history, most false alarms. Beyond three deviations lie 0.27 % of a normal distribution.
    // With one sample in a slot and a week of history the deviation is an estimate from 21 values or more, hence twice
    // that; with many samples in a slot the detector is on the careful side.
    for (step, history, most) in [
        (1, 2, 0.001),
        (1, 3, 0.001),
        (1, 7, 0.002),
        (1, 14, 0.002),
        (5, 2, 0.008),
        (5, 7, 0.006),
        (5, 14, 0.005),
        (60, 7, 0.01),
        (60, 14, 0.005),
    ] {
        let (mut anomalous, mut total) = (0, 0);
        for seed in 0..20 {
            let values = days(history + 1, step, seed, |_| 0);
            let judged = &scores(step as u64 * MINUTE, &values)[history * DAY / step..];
            assert!(judged.iter().all(|score| score.is_finite()), "all of them are judged");
            assert!(longest_run(judged) < 3, "step {step}m, {history} days: three in a row would open an incident");
            anomalous += judged.iter().filter(|score| **score > 1.0).count();
            total += judged.len();
        }
        let share = anomalous as f64 / total as f64;
        assert!(share <= most, "step {step}m, {history} days: {share} of the samples are anomalous");
    }
}

#[test]
fn a_job_that_starts_a_few_minutes_early_or_late_is_no_incident() {
    for seed in 0..20 {
        let late = |day: usize| [2, 0, 3, 1, 4, 0, 2, 1, 3, 4, 0, 1, 2, 3, 4][(day * 7 + seed as usize) % 15];
        let values = days(15, 1, seed, late);
        let judged = &scores(MINUTE, &values)[14 * DAY..];
        assert!(longest_run(judged) < 3, "seed {seed}: {} in a row", longest_run(judged));
    }
}

#[test]
fn steep_edges_one_sample_late_are_no_incident() {
    // Every day the same to a hair, with edges of five samples, and today all of it one sample later: a scrape out of
    // phase, a job behind a slower one.
    let ramp = |sample: usize| match sample % (DAY / 5) {
        up @ 20..25 => (up - 20) as f64 * 36.0,
        25..40 => 180.0,
        down @ 40..45 => (45 - down) as f64 * 36.0,
        _ => 0.0,
    };
    for history in [2, 3, 7, 14] {
        for seed in 0..20 {
            let mut noise = Noise(seed);
            let today = history * DAY / 5;
            let values: Vec<f64> = (0..today + DAY / 5)
                .map(|sample| 50.0 + ramp(sample - usize::from(sample >= today)) + 2.0 * noise.next())
                .collect();
            let judged = &scores(5 * MINUTE, &values)[today..];
            assert!(longest_run(judged) < 3, "{history} days, seed {seed}: {} in a row", longest_run(judged));
        }
    }
}

#[test]
fn what_is_normal_at_night_is_found_at_noon_and_the_other_way_round() {
    let night = shape(150, 0);
    let noon = shape(720, 0);
    for history in [2, 3, 7, 14] {
        for seed in 0..5 {
            let mut values = days(history + 1, 1, seed, |_| 0);
            let today = history * DAY;
            // The level of the batch job in the quiet hours before it, and none of it while it should run.
            for minute in 60..70 {
                values[today + minute] = night;
            }
            for minute in 140..150 {
                values[today + minute] = shape(60, 0);
            }
            for minute in 720..730 {
                values[today + minute] = noon + 60.0;
            }
            let scores = scores_of_today(MINUTE, &values, today);
            for (first, last) in [(60, 70), (140, 150), (720, 730)] {
                let missed = scores[first..last].iter().filter(|score| **score <= 1.0).count();
                assert_eq!(missed, 0, "{history} days, seed {seed}: minutes {first} to {last}");
            }
            assert!(longest_run(&scores[730..]) < 3, "{history} days, seed {seed}: the rest of the day");
        }
    }
}

#[test]
fn a_new_level_becomes_normal_within_weeks() {
    let mut values = days(40, 5, 1, |_| 0);
    for value in &mut values[14 * DAY / 5..] {
        *value += 40.0;
    }
    let scores = scores(5 * MINUTE, &values);
    let share = |day: usize| {
        let of_day = &scores[day * DAY / 5..(day + 1) * DAY / 5];
        of_day.iter().filter(|score| **score > 1.0).count() as f64 / of_day.len() as f64
    };
    assert!(share(14) > 0.99, "the first day: {}", share(14));
    assert!(share(18) < 0.01, "after four days: {}", share(18));
    // Not only because the deviation has grown: what was normal before is not any more.
    let mut back = values.clone();
    back.truncate(39 * DAY / 5);
    back.extend(days(1, 5, 2, |_| 0));
    let scores = self::scores(5 * MINUTE, &back);
    let found = scores[39 * DAY / 5..].iter().filter(|score| **score > 0.5).count();
    assert!(found > DAY / 5 / 2, "{found} of {}", DAY / 5);
}
