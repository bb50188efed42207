//! Cases as data files, and the promises of the contract, held against a built guest.
