//! Numbers in stored events. JSON has no NaN and no infinities, metrics have both: they are written as Prometheus does.

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A float that survives JSON: finite values as numbers, the others as `"NaN"`, `"+Inf"` and `"-Inf"`. Binary formats
/// hold it as it is.
#[derive(Clone, Copy, Debug)]
pub struct Number(pub f64);

// Equal when they say the same: NaN equals NaN, so that two books folded from one journal compare equal.
impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.0 == other.0 || (self.0.is_nan() && other.0.is_nan())
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Number {
        Number(value)
    }
}

impl Number {
    /// Neither a number nor a guess.
    pub const NAN: Number = Number(f64::NAN);
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            value if value.is_finite() || !to.is_human_readable() => to.serialize_f64(value),
            value if value.is_nan() => to.serialize_str("NaN"),
            value if value > 0.0 => to.serialize_str("+Inf"),
            _ => to.serialize_str("-Inf"),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Number, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Number;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number, \"NaN\", \"+Inf\" or \"-Inf\"")
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Number, E> {
                Ok(Number(value))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                match text {
                    "NaN" => Ok(Number::NAN),
                    "+Inf" => Ok(Number(f64::INFINITY)),
                    "-Inf" => Ok(Number(f64::NEG_INFINITY)),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }
        if from.is_human_readable() { from.deserialize_any(Either) } else { f64::deserialize(from).map(Number) }
    }
}

/// Bytes: base64 text in JSON, themselves in binary formats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use base64::Engine as _;
        if !to.is_human_readable() {
            return to.serialize_bytes(&self.0);
        }
        to.serialize_str(&base64::engine::general_purpose::STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        use base64::Engine as _;
        if !from.is_human_readable() {
            return from.deserialize_byte_buf(Raw);
        }
        let text = String::deserialize(from)?;
        base64::engine::general_purpose::STANDARD.decode(text).map(Bytes).map_err(de::Error::custom)
    }
}

struct Raw;

impl<'de> Visitor<'de> for Raw {
    type Value = Bytes;
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("bytes")
    }
    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(Bytes(bytes))
    }
    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(Bytes(bytes.to_vec()))
    }
}

/// Four significant digits: enough to judge by, short enough to read.
#[must_use]
pub fn short(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            "unknown"
        } else if value > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        }
        .to_owned();
    }
    let magnitude = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    if !(-4..15).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = usize::try_from(3 - magnitude).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_float_survives_json() {
        for value in [0.0, -1.5, 1e300, 0.1 + 0.2, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let text = serde_json::to_string(&Number(value)).unwrap();
            assert_eq!(serde_json::from_str::<Number>(&text).unwrap(), Number(value), "{text}");
        }
        assert!(serde_json::from_str::<Number>("\"Inf\"").is_err());
        assert!(serde_json::from_str::<Number>("null").is_err());
    }

    #[test]
    fn numbers_are_short_and_keep_their_size() {
        for (value, text) in [
            (0.0, "0"),
            (0.123_456, "0.1235"),
            (41.0, "41"),
            (1234.5, "1234"),
            (123_456.0, "123456"),
            (-0.5, "-0.5"),
            (1e-9, "1.000e-9"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "unknown"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}
