//! One task a watch: query, fold, tell the keeper, and now and then write the series table.
//!
//! A slow or failing query delays nobody else. Guest calls run on blocking threads, one watch at a time, so that as
//! many threads compute as the config says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_domain::input::Input;
use tidegate_domain::time::Timestamp;
use tidegate_pipeline::fold::WatchFold;
use tidegate_pipeline::frame::Frame;
use tidegate_pipeline::report::Report;
use tidegate_pipeline::view::BookView;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Interval, MissedTickBehavior};

use crate::clock;
use crate::cold_start::{self, Young};
use crate::host::Host;
use crate::prometheus::{QueryError, plan_chunks};
use crate::series_store::SeriesStore;
use crate::traces::Tracer;
use crate::watches::{Tools, Wanted};

/// The pause between two backfills of one watch: each one queries all of its series, new or not.
const BACKFILL_PAUSE: Duration = Duration::from_secs(5 * 60);

/// The series table is written in parts of this many bytes, so that a large one is not in memory twice.
const SNAPSHOT_PART: usize = 32 << 20;

/// One watch, running.
pub(crate) struct Watching {
    host: Arc<Host>,
    tools: Arc<Tools>,
    /// What the watch is to do from now on, as far as it has not been looked at.
    wanted: watch::Receiver<Wanted>,
    /// None only while a cycle has it.
    fold: Option<WatchFold>,
    store: Arc<SeriesStore>,
    /// One permit: the fold uses all worker threads by itself.
    computing: Arc<Semaphore>,
    /// The end of the last stretch that was folded, samples or none: where nothing comes, the next query is no longer.
    covered: Option<Timestamp>,
    backfilled: Option<Instant>,
    /// The last error told, so that a lasting one is logged once.
    told: Option<String>,
    /// The detectors that failed in the last cycle, and how: told once as well.
    failing: BTreeSet<(String, &'static str)>,
    /// What was told of series that are too young for the detectors.
    young: cold_start::Told,
    /// Keeps what charts of incidents are drawn from.
    tracer: Tracer,
}

impl Watching {
    pub(crate) fn new(
        host: Arc<Host>,
        tools: Arc<Tools>,
        wanted: watch::Receiver<Wanted>,
        fold: WatchFold,
        store: Arc<SeriesStore>,
        computing: Arc<Semaphore>,
    ) -> Watching {
        Watching {
            host,
            tools,
            wanted,
            fold: Some(fold),
            store,
            computing,
            covered: None,
            backfilled: None,
            told: None,
            failing: BTreeSet::new(),
            young: cold_start::Told::default(),
            tracer: Tracer::default(),
        }
    }

    /// Runs until the host stops or the watch is ended, then writes the series table once more.
    pub(crate) async fn run(mut self) {
        let (mut ticks, mut snapshots) = (ticks(&self.tools), snapshots(&self.tools));
        let host = self.host.clone();
        loop {
            tokio::select! {
                () = host.stopped() => break,
                changed = self.wanted.changed() => {
                    let wanted = self.wanted.borrow_and_update().clone();
                    let (Ok(()), Wanted::Watch(tools)) = (changed, wanted) else { break };
                    let before = std::mem::replace(&mut self.tools, tools);
                    self.host.metrics.forget_events(&before.rules);
                    self.retool().await;
                    // Only where they differ: a tick that is due must not be put off.
                    if before.config.interval != self.tools.config.interval {
                        ticks = self::ticks(&self.tools);
                    }
                    if before.snapshot_interval != self.tools.snapshot_interval {
                        snapshots = self::snapshots(&self.tools);
                    }
                }
                _ = snapshots.tick() => self.snapshot().await,
                _ = ticks.tick() => self.cycle().await,
            }
        }
        let host = self.host.clone();
        host.metrics.forget_events(&self.tools.rules);
        self.tracer.end(&host).await;
        self.snapshot().await;
    }

    /// Puts new rules and detectors in the place of those so far.
    async fn retool(&mut self) {
        let started = Instant::now();
        self.young.forget();
        let tools = self.tools.clone();
        let Some(retooled) = self.compute(move |fold| fold.retool(tools.rules.clone(), tools.scorers())).await else {
            return;
        };
        let took = started.elapsed();
        let watch = &self.tools.config.name;
        self.host.metrics.swapped(watch, took);
        for ((detector, kind), error) in &retooled.report.failures {
            tracing::warn!(watch, detector, kind, error, "a detector failed when it was tried on the states so far");
        }
        if retooled.relearning > 0 {
            // In the next cycle, before anything is judged.
            self.backfilled = None;
        }
        let (tried, relearning) = (retooled.tried, retooled.relearning);
        let series = self.fold.as_ref().map_or(0, WatchFold::len);
        tracing::info!(
            watch,
            series,
            tried,
            relearning,
            seconds = took.as_secs_f64(),
            "the watch goes on as set up now"
        );
    }

