//! The series table on disk: a cache, so that a restart does not learn again. Losing it loses time, no decision.
//!
//! It stores blobs and knows nothing of what is in them. It stands in the data folder, which the journal holds.

mod rows;

use std::collections::BTreeMap;
use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use tidegate_domain::labels::Labels;
use tokio::sync::Mutex;
use tokio::sync::mpsc::Sender;

pub(crate) use rows::Page;

const FILE: &str = "series.db";

/// Why the table could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SeriesStoreError {
    /// SQLite said no.
    #[error("{doing} the series table {file:?} failed: {cause}")]
    Database {
        /// What was tried.
        doing: &'static str,
        /// The file.
        file: PathBuf,
        /// What it said.
        cause: sqlx::Error,
    },
    /// The file cannot be made, or an unreadable one cannot be moved out of the way.
    #[error("cannot {doing} the series table {file:?}: {cause}; give data_dir a folder that this process may write")]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file.
        file: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
}

/// The open table.
#[derive(Debug)]
pub(crate) struct SeriesStore {
    table: Mutex<Table>,
    file: PathBuf,
}

#[derive(Debug)]
struct Table {
    /// None only while, or after, a new table could not be begun in place of a broken one.
    connection: Option<SqliteConnection>,
    /// Model key by watch, from loading. A table begun anew has to be told them again.
    keys: BTreeMap<String, String>,
}

impl SeriesStore {
    /// Opens the table in `data_dir`. A file that is not a readable table is moved aside and begun anew; one that only
    /// cannot be reached, for lack of space or rights for example, is an error and stays.
    pub(crate) async fn open(data_dir: &Path) -> Result<SeriesStore, SeriesStoreError> {
        let file = data_dir.join(FILE);
        let connection = match connect(&file).await {
            Err(SeriesStoreError::Database { cause, .. }) if is_broken(&cause) => begin_anew(&file, &cause).await?,
            outcome => outcome?,
        };
        let table = Table { connection: Some(connection), keys: BTreeMap::new() };
        Ok(SeriesStore { table: Mutex::new(table), file })
    }

    /// Sends the rows of a watch that were written under this key; from now on its rows are written under it. Rows of
    /// another key are dropped: they are of other series. In pages, because a large table must not be in memory
    /// twice.
    pub(crate) async fn load(&self, watch: &str, key: &str, pages: Sender<Page>) -> Result<(), SeriesStoreError> {
        let mut table = self.table.lock().await;
        table.keys.insert(watch.to_owned(), key.to_owned());
        let mut loaded = rows::load(table.connected(&self.file).await?, watch, key, &pages).await;
        if let Err(cause) = &loaded
            && is_broken(cause)
        {
            table.replace(&self.file, cause).await?;
            loaded = rows::load(table.connected(&self.file).await?, watch, key, &pages).await;
        }
        loaded.map_err(|cause| SeriesStoreError::Database { doing: "reading", file: self.file.clone(), cause })
    }

    /// Drops the rows of all watches but these.
    pub(crate) async fn retain(&self, watches: &[&str]) -> Result<(), SeriesStoreError> {
        let mut table = self.table.lock().await;
        table.keys.retain(|watch, _| watches.contains(&watch.as_str()));
        let mut dropped = rows::retain(table.connected(&self.file).await?, watches).await;
        if let Err(cause) = &dropped
            && is_broken(cause)
        {
            table.replace(&self.file, cause).await?;
            dropped = rows::retain(table.connected(&self.file).await?, watches).await;
        }
        dropped.map_err(|cause| SeriesStoreError::Database { doing: "writing", file: self.file.clone(), cause })
    }

