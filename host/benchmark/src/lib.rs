//! How well detectors detect: labelled series in, figures out.
//!
//! Each detector is the only one of a watch as a config has it that leaves everything out which can be left out. It runs in
//! the sandbox, and its series go through the host's own fold, sample by sample. `cargo xtask bench detection` runs this;
//! the host itself does not know of it.

pub mod causality;
pub mod cost;
pub mod data;
pub mod events;
pub mod labels;
pub mod nab;
pub mod play;
pub mod report;
pub mod results;
pub mod run;
pub mod trial;
