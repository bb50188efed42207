//! The recent samples of some series, as they were judged: what charts of incidents are drawn from.

use std::collections::HashMap;

use tidegate_domain::event::TracePoint;
use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;

use crate::fold::WatchFold;

/// A series of which recent samples are wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// As the book knows it.
    pub series: Labels,
    /// The labels that it had when it was last looked at: a restarted pod goes on under others.
    pub place: Labels,
    /// Only samples later than this.
    pub after: Timestamp,
}

/// What there is of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// The labels that it has now.
    pub place: Labels,
    /// Oldest first; at most [`RECENT_SAMPLES`](tidegate_domain::series::RECENT_SAMPLES).
    pub points: Vec<TracePoint>,
}

impl WatchFold {
    /// The recent samples of these series, in the same order. No guest is asked for that.
    #[must_use]
    pub fn trace(&self, wanted: &[Wanted]) -> Vec<Trace> {
        let stand_ins = self.stand_ins();
        let of = |Wanted { series, place, after }: &Wanted| {
            let own = || self.entry(place).filter(|entry| entry.known_as.is_none()).map(|entry| (place, entry));
            let found = stand_ins.get(series).and_then(|place| Some((*place, self.entry(place)?))).or_else(own);
            match found {
                Some((place, entry)) => Trace { place: place.clone(), points: entry.bands.trace(&entry.track, *after) },
                None => Trace { place: place.clone(), points: Vec::new() },
            }
        };
        wanted.iter().map(of).collect()
    }

    /// Where members of incidents go on under other labels, by those that the book knows.
    fn stand_ins(&self) -> HashMap<&Labels, &Labels> {
        if self.watch.identity.is_none() {
            return HashMap::new();
        }
        let series = self.shards.iter().flatten();
        series.filter_map(|(labels, entry)| Some((entry.known_as.as_ref()?, labels))).collect()
    }
}
