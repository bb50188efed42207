//! Points in time and lengths of time, as the field writes them. Nothing in here reads a clock.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Earlier than every sample.
    pub const MIN: Timestamp = Timestamp(i64::MIN);

    /// This point in time moved forward by `length`, or the last representable one.
    #[must_use]
    pub fn plus(self, length: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(millis(length)))
    }

    /// This point in time moved back by `length`, or the first representable one.
    #[must_use]
    pub fn minus(self, length: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(millis(length)))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The latest multiple of `step` that is not after this point. A zero step changes nothing.
    #[must_use]
    pub fn align_down(self, step: Duration) -> Timestamp {
        match millis(step) {
            0 => self,
            step => Timestamp(self.0.saturating_sub(self.0.rem_euclid(step))),
        }
    }
}

fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a duration: write it as Prometheus does, for example \"30s\", \"5m\", \"1h30m\" or \"2w\"")]
pub struct DurationError {
    text: String,
}

const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads a duration as Prometheus writes it: units from large to small, each at most once, `0` alone allowed.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let refuse = || DurationError { text: text.to_owned() };
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(refuse)?;
        let (number, tail) = rest.split_at(digits);
        let unit_len = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, after) = tail.split_at(unit_len);
        let (_, scale) = units.find(|(name, _)| *name == unit).ok_or_else(refuse)?;
        let number: u64 = number.parse().map_err(|_| refuse())?;
        total = number.checked_mul(*scale).and_then(|part| total.checked_add(part)).ok_or_else(refuse)?;
        rest = after;
    }
    if text.is_empty() { Err(refuse()) } else { Ok(Duration::from_millis(total)) }
}

/// Writes a duration as [`parse_duration`] reads it, with at most two units where that is exact enough for people.
#[must_use]
pub fn format_duration(length: Duration) -> String {
    struct Written(u64);
    impl fmt::Display for Written {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let mut rest = self.0;
            if rest == 0 {
                return f.write_str("0s");
            }
            // Years and weeks surprise people in running text; days do not.
            for (name, scale) in UNITS.iter().filter(|(name, _)| !matches!(*name, "y" | "w")) {
                if rest >= *scale {
                    write!(f, "{}{name}", rest / scale)?;
                    rest %= scale;
                }
            }
            Ok(())
        }
    }
    Written(u64::try_from(length.as_millis()).unwrap_or(u64::MAX)).to_string()
}

/// Durations in stored events: whole milliseconds.
pub mod duration_ms {
    use super::{Duration, millis};
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes milliseconds.
    pub fn serialize<S: Serializer>(length: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(millis(*length))
    }

    /// Reads milliseconds.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_prometheus_does() {
        for (text, millis) in [
            ("0", 0),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("2w", 1_209_600_000),
            ("1d", 86_400_000),
            ("250ms", 250),
            ("1m5s10ms", 65_010),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "m", "5x", "-5m", "5m5m", "30s1h", "1.5h", "99999999999999999999y", "5 m", "5m "] {
            assert!(parse_duration(text).is_err(), "{text:?} must be refused");
        }
    }

    #[test]
    fn durations_survive_a_round_trip() {
        for text in ["30s", "5m", "1h30m", "14d", "250ms"] {
            assert_eq!(parse_duration(text).map(format_duration).as_deref(), Ok(text));
        }
    }

    #[test]
    fn alignment_goes_down_on_both_sides_of_the_epoch() {
        let step = Duration::from_secs(60);
        assert_eq!(Timestamp(119_999).align_down(step), Timestamp(60_000));
        assert_eq!(Timestamp(-1).align_down(step), Timestamp(-60_000));
        assert_eq!(Timestamp(7).align_down(Duration::ZERO), Timestamp(7));
        assert_eq!(Timestamp::MIN.align_down(step), Timestamp::MIN);
    }
}
