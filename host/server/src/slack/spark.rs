//! Recent samples as a line of bars: a chart where only text can be shown.

use tidegate_domain::number::Number;
use tidegate_domain::time::Timestamp;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// As wide as a phone shows on one line.
const MOST_BARS: usize = 40;

/// Oldest first, from the lowest to the highest value; a dot where there is none. None where there is nothing to see.
pub(super) fn sparkline(samples: &[(Timestamp, Number)]) -> Option<String> {
    let values: Vec<f64> = samples.iter().map(|(_, value)| value.0).collect();
    let width = values.len().div_ceil(MOST_BARS).max(1);
    // The one furthest from zero stands for its neighbours: a spike is what people look for.
    let shown: Vec<f64> = values.chunks(width).map(|chunk| chunk.iter().copied().fold(f64::NAN, further)).collect();
    let finite = || shown.iter().copied().filter(|value| value.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    if finite().count() < 2 {
        return None;
    }
    let bar = |value: &f64| {
        if !value.is_finite() {
            return '·';
        }
        // Halved, because the whole range need not be a number.
        let share = if high > low { (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0) } else { 0.0 };
        BARS[((share * BARS.len() as f64) as usize).min(BARS.len() - 1)]
    };
    Some(shown.iter().map(bar).collect())
}

fn further(a: f64, b: f64) -> f64 {
    if a.is_nan() || (b.is_finite() && b.abs() > a.abs()) { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(values: &[f64]) -> Option<String> {
        let samples: Vec<_> = values.iter().enumerate().map(|(i, v)| (Timestamp(i as i64), Number(*v))).collect();
        sparkline(&samples)
    }

    #[test]
    fn bars_rise_with_the_values() {
        assert_eq!(line(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]).unwrap(), "▁▂▃▄▅▆▇█");
        assert_eq!(line(&[5.0, 5.0, 5.0]).unwrap(), "▁▁▁");
        assert_eq!(line(&[-1.0, f64::NAN, 1.0, f64::INFINITY]).unwrap(), "▁·█·");
        assert_eq!(line(&[-f64::MAX, 0.0, f64::MAX]).unwrap(), "▁▅█");
    }

    #[test]
    fn a_spike_is_not_lost_where_many_share_a_bar() {
        let mut values = vec![1.0; 400];
        values[213] = 9.0;
        let line = line(&values).unwrap();
        assert_eq!((line.chars().count(), line.matches('█').count()), (40, 1));
    }

    #[test]
    fn nothing_to_see_is_no_line() {
        assert_eq!(line(&[]), None);
        assert_eq!(line(&[1.0]), None);
        assert_eq!(line(&[f64::NAN, f64::NAN]), None);
    }
}
