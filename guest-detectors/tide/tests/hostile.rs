//! What no series should hold and some do, and bytes that were never state.

use tide::Tide;
use tidegate_guest::testing::{Dice, Fault, Model, Series, Subject, contract, samples};
use tidegate_guest::{Error, Samples};

const STEP_MS: u64 = 60_000;
const START: i64 = 1_699_833_600_000;

/// A quarter of what a host takes by default, and what the detector may hold at most.
const MOST_STATE: usize = 16_384;

fn model() -> Model<Tide> {
    Model::open("{}", STEP_MS).expect("default settings")
}

fn noise(seed: u64, len: usize) -> Vec<f64> {
    let mut dice = Dice::new(seed);
    (0..len).map(|_| 100.0 + 5.0 * dice.normal()).collect()
}

/// The state of a series with an ordinary past.
fn learnt(model: &mut Model<Tide>, len: usize) -> (Vec<u8>, i64) {
    let run = samples(START, STEP_MS, noise(1, len));
    let mut series = Series::new(model);
    series.feed(&run).expect("verdicts");
    (series.state, run.timestamps[len - 1])
}

#[test]
fn the_state_stays_small_whatever_comes() {
    let mut model = model();
    let mut dice = Dice::new(3);
    let wild = [0.0, 1e300, -1e300, 5e-324, f64::MAX, f64::NAN];
    type Value = Box<dyn FnMut(usize) -> f64>;
    let kinds: [(&str, Value); 4] = [
        ("noise", Box::new(move |_| dice.normal())),
        ("constant", Box::new(|_| 5.0)),
        ("a ramp", Box::new(|at| at as f64)),
        ("wild", Box::new(move |at| wild[at % wild.len()])),
    ];
    for (what, mut value) in kinds {
        let mut series = Series::new(&mut model);
        // Five weeks, an hour a call.
        for hour in 0..5 * 7 * 24 {
            let start = START + hour as i64 * 3_600_000;
            series.feed(&samples(start, STEP_MS, (0..60).map(|at| value(hour * 60 + at)))).expect("verdicts");
            assert!(series.state.len() <= MOST_STATE, "{what}: {} bytes after {hour} hours", series.state.len());
        }
    }
}

#[test]
fn garbage_is_refused_as_unreadable() {
    let mut model = model();
    let (state, at) = learnt(&mut model, 500);
    let one = samples(at + 60_000, STEP_MS, [100.0]);
    assert!(Subject::score(&mut model, &state, &one).is_ok());
    let mut dice = Dice::new(5);
    let mut refused = |bytes: &[u8], what: &str| match Subject::score(&mut model, bytes, &one) {
        Err(Fault::Guest(Error::UnreadableState(_))) => {}
        other => panic!("{what}: {other:?}"),
    };
    for len in [1, 7, 8, 9, 100, state.len(), 20_000] {
        let bytes: Vec<u8> = (0..len).map(|_| (dice.uniform() * 256.0) as u8).collect();
        refused(&bytes, &format!("{len} bytes of chance"));
        refused(&vec![0; len], &format!("{len} zeros"));
    }
    // The right tag and garbage behind it.
    for _ in 0..200 {
        let mut bytes = state.clone();
        for _ in 0..8 {
            let place = 8 + (dice.uniform() * (state.len() - 8) as f64) as usize;
            bytes[place] ^= 1 + (dice.uniform() * 255.0) as u8;
        }
        if bytes != state {
            refused(&bytes, "eight bytes changed");
        }
    }
}

#[test]
fn nothing_is_learnt_of_what_is_no_number() {
    let mut model = model();
    let (state, at) = learnt(&mut model, 500);
    let mut series = Series::resumed(&mut model, state.clone());
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(series.feed_one(at + 60_000, value).expect("a verdict").score.is_nan(), "{value}");
    }
    assert_eq!(series.state, state);
}

