//! Somebody writes into the file of a journal of two hundred rows: whatever they do, wherever, the right row is named.

use sqlx::AssertSqlSafe;

use super::super::chain::hash_of;
use super::*;

const ROWS: i64 = 200;

/// A journal of which each row differs, some in a timeline and some in none, with its file open for writing.
struct Victim {
    journal: Journal,
    folder: tempfile::TempDir,
}

impl Victim {
    async fn new() -> Victim {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path()).await.unwrap();
        let (one, two) = (IncidentId("i1".into()), IncidentId("i2".into()));
        let events: Vec<Event> = (0..ROWS)
            .map(|at| match at % 4 {
                0 => opened(at),
                2 => closed(at),
                _ => checked(at),
            })
            .collect();
        let entries = events.iter().zip([Some(&one), Some(&two), Some(&one), None].into_iter().cycle());
        let entries: Vec<Entry<'_>> = entries.map(|(event, incident)| Entry { event, incident }).collect();
        journal.append(&entries).await.unwrap();
        let options = SqliteConnectOptions::new().filename(folder.path().join(FILE)).disable_statement_logging();
        journal.reader.connection = Mutex::new(options.connect().await.unwrap());
        Victim { journal, folder }
    }

    /// What is found after `tampering`, which is taken back; and whether a host would still start.
    async fn found(&self, tampering: impl AsyncFnOnce(&mut SqliteConnection)) -> (Vec<String>, bool) {
        let reader = self.journal.reader();
        run(&mut *reader.connection.lock().await, "SAVEPOINT before").await;
        tampering(&mut *reader.connection.lock().await).await;
        let findings = self.findings().await;
        let starts = reader.load_all(drop).await.is_ok();
        run(&mut *reader.connection.lock().await, "ROLLBACK TO before; RELEASE before").await;
        (findings, starts)
    }

    async fn findings(&self) -> Vec<String> {
        let inspection = self.journal.reader().inspect(None).await.unwrap();
        inspection.findings.iter().map(ToString::to_string).collect()
    }

    /// `tampering` may be several statements, with K and NEXT for a row and the one behind it.
    async fn after(&self, tampering: &str, k: i64) -> Vec<String> {
        let sql = tampering.replace("NEXT", &(k + 1).to_string()).replace('K', &k.to_string());
        let (findings, starts) = self.found(async |db| run(db, &sql).await).await;
        assert!(!starts, "a host starts after {sql}");
        findings
    }
}

async fn run(db: &mut SqliteConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await.unwrap_or_else(|error| panic!("{error} in {sql}"));
}

/// What somebody without the key can do: change the rows from `k` on, and chain them anew.
async fn rewrite(db: &mut SqliteConnection, k: i64, edit: impl Fn(String) -> String) {
    let mut before = match k {
        1 => [0; 32],
        _ => Row::at(db, k - 1).await.unwrap().unwrap().hash,
    };
    let mut seq = k;
    while let Some(row) = Row::at(db, seq).await.unwrap() {
        let body = if seq == k { edit(row.body) } else { row.body };
        let hash = hash_of(&before, seq.unsigned_abs(), &body);
        let update = sqlx::query("UPDATE event SET body = ?, prev_hash = ?, hash = ? WHERE seq = ?");
        update.bind(body).bind(before.as_slice()).bind(hash.as_slice()).bind(seq).execute(&mut *db).await.unwrap();
        before = hash;
        seq += 1;
    }
}

#[tokio::test]
async fn a_journal_that_nobody_touched_is_whole() {
    let victim = Victim::new().await;
    let (findings, starts) = victim.found(async |_| ()).await;
    assert_eq!((findings, starts), (vec![], true));
}

