//! Alertmanager's API, version 2, so that what speaks it finds its own here: Prometheus and vmalert send alerts, `amtool`,
//! Grafana and karma ask for them and for silences.
//!
//! Answers are the upstream Alertmanagers' with what is only known here; silences are theirs alone. Refusals have
//! Alertmanager's shape and status codes, because its clients read them.

pub(super) mod alerts;
mod body;
mod fault;
pub(super) mod groups;
mod listing;
mod posted;
mod query;
pub(super) mod silences;
pub(super) mod status;
mod wanted;
