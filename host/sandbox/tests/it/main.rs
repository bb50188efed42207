//! The sandbox against real components: the shipped guests, and components written out by hand where no toolchain would
//! emit what is tested.

mod calling;
mod detectors;
mod documentation;
mod forge;
mod found;
mod hostile;
mod isolation;
mod loading;
mod logging;
mod policies;
mod settings;
mod traps;
mod wasi;