#[tokio::test]
async fn an_edited_row_is_named() {
    let victim = Victim::new().await;
    for (tampering, what) in [
        ("UPDATE event SET body = body || ' ' WHERE seq = K", "its hash does not fit what stands in it"),
        ("UPDATE event SET body = '' WHERE seq = K", "its hash does not fit what stands in it"),
        ("UPDATE event SET prev_hash = randomblob(32) WHERE seq = K", "its hash does not fit what stands in it"),
        (
            "UPDATE event SET prev_hash = x'' WHERE seq = K AND seq > 1; UPDATE event SET body = '' WHERE seq = K AND seq = 1",
            "its hash does not fit what stands in it",
        ),
        ("UPDATE event SET hash = randomblob(32) WHERE seq = K", "its hash fits neither its MAC nor what stands in it"),
        ("UPDATE event SET hash = x'00' WHERE seq = K", "its hash fits neither its MAC nor what stands in it"),
        ("UPDATE event SET mac = randomblob(32) WHERE seq = K", "its MAC, or the incident that it belongs to"),
        ("UPDATE event SET mac = NULL WHERE seq = K", "its MAC, or the incident that it belongs to"),
        ("UPDATE event SET incident = 'i3' WHERE seq = K", "its MAC, or the incident that it belongs to"),
        ("UPDATE event SET at = at + 1 WHERE seq = K", "its columns and its body disagree"),
        ("UPDATE event SET kind = 'paused' WHERE seq = K", "its columns and its body disagree"),
    ] {
        for k in 1..=ROWS {
            assert_eq!(victim.after(tampering, k).await, [format!("row {k} was edited: {what}")], "{tampering}");
        }
    }
}

#[tokio::test]
async fn an_edited_row_that_was_hashed_anew_is_named() {
    let victim = Victim::new().await;
    for k in 1..=ROWS {
        let (findings, starts) = victim
            .found(async |db| {
                let row = Row::at(db, k).await.unwrap().unwrap();
                let hash = hash_of(&row.before, k.unsigned_abs(), "{}");
                let update = sqlx::query("UPDATE event SET body = '{}', hash = ? WHERE seq = ?");
                update.bind(hash.as_slice()).bind(k).execute(db).await.unwrap();
            })
            .await;
        let not_ours = format!("row {k} was not written by this host: no MAC of this journal's key");
        assert_eq!((findings, starts), (vec![not_ours], false));
    }
}

#[tokio::test]
async fn rows_that_are_gone_are_named() {
    let victim = Victim::new().await;
    for k in 1..=ROWS {
        let expected = match k {
            ROWS => "the journal is cut off after row 199: journal.head knows row 200".to_owned(),
            _ => format!("row {k} is missing"),
        };
        assert_eq!(victim.after("DELETE FROM event WHERE seq = K", k).await, [expected]);
        let expected = match k {
            ROWS => "the journal is cut off: it is empty, and journal.head knows row 200".to_owned(),
            1 => "row 1 is missing".to_owned(),
            _ => format!("rows 1 to {k} are missing"),
        };
        assert_eq!(victim.after("DELETE FROM event WHERE seq <= K", k).await, [expected]);
        let expected = match k {
            1 => "the journal is cut off: it is empty, and journal.head knows row 200".to_owned(),
            _ => format!("the journal is cut off after row {}: journal.head knows row 200", k - 1),
        };
        assert_eq!(victim.after("DELETE FROM event WHERE seq >= K", k).await, [expected]);
        if k < ROWS - 1 {
            let expected = format!("rows {k} to {} are missing", k + 1);
            assert_eq!(victim.after("DELETE FROM event WHERE seq IN (K, NEXT)", k).await, [expected]);
        }
    }
    let several = "DELETE FROM event WHERE seq IN (3, 9, 10, 11, 200)";
    assert_eq!(
        victim.after(several, 0).await,
        [
            "row 3 is missing",
            "rows 9 to 11 are missing",
            "the journal is cut off after row 199: journal.head knows row 200"
        ]
    );
}

/// Makes room behind row K, or closes the gap that it left.
const SHIFT_UP: &str = "UPDATE event SET seq = -seq WHERE seq > K; UPDATE event SET seq = 1 - seq WHERE seq < 0;";
const SHIFT_DOWN: &str = "UPDATE event SET seq = -seq WHERE seq > K; UPDATE event SET seq = -1 - seq WHERE seq < 0;";

