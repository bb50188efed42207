//! Which samples of the incidents of one watch are wanted, and when the journal gets them. Knows no fold: whoever has one
//! asks what is [wanted](Tracer::look), and hands over what it [has](Tracer::take).

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tidegate_domain::book::{Book, Incident};
use tidegate_domain::event::{Fact, IncidentId, Origin, TracePoint};
use tidegate_domain::input::Input;
use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;
use tidegate_pipeline::trace::{Trace, Wanted};

use super::{DENSE, MOST_SERIES, THINNER};
use crate::clock;
use crate::host::Host;
use crate::journal::Stored;

/// The journal gets samples of a series by so many, and no more often than this while the incident lasts: each time is a
/// commit, and what a crash loses is judged once more.
const CHUNK: usize = 10;
const PAUSE: Duration = Duration::from_secs(60);

/// For so many samples after an incident has ended it is still traced: to see that it stays so.
const TAIL: u32 = 30;

/// Traces the incidents of one watch.
#[derive(Debug, Default)]
pub(crate) struct Tracer {
    /// False until it has looked for incidents that ended just before the host was started.
    begun: bool,
    traced: BTreeMap<IncidentId, Traced>,
    /// Those for which there was no room.
    refused: BTreeSet<IncidentId>,
}

/// One incident.
#[derive(Debug, Default)]
struct Traced {
    series: BTreeMap<Labels, Line>,
    closed: Option<Timestamp>,
}

/// One series of it.
#[derive(Debug)]
struct Line {
    /// The labels that it has now.
    place: Labels,
    /// Time of the newest sample.
    upto: Timestamp,
    /// Samples that the journal does not have yet.
    pending: Vec<TracePoint>,
    /// How many it has.
    recorded: usize,
    /// Samples left out since the last one that was kept.
    skipped: usize,
    /// When it last got some.
    flushed: Option<Instant>,
    /// Samples since the incident ended.
    after: usize,
    /// The incident has just ended: what there is goes to the journal now.
    ended: bool,
}

/// What is wanted, and of which incident.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    incidents: Vec<IncidentId>,
    /// In the same order.
    pub(crate) wanted: Vec<Wanted>,
}

impl Tracer {
    /// Looks at the incidents of the watch, and says which samples are wanted.
    pub(crate) async fn look(&mut self, host: &Host, watch: &str, step: Duration) -> Asked {
        for id in self.sort_out(host, watch, step) {
            match host.keeper.timeline(&id).await {
                Ok(timeline) => self.go_on(&id, &timeline),
                // Nothing is lost yet: the next cycle tries again.
                Err(error) => {
                    tracing::warn!(incident = id.0, %error, "no chart yet: the journal could not be read");
                    host.traces.forget(&id);
                }
            }
        }
        let book = host.keeper.book();
        let mut asked = Asked::default();
        for (id, traced) in &mut self.traced {
            let Some(incident) = book.incident(id) else { continue };
            traced.join(incident);
            for (series, line) in &traced.series {
                asked.incidents.push(id.clone());
                let (series, place) = (series.clone(), line.place.clone());
                asked.wanted.push(Wanted { series, place, after: line.upto });
            }
        }
        asked
    }

    /// Takes what there is, and gives the journal what is due.
    pub(crate) async fn take(&mut self, host: &Host, asked: &Asked, found: Vec<Trace>, step: Duration) {
        for ((id, Wanted { series, .. }), trace) in asked.incidents.iter().zip(&asked.wanted).zip(found) {
            let Some(traced) = self.traced.get_mut(id) else { continue };
            let closed = traced.closed;
            let Some(line) = traced.series.get_mut(series) else { continue };
            host.traces.note(id, series, &trace.points);
            line.place = trace.place;
            line.take(trace.points, closed);
        }
        let now = Instant::now();
        self.flush(host, |line, closed| line.is_due(closed, now)).await;
        for (id, _) in self.traced.extract_if(.., |_, traced| traced.is_over(step)) {
            host.traces.forget(&id);
        }
    }

    /// Gives the journal all that it does not have. To be called before the series table is written: samples that the table
    /// knows are not judged again after a crash.
    pub(crate) async fn keep(&mut self, host: &Host) {
        self.flush(host, |_, _| true).await;
    }

    /// The host stops, or the watch ends.
    pub(crate) async fn end(&mut self, host: &Host) {
        self.keep(host).await;
        for id in self.traced.keys() {
            host.traces.forget(id);
        }
    }

    async fn flush(&mut self, host: &Host, due: impl Fn(&Line, bool) -> bool) {
        for (id, traced) in &mut self.traced {
            let closed = traced.closed.is_some();
            for (series, line) in traced.series.iter_mut().filter(|(_, line)| due(line, closed)) {
                line.ended = false;
                if line.pending.is_empty() {
                    continue;
                }
                let points = line.pending.clone();
                let input = Input::Traced { incident: id.clone(), series: series.clone(), points };
                // Should the journal be out of order, the next cycle brings them again.
                if let Err(error) = host.keeper.submit(input).await {
                    tracing::warn!(incident = id.0, %error, "samples for its chart could not be recorded yet");
                    continue;
                }
                line.recorded += line.pending.len();
                line.pending.clear();
                line.flushed = Some(Instant::now());
            }
        }
    }

