//! The overview: what the guests are and do, and what the watches see and learn, as of now. Plain values, for the page and
//! the API.
//!
//! Cheap to make however many series there are: each watch leaves a look at itself behind after each cycle.

mod pace;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_domain::rules::{ColdStart, Mode};
use tidegate_domain::time::Timestamp;
use tidegate_pipeline::report::{Counts, InEvent};
use tidegate_sandbox::{Grants, Guest, GuestKind, GuestStats, Limits};

use crate::clock;
use crate::cold_start::Young;
use crate::config::GuestConfig;
use crate::host::Host;
use crate::setup::Setup;

pub(crate) use pace::{Pace, run};

/// All of it.
#[derive(Clone, Debug)]
pub(crate) struct Overview {
    /// The guests that run, by name.
    pub(crate) guests: Vec<GuestOverview>,
    /// The watches, in the order of the config.
    pub(crate) watches: Vec<WatchOverview>,
}

/// One guest.
#[derive(Clone, Debug)]
pub(crate) struct GuestOverview {
    /// Its name in the config.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: GuestKind,
    /// SHA-256 of its bytes, in hexadecimal.
    pub(crate) digest: String,
    /// Whether the config lets no other content be loaded.
    pub(crate) pinned: bool,
    /// The name that it gives itself.
    pub(crate) own_name: String,
    /// The version that it gives itself.
    pub(crate) version: String,
    /// What it says of itself, in one sentence.
    pub(crate) summary: String,
    /// What uses it: detectors, watches and alert routes, as the config names them.
    pub(crate) used_by: Vec<Use>,
    /// What it may import beyond data and the log.
    pub(crate) grants: Vec<&'static str>,
    /// What it may use up.
    pub(crate) limits: Limits,
    /// Since when this version runs.
    pub(crate) since: Option<Timestamp>,
    /// When and why its file was last refused, while this version goes on.
    pub(crate) refused: Option<(Timestamp, String)>,
    /// Calls since the host was started, whatever version there was.
    pub(crate) calls: u64,
    /// Calls a second over the last minute.
    pub(crate) calls_per_second: f64,
    /// Samples judged or learnt since the host was started.
    pub(crate) scores: u64,
    /// The same a second over the last minute.
    pub(crate) scores_per_second: f64,
    /// Calls without an answer since the host was started, by kind; only kinds that there were.
    pub(crate) errors: BTreeMap<&'static str, u64>,
    /// Instances alive.
    pub(crate) instances: u64,
    /// Instances replaced because they held three quarters of their memory cap.
    pub(crate) retired: u64,
    /// Most linear memory that any one instance was given, in bytes.
    pub(crate) memory_peak: u64,
    /// Until when it is not called, because it trapped too often.
    pub(crate) quarantined_until: Option<Timestamp>,
}

/// Who uses a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// `[detector.NAME]`.
    Detector(String),
    /// The policy of a watch.
    Watch(String),
    /// The policy of an alert route.
    Route(String),
}

/// One watch.
#[derive(Clone, Debug)]
pub(crate) struct WatchOverview {
    /// Its name.
    pub(crate) name: String,
    /// PromQL.
    pub(crate) expr: String,
    /// What happens to proposals.
    pub(crate) mode: Mode,
    /// Time between two queries.
    pub(crate) interval: Duration,
    /// Its detectors, by their names in the config.
    pub(crate) detectors: Vec<String>,
    /// What judges a series before it has so much history of its own that detectors do.
    pub(crate) cold_start: ColdStart,
    /// The names of its known events.
    pub(crate) known_events: Vec<String>,
    /// What it saw in its last cycle; none before the first.
    pub(crate) look: Option<Look>,
    /// What keeps it from judging, since when.
    pub(crate) error: Option<(Timestamp, String)>,
}

/// What a watch saw in its last cycle.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Look {
    /// Up to which sample it has judged.
    pub(crate) upto: Timestamp,
    /// When that was.
    pub(crate) at: Timestamp,
    /// How long it took, from the query to the verdicts.
    pub(crate) took: Duration,
    /// Series that are known.
    pub(crate) known: usize,
    /// Series that gave samples.
    pub(crate) series: u64,
    /// Those of them that are too young for detectors.
    pub(crate) young: Option<Young>,
    /// Series that wait for their history.
    pub(crate) awaiting_history: u64,
    /// Samples that were normal, and those that were not.
    pub(crate) normal: u64,
    pub(crate) anomalous: u64,
    /// Samples that nobody could judge, by reason.
    pub(crate) unjudged: BTreeMap<&'static str, u64>,
    /// Groups that have stopped coming.
    pub(crate) absent_groups: u64,
    /// The known events that last now, and how their series are judged.
    pub(crate) events: BTreeMap<String, InEvent>,
}

