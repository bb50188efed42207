//! The chain of hashes: what makes a changed, missing or moved row visible.
//!
//! Whoever can write the file can compute a whole new chain. Against that stand the MACs ([`super::seal`]), the head
//! kept beside the database ([`super::witness`]), and any [`Head`] that somebody noted elsewhere.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::hex::{hex, unhex};

/// The last row: its number and hash. The chain of an empty journal begins with number 0 and zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// Number of the row, and of rows.
    pub(crate) seq: u64,
    /// Its hash.
    pub(crate) hash: [u8; 32],
}

/// Why a text is no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a head is written as NUMBER:HASH, the hash in 64 hexadecimal digits, as `tidegate journal verify` prints it")]
pub(crate) struct NotAHead;

impl Head {
    /// The head after one more row.
    pub(super) fn after(&self, body: &str) -> Head {
        let seq = self.seq + 1;
        Head { seq, hash: hash_of(&self.hash, seq, body) }
    }
}

/// The hash of a row by what stands in it.
pub(super) fn hash_of(before: &[u8; 32], seq: u64, body: &str) -> [u8; 32] {
    let mut sha = Sha256::new();
    sha.update(before);
    sha.update(seq.to_be_bytes());
    sha.update(body);
    sha.finalize().into()
}

/// `NUMBER:HASH`, the hash in hexadecimal.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, hex(&self.hash))
    }
}

impl FromStr for Head {
    type Err = NotAHead;

    fn from_str(text: &str) -> Result<Head, NotAHead> {
        let (seq, hash) = text.trim().split_once(':').ok_or(NotAHead)?;
        Ok(Head { seq: seq.parse().map_err(|_| NotAHead)?, hash: unhex(hash).ok_or(NotAHead)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_is_written() {
        let head = Head { seq: 7, hash: std::array::from_fn(|at| at as u8 * 8) };
        assert_eq!(head.to_string().parse(), Ok(head));
        assert_eq!(format!(" {head}\n").to_uppercase().parse(), Ok(head));
        for text in ["", "7", "7:", "x:00", "-1:00", &format!("7:{}", "0".repeat(63)), &format!("7:{}", "é".repeat(32))]
        {
            assert_eq!(text.parse::<Head>(), Err(NotAHead), "{text}");
        }
    }
}
