//! Every detector that ships, over made-up series of every kind: what is said of a sample must follow from the samples up to
//! it. Each series is played whole and cut short, and to the guest alone one sample a call and many.
//!
//! Wants the components: `cargo xtask guests`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tidegate_benchmark::causality;
use tidegate_benchmark::cost;
use tidegate_benchmark::data::{Series, step};
use tidegate_benchmark::trial::Candidate;
use tidegate_pipeline::rehearsal::Rehearsed;
use tidegate_pipeline::sounding::History;
use tidegate_sandbox::{Sandbox, SandboxOptions};

/// A midnight.
const START: i64 = 1_699_920_000_000;
const MINUTE: i64 = 60_000;

#[test]
fn what_is_said_follows_from_what_was() {
    let sandbox = Sandbox::new(SandboxOptions::default()).expect("a sandbox");
    let detectors = shipped();
    assert!(detectors.len() >= 3, "{detectors:?}");
    for file in detectors {
        let candidate = Candidate::load(&sandbox, &file).unwrap_or_else(|error| panic!("{error:#}"));
        let mut judged = 0;
        for series in kinds() {
            let detector = candidate.open(series.step).unwrap_or_else(|error| panic!("{error:#}"));
            // At an hour's step one of them refuses to be used as it is shipped.
            let Ok(detector) = detector else { continue };
            let history = History { timestamps: &series.timestamps, values: &series.values };
            let (whole, failures) = candidate.play(&detector, &series, history);
            assert_eq!(failures.len(), 0, "{} on {}: {failures:?}", candidate.name, series.name);
            let leak = causality::check(history, &whole, |piece| candidate.play(&detector, &series, piece).0);
            assert_eq!(leak, Ok(()), "{} on {}", candidate.name, series.name);
            let cost = cost::measure(&detector, &series);
            cost.unwrap_or_else(|error| panic!("{} on {}: {error:#}", candidate.name, series.name));
            judged += whole.iter().filter(|sample| has_score(sample)).count();
        }
        // The comparison is worth something only where there are scores.
        assert!(judged > 1000, "{} judged {judged} samples", candidate.name);
    }
}

fn has_score(sample: &Rehearsed) -> bool {
    sample.judgement.is_some_and(|judgement| !judgement.verdict.score.is_nan())
}

/// One of every kind of series that a host meets. All of them are longer than the host's cold start.
fn kinds() -> Vec<Series> {
    let day = |nth: i64, every: i64| (nth * every) as f64 * std::f64::consts::TAU / (24.0 * 60.0);
    let five = |name, value: &dyn Fn(i64) -> f64| series(name, 5, 1200, value);
    vec![
        five("level shift", &|nth| if nth < 900 { 10.0 } else { 25.0 } + noise(1, nth)),
        five("season", &|nth| 100.0 + 40.0 * day(nth, 5).sin() + 5.0 * noise(2, nth)),
        five("spikes", &|nth| if nth % 97 == 96 { 500.0 } else { 10.0 } + noise(3, nth)),
        five("growing spread", &|nth| 10.0 + noise(4, nth) * (1.0 + nth as f64 / 100.0)),
        five("constant", &|_| 7.0),
        five("constant, then not", &|nth| if nth < 1000 { 7.0 } else { 7.5 }),
        five("integer", &|nth| (3.0 * noise(5, nth)).floor()),
        five("sparse", &|nth| if noise(6, nth) > 9.5 { 1.0 + noise(7, nth) } else { 0.0 }),
        five("share", &|nth| (0.99 + noise(8, nth) / 500.0).min(1.0)),
        five("counter", &|nth| nth as f64 * 12.0 + noise(9, nth)),
        five("not a number", &|nth| match nth % 50 {
            7 => f64::NAN,
            8 => f64::INFINITY,
            _ => 10.0 + noise(10, nth),
        }),
        five("huge and tiny", &|nth| if nth % 2 == 0 { 1e300 } else { 1e-300 } * noise(11, nth)),
        series("hourly", 60, 600, &|nth| 50.0 + 20.0 * day(nth, 60).cos() + noise(12, nth)),
        with_gaps(five("gaps", &|nth| 10.0 + noise(13, nth))),
        out_of_order(five("out of order", &|nth| 10.0 + noise(14, nth))),
    ]
}

fn series(name: &str, every_minutes: i64, samples: i64, value: &dyn Fn(i64) -> f64) -> Series {
    let timestamps: Vec<i64> = (0..samples).map(|nth| START + nth * every_minutes * MINUTE).collect();
    Series {
        name: name.to_owned(),
        step: step(&timestamps).unwrap_or(Duration::from_secs(60)),
        timestamps,
        values: (0..samples).map(value).collect(),
        spans: Vec::new(),
    }
}

/// Short ones, and one after which the host has forgotten the series.
fn with_gaps(mut series: Series) -> Series {
    for (nth, at) in series.timestamps.iter_mut().enumerate() {
        let short = (nth / 200) as i64 * 45 * MINUTE;
        let long = if nth >= 1000 { 3 * 24 * 60 * MINUTE } else { 0 };
        *at += short + long;
    }
    series
}

/// Samples that are late, and samples that come twice.
fn out_of_order(mut series: Series) -> Series {
    for nth in (3..series.timestamps.len()).step_by(61) {
        series.timestamps[nth] = series.timestamps[nth - nth % 3];
    }
    series
}

/// From 0 to 10, evenly (splitmix64: G. L. Steele, D. Lea, C. H. Flood, 2014).
fn noise(seed: u64, nth: i64) -> f64 {
    let mut mixed = (seed << 32 | nth as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ mixed >> 31) % 1000) as f64 / 100.0
}

/// The components of all crates under `guest-detectors`.
fn shipped() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
    let crates = fs::read_dir(root.join("guest-detectors")).expect("the folder of detectors");
    let crates = crates.map(|entry| entry.expect("an entry").path()).filter(|path| path.join("Cargo.toml").is_file());
    let names = crates.filter_map(|path| Some(path.file_name()?.to_owned()));
    let mut files: Vec<PathBuf> = names.map(|name| target.join("guests").join(name).with_extension("wasm")).collect();
    files.sort();
    files
}
