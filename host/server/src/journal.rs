//! The append-only journal of events, in SQLite under the data folder.
//!
//! Appending returns once the events are on the disk. Knows nothing of what the events mean; the book is folded by
//! whoever loads them.

mod chain;
mod folder;

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use tidegate_domain::event::{Event, IncidentId};
use tokio::sync::Mutex;

pub(crate) use chain::Head;

const FILE: &str = "journal.db";

/// Rows read at once. An event with evidence takes some 10 KB.
const PAGE: u32 = 500;

/// The journal, and with it the data folder: as long as this lives, no other process writes to them.
#[derive(Debug)]
pub(crate) struct Journal {
    writer: Mutex<SqliteConnection>,
    reader: Reader,
    _lock: File,
}

/// The journal for reading, by a connection of its own: a long journal holds up no decision, and whoever only looks
/// needs no lock.
#[derive(Debug)]
pub(crate) struct Reader {
    path: PathBuf,
    connection: Mutex<SqliteConnection>,
}

/// An event to append.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    /// What happened.
    pub(crate) event: &'a Event,
    /// In whose timeline it belongs.
    pub(crate) incident: Option<&'a IncidentId>,
}

/// An event as stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    /// Its number, from 1 without gaps.
    pub(crate) seq: u64,
    /// In whose timeline it belongs.
    pub(crate) incident: Option<IncidentId>,
    /// What happened.
    pub(crate) event: Event,
}

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
    #[error("row {seq} of the journal {path:?} is not what was written: {reason}; restore the file from a backup")]
    Tampered {
        /// Number of the first bad row.
        seq: u64,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An event cannot be written as JSON.
    #[error("cannot write an event as JSON: {0}")]
    Unwritable(serde_json::Error),
}

impl Journal {
    /// Takes the data folder and opens the journal in it, making both where they are not there.
    pub(crate) async fn open(data_dir: &Path) -> Result<Journal, JournalError> {
        let lock = folder::hold(data_dir)?;
        let path = data_dir.join(FILE);
        folder::private_file(&path)?;
        // FULL: a commit is on the disk when it returns. With NORMAL a power cut could take back an approval's start.
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .disable_statement_logging();
        let failed = |cause| JournalError::Database { doing: "opening", path: path.clone(), cause };
        let mut writer = options.connect().await.map_err(failed)?;
        let migrated = sqlx::migrate!("./migrations/journal").run(&mut writer).await;
        migrated.map_err(|cause| failed(cause.into()))?;
        Ok(Journal { writer: Mutex::new(writer), reader: Reader::open(data_dir).await?, _lock: lock })
    }

    /// Reads the same journal.
    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Appends the events in one transaction, all or none. When this returns their numbers, they are on the disk.
    pub(crate) async fn append(&self, entries: &[Entry<'_>]) -> Result<Vec<u64>, JournalError> {
        let mut bodies = Vec::with_capacity(entries.len());
        for entry in entries {
            bodies.push(serde_json::to_string(entry.event).map_err(JournalError::Unwritable)?);
        }
        let mut writer = self.writer.lock().await;
        let appended = append(&mut writer, entries, &bodies).await;
        appended.map_err(|cause| self.reader.failed("writing", cause))
    }
}

impl Reader {
    /// Opens an existing journal, whether a host is running on it or not.
    pub(crate) async fn open(data_dir: &Path) -> Result<Reader, JournalError> {
        let path = data_dir.join(FILE);
        // SQLite's own message for a missing file does not name it.
        if let Err(cause) = std::fs::metadata(&path) {
            return Err(JournalError::Folder { path, cause });
        }
        let options = SqliteConnectOptions::new().filename(&path).read_only(true).disable_statement_logging();
        match options.connect().await {
            Ok(connection) => Ok(Reader { path, connection: Mutex::new(connection) }),
            Err(cause) => Err(JournalError::Database { doing: "opening", path, cause }),
        }
    }

    /// Hands over every event, oldest first, each held against the chain of hashes before. Stops at the first row that
    /// is not what was written: a book folded from such a journal would be somebody else's.
    pub(crate) async fn load_all(&self, mut each: impl FnMut(Stored)) -> Result<Head, JournalError> {
        let mut head = Head::default();
        loop {
            let rows = self.page(head.seq).await?;
            if rows.is_empty() {
                return Ok(head);
            }
            for row in &rows {
                let (stored, next) = self.checked(row, &head)?;
                head = next;
                each(stored);
            }
        }
    }

    /// Walks the whole chain; returns its head, or names the first bad row.
    pub(crate) async fn verify(&self) -> Result<Head, JournalError> {
        self.load_all(drop).await
    }

