//! Guests that are dropped into the folder while the host runs: found by looking, tried with everything that the config
//! asks of them, and only then put in the place of what runs.

use std::sync::Arc;

use crate::config::Config;
use crate::guest_folder::{News, limit_of, swap_guest, try_unnamed};
use crate::host::Host;
use crate::reload::{Reloading, keep};

/// Runs until the host stops.
pub(crate) async fn run(host: Arc<Host>) {
    let mut setups = host.setups();
    loop {
        let interval = setups.borrow_and_update().config.server.guest_poll_interval;
        tokio::select! {
            () = host.stopped() => return,
            // Another interval, perhaps.
            _ = setups.changed() => continue,
            () = tokio::time::sleep(interval), if !interval.is_zero() => {}
        }
        let mut reloading = host.reloading.lock().await;
        if host.is_stopping() {
            return;
        }
        let config = host.setup().config.clone();
        let running = host.setup().guests.clone();
        let news = look(&mut reloading, config).await.into_iter();
        let (named, unnamed): (Vec<News>, Vec<News>) = news.partition(|n| running.guests.contains_key(n.guest()));
        for news in named {
            take(&host, &mut reloading, news).await;
        }
        // What nobody uses keeps nobody waiting.
        drop(reloading);
        for news in unnamed {
            tokio::select! {
                () = host.stopped() => return,
                () = show(&host, news) => {}
            }
        }
    }
}

async fn look(reloading: &mut Reloading, config: Arc<Config>) -> Vec<News> {
    let mut looks = std::mem::take(&mut reloading.looks);
    let looked = tokio::task::spawn_blocking(move || {
        let news = looks.look(|name| limit_of(&config, name));
        (looks, news)
    });
    match looked.await {
        Ok((looks, news)) => {
            reloading.looks = looks;
            news
        }
        Err(panic) => {
            tracing::error!(%panic, "looking at the guest folder broke; it is looked at again after a reload");
            Vec::new()
        }
    }
}

/// Of a guest that runs.
async fn take(host: &Arc<Host>, reloading: &mut Reloading, news: News) {
    match news {
        News::Content { name, digest, wasm } => {
            if host.setup().guests.guests.get(&name).is_some_and(|running| running.digest() == digest) {
                host.metrics.guests.loaded(&name);
                tracing::info!(guest = name, digest, "the guest's file is again what runs");
            } else {
                swap(host, reloading, name, digest, wasm).await;
            }
        }
        News::Gone { name } => {
            refuse(host, &name, "its file is gone; what was loaded from it goes on, and a restart would fail");
        }
        News::Unreadable { name, why } => refuse(host, &name, &why),
    }
}

fn refuse(host: &Host, guest: &str, why: &str) {
    host.metrics.guests.refused(guest, why);
    tracing::warn!(guest, "the guest stays as it was: {why}");
}

async fn swap(host: &Arc<Host>, reloading: &mut Reloading, name: String, digest: String, wasm: Vec<u8>) {
    let (setup, sandbox, guest) = (host.setup(), host.sandbox.clone(), name.clone());
    let built = tokio::task::spawn_blocking(move || {
        let loaded = swap_guest(&setup.config, &sandbox, &setup.guests, &guest, &wasm)?;
        Ok((setup, loaded))
    });
    let built = tokio::select! {
        // Compiling may take a minute, and nothing would come of it.
        () = host.stopped() => return,
        built = built => built,
    };
    match built {
        Ok(Ok((setup, mut loaded))) => {
            keep(&setup, std::mem::take(&mut loaded.contents)).await;
            let version = loaded.guests.get(&name).map(|guest| guest.manifest().version.clone());
            host.metrics.guests.loaded(&name);
            tracing::info!(guest = name, digest, version, "the guest was swapped in");
            reloading.adopt(host, setup.with_guests(loaded)).await;
        }
        Ok(Err(errors)) => {
            let errors: crate::config::ConfigErrors = errors;
            let all: Vec<String> = errors.errors.iter().map(ToString::to_string).collect();
            refuse(host, &name, &format!("the new file (sha256 {digest}) was refused\n{}", all.join("\n")));
        }
        Err(panic) => refuse(host, &name, &format!("the host broke while it loaded the new file: {panic}")),
    }
}

/// Nothing names it, so nothing is done with it; whoever dropped it in wants to know whether it would work.
async fn show(host: &Host, news: News) {
    let (name, digest, wasm) = match news {
        News::Content { name, digest, wasm } => (name, digest, wasm),
        News::Gone { name } => return tracing::info!(guest = name, "a guest that nothing uses is gone"),
        News::Unreadable { name, why } => {
            return tracing::warn!(guest = name, why, "a file in the guest folder is no guest");
        }
    };
    let (setup, sandbox, guest) = (host.setup(), host.sandbox.clone(), name.clone());
    let tried = tokio::task::spawn_blocking(move || try_unnamed(&setup.config, &sandbox, &guest, &wasm)).await;
    match tried.unwrap_or_else(|panic| Err(format!("the host broke while it loaded it: {panic}"))) {
        Ok(guest) => {
            let (kind, manifest) = (guest.kind().to_string(), guest.manifest());
            let what = format!("{} {}", manifest.name, manifest.version);
            tracing::info!(guest = name, kind, what, digest, "a guest is there that nothing in the config names yet");
        }
        Err(why) => {
            tracing::warn!(guest = name, digest, why, "a guest that nothing in the config names could not be loaded");
        }
    }
}