    /// Finds out what is new and what is over; returns the incidents that are to be begun with.
    fn sort_out(&mut self, host: &Host, watch: &str, step: Duration) -> Vec<IncidentId> {
        let book = host.keeper.book();
        self.note_ends(&book);
        let lately = clock::now().minus(step.saturating_mul(TAIL));
        let ended: Vec<&Incident> = if self.begun { Vec::new() } else { book.closed_since(lately).collect() };
        self.begun = true;
        let mut new = Vec::new();
        let mut refused = BTreeSet::new();
        for incident in book.open_incidents().chain(ended) {
            let ours = matches!(&incident.origin, Origin::Anomaly { watch: name, .. } if name == watch);
            if !ours || self.traced.contains_key(&incident.id) {
                continue;
            }
            // One that was refused is tried again: a chart that begins late is better than none.
            if host.traces.admit(&incident.id) {
                new.push(incident.id.clone());
                continue;
            }
            if !self.refused.contains(&incident.id) {
                host.metrics.count_untraced();
                let incident = &incident.id.0;
                tracing::warn!(watch, incident, "no chart of it: too many incidents are traced already");
            }
            refused.insert(incident.id.clone());
        }
        self.refused = refused;
        new
    }

    fn note_ends(&mut self, book: &Book) {
        for (id, traced) in &mut self.traced {
            let closed = book.incident(id).and_then(|incident| incident.closed);
            if let (None, Some((at, _))) = (traced.closed, closed) {
                traced.closed = Some(at);
                traced.series.values_mut().for_each(|line| line.ended = true);
            }
        }
    }

    /// Begins with an incident, or goes on with it after a restart.
    fn go_on(&mut self, id: &IncidentId, timeline: &[Stored]) {
        let mut traced = Traced::default();
        for stored in timeline {
            match &stored.event.fact {
                Fact::IncidentClosed { .. } => traced.closed = Some(stored.event.at),
                Fact::SeriesTraced { series, points, .. } => {
                    let line = traced.series.entry(series.clone()).or_insert_with(|| Line::new(series));
                    line.recorded += points.len();
                    line.upto = points.last().map_or(line.upto, |point| point.at.max(line.upto));
                    line.flushed = Some(Instant::now());
                }
                _ => {}
            }
        }
        self.traced.insert(id.clone(), traced);
    }
}

impl Traced {
    /// Takes the worst series in.
    fn join(&mut self, incident: &Incident) {
        let worst = incident.worst().map(|evidence| &evidence.series);
        if self.series.len() < MOST_SERIES {
            let rank = |score: f64| if score.is_nan() { 0.0 } else { score };
            let mut members: Vec<_> = incident.members.values().filter(|member| member.ended.is_none()).collect();
            members.sort_by(|a, b| rank(b.evidence.score.0).total_cmp(&rank(a.evidence.score.0)));
            for series in members.into_iter().map(|member| &member.evidence.series).take(MOST_SERIES) {
                if self.series.len() < MOST_SERIES && !self.series.contains_key(series) {
                    self.series.insert(series.clone(), Line::new(series));
                }
            }
        }
        if let Some(worst) = worst.filter(|worst| self.series.len() == MOST_SERIES && !self.series.contains_key(worst))
        {
            self.series.insert(worst.clone(), Line::new(worst));
        }
    }

    /// It has ended, and so has what is to be seen after that; a series that is gone is not waited for without end.
    fn is_over(&self, step: Duration) -> bool {
        let Some(closed) = self.closed else { return false };
        let waited = clock::now().since(closed) > step.saturating_mul(2 * TAIL);
        self.series.values().all(|line| line.pending.is_empty() && (line.after >= TAIL as usize || waited))
    }
}

impl Line {
    fn new(series: &Labels) -> Line {
        Line {
            place: series.clone(),
            upto: Timestamp::MIN,
            pending: Vec::new(),
            recorded: 0,
            skipped: 0,
            flushed: None,
            after: 0,
            ended: false,
        }
    }

    fn take(&mut self, points: Vec<TracePoint>, closed: Option<Timestamp>) {
        for point in points {
            self.upto = point.at;
            self.after += usize::from(closed.is_some_and(|closed| point.at > closed));
            self.skipped += 1;
            if self.skipped >= one_in(self.recorded + self.pending.len()) {
                self.skipped = 0;
                self.pending.push(point);
            }
        }
    }

    fn is_due(&self, closed: bool, now: Instant) -> bool {
        let rested = self.flushed.is_none_or(|at| closed || now.duration_since(at) >= PAUSE);
        let enough = self.pending.len() >= CHUNK || self.flushed.is_none() || self.after >= TAIL as usize;
        self.ended || (rested && enough)
    }
}

/// Of how many samples one is kept, given how many have been.
fn one_in(kept: usize) -> usize {
    let halvings = kept.saturating_sub(DENSE).div_ceil(THINNER).min(30);
    1 << halvings
}

#[cfg(test)]
mod tests;
