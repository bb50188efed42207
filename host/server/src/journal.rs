//! The journal: the book's events in SQLite, durable before anything follows from them, chained by hashes.
//!
//! It stores events and gives them back; what they mean is the domain's.

use std::fs::File;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{Connection as _, Row, SqliteConnection};
use tidegate_domain::event::{Event, IncidentId};

mod files;

/// The hash that stands before the first event.
const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const FILE: &str = "journal.db";

/// Why the journal could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    /// The folder cannot be used.
    #[error("the data folder {}: {cause}; see `data_dir` in [server]", .path.display())]
    Folder {
        /// The folder or a file in it.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Another process has it.
    #[error("another tidegate holds the data folder {}: stop it, or give this one a `data_dir` of its own", .0.display())]
    Held(PathBuf),
    /// There is none.
    #[error("there is no journal in {}: has tidegate run with this config?", .0.display())]
    Missing(PathBuf),
    /// SQLite said no.
    #[error("the journal {}: {cause}", .file.display())]
    Database {
        /// The file.
        file: PathBuf,
        /// What it said.
        cause: sqlx::Error,
    },
    /// The tables are of a version that this program does not know.
    #[error("the journal {}: {cause}; was it written by a newer tidegate?", .file.display())]
    Migration {
        /// The file.
        file: PathBuf,
        /// What sqlx said.
        cause: sqlx::migrate::MigrateError,
    },
    /// A row is not an event.
    #[error("the journal {}: event {seq} cannot be read: {cause}; was it written by a newer tidegate?", .file.display())]
    Event {
        /// The file.
        file: PathBuf,
        /// Which row.
        seq: i64,
        /// What is wrong.
        cause: serde_json::Error,
    },
}

/// What `verify` found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Chain {
    /// Every event is in its place and unchanged.
    Whole {
        /// How many there are.
        events: i64,
        /// The hash of the last one: keep it elsewhere, and nobody can append or cut unnoticed either.
        head: String,
    },
    /// The first row that does not fit.
    Broken {
        /// Its number, or the number that is missing.
        seq: i64,
        /// What is wrong with it.
        why: String,
    },
}

/// The open journal. One process has it, by a lock that the system gives back when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Journal {
    connection: SqliteConnection,
    file: PathBuf,
    /// Of the last event.
    seq: i64,
    hash: String,
    /// None where the journal is only read.
    _lock: Option<File>,
}

impl Journal {
    /// Opens the journal in `data_dir` for writing, making both where there is none.
    pub(crate) async fn open(data_dir: &Path) -> Result<Journal, JournalError> {
        files::make_private_folder(data_dir)?;
        let lock = files::lock(data_dir)?;
        let file = data_dir.join(FILE);
        files::make_private_file(&file)?;
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .journal_mode(SqliteJournalMode::Wal)
            // What is decided must survive a power cut, not only a crash of this process.
            .synchronous(SqliteSynchronous::Full);
        let mut connection = connect(&options, &file).await?;
        sqlx::migrate!("./migrations")
            .run(&mut connection)
            .await
            .map_err(|cause| JournalError::Migration { file: file.clone(), cause })?;
        Journal::at_end(connection, file, Some(lock)).await
    }

    /// Opens an existing journal for reading, whether a host is running on it or not.
    pub(crate) async fn read_only(data_dir: &Path) -> Result<Journal, JournalError> {
        let file = data_dir.join(FILE);
        if !file.exists() {
            return Err(JournalError::Missing(data_dir.to_owned()));
        }
        let options = SqliteConnectOptions::new().filename(&file).read_only(true);
        let connection = connect(&options, &file).await?;
        Journal::at_end(connection, file, None).await
    }

    async fn at_end(
        mut connection: SqliteConnection,
        file: PathBuf,
        lock: Option<File>,
    ) -> Result<Journal, JournalError> {
        let last = sqlx::query("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1").fetch_optional(&mut connection);
        let last = last.await.map_err(|cause| JournalError::Database { file: file.clone(), cause })?;
        let (seq, hash) = last.map_or((0, GENESIS.to_owned()), |row| (row.get(0), row.get(1)));
        Ok(Journal { connection, file, seq, hash, _lock: lock })
    }

    fn failed(&self, cause: sqlx::Error) -> JournalError {
        JournalError::Database { file: self.file.clone(), cause }
    }

