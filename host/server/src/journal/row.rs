//! A row as it stands in the file, whatever somebody put there, and the checks that one row needs.

use serde::Deserialize;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Decode, Row as _, Sqlite, Type};

use super::chain::{Head, hash_of};
use super::seal::Key;

/// Rows read at once. An event with evidence takes some 10 KB.
pub(super) const PAGE: u32 = 500;

/// One row. What is not of the type that it should be reads as something that fits nothing.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) seq: i64,
    pub(super) incident: Option<String>,
    pub(super) body: String,
    pub(super) before: [u8; 32],
    pub(super) hash: [u8; 32],
    mac: Vec<u8>,
    at: Option<i64>,
    kind: String,
    /// False where a column holds something of another type.
    legible: bool,
}

/// The event's own tag and time, which the domain writes into its JSON.
#[derive(Deserialize)]
struct Tag {
    kind: String,
    at: i64,
}

impl Row {
    /// Up to [`PAGE`] rows behind the one with this number.
    pub(super) async fn page(connection: &mut SqliteConnection, after: i64) -> Result<Vec<Row>, sqlx::Error> {
        let query = sqlx::query(
            "SELECT seq, at, kind, incident, body, prev_hash, hash, mac FROM event WHERE seq > ? ORDER BY seq LIMIT ?",
        );
        query.bind(after).bind(PAGE).fetch_all(connection).await?.iter().map(Row::read).collect()
    }

    /// The row with this number.
    pub(super) async fn at(connection: &mut SqliteConnection, seq: i64) -> Result<Option<Row>, sqlx::Error> {
        let query = sqlx::query("SELECT seq, at, kind, incident, body, prev_hash, hash, mac FROM event WHERE seq = ?");
        query.bind(seq).fetch_optional(connection).await?.as_ref().map(Row::read).transpose()
    }

    fn read(row: &SqliteRow) -> Result<Row, sqlx::Error> {
        let mut legible = true;
        let incident = column(row, "incident", &mut legible);
        let (before, hash) =
            (column::<Vec<u8>>(row, "prev_hash", &mut legible), column::<Vec<u8>>(row, "hash", &mut legible));
        Ok(Row {
            seq: row.try_get("seq")?,
            incident,
            body: column(row, "body", &mut legible),
            before: before.try_into().unwrap_or_default(),
            hash: hash.try_into().unwrap_or_default(),
            mac: column::<Option<Vec<u8>>>(row, "mac", &mut legible).unwrap_or_default(),
            at: column(row, "at", &mut legible),
            kind: column(row, "kind", &mut legible),
            legible,
        })
    }

    /// The number as the chain counts; None for one that it cannot have.
    pub(super) fn number(&self) -> Option<u64> {
        u64::try_from(self.seq).ok().filter(|seq| *seq > 0)
    }

    /// Did the holder of the key write a row with this hash, for this incident?
    pub(super) fn is_ours(&self, key: &Key) -> bool {
        self.legible && key.is_of_row(&self.mac, &self.hash, self.incident.as_deref())
    }

    /// Is the hash that of the rest of the row, if it stood at this number?
    pub(super) fn fits_at(&self, seq: u64) -> bool {
        hash_of(&self.before, seq, &self.body) == self.hash
    }

    /// Do the columns say what the body says?
    pub(super) fn agrees(&self) -> bool {
        let tag = serde_json::from_str::<Tag>(&self.body);
        self.legible && tag.is_ok_and(|tag| tag.kind == self.kind && Some(tag.at) == self.at)
    }

    /// Is it, in every respect, the row that was written after that one? Without a key its MAC is not looked at. The
    /// error is the number of the first row that is not what it should be, and why.
    pub(super) fn follows(&self, before: &Head, key: Option<&Key>) -> Result<Head, (u64, String)> {
        let next = before.after(&self.body);
        if self.number() != Some(next.seq) {
            return Err((next.seq, format!("it is missing; row {} comes next", self.seq)));
        }
        let wrong = if self.before != before.hash {
            "it was written after another row"
        } else if self.hash != next.hash {
            "its hash is another"
        } else if key.is_some_and(|key| !self.is_ours(key)) {
            "its MAC is not of this journal's key"
        } else if !self.agrees() {
            "its columns and its body disagree"
        } else {
            return Ok(next);
        };
        Err((next.seq, wrong.to_owned()))
    }
}

/// The event's own tag, which the domain writes into its JSON.
pub(super) fn kind_of(body: &str) -> String {
    serde_json::from_str::<Tag>(body).map_or_else(|_| String::new(), |tag| tag.kind)
}

fn column<'r, T: Default + Decode<'r, Sqlite> + Type<Sqlite>>(row: &'r SqliteRow, name: &str, legible: &mut bool) -> T {
    row.try_get(name).unwrap_or_else(|_| {
        *legible = false;
        T::default()
    })
}
