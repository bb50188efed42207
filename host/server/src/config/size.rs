//! Sizes in bytes, as people write them.

/// Reads `"256MiB"`. As with Prometheus, `MB` means the same as `MiB`.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale: u64 = match unit.trim() {
        "" | "B" => 1,
        "KB" | "KiB" => 1 << 10,
        "MB" | "MiB" => 1 << 20,
        "GB" | "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_take_a_unit() {
        for (text, bytes) in [("256MiB", 268_435_456), ("256 MB", 268_435_456), ("512KiB", 524_288), ("7", 7)] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for text in ["", "MiB", "-1MiB", "1.5GiB", "1TiB", "99999999999GiB"] {
            assert_eq!(parse_size(text), None, "{text:?} must be refused");
        }
    }
}
