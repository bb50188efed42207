//! `tidegate run`: puts the parts together, runs them, and takes them apart again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;

use anyhow::Context as _;
use tidegate_domain::input::Input;
use tidegate_pipeline::fold::WatchFold;
use tidegate_pipeline::scorer::{Configured, Scorer};
use tidegate_sandbox::Sandbox;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::guest_folder::LoadedGuests;
use crate::host::Host;
use crate::journal::Journal;
use crate::keeper::Keeper;
use crate::metrics::Metrics;
use crate::series_store::SeriesStore;
use crate::setup::Setup;
use crate::watching::Watching;
use crate::{api, duties, notices, survey};

/// Runs until SIGINT or SIGTERM. The config and the guests are valid and loaded.
pub(crate) async fn run(config: Config, sandbox: Sandbox, guests: LoadedGuests) -> anyhow::Result<()> {
    // Before anybody can see that the host is there, and ask it to stop.
    let interrupts = Interrupts::catch().context("cannot catch signals")?;
    let listen = config.server.listen;
    // Bound before anything else: a second host on the same port must not touch the journal.
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}: is another program using it? see `listen` in [server]"))?;
    let setup = Setup::new(config, guests)?;
    let data_dir = &setup.config.server.data_dir;
    let journal = Journal::open(data_dir).await?;
    let store = Arc::new(SeriesStore::open(data_dir).await?);
    let metrics = Arc::new(Metrics::new());
    metrics.config_loaded();
    let keeper = Arc::new(Keeper::open(journal, setup.config.rules.clone(), metrics.clone()).await?);
    keeper.submit(Input::Started { version: env!("CARGO_PKG_VERSION").to_owned() }).await?;
    let (host, folds) = assemble(setup, sandbox, keeper, metrics)?;
    let watchings = open_watches(&host, folds, store).await?;

    tracing::info!(listen = %listener.local_addr()?, "tidegate is running; Ctrl-C stops it");
    let mut tasks = JoinSet::new();
    for watching in watchings {
        tasks.spawn(watching.run());
    }
    tasks.spawn(duties::run(host.clone()));
    tasks.spawn(notices::run(host.clone()));
    tasks.spawn(survey::run(host.clone()));
    let service = api::router(host.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(stop_of(host.clone()));
    tasks.spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the HTTP server failed");
        }
    });

    interrupts.first().await;
    tracing::info!("stopping: running actions may end, the series table is written");
    host.stopping.send_replace(true);
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a part of the host broke");
        }
    }
    tracing::info!("stopped");
    Ok(())
}

async fn stop_of(host: Arc<Host>) {
    host.stopped().await;
}

/// Ctrl-C and SIGTERM, caught from the moment that this is made.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    fn catch() -> std::io::Result<Interrupts> {
        Ok(Interrupts { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn first(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// How many pages of the series table are read ahead while the one before is put back.
const PAGES_AHEAD: usize = 2;

type Folds = Vec<(WatchFold, String)>;

/// The shared parts, and one fold with its model key for each watch, in the order of the config.
fn assemble(
    setup: Setup,
    sandbox: Sandbox,
    keeper: Arc<Keeper>,
    metrics: Arc<Metrics>,
) -> anyhow::Result<(Arc<Host>, Folds)> {
    let config = &setup.config;
    let threads = NonZero::new(config.server.workers).unwrap_or(NonZero::<usize>::MIN);
    let mut folds = Vec::new();
    for watch in &config.watches {
        let rules = config.rules.watches.get(&watch.name).context("a watch without rules")?;
        let detectors = setup.guests.detectors.get(&watch.name).cloned().unwrap_or_default();
        let key = model_key(config, watch, &detectors);
        let scorers = detectors.into_iter().map(|d| Box::new(d) as Box<dyn Scorer>).collect();
        folds.push((WatchFold::new(rules.clone(), scorers, threads), key));
    }
    // Where nothing is watched nothing is waited for: deliveries can be taken at once.
    let unready = (!config.watches.is_empty())
        .then(|| format!("Prometheus at {} has not answered a query yet", config.prometheus.url));
    Ok((Arc::new(Host::new(setup, sandbox, keeper, metrics, unready)), folds))
}

/// What the states of a watch depend on. Under another key they are not read: the series are learnt again.
fn model_key(config: &Config, watch: &crate::config::WatchConfig, detectors: &[Configured]) -> String {
    let models: BTreeMap<&str, serde_json::Value> = detectors
        .iter()
        .map(|d| {
            let settings = config.detectors.get(&d.name).map(|detector| detector.settings.clone());
            (d.name.as_str(), serde_json::json!({ "digest": d.digest(), "settings": settings }))
        })
        .collect();
    let names: Vec<&str> = detectors.iter().map(|d| d.name.as_str()).collect();
    let parts = serde_json::json!([watch.expr, watch.step.as_millis().to_string(), names, models]);
    parts.to_string()
}

async fn open_watches(host: &Arc<Host>, folds: Folds, store: Arc<SeriesStore>) -> anyhow::Result<Vec<Watching>> {
    let computing = Arc::new(Semaphore::new(1));
    let mut watchings = Vec::new();
    let setup = host.setup();
    for (watch, (mut fold, key)) in setup.config.watches.iter().zip(folds) {
        let (to, mut from) = tokio::sync::mpsc::channel(PAGES_AHEAD);
        let restoring = tokio::task::spawn_blocking(move || {
            let pages = std::iter::from_fn(|| from.blocking_recv());
            let unreadable = fold.restore(pages.flatten());
            (fold, unreadable)
        });
        store.load(&watch.name, &key, to).await?;
        let (fold, unreadable) = restoring.await?;
        tracing::info!(watch = watch.name, series = fold.len(), unreadable, "series table read");
        watchings.push(Watching::new(host.clone(), watch.clone(), fold, store.clone(), computing.clone()));
    }
    Ok(watchings)
}
