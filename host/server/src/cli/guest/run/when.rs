//! Points in time and steps on the command line.

use std::time::Duration;

use tidegate_domain::time::{Timestamp, parse_duration};
use tidegate_workbench::instant;

use crate::cli::exit::Failure;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Steps that are chosen for a live query, and the longest stretch of time each is chosen for: a minute where nothing
/// speaks against it, as for watches, never less than some 60 points, never more than about 10,000.
const STEPS: [(u64, u64); 6] = [
    (HOUR, 15),
    (7 * DAY, MINUTE),
    (30 * DAY, 5 * MINUTE),
    (180 * DAY, 30 * MINUTE),
    (365 * DAY, HOUR),
    (u64::MAX, DAY),
];

/// Reads a point in time, or how long before `now` it is.
pub(super) fn point(option: &str, text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    if text == "now" {
        return Ok(now);
    }
    // A bare zero is a duration as well, and here it is the epoch.
    if let Some(ago) = parse_duration(text).ok().filter(|_| text.parse::<f64>().is_err()) {
        return Ok(now.minus(ago));
    }
    instant::parse(text)
        .map(Timestamp)
        .map_err(|why| Failure::Usage(format!("{option}: {why}, or how long ago it was, for example 6h")))
}

/// Reads a length of time above zero.
pub(super) fn length(option: &str, text: &str) -> Result<Duration, Failure> {
    let length = parse_duration(text).map_err(|error| Failure::Usage(format!("{option}: {error}")))?;
    if length.is_zero() {
        return Err(Failure::Usage(format!("{option}: must be longer than nothing, for example 1m")));
    }
    Ok(length)
}

/// The step for a stretch of time where none is given.
pub(super) fn step_for(span: Duration) -> Duration {
    let step = STEPS.into_iter().find(|(longest, _)| span.as_secs() <= *longest).map_or(DAY, |(_, step)| step);
    Duration::from_secs(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_absolute_or_ago() {
        let now = Timestamp(1_700_000_000_000);
        for (text, expected) in [
            ("now", 1_700_000_000_000),
            ("6h", 1_700_000_000_000 - 6 * 3_600_000),
            ("0", 0),
            ("1699999999.5", 1_699_999_999_500),
            ("2023-11-14T22:13:20Z", 1_700_000_000_000),
        ] {
            assert_eq!(point("--start", text, now).ok(), Some(Timestamp(expected)), "{text}");
        }
        for text in ["", "yesterday", "-6h", "6hours"] {
            let failure = point("--start", text, now).expect_err(text);
            assert_eq!(failure.number(), 2, "{text}");
            assert!(failure.to_string().contains("--start"), "{failure}");
        }
        assert!(length("--step", "0").is_err() && length("--step", "5").is_err());
        assert_eq!(length("--step", "5m").ok(), Some(Duration::from_secs(300)));
    }

    #[test]
    fn the_step_grows_with_the_stretch() {
        for (hours, seconds) in
            [(0, 15), (1, 15), (6, 60), (24 * 7, 60), (24 * 8, 300), (24 * 90, 1_800), (24 * 4_000, 86_400)]
        {
            assert_eq!(step_for(Duration::from_secs(hours * 3_600)), Duration::from_secs(seconds), "{hours} h");
        }
    }
}
