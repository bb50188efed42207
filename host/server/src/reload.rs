//! Another config, or other guests, while the host runs. Startup's path: everything is read, validated, loaded and
//! opened before anything of it counts. What does not work leaves everything as it was.
//!
//! One at a time: whoever holds [`Reloading`] is the only one who changes the setup.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidegate_sandbox::Sandbox;

use crate::config::{self, Config, ConfigErrors, Findings, Server};
use crate::guest_folder::{self, Looks, build_guests};
use crate::host::Host;
use crate::http_client::HttpOptionsError;
use crate::metrics::Metrics;
use crate::setup::Setup;
use crate::tls;
use crate::watches::Watches;

/// What a change goes on from.
pub(crate) struct Reloading {
    /// The main config file.
    pub(crate) file: PathBuf,
    /// The guest folder, as it was last seen.
    pub(crate) looks: Looks,
    /// What runs.
    pub(crate) watches: Watches,
}

/// Why a config was not taken. The one before it goes on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReloadError {
    /// The config, or a guest that it names.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// Certificates and the like.
    #[error("the config was not accepted: {0}")]
    Http(#[from] HttpOptionsError),
    /// This host itself.
    #[error("the config could not be read: {0}; see the log, and report it")]
    Broken(String),
    /// Too late.
    #[error("the host is stopping; start it again and it reads the config")]
    Stopping,
}

/// Takes the config anew. To its end, even where whoever asked for it stops waiting.
pub(crate) async fn reload(host: &Arc<Host>) -> Result<(), ReloadError> {
    let host = host.clone();
    let outcome = tokio::spawn(async move {
        let outcome = take_config(&host).await;
        match &outcome {
            Ok(()) => tracing::info!("the config was taken"),
            Err(error) => {
                host.metrics.config_refused();
                tracing::error!("the config was not taken, the one before it goes on\n{error}");
            }
        }
        outcome
    });
    outcome.await.unwrap_or_else(|panic| Err(ReloadError::Broken(panic.to_string())))
}

async fn take_config(host: &Arc<Host>) -> Result<(), ReloadError> {
    let mut reloading = host.reloading.lock().await;
    if host.is_stopping() {
        return Err(ReloadError::Stopping);
    }
    let (file, running, sandbox) = (reloading.file.clone(), host.setup(), host.sandbox.clone());
    let building = tokio::task::spawn_blocking(move || build(&file, &running.config, &sandbox));
    let built = tokio::select! {
        // Guests may take minutes to compile, and nothing would come of it.
        () = host.stopped() => return Err(ReloadError::Stopping),
        built = building => built,
    };
    let (setup, contents) = built.map_err(|panic| ReloadError::Broken(panic.to_string()))??;
    for warning in setup.config.warnings.iter().chain(&setup.guests.warnings) {
        tracing::warn!("{warning}");
    }
    keep(&setup, contents).await;
    setup.find_alertmanagers().await;
    reloading.expect_guests(&setup, &host.metrics);
    reloading.adopt(host, setup).await;
    host.metrics.config_loaded();
    Ok(())
}

/// Blocks, for as long as guests take to compile.
fn build(file: &Path, running: &Config, sandbox: &Sandbox) -> Result<(Setup, BTreeMap<String, Vec<u8>>), ReloadError> {
    let config = config::load(file)?;
    refuse_what_is_fixed(&running.server, &config)?;
    let mut guests = build_guests(&config, sandbox)?;
    let contents = std::mem::take(&mut guests.contents);
    let tls = tls::load(&config)?;
    Ok((Setup::new(config, guests, tls)?, contents))
}

/// What the running host stands on.
fn refuse_what_is_fixed(running: &Server, config: &Config) -> Result<(), ConfigErrors> {
    let findings = Findings::default();
    let asked = &config.server;
    let same = |key: &str, before: String, after: String| {
        if before != after {
            let what =
                format!("the host was started with {before}, and this says {after}; it cannot change while it runs");
            findings.error(&config.locator.spot(&["server", key]), what, "put the old value back, or restart the host");
        }
    };
    same("listen", running.listen.to_string(), asked.listen.to_string());
    same("data_dir", running.data_dir.display().to_string(), asked.data_dir.display().to_string());
    same("workers", running.workers.to_string(), asked.workers.to_string());
    findings.into_result().map(drop)
}

impl Reloading {
    /// Puts a setup in the place of the one before, between two pieces of work of everybody.
    pub(crate) async fn adopt(&mut self, host: &Arc<Host>, setup: Setup) {
        let rules = setup.config.rules.clone();
        host.keeper.adopt(rules, || host.replace(setup)).await;
        host.metrics.guests.run(host.setup().guests.guests.values());
        if let Err(error) = self.watches.fit(host).await {
            tracing::error!(%error, "new watches have to learn their series from history");
        }
    }

    /// All guests were read from the folder just now: that is what it is compared with from now on.
    pub(crate) fn expect_guests(&mut self, setup: &Setup, metrics: &Metrics) {
        let guests = &setup.guests.guests;
        let loaded = guests.iter().map(|(name, guest)| (name.clone(), guest.digest().to_owned()));
        self.looks.expect(&setup.config.server.guest_dir, loaded);
        metrics.guests.named(guests.keys());
        metrics.guests.run(guests.values());
    }
}

/// Keeps the bytes of guests. Without them the host works, and a replay may not.
pub(crate) async fn keep(setup: &Setup, contents: BTreeMap<String, Vec<u8>>) {
    let data_dir = setup.config.server.data_dir.clone();
    let kept = tokio::task::spawn_blocking(move || guest_folder::keep(&data_dir, &contents)).await;
    match kept.map_err(|panic| panic.to_string()).map(|kept| kept.map_err(|error| error.to_string())) {
        Ok(Ok(())) => {}
        Ok(Err(error)) | Err(error) => {
            tracing::warn!(error, "a guest could not be kept in the data folder; a replay may miss this version of it");
        }
    }
}
