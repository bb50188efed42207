//! What the detectors say of one value, given its history, in words that a person understands.

use std::time::{Duration, Instant};

use tidegate_domain::event::{Evidence, OpinionVerdict};
use tidegate_domain::labels::Labels;
use tidegate_domain::number::Number;
use tidegate_domain::rules::{ColdStart, Direction, Mode, OnAbsent, SeverityScores, Watch};
use tidegate_domain::series::{RECENT_SAMPLES, Standing, Unjudged};
use tidegate_domain::time::{Timestamp, format_duration};
use tidegate_pipeline::scorer::{Configured, ScoreError, Scorer};
use tidegate_pipeline::sounding::{self, Sounding, sound};
use tidegate_sandbox::Scored;

/// One part in so many may be missing at the beginning: history comes in whole steps, and a scrape may have failed.
const LOST: u32 = 20;

/// One series, as far as it has been fetched. Timestamps ascend, and all but the last value are finite.
pub(super) struct Samples {
    /// All of its labels.
    pub(super) series: Labels,
    /// Before the trouble.
    pub(super) before: Vec<(i64, f64)>,
    /// From then on, without the last one.
    pub(super) since: Vec<(i64, f64)>,
    /// The last one: now.
    pub(super) now: (Timestamp, f64),
    /// When the trouble began.
    pub(super) trouble: Timestamp,
}

/// Who judges, and how.
#[derive(Clone)]
pub(super) struct Judges {
    /// The detectors, opened for the step of the samples.
    pub(super) detectors: Vec<Configured>,
    /// How many must agree; None for all that can judge.
    pub(super) quorum: Option<usize>,
    /// The side on which the rule finds fault.
    pub(super) side: Direction,
    /// How long a series must have been there for a judgement to count; zero where the detectors look back for less.
    pub(super) least: Duration,
    /// Nobody waits for longer.
    pub(super) until: Instant,
}

/// Judges. Blocks for as long as the guests compute.
pub(super) fn judged(judges: &Judges, samples: &Samples) -> (OpinionVerdict, Evidence) {
    let detectors: Vec<Box<dyn Scorer>> = judges.detectors.iter().map(|d| in_time(d, judges.until)).collect();
    let (timestamps, values): (Vec<i64>, Vec<f64>) = samples.before.iter().copied().unzip();
    let history = sounding::History { timestamps: &timestamps, values: &values };
    let sounding = sound(&rules(judges.side), judges.quorum, &detectors, history, samples.now);
    let verdict = match (sounding.judgement.standing, too_short(judges.least, samples)) {
        (Standing::Unjudged(why), _) => OpinionVerdict::Unknown { why: reason(why, judges, samples, &sounding) },
        (_, Some(why)) => OpinionVerdict::Unknown { why },
        (Standing::Normal, None) => OpinionVerdict::Usual,
        (Standing::Anomalous, None) => OpinionVerdict::Unusual,
    };
    (verdict, evidence(samples, sounding))
}

/// Why nothing counts that detectors say of a series that has not been there for so long: one that has been in trouble since
/// it is there would be usual.
fn too_short(least: Duration, samples: &Samples) -> Option<String> {
    let first = samples.before.first().map_or(samples.trouble, |(first, _)| Timestamp(*first));
    let length = samples.trouble.since(first);
    (length < least - least / LOST).then(|| {
        let (length, least) = (format_duration(rounded(length)), format_duration(least));
        format!("the series has {length} of history before the alert, and {least} are needed")
    })
}

/// A detector that is not asked any more once it is too late: a history is many calls.
fn in_time(detector: &Configured, until: Instant) -> Box<dyn Scorer> {
    Box::new(InTime { detector: detector.clone(), until })
}

struct InTime {
    detector: Configured,
    until: Instant,
}

impl Scorer for InTime {
    fn name(&self) -> &str {
        self.detector.name()
    }

    fn digest(&self) -> &str {
        self.detector.digest()
    }

    fn model(&self) -> &str {
        self.detector.model()
    }

    fn history(&self) -> Duration {
        self.detector.history()
    }

    fn score(&self, state: &[u8], timestamps: &[i64], values: &[f64]) -> Result<Scored, ScoreError> {
        if Instant::now() >= self.until {
            let text = "it was not done in time".to_owned();
            return Err(ScoreError { kind: "late", text, unreadable_state: false });
        }
        self.detector.score(state, timestamps, values)
    }
}

