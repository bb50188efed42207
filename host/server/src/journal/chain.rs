//! The chain of hashes: what makes a changed, missing or moved row visible.
//!
//! It does not show that rows were cut off at the end; for that, compare [`Head`] with one noted elsewhere.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// The last row: its number and hash. The chain of an empty journal begins with number 0 and zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// Number of the row, and of rows.
    pub(crate) seq: u64,
    /// Its hash.
    pub(crate) hash: [u8; 32],
}

impl Head {
    /// The head after one more row.
    pub(super) fn after(&self, body: &str) -> Head {
        let seq = self.seq + 1;
        let mut sha = Sha256::new();
        sha.update(self.hash);
        sha.update(seq.to_be_bytes());
        sha.update(body);
        Head { seq, hash: sha.finalize().into() }
    }
}

/// Number and hash, the hash in hexadecimal.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.seq)?;
        self.hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