#[tokio::test]
async fn moved_rows_are_named_with_where_they_come_from() {
    let victim = Victim::new().await;
    let moved = |first: i64, last: i64, by: i64| match last - first {
        0 => format!("row {first} was moved: written as row {}", first + by),
        _ => format!("rows {first} to {last} were moved: written as rows {} to {}", first + by, last + by),
    };
    for k in 1..ROWS {
        let swap = "UPDATE event SET seq = -1 WHERE seq = K; UPDATE event SET seq = K WHERE seq = NEXT; UPDATE event SET seq = NEXT WHERE seq = -1";
        assert_eq!(victim.after(swap, k).await, [moved(k, k, 1), moved(k + 1, k + 1, -1)]);
        let closed = format!("DELETE FROM event WHERE seq = K; {SHIFT_DOWN}");
        let expected = [format!("row {k} is missing"), moved(k, ROWS - 1, 1)];
        let mut found = victim.after(&closed, k).await;
        found.sort_by_key(|finding| !finding.contains("missing"));
        assert_eq!(found, expected);
        let beyond = "UPDATE event SET seq = 300 WHERE seq = K";
        assert_eq!(victim.after(beyond, k).await, [moved(300, 300, k - 300)]);
    }
    let far = "UPDATE event SET seq = -1 WHERE seq = 5; UPDATE event SET seq = 5 WHERE seq = 150; UPDATE event SET seq = 150 WHERE seq = -1";
    assert_eq!(victim.after(far, 0).await, [moved(5, 5, 145), moved(150, 150, -145)]);
    let hidden = "UPDATE event SET seq = -7 WHERE seq = 20";
    assert_eq!(victim.after(hidden, 0).await, [moved(-7, -7, 27)]);
}

#[tokio::test]
async fn rows_that_stand_there_twice_are_named() {
    let victim = Victim::new().await;
    let copy = |to: &str| {
        format!(
            "INSERT INTO event SELECT {to}, at, kind, incident, body, prev_hash, hash, mac FROM event WHERE seq = K;"
        )
    };
    for k in 1..ROWS {
        assert_eq!(victim.after(&copy("201"), k).await, [format!("row 201 is a copy of row {k}")]);
        let behind = format!("{SHIFT_UP} {}", copy("NEXT"));
        let moved = match k + 1 {
            ROWS => "row 201 was moved: written as row 200".to_owned(),
            next => format!("rows {} to 201 were moved: written as rows {next} to 200", next + 1),
        };
        let copied = format!("row {} is a copy of row {k}", k + 1);
        assert_eq!(victim.after(&behind, k).await, [copied, moved]);
    }
}

#[tokio::test]
async fn rows_of_somebody_else_are_named_however_well_they_are_chained() {
    let victim = Victim::new().await;
    for k in 1..=ROWS {
        let (findings, starts) = victim.found(async |db| rewrite(db, k, |body| body + " ").await).await;
        let rows = if k == ROWS { "row 200 was".to_owned() } else { format!("rows {k} to 200 were") };
        let expected = format!("{rows} not written by this host: no MAC of this journal's key");
        assert_eq!((findings, starts), (vec![expected], false));
    }
    let (findings, starts) = victim
        .found(async |db| {
            run(db, "INSERT INTO event SELECT 201, at, kind, incident, body, prev_hash, hash, mac FROM event WHERE seq = 200").await;
            rewrite(db, 201, |body| body).await;
        })
        .await;
    let expected = "row 201 was not written by this host: no MAC of this journal's key".to_owned();
    assert_eq!((findings, starts), (vec![expected], false));
}

#[tokio::test]
async fn macs_that_were_stripped_are_missed() {
    let victim = Victim::new().await;
    let found = victim.after("UPDATE event SET mac = NULL", 0).await;
    assert_eq!(found, ["rows 1 to 200 were edited: its MAC, or the incident that it belongs to"]);
}

