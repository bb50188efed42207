//! Traces: the samples of the series of incidents, as they were judged, from before the trouble to after the repair. The
//! journal gets them in chunks, so that a chart of an incident can be drawn for as long as the journal is there; the newest
//! ones are in memory.
//!
//! Bounded on every side: so many incidents at once, so many series of each, and of a long one fewer and fewer samples.

mod tracer;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tidegate_domain::event::{IncidentId, TracePoint};
use tidegate_domain::labels::Labels;

pub(crate) use tracer::Tracer;

/// Most incidents that are traced at the same time, over all watches. More than that is a storm, in which nobody looks at
/// single charts, and the journal has enough to write.
const MOST_INCIDENTS: usize = 50;

/// Most series of one incident that are traced, the worst ones; and one more, should another become the worst.
const MOST_SERIES: usize = 5;

/// So many samples of a series are kept one by one, which at one a minute is more than a day. Of what follows every second
/// is kept, after so many more every fourth, and so on.
pub(crate) const DENSE: usize = 2_000;
const THINNER: usize = 500;

/// So many of the newest samples are in memory: as many as come before the journal has them, and some to spare.
const NEWEST: usize = 60;

/// The newest samples of the incidents that are traced.
#[derive(Debug, Default)]
pub(crate) struct Traces(Mutex<BTreeMap<IncidentId, BTreeMap<Labels, VecDeque<TracePoint>>>>);

impl Traces {
    /// The newest samples of an incident by series, oldest first. Read these before the journal's events of the incident:
    /// then no sample is missing in between.
    pub(crate) fn newest(&self, incident: &IncidentId) -> Vec<(Labels, Vec<TracePoint>)> {
        let traces = self.lock();
        let series = traces.get(incident).into_iter().flatten();
        series.map(|(series, points)| (series.clone(), points.iter().cloned().collect())).collect()
    }

    /// Takes an incident in, if there is room for one more.
    fn admit(&self, incident: &IncidentId) -> bool {
        let mut traces = self.lock();
        let room = traces.len() < MOST_INCIDENTS || traces.contains_key(incident);
        if room {
            traces.entry(incident.clone()).or_default();
        }
        room
    }

    /// Notes samples of an incident that was taken in.
    fn note(&self, incident: &IncidentId, series: &Labels, points: &[TracePoint]) {
        let mut traces = self.lock();
        let Some(known) = traces.get_mut(incident) else { return };
        let newest = known.entry(series.clone()).or_default();
        newest.extend(points.iter().cloned());
        let spare = newest.len().saturating_sub(NEWEST);
        newest.drain(..spare);
    }

    /// The journal has all there is of an incident.
    fn forget(&self, incident: &IncidentId) {
        self.lock().remove(incident);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<IncidentId, BTreeMap<Labels, VecDeque<TracePoint>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
