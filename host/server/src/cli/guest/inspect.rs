//! `tidegate guest inspect`: look at a file.

use super::super::exit::Failure;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {}

pub(super) fn run(_args: &Args) -> Result<(), Failure> {
    Err(Failure::Failed("not there yet".to_owned()))
}
