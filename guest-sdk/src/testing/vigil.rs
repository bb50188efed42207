//! One series as a host watches it: what is anomalous is not learnt while it lasts. Without that, statistics about a
//! detector are about something that nobody runs.
//!
//! A model of the host's rules, of which the real ones stand in its own documentation: short enough to read, and without
//! cold start, gaps and combining, and of trouble that comes again and again it learns more than the host does.

use std::ops::Range;

use super::{Fault, Series, Subject, part};
use crate::{Samples, Verdict};

/// How a host is set.
#[derive(Clone, Copy, Debug)]
pub struct Vigil {
    /// So many anomalous samples in a row open an incident.
    pub consecutive: usize,
    /// So many samples in a row with a score below [`Vigil::RECOVERED`] close it.
    pub recover_after: usize,
    /// After so many samples an incident is taken for the new normal, and learnt.
    pub accept_after: usize,
}

/// What came of a vigil.
#[derive(Clone, Debug)]
pub struct Watched {
    /// One verdict a sample.
    pub verdicts: Vec<Verdict>,
    /// Each incident, from the first anomalous sample to the last before it was over.
    pub incidents: Vec<Range<usize>>,
    /// The remark on the sample that opened each of them, where there was one.
    pub notes: Vec<Option<String>>,
}

impl Default for Vigil {
    /// One anomalous sample opens, three calm ones close, a day of minutes is accepted.
    fn default() -> Self {
        Vigil { consecutive: 1, recover_after: 3, accept_after: 1440 }
    }
}

impl Vigil {
    /// Scores below this are calm.
    pub const RECOVERED: f64 = 0.8;

    /// Of an incident that is over, so many of the first samples are learnt: that such a thing happens, and no more.
    const OPENING: usize = 3;

    /// Watches a series from its first sample to its last.
    ///
    /// # Errors
    /// As [`Subject::score`], for the first call that fails.
    pub fn watch<S: Subject + ?Sized>(&self, subject: &mut S, run: &Samples) -> Result<Watched, Fault> {
        let mut series = Series::new(subject);
        let mut watched = Watched { verdicts: vec![], incidents: vec![], notes: vec![] };
        // Of the trouble that lasts: its first sample, and how many calm ones there were of late.
        let mut trouble: Option<(usize, usize)> = None;
        let mut open = false;
        for (at, (&time, &value)) in run.timestamps.iter().zip(&run.values).enumerate() {
            let before = series.state.clone();
            let verdict = series.feed_one(time, value)?;
            watched.verdicts.push(verdict);
            let (since, calm) = match trouble {
                None if !verdict.is_anomalous() => continue,
                None => (at, 0),
                Some((since, calm)) => {
                    let is_calm = if open { verdict.score < Self::RECOVERED } else { !verdict.is_anomalous() };
                    (since, if is_calm { calm + 1 } else { 0 })
                }
            };
            trouble = Some((since, calm));
            series.state = before;
            if !open && calm > 0 {
                series.feed(&part(run, since..at + 1))?;
                trouble = None;
            } else if !open && at + 1 - since >= self.consecutive {
                open = true;
                watched.incidents.push(since..at + 1);
                watched.notes.push(series.note.clone());
            }
            if !open {
                continue;
            }
            if calm == 0
                && let Some(incident) = watched.incidents.last_mut()
            {
                incident.end = at + 1;
            }
            if calm >= self.recover_after {
                let healthy = at + 1 - calm;
                series.feed(&part(run, since..(since + Self::OPENING).min(healthy)))?;
                series.feed(&part(run, healthy..at + 1))?;
                (trouble, open) = (None, false);
            } else if at - since >= self.accept_after {
                series.feed(&part(run, since..at + 1))?;
                (trouble, open) = (None, false);
            }
        }
        Ok(watched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::samples;
    use crate::{Error, Needs, Scored, Verdicts};

    /// Expects the largest value that it has learnt, give or take one.
    struct Largest;

    impl Subject for Largest {
        fn needs(&mut self) -> Needs {
            Needs { history_ms: 0, min_samples: 0 }
        }

        fn score(&mut self, state: &[u8], fresh: &Samples) -> Result<Scored, Fault> {
            let mut largest = match state {
                [] => 0.0,
                _ => f64::from_le_bytes(state.try_into().map_err(|_| Error::Internal("no state".to_owned()))?),
            };
            let mut verdicts = Verdicts { scores: vec![], expected: vec![], lower: vec![], upper: vec![] };
            for value in &fresh.values {
                let verdict = Verdict::of_band(*value, largest, 1.0);
                largest = f64::max(largest, *value);
                verdicts.scores.push(if *value < largest { 0.0 } else { verdict.score });
                verdicts.expected.push(verdict.expected);
                verdicts.lower.push(verdict.lower);
                verdicts.upper.push(verdict.upper);
            }
            Ok(Scored { state: largest.to_le_bytes().to_vec(), verdicts, note: Some(format!("{largest}")) })
        }
    }

    fn incidents(vigil: Vigil, values: &[f64]) -> Vec<(usize, usize)> {
        let run = samples(0, 60_000, values.iter().copied());
        let watched = vigil.watch(&mut Largest, &run).expect("verdicts");
        assert_eq!(watched.verdicts.len(), values.len());
        assert_eq!(watched.notes.len(), watched.incidents.len());
        watched.incidents.into_iter().map(|incident| (incident.start, incident.end)).collect()
    }

    #[test]
    fn what_is_anomalous_is_not_learnt_while_it_lasts() {
        let vigil = Vigil::default();
        let [calm, wild] = [0.0, 9.0];
        assert_eq!(incidents(vigil, &[wild; 50]), [(0, 50)]);
        assert_eq!(incidents(vigil, &[[calm; 3], [wild; 3], [calm; 3]].concat()), [(3, 6)]);
        // Once it is over, that it happens is known.
        assert_eq!(incidents(vigil, &[wild, calm, calm, calm, wild, wild]), [(0, 1)]);
        assert_eq!(incidents(vigil, &[wild, calm, calm, wild, calm, calm, calm]), [(0, 4)]);
    }

    #[test]
    fn short_streaks_are_learnt_and_long_troubles_accepted() {
        let patient = Vigil { consecutive: 3, ..Vigil::default() };
        assert_eq!(incidents(patient, &[9.0, 9.0, 0.0, 9.0, 9.0, 9.0, 9.0]), []);
        assert_eq!(incidents(patient, &[9.0; 5]), [(0, 5)]);
        let quick = Vigil { accept_after: 5, ..Vigil::default() };
        assert_eq!(incidents(quick, &[9.0; 20]), [(0, 6)]);
    }
}
