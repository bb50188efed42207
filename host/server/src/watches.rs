//! The watches that run: one task each, begun, given other tools and ended as the setup asks for.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use tidegate_domain::rules::Watch;
use tidegate_pipeline::fold::WatchFold;
use tidegate_pipeline::scorer::{Configured, Scorer};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::config::WatchConfig;
use crate::host::Host;
use crate::series_store::{SeriesStore, SeriesStoreError};
use crate::setup::Setup;
use crate::watching::Watching;

/// How many pages of the series table are read ahead while the one before is put back.
const PAGES_AHEAD: usize = 2;

/// All that a watch works with. It may be given others between two cycles, for the same query and step.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    pub(crate) config: WatchConfig,
    pub(crate) rules: Watch,
    pub(crate) detectors: Vec<Configured>,
    pub(crate) snapshot_interval: Duration,
}

impl Tools {
    /// What the fold judges with.
    pub(crate) fn scorers(&self) -> Vec<Box<dyn Scorer>> {
        self.detectors.iter().map(|detector| Box::new(detector.clone()) as Box<dyn Scorer>).collect()
    }

    /// Which series these are. Another query, or another time between samples, makes other series of them.
    fn key(&self) -> String {
        serde_json::json!([self.config.expr, self.config.step.as_millis().to_string()]).to_string()
    }
}

/// What a watch is to do. Only the latest counts.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    /// Go on, with these.
    Watch(Arc<Tools>),
    /// Write the series table once more and end.
    End,
}

/// The running watches, by name.
pub(crate) struct Watches {
    store: Arc<SeriesStore>,
    /// One permit: a fold uses all worker threads by itself.
    computing: Arc<Semaphore>,
    running: BTreeMap<String, Running>,
}

struct Running {
    key: String,
    wanted: watch::Sender<Wanted>,
    task: JoinHandle<()>,
}

impl Watches {
    /// None yet.
    pub(crate) fn new(store: SeriesStore) -> Watches {
        Watches { store: Arc::new(store), computing: Arc::new(Semaphore::new(1)), running: BTreeMap::new() }
    }

    /// Makes what runs what the host's setup asks for: ends what it no longer has, hands new tools to what goes on, and
    /// begins what is new. Those that go on take their tools between two cycles, which may be after this has returned.
    ///
    /// # Errors
    ///
    /// When the series table cannot be read. Everything runs all the same; new watches have to learn.
    pub(crate) async fn fit(&mut self, host: &Arc<Host>) -> Result<(), SeriesStoreError> {
        let setup = host.setup();
        let tools = tools(&setup);
        let ending =
            self.running.extract_if(.., |name, running| tools.get(name).is_none_or(|t| t.key() != running.key));
        for (name, running) in ending.collect::<Vec<_>>() {
            running.wanted.send_replace(Wanted::End);
            ended(&name, running.task).await;
            host.metrics.forget_watch(&name);
            host.looks.forget(&name);
            tracing::info!(watch = name, "the watch is ended");
        }
        let mut outcome = Ok(());
        for (name, tools) in &tools {
            match self.running.get(name) {
                Some(running) => drop(running.wanted.send_replace(Wanted::Watch(tools.clone()))),
                None => outcome = outcome.and(self.begin(host, &setup, tools).await),
            }
        }
        let names: Vec<&str> = tools.keys().map(String::as_str).collect();
        outcome.and(self.store.retain(&names).await)
    }

    async fn begin(&mut self, host: &Arc<Host>, setup: &Setup, tools: &Arc<Tools>) -> Result<(), SeriesStoreError> {
        let name = tools.config.name.clone();
        let threads = NonZero::new(setup.config.server.workers).unwrap_or(NonZero::<usize>::MIN);
        let (to, mut from) = tokio::sync::mpsc::channel(PAGES_AHEAD);
        let taken = tools.clone();
        let restoring = tokio::task::spawn_blocking(move || {
            let mut fold = WatchFold::new(taken.rules.clone(), taken.scorers(), threads);
            let pages = std::iter::from_fn(|| from.blocking_recv());
            let unreadable = fold.restore(pages.flatten());
            (fold, unreadable)
        });
        let loaded = self.store.load(&name, &tools.key(), to).await;
        let (fold, unreadable) = restoring.await.unwrap_or_else(|panic| {
            tracing::error!(watch = name, %panic, "the series table could not be put back; the series are learnt again");
            (WatchFold::new(tools.rules.clone(), tools.scorers(), threads), 0)
        });
        tracing::info!(watch = name, series = fold.len(), unreadable, "series table read");
        let (wanted, told) = watch::channel(Wanted::Watch(tools.clone()));
        let watching =
            Watching::new(host.clone(), tools.clone(), told, fold, self.store.clone(), self.computing.clone());
        let task = tokio::spawn(watching.run());
        self.running.insert(name, Running { key: tools.key(), wanted, task });
        loaded
    }

    /// Waits until all have ended, as they do when the host stops.
    pub(crate) async fn join(&mut self) {
        while let Some((name, running)) = self.running.pop_first() {
            ended(&name, running.task).await;
        }
    }
}

async fn ended(name: &str, task: JoinHandle<()>) {
    if let Err(error) = task.await {
        tracing::error!(watch = name, %error, "the watch broke");
    }
}

/// By the name of the watch.
fn tools(setup: &Setup) -> BTreeMap<String, Arc<Tools>> {
    let config = &setup.config;
    let watches = config.watches.iter().filter_map(|watch| {
        let tools = Tools {
            config: watch.clone(),
            rules: config.rules.watches.get(&watch.name)?.clone(),
            detectors: setup.guests.detectors.get(&watch.name).cloned().unwrap_or_default(),
            snapshot_interval: config.server.snapshot_interval,
        };
        Some((watch.name.clone(), Arc::new(tools)))
    });
    watches.collect()
}
