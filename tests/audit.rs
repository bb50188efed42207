//! The journal of a real host, looked at while it runs, in a copy, and after somebody wrote into it; and deciding from the
//! command line.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use crate::support::fake_prometheus::FakePrometheus;
use crate::support::target::Target;
use crate::support::tidegate::Tidegate;
use crate::support::{delivery, eventually};

const BOB: &str = "a-token-that-only-bob-knows";

const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[[approver]]
name = "bob"
token_file = "bob"

[gate]
quorum = 2

[[alert_route]]
name = "alerts"
match = ['alertname="Down"']
remediation = { guest = "runbook", settings = { rules = [{ action = "restart" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "low"
"#;

struct Scene {
    tidegate: Tidegate,
    target: Target,
    _prometheus: FakePrometheus,
}

/// A host that asks about a service.
fn asked() -> Scene {
    let (prometheus, target) = (FakePrometheus::start(), Target::start());
    let mut tidegate = Tidegate::new();
    tidegate.write_secret("bob", BOB);
    tidegate.configure(CONFIG, &[("prometheus", prometheus.address()), ("target", target.address())]);
    tidegate.run();
    tidegate.deliver(&delivery("firing", "Down", "check\u{1b}[2Jout")).good();
    tidegate.pending();
    Scene { tidegate, target, _prometheus: prometheus }
}

fn said(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    (output.status.code(), text.concat())
}

fn write_into(data_dir: &Path, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let url = format!("sqlite://{}", data_dir.join("journal.db").display());
        let mut db = SqliteConnection::connect(&url).await.expect("the journal");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut db).await.expect("it can be written");
        db.close().await.expect("it can be closed");
    });
}

#[test]
fn two_people_decide_from_the_command_line() {
    let scene = asked();
    let tidegate = &scene.tidegate;
    let (code, listed) = said(&tidegate.cli(&["approval", "list"]));
    assert_eq!(code, Some(0), "{listed}");
    let id = listed.lines().nth(1).and_then(|line| line.split(' ').next()).expect("a request").to_owned();
    assert!(!listed.contains('\u{1b}'), "{listed:?}");

    // The first yes is not an approval, and the same person's second one is refused.
    let (code, first) = said(&tidegate.cli(&["approve", &id]));
    assert_eq!(code, Some(0), "{first}");
    assert!(first.contains("not approved yet") && !first.contains('\u{1b}'), "{first:?}");
    assert_eq!(tidegate.pending()["id"], id.as_str());
    let (code, again) = said(&tidegate.cli(&["approve", &id, "--yes"]));
    assert_eq!(code, Some(3), "{again}");
    let (_, shown) = said(&tidegate.cli(&["approval", "show", &id]));
    assert!(shown.contains("alice (cli, 127.0.0.1:") && shown.contains("needed:"), "{shown}");

    let (code, second) = said(&tidegate.cli(&["approve", &id, "--token-file", "bob", "--output", "json"]));
    assert_eq!(code, Some(0), "{second}");
    let answer: Value = serde_json::from_str(&second).expect("JSON");
    assert_eq!((answer["status"].as_str(), answer["decided"]["by"].as_str()), (Some("approved"), Some("bob")));
    eventually("it is carried out", || (scene.target.repairs().len() == 1).then_some(()));

    let (code, refused) = said(&tidegate.cli(&["deny", &id, "--reason", "late"]));
    assert_eq!(code, Some(3), "{refused}");
    let (code, paused) = said(&tidegate.cli(&["pause", "--token-file", "bob"]));
    assert!(code == Some(0) && paused.starts_with("paused by bob"), "{paused}");
    let (code, refused) = said(&tidegate.cli(&["resume", "--token-file", "bob"]));
    assert_eq!(code, Some(3), "only an admin resumes: {refused}");
    let (code, resumed) = said(&tidegate.cli(&["resume"]));
    assert!(code == Some(0) && resumed.starts_with("resumed"), "{resumed}");
}

#[test]
fn the_journal_is_verified_beside_its_host_in_a_copy_and_against_a_head_noted_earlier() {
    let mut scene = asked();
    let (code, verified) = said(&scene.tidegate.cli(&["journal", "verify"]));
    assert_eq!(code, Some(0), "{verified}");
    let noted = verified.lines().find_map(|line| line.strip_prefix("head: ")).expect("a head").to_owned();
    scene.tidegate.deliver(&delivery("firing", "Down", "search")).good();
    let (code, later) = said(&scene.tidegate.cli(&["journal", "verify", "--head", &noted]));
    assert!(code == Some(0) && later.contains("is the one that was noted"), "{later}");
    assert!(scene.tidegate.terminate().success());

    let (data, copy) = (scene.tidegate.file("data"), scene.tidegate.file("copy"));
    fs::create_dir(&copy).expect("a folder");
    for entry in fs::read_dir(&data).expect("a folder") {
        let name = entry.expect("a file").file_name();
        // The database has files beside it that belong to it.
        if name.to_string_lossy().starts_with("journal.") && name != "journal.key" {
            fs::copy(data.join(&name), copy.join(&name)).expect("a copy");
        }
    }
    let verify_copy = |key: &[&str]| {
        let arguments = [&["journal", "verify", "--data-dir", "copy"], key].concat();
        said(&scene.tidegate.cli(&arguments))
    };
    let (code, without) = verify_copy(&[]);
    assert!(code == Some(1) && without.contains("journal.key"), "{without}");
    let (code, with) = verify_copy(&["--key-file", "data/journal.key"]);
    assert_eq!(code, Some(0), "{with}");
    write_into(
        &copy,
        "UPDATE event SET body = replace(body, 'search', 'secret') WHERE seq = 2; DELETE FROM event WHERE seq = 3",
    );
    let (code, bad) = verify_copy(&["--key-file", "data/journal.key"]);
    assert!(code == Some(1) && bad.contains("row 3 is missing"), "{bad}");
}

#[test]
fn a_host_does_not_start_on_a_journal_that_was_cut_until_a_person_accepts_it() {
    let mut scene = asked();
    assert!(scene.tidegate.terminate().success());
    let data = scene.tidegate.file("data");
    write_into(&data, "DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)");
    let (code, refused) = said(&scene.tidegate.cli(&["run"]));
    assert!(code == Some(1) && refused.contains("tidegate journal accept"), "{refused}");
    let (code, accepted) = said(&scene.tidegate.cli(&["journal", "accept"]));
    assert_eq!(code, Some(0), "{accepted}");
    scene.tidegate.run();
    scene.tidegate.stop_and_verify_journal();
    let (_, verified) = said(&scene.tidegate.cli(&["journal", "verify"]));
    assert!(verified.contains("was accepted for the last one by a person"), "{verified}");

    write_into(&data, "UPDATE event SET incident = NULL WHERE seq = 2");
    let (code, refused) = said(&scene.tidegate.cli(&["run"]));
    assert!(code == Some(1) && refused.contains("row 2") && refused.contains("journal verify"), "{refused}");
    let (code, refused) = said(&scene.tidegate.cli(&["journal", "accept"]));
    assert!(code == Some(1) && refused.contains("row 2 was edited"), "{refused}");
}
