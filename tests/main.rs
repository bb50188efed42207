//! End-to-end tests: the built host against a real Prometheus and a real Alertmanager, and against stand-ins where the
//! real ones cannot be made to misbehave. Run `cargo xtask guests` first; `cargo xtask test` does.
//!
//! Nothing sleeps until something is true: every step waits for what it needs, and says what when it does not come.

mod access;
mod actions;
mod api_v2;
mod audit;
mod bad_prometheus;
mod charts;
mod check;
mod cold_start;
mod compiling;
mod config_errors;
mod crash_walk;
mod crashes;
mod decisions;
mod drop_in;
mod durable;
mod fleet;
mod guards;
mod guest_cli;
mod guest_test_cli;
mod handling;
mod hostile_guests;
mod isolation;
mod known_events;
mod main_job;
mod metrics;
mod notes;
mod on_its_way;
mod openapi;
mod out_of_the_box;
mod page;
mod questions;
mod races;
mod receiver;
mod reload;
mod restarts;
mod second_opinion;
mod sender;
mod silences;
mod slack;
mod support;
mod tls;
mod vmalert;
mod webhook;
