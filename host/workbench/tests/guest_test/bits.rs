//! The same calls to the component and to native code: the same bits in state and verdicts.

use seasonal::Seasonal;
use tidegate_guest::testing::{Model, Series, bits, samples};
use tidegate_guest::{Samples, Verdicts};
use tidegate_workbench::subject::Opener;
use zscore::ZScore;

use crate::found::{PATIENT, load};

fn check<D: tidegate_guest::Detector>(settings: &str, step_ms: u64) {
    let opener = Opener::new(load(D::NAME, PATIENT));
    let json = serde_json::from_str(settings).expect("settings");
    let mut component = opener.detector(&json, step_ms).expect("settings that open");
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

#[test]
fn of_zscore() {
    check::<ZScore>(r#"{"window": "2h", "threshold": 3.0}"#, 60_000);
    check::<ZScore>(r#"{"window": "1w"}"#, 60_000);
}

#[test]
fn of_seasonal() {
    check::<Seasonal>(r#"{"period": "10m"}"#, 1_000);
    check::<Seasonal>(r#"{"period": "24h"}"#, 600_000);
}
