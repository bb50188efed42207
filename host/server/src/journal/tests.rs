use std::os::unix::fs::PermissionsExt;

use tidegate_domain::event::{CloseReason, Fact};
use tidegate_domain::time::Timestamp;

use super::*;

fn events(count: i64) -> Vec<Event> {
    let closed = |n: i64| Fact::IncidentClosed { incident: IncidentId(format!("i{n}")), reason: CloseReason::Fixed };
    (1..=count).map(|n| Event { at: Timestamp(n), fact: closed(n % 3) }).collect()
}

fn incidents(events: &[Event]) -> Vec<Option<IncidentId>> {
    let of = |event: &Event| match &event.fact {
        Fact::IncidentClosed { incident, .. } => Some(incident.clone()),
        _ => None,
    };
    events.iter().map(of).collect()
}

async fn written(dir: &Path, count: i64) -> Journal {
    let mut journal = Journal::open(dir).await.expect("a journal");
    let events = events(count);
    for batch in events.chunks(4) {
        journal.append(batch, &incidents(batch)).await.expect("written");
    }
    journal
}

#[tokio::test]
async fn events_come_back_in_order_and_go_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut journal = written(dir.path(), 10).await;
    assert_eq!(journal.load_all().await.expect("read"), events(10));
    drop(journal);

    let mut journal = Journal::open(dir.path()).await.expect("the same journal");
    let more = events(2);
    journal.append(&more, &incidents(&more)).await.expect("written");
    assert_eq!(journal.load_all().await.expect("read").len(), 12);
    let timeline = journal.timeline(&IncidentId("i1".to_owned())).await.expect("read");
    assert_eq!(timeline.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [1, 4, 7, 10, 11]);
    assert!(matches!(journal.verify().await.expect("read"), Chain::Whole { events: 12, .. }));
}

#[tokio::test]
async fn one_process_has_the_folder_and_others_may_read() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data");
    assert!(matches!(Journal::read_only(&data).await, Err(JournalError::Missing(_))));
    let journal = written(&data, 3).await;
    let error = Journal::open(&data).await.expect_err("it is held").to_string();
    assert!(error.contains("another tidegate holds the data folder"), "{error}");
    let mut reader = Journal::read_only(&data).await.expect("reading is free");
    assert_eq!(reader.load_all().await.expect("read").len(), 3);
    for (path, mode) in [(data.clone(), 0o700), (data.join(FILE), 0o600)] {
        let permissions = std::fs::metadata(&path).expect("it is there").permissions();
        assert_eq!(permissions.mode() & 0o777, mode, "{}", path.display());
    }
    drop(journal);
    Journal::open(&data).await.expect("free again");
}

#[tokio::test]
async fn every_manipulation_is_found_and_named() {
    for (statement, bad) in [
        ("UPDATE event SET body = replace(body, 'fixed', 'recovered') WHERE seq = 4", 4),
        ("UPDATE event SET hash = (SELECT hash FROM event WHERE seq = 2) WHERE seq = 3", 3),
        ("DELETE FROM event WHERE seq = 5", 5),
        ("UPDATE event SET seq = 99 WHERE seq = 10", 10),
        ("UPDATE event SET seq = -seq WHERE seq IN (6, 7)", 6),
        ("INSERT INTO event SELECT 11, at, kind, incident, body, hash FROM event WHERE seq = 10", 11),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let mut journal = written(dir.path(), 10).await;
        sqlx::query(statement).execute(&mut journal.connection).await.expect("manipulated");
        let Chain::Broken { seq, .. } = journal.verify().await.expect("read") else {
            panic!("{statement}: not found");
        };
        assert_eq!(seq, bad, "{statement}");
    }
}

#[tokio::test]
async fn a_failed_write_leaves_nothing_behind() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut journal = written(dir.path(), 3).await;
    let taken = "INSERT INTO event SELECT 5, at, kind, incident, body, hash FROM event WHERE seq = 1";
    sqlx::query(taken).execute(&mut journal.connection).await.expect("a row in the way");
    let batch = events(3);
    journal.append(&batch, &incidents(&batch)).await.expect_err("the second row is in the way");
    sqlx::query("DELETE FROM event WHERE seq = 5").execute(&mut journal.connection).await.expect("out of the way");
    assert_eq!(journal.load_all().await.expect("read").len(), 3, "all or none");
    journal.append(&batch, &incidents(&batch)).await.expect("written now");
    assert!(matches!(journal.verify().await.expect("read"), Chain::Whole { events: 6, .. }));
}
