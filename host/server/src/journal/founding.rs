//! The first start on a folder: makes the key, gives the rows of an older version their MACs, and writes the head.
//!
//! The key gets its name last. A start that is cut short before that is simply done again, with the same key.

use std::path::Path;

use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;

use super::chain::Head;
use super::row::Row;
use super::seal::{self, Key};
use super::witness::{self, Witness};
use super::{JournalError, note};
use crate::clock;

/// Makes the key of a journal that has none.
///
/// # Errors
///
/// Also where the journal looks as if it had had one: then the key was taken away, and another would hide that.
pub(super) async fn found(data_dir: &Path, db: &mut SqliteConnection) -> Result<Key, JournalError> {
    let failed = |cause| JournalError::Database { doing: "reading", path: data_dir.join(super::FILE), cause };
    let sealed: i64 =
        sqlx::query_scalar("SELECT (SELECT count(*) FROM event WHERE mac IS NOT NULL) + (SELECT count(*) FROM note)")
            .fetch_one(&mut *db)
            .await
            .map_err(failed)?;
    let was_sealed = sealed > 0 || data_dir.join(witness::FILE).exists();
    if was_sealed && !seal::is_begun(data_dir) {
        let reason = "it is not there, and the journal was written with one".to_owned();
        return Err(JournalError::Key { path: data_dir.join(seal::FILE), reason });
    }
    let key = seal::begin(data_dir)?;
    let head = if sealed > 0 { last(db).await.map_err(failed)? } else { take_over(data_dir, db, &key).await? };
    Witness::put(data_dir, &key, &head)?;
    seal::finish(data_dir)?;
    Ok(key)
}

/// The rows of a version that knew no MACs get theirs, if their chain is whole.
async fn take_over(data_dir: &Path, db: &mut SqliteConnection, key: &Key) -> Result<Head, JournalError> {
    let path = data_dir.join(super::FILE);
    let failed = |cause| JournalError::Database { doing: "writing", path: path.clone(), cause };
    let mut transaction = db.begin().await.map_err(failed)?;
    let (mut head, mut seq) = (Head::default(), i64::MIN);
    loop {
        let rows = Row::page(&mut transaction, seq).await.map_err(failed)?;
        let Some(newest) = rows.last() else { break };
        seq = newest.seq;
        for row in &rows {
            head = row.follows(&head, None).map_err(|(seq, reason)| JournalError::Tampered {
                seq,
                path: path.clone(),
                reason,
            })?;
            let mac = key.of_row(&row.hash, row.incident.as_deref());
            let update = sqlx::query("UPDATE event SET mac = ? WHERE seq = ?").bind(mac.as_slice()).bind(row.seq);
            update.execute(&mut *transaction).await.map_err(failed)?;
        }
    }
    if head.seq > 0 {
        note::add(&mut transaction, key, &head, clock::now(), note::TAKEN_OVER).await.map_err(failed)?;
        tracing::warn!(rows = head.seq, %head, "the rows of an older version got their MACs: they are vouched for as of now");
    }
    transaction.commit().await.map_err(failed)?;
    Ok(head)
}

async fn last(db: &mut SqliteConnection) -> Result<Head, sqlx::Error> {
    Ok(super::last(db).await?.unwrap_or_default())
}
