//! That a score follows from its sample and those before it. What is told of a series must not change when it is cut short.

use tidegate_pipeline::rehearsal::Rehearsed;
use tidegate_pipeline::sounding::History;

/// Where a series was judged otherwise than when it ended sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leak {
    /// So many samples the shorter one had.
    pub cut_after: usize,
    /// The place of the sample that was judged otherwise.
    pub sample: usize,
}

/// Cuts a series short at several places, plays each piece, and holds it against what was said of the whole, bit by bit.
///
/// # Errors
///
/// The first sample that was judged otherwise.
pub fn check(
    series: History<'_>,
    whole: &[Rehearsed],
    mut play: impl FnMut(History<'_>) -> Vec<Rehearsed>,
) -> Result<(), Leak> {
    for cut_after in places(whole) {
        let History { timestamps, values } = series;
        let piece = play(History { timestamps: &timestamps[..cut_after], values: &values[..cut_after] });
        let differs = |(one, other): (&Rehearsed, &Rehearsed)| bits(one) != bits(other);
        let sample = match piece.iter().zip(whole).position(differs) {
            Some(sample) => sample,
            None if piece.len() != cut_after => piece.len().min(cut_after),
            None => continue,
        };
        return Err(Leak { cut_after, sample });
    }
    Ok(())
}

/// Where to cut: at the quarters, and just behind the first alert, where the future would help most.
fn places(whole: &[Rehearsed]) -> Vec<usize> {
    let samples = whole.len();
    let alert = whole.iter().position(|sample| sample.opened.is_some()).map(|alert| alert + 1);
    let mut places: Vec<usize> = [samples / 4, samples / 2, samples * 3 / 4].into_iter().chain(alert).collect();
    places.retain(|place| (1..samples).contains(place));
    places.sort_unstable();
    places.dedup();
    places
}

/// Everything that was said, so that what is not a number is equal to itself, and a zero is not equal to a negative one.
fn bits(sample: &Rehearsed) -> impl PartialEq {
    let judged = sample.judgement.map(|judgement| {
        let verdict = judgement.verdict;
        let numbers = [verdict.score, verdict.expected, verdict.lower, verdict.upper].map(f64::to_bits);
        (judgement.standing, judgement.calm, judgement.healthy, judgement.severity, judgement.cold_start, numbers)
    });
    (judged, sample.opened, sample.in_incident)
}

#[cfg(test)]
mod tests {
    use tidegate_domain::series::{self, Answer, Verdict};
    use tidegate_domain::time::Timestamp;
    use tidegate_pipeline::rehearsal::Rehearsed;
    use tidegate_pipeline::sounding::History;

    use super::{Leak, check};

    fn judged(value: f64, score: f64) -> Rehearsed {
        let watch = tidegate_domain::defaults::watch("w".to_owned(), std::time::Duration::from_secs(60), vec![], []);
        let verdict = Verdict { score, expected: 0.0, lower: f64::NEG_INFINITY, upper: f64::INFINITY };
        Rehearsed {
            judgement: Some(series::judge(&watch, value, None, &[Answer::Judged(verdict)])),
            opened: None,
            in_incident: false,
        }
    }

    /// Scores by the distance from the largest value so far.
    fn causal(history: History<'_>) -> Vec<Rehearsed> {
        let mut largest = 0.0_f64;
        let score = |value: &f64| {
            largest = largest.max(*value);
            judged(*value, largest - value)
        };
        history.values.iter().map(score).collect()
    }

    /// Scores by the distance from the largest of all values.
    fn prophetic(history: History<'_>) -> Vec<Rehearsed> {
        let largest = history.values.iter().fold(0.0_f64, |largest, value| largest.max(*value));
        history.values.iter().map(|value| judged(*value, largest - value)).collect()
    }

    const TIMES: [i64; 8] = [0, 1, 2, 3, 4, 5, 6, 7];
    const RISING: [f64; 8] = [0.0, 1.0, f64::NAN, 3.0, 4.0, 5.0, 6.0, 7.0];
    const SERIES: History<'static> = History { timestamps: &TIMES, values: &RISING };

    #[test]
    fn the_past_is_enough() {
        assert_eq!(check(SERIES, &causal(SERIES), causal), Ok(()));
    }

    #[test]
    fn a_glance_ahead_is_found() {
        assert_eq!(check(SERIES, &prophetic(SERIES), prophetic), Err(Leak { cut_after: 2, sample: 0 }));
    }

    #[test]
    fn a_shorter_series_that_ends_in_an_alert() {
        // Only at the sample of the alert does it look at how long the series is.
        let telling = |history: History<'_>| {
            let mut played = causal(history);
            let last = history.values.len() == 6;
            played.iter_mut().skip(5).take(1).for_each(|sample| {
                sample.opened = (!last).then_some(Timestamp(5));
            });
            played
        };
        assert_eq!(check(SERIES, &telling(SERIES), telling), Err(Leak { cut_after: 6, sample: 5 }));
        let forgetful = |history: History<'_>| causal(history).into_iter().skip(1).collect::<Vec<_>>();
        assert!(check(SERIES, &causal(SERIES), forgetful).is_err());
    }

    #[test]
    fn a_series_that_cannot_be_cut() {
        let one = History { timestamps: &TIMES[..1], values: &RISING[..1] };
        assert_eq!(check(one, &prophetic(one), prophetic), Ok(()));
    }
}
