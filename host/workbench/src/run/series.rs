//! The samples of one series, whichever file they came from.

use std::time::Duration;

/// One series: its samples, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// Its labels, as PromQL writes them; empty where a file holds just one series without a name.
    pub name: String,
    /// Milliseconds since the Unix epoch, strictly ascending.
    pub timestamps: Vec<i64>,
    /// One value per timestamp; may be NaN or infinite.
    pub values: Vec<f64>,
}

impl Series {
    /// Drops every sample after `end`.
    pub fn end_at(&mut self, end: i64) {
        let kept = self.timestamps.partition_point(|&at| at <= end);
        self.timestamps.truncate(kept);
        self.values.truncate(kept);
    }

    /// Puts `earlier` samples of the same series in front; those that are not earlier are left out.
    pub fn put_before(&mut self, earlier: Series) {
        let first = self.timestamps.first().copied().unwrap_or(i64::MAX);
        let kept = earlier.timestamps.partition_point(|&at| at < first);
        self.timestamps.splice(0..0, earlier.timestamps.into_iter().take(kept));
        self.values.splice(0..0, earlier.values.into_iter().take(kept));
    }
}

/// The usual distance between two samples: the median over all series. `None` where no series has two samples.
///
/// Scrapes come a few milliseconds early or late; within a hundredth of a whole second it is that second.
#[must_use]
pub fn usual_step(all: &[Series]) -> Option<Duration> {
    let mut gaps: Vec<i64> = all
        .iter()
        .flat_map(|series| series.timestamps.windows(2))
        .map(|pair| pair[1].saturating_sub(pair[0]))
        .filter(|&gap| gap > 0)
        .collect();
    if gaps.is_empty() {
        return None;
    }
    let middle = gaps.len() / 2;
    let (_, &mut median, _) = gaps.select_nth_unstable(middle);
    let second = median.saturating_add(500) / 1000 * 1000;
    let step = if second > 0 && (median - second).abs() * 100 <= second { second } else { median };
    Some(Duration::from_millis(step.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(timestamps: &[i64]) -> Series {
        Series { name: String::new(), timestamps: timestamps.to_vec(), values: vec![1.0; timestamps.len()] }
    }

    #[test]
    fn the_usual_step_is_the_median_gap() {
        for (times, expected) in [
            (vec![], None),
            (vec![5], None),
            (vec![0, 60_000, 120_000, 900_000], Some(60_000)),
            (vec![0, 14_998, 30_003, 44_999], Some(15_000)),
            (vec![0, 250, 500], Some(250)),
            (vec![0, 1_100, 2_200], Some(1_100)),
            (vec![i64::MIN, i64::MAX], Some(i64::MAX.unsigned_abs() / 1000 * 1000)),
        ] {
            assert_eq!(usual_step(&[series(&times)]), expected.map(Duration::from_millis), "{times:?}");
        }
    }

    #[test]
    fn history_goes_in_front_and_never_overlaps() {
        let mut late = series(&[30, 40, 50]);
        late.put_before(series(&[10, 20, 30, 45]));
        assert_eq!(late.timestamps, [10, 20, 30, 40, 50]);
        assert_eq!(late.values.len(), 5);
        late.end_at(35);
        assert_eq!((late.timestamps.as_slice(), late.values.len()), ([10, 20, 30].as_slice(), 3));
        late.end_at(-1);
        assert!(late.timestamps.is_empty());
    }
}
