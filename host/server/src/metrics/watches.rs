//! What is shown of watches: their queries, what became of the samples, and how long it took. By watch, never by series.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tidegate_domain::rules::Watch;
use tidegate_pipeline::report::{Counts, InEvent};

use super::{Metrics, seconds};
use crate::cold_start::Young;

labels! {
    ByWatch { watch }
    WatchResult { watch, result }
    WatchStanding { watch, standing }
    WatchReason { watch, reason }
    WatchStage { watch, stage }
    EventStanding { watch, event, standing }
    DetectorKind { watch, detector, kind }
}

/// Every metric of watches.
pub(super) struct WatchMetrics {
    queries: Family<WatchResult, Counter>,
    warnings: Family<ByWatch, Counter>,
    histograms: Family<ByWatch, Counter>,
    cycle_seconds: Family<ByWatch, Histogram>,
    stage_seconds: Family<WatchStage, Histogram>,
    snapshot_seconds: Family<ByWatch, Histogram>,
    swap_seconds: Family<ByWatch, Histogram>,
    samples: Family<WatchStanding, Counter>,
    unjudged: Family<WatchReason, Counter>,
    detector_failures: Family<DetectorKind, Counter>,
    series: Family<WatchStanding, Gauge>,
    absent: Family<ByWatch, Gauge>,
    cold_until: Family<ByWatch, Gauge<f64, AtomicU64>>,
    in_event: Family<EventStanding, Gauge>,
}

impl Default for WatchMetrics {
    fn default() -> WatchMetrics {
        WatchMetrics {
            queries: Family::default(),
            warnings: Family::default(),
            histograms: Family::default(),
            cycle_seconds: Family::new_with_constructor(seconds),
            stage_seconds: Family::new_with_constructor(seconds),
            snapshot_seconds: Family::new_with_constructor(seconds),
            swap_seconds: Family::new_with_constructor(seconds),
            samples: Family::default(),
            unjudged: Family::default(),
            detector_failures: Family::default(),
            series: Family::default(),
            absent: Family::default(),
            cold_until: Family::default(),
            in_event: Family::default(),
        }
    }
}

impl WatchMetrics {
    pub(super) fn register(&self, r: &mut Registry) {
        r.register("queries", "Queries to Prometheus, by result", self.queries.clone());
        r.register("query_warnings", "Answers held back because Prometheus warned", self.warnings.clone());
        r.register("query_histograms_skipped", "Native histograms in answers, not judged", self.histograms.clone());
        r.register("cycle_duration_seconds", "Query to verdicts, one watch", self.cycle_seconds.clone());
        r.register(
            "cycle_stage_duration_seconds",
            "What a cycle's time goes into; query and parse count history as well",
            self.stage_seconds.clone(),
        );
        r.register("snapshot_duration_seconds", "Writing the series table, one watch", self.snapshot_seconds.clone());
        r.register("samples", "Samples by what they were judged, or that were only learnt", self.samples.clone());
        r.register("samples_unjudged", "Samples that nobody could judge, by reason", self.unjudged.clone());
        r.register("detector_failures", "Detector calls without an answer", self.detector_failures.clone());
        r.register("series", "Series of the last cycle, by stage", self.series.clone());
        r.register("absent_groups", "Groups that stopped coming", self.absent.clone());
        r.register(
            "cold_start_end_timestamp_seconds",
            "When the detectors judge the last series that is too young now; 0 where none is",
            self.cold_until.clone(),
        );
        r.register(
            "known_event_series",
            "Series for which a known event lasts, judged by earlier ones or still learning; 0 while it does not last",
            self.in_event.clone(),
        );
        r.register("swap_duration_seconds", "Giving a watch other detectors or rules", self.swap_seconds.clone());
    }
}

impl Metrics {
    /// A watch was given other detectors or rules.
    pub(crate) fn swapped(&self, watch: &str, took: Duration) {
        self.watches.swap_seconds.get_or_create(&by(watch)).observe(took.as_secs_f64());
    }

    /// A watch is ended: what it last saw is not how things are. What was counted stays counted.
    pub(crate) fn forget_watch(&self, watch: &str) {
        for stage in ["judged", "cold_start", "awaiting_history"] {
            self.watches.series.remove(&standing(watch, stage));
        }
        self.watches.absent.remove(&by(watch));
        self.watches.cold_until.remove(&by(watch));
    }

