//! tidegate, the host: every edge to the outside world, one module each.

mod actions;
mod alertmanager;
mod check;
mod cli;
mod config;
mod http_client;
mod journal;
mod prometheus;
mod series_store;
mod slack;
mod webhook;

fn main() {}
