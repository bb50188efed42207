//! The pipeline with a book, a clock that moves when told to, and a Prometheus that is a table of numbers.

mod cold_start;
mod crash;
mod data;
mod events;
mod groups;
mod history;
mod host;
mod identity;
mod learning;
mod random;
mod rehearsal;
mod retool;
mod scripted;
mod sounding;
mod streaks;
mod table;
mod traces;
