//! The journal on a real disk: what is appended is there again, and what was changed is found.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use tidegate_domain::event::{CloseReason, Fact, Origin, RequestId};
use tidegate_domain::labels::Labels;
use tidegate_domain::rules::{Mode, Severity};
use tidegate_domain::time::Timestamp;

use super::*;

mod founding;
mod tampering;

fn opened(at: i64) -> Event {
    let fact = Fact::IncidentOpened {
        incident: IncidentId("i1".into()),
        origin: Origin::Anomaly { watch: "größe".into(), group: Labels::new([("a", "1")]) },
        labels: Labels::new([("a", "1")]),
        severity: Severity::High,
        since: Timestamp(at),
        mode: Mode::Ask,
        has_policy: true,
        dry_run: false,
        evidence: None,
        alerts: Vec::new(),
        caused_by: [].into(),
        wants_opinion: false,
    };
    Event { at: Timestamp(at), fact }
}

fn closed(at: i64) -> Event {
    let fact = Fact::IncidentClosed { incident: IncidentId("i1".into()), reason: CloseReason::Fixed };
    Event { at: Timestamp(at), fact }
}

fn checked(at: i64) -> Event {
    let fact = Fact::RequirementsChecked { request: RequestId("r1".into()), unmet: BTreeMap::new() };
    Event { at: Timestamp(at), fact }
}

async fn append(journal: &Journal, events: &[Event], incident: Option<&IncidentId>) -> Vec<u64> {
    let entries: Vec<Entry<'_>> = events.iter().map(|event| Entry { event, incident }).collect();
    journal.append(&entries).await.unwrap()
}

async fn all(journal: &Journal) -> Vec<Stored> {
    let mut events = Vec::new();
    journal.reader().load_all(|stored| events.push(stored)).await.unwrap();
    events
}

#[tokio::test]
async fn what_was_appended_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("deep/data");
    let journal = Journal::open(&data_dir).await.unwrap();
    assert_eq!(journal.reader().load_all(drop).await.unwrap(), Head::default());
    let incident = IncidentId("i1".into());
    assert_eq!(append(&journal, &[opened(1), checked(2)], None).await, [1, 2]);
    assert_eq!(append(&journal, &[], None).await, [0; 0]);
    assert_eq!(append(&journal, &[closed(3)], Some(&incident)).await, [3]);
    let head = journal.reader().load_all(drop).await.unwrap();
    drop(journal);

    let journal = Journal::open(&data_dir).await.unwrap();
    assert_eq!(journal.reader().load_all(drop).await.unwrap(), head);
    let events: Vec<Event> = all(&journal).await.into_iter().map(|stored| stored.event).collect();
    assert_eq!(events, [opened(1), checked(2), closed(3)]);
    assert_eq!(append(&journal, &[closed(4)], Some(&incident)).await, [4]);
    let timeline = journal.reader().timeline(&incident).await.unwrap();
    assert_eq!(timeline.iter().map(|stored| stored.seq).collect::<Vec<_>>(), [3, 4]);
    assert!(journal.reader().timeline(&IncidentId("' OR 1=1".into())).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_long_journal_is_read_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).await.unwrap();
    let events: Vec<Event> = (0..i64::from(row::PAGE) * 2 + 1).map(opened).collect();
    append(&journal, &events, None).await;
    assert_eq!(all(&journal).await.len(), events.len());
}

#[tokio::test]
async fn one_process_holds_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).await.unwrap();
    let error = Journal::open(folder.path()).await.unwrap_err().to_string();
    assert!(error.contains(&format!("(process {})", std::process::id())), "{error}");
    drop(journal);
    Journal::open(folder.path()).await.unwrap();
}

#[tokio::test]
async fn nobody_else_can_read_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let journal = Journal::open(&data_dir).await.unwrap();
    append(&journal, &[opened(1)], None).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data_dir), 0o700);
    for entry in std::fs::read_dir(&data_dir).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{path:?}");
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Journal::open(&file).await.unwrap_err().to_string();
    assert!(error.contains("file") && error.contains("data_dir"), "{error}");
    std::fs::write(folder.path().join("journal.db"), "this is no database, and long enough to show it").unwrap();
    let error = Journal::open(folder.path()).await.unwrap_err().to_string();
    assert!(error.contains("not a database"), "{error}");
}

#[tokio::test]
async fn appends_from_many_sides_make_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    let journal = std::sync::Arc::new(Journal::open(folder.path()).await.unwrap());
    let tasks: Vec<_> = (0..16)
        .map(|at| {
            let journal = journal.clone();
            tokio::spawn(async move { append(&journal, &[opened(at), closed(at)], None).await })
        })
        .collect();
    for task in tasks {
        let numbers = task.await.unwrap();
        assert_eq!(numbers[0] + 1, numbers[1]);
    }
    assert_eq!(journal.reader().load_all(drop).await.unwrap().seq, 32);
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_nothing_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).await.unwrap();
    let events: Vec<Event> = (0..200).map(opened).collect();
    let entries: Vec<Entry<'_>> = events.iter().map(|event| Entry { event, incident: None }).collect();
    for _ in 0..20 {
        let _ = tokio::time::timeout(std::time::Duration::from_millis(1), journal.append(&entries)).await;
    }
    // A commit that had begun may still come to its end, as a whole.
    let numbers = append(&journal, &[closed(1)], None).await;
    assert_eq!(numbers[0] % 200, 1);
    assert_eq!(journal.reader().load_all(drop).await.unwrap().seq, numbers[0]);
}
