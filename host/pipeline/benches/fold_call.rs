//! What one fold call costs: the same detector called through the sandbox and as native code, in one run, alternating.
//!
//! Both sides get a state as bytes and one fresh sample, and give bytes back. Run by `cargo xtask bench`; alone:
//! `cargo bench -p tidegate-pipeline`, with the guests built before. Counts the time on the processor, so that other work
//! on the machine disturbs little; what is left of it, both sides share: compare ratios between machines.

use std::error::Error;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_guest::testing::{Model, Series, Subject, samples};
use tidegate_guest::{Detector, Samples};
use tidegate_sandbox::{Grants, Limits, Sandbox, SandboxOptions};

/// Between two samples of a series.
const STEP: Duration = Duration::from_secs(60);

/// The first sample of every history: a midnight, so that seasons are whole.
const START: i64 = 1_699_920_000_000;

/// Series that learn their history one by one. More states are copies of theirs: what counts is where they lie.
const LEARNT: usize = 64;

/// States beyond any cache: what a host with that many series has.
const MANY: usize = 100_000;

/// Calls of one round.
const CALLS: usize = 200_000;

/// Rounds of each side. The median counts.
const ROUNDS: usize = 9;

type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let sandbox = Sandbox::new(SandboxOptions::default())?;
    println!(
        "{:<38} {:>7} {:>8} {:>9} {:>9} {:>7}",
        "one call with one sample", "states", "bytes", "native ns", "wasm ns", "ratio"
    );
    let day = json!({ "period": "24h" });
    bench::<zscore::ZScore>(&sandbox, "zscore", json!({ "window": "2h" }), 240)?;
    bench::<zscore::ZScore>(&sandbox, "zscore", json!({ "window": "8h" }), 960)?;
    bench::<seasonal::Seasonal>(&sandbox, "seasonal", day, 15 * 24 * 60)
}

/// Measures one configured detector on series that have seen `history` samples.
fn bench<D: Detector>(sandbox: &Sandbox, guest: &str, settings: Value, history: usize) -> Result<(), Failure> {
    let file = guests().join(format!("{guest}.wasm"));
    let wasm = std::fs::read(&file).map_err(|error| format!("{}: {error}; build it first", file.display()))?;
    let loaded = sandbox.load(guest, &wasm, &Limits::default(), &Grants::default())?;
    let component = loaded.open_detector(&settings, STEP)?;
    let mut native = Model::<D>::open(&settings.to_string(), u64::try_from(STEP.as_millis())?)
        .map_err(|error| format!("{guest}: {error:?}"))?;
    let learnt = (0..LEARNT).map(|series| learn(&mut native, series, history)).collect::<Result<Vec<_>, _>>()?;

    for states in [1, MANY] {
        let mut both = [spread(&learnt, states), spread(&learnt, states)];
        let bytes = both[0][0].len();
        let (mut native_rounds, mut wasm_rounds) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let [of_native, of_wasm] = &mut both;
            native_rounds.push(time(of_native, history, round, |state, at, value| {
                let fresh = Samples { timestamps: vec![at], values: vec![value] };
                // The state is copied once on the way in, as by the boundary.
                let scored = native.score(state.to_vec(), &fresh).map_err(|error| format!("{error:?}"))?;
                black_box(&scored.verdicts);
                Ok(scored.state)
            })?);
            wasm_rounds.push(time(of_wasm, history, round, |state, at, value| {
                let scored = component.score(state, &[at], &[value])?;
                black_box(&scored.verdicts);
                Ok(scored.state)
            })?);
        }
        if both[0] != both[1] {
            return Err(format!("{guest}: native and component do not end in the same states").into());
        }
        let (native, wasm) = (median(native_rounds), median(wasm_rounds));
        let what = format!("{guest} {settings}");
        println!("{what:<38} {states:>7} {bytes:>8} {native:>9.0} {wasm:>9.0} {:>7.2}", wasm / native);
    }
    Ok(())
}

/// One round over all states, in turn; nanoseconds of processor a call.
fn time(
    states: &mut [Vec<u8>],
    history: usize,
    round: usize,
    mut score: impl FnMut(&[u8], i64, f64) -> Result<Vec<u8>, Failure>,
) -> Result<f64, Failure> {
    let passes = CALLS / states.len();
    let began = on_processor()?;
    for pass in 0..passes {
        let nth = history + round * passes + pass;
        for (series, state) in states.iter_mut().enumerate() {
            *state = score(state, at(nth), value(series % LEARNT, nth))?;
        }
    }
    Ok((on_processor()? - began) / (passes * states.len()) as f64)
}

/// How long this thread has run so far, in nanoseconds: time in which others had the processor does not count.
fn on_processor() -> Result<f64, Failure> {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(times.split_whitespace().next().unwrap_or_default().parse()?)
}

/// The state of a series that has seen its history.
fn learn(model: &mut impl Subject, series: usize, history: usize) -> Result<Vec<u8>, Failure> {
    let step = u64::try_from(STEP.as_millis())?;
    let mut learning = Series::new(model);
    let values = samples(START, step, (0..history).map(|nth| value(series, nth)));
    learning.feed_in_chunks(&values, 1440).map_err(|error| format!("{error:?}"))?;
    Ok(learning.state)
}

fn spread(learnt: &[Vec<u8>], states: usize) -> Vec<Vec<u8>> {
    learnt.iter().cycle().take(states).cloned().collect()
}

fn at(nth: usize) -> i64 {
    START + nth as i64 * STEP.as_millis() as i64
}

/// A day's wave with noise that stays within bounds: a verdict without a note, as nearly all are.
fn value(series: usize, nth: usize) -> f64 {
    let noise = (nth * 7919 + series * 104_729) % 1009;
    100.0 + (nth as f64 * std::f64::consts::TAU / 1440.0).sin() + noise as f64 / 250.0
}

fn median(mut rounds: Vec<f64>) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

fn guests() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| here.join("../../target"), PathBuf::from).join("guests")
}
