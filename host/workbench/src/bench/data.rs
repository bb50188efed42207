//! Series to measure with: a daily wave with noise, the same on every run.

/// The value of sample `place` of one of many series.
pub(super) fn value(of: usize, place: usize) -> f64 {
    let phase = of as f64 * 0.1;
    let wave = (place as f64 * std::f64::consts::TAU / 1_440.0 + phase).sin();
    100.0 + 20.0 * wave + 5.0 * noise((of as u64) << 32 | place as u64)
}

/// Between -1 and 1, without any pattern (SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number
/// generators", 2014).
fn noise(seed: u64) -> f64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    bits as f64 / u64::MAX as f64 * 2.0 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_differ_and_stay_in_bounds() {
        let all: Vec<f64> = (0..10).flat_map(|of| (0..1_440).map(move |place| value(of, place))).collect();
        assert!(all.iter().all(|value| (75.0..=125.0).contains(value)));
        assert_ne!(value(0, 5), value(1, 5));
        assert_eq!(value(3, 7).to_bits(), value(3, 7).to_bits());
    }
}
