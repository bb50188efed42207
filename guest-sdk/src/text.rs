//! Numbers in words for people: the start of a detector's note.

use crate::Verdict;

/// A value beside what was expected of it, for example `0.930; expected 0.412 +/- 0.061`, or where the band is lopsided
/// `93; expected 40, between 30 and 75`.
///
/// Half the band is written with two significant digits and the rest to the same place: more would be noise, less would
/// hide by how much the value is off where the values are large and the band is narrow.
pub fn deviation(value: f64, verdict: &Verdict) -> String {
    let &Verdict { expected, lower, upper, .. } = verdict;
    let band = (upper - lower) / 2.0;
    let distance = (value - expected).abs();
    // A band that is nothing beside the distance, as of a constant series, would ask for digits that say nothing.
    let decimals = decimals(if band > distance * 1e-3 { band } else { distance });
    let number = |number: f64| number_to(number, decimals);
    let lopsided = ((upper - expected) - (expected - lower)).abs() > band * 0.1;
    if lopsided {
        let (lower, upper) = (number(lower), number(upper));
        format!("{}; expected {}, between {lower} and {upper}", number(value), number(expected))
    } else {
        format!("{}; expected {} +/- {}", number(value), number(expected), number(band))
    }
}

/// A number to the place of the second significant digit of `size`, which is what it is compared with: `0.930` where that
/// is 0.061, `1000000000050` where it is 12.
pub fn number(number: f64, size: f64) -> String {
    number_to(number, decimals(size))
}

/// How many decimals show two significant digits of `size`; `None` where plain digits would be too many to read.
fn decimals(size: f64) -> Option<usize> {
    let decimals = 1.0 - size.log10().floor();
    (decimals <= 9.0).then_some(decimals.max(0.0) as usize)
}

fn number_to(number: f64, decimals: Option<usize>) -> String {
    match decimals {
        Some(decimals) if number.abs() < 1e15 => format!("{number:.decimals$}"),
        _ if number == 0.0 => "0".to_owned(),
        _ => format!("{number:.2e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::deviation;
    use crate::Verdict;

    #[test]
    fn says_so_where_the_band_is_lopsided() {
        let verdict = Verdict::between(93.0, 40.04, 30.0, 75.0);
        assert_eq!(deviation(93.0, &verdict), "93; expected 40, between 30 and 75");
    }

    #[test]
    fn writes_as_many_digits_as_the_band_is_worth() {
        for (value, expected, band, text) in [
            (0.93, 0.412, 0.061, "0.930; expected 0.412 +/- 0.061"),
            (120.0, 20.04, 3.1, "120.0; expected 20.0 +/- 3.1"),
            (1e12 + 50.0, 1e12, 12.0, "1000000000050; expected 1000000000000 +/- 12"),
            (7.0, 5.0, 0.0, "7.0; expected 5.0 +/- 0.0"),
            (1e-20, 0.0, 0.0, "1.00e-20; expected 0 +/- 0"),
            (-1e150, 3.0, 1.0, "-1.00e150; expected 3 +/- 1"),
        ] {
            assert_eq!(deviation(value, &Verdict::of_band(value, expected, band)), text);
        }
    }
}