    /// Waits until the host stops or the watch is ended: from then on no answer is waited for.
    async fn over(&self) {
        let mut wanted = self.wanted.clone();
        tokio::select! {
            () = self.host.stopped() => {}
            _ = wanted.wait_for(|wanted| matches!(wanted, Wanted::End)) => {}
        }
    }

    async fn cycle(&mut self) {
        let started = Instant::now();
        let end = clock::now().minus(self.tools.config.query_offset).align_down(self.tools.config.step);
        let newest = self.fold.as_ref().and_then(WatchFold::newest).max(self.covered);
        let start = newest.map_or(end, |newest| newest.plus(self.tools.config.step).align_down(self.tools.config.step));
        if start > end {
            return;
        }
        let series = self.fold.as_ref().map_or(0, WatchFold::len);
        for (start, end) in plan_chunks(start, end, self.tools.config.step, series) {
            let frame = match self.fetch(start, end).await {
                Ok(Some(frame)) => frame,
                // Held back: the next cycle asks for the same stretch again.
                Ok(None) => return,
                Err(error) => return self.failed(&error),
            };
            let Some(report) = self.judge(Arc::new(frame), start, end).await else { return };
            self.deliver(report, started, end).await;
            self.trace().await;
            self.covered = Some(end);
        }
        self.recovered();
    }

    /// The samples of one stretch; None where Prometheus warns that they may be partial, and once the host stops: a
    /// query may take minutes. What has been fetched, though, is folded and told to its end.
    async fn fetch(&mut self, start: Timestamp, end: Timestamp) -> Result<Option<Frame>, QueryError> {
        let watch = &self.tools.config.name;
        let asked = Instant::now();
        let setup = self.host.setup();
        let answer = tokio::select! {
            () = self.over() => return Ok(None),
            answer = setup.prometheus.query_range(&self.tools.config.expr, start, end, self.tools.config.step) => answer,
        };
        self.host.metrics.count_query(watch, answer.as_ref().map_or_else(QueryError::kind, |_| "success"));
        let answer = answer?;
        self.host.metrics.stage(watch, "query", asked.elapsed().saturating_sub(answer.parsing));
        self.host.metrics.stage(watch, "parse", answer.parsing);
        self.host.metrics.count_histograms(watch, answer.histograms_skipped);
        if answer.warnings.is_empty() {
            return Ok(Some(answer.frame));
        }
        self.host.metrics.count_warning(watch);
        self.tell(format!("held back, Prometheus warns that the data may be partial: {}", answer.warnings.join("; ")));
        Ok(None)
    }

    /// Folds one stretch in, history first where a series needs it.
    async fn judge(&mut self, frame: Arc<Frame>, start: Timestamp, end: Timestamp) -> Option<Report> {
        let view = BookView::of(&self.host.keeper.book(), &self.tools.config.name, start);
        let (met, known) = (frame.clone(), view.clone());
        let began = Instant::now();
        self.compute(move |fold| fold.meet(&met, &known)).await?;
        let meeting = began.elapsed();
        let wanted = self.fold.as_ref()?.awaiting_history(end);
        let paused =
            self.backfilled.is_some_and(|at| at.elapsed() < BACKFILL_PAUSE.min(self.tools.config.interval * 30));
        if let Some(from) = wanted.filter(|_| !paused) {
            self.backfilled = Some(Instant::now());
            if let Err(error) = self.backfill(from.align_down(self.tools.config.step), end, frame.series.len()).await {
                self.failed(&error);
            }
        }
        let began = Instant::now();
        let report = self.compute(move |fold| fold.cycle(&frame, &view, end)).await?;
        self.host.metrics.stage(&self.tools.config.name, "fold", meeting + began.elapsed());
        Some(report)
    }

    async fn backfill(&mut self, from: Timestamp, end: Timestamp, series: usize) -> Result<(), QueryError> {
        let started = Instant::now();
        let mut learnt = 0;
        for (start, until) in plan_chunks(from, end, self.tools.config.step, series) {
            let Some(history) = self.fetch(start, until).await? else { return Ok(()) };
            let Some(report) = self.compute(move |fold| fold.backfill(&history)).await else { return Ok(()) };
            learnt += report.counts.learnt;
            self.host.metrics.count_learnt(&self.tools.config.name, report.counts.learnt);
            for ((detector, _), error) in &report.failures {
                tracing::warn!(watch = self.tools.config.name, detector, error, "history could not be learnt");
            }
        }
        self.compute(move |fold| fold.end_backfill(end)).await;
        tracing::info!(
            watch = self.tools.config.name,
            samples = learnt,
            from = clock::rfc3339(from),
            seconds = started.elapsed().as_secs_f64(),
            "history learnt"
        );
        Ok(())
    }

