//! The series table on disk: a cache, so that a restart does not learn again. Losing it loses time, no decision.
//!
//! It stores blobs and knows nothing of what is in them.

use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row, Sqlite, Transaction};
use tidegate_domain::labels::Labels;

/// Rows are written in transactions of about this many bytes: the cheap end for SQLite in WAL mode, and short enough
/// that a shutdown need not wait.
const CHUNK_BYTES: usize = 1 << 20;

const FILE: &str = "series.db";

/// Why the table could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SeriesStoreError {
    /// SQLite said no.
    #[error("the series table {}: {cause}", .file.display())]
    Database {
        /// The file.
        file: PathBuf,
        /// What it said.
        cause: sqlx::Error,
    },
    /// A file that cannot be read could not be moved out of the way either.
    #[error("the unreadable series table {} could not be moved aside: {cause}", .file.display())]
    Stuck {
        /// The file.
        file: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
}

/// The open table.
#[derive(Debug)]
pub(crate) struct SeriesStore {
    pool: SqlitePool,
    file: PathBuf,
}

impl SeriesStore {
    /// Opens the table in `data_dir`. A file that is not a readable table is moved aside and begun anew.
    pub(crate) async fn open(data_dir: &Path) -> Result<SeriesStore, SeriesStoreError> {
        let file = data_dir.join(FILE);
        match SeriesStore::connect(&file).await {
            Ok(pool) => Ok(SeriesStore { pool, file }),
            Err(cause) => {
                let aside = data_dir.join(format!("{FILE}.unreadable"));
                tracing::warn!(
                    file = %file.display(),
                    aside = %aside.display(),
                    %cause,
                    "the series table cannot be read; it is moved aside and the series are learnt again"
                );
                std::fs::rename(&file, &aside).map_err(|cause| SeriesStoreError::Stuck { file: file.clone(), cause })?;
                // Their write-ahead log belongs to the old file.
                for suffix in ["-wal", "-shm"] {
                    let _ = std::fs::remove_file(data_dir.join(format!("{FILE}{suffix}")));
                }
                let pool = SeriesStore::connect(&file).await;
                let pool = pool.map_err(|cause| SeriesStoreError::Database { file: file.clone(), cause })?;
                Ok(SeriesStore { pool, file })
            }
        }
    }