/// A watch in which nothing counts but the scores and the side.
fn rules(side: Direction) -> Watch {
    Watch {
        name: String::new(),
        mode: Mode::Observe,
        step: Duration::ZERO,
        detectors: Vec::new(),
        quorum: 1,
        direction: side,
        min_dev: 0.0,
        min_rel_dev: 0.0,
        consecutive: 1,
        recover_after: 1,
        recover_below: 1.0,
        cold_start: ColdStart::default(),
        absent_after: Duration::MAX,
        on_absent: OnAbsent::Show,
        accept_after: Duration::MAX,
        known_events: Vec::new(),
        identity: None,
        group_by: None,
        severity: SeverityScores::default(),
        has_policy: false,
        actions: Vec::new(),
        dry_run: true,
    }
}

fn reason(why: Unjudged, judges: &Judges, samples: &Samples, sounding: &Sounding) -> String {
    match why {
        Unjudged::NotFinite => format!("its value is {} now", samples.now.1),
        Unjudged::GuestFailed => {
            let failed =
                sounding.failed.iter().map(|(detector, error)| format!("{detector} could not be asked: {error}"));
            failed.collect::<Vec<_>>().join("; ")
        }
        // Nothing that is known to happen is held against a second opinion; it is judged as any other time.
        Unjudged::Learning | Unjudged::KnownEvent => {
            let abstained = judges.detectors.iter().filter(|detector| sounding.abstained.contains(&detector.name));
            abstained.map(|detector| too_young(detector, &samples.before)).collect::<Vec<_>>().join("; ")
        }
    }
}

/// What a detector has seen, and how much it wants.
fn too_young(detector: &Configured, seen: &[(i64, f64)]) -> String {
    let (name, count) = (&detector.name, seen.len() as u64);
    let (Some((first, _)), Some((last, _))) = (seen.first(), seen.last()) else {
        return format!("{name} cannot judge it: the series has no history");
    };
    let length = format_duration(rounded(Timestamp(*last).since(Timestamp(*first))));
    let wanted = detector.detector.needs().min_samples;
    if count < wanted {
        format!("{name} cannot judge it yet: it has seen {count} samples in {length}, and needs {wanted}")
    } else {
        format!("{name} cannot judge it yet: {length} of history are not enough for this time")
    }
}

/// To the hour or, of less, to the minute: nobody reads milliseconds.
fn rounded(length: Duration) -> Duration {
    let unit = if length.as_secs() >= 3600 { 3600 } else { 60 };
    Duration::from_secs((length.as_secs() + unit / 2) / unit * unit)
}

fn evidence(samples: &Samples, sounding: Sounding) -> Evidence {
    let verdict = sounding.judgement.verdict;
    let (at, value) = samples.now;
    let all = samples.before.iter().chain(&samples.since).copied().chain([(at.0, value)]);
    let finite: Vec<(Timestamp, Number)> =
        all.filter(|(_, value)| value.is_finite()).map(|(at, value)| (Timestamp(at), Number(value))).collect();
    Evidence {
        series: samples.series.clone(),
        since: samples.trouble,
        at,
        value: Number(value),
        expected: Number(verdict.expected),
        lower: Number(verdict.lower),
        upper: Number(verdict.upper),
        score: Number(verdict.score),
        cold_start: false,
        learning: None,
        during: None,
        opinions: sounding.opinions,
        window: finite[finite.len().saturating_sub(RECENT_SAMPLES)..].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidegate_domain::labels::Labels;
    use tidegate_domain::time::Timestamp;

    use super::{Samples, rounded, too_short};

    #[test]
    fn what_is_usual_takes_longer_than_the_trouble() {
        const HOUR: i64 = 3_600_000;
        let since = |before: Vec<(i64, f64)>| Samples {
            series: Labels::empty(),
            before,
            since: Vec::new(),
            now: (Timestamp(101 * HOUR), 900.0),
            trouble: Timestamp(100 * HOUR),
        };
        let two_days = Duration::from_secs(48 * 3600);
        let why = |hours: i64| too_short(two_days, &since(vec![((100 - hours) * HOUR, 900.0), (99 * HOUR, 900.0)]));
        assert_eq!(why(5).as_deref(), Some("the series has 5h of history before the alert, and 2d are needed"));
        assert!(why(45).is_some());
        assert_eq!(why(46), None, "its first hours may be missing");
        assert_eq!(why(100), None);
        assert!(too_short(two_days, &since(Vec::new())).is_some());
        assert_eq!(too_short(Duration::ZERO, &since(Vec::new())), None);
    }

    #[test]
    fn lengths_are_rounded_for_people() {
        for (seconds, expected) in [(29, 0), (31, 60), (3599, 3600), (5 * 3600 + 1799, 5 * 3600), (86_399, 86_400)] {
            assert_eq!(rounded(Duration::from_secs(seconds)), Duration::from_secs(expected), "{seconds}");
        }
    }
}