/// The looks that the watches leave behind.
#[derive(Debug, Default)]
pub(crate) struct Looks(Mutex<BTreeMap<String, Left>>);

#[derive(Debug, Default)]
struct Left {
    look: Option<Look>,
    error: Option<(Timestamp, String)>,
}

impl Looks {
    /// A watch has judged up to `upto`.
    pub(crate) fn judged(
        &self,
        watch: &str,
        upto: Timestamp,
        took: Duration,
        known: usize,
        young: Option<Young>,
        counts: &Counts,
    ) {
        let look = Look {
            upto,
            at: clock::now(),
            took,
            known,
            series: counts.series,
            young,
            awaiting_history: counts.awaiting_history,
            normal: counts.normal,
            anomalous: counts.anomalous,
            unjudged: counts.unjudged.iter().map(|(why, samples)| (why.name(), *samples)).collect(),
            absent_groups: counts.absent_groups,
            events: counts.events.clone(),
        };
        self.lock().entry(watch.to_owned()).or_default().look = Some(look);
    }

    /// Something keeps a watch from judging.
    pub(crate) fn failed(&self, watch: &str, why: &str) {
        let mut looks = self.lock();
        let error = &mut looks.entry(watch.to_owned()).or_default().error;
        if error.as_ref().is_none_or(|(_, known)| known != why) {
            *error = Some((clock::now(), why.to_owned()));
        }
    }

    /// Nothing keeps it from judging any more.
    pub(crate) fn recovered(&self, watch: &str) {
        if let Some(left) = self.lock().get_mut(watch) {
            left.error = None;
        }
    }

