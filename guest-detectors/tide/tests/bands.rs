//! Band and score say the same of whatever value comes next, at many moments of many kinds of series: outside of the band the
//! score is above 1, inside it is not.

use tide::Tide;
use tidegate_guest::Samples;
use tidegate_guest::testing::{Dice, Model, Subject, verdict};

const START: i64 = 1_699_833_600_000;
const DAY_MS: f64 = 86_400_000.0;

/// A value by the time of day, from 0 to 1, and the number of the sample.
type Value = fn(&mut Dice, f64, usize) -> f64;

const KINDS: [(&str, Value); 7] = [
    ("noise", |dice, _, _| 100.0 + 5.0 * dice.normal()),
    ("a wave", |dice, day, _| 100.0 + 50.0 * (day * std::f64::consts::TAU).sin() + 2.0 * dice.normal()),
    ("a job each night", |dice, day, _| if (0.08..0.16).contains(&day) { 900.0 } else { 40.0 } + 4.0 * dice.normal()),
    ("a step of ages", |dice, _, at| if at > 2000 { 1e12 } else { 0.0 } + dice.normal()),
    ("errors now and then", |dice, _, _| if dice.chance(0.02) { 3.0 } else { 0.0 }),
    ("heavy tails", |dice, _, _| dice.log_normal(3.0)),
    ("wild", |dice, _, _| if dice.chance(0.01) { 1e300 * dice.normal() } else { dice.normal() }),
];

/// Asks about many values at one moment: close to the edges, and far beyond them.
fn ask(model: &mut Model<Tide>, state: &[u8], at: i64, what: &str) {
    let mut judge = |value: f64| {
        let one = Samples { timestamps: vec![at], values: vec![value] };
        verdict(&Subject::score(model, state, &one).expect("a verdict").verdicts, 0)
    };
    let first = judge(0.0);
    let width = (first.upper - first.lower).max(1e-9);
    let around = (-20..=20).flat_map(|place| [f64::from(place) / 5.0, f64::from(place).powi(3)]);
    let edges =
        [first.lower, first.upper].into_iter().flat_map(|edge| [-1e-3, -1e-6, 1e-6, 1e-3].map(|off| (edge, off)));
    let values: Vec<f64> =
        around.map(|place| (first.expected, place)).chain(edges).map(|(from, off)| from + off * width).collect();
    for value in values {
        let said = judge(value);
        assert!(said.score.is_finite() && said.score >= 0.0, "{what}, {value}: {said:?}");
        assert!(said.lower <= said.expected && said.expected <= said.upper, "{what}, {value}: {said:?}");
        // At the edge either is right: a band is rounded when it is written down.
        let is_at = |edge: f64| (value - edge).abs() <= 1e-9 * edge.abs().max(value.abs());
        if !is_at(said.lower) && !is_at(said.upper) {
            assert_eq!(value < said.lower || value > said.upper, said.score > 1.0, "{what}, {value}: {said:?}");
        }
    }
}

#[test]
fn band_and_score_never_contradict_each_other() {
    for (seed, (what, value)) in KINDS.into_iter().enumerate() {
        for step_ms in [60_000_u64, 300_000, 3_600_000, 86_400_000] {
            let mut model = Model::<Tide>::open("{}", step_ms).expect("default settings");
            let mut dice = Dice::new(seed as u64 + step_ms);
            let (mut state, mut at) = (Vec::new(), START);
            for part in 0..30 {
                let mut run = Samples { timestamps: Vec::new(), values: Vec::new() };
                for sample in 0..149 {
                    // Now and then some are missing.
                    at += step_ms as i64 * if dice.chance(0.01) { 30 } else { 1 };
                    run.timestamps.push(at);
                    run.values.push(value(&mut dice, at as f64 % DAY_MS / DAY_MS, part * 149 + sample));
                }
                state = Subject::score(&mut model, &state, &run).expect("verdicts").state;
                ask(&mut model, &state, at + step_ms as i64, &format!("{what}, every {step_ms} ms, part {part}"));
            }
        }
    }
}