#[tokio::test]
async fn the_files_beside_the_database_are_held_against_it() {
    let victim = Victim::new().await;
    let (head, key) = (victim.folder.path().join(witness::FILE), victim.folder.path().join(seal::FILE));
    let good = std::fs::read(&head).unwrap();
    std::fs::remove_file(&head).unwrap();
    assert_eq!(victim.findings().await, ["journal.head is missing: rows cut off after row 200 would not show"]);
    assert!(matches!(victim.journal.reader().load_all(drop).await, Err(JournalError::Witness { .. })));
    std::fs::write(&head, String::from_utf8_lossy(&good).replacen("200 ", "199 ", 1)).unwrap();
    let forged = "journal.head was not written with this journal's key: rows cut off after row 200 would not show";
    assert_eq!(victim.findings().await, [forged]);
    std::fs::write(&head, &good).unwrap();
    assert!(victim.findings().await.is_empty());

    std::fs::write(&key, format!("{}\n", "5a".repeat(32))).unwrap();
    let reader = Reader::open(victim.folder.path(), None).await.unwrap();
    let findings: Vec<String> = reader.inspect(None).await.unwrap().findings.iter().map(ToString::to_string).collect();
    assert_eq!(findings, ["rows 1 to 200 were not written by this host: no MAC of this journal's key", forged]);
    assert!(reader.load_all(drop).await.is_err());
}

#[tokio::test]
async fn a_head_that_was_noted_finds_what_the_key_can_hide() {
    let victim = Victim::new().await;
    let reader = victim.journal.reader();
    let noted = reader.load_all(drop).await.unwrap();
    let told = async |noted: Head| {
        let inspection = reader.inspect(Some(&noted)).await.unwrap();
        inspection.findings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    append(&victim.journal, &[closed(7)], None).await;
    assert!(told(noted).await.is_empty(), "it went on from there");
    assert!(told(Head::default()).await.is_empty(), "nothing was noted of an empty journal");
    let other = Head { hash: [7; 32], ..noted };
    assert_eq!(
        told(other).await,
        ["row 200 is another than the one that the head given with --head knows: the journal was rewritten"]
    );
    let later = Head { seq: 300, ..noted };
    assert_eq!(told(later).await, ["the journal is cut off after row 201: the head given with --head knows row 300"]);
}

#[tokio::test]
async fn a_journal_that_is_ahead_of_its_head_is_whole_and_one_that_is_behind_is_cut() {
    let victim = Victim::new().await;
    let head = victim.folder.path().join(witness::FILE);
    let lagging = std::fs::read(&head).unwrap();
    append(&victim.journal, &[closed(1), closed(2)], None).await;
    let right = std::fs::read(&head).unwrap();
    // A crash between the commit and the head.
    std::fs::write(&head, &lagging).unwrap();
    assert!(victim.findings().await.is_empty());
    assert_eq!(victim.journal.reader().load_all(drop).await.unwrap().seq, 202);
    std::fs::write(&head, &right).unwrap();
    assert_eq!(
        victim.after("DELETE FROM event WHERE seq = 202", 0).await,
        ["the journal is cut off after row 201: journal.head knows row 202"]
    );
}

#[tokio::test]
async fn a_note_about_the_file_cannot_be_made_up() {
    let victim = Victim::new().await;
    run(
        &mut *victim.journal.reader().connection.lock().await,
        "INSERT INTO note VALUES (1, 200, 5, 'accepted', x'00')",
    )
    .await;
    let expected = "a note at row 200 about what was done to the journal was not written by this host";
    assert_eq!(victim.findings().await, [expected]);
}

#[tokio::test]
async fn nothing_is_written_behind_a_row_that_was_changed_meanwhile() {
    for tampering in [
        "DELETE FROM event WHERE seq = 200",
        "UPDATE event SET hash = randomblob(32) WHERE seq = 200",
        "INSERT INTO event SELECT 201, at, kind, incident, body, prev_hash, hash, mac FROM event WHERE seq = 200",
        "DELETE FROM event",
    ] {
        let victim = Victim::new().await;
        run(&mut *victim.journal.reader().connection.lock().await, tampering).await;
        let event = closed(9);
        let refused = victim.journal.append(&[Entry { event: &event, incident: None }]).await;
        assert!(matches!(refused, Err(JournalError::Tampered { .. })), "{tampering}: {refused:?}");
    }
}
