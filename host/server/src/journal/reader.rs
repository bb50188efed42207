//! The journal for reading, by a connection of its own: a long journal holds up no decision, and whoever only looks
//! needs no lock.

use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{ConnectOptions as _, Row as _};
use tidegate_domain::event::IncidentId;
use tokio::sync::Mutex;

use super::chain::Head;
use super::inspection::{Inspection, inspect};
use super::row::Row;
use super::seal::{self, Key};
use super::witness::{self, Testimony};
use super::{FILE, JournalError, Stored};

/// An open journal that nothing can be added to.
#[derive(Debug)]
pub(crate) struct Reader {
    data_dir: PathBuf,
    path: PathBuf,
    pub(super) connection: Mutex<SqliteConnection>,
    key: Key,
}

impl Reader {
    /// Opens an existing journal or a copy of one, whether a host is running on it or not. `key` names the file of its
    /// key where that does not lie beside it.
    pub(crate) async fn open(data_dir: &Path, key: Option<&Path>) -> Result<Reader, JournalError> {
        let key_path = key.map_or_else(|| data_dir.join(seal::FILE), Path::to_owned);
        let path = data_dir.join(FILE);
        // SQLite's own message for a missing file does not name it.
        if let Err(cause) = std::fs::metadata(&path) {
            return Err(JournalError::Folder { path, cause });
        }
        let Some(key) = Key::read(&key_path)? else {
            return Err(JournalError::Key { path: key_path, reason: "it is not there".to_owned() });
        };
        Reader::with_key(data_dir, key).await
    }

    pub(super) async fn with_key(data_dir: &Path, key: Key) -> Result<Reader, JournalError> {
        let path = data_dir.join(FILE);
        let options = SqliteConnectOptions::new().filename(&path).read_only(true).disable_statement_logging();
        match options.connect().await {
            Ok(connection) => {
                Ok(Reader { data_dir: data_dir.to_owned(), path, connection: Mutex::new(connection), key })
            }
            Err(cause) => Err(JournalError::Database { doing: "opening", path, cause }),
        }
    }

    /// Hands over every event, oldest first, each held against the chain and its MAC before. Stops at the first row that
    /// is not what was written: a book folded from such a journal would be somebody else's. At the end it must have met
    /// the head that is kept beside the database.
    pub(crate) async fn load_all(&self, mut each: impl FnMut(Stored)) -> Result<Head, JournalError> {
        // Read first: a running host may add rows meanwhile, and then the journal goes on from it.
        let witnessed = self.witnessed()?;
        let (mut head, mut seq) = (Head::default(), i64::MIN);
        let mut met = witnessed == head;
        loop {
            let rows = self.page(seq).await?;
            let Some(newest) = rows.last() else { break };
            seq = newest.seq;
            for row in &rows {
                head = row.follows(&head, Some(&self.key)).map_err(|(seq, reason)| self.tampered(seq, reason))?;
                met |= witnessed == head;
                each(self.stored(row.seq, row.incident.clone(), &row.body)?);
            }
        }
        if !met {
            let reason = if witnessed.seq > head.seq {
                format!(
                    "the journal ends at row {}, and row {} was once written: it was cut off, or is older",
                    head.seq, witnessed.seq
                )
            } else {
                format!("row {} is another than the one that it names", witnessed.seq)
            };
            return Err(JournalError::Witness { path: self.data_dir.join(witness::FILE), reason });
        }
        Ok(head)
    }

    /// Looks at everything and names all that is wrong. `noted` is a head that somebody wrote down earlier.
    pub(crate) async fn inspect(&self, noted: Option<&Head>) -> Result<Inspection, JournalError> {
        let testimony = witness::read(&self.data_dir, &self.key)?;
        let mut connection = self.connection.lock().await;
        let inspection = inspect(&mut connection, &self.key, testimony, noted).await;
        inspection.map_err(|cause| self.failed("reading", cause))
    }

    /// Every event of one incident, oldest first.
    pub(crate) async fn timeline(&self, incident: &IncidentId) -> Result<Vec<Stored>, JournalError> {
        let mut connection = self.connection.lock().await;
        let query = sqlx::query("SELECT seq, incident, body FROM event WHERE incident = ? ORDER BY seq");
        let rows = query.bind(&incident.0).fetch_all(&mut *connection).await;
        let stored = |row: &SqliteRow| {
            let reading = |cause| self.failed("reading", cause);
            let (seq, body) = (row.try_get("seq").map_err(reading)?, row.try_get("body").map_err(reading)?);
            self.stored(seq, row.try_get("incident").map_err(reading)?, body)
        };
        rows.map_err(|cause| self.failed("reading", cause))?.iter().map(stored).collect()
    }

    async fn page(&self, after: i64) -> Result<Vec<Row>, JournalError> {
        let mut connection = self.connection.lock().await;
        Row::page(&mut connection, after).await.map_err(|cause| self.failed("reading", cause))
    }

    fn witnessed(&self) -> Result<Head, JournalError> {
        let reason = match witness::read(&self.data_dir, &self.key)? {
            Testimony::Head(head) => return Ok(head),
            Testimony::Missing => "it is not there",
            Testimony::Forged => "it was not written with this journal's key",
        };
        Err(JournalError::Witness { path: self.data_dir.join(witness::FILE), reason: reason.to_owned() })
    }

    fn stored(&self, seq: i64, incident: Option<String>, body: &str) -> Result<Stored, JournalError> {
        let seq = seq.unsigned_abs();
        let event = serde_json::from_str(body).map_err(|cause| self.tampered(seq, format!("not an event: {cause}")))?;
        Ok(Stored { seq, incident: incident.map(IncidentId), event })
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    pub(super) fn failed(&self, doing: &'static str, cause: sqlx::Error) -> JournalError {
        JournalError::Database { doing, path: self.path.clone(), cause }
    }

    pub(super) fn tampered(&self, seq: u64, reason: String) -> JournalError {
        JournalError::Tampered { seq, path: self.path.clone(), reason }
    }
}