    /// Writes events, all or none; they are durable when this returns. `incidents` says of each which incident it is
    /// about.
    pub(crate) async fn append(
        &mut self,
        events: &[Event],
        incidents: &[Option<IncidentId>],
    ) -> Result<(), JournalError> {
        let (mut seq, mut hash) = (self.seq, self.hash.clone());
        let mut rows = Vec::with_capacity(events.len());
        for (event, incident) in events.iter().zip(incidents) {
            seq += 1;
            let body = serde_json::to_value(event).map_err(|cause| self.unreadable(seq, cause))?;
            let kind = body["kind"].as_str().unwrap_or_default().to_owned();
            let body = body.to_string();
            hash = chained(&hash, seq, &body);
            rows.push((seq, event.at.0, kind, incident.as_ref().map(|id| id.0.clone()), body, hash.clone()));
        }
        self.write(rows).await.map_err(|cause| self.failed(cause))?;
        (self.seq, self.hash) = (seq, hash);
        Ok(())
    }

    async fn write(
        &mut self,
        rows: Vec<(i64, i64, String, Option<String>, String, String)>,
    ) -> Result<(), sqlx::Error> {
        let mut transaction = self.connection.begin().await?;
        for (seq, at, kind, incident, body, hash) in rows {
            sqlx::query("INSERT INTO event (seq, at, kind, incident, body, hash) VALUES (?, ?, ?, ?, ?, ?)")
                .bind(seq)
                .bind(at)
                .bind(kind)
                .bind(incident)
                .bind(body)
                .bind(hash)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await
    }

    fn unreadable(&self, seq: i64, cause: serde_json::Error) -> JournalError {
        JournalError::Event { file: self.file.clone(), seq, cause }
    }

    /// Every event, oldest first.
    pub(crate) async fn load_all(&mut self) -> Result<Vec<Event>, JournalError> {
        let rows = sqlx::query("SELECT seq, body FROM event ORDER BY seq").fetch_all(&mut self.connection).await;
        let rows = rows.map_err(|cause| self.failed(cause))?;
        rows.iter().map(|row| self.event(row).map(|(_, event)| event)).collect()
    }

    /// The events about one incident, oldest first, each with its number.
    pub(crate) async fn timeline(&mut self, incident: &IncidentId) -> Result<Vec<(i64, Event)>, JournalError> {
        let rows = sqlx::query("SELECT seq, body FROM event WHERE incident = ? ORDER BY seq")
            .bind(&incident.0)
            .fetch_all(&mut self.connection)
            .await
            .map_err(|cause| self.failed(cause))?;
        rows.iter().map(|row| self.event(row)).collect()
    }

    fn event(&self, row: &SqliteRow) -> Result<(i64, Event), JournalError> {
        let seq = row.get(0);
        let event = serde_json::from_str(row.get(1)).map_err(|cause| self.unreadable(seq, cause))?;
        Ok((seq, event))
    }

    /// Up to `limit` events behind `seq`, as they were written: number, body, hash.
    pub(crate) async fn raw_after(&mut self, seq: i64, limit: u32) -> Result<Vec<(i64, String, String)>, JournalError> {
        let rows = sqlx::query("SELECT seq, body, hash FROM event WHERE seq > ? ORDER BY seq LIMIT ?")
            .bind(seq)
            .bind(limit)
            .fetch_all(&mut self.connection)
            .await
            .map_err(|cause| self.failed(cause))?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
    }

    /// Walks the chain from the first event to the last.
    pub(crate) async fn verify(&mut self) -> Result<Chain, JournalError> {
        let (mut events, mut head) = (0, GENESIS.to_owned());
        loop {
            let rows = self.raw_after(events, 1000).await?;
            if rows.is_empty() {
                return Ok(Chain::Whole { events, head });
            }
            for (seq, body, hash) in rows {
                if seq != events + 1 {
                    return Ok(Chain::Broken { seq: events + 1, why: "it is missing".to_owned() });
                }
                if hash != chained(&head, seq, &body) {
                    let why = "its hash does not follow from it and from what stands before it".to_owned();
                    return Ok(Chain::Broken { seq, why });
                }
                (events, head) = (seq, hash);
            }
        }
    }
}

async fn connect(options: &SqliteConnectOptions, file: &Path) -> Result<SqliteConnection, JournalError> {
    let connection = SqliteConnection::connect_with(options).await;
    connection.map_err(|cause| JournalError::Database { file: file.to_owned(), cause })
}

fn chained(before: &str, seq: i64, body: &str) -> String {
    let digest = Sha256::new().chain_update(before).chain_update(seq.to_be_bytes()).chain_update(body).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
