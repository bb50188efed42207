//! A guest on its own: looked at, run over a series or an incident, tested, measured, and begun anew.
//!
//! No host, no Prometheus and no cluster: a `.wasm` file and data files are all that it takes. This crate computes and
//! renders; which file, which flags and which exit code is the command line's business.

pub mod bench;
pub mod inspect;
pub mod instant;
pub mod plot;
pub mod run;
pub mod scaffold;
pub mod subject;
pub mod test;
pub mod text;
