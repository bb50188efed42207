//! The table on a real disk: what was written comes back, and what is broken costs no more than the cache.

use std::fs;

use super::rows::{CHUNK_BYTES, chunks};
use super::*;

fn rows(count: usize, bytes: usize) -> Vec<(Labels, Vec<u8>)> {
    (0..count).map(|n| (Labels::new([("n", n.to_string()), ("ü", "\"'".to_owned())]), vec![7; bytes])).collect()
}

async fn of_watch(store: &SeriesStore, watch: &str, key: &str) -> Vec<(Labels, Vec<u8>)> {
    // More room than there are pages: they are taken out afterwards.
    let (pages, mut incoming) = tokio::sync::mpsc::channel(100);
    store.load(watch, key, pages).await.unwrap();
    let mut rows = Vec::new();
    while let Some(page) = incoming.recv().await {
        rows.extend(page);
    }
    rows
}

async fn loaded(store: &SeriesStore, key: &str) -> Vec<(Labels, Vec<u8>)> {
    let mut rows = of_watch(store, "w", key).await;
    rows.sort();
    rows
}

#[tokio::test]
async fn rows_come_back_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut written = rows(2_500, 1_000);
    written.sort();
    {
        let store = SeriesStore::open(dir.path()).await.unwrap();
        assert!(loaded(&store, "k").await.is_empty());
        store.save("w", &written, &[]).await.unwrap();
        written[0].1 = vec![1, 2, 3];
        store.save("w", &written[..1], &[written[1].0.clone(), Labels::empty()]).await.unwrap();
    }
    written.remove(1);
    let store = SeriesStore::open(dir.path()).await.unwrap();
    assert_eq!(loaded(&store, "k").await, written);
    assert!(of_watch(&store, "other", "k").await.is_empty());
}

#[tokio::test]
async fn a_series_without_labels_and_one_twice_are_fine() {
    let dir = tempfile::tempdir().unwrap();
    let store = SeriesStore::open(dir.path()).await.unwrap();
    loaded(&store, "k").await;
    store.save("w", &[(Labels::empty(), vec![1]), (Labels::empty(), vec![2])], &[]).await.unwrap();
    assert_eq!(loaded(&store, "k").await, [(Labels::empty(), vec![2])]);
}

#[tokio::test]
async fn rows_of_another_query_are_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let store = SeriesStore::open(dir.path()).await.unwrap();
    store.save("w", &rows(3, 10), &[]).await.unwrap();
    assert!(loaded(&store, "old").await.is_empty(), "nobody had said what those rows were");
    store.save("w", &rows(3, 10), &[]).await.unwrap();
    assert_eq!(loaded(&store, "old").await.len(), 3);
    assert!(loaded(&store, "new").await.is_empty());
    assert!(loaded(&store, "old").await.is_empty(), "gone for good");
}

#[tokio::test]
async fn watches_that_are_gone_take_their_rows_with_them() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = SeriesStore::open(dir.path()).await.unwrap();
        for watch in ["w", "gone"] {
            of_watch(&store, watch, "k").await;
            store.save(watch, &rows(3, 10), &[]).await.unwrap();
        }
        store.retain(&["w", "never there"]).await.unwrap();
        store.save("gone", &rows(3, 10), &[]).await.unwrap();
        assert!(of_watch(&store, "gone", "k").await.is_empty());
        store.retain(&["w"]).await.unwrap();
    }
    let store = SeriesStore::open(dir.path()).await.unwrap();
    assert_eq!(loaded(&store, "k").await.len(), 3);
    assert!(of_watch(&store, "gone", "k").await.is_empty());
}

#[tokio::test]
async fn nobody_else_can_read_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let store = SeriesStore::open(dir.path()).await.unwrap();
    loaded(&store, "k").await;
    store.save("w", &rows(3, 10), &[]).await.unwrap();
    for entry in fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
}

#[tokio::test]
async fn what_is_no_table_is_moved_aside() {
    let written = async |dir: &Path| {
        let store = SeriesStore::open(dir).await.unwrap();
        loaded(&store, "k").await;
        store.save("w", &rows(900, 4_000), &[]).await.unwrap();
        let mut table = store.table.lock().await;
        table.connection.take().unwrap().close().await.unwrap();
        fs::read(dir.join(FILE)).unwrap()
    };
    let whole = written(tempfile::tempdir().unwrap().path()).await;
    let mut torn = whole.clone();
    torn[8_192..60_000].fill(0xaa);
    for (name, bytes) in [
        ("text", b"not a database, not at all, for more than a header".repeat(50)),
        ("cut", whole[..whole.len() / 2].to_vec()),
        ("torn", torn),
    ] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), &bytes).unwrap();
        let store = SeriesStore::open(dir.path()).await.unwrap();
        assert!(loaded(&store, "k").await.is_empty(), "{name}");
        assert_eq!(fs::read(dir.path().join("series.db.unreadable")).unwrap(), bytes, "{name}");
        store.save("w", &rows(2, 10), &[]).await.unwrap();
        assert_eq!(loaded(&store, "k").await.len(), 2, "{name}");
    }
}

#[tokio::test]
async fn tables_of_another_layout_are_moved_aside() {
    let dir = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new().filename(dir.path().join(FILE)).create_if_missing(true);
    let mut other = options.connect().await.unwrap();
    sqlx::query("CREATE TABLE series (something TEXT)").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    let store = SeriesStore::open(dir.path()).await.unwrap();
    assert!(loaded(&store, "k").await.is_empty());
    assert!(dir.path().join("series.db.unreadable").exists());
}

#[tokio::test]
async fn a_table_that_breaks_while_open_is_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    let store = SeriesStore::open(dir.path()).await.unwrap();
    loaded(&store, "k").await;
    store.save("w", &rows(3, 10), &[]).await.unwrap();
    let spoil = "UPDATE series SET labels = 'no JSON'";
    sqlx::query("DELETE FROM series WHERE rowid > 1")
        .execute(store.table.lock().await.connection.as_mut().unwrap())
        .await
        .unwrap();
    sqlx::query(spoil).execute(store.table.lock().await.connection.as_mut().unwrap()).await.unwrap();
    assert!(loaded(&store, "k").await.is_empty());
    assert!(dir.path().join("series.db.unreadable").exists());
    store.save("w", &rows(3, 10), &[]).await.unwrap();
    assert_eq!(loaded(&store, "k").await.len(), 3);
}

#[tokio::test]
async fn a_table_that_cannot_be_reached_stays() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join(FILE)).unwrap();
    let error = SeriesStore::open(dir.path()).await.unwrap_err();
    assert!(matches!(error, SeriesStoreError::File { .. }), "{error}");
    assert!(dir.path().join(FILE).is_dir());
}

#[test]
fn chunks_cover_everything_once() {
    for (count, bytes) in [(0, 1), (1, CHUNK_BYTES * 2), (3000, 1000), (5, CHUNK_BYTES), (12_000, 0)] {
        let rows = rows(count, bytes);
        let whole: Vec<_> = chunks(&rows).flatten().cloned().collect();
        assert_eq!(whole, rows);
    }
}
