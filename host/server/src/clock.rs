//! The host's clock, and times as people and other programs write them.

use tidegate_domain::time::Timestamp;

/// Now, to the millisecond.
pub(crate) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(at) => format!("{at:.3}"),
        Err(_) => at.0.to_string(),
    }
}

/// Reads RFC 3339.
pub(crate) fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|at| Timestamp(at.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_a_round_trip() {
        let at = Timestamp(1_795_340_857_035);
        assert_eq!(rfc3339(at), "2026-11-22T09:47:37.035Z");
        assert_eq!(parse_rfc3339(&rfc3339(at)), Some(at));
        assert_eq!(parse_rfc3339("0001-01-01T00:00:00Z").map(|at| at.0 < 0), Some(true));
        assert_eq!(parse_rfc3339("yesterday"), None);
    }
}
