//! tidegate's domain: plain data and decisions.
//!
//! Nothing in here reads a clock, a file or a socket, and nothing knows WebAssembly. The same code runs live, in a
//! backtest, in a replay and in a simulation with injected faults. Two halves:
//!
//! - the **series** half ([`series`]): what the scores of one series mean, sample by sample;
//! - the **book** half ([`mod@decide`], [`book`], [`owed`]): incidents, requests, decisions and executions, as the fold
//!   of [`event`]s.

pub mod arguments;
pub mod book;
pub mod calendar;
pub mod decide;
pub mod defaults;
pub mod event;
pub mod input;
pub mod labels;
pub mod number;
pub mod owed;
pub mod people;
pub mod rules;
pub mod series;
pub mod terms;
pub mod text;
pub mod time;