    async fn connect(file: &Path) -> Result<SqlitePool, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A cache: after a power cut the last snapshot may be missing.
            .synchronous(SqliteSynchronous::Normal);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        let tables = [
            "CREATE TABLE IF NOT EXISTS model (watch TEXT PRIMARY KEY, key TEXT NOT NULL) STRICT",
            "CREATE TABLE IF NOT EXISTS series (watch TEXT NOT NULL, labels TEXT NOT NULL, row BLOB NOT NULL, \
             PRIMARY KEY (watch, labels)) STRICT, WITHOUT ROWID",
        ];
        for table in tables {
            sqlx::query(table).execute(&pool).await?;
        }
        // Reads every page's header once: better now than in the middle of a restore.
        let verdict: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&pool).await?;
        if verdict == "ok" { Ok(pool) } else { Err(sqlx::Error::Protocol(verdict)) }
    }

    fn failed(&self, cause: sqlx::Error) -> SeriesStoreError {
        SeriesStoreError::Database { file: self.file.clone(), cause }
    }

    /// The rows of a watch that were written under this key. Rows of another key are dropped: they were made by other
    /// detectors.
    pub(crate) async fn load(&self, watch: &str, key: &str) -> Result<Vec<(Labels, Vec<u8>)>, SeriesStoreError> {
        let known: Option<String> = sqlx::query_scalar("SELECT key FROM model WHERE watch = ?")
            .bind(watch)
            .fetch_optional(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        if known.as_deref() != Some(key) {
            self.begin_model(watch, key).await.map_err(|cause| self.failed(cause))?;
            return Ok(Vec::new());
        }
        let rows = sqlx::query("SELECT labels, row FROM series WHERE watch = ?")
            .bind(watch)
            .fetch_all(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        // Labels that are no JSON were not written by this program; such a row is learnt again.
        let read = rows.into_iter().filter_map(|row| {
            let labels: Labels = serde_json::from_str(row.get::<&str, _>(0)).ok()?;
            Some((labels, row.get(1)))
        });
        Ok(read.collect())
    }

    async fn begin_model(&self, watch: &str, key: &str) -> Result<(), sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("DELETE FROM series WHERE watch = ?").bind(watch).execute(&mut *transaction).await?;
        sqlx::query("INSERT OR REPLACE INTO model (watch, key) VALUES (?, ?)")
            .bind(watch)
            .bind(key)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await
    }

    /// Writes rows, and deletes those of forgotten series. Each row is written whole; a crash between two chunks leaves
    /// some rows older than others, which is what a cursor in each row is for.
    pub(crate) async fn save(
        &self,
        watch: &str,
        rows: &[(Labels, Vec<u8>)],
        removed: &[Labels],
    ) -> Result<(), SeriesStoreError> {
        for chunk in chunks(rows) {
            self.write(watch, chunk, &[]).await.map_err(|cause| self.failed(cause))?;
        }
        if removed.is_empty() {
            return Ok(());
        }
        self.write(watch, &[], removed).await.map_err(|cause| self.failed(cause))
    }

    async fn write(&self, watch: &str, rows: &[(Labels, Vec<u8>)], removed: &[Labels]) -> Result<(), sqlx::Error> {
        let mut transaction: Transaction<'_, Sqlite> = self.pool.begin().await?;
        for (labels, row) in rows {
            sqlx::query("INSERT OR REPLACE INTO series (watch, labels, row) VALUES (?, ?, ?)")
                .bind(watch)
                .bind(text(labels))
                .bind(row)
                .execute(&mut *transaction)
                .await?;
        }
        for labels in removed {
            sqlx::query("DELETE FROM series WHERE watch = ? AND labels = ?")
                .bind(watch)
                .bind(text(labels))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await
    }
}

fn text(labels: &Labels) -> String {
    let pairs: serde_json::Map<_, _> = labels.iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    serde_json::Value::Object(pairs).to_string()
}

fn chunks(rows: &[(Labels, Vec<u8>)]) -> impl Iterator<Item = &[(Labels, Vec<u8>)]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fitting = rest.iter().take_while(|(_, row)| {
            let fits = bytes < CHUNK_BYTES;
            bytes += row.len();
            fits
        });
        let (chunk, after) = rest.split_at(fitting.count());
        rest = after;
        (!chunk.is_empty()).then_some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: usize, bytes: usize) -> Vec<(Labels, Vec<u8>)> {
        (0..count).map(|n| (Labels::new([("n", n.to_string())]), vec![7; bytes])).collect()
    }

    async fn loaded(store: &SeriesStore, key: &str) -> Vec<(Labels, Vec<u8>)> {
        let mut rows = store.load("w", key).await.expect("the table can be read");
        rows.sort();
        rows
    }

    #[tokio::test]
    async fn rows_come_back_after_a_restart() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut written = rows(700, 4000);
        written.sort();
        {
            let store = SeriesStore::open(dir.path()).await.expect("a new table");
            assert!(loaded(&store, "k").await.is_empty());
            store.save("w", &written, &[]).await.expect("written");
            store.save("w", &written[..1], &[written[1].0.clone()]).await.expect("written");
        }
        written.remove(1);
        let store = SeriesStore::open(dir.path()).await.expect("the same table");
        assert_eq!(loaded(&store, "k").await, written);
        assert!(store.load("other", "k").await.expect("another watch").is_empty());
    }

    #[tokio::test]
    async fn rows_of_other_detectors_are_dropped() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = SeriesStore::open(dir.path()).await.expect("a new table");
        assert!(loaded(&store, "old").await.is_empty());
        store.save("w", &rows(3, 10), &[]).await.expect("written");
        assert!(loaded(&store, "new").await.is_empty());
        assert!(loaded(&store, "old").await.is_empty(), "gone for good");
    }

    #[tokio::test]
    async fn a_broken_file_is_moved_aside() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join(FILE), "not a database, not at all, for more than a header".repeat(50)).expect("written");
        let store = SeriesStore::open(dir.path()).await.expect("begun anew");
        assert!(loaded(&store, "k").await.is_empty());
        assert!(dir.path().join("series.db.unreadable").exists());
    }

    #[test]
    fn chunks_cover_everything_once() {
        for (count, bytes) in [(0, 1), (1, CHUNK_BYTES * 2), (3000, 1000), (5, CHUNK_BYTES)] {
            let rows = rows(count, bytes);
            let whole: Vec<_> = chunks(&rows).flatten().cloned().collect();
            assert_eq!(whole, rows);
        }
    }
}
