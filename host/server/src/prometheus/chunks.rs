//! How to cut a long stretch of time into requests that Prometheus answers.

use std::time::Duration;

use tidegate_domain::time::Timestamp;

/// Prometheus refuses 11,002 points a series; VictoriaMetrics allows more, so the smaller one counts.
const MAX_POINTS: u64 = 10_000;

/// More than 50 million loaded samples is a 422 by default, and a sample may be loaded many times over by a range
/// function. Two million a request also keeps the answer near 50 MB.
const MAX_SAMPLES: u64 = 2_000_000;

/// Cuts `start..=end` into ranges to ask for one after the other, oldest first, both ends included.
///
/// Every range begins and ends on a multiple of `step`; none reaches outside of what was asked, none overlaps. An
/// estimate of zero series counts as one. Empty where no multiple of `step` lies in between.
pub(crate) fn plan_chunks(
    start: Timestamp,
    end: Timestamp,
    step: Duration,
    series_estimate: usize,
) -> Vec<(Timestamp, Timestamp)> {
    let step = step.max(Duration::from_millis(1));
    let series = u64::try_from(series_estimate).unwrap_or(u64::MAX).max(1);
    let points = (MAX_SAMPLES / series).clamp(1, MAX_POINTS);
    let reach = step.saturating_mul(u32::try_from(points - 1).unwrap_or(u32::MAX));
    let last = end.align_down(step);
    let mut from = start.align_down(step);
    if from < start {
        from = from.plus(step);
    }
    let mut chunks = Vec::new();
    while from <= last {
        let to = from.plus(reach).min(last);
        chunks.push((from, to));
        let next = to.plus(step);
        if next <= to {
            break;
        }
        from = next;
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn check(start: i64, end: i64, series: usize, expected: &[(i64, i64)]) {
        let chunks = plan_chunks(Timestamp(start), Timestamp(end), MINUTE, series);
        let plain: Vec<_> = chunks.iter().map(|(from, to)| (from.0, to.0)).collect();
        assert_eq!(plain, expected, "{start}..={end}, {series} series");
    }

    #[test]
    fn ranges_are_aligned_and_stay_inside() {
        check(60_000, 180_000, 1, &[(60_000, 180_000)]);
        check(60_001, 179_999, 1, &[(120_000, 120_000)]);
        check(60_001, 119_999, 1, &[]);
        check(180_000, 60_000, 1, &[]);
    }

    #[test]
    fn long_stretches_are_cut_by_points_and_by_samples() {
        let points = 25_000;
        let chunks = plan_chunks(Timestamp(0), Timestamp((points - 1) * 60_000), MINUTE, 1);
        assert_eq!(chunks.len(), 3);
        assert_eq!(chunks[0], (Timestamp(0), Timestamp(9_999 * 60_000)));
        assert_eq!(chunks[1].0, Timestamp(10_000 * 60_000));
        assert_eq!(chunks[2].1, Timestamp((points - 1) * 60_000));
        check(0, 180_000, 1_000_000, &[(0, 60_000), (120_000, 180_000)]);
        check(0, 120_000, usize::MAX, &[(0, 0), (60_000, 60_000), (120_000, 120_000)]);
        check(0, 120_000, 0, &[(0, 120_000)]);
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        let end = Timestamp(i64::MAX);
        let chunks = plan_chunks(end.minus(Duration::from_millis(2)), end, Duration::ZERO, 1);
        assert_eq!(chunks.last().map(|(_, to)| *to), Some(end));
    }
}
