//! Numbers in words for people: the start of a detector's note.

use crate::Verdict;

/// A value beside what was expected of it, for example `0.930; expected 0.412 +/- 0.061`.
///
/// The band is written with two significant digits and the rest to the same place: more would be noise, less would hide
/// by how much the value is off where the values are large and the band is narrow.
pub fn deviation(value: f64, verdict: &Verdict) -> String {
    let band = (verdict.upper - verdict.lower) / 2.0;
    let decimals = decimals(if band > 0.0 {
        band
    } else {
        value - verdict.expected
    });
    let number = |number: f64| number_to(number, decimals);
    format!(
        "{}; expected {} +/- {}",
        number(value),
        number(verdict.expected),
        number(band)
    )
}

/// How many decimals show two significant digits of `size`.
fn decimals(size: f64) -> usize {
    let magnitude = size.abs().log10().floor();
    // Casts from float saturate, and a size of zero has a magnitude of minus infinity.
    (1.0 - magnitude).clamp(0.0, 9.0) as usize
}

fn number_to(number: f64, decimals: usize) -> String {
    let small = 0.5 * 10_f64.powi(-9);
    if number != 0.0 && !(small..1e15).contains(&number.abs()) {
        format!("{number:.3e}")
    } else {
        format!("{number:.decimals$}")
    }
}

#[cfg(test)]
mod tests {
    use super::deviation;
    use crate::Verdict;

    #[test]
    fn writes_as_many_digits_as_the_band_is_worth() {
        for (value, expected, band, text) in [
            (0.93, 0.412, 0.061, "0.930; expected 0.412 +/- 0.061"),
            (120.0, 20.04, 3.1, "120.0; expected 20.0 +/- 3.1"),
            (
                1e12 + 50.0,
                1e12,
                12.0,
                "1000000000050; expected 1000000000000 +/- 12",
            ),
            (7.0, 5.0, 0.0, "7.0; expected 5.0 +/- 0.0"),
            (
                1e-20,
                0.0,
                0.0,
                "1.000e-20; expected 0.000000000 +/- 0.000000000",
            ),
            (-1e150, 3.0, 1.0, "-1.000e150; expected 3.0 +/- 1.0"),
        ] {
            assert_eq!(
                deviation(value, &Verdict::of_band(value, expected, band)),
                text
            );
        }
    }
}
