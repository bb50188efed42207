//! Scenarios, properties and the journal's format. Nothing in here needs a clock or a runtime.

mod alerts;
mod autonomy;
mod calendar;
mod card;
mod causers;
mod decisions;
mod groups;
mod guards;
mod held;
mod history;
mod journal;
mod judge;
mod limits;
mod maintenance;
mod questions;
mod quorum;
mod random;
mod repairs;
mod restarts;
mod script;
mod step;
mod steps;
mod storms;
mod track;
mod votes;
mod world;
