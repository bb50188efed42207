//! tidegate's pipeline: samples in, verdicts and transitions out, synchronously.
//!
//! The one loop that live operation, backtest and replay share. It knows the sandbox and the domain; no clock, no
//! async runtime, no database.

pub mod frame;
