//! Scenarios, properties and the journal's format. Nothing in here needs a clock or a runtime.

mod alerts;
mod calendar;
mod decisions;
mod guards;
mod history;
mod journal;
mod judge;
mod questions;
mod random;
mod repairs;
mod restarts;
mod script;
mod step;
mod storms;
mod track;
mod world;
