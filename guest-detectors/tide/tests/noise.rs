//! How often the detector cries wolf on noise, held against its budget: statistics over made-up weeks.

use tide::Tide;
use tidegate_guest::testing::{Dice, Model, Vigil, samples};

const STEP_MS: u64 = 300_000;
const DAY: usize = 288;
const WEEK: usize = 7 * DAY;

/// The first weeks, in which tails and season are learnt as from history.
const LEARNT: usize = 2 * WEEK;

/// Makes up the next sample.
type Draw = fn(&mut Dice) -> f64;

/// Noise as metrics have it.
const NOISE: [(&str, Draw); 7] = [
    ("normal", |dice| 100.0 + 5.0 * dice.normal()),
    ("uniform", |dice| 100.0 + 5.0 * dice.uniform()),
    ("exponential", |dice| 20.0 * dice.exponential()),
    ("log-normal", |dice| 0.2 * dice.log_normal(0.4)),
    ("many counts", |dice| dice.poisson(40.0)),
    ("few counts", |dice| dice.poisson(3.0)),
    ("rare counts", |dice| dice.poisson(0.1)),
];

/// How many incidents a week of noise has, over so many weeks of each of so many seeds.
fn incidents_a_week(settings: &str, weeks: usize, seeds: u64, draw: impl Fn(&mut Dice) -> f64) -> f64 {
    let mut model = Model::<Tide>::open(settings, STEP_MS).expect("settings");
    let mut incidents = 0;
    for seed in 0..seeds {
        let mut dice = Dice::new(seed);
        let values = (0..LEARNT + weeks * WEEK).map(|_| draw(&mut dice));
        let run = samples(1_699_920_000_000, STEP_MS, values);
        let watched = Vigil { accept_after: DAY, ..Vigil::default() }.watch(&mut model, &run).expect("verdicts");
        assert!(watched.verdicts[LEARNT..].iter().all(|verdict| verdict.score >= 0.0), "all are judged");
        incidents += watched.incidents.iter().filter(|incident| incident.start >= LEARNT).count();
    }
    incidents as f64 / (weeks as f64 * seeds as f64)
}

#[test]
fn noise_alarms_about_as_often_as_the_budget_says() {
    for (what, draw) in NOISE {
        let rate = incidents_a_week("{}", 3, 4, draw);
        assert!(rate <= 3.0, "{what}: {rate} incidents a week, of one that the budget allows");
    }
}

#[test]
fn a_larger_budget_is_spent_too() {
    // Tails that end somewhere, as that of a uniform distribution, leave nothing to be called rare.
    for (what, draw) in NOISE.into_iter().filter(|(what, _)| ["normal", "exponential", "log-normal"].contains(what)) {
        let rate = incidents_a_week(r#"{"false_alarms": "2 per day"}"#, 3, 2, draw);
        assert!((1.0..=42.0).contains(&rate), "{what}: {rate} incidents a week, of 14 that the budget allows");
    }
}
