//! The shop's command line: `serve` runs it, `history` writes down days gone by.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use shop::history::{self, Span};
use shop::model::{Calendar, Shop};
use shop::service;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// A small web shop whose day lasts ten minutes, for trying out what watches it.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the shop: /metrics, /healthz, /calls, POST /fault, POST /admin/restart, POST /admin/discard-poisoned-job.
    Serve {
        /// Address to listen on.
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Unix second at which a night begins; the others follow every ten minutes.
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
        night_at: i64,
        /// Unix second at which the shop opened and its counters began [default: now].
        #[arg(long, value_parser = clap::value_parser!(i64).range(0..))]
        opened_at: Option<i64>,
    },
    /// Write OpenMetrics text for `promtool tsdb create-blocks-from openmetrics`.
    History {
        /// First Unix second; the shop opened then.
        #[arg(long, value_parser = clap::value_parser!(i64).range(0..))]
        from: i64,
        /// Last Unix second.
        #[arg(long, value_parser = clap::value_parser!(i64).range(0..))]
        to: i64,
        /// Seconds from one sample to the next.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        step: u32,
        /// Unix second at which a night begins.
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
        night_at: i64,
        /// The job label of the live scrapes.
        #[arg(long, default_value = "shop")]
        job: String,
        /// The instance label of the live scrapes.
        #[arg(long, default_value = "shop-1")]
        instance: String,
        /// File to write.
        #[arg(long, default_value = "history.om")]
        output: PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Serve { listen, night_at, opened_at } => {
            let now = service::unix_now();
            let mut shop = Shop::opened_at(opened_at.unwrap_or(now), Calendar { night_at });
            shop.advance_to(now);
            serve(listen, shop)
        }
        Command::History { from, to, step, night_at, job, instance, output } => {
            let span = Span { from, to, step, job, instance };
            let page = history::openmetrics(&span, Calendar { night_at });
            std::fs::write(&output, page).with_context(|| format!("cannot write {}", output.display()))
        }
    }
}

#[tokio::main]
async fn serve(listen: SocketAddr, shop: Shop) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let mut terminated = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let stop = async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    println!("the shop is open on http://{}", listener.local_addr()?);
    axum::serve(listener, service::router(shop)).with_graceful_shutdown(stop).await?;
    Ok(())
}