    /// A watch is ended.
    pub(crate) fn forget(&self, watch: &str) {
        self.lock().remove(watch);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Left>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything as of now.
pub(crate) fn of(host: &Host) -> Overview {
    let (setup, stats) = (host.setup(), host.sandbox.stats());
    let rates = host.pace.rates(&stats);
    let guests = setup.guests.guests.values().map(|guest| {
        let versions: Vec<&GuestStats> = stats.iter().filter(|stats| stats.guest == guest.name()).collect();
        of_guest(host, &setup, guest, &versions, rates.get(guest.name()).copied().unwrap_or_default())
    });
    Overview { guests: guests.collect(), watches: watches(host, &setup) }
}

fn of_guest(host: &Host, setup: &Setup, guest: &Guest, versions: &[&GuestStats], rates: (f64, f64)) -> GuestOverview {
    let (name, manifest) = (guest.name(), guest.manifest());
    let defaults = GuestConfig::default();
    let special = setup.config.guests.get(name).unwrap_or(&defaults);
    let running = versions.iter().find(|stats| stats.digest == guest.digest());
    let mut errors: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (kind, count) in versions.iter().flat_map(|stats| &stats.errors).filter(|(_, count)| *count > 0) {
        *errors.entry(kind).or_default() += count;
    }
    let sum = |of: fn(&GuestStats) -> u64| versions.iter().map(|stats| of(stats)).sum();
    let load = host.metrics.guests.load(name);
    GuestOverview {
        name: name.to_owned(),
        kind: guest.kind(),
        digest: guest.digest().to_owned(),
        pinned: special.sha256.is_some(),
        own_name: manifest.name.clone(),
        version: manifest.version.clone(),
        summary: manifest.summary.clone(),
        used_by: users(setup, name),
        grants: Grants::KNOWN.iter().copied().filter(|grant| special.grants.contains(grant)).collect(),
        limits: special.limits.clone(),
        since: load.as_ref().map(|load| load.since),
        refused: load.and_then(|load| load.refused),
        calls: sum(|stats| stats.calls),
        calls_per_second: rates.0,
        scores: sum(|stats| stats.scores),
        scores_per_second: rates.1,
        errors,
        instances: sum(|stats| stats.instances),
        retired: sum(|stats| stats.instances_retired),
        memory_peak: running.map_or(0, |stats| stats.memory_peak),
        quarantined_until: running.and_then(|stats| stats.quarantined_for).map(|pause| clock::now().plus(pause)),
    }
}

fn users(setup: &Setup, guest: &str) -> Vec<Use> {
    let config = &setup.config;
    let detectors = config.detectors.iter().filter(|(_, detector)| detector.guest == guest);
    let watches = config.watches.iter().filter(|watch| watch.remediation.as_ref().is_some_and(|r| r.guest == guest));
    let routes = config.routes.iter().filter(|route| route.remediation.as_ref().is_some_and(|r| r.guest == guest));
    let detectors = detectors.map(|(name, _)| Use::Detector(name.clone()));
    let policies = watches.map(|watch| Use::Watch(watch.name.clone()));
    detectors.chain(policies).chain(routes.map(|route| Use::Route(route.name.clone()))).collect()
}

/// The watches, in the order of the config.
pub(crate) fn watches(host: &Host, setup: &Setup) -> Vec<WatchOverview> {
    let (config, left) = (&setup.config, host.looks.lock());
    let watches = config.watches.iter().filter_map(|watch| {
        let rules = config.rules.watches.get(&watch.name)?;
        let left = left.get(&watch.name);
        Some(WatchOverview {
            name: watch.name.clone(),
            expr: watch.expr.clone(),
            mode: rules.mode,
            interval: watch.interval,
            detectors: rules.detectors.clone(),
            cold_start: rules.cold_start.clone(),
            known_events: rules.known_events.iter().map(|event| event.name.clone()).collect(),
            look: left.and_then(|left| left.look.clone()),
            error: left.and_then(|left| left.error.clone()),
        })
    });
    watches.collect()
}

#[cfg(test)]
mod tests {
    use tidegate_domain::series::Unjudged;

    use super::*;

    fn left(looks: &Looks, watch: &str) -> (Option<Look>, Option<(Timestamp, String)>) {
        looks.lock().get(watch).map(|left| (left.look.clone(), left.error.clone())).unwrap_or_default()
    }

    #[test]
    fn a_watch_leaves_its_last_look_behind() {
        let looks = Looks::default();
        let hours = |hours: u64| Duration::from_secs(3_600 * hours);
        let counts = Counts {
            normal: 7,
            unjudged: [(Unjudged::Learning, 3), (Unjudged::GuestFailed, 1)].into(),
            series: 11,
            cold: 3,
            cold_ages: Some((hours(2), hours(31))),
            ..Counts::default()
        };
        let young = Young::of(&counts, hours(48), Timestamp(60_000));
        looks.judged("queue", Timestamp(60_000), Duration::from_secs(1), 12, young, &counts);
        let look = left(&looks, "queue").0.expect("a look");
        assert_eq!((look.upto, look.known, look.series, look.normal), (Timestamp(60_000), 12, 11, 7));
        assert!(look.young == young && young.is_some());
        assert_eq!(look.unjudged, BTreeMap::from([("guest_failed", 1), ("learning", 3)]));
        looks.judged("queue", Timestamp(120_000), Duration::from_secs(1), 12, None, &Counts::default());
        assert_eq!(left(&looks, "queue").0.expect("a look").young, None, "what was is not how things are");
        looks.forget("queue");
        assert_eq!(left(&looks, "queue"), (None, None));
    }

    #[test]
    fn an_error_is_shown_since_it_came_and_until_it_is_gone() {
        let looks = Looks::default();
        looks.failed("queue", "no answer");
        let first = left(&looks, "queue").1;
        looks.failed("queue", "no answer");
        assert_eq!(left(&looks, "queue").1, first, "the same error is no news");
        looks.failed("queue", "a warning");
        assert_eq!(left(&looks, "queue").1.expect("an error").1, "a warning");
        looks.judged("queue", Timestamp(0), Duration::ZERO, 1, None, &Counts::default());
        assert!(left(&looks, "queue").1.is_some(), "a chunk of a stretch is not all of it");
        looks.recovered("queue");
        looks.recovered("another");
        assert_eq!(left(&looks, "queue").1, None);
        assert_eq!(left(&looks, "another"), (None, None));
    }
}