    /// For which series the known events of a watch last, as of the last cycle.
    pub(crate) fn known_events(&self, watch: &Watch, lasting: &BTreeMap<String, InEvent>) {
        for event in &watch.known_events {
            let InEvent { known, learning } = lasting.get(&event.name).copied().unwrap_or_default();
            for (standing, series) in [("judged", known), ("learning", learning)] {
                let gauge = self.watches.in_event.get_or_create(&in_event(&watch.name, &event.name, standing));
                gauge.set(i64::try_from(series).unwrap_or(i64::MAX));
            }
        }
    }

    /// A watch is ended, or has other known events from now on.
    pub(crate) fn forget_events(&self, watch: &Watch) {
        for event in &watch.known_events {
            for standing in ["judged", "learning"] {
                self.watches.in_event.remove(&in_event(&watch.name, &event.name, standing));
            }
        }
    }

    /// Which series are too young for the detectors, as of the last cycle.
    pub(crate) fn cold_start(&self, watch: &str, young: Option<Young>) {
        let until = young.map_or(0.0, |young| young.youngest.until.0 as f64 / 1000.0);
        self.watches.cold_until.get_or_create(&by(watch)).set(until);
    }

    /// A query came back, or did not.
    pub(crate) fn count_query(&self, watch: &str, result: &str) {
        let labels = WatchResult { watch: watch.to_owned(), result: result.to_owned() };
        self.watches.queries.get_or_create(&labels).inc();
    }

    /// An answer was held back because of warnings.
    pub(crate) fn count_warning(&self, watch: &str) {
        self.watches.warnings.get_or_create(&by(watch)).inc();
    }

    /// Native histograms were skipped.
    pub(crate) fn count_histograms(&self, watch: &str, samples: u64) {
        if samples > 0 {
            self.watches.histograms.get_or_create(&by(watch)).inc_by(samples);
        }
    }

    /// A stage of a cycle is over: `query`, `parse`, `fold` or `deliver`.
    pub(crate) fn stage(&self, watch: &str, stage: &str, took: Duration) {
        let labels = WatchStage { watch: watch.to_owned(), stage: stage.to_owned() };
        self.watches.stage_seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// The series table of a watch was written.
    pub(crate) fn snapshot(&self, watch: &str, took: Duration) {
        self.watches.snapshot_seconds.get_or_create(&by(watch)).observe(took.as_secs_f64());
    }

    /// History was learnt, which is never judged.
    pub(crate) fn count_learnt(&self, watch: &str, samples: u64) {
        self.watches.samples.get_or_create(&standing(watch, "learnt")).inc_by(samples);
    }

    /// A cycle is over.
    pub(crate) fn cycle(&self, watch: &str, seconds: f64, counts: &Counts) {
        self.watches.cycle_seconds.get_or_create(&by(watch)).observe(seconds);
        let samples =
            |how: &str, samples: u64| self.watches.samples.get_or_create(&standing(watch, how)).inc_by(samples);
        samples("normal", counts.normal);
        samples("anomalous", counts.anomalous);
        for (why, samples) in &counts.unjudged {
            let labels = WatchReason { watch: watch.to_owned(), reason: why.name().to_owned() };
            self.watches.unjudged.get_or_create(&labels).inc_by(*samples);
        }
        for ((detector, kind), calls) in &counts.failed {
            let labels = DetectorKind { watch: watch.to_owned(), detector: detector.clone(), kind: (*kind).to_owned() };
            self.watches.detector_failures.get_or_create(&labels).inc_by(*calls);
        }
        let set = |stage: &str, series: u64| {
            let gauge = self.watches.series.get_or_create(&standing(watch, stage));
            gauge.set(i64::try_from(series).unwrap_or(i64::MAX));
        };
        set("judged", counts.series.saturating_sub(counts.cold));
        set("cold_start", counts.cold);
        set("awaiting_history", counts.awaiting_history);
        let absent = i64::try_from(counts.absent_groups).unwrap_or(i64::MAX);
        self.watches.absent.get_or_create(&by(watch)).set(absent);
    }
}

fn in_event(watch: &str, event: &str, standing: &str) -> EventStanding {
    EventStanding { watch: watch.to_owned(), event: event.to_owned(), standing: standing.to_owned() }
}

fn by(watch: &str) -> ByWatch {
    ByWatch { watch: watch.to_owned() }
}

fn standing(watch: &str, standing: &str) -> WatchStanding {
    WatchStanding { watch: watch.to_owned(), standing: standing.to_owned() }
}
