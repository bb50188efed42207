//! `tidegate guest test` without its command line: the guests of this repository pass their cases and keep the contract as
//! built components, and guests that misbehave on purpose get the verdict they earn.

mod bits;
mod broken_cases;
mod first_party;
mod found;
mod hostile;
mod policies;
mod schemas;
