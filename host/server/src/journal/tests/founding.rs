//! The first start: on nothing, on a journal of an older version, and cut short.

use std::fs;

use super::*;

/// A journal as a version wrote it that knew no MACs: three rows, no key, no head.
async fn of_an_older_version() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).await.unwrap();
    append(&journal, &[opened(1), checked(2), closed(3)], Some(&IncidentId("i1".into()))).await;
    let old = "UPDATE event SET mac = NULL; ALTER TABLE event DROP COLUMN mac; DROP TABLE note; DELETE FROM _sqlx_migrations WHERE version = 2";
    sqlx::raw_sql(old).execute(&mut journal.writer.lock().await.db).await.unwrap();
    for file in [seal::FILE, witness::FILE] {
        fs::remove_file(folder.path().join(file)).unwrap();
    }
    folder
}

async fn findings(data_dir: &Path) -> Vec<String> {
    let inspection = Reader::open(data_dir, None).await.unwrap().inspect(None).await.unwrap();
    inspection.findings.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_journal_of_an_older_version_gets_its_macs() {
    let folder = of_an_older_version().await;
    let journal = Journal::open(folder.path()).await.unwrap();
    append(&journal, &[closed(4)], None).await;
    assert_eq!(journal.reader().load_all(drop).await.unwrap().seq, 4);
    let inspection = journal.reader().inspect(None).await.unwrap();
    assert!(inspection.findings.is_empty(), "{:?}", inspection.findings);
    let notes: Vec<_> = inspection.notes.iter().map(|note| (note.seq, note.what.as_str(), note.is_ours)).collect();
    assert_eq!(notes, [(3, "taken_over", true)]);
}

#[tokio::test]
async fn a_bad_journal_of_an_older_version_gets_none() {
    let folder = of_an_older_version().await;
    let options = SqliteConnectOptions::new().filename(folder.path().join(FILE));
    let mut db = options.connect().await.unwrap();
    sqlx::raw_sql("UPDATE event SET body = body || ' ' WHERE seq = 2").execute(&mut db).await.unwrap();
    db.close().await.unwrap();
    for _ in 0..2 {
        match Journal::open(folder.path()).await {
            Err(JournalError::Tampered { seq: 2, .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(!folder.path().join(seal::FILE).exists());
}

#[tokio::test]
async fn a_first_start_that_was_cut_short_is_done_again() {
    // Before the rows, before the head, and before the key had its name.
    for step in 0..3 {
        let folder = of_an_older_version().await;
        let (key, unfinished) = (folder.path().join(seal::FILE), folder.path().join("journal.key.new"));
        if step == 0 {
            seal::begin(folder.path()).unwrap();
        } else {
            drop(Journal::open(folder.path()).await.unwrap());
            fs::rename(&key, &unfinished).unwrap();
        }
        if step == 1 {
            fs::remove_file(folder.path().join(witness::FILE)).unwrap();
        }
        let journal = Journal::open(folder.path()).await.unwrap();
        assert_eq!(journal.reader().load_all(drop).await.unwrap().seq, 3, "step {step}");
        assert_eq!(findings(folder.path()).await, [""; 0], "step {step}");
        assert!(key.exists() && !unfinished.exists(), "step {step}");
    }
    // While the key itself was being written.
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("journal.key.new"), "12ab").unwrap();
    append(&Journal::open(folder.path()).await.unwrap(), &[closed(1)], None).await;
    assert_eq!(findings(folder.path()).await, [""; 0]);
}

#[tokio::test]
async fn a_key_that_is_gone_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join(seal::FILE);
    append(&Journal::open(folder.path()).await.unwrap(), &[closed(1)], None).await;
    let secret = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    for _ in 0..2 {
        assert!(matches!(Journal::open(folder.path()).await, Err(JournalError::Key { .. })));
    }
    // Kept elsewhere, and not there now.
    let elsewhere = folder.path().join("elsewhere");
    std::os::unix::fs::symlink(&elsewhere, &key).unwrap();
    assert!(matches!(Journal::open(folder.path()).await, Err(JournalError::Key { .. })));
    fs::write(&elsewhere, "not a key").unwrap();
    assert!(matches!(Journal::open(folder.path()).await, Err(JournalError::Key { .. })));
    fs::write(&elsewhere, secret).unwrap();
    let journal = Journal::open(folder.path()).await.unwrap();
    assert_eq!(journal.reader().load_all(drop).await.unwrap().seq, 1);
    assert!(!format!("{journal:?}").contains("Hmac"), "the key is not printed");
}

#[tokio::test]
async fn an_end_that_nothing_vouches_for_can_be_accepted_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).await.unwrap();
    append(&journal, &[opened(1), checked(2), closed(3)], None).await;
    assert!(matches!(Journal::accept(folder.path()).await, Err(JournalError::Held { .. })));
    let cut = "DELETE FROM event WHERE seq = 3";
    sqlx::raw_sql(cut).execute(&mut journal.writer.lock().await.db).await.unwrap();
    drop(journal);
    assert_eq!(findings(folder.path()).await, ["the journal is cut off after row 2: journal.head knows row 3"]);
    let journal = Journal::open(folder.path()).await.unwrap();
    let said = journal.reader().load_all(drop).await.unwrap_err().to_string();
    assert!(said.contains("ends at row 2") && said.contains("tidegate journal accept"), "{said}");
    drop(journal);

    assert_eq!(Journal::accept(folder.path()).await.unwrap().seq, 2);
    let journal = Journal::open(folder.path()).await.unwrap();
    assert_eq!(journal.reader().load_all(drop).await.unwrap().seq, 2);
    append(&journal, &[closed(4)], None).await;
    let inspection = journal.reader().inspect(None).await.unwrap();
    assert!(inspection.findings.is_empty(), "{:?}", inspection.findings);
    let notes: Vec<_> = inspection.notes.iter().map(|note| (note.seq, note.what.as_str())).collect();
    assert_eq!(notes, [(2, "accepted")]);

    let edit = "UPDATE event SET body = '' WHERE seq = 1";
    sqlx::raw_sql(edit).execute(&mut journal.writer.lock().await.db).await.unwrap();
    drop(journal);
    fs::remove_file(folder.path().join(witness::FILE)).unwrap();
    let refused = Journal::accept(folder.path()).await.unwrap_err().to_string();
    assert!(refused.contains("row 1 was edited"), "{refused}");
}
