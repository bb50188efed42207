//! Randomness that is the same in every run: a number depends on the second and on what it is for, on nothing else.

/// What a draw is for. Draws for different purposes in one second are independent of each other.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Queue,
    BatchSize,
    Arrivals,
    /// The n-th request of a second.
    Request(u32),
}

impl Purpose {
    fn salt(self) -> u64 {
        match self {
            Purpose::Queue => 1,
            Purpose::BatchSize => 2,
            Purpose::Arrivals => 3,
            Purpose::Request(n) => 1000 + u64::from(n),
        }
    }
}

/// Uniform in `[0, 1)`.
pub(crate) fn uniform(second: i64, purpose: Purpose) -> f64 {
    let bits = mix(mix(second.cast_unsigned()).wrapping_add(purpose.salt()));
    // The upper 53 bits are what a double holds exactly.
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// Mean 0, standard deviation 1, and never beyond 6: the sum of twelve uniform draws less its mean.
///
/// Bounded on purpose: a demo that once in a thousand runs shows a spike which nobody made explains nothing.
pub(crate) fn normal(second: i64, purpose: Purpose) -> f64 {
    let start = mix(second.cast_unsigned()).wrapping_add(purpose.salt());
    let sum: f64 = (0..12u64).map(|n| (mix(start.wrapping_add(n << 32)) >> 11) as f64 / (1u64 << 53) as f64).sum();
    sum - 6.0
}

/// The output function of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_draws_have_the_promised_mean_and_deviation() {
        let draws: Vec<f64> = (0..20_000).map(|s| normal(s, Purpose::Queue)).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.03, "mean {mean}");
        assert!((variance.sqrt() - 1.0).abs() < 0.03, "deviation {}", variance.sqrt());
    }

    #[test]
    fn draws_of_one_second_differ_by_purpose() {
        assert_ne!(uniform(7, Purpose::Request(0)), uniform(7, Purpose::Request(1)));
        assert_ne!(normal(7, Purpose::Queue), normal(7, Purpose::Arrivals));
        assert_eq!(normal(7, Purpose::Queue), normal(7, Purpose::Queue));
    }
}
