//! The append-only journal of events, in SQLite under the data folder.
//!
//! Appending returns once the events are on the disk. Knows nothing of what the events mean; the book is folded by
//! whoever loads them. Rows are chained by hashes (`chain`), each has a MAC (`seal`), and the last one is also noted
//! beside the database (`witness`): what of that is broken, and where, `inspection` tells.

mod chain;
mod error;
mod finding;
mod folder;
mod founding;
mod inspection;
mod note;
mod reader;
mod row;
mod seal;
mod witness;

use std::fs::File;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use tidegate_domain::event::{Event, IncidentId};
use tokio::sync::Mutex;

pub(crate) use chain::Head;
pub(crate) use error::JournalError;
pub(crate) use finding::Finding;
pub(crate) use inspection::Inspection;
pub(crate) use note::Note;
pub(crate) use reader::Reader;

use crate::clock;
use row::Row;
use seal::Key;
use witness::Witness;

const FILE: &str = "journal.db";

/// The journal, and with it the data folder: as long as this lives, no other process writes to them.
#[derive(Debug)]
pub(crate) struct Journal {
    writer: Mutex<Writer>,
    reader: Reader,
    _lock: File,
}

#[derive(Debug)]
struct Writer {
    db: SqliteConnection,
    key: Key,
    witness: Witness,
    /// The last row, as far as this process wrote or read it.
    head: Head,
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

impl Journal {
    /// Takes the data folder and opens the journal in it, making both where they are not there. Whether what stands in it
    /// is what was written shows by [`Reader::load_all`].
    pub(crate) async fn open(data_dir: &Path) -> Result<Journal, JournalError> {
        let lock = folder::hold(data_dir)?;
        let mut db = connect(data_dir).await?;
        let key = match Key::read(&data_dir.join(seal::FILE))? {
            Some(key) => key,
            None => founding::found(data_dir, &mut db).await?,
        };
        let witness = Witness::open(data_dir)?;
        let reader = Reader::with_key(data_dir, key.clone()).await?;
        let head = last(&mut db).await.map_err(|cause| reader.failed("reading", cause))?.unwrap_or_default();
        Ok(Journal { writer: Mutex::new(Writer { db, key, witness, head }), reader, _lock: lock })
    }

    /// Takes a journal whose end nothing vouches for as it is: one that was restored from a backup, or whose
    /// `journal.head` was lost. A note of it stays in the journal.
    ///
    /// # Errors
    ///
    /// Where more is wrong with it than its end, or a host is running on it.
    pub(crate) async fn accept(data_dir: &Path) -> Result<Head, JournalError> {
        let _lock = folder::hold(data_dir)?;
        let reader = Reader::open(data_dir, None).await?;
        let inspection = reader.inspect(None).await?;
        if let Some(worse) = inspection.findings.iter().find(|finding| !finding.is_of_the_end()) {
            return Err(JournalError::NotAcceptable(worse.to_string()));
        }
        let mut db = connect(data_dir).await?;
        let noted = note::add(&mut db, reader.key(), &inspection.head, clock::now(), note::ACCEPTED).await;
        noted.map_err(|cause| reader.failed("writing", cause))?;
        Witness::put(data_dir, reader.key(), &inspection.head)?;
        Ok(inspection.head)
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
        let (numbers, head) = writer.append(entries, &bodies, &self.reader).await?;
        writer.head = head;
        if let Err(error) = writer.witness.note(&writer.key, &head) {
            // The events are on the disk, so they count; the next append writes the head again.
            tracing::error!(%error, "the head beside the journal could not be written; rows cut off now would not be missed");
        }
        Ok(numbers)
    }
}

/// Before anything is written behind it, the last row must be the one that this process knows, or such as it wrote itself
/// when its caller stopped waiting in the middle of a commit. A file that somebody shortened meanwhile is not written on:
/// the new rows would hide the gap.
async fn caught_up(db: &mut SqliteConnection, known: Head, key: &Key, reader: &Reader) -> Result<Head, JournalError> {
    let reading = |cause| reader.failed("reading", cause);
    let last = last(db).await.map_err(reading)?.unwrap_or_default();
    if last == known {
        return Ok(known);
    }
    let mut head = known;
    loop {
        let rows = Row::page(db, i64::try_from(head.seq).unwrap_or(i64::MAX)).await.map_err(reading)?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            head = row.follows(&head, Some(key)).map_err(|(seq, reason)| reader.tampered(seq, reason))?;
        }
    }
    if head != last {
        return Err(reader.tampered(known.seq, "the file was changed while the host was running".to_owned()));
    }
    Ok(head)
}

impl Writer {
    async fn append(
        &mut self,
        entries: &[Entry<'_>],
        bodies: &[String],
        reader: &Reader,
    ) -> Result<(Vec<u64>, Head), JournalError> {
        let writing = |cause| reader.failed("writing", cause);
        let mut transaction = self.db.begin().await.map_err(writing)?;
        let mut head = caught_up(&mut transaction, self.head, &self.key, reader).await?;
        let mut numbers = Vec::with_capacity(entries.len());
        for (entry, body) in entries.iter().zip(bodies) {
            let next = head.after(body);
            let incident = entry.incident.map(|incident| incident.0.as_str());
            sqlx::query(
                "INSERT INTO event (seq, at, kind, incident, body, prev_hash, hash, mac) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(i64::try_from(next.seq).unwrap_or(i64::MAX))
            .bind(entry.event.at.0)
            .bind(row::kind_of(body))
            .bind(incident)
            .bind(body)
            .bind(head.hash.as_slice())
            .bind(next.hash.as_slice())
            .bind(self.key.of_row(&next.hash, incident).as_slice())
            .execute(&mut *transaction)
            .await
            .map_err(writing)?;
            numbers.push(next.seq);
            head = next;
        }
        transaction.commit().await.map_err(writing)?;
        Ok((numbers, head))
    }
}

async fn connect(data_dir: &Path) -> Result<SqliteConnection, JournalError> {
    let path = data_dir.join(FILE);
    folder::private_file(&path)?;
    // FULL: a commit is on the disk when it returns. With NORMAL a power cut could take back an approval's start.
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging();
    let failed = |cause| JournalError::Database { doing: "opening", path: path.clone(), cause };
    let mut db = options.connect().await.map_err(failed)?;
    let migrated = sqlx::migrate!("./migrations/journal").run(&mut db).await;
    migrated.map_err(|cause| failed(cause.into()))?;
    Ok(db)
}

/// The last row, as it says of itself.
async fn last(db: &mut SqliteConnection) -> Result<Option<Head>, sqlx::Error> {
    let row = sqlx::query("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1").fetch_optional(db).await?;
    let Some(row) = row else { return Ok(None) };
    let hash = row.try_get::<&[u8], _>("hash")?;
    let hash = hash.try_into().map_err(|_| sqlx::Error::Decode("the last hash is not 32 bytes long".into()))?;
    Ok(Some(Head { seq: row.try_get::<i64, _>("seq")?.unsigned_abs(), hash }))
}

#[cfg(test)]
mod tests;
