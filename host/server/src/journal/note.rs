//! What was done to the file besides adding rows: rows of an older version taken over, an end accepted by a person.

use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;
use tidegate_domain::time::Timestamp;

use super::chain::Head;
use super::seal::Key;

/// Rows up to this one got their MACs only then.
pub(super) const TAKEN_OVER: &str = "taken_over";
/// A person took this row for the last one.
pub(super) const ACCEPTED: &str = "accepted";

/// One note, as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// The last row at that time.
    pub(crate) seq: i64,
    /// When.
    pub(crate) at: Timestamp,
    /// [`TAKEN_OVER`] or [`ACCEPTED`].
    pub(crate) what: String,
    /// Whether the holder of the key wrote it.
    pub(crate) is_ours: bool,
}

pub(super) async fn add(
    db: &mut SqliteConnection,
    key: &Key,
    head: &Head,
    at: Timestamp,
    what: &str,
) -> Result<(), sqlx::Error> {
    let seq = i64::try_from(head.seq).unwrap_or(i64::MAX);
    let mac = key.of_note(seq, at.0, what);
    let insert = sqlx::query("INSERT INTO note (seq, at, what, mac) VALUES (?, ?, ?, ?)");
    insert.bind(seq).bind(at.0).bind(what).bind(mac.as_slice()).execute(db).await.map(drop)
}

/// All notes, oldest first.
pub(super) async fn all(db: &mut SqliteConnection, key: &Key) -> Result<Vec<Note>, sqlx::Error> {
    let rows = sqlx::query("SELECT seq, at, what, mac FROM note ORDER BY id").fetch_all(db).await?;
    let read = |row: &sqlx::sqlite::SqliteRow| {
        let (seq, at, what): (i64, i64, String) = (row.try_get("seq")?, row.try_get("at")?, row.try_get("what")?);
        let mac: Vec<u8> = row.try_get("mac")?;
        let is_ours = key.is_of_note(&mac, seq, at, &what);
        Ok(Note { seq, at: Timestamp(at), what, is_ours })
    };
    rows.iter().map(read).collect()
}