    /// Runs something on the fold, away from the async threads. None when it panicked: the watch starts anew then.
    async fn compute<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut WatchFold) -> T + Send + 'static,
    ) -> Option<T> {
        let _permit = self.computing.acquire().await.ok()?;
        let mut fold = self.fold.take()?;
        let done = tokio::task::spawn_blocking(move || {
            let result = work(&mut fold);
            (fold, result)
        });
        match done.await {
            Ok((fold, result)) => {
                self.fold = Some(fold);
                Some(result)
            }
            Err(panic) => {
                tracing::error!(watch = self.tools.config.name, %panic, "the watch broke and is stopped; restart the host");
                None
            }
        }
    }

    async fn deliver(&mut self, report: Report, started: Instant, end: Timestamp) {
        let watch = &self.tools.config.name;
        let began = Instant::now();
        self.host.metrics.cycle(watch, started.elapsed().as_secs_f64(), &report.counts);
        let known = self.fold.as_ref().map_or(0, WatchFold::len);
        let cold_start = &self.tools.rules.cold_start;
        let young = Young::of(&report.counts, cold_start.history, end);
        self.young.tell(watch, cold_start, report.counts.switched, young, end);
        self.host.metrics.cold_start(watch, young);
        self.host.metrics.known_events(&self.tools.rules, &report.counts.events);
        self.host.looks.judged(watch, end, started.elapsed(), known, young, &report.counts);
        self.host.pulse.watched(watch, end, report.newest);
        // Where nothing was asked, nothing can be said of who answers.
        if report.counts.calls > 0 {
            let failing = report.failures.keys().cloned().collect();
            for ((detector, kind), error) in report.failures.iter().filter(|(key, _)| !self.failing.contains(*key)) {
                tracing::warn!(watch, detector, kind, error, "a detector could not judge; its series are unjudged");
            }
            for (detector, kind) in self.failing.difference(&failing) {
                tracing::info!(watch, detector, kind, "the detector no longer fails like this");
            }
            self.failing = failing;
        }
        for change in report.changes {
            // Durable before the next cycle, so that the table never knows more than the book.
            self.host.keeper.insist(Input::Watched { watch: watch.clone(), change }).await;
        }
        self.host.metrics.stage(watch, "deliver", began.elapsed());
    }

    /// Hands the samples of incidents to the journal, or keeps them until it gets them.
    async fn trace(&mut self) {
        let (host, step) = (self.host.clone(), self.tools.config.step);
        let asked = self.tracer.look(&host, &self.tools.config.name, step).await;
        let wanted = asked.wanted.clone();
        let found = if wanted.is_empty() { None } else { self.compute(move |fold| fold.trace(&wanted)).await };
        self.tracer.take(&host, &asked, found.unwrap_or_default(), step).await;
    }

    fn failed(&mut self, error: &QueryError) {
        self.tell(format!("query failed: {error}"));
    }

    /// Logs what keeps the watch from judging, once for as long as it stays the same.
    fn tell(&mut self, why: String) {
        self.host.looks.failed(&self.tools.config.name, &why);
        if self.told.as_ref() != Some(&why) {
            tracing::warn!(watch = self.tools.config.name, why, "no verdict until Prometheus answers as it should");
            self.told = Some(why);
        }
    }

    fn recovered(&mut self) {
        self.host.unready.send_if_modified(|why| why.take().is_some());
        self.host.looks.recovered(&self.tools.config.name);
        if self.told.take().is_some() {
            tracing::info!(watch = self.tools.config.name, "the query answers again");
        }
    }

    async fn snapshot(&mut self) {
        let started = Instant::now();
        let host = self.host.clone();
        self.tracer.keep(&host).await;
        let mut rows = 0;
        loop {
            let Some(part) = self.compute(|fold| fold.snapshot_part(SNAPSHOT_PART)).await else { return };
            if part.changed.is_empty() && part.removed.is_empty() {
                break;
            }
            rows += part.changed.len();
            if let Err(error) = self.store.save(&self.tools.config.name, &part.changed, &part.removed).await {
                tracing::warn!(
                    watch = self.tools.config.name,
                    %error,
                    "the series table could not be written; a restart would learn these series again"
                );
                return;
            }
        }
        let took = started.elapsed();
        self.host.metrics.snapshot(&self.tools.config.name, took);
        tracing::debug!(watch = self.tools.config.name, rows, seconds = took.as_secs_f64(), "series table written");
    }
}

fn ticks(tools: &Tools) -> Interval {
    let mut ticks = tokio::time::interval(tools.config.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}

fn snapshots(tools: &Tools) -> Interval {
    let mut snapshots = tokio::time::interval(tools.snapshot_interval);
    snapshots.reset();
    snapshots
}