    /// Writes rows of a watch that was loaded before, and deletes those of forgotten series. Each row is written whole;
    /// a crash between two chunks leaves some rows older than others, which is what a cursor in each row is for.
    pub(crate) async fn save(
        &self,
        watch: &str,
        rows: &[(Labels, Vec<u8>)],
        removed: &[Labels],
    ) -> Result<(), SeriesStoreError> {
        let mut table = self.table.lock().await;
        // Without a key nobody could say later what the rows mean.
        let Some(key) = table.keys.get(watch).cloned() else { return Ok(()) };
        let mut saved = rows::save(table.connected(&self.file).await?, watch, &key, rows, removed).await;
        if let Err(cause) = &saved
            && is_broken(cause)
        {
            table.replace(&self.file, cause).await?;
            saved = rows::save(table.connected(&self.file).await?, watch, &key, rows, removed).await;
        }
        saved.map_err(|cause| SeriesStoreError::Database { doing: "writing", file: self.file.clone(), cause })
    }
}

impl Table {
    async fn connected(&mut self, file: &Path) -> Result<&mut SqliteConnection, SeriesStoreError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(file).await?,
        };
        Ok(self.connection.insert(connection))
    }

    async fn replace(&mut self, file: &Path, cause: &sqlx::Error) -> Result<(), SeriesStoreError> {
        if let Some(broken) = self.connection.take() {
            // Closed before its file is moved: SQLite deletes the `-wal` of that name on closing, whosever it is then.
            // An error adds nothing, the file is given up.
            let _ = broken.close().await;
        }
        self.connection = Some(begin_anew(file, cause).await?);
        Ok(())
    }
}

async fn connect(file: &Path) -> Result<SqliteConnection, SeriesStoreError> {
    let refuse = |cause| SeriesStoreError::File { doing: "make", file: file.to_owned(), cause };
    // Made before SQLite does, with the right permissions; its companions take them over.
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600).open(file).map_err(refuse)?;
    std::fs::set_permissions(file, Permissions::from_mode(0o600)).map_err(refuse)?;
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        // A cache: after a power cut the last snapshot may be missing.
        .synchronous(SqliteSynchronous::Normal)
        .disable_statement_logging();
    checked(options).await.map_err(|cause| SeriesStoreError::Database {
        doing: "opening",
        file: file.to_owned(),
        cause,
    })
}

async fn checked(options: SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    // Not `run`: the compiler cannot see that its future may move between threads (sqlx's own way round that).
    sqlx::migrate!("./migrations/series").run_direct(None, &mut connection, false).await?;
    // Looks at every page once: better now than in the middle of a restore.
    let verdict: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut connection).await?;
    if verdict == "ok" { Ok(connection) } else { Err(sqlx::Error::Protocol(verdict)) }
}

/// Whether the file itself is at fault, rather than what stands around it: a full disk must not cost the table.
fn is_broken(cause: &sqlx::Error) -> bool {
    const ERROR: i32 = 1;
    const CORRUPT: i32 = 11;
    const NOT_A_DATABASE: i32 = 26;
    // The lower byte of SQLite's extended codes is the plain one.
    let code = |error: &sqlx::Error| {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        code.and_then(|code| code.parse::<i32>().ok()).map(|code| code & 0xff)
    };
    match cause {
        sqlx::Error::Database(_) => matches!(code(cause), Some(CORRUPT | NOT_A_DATABASE)),
        // What `quick_check` found, and columns that hold something else than the layout says.
        sqlx::Error::Protocol(_) | sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => true,
        sqlx::Error::Migrate(migration) => match migration.as_ref() {
            MigrateError::Execute(inner) => is_broken(inner),
            // Tables of the same name in another layout.
            MigrateError::ExecuteMigration(inner, _) => is_broken(inner) || code(inner) == Some(ERROR),
            _ => true,
        },
        _ => false,
    }
}

async fn begin_anew(file: &Path, cause: &sqlx::Error) -> Result<SqliteConnection, SeriesStoreError> {
    let with = |suffix: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let aside = with(".unreadable");
    tracing::warn!(?file, ?aside, %cause, "the series table is not readable; it is moved aside and learnt again");
    let stuck = |cause| SeriesStoreError::File { doing: "move aside", file: file.to_owned(), cause };
    std::fs::rename(file, &aside).map_err(stuck)?;
    for companion in [with("-wal"), with("-shm")] {
        // They belong to the old file. Mostly they are not there.
        let _ = std::fs::remove_file(companion);
    }
    connect(file).await
}

#[cfg(test)]
mod tests;
