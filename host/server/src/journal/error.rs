//! Why the journal cannot be used, and what to do about it.

use std::path::PathBuf;

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    /// The folder or a file in it cannot be made or opened.
    #[error("cannot use {path:?} for data: {cause}; give data_dir a folder that this process may write")]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Another process has it.
    #[error(
        "the data folder {path:?} is held by another tidegate (process {holder}); stop it, or use another data_dir"
    )]
    Held {
        /// The folder.
        path: PathBuf,
        /// Process id of the other.
        holder: String,
    },
    /// SQLite refused.
    #[error("{doing} the journal {path:?} failed: {cause}")]
    Database {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        cause: sqlx::Error,
    },
    /// A row is not what was written.
    #[error(
        "row {seq} of the journal {path:?} is not what was written: {reason}; `tidegate journal verify` names every bad \
         row; restore journal.db, journal.head and journal.key together from a backup"
    )]
    Tampered {
        /// Number of the first bad row.
        seq: u64,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The key is not there, or is none.
    #[error(
        "the journal's key {path:?} cannot be used: {reason}; put the file back from where you keep a copy of it: without \
         it nobody can tell the rows that this host wrote from others"
    )]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The head beside the database is not there, or says something else.
    #[error(
        "{path:?} does not vouch for the end of the journal: {reason}; restore journal.db, journal.head and journal.key \
         together from a backup, or, if you know why it is so, `tidegate journal accept` takes the journal as it is"
    )]
    Witness {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// What is wrong is more than a missing end.
    #[error("the journal cannot be accepted as it is: {0}")]
    NotAcceptable(String),
    /// An event cannot be written as JSON.
    #[error("cannot write an event as JSON: {0}")]
    Unwritable(serde_json::Error),
}