#[test]
fn huge_and_tiny_numbers_are_answered_and_forgotten_again() {
    let mut model = model();
    for wild in [f64::MAX, f64::MIN, 1e200, -1e200, 1e150, 5e-324, -5e-324] {
        let (state, at) = learnt(&mut model, 500);
        let mut series = Series::resumed(&mut model, state);
        let verdict = series.feed_one(at + 60_000, wild).expect("a verdict");
        assert!(verdict.is_anomalous() && verdict.score.is_finite(), "{wild}: {verdict:?}");
        assert!(series.note.as_ref().is_some_and(|note| note.len() < 300), "{wild}: {:?}", series.note);
        // Learnt nevertheless, as where a streak opens no incident: what follows is still judged.
        let after = series.feed(&samples(at + 120_000, STEP_MS, noise(2, 1000))).expect("verdicts");
        contract::sane(&after, 1000).expect("verdicts within the contract");
        assert!(after.scores[500..].iter().all(|score| *score <= 1.0), "{wild}: noise after it");
    }
}

#[test]
fn a_series_of_huge_numbers_is_judged_like_any_other() {
    let mut model = model();
    for scale in [1e-6, 1e10, 1e20, 1e30] {
        let mut values: Vec<f64> = noise(1, 1000).iter().map(|value| value * scale).collect();
        values.push(400.0 * scale);
        let verdicts = Series::new(&mut model).feed(&samples(START, STEP_MS, values)).expect("verdicts");
        assert!(verdicts.scores[900..1000].iter().all(|score| *score < 1.2), "in units of {scale:e}");
        assert!(verdicts.scores[1000] > 1.0, "in units of {scale:e}: {}", verdicts.scores[1000]);
    }
}

#[test]
fn a_sample_that_comes_twice_or_late_changes_nothing() {
    let mut model = model();
    let (state, at) = learnt(&mut model, 500);
    let mut series = Series::resumed(&mut model, state.clone());
    for late in [0, 1, 59_999, 60_000, 3_600_000] {
        let verdict = series.feed_one(at - late, 1e6).expect("a verdict");
        assert!(verdict.score.is_nan(), "{late} ms late: {verdict:?}");
        assert_eq!(series.state, state, "{late} ms late");
    }
    assert!(series.feed_one(at + 60_000, 100.0).expect("a verdict").score <= 1.0);
}

#[test]
fn a_clock_that_was_set_right_goes_on() {
    let mut model = model();
    let (state, _) = learnt(&mut model, 500);
    for start in [START - 40 * 86_400_000, START + 40 * 86_400_000, 0, -1_000_000_000_000] {
        let mut series = Series::resumed(&mut model, state.clone());
        let verdicts = series.feed(&samples(start, STEP_MS, noise(6, 300))).expect("verdicts");
        assert!(verdicts.scores[1..].iter().all(|score| *score >= 0.0), "from {start} on: all are judged");
    }
}

#[test]
fn the_step_is_found_whatever_the_config_says() {
    // The same samples, five minutes apart, said to be five minutes, a minute and a day apart.
    let run = samples(START, 300_000, noise(7, 3000));
    let scores = [300_000, 60_000, 86_400_000].map(|said| {
        let mut model = Model::<Tide>::open("{}", said).expect("default settings");
        Series::new(&mut model).feed(&run).expect("verdicts").scores
    });
    assert_eq!(scores[0][1000..], scores[1][1000..]);
    assert_eq!(scores[0][1000..], scores[2][1000..]);
}

#[test]
fn the_future_changes_nothing_about_the_past() {
    let mut model = model();
    let mut values = noise(8, 2000);
    values[1500..].iter_mut().for_each(|value| *value *= 3.0);
    let run = samples(START, STEP_MS, values);
    let whole = Series::new(&mut model).feed(&run).expect("verdicts");
    for len in [100, 777, 1500, 1600] {
        let cut = Samples { timestamps: run.timestamps[..len].to_vec(), values: run.values[..len].to_vec() };
        let verdicts = Series::new(&mut model).feed(&cut).expect("verdicts");
        let bits = |scores: &[f64]| scores.iter().map(|score| score.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&verdicts.scores), bits(&whole.scores[..len]), "cut after {len}");
        assert_eq!(bits(&verdicts.upper), bits(&whole.upper[..len]), "cut after {len}");
    }
}
