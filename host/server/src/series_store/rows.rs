//! The rows of one watch in an open table.

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, QueryBuilder, Sqlite};
use tidegate_domain::labels::Labels;
use tokio::sync::mpsc::Sender;

/// Rows are written in transactions of about this many bytes: the cheap end for SQLite in WAL mode, and short enough
/// that a shutdown need not wait.
pub(super) const CHUNK_BYTES: usize = 1 << 20;
/// SQLite takes 32,766 values a statement, and a row is three of them.
const CHUNK_ROWS: usize = 5_000;
/// Rows read at once, so that a large table is not held twice in memory.
const PAGE: i64 = 2_000;

/// Rows of one page.
pub(crate) type Page = Vec<(Labels, Vec<u8>)>;

/// Sends the rows page by page.
pub(super) async fn load(
    connection: &mut SqliteConnection,
    watch: &str,
    key: &str,
    pages: &Sender<Page>,
) -> Result<(), sqlx::Error> {
    let Some(id) = find(connection, watch, key).await? else {
        begin(connection, watch, key).await?;
        return Ok(());
    };
    let mut after = String::new();
    loop {
        let page: Vec<(String, Vec<u8>)> =
            sqlx::query_as("SELECT labels, blob FROM series WHERE watch = ? AND labels > ? ORDER BY labels LIMIT ?")
                .bind(id)
                .bind(&after)
                .bind(PAGE)
                .fetch_all(&mut *connection)
                .await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after.clone_from(last);
        let mut rows = Page::with_capacity(page.len());
        for (text, blob) in page {
            let labels: Labels = serde_json::from_str(&text).map_err(|cause| sqlx::Error::Decode(cause.into()))?;
            rows.push((labels, blob));
        }
        // Nobody listens any more only where the host is being taken down.
        if pages.send(rows).await.is_err() {
            return Ok(());
        }
    }
}

pub(super) async fn save(
    connection: &mut SqliteConnection,
    watch: &str,
    key: &str,
    rows: &[(Labels, Vec<u8>)],
    removed: &[Labels],
) -> Result<(), sqlx::Error> {
    let id = match find(connection, watch, key).await? {
        Some(id) => id,
        None => begin(connection, watch, key).await?,
    };
    // Cut beforehand: an iterator with a closure in it must not live across a wait in a spawned task.
    let parts: Vec<&[(Labels, Vec<u8>)]> = chunks(rows).collect();
    for part in parts {
        // One statement is one transaction. Not kept: the next one may have another number of rows.
        insert(id, part)?.build().persistent(false).execute(&mut *connection).await?;
    }
    for chunk in removed.chunks(CHUNK_ROWS) {
        let mut transaction = connection.begin().await?;
        for labels in chunk {
            let delete = sqlx::query("DELETE FROM series WHERE watch = ? AND labels = ?");
            delete.bind(id).bind(text(labels)?).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
    }
    Ok(())
}

/// Drops every watch that is not among these, with its rows.
pub(super) async fn retain(connection: &mut SqliteConnection, watches: &[&str]) -> Result<(), sqlx::Error> {
    let known: Vec<(i64, String)> = sqlx::query_as("SELECT id, name FROM watch").fetch_all(&mut *connection).await?;
    for (id, _) in known.iter().filter(|(_, name)| !watches.contains(&name.as_str())) {
        let mut transaction = connection.begin().await?;
        sqlx::query("DELETE FROM series WHERE watch = ?").bind(id).execute(&mut *transaction).await?;
        sqlx::query("DELETE FROM watch WHERE id = ?").bind(id).execute(&mut *transaction).await?;
        transaction.commit().await?;
    }
    Ok(())
}

fn insert(watch: i64, rows: &[(Labels, Vec<u8>)]) -> Result<QueryBuilder<Sqlite>, sqlx::Error> {
    let texts = rows.iter().map(|(labels, _)| text(labels)).collect::<Result<Vec<_>, _>>()?;
    let mut insert = QueryBuilder::new("INSERT INTO series (watch, labels, blob) ");
    insert.push_values(rows.iter().zip(&texts), |mut row, ((_, blob), text)| {
        row.push_bind(watch).push_bind(text.as_str()).push_bind(blob.as_slice());
    });
    insert.push(" ON CONFLICT (watch, labels) DO UPDATE SET blob = excluded.blob");
    Ok(insert)
}

async fn find(connection: &mut SqliteConnection, watch: &str, key: &str) -> Result<Option<i64>, sqlx::Error> {
    let query = sqlx::query_scalar("SELECT id FROM watch WHERE name = ? AND model_key = ?");
    query.bind(watch).bind(key).fetch_optional(connection).await
}

/// Drops what is there of a watch, and begins it under this key.
async fn begin(connection: &mut SqliteConnection, watch: &str, key: &str) -> Result<i64, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO watch (name, model_key) VALUES (?, ?) \
         ON CONFLICT (name) DO UPDATE SET model_key = excluded.model_key RETURNING id",
    )
    .bind(watch)
    .bind(key)
    .fetch_one(&mut *transaction)
    .await?;
    sqlx::query("DELETE FROM series WHERE watch = ?").bind(id).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(id)
}

fn text(labels: &Labels) -> Result<String, sqlx::Error> {
    serde_json::to_string(labels).map_err(|cause| sqlx::Error::Encode(cause.into()))
}

pub(super) fn chunks(rows: &[(Labels, Vec<u8>)]) -> impl Iterator<Item = &[(Labels, Vec<u8>)]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fitting = rest.iter().take(CHUNK_ROWS).take_while(|(_, blob)| {
            let fits = bytes < CHUNK_BYTES;
            bytes += blob.len();
            fits
        });
        let (chunk, after) = rest.split_at(fitting.count());
        rest = after;
        (!chunk.is_empty()).then_some(chunk)
    })
}
