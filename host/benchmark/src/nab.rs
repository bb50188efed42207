//! The score of the Numenta Anomaly Benchmark (Lavin and Ahmad 2015, "Evaluating Real-time Anomaly Detection Algorithms -
//! the Numenta Anomaly Benchmark").
//!
//! An alert within a labelled window earns the more the earlier it comes, once a window; one outside costs, a little less
//! shortly behind a window. 0 is a detector that never speaks, 100 one that speaks at the first sample of every window and
//! nowhere else. The first 15 % of a series, at most 750 samples, are probation: what is said there counts nothing.

use std::collections::BTreeSet;

use crate::labels::Span;
use crate::play::{By, Play};

/// What is weighed how: name, cost of a false alert, cost of a missed window. A window found is worth 1.
pub const PROFILES: [(&str, f64, f64); 3] = [("standard", 0.11, 1.0), ("low_FP", 0.22, 1.0), ("low_FN", 0.11, 2.0)];

/// The figures of one set.
#[derive(Clone, Debug, PartialEq)]
pub struct Nab {
    /// In the order of [`PROFILES`].
    pub profiles: [Profile; 3],
    /// Windows with an alert after probation.
    pub windows_hit: usize,
    /// All windows.
    pub windows: usize,
    /// Alerts outside of windows, after probation.
    pub false_alerts: usize,
}

/// The score by one profile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// With the alerts as they came.
    pub shipped: f64,
    /// With an alert wherever what samples are ranked by reaches the one threshold for all series that is best, in hindsight.
    pub best: f64,
    /// That threshold. Infinite where it is best never to speak.
    pub threshold: f64,
}

/// Whether a set of this name is scored so.
#[must_use]
pub fn is_nab(set: &str) -> bool {
    set == "nab" || set.starts_with("nab-")
}

/// The windows as places of their first and last samples.
///
/// # Errors
///
/// When one begins or ends where there is no sample, or they are not in order and apart.
pub(crate) fn windows(timestamps: &[i64], spans: &[Span]) -> Result<Vec<(usize, usize)>, String> {
    let place = |time: i64| {
        // Of samples with one time the last counts.
        let place = timestamps.iter().rposition(|at| *at == time);
        place.ok_or_else(|| format!("no sample has the time {}, where a window begins or ends", time as f64 / 1000.0))
    };
    let windows = spans.iter().map(|span| Ok((place(span.from)?, place(span.until)?)));
    let windows = windows.collect::<Result<Vec<_>, String>>()?;
    let apart = windows.windows(2).all(|pair| pair[0].1 < pair[1].0);
    if !apart || windows.iter().any(|(first, last)| first > last) {
        return Err("windows must be in the order of time, and apart".to_owned());
    }
    Ok(windows)
}

/// One sample after probation.
struct Sample {
    score: f64,
    alert: bool,
    /// The window that it lies in, counted over all series.
    window: Option<usize>,
    /// What an alert here is worth: in a window up to 1, outside down to -1.
    weight: f64,
}

/// Scores one set. None where nothing is labelled: then there is no scale.
#[must_use]
pub fn score(plays: &[Play], by: By) -> Option<Nab> {
    let (mut samples, mut windows) = (Vec::new(), 0);
    for play in plays {
        let of_series = self::windows(&play.timestamps, &play.spans).unwrap_or_default();
        samples.extend(weighed(play, by, &of_series, windows));
        windows += of_series.len();
    }
    if windows == 0 {
        return None;
    }
    let alerts = || samples.iter().filter(|sample| sample.alert);
    let hit: BTreeSet<usize> = alerts().filter_map(|sample| sample.window).collect();
    let false_alerts = alerts().filter(|sample| sample.window.is_none()).count();
    let shipped = PROFILES.map(|profile| Tally::new(&samples, windows, profile).all(alerts()));
    samples.sort_by(|a, b| b.score.total_cmp(&a.score));
    let best = PROFILES.map(|profile| Tally::new(&samples, windows, profile).best(&samples));
    let profile = |which: usize| {
        let (best, threshold) = best[which];
        Profile { shipped: shipped[which], best, threshold }
    };
    Some(Nab { profiles: [0, 1, 2].map(profile), windows_hit: hit.len(), windows, false_alerts })
}

fn weighed(play: &Play, by: By, windows: &[(usize, usize)], counted: usize) -> Vec<Sample> {
    let samples = play.timestamps.len();
    let (mut inside, mut weight) = (vec![None; samples], vec![-1.0; samples]);
    for (which, (first, last)) in windows.iter().copied().enumerate() {
        let width = (last - first + 1) as f64;
        for at in first..=last {
            inside[at] = Some(counted + which);
            weight[at] = sigmoid(-((last - at + 1) as f64) / width) / sigmoid(-1.0);
        }
        let end = windows.get(which + 1).map_or(samples, |(next, _)| *next);
        for (behind, weight) in weight[last + 1..end].iter_mut().enumerate() {
            let position = (behind + 1) as f64 / (width - 1.0);
            *weight = if position > 3.0 { -1.0 } else { sigmoid(position) };
        }
    }
    let probation = ((0.15 * samples as f64) as usize).min(750);
    let columns = play.ranked(by).zip(&play.alerts).zip(inside).zip(weight);
    let samples = columns.map(|(((score, alert), window), weight)| Sample { score, alert: *alert, window, weight });
    samples.skip(probation).collect()
}

fn sigmoid(position: f64) -> f64 {
    2.0 / (1.0 + (5.0 * position).exp()) - 1.0
}

/// A score as alerts come in.
struct Tally {
    false_alert: f64,
    /// Raw score of a detector that never speaks.
    silent: f64,
    /// Raw score of a perfect one.
    perfect: f64,
    raw: f64,
    /// What each window has earned so far.
    earned: Vec<f64>,
}

impl Tally {
    fn new(samples: &[Sample], windows: usize, (_, false_alert, missed): (&str, f64, f64)) -> Tally {
        // Windows that lie in probation as a whole cannot be missed.
        let at_stake: BTreeSet<usize> = samples.iter().filter_map(|sample| sample.window).collect();
        let silent = -missed * at_stake.len() as f64;
        Tally { false_alert, silent, perfect: windows as f64, raw: silent, earned: vec![-missed; windows] }
    }

    fn alert(&mut self, sample: &Sample) {
        match sample.window {
            None => self.raw += self.false_alert * sample.weight,
            Some(window) => {
                let earned = self.earned[window].max(sample.weight);
                self.raw += earned - self.earned[window];
                self.earned[window] = earned;
            }
        }
    }

    fn all<'a>(mut self, alerts: impl Iterator<Item = &'a Sample>) -> f64 {
        alerts.for_each(|sample| self.alert(sample));
        self.normalised(self.raw)
    }

    /// Lowers the threshold from score to score; `samples` have the highest first.
    fn best(mut self, samples: &[Sample]) -> (f64, f64) {
        let (mut top, mut threshold) = (self.raw, f64::INFINITY);
        for same in samples.chunk_by(|a, b| a.score == b.score) {
            same.iter().for_each(|sample| self.alert(sample));
            if self.raw > top
                && let Some(sample) = same.first()
            {
                (top, threshold) = (self.raw, sample.score);
            }
        }
        (self.normalised(top), threshold)
    }

    fn normalised(&self, raw: f64) -> f64 {
        100.0 * (raw - self.silent) / (self.perfect - self.silent)
    }
}

#[cfg(test)]
mod tests;
