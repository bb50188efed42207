//! A small web shop to watch: its checkout service has a day of ten minutes, a batch job every night, and a fault on
//! request that looks just like the batch job.
//!
//! [`model`] says what the shop does at any second, from nothing but the second itself; [`metrics`] writes that down as
//! Prometheus reads it; [`history`] does so for days gone by; [`service`] is the shop that runs now. The model is shared,
//! so that made history and live scrapes are one series.

pub mod history;
pub mod metrics;
pub mod model;
mod noise;
pub mod service;
