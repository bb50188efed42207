//! The guests' own cases and promises, held against the built components.

use std::path::{Path, PathBuf};
use std::time::Duration;

use seasonal::Seasonal;
use serde_json::Value;
use tidegate_guest::testing::{Model, Series, Subject, bits, cases, contract, samples};
use tidegate_guest::{Detector as _, Error, Needs, Samples, Scored, Verdicts};
use tidegate_sandbox::{CallError, Detector, Guest, GuestError, OpenError};
use zscore::ZScore;

use crate::found::{load, shared, texts_of};

/// A component as the guests' own tests see a detector.
struct Component(Detector);

impl Subject for Component {
    fn needs(&mut self) -> Needs {
        let needs = self.0.needs();
        Needs {
            history_ms: u64::try_from(needs.history.as_millis()).expect("bounded by the sandbox"),
            min_samples: needs.min_samples,
        }
    }

    fn score(&mut self, state: &[u8], fresh: &Samples) -> Result<Scored, Error> {
        let scored = self.0.score(state, &fresh.timestamps, &fresh.values).map_err(own_error)?;
        Ok(Scored {
            state: scored.state,
            verdicts: Verdicts {
                scores: scored.verdicts.scores,
                expected: scored.verdicts.expected,
                lower: scored.verdicts.lower,
                upper: scored.verdicts.upper,
            },
            note: scored.note,
        })
    }
}

fn own_error(error: CallError) -> Error {
    match error {
        CallError::Guest(GuestError::InvalidSettings(text)) => Error::InvalidSettings(text),
        CallError::Guest(GuestError::UnreadableState(text)) => Error::UnreadableState(text),
        CallError::Guest(GuestError::InsufficientData(text)) => Error::InsufficientData(text),
        other => Error::Internal(other.to_string()),
    }
}

/// Opens past the schema where it would refuse: then the guest's own words are what a case is about.
fn open(guest: &Guest, settings: &str, step_ms: u64) -> Result<Component, Error> {
    let settings: Value = serde_json::from_str(settings).expect("settings of a case");
    match guest.open_detector(&settings, Duration::from_millis(step_ms)) {
        Ok(detector) => Ok(Component(detector)),
        Err(OpenError::Call { error, .. }) => Err(own_error(error)),
        Err(other) => Err(Error::InvalidSettings(other.to_string())),
    }
}

fn folder(guest: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest-detectors").join(guest).join("cases")
}

/// Runs a guest's case files. A refusal only has to be one of the settings: which words it has is a matter of the guest's
/// native tests, and here its schema comes first.
fn check_cases(name: &str) {
    let guest = load(&shared(), name);
    let folder = folder(name);
    let cases = cases::read(&folder).expect("cases");
    let texts = texts_of(&folder);
    assert_eq!(cases.len(), texts.len());
    for (case, json) in cases.iter().zip(&texts) {
        if json["expect"]["refused"].is_string() {
            let step_ms = json["step_ms"].as_u64().expect("a step");
            let refused = open(&guest, &json["settings"].to_string(), step_ms).err();
            assert!(matches!(refused, Some(Error::InvalidSettings(_))), "{}: {refused:?}", json["what"]);
        } else {
            case.check(|settings, step_ms| open(&guest, settings, step_ms)).unwrap_or_else(|wrong| panic!("{wrong}"));
        }
    }
}

/// The same calls to the component and to native code: the same bits in state and verdicts.
fn check_bits<D: tidegate_guest::Detector>(settings: &str, step_ms: u64) {
    let guest = load(&shared(), D::NAME);
    let mut component = open(&guest, settings, step_ms).expect("settings that open");
    let mut native = Model::<D>::open(settings, step_ms).expect("settings that open");
    let (mut here, mut there) = (Series::new(&mut component), Series::new(&mut native));
    let values = (0..4000_u32).map(|at| match at % 200 {
        60 => f64::NAN,
        90 => f64::INFINITY,
        120 => 1e6,
        _ => f64::from(at * 7919 % 101) / 7.0 + f64::from(at % 144).sin(),
    });
    let all = samples(1_700_000_000_000, step_ms, values);
    for (chunk, (timestamps, values)) in all.timestamps.chunks(37).zip(all.values.chunks(37)).enumerate() {
        let fresh = Samples { timestamps: timestamps.to_vec(), values: values.to_vec() };
        let a = here.feed(&fresh).expect("an answer of the component");
        let b = there.feed(&fresh).expect("a native answer");
        assert_eq!(canonical(&a), canonical(&b), "verdicts of chunk {chunk}");
        assert_eq!(here.state, there.state, "state after chunk {chunk}");
        assert_eq!(here.note, there.note, "note after chunk {chunk}");
    }
}

/// The engine makes all NaN one, a processor does not.
fn canonical(verdicts: &Verdicts) -> Vec<u64> {
    bits(verdicts)
        .into_iter()
        .map(|bits| if f64::from_bits(bits).is_nan() { f64::NAN.to_bits() } else { bits })
        .collect()
}

fn check_contract(name: &str, settings: &str, step_ms: u64, samples: u32) {
    let guest = load(&shared(), name);
    let mut component = open(&guest, settings, step_ms).expect("settings that open");
    let values: Vec<f64> = (0..samples).map(|at| f64::from(at * 7919 % 101) / 7.0).collect();
    contract::check(&mut component, 1_700_000_000_000, step_ms, &values)
        .unwrap_or_else(|broken| panic!("{name} with {settings}: {broken}"));
}

#[test]
fn cases_of_zscore() {
    check_cases(ZScore::NAME);
}

#[test]
fn cases_of_seasonal() {
    check_cases(Seasonal::NAME);
}

#[test]
fn bits_of_zscore() {
    check_bits::<ZScore>(r#"{"window": "2h", "threshold": 3.0}"#, 60_000);
    check_bits::<ZScore>(r#"{"window": "1w"}"#, 60_000);
}

#[test]
fn bits_of_seasonal() {
    check_bits::<Seasonal>(r#"{"period": "10m"}"#, 1_000);
    check_bits::<Seasonal>(r#"{"period": "24h"}"#, 600_000);
}

#[test]
fn contract_of_zscore() {
    check_contract(ZScore::NAME, r#"{"window": "1h"}"#, 60_000, 300);
}

#[test]
fn contract_of_seasonal() {
    check_contract(Seasonal::NAME, r#"{"period": "1h"}"#, 60_000, 300);
}
