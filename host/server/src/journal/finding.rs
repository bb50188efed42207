//! What is wrong with a journal, row by row, in words that a person can act on.

use std::fmt;

/// Rows in a row that have the same fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The first row, by the number that it has or should have.
    pub(crate) first: i64,
    /// The last row; the same for a single one.
    pub(crate) last: i64,
    /// What is wrong with them.
    pub(crate) fault: Fault,
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Something in the row is not as it was written.
    Edited {
        /// What.
        what: &'static str,
    },
    /// Nothing stands there, and something once did.
    Missing,
    /// It was written at another place.
    Moved {
        /// Where the first of them was written.
        from: u64,
        /// True where the row still stands there as well.
        copied: bool,
    },
    /// It goes on from another row than the one before it; both were written with the key.
    Elsewhere,
    /// Nobody who has the key wrote it.
    NotOurs,
    /// The rows behind this one are gone.
    CutOff {
        /// The last row that is known to have been there.
        known: u64,
        /// Who knows.
        by: Source,
    },
    /// It is another row than the one that was known.
    Another {
        /// Who knows.
        by: Source,
    },
    /// The file with the head is not there.
    NoHead,
    /// The file with the head was not written with the key.
    ForgedHead,
    /// A note about the file was not written with the key.
    ForgedNote,
}

/// Who knows of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// `journal.head`.
    Witness,
    /// Whoever gave a head that was noted earlier.
    Noted,
}

impl Finding {
    /// True where nothing but the end of the journal is in doubt.
    pub(crate) fn is_of_the_end(&self) -> bool {
        matches!(self.fault, Fault::CutOff { .. } | Fault::NoHead | Fault::ForgedHead)
    }
}

impl Fault {
    /// One snake-case word, for programs.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Fault::Edited { .. } => "edited",
            Fault::Missing => "missing",
            Fault::Moved { .. } => "moved",
            Fault::Elsewhere => "elsewhere",
            Fault::NotOurs => "not_written_by_this_host",
            Fault::CutOff { .. } => "cut_off",
            Fault::Another { .. } => "another",
            Fault::NoHead => "no_head",
            Fault::ForgedHead => "forged_head",
            Fault::ForgedNote => "forged_note",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Witness => "journal.head",
            Source::Noted => "the head given with --head",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { first, last, fault } = self;
        let one = first == last;
        let rows = if one { format!("row {first}") } else { format!("rows {first} to {last}") };
        let (was, is) = if one { ("was", "is") } else { ("were", "are") };
        match fault {
            Fault::Edited { what } => write!(f, "{rows} {was} edited: {what}"),
            Fault::Missing => write!(f, "{rows} {is} missing"),
            Fault::Moved { from, copied } => {
                let origin = match last - first {
                    0 => format!("row {from}"),
                    more => format!("rows {from} to {}", from.saturating_add(more.unsigned_abs())),
                };
                match (copied, one) {
                    (true, true) => write!(f, "{rows} is a copy of {origin}"),
                    (true, false) => write!(f, "{rows} are copies of {origin}"),
                    (false, _) => write!(f, "{rows} {was} moved: written as {origin}"),
                }
            }
            Fault::Elsewhere => {
                write!(
                    f,
                    "{rows} {was} written by this host behind another row than the one before: it is of another copy of the journal"
                )
            }
            Fault::NotOurs => write!(f, "{rows} {was} not written by this host: no MAC of this journal's key"),
            Fault::CutOff { known, by } => match first {
                0 => write!(f, "the journal is cut off: it is empty, and {by} knows row {known}"),
                _ => write!(f, "the journal is cut off after row {first}: {by} knows row {known}"),
            },
            Fault::Another { by } => {
                write!(f, "{rows} is another than the one that {by} knows: the journal was rewritten")
            }
            Fault::NoHead => write!(f, "journal.head is missing: rows cut off after row {first} would not show"),
            Fault::ForgedHead => {
                write!(
                    f,
                    "journal.head was not written with this journal's key: rows cut off after row {first} would not show"
                )
            }
            Fault::ForgedNote => {
                write!(f, "a note at row {first} about what was done to the journal was not written by this host")
            }
        }
    }
}
