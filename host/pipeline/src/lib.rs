//! tidegate's pipeline: samples in, verdicts and changes out, synchronously.
//!
//! The one loop that live operation, backtest and replay share. It knows the sandbox and the domain; no clock, no
//! async runtime, no database. A caller drives one [`fold::WatchFold`] per watch: [`meet`](fold::WatchFold::meet) what
//! a query returned, [`backfill`](fold::WatchFold::backfill) what is new, then [`cycle`](fold::WatchFold::cycle).

mod bands;
mod entry;
mod events;
pub mod fold;
pub mod frame;
mod group;
mod learning;
mod meet;
pub mod rehearsal;
mod relearn;
pub mod report;
pub mod retool;
pub mod scorer;
pub mod sounding;
pub mod table;
mod told;
pub mod trace;
pub mod view;

#[cfg(test)]
mod tests;
