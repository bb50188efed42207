//! What a detector needs and what it answers, and which answers are taken. Knows nothing of how they came about.

use std::time::Duration;

/// How much data a detector wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// How much history to hand over when a series is seen for the first time. Zero for none.
    pub history: Duration,
    /// How many samples of a series it must have seen before its scores can be other than NaN.
    pub min_samples: u64,
}

/// What comes out of folding in fresh samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The state after the last sample.
    pub state: Vec<u8>,
    /// One verdict per fresh sample.
    pub verdicts: Verdicts,
    /// A remark for people on the last sample, cut to `max_text_bytes`.
    pub note: Option<String>,
}

/// The judgement of each fresh sample, as columns of equal length.
///
/// A score is 0 or above, infinity included, and above 1 means anomalous; NaN means not judged. Where a score is a number, so are
/// `expected`, `lower` and `upper`, and `lower` is at most `upper`.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdicts {
    /// How unusual each sample is.
    pub scores: Vec<f64>,
    /// The value that was expected, in the unit of the series.
    pub expected: Vec<f64>,
    /// Lower edge of the band. May be minus infinity.
    pub lower: Vec<f64>,
    /// Upper edge of the band. May be plus infinity.
    pub upper: Vec<f64>,
}

/// Refuses verdicts that break the contract, with the reason.
pub(crate) fn check_verdicts(verdicts: &Verdicts, samples: usize) -> Result<(), String> {
    let Verdicts { scores, expected, lower, upper } = verdicts;
    for (name, column) in [("scores", scores), ("expected", expected), ("lower", lower), ("upper", upper)] {
        if column.len() != samples {
            return Err(format!("{} {name} for {samples} samples", column.len()));
        }
    }
    for at in 0..samples {
        let (score, expected, lower, upper) = (scores[at], expected[at], lower[at], upper[at]);
        if score.is_nan() {
            continue;
        }
        if score < 0.0 {
            return Err(format!("score {score} of sample {at} is below 0"));
        }
        if expected.is_nan() {
            return Err(format!("sample {at} has a score and no expected value"));
        }
        // False for NaN as well.
        if !matches!(lower.partial_cmp(&upper), Some(std::cmp::Ordering::Less | std::cmp::Ordering::Equal)) {
            return Err(format!("the band of sample {at} goes from {lower} to {upper}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Verdicts, check_verdicts};

    const NAN: f64 = f64::NAN;
    const INF: f64 = f64::INFINITY;

    #[test]
    fn verdicts_keep_to_the_contract() {
        let cases: &[(&str, [f64; 4], Option<&str>)] = &[
            ("normal", [0.5, 10.0, 8.0, 12.0], None),
            ("exactly normal", [0.0, 10.0, 10.0, 10.0], None),
            ("endless score", [INF, 10.0, 10.0, 10.0], None),
            ("half-open band", [0.5, 10.0, -INF, 12.0], None),
            ("not judged", [NAN, NAN, NAN, NAN], None),
            ("not judged, band left over", [NAN, 1.0, 3.0, 2.0], None),
            ("negative", [-0.1, 10.0, 8.0, 12.0], Some("below 0")),
            ("minus infinity", [-INF, 10.0, 8.0, 12.0], Some("below 0")),
            ("nothing expected", [0.5, NAN, 8.0, 12.0], Some("no expected")),
            ("inverted", [0.5, 10.0, 12.0, 8.0], Some("from 12 to 8")),
            ("no lower edge", [0.5, 10.0, NAN, 12.0], Some("from NaN")),
            ("no upper edge", [0.5, 10.0, 8.0, NAN], Some("to NaN")),
        ];
        for (case, [score, expected, lower, upper], refused) in cases {
            let verdicts = Verdicts {
                scores: vec![0.1, *score],
                expected: vec![1.0, *expected],
                lower: vec![0.0, *lower],
                upper: vec![2.0, *upper],
            };
            let verdict = check_verdicts(&verdicts, 2);
            match refused {
                None => assert_eq!(verdict, Ok(()), "{case}"),
                Some(why) => {
                    let error = verdict.expect_err(case);
                    assert!(error.contains(why), "{case}: {error}");
                }
            }
        }
    }

    #[test]
    fn every_column_has_one_entry_a_sample() {
        for short in 0..4 {
            let mut columns = [const { [0.5] }; 4].map(Vec::from);
            columns[short].clear();
            let [scores, expected, lower, upper] = columns;
            let verdicts = Verdicts { scores, expected, lower, upper };
            assert!(check_verdicts(&verdicts, 1).is_err(), "column {short}");
            assert!(check_verdicts(&verdicts, 0).is_err(), "column {short}");
        }
    }
}
