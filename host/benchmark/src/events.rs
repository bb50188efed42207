//! How most detectors of labelled events are scored: by their ranking, by events found, and by false alerts.

use crate::play::{By, Play};

/// The figures of one set.
#[derive(Clone, Debug, PartialEq)]
pub struct Events {
    /// Area under the curve of precision over recall, as average precision, sample by sample: the mean over all series with
    /// labels. None where there is none.
    pub auc_pr: Option<f64>,
    /// Labelled stretches with an alert.
    pub hit: usize,
    /// All labelled stretches.
    pub events: usize,
    /// Alerts outside of them.
    pub false_alerts: usize,
    /// Samples outside of them.
    pub normal: usize,
}

impl Events {
    /// The share of events that were found; None where there is none.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        (self.events > 0).then(|| self.hit as f64 / self.events as f64)
    }

    /// False alerts per 1,000 normal samples; None where there is none.
    #[must_use]
    pub fn false_per_1000(&self) -> Option<f64> {
        (self.normal > 0).then(|| 1000.0 * self.false_alerts as f64 / self.normal as f64)
    }
}

/// Scores one set.
#[must_use]
pub fn score(plays: &[Play], by: By) -> Events {
    let mut events = Events { auc_pr: None, hit: 0, events: 0, false_alerts: 0, normal: 0 };
    let mut precisions = Vec::new();
    for play in plays {
        let within = |at: &i64| play.spans.iter().any(|span| (span.from..=span.until).contains(at));
        let labels: Vec<bool> = play.timestamps.iter().map(within).collect();
        precisions.extend(average_precision(play.ranked(by).zip(labels.iter().copied()).collect()));
        let alerts = || play.timestamps.iter().zip(&labels).zip(&play.alerts).filter(|(_, alert)| **alert);
        let found = |from: i64, until: i64| alerts().any(|((at, _), _)| (from..=until).contains(at));
        events.hit += play.spans.iter().filter(|span| found(span.from, span.until)).count();
        events.events += play.spans.len();
        events.false_alerts += alerts().filter(|((_, labelled), _)| !**labelled).count();
        events.normal += labels.iter().filter(|labelled| !**labelled).count();
    }
    if !precisions.is_empty() {
        events.auc_pr = Some(precisions.iter().sum::<f64>() / precisions.len() as f64);
    }
    events
}

/// Average precision of scores with labels. Equal scores are reached all at once. None without a positive.
fn average_precision(mut scored: Vec<(f64, bool)>) -> Option<f64> {
    let positives = scored.iter().filter(|(_, positive)| *positive).count();
    if positives == 0 {
        return None;
    }
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let (mut area, mut found, mut seen) = (0.0, 0, 0);
    for same in scored.chunk_by(|(a, _), (b, _)| a == b) {
        let gained = same.iter().filter(|(_, positive)| *positive).count();
        found += gained;
        seen += same.len();
        area += gained as f64 / positives as f64 * found as f64 / seen as f64;
    }
    Some(area)
}

#[cfg(test)]
mod tests {
    use super::{Events, average_precision, score};
    use crate::labels::Span;
    use crate::play::{By, Play};

    const NAN: f64 = f64::NAN;

    fn play(scores: &[f64], alerts: &[usize], spans: &[(i64, i64)]) -> Play {
        Play {
            timestamps: (0..scores.len() as i64).map(|at| at * 1000).collect(),
            scores: scores.to_vec(),
            levels: Vec::new(),
            alerts: (0..scores.len()).map(|at| alerts.contains(&at)).collect(),
            spans: spans.iter().map(|(from, until)| Span { from: from * 1000, until: until * 1000 }).collect(),
        }
    }

    #[test]
    fn precision_by_hand() {
        for (scored, expected) in [
            (&[(3.0, true), (2.0, false), (1.0, true)][..], Some(0.5 + 0.5 * 2.0 / 3.0)),
            (&[(3.0, false), (2.0, true)], Some(0.5)),
            // All alike: the share of positives.
            (&[(0.0, true), (0.0, false), (0.0, false), (0.0, false)], Some(0.25)),
            (&[(f64::INFINITY, true), (1.0, false)], Some(1.0)),
            (&[(1.0, false)], None),
            (&[], None),
        ] {
            assert_eq!(average_precision(scored.to_vec()), expected, "{scored:?}");
        }
    }

    #[test]
    fn a_set_by_hand() {
        let plays = [
            // Event 2..=3 found, event 5 not; one alert beside them, one in an event twice.
            play(&[NAN, 0.1, 2.0, 3.0, 1.5, 0.2], &[2, 3, 4], &[(2, 3), (5, 5)]),
            play(&[0.5, 0.5, 0.5, 9.0], &[], &[]),
        ];
        let events = score(&plays, By::Score);
        let auc = 1.0 / 3.0 + 1.0 / 3.0 + 1.0 / 3.0 * 3.0 / 4.0;
        assert!((events.auc_pr.expect("labels") - auc).abs() < 1e-12, "{events:?}");
        assert_eq!(
            Events { auc_pr: None, ..events.clone() },
            Events { auc_pr: None, hit: 1, events: 2, false_alerts: 1, normal: 7 }
        );
        assert_eq!(events.recall(), Some(0.5));
        assert_eq!(events.false_per_1000(), Some(1000.0 / 7.0));
    }

    #[test]
    fn nothing_to_divide_by_is_no_number() {
        let events = score(&[], By::Score);
        assert_eq!((events.auc_pr, events.recall(), events.false_per_1000()), (None, None, None));
        assert_eq!(score(&[play(&[1.0], &[], &[(0, 0)])], By::Score).false_per_1000(), None);
    }
}