    /// Every event of one incident, oldest first.
    pub(crate) async fn timeline(&self, incident: &IncidentId) -> Result<Vec<Stored>, JournalError> {
        let mut connection = self.connection.lock().await;
        let query = sqlx::query("SELECT seq, incident, body FROM event WHERE incident = ? ORDER BY seq");
        let rows = query.bind(&incident.0).fetch_all(&mut *connection).await;
        rows.map_err(|cause| self.failed("reading", cause))?.iter().map(|row| self.stored(row)).collect()
    }

    async fn page(&self, after: u64) -> Result<Vec<SqliteRow>, JournalError> {
        let mut connection = self.connection.lock().await;
        let query = sqlx::query(
            "SELECT seq, at, kind, incident, body, prev_hash, hash FROM event WHERE seq > ? ORDER BY seq LIMIT ?",
        );
        let rows = query.bind(i64::try_from(after).unwrap_or(i64::MAX)).bind(PAGE).fetch_all(&mut *connection).await;
        rows.map_err(|cause| self.failed("reading", cause))
    }

    fn stored(&self, row: &SqliteRow) -> Result<Stored, JournalError> {
        let reading = |cause| self.failed("reading", cause);
        let seq = row.try_get::<i64, _>("seq").map_err(reading)?.unsigned_abs();
        let incident = row.try_get::<Option<String>, _>("incident").map_err(reading)?.map(IncidentId);
        let body: &str = row.try_get("body").map_err(reading)?;
        let event = serde_json::from_str(body).map_err(|cause| self.tampered(seq, format!("not an event: {cause}")))?;
        Ok(Stored { seq, incident, event })
    }

    fn checked(&self, row: &SqliteRow, before: &Head) -> Result<(Stored, Head), JournalError> {
        let reading = |cause| self.failed("reading", cause);
        let seq = row.try_get::<i64, _>("seq").map_err(reading)?.unsigned_abs();
        let body: &str = row.try_get("body").map_err(reading)?;
        let next = before.after(body);
        if seq != next.seq {
            return Err(self.tampered(next.seq, format!("it is missing; row {seq} comes next")));
        }
        if row.try_get::<&[u8], _>("prev_hash").map_err(reading)? != before.hash {
            return Err(self.tampered(seq, "it was written after another row".to_owned()));
        }
        if row.try_get::<&[u8], _>("hash").map_err(reading)? != next.hash {
            return Err(self.tampered(seq, "its hash is another".to_owned()));
        }
        let stored = self.stored(row)?;
        let kind: &str = row.try_get("kind").map_err(reading)?;
        let at: i64 = row.try_get("at").map_err(reading)?;
        if kind != kind_of(body) || at != stored.event.at.0 {
            return Err(self.tampered(seq, "its columns and its body disagree".to_owned()));
        }
        Ok((stored, next))
    }

    fn failed(&self, doing: &'static str, cause: sqlx::Error) -> JournalError {
        JournalError::Database { doing, path: self.path.clone(), cause }
    }

    fn tampered(&self, seq: u64, reason: String) -> JournalError {
        JournalError::Tampered { seq, path: self.path.clone(), reason }
    }
}

async fn append(
    writer: &mut SqliteConnection,
    entries: &[Entry<'_>],
    bodies: &[String],
) -> Result<Vec<u64>, sqlx::Error> {
    let mut transaction = writer.begin().await?;
    // Read anew each time: a caller that stopped waiting in the middle of a commit cannot leave a wrong head behind.
    let last = sqlx::query("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1").fetch_optional(&mut *transaction);
    let mut head = match last.await? {
        None => Head::default(),
        Some(row) => {
            let hash = row.try_get::<&[u8], _>("hash")?;
            let hash = hash.try_into().map_err(|_| sqlx::Error::Decode("the last hash is not 32 bytes long".into()))?;
            Head { seq: row.try_get::<i64, _>("seq")?.unsigned_abs(), hash }
        }
    };
    let mut numbers = Vec::with_capacity(entries.len());
    for (entry, body) in entries.iter().zip(bodies) {
        let next = head.after(body);
        sqlx::query("INSERT INTO event (seq, at, kind, incident, body, prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?)")
            .bind(i64::try_from(next.seq).unwrap_or(i64::MAX))
            .bind(entry.event.at.0)
            .bind(kind_of(body))
            .bind(entry.incident.map(|incident| incident.0.as_str()))
            .bind(body)
            .bind(head.hash.as_slice())
            .bind(next.hash.as_slice())
            .execute(&mut *transaction)
            .await?;
        numbers.push(next.seq);
        head = next;
    }
    transaction.commit().await?;
    Ok(numbers)
}

/// The event's own tag, which the domain writes into its JSON.
fn kind_of(body: &str) -> String {
    #[derive(Deserialize)]
    struct Tag {
        kind: String,
    }
    serde_json::from_str::<Tag>(body).map_or_else(|_| String::new(), |tag| tag.kind)
}

#[cfg(test)]
mod tests;
