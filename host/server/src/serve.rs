//! `tidegate run`: puts the parts together, runs them, and takes them apart again.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use tidegate_domain::input::Input;
use tidegate_sandbox::Sandbox;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

use crate::config::Config;
use crate::guest_folder::{LoadedGuests, Looks};
use crate::host::Host;
use crate::journal::Journal;
use crate::keeper::Keeper;
use crate::metrics::Metrics;
use crate::reload::{self, Reloading};
use crate::series_store::SeriesStore;
use crate::setup::Setup;
use crate::watches::Watches;
use crate::{
    api, dropping_in, duties, inbox, listener, looking, notices, overview, roster, slack, survey, telling, tls,
};

/// Runs until SIGINT or SIGTERM. The config, read from `file`, and the guests are valid and loaded.
pub(crate) async fn run(
    file: PathBuf,
    config: Config,
    sandbox: Sandbox,
    mut guests: LoadedGuests,
) -> anyhow::Result<()> {
    // Before anybody can see that the host is there, and ask it to stop.
    let signals = Signals::catch().context("cannot catch signals")?;
    let listen = config.server.listen;
    // Bound before anything else: a second host on the same port must not touch the journal.
    let socket = tokio::net::TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}: is another program using it? see `listen` in [server]"))?;
    let contents = std::mem::take(&mut guests.contents);
    let tls = tls::load(&config)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let setup = Setup::new(config, guests, tls)?;
    let data_dir = &setup.config.server.data_dir;
    let journal = Journal::open(data_dir).await?;
    let store = SeriesStore::open(data_dir).await?;
    reload::keep(&setup, contents).await;
    setup.find_alertmanagers().await;
    let metrics = Arc::new(Metrics::new());
    metrics.config_loaded();
    let keeper = Arc::new(Keeper::open(journal, setup.config.rules.clone(), metrics.clone()).await?);
    keeper.submit(Input::Started { version: env!("CARGO_PKG_VERSION").to_owned() }).await?;
    let host = assemble(file, setup, sandbox, keeper, metrics, store);
    host.reloading.lock().await.watches.fit(&host).await?;

    tracing::info!(listen = %socket.local_addr()?, scheme, "tidegate is running; Ctrl-C stops it");
    let mut tasks = JoinSet::new();
    tasks.spawn(duties::run(host.clone()));
    tasks.spawn(looking::run(host.clone()));
    tasks.spawn(notices::run(host.clone()));
    tasks.spawn(telling::run(host.clone()));
    tasks.spawn(inbox::run(host.clone()));
    tasks.spawn(roster::run(host.clone()));
    tasks.spawn(slack::run(host.clone()));
    tasks.spawn(survey::run(host.clone()));
    tasks.spawn(overview::run(host.clone()));
    tasks.spawn(dropping_in::run(host.clone()));
    tasks.spawn(listener::serve(socket, host.clone(), api::router(host.clone())));

    signals.until_stop(&host).await;
    tracing::info!("stopping: running actions may end, the series table is written");
    host.stopping.send_replace(true);
    host.reloading.lock().await.watches.join().await;
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a part of the host broke");
        }
    }
    tracing::info!("stopped");
    Ok(())
}

fn assemble(
    file: PathBuf,
    setup: Setup,
    sandbox: Sandbox,
    keeper: Arc<Keeper>,
    metrics: Arc<Metrics>,
    store: SeriesStore,
) -> Arc<Host> {
    let mut reloading = Reloading { file, looks: Looks::default(), watches: Watches::new(store) };
    reloading.expect_guests(&setup, &metrics);
    // Where nothing is watched nothing is waited for: deliveries can be taken at once.
    let config = &setup.config;
    let unready = (!config.watches.is_empty())
        .then(|| format!("Prometheus at {} has not answered a query yet", config.prometheus.url));
    Arc::new(Host::new(setup, sandbox, keeper, metrics, reloading, unready))
}

/// Ctrl-C and SIGTERM end the host, SIGHUP has it read its config. Caught from the moment that this is made.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn catch() -> std::io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn until_stop(mut self, host: &Arc<Host>) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.hangup.recv() => {
                    let host = host.clone();
                    // Beside the loop: whoever loses patience with a reload may end the host. The log tells its outcome.
                    tokio::spawn(async move { reload::reload(&host).await });
                }
            }
        }
    }
}
