//! `tidegate guest inspect`, `run` and `bench`: what they say of good guests and bad ones, of good data and bad data, and
//! the exit codes.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::fake_prometheus::FakePrometheus;
use crate::support::guest;
use crate::support::listener::Reply;

/// What a run of the command said, and its exit code.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }
}

fn run(arguments: &[&str]) -> Said {
    run_with(arguments, "")
}

fn run_with(arguments: &[&str], input: &str) -> Said {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .arg("guest")
        .args(arguments)
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .env_remove("RUST_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A command that does not read its input may be gone by now.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("the binary ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// The path of a built guest.
fn wasm(name: &str) -> String {
    guest(name).display().to_string()
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, content).expect("a file");
        path.display().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// An hour and a half of minutes around 10, with one spike to 60 at minute 80.
fn series() -> String {
    let mut text = "timestamp,value\n".to_owned();
    for minute in 0..90 {
        let value = if minute == 80 { 60.0 } else { 10.0 + f64::from(minute % 7) / 10.0 };
        writeln!(text, "{},{value}", 1_767_225_600 + minute * 60).expect("a string takes it");
    }
    text
}

#[test]
fn inspect_tells_what_anything_is() {
    let folder = Folder::new();
    let good = run(&["inspect", &wasm("zscore")]);
    assert_eq!(good.code, Some(0), "{}", good.err);
    for word in ["a detector that loads without any grant", "zscore 0.1.0", "threshold", "number, above 0, default 3.0"]
    {
        assert!(good.out.contains(word), "no {word:?} in {}", good.out);
    }
    let nosy = run(&["inspect", &wasm("nosy-policy"), "--output", "json"]);
    assert_eq!(nosy.code, Some(1), "{}", nosy.err);
    let nosy = nosy.json();
    assert_eq!((nosy["loads"].as_bool(), nosy["kind"].as_str()), (Some(false), Some("remediation")));
    assert_eq!(nosy["needs_grants"], serde_json::json!(["host-metrics"]));
    assert_eq!(nosy["settings"][0]["key"], "expr");

    let foreign = b"\0asm\x0d\0\x01\0";
    for (name, content, said) in [
        ("empty.wasm", b"".as_slice(), "the file is empty"),
        ("core.wasm", b"\0asm\x01\0\0\0", "core module"),
        ("text.wasm", b"(component)", "text format"),
        ("page.wasm", b"<!DOCTYPE html>", "web page"),
        ("torn.wasm", b"\0asm\x0d\0\x01\0\x07\xff", "not a valid component"),
        ("foreign.wasm", foreign, "component of another kind"),
    ] {
        let told = run(&["inspect", &folder.file(name, content)]);
        assert_eq!(told.code, Some(1), "{name}: {}", told.err);
        assert!(told.out.contains(said) && told.err.is_empty(), "{name}: {} {}", told.out, told.err);
        let told = run(&["inspect", &folder.path(name).display().to_string(), "--output", "json"]).json();
        assert_eq!(told["loads"], false, "{name}");
    }
    for (path, said) in [(folder.path("nothing.wasm"), "cannot read"), (folder.path(""), "is a folder")] {
        let told = run(&["inspect", &path.display().to_string()]);
        assert!(told.code == Some(1) && told.err.contains(said), "{}", told.err);
    }
}

#[test]
fn a_detector_runs_over_a_file() {
    let folder = Folder::new();
    let (zscore, csv, svg) = (wasm("zscore"), folder.file("queue.csv", series()), folder.path("queue.svg"));
    let table = run(&["run", &zscore, "--csv", &csv, "--only", "anomalous", "--plot", &svg.display().to_string()]);
    assert_eq!(table.code, Some(0), "{}", table.err);
    let rows: Vec<&str> = table.out.lines().collect();
    assert_eq!(rows.len(), 3, "{}", table.out);
    assert!(rows[1].starts_with("! 2026-01-01T01:20:00Z  60.0"), "{}", table.out);
    assert!(rows[2].contains("90 samples, 60 judged, 1 anomalous, 30 learning (it needs 30)"), "{}", table.out);
    let picture = fs::read_to_string(svg).expect("a picture");
    assert!(picture.starts_with("<svg") && picture.contains("2026-01-01T01:20:00Z: 60, expected"), "{picture}");

    // The answer as CSV is data again, and says the same again.
    let again = run(&["run", &zscore, "--csv", &csv, "--output", "csv"]);
    let twice = run_with(&["run", &zscore, "--csv", "-", "--output", "csv"], &again.out);
    assert_eq!((twice.code, &twice.out), (Some(0), &again.out), "{}", twice.err);
    assert_eq!(again.out.lines().count(), 91);

    let json =
        run(&["run", &zscore, "--csv", &csv, "--output", "json", "--set", "min_samples=10", "--start", "1767229200"]);
    let json = json.json();
    assert_eq!(json["settings"], serde_json::json!({ "min_samples": 10 }));
    assert_eq!((json["step_ms"].as_u64(), json["min_samples"].as_u64()), (Some(60_000), Some(10)));
    let summary = &json["series"][0]["summary"];
    assert_eq!((&summary["samples"], &summary["history"], &summary["judged"]), (&30.into(), &60.into(), &30.into()));
}

#[test]
fn data_that_are_none_are_told_by_their_place() {
    let folder = Folder::new();
    let zscore = wasm("zscore");
    let range = |result: &str| format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":{result}}}}}"#);
    for (name, content, said) in [
        ("a.csv", "1,1\n2,two\n".to_owned(), "a.csv: line 2: \"two\" is not a number"),
        ("b.csv", "1,1\n3,1\n2,1\n".to_owned(), "b.csv: line 3"),
        ("c.csv", String::new(), "holds no sample"),
        ("d.csv", "1,1\n".to_owned(), "--step"),
        ("e.json", r#"{"status":"error","errorType":"bad_data","error":"no such thing"}"#.to_owned(), "no such thing"),
        ("f.json", range("[]"), "there is no series"),
        ("g.json", range(r#"[{"metric":{},"histograms":[[1,{}]]}]"#), "histogram_quantile"),
        ("h.json", "<html>".to_owned(), "not one of Prometheus' API"),
    ] {
        let option = if name.ends_with("csv") { "--csv" } else { "--range-json" };
        let told = run(&["run", &zscore, option, &folder.file(name, content)]);
        assert_eq!(told.code, Some(2), "{name}: {} {}", told.out, told.err);
        assert!(told.err.contains(said), "{name}: {}", told.err);
    }
    let csv = folder.file("good.csv", series());
    for (arguments, said) in [
        (["--set", "windw=2h"].as_slice(), "windw"),
        (&["--set", "threshold=-1"], "threshold"),
        (&["--set", "window"], "KEY=VALUE"),
        (&["--settings", "nowhere.json"], "nowhere.json"),
        (&["--series", "{a=\"b\"}"], "--series"),
        (&["--start", "yesterday"], "--start"),
        (&["--grant", "host-metric"], "host-metrics"),
    ] {
        let told = run(&[&["run", &zscore, "--csv", &csv], arguments].concat());
        assert!(told.code == Some(2) && told.err.contains(said), "{arguments:?}: {:?} {}", told.code, told.err);
    }
    for arguments in
        [["run", &zscore].as_slice(), &["run", &zscore, "--incident", &csv], &["run", &wasm("runbook"), "--csv", &csv]]
    {
        let told = run(arguments);
        assert!(told.code == Some(2) && told.err.contains("guest \""), "{arguments:?}: {}", told.err);
    }
}

#[test]
fn series_are_chosen_by_their_labels() {
    let folder = Folder::new();
    let range = r#"{"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"__name__":"up","job":"a"},"values":[[0,"1"],[60,"NaN"],[120,"1"]]},
        {"metric":{"job":"b"},"values":[[0,"1"],[60,"+Inf"]]}]}}"#;
    let file = folder.file("range.json", range);
    let both = run(&["run", &wasm("zscore"), "--range-json", &file]);
    assert_eq!(both.code, Some(0), "{}", both.err);
    for word in ["up{job=\"a\"}", "{job=\"b\"}", "1 not a number", "step 1m"] {
        assert!(both.out.contains(word), "no {word:?} in {}", both.out);
    }
    let one =
        run(&["run", &wasm("zscore"), "--range-json", &file, "--series", "{job=\"b\"}", "--output", "json"]).json();
    assert_eq!(one["series"].as_array().map(Vec::len), Some(1));
    assert_eq!(one["series"][0]["samples"][1]["value"], "+Inf");
    let plot = folder.path("p.svg").display().to_string();
    let told = run(&["run", &wasm("zscore"), "--range-json", &file, "--plot", &plot]);
    assert!(told.code == Some(2) && told.err.contains("up{job=\"a\"}"), "{}", told.err);
    assert!(!Path::new(&plot).exists());
}

#[test]
fn a_guest_that_fails_is_shown_where_it_failed() {
    let folder = Folder::new();
    let csv = folder.file("s.csv", "0,1\n60,13\n120,1\n180,1\n");
    let told = run(&["run", &wasm("hostile"), "--csv", &csv, "--set", "mode=panic", "--set", "when=13"]);
    assert_eq!(told.code, Some(1), "{}", told.err);
    let failed: Vec<&str> = told.out.lines().filter(|line| line.starts_with('?')).collect();
    assert_eq!(failed.len(), 1, "{}", told.out);
    assert!(failed[0].contains("1970-01-01T00:01:00Z") && failed[0].contains("hostile on purpose"), "{}", told.out);
    assert!(told.out.contains("4 samples, 3 judged") && told.out.contains("1 without an answer"), "{}", told.out);
    assert!(told.err.contains("(trapped)"), "{}", told.err);

    let told = run(&["run", &wasm("hostile"), "--csv", &csv, "--set", "mode=panic-in-open"]);
    assert!(told.code == Some(1) && told.err.contains("in open"), "{}", told.err);
    let told = run(&["run", &wasm("hostile"), "--csv", &csv, "--set", "mode=rude-note", "--output", "json"]);
    assert!(told.code == Some(0) && !told.out.contains('\u{1b}'), "{}", told.out);
    let told = run(&["run", &csv, "--csv", &csv]);
    assert!(told.code == Some(1) && told.err.contains("guest inspect"), "{}", told.err);
}

#[test]
fn a_detector_runs_over_a_live_prometheus() {
    let prometheus = FakePrometheus::start();
    prometheus.play("queue", 10.0);
    let url = format!("http://{}", prometheus.address());
    let ask = |more: &[&str]| {
        run(&[&["run", &wasm("zscore"), "--prometheus", &url, "--query", "queue", "--set", "window=10s"], more]
            .concat())
    };
    let told = ask(&["--start", "30s", "--step", "1s", "--set", "min_samples=5", "--output", "json"]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    let json = told.json();
    let one = &json["series"][0];
    assert_eq!(one["series"], "{service=\"queue\"}");
    // The guest wants ten seconds of history, which were asked for as well: every sample shown is judged.
    let (samples, judged) = (one["summary"]["samples"].as_u64(), one["summary"]["judged"].as_u64());
    assert!(samples.is_some_and(|samples| samples >= 29) && samples == judged, "{one}");
    let history = one["summary"]["history"].as_u64();
    assert!(history.is_some_and(|history| (9..=11).contains(&history)), "{one}");
    let without = ask(&["--start", "30s", "--step", "1s", "--history", "0", "--output", "json"]).json();
    assert_eq!(without["series"][0]["summary"]["history"], 0);

    let told = ask(&["--start", "2d", "--end", "1d", "--set", "window=1h"]);
    assert!(told.code == Some(2) && told.err.contains("no samples for \"queue\""), "{}", told.err);
    let refusal = r#"{"status":"error","errorType":"bad_data","error":"unexpected end"}"#;
    prometheus.answer("queue", Reply::json(400, refusal.to_owned()));
    let told = ask(&["--set", "window=1h"]);
    assert!(told.code == Some(1) && told.err.contains("unexpected end"), "{}", told.err);
}

#[test]
fn a_policy_decides_on_an_incident() {
    let folder = Folder::new();
    let incident = folder.file("i.json", r#"{"severity": "high", "labels": {"service": "checkout"}}"#);
    let settings = folder.file("s.toml", "[[rules]]\naction = \"restart\"\nmatch = ['service=\"checkout\"']\n");
    let runbook = wasm("runbook");
    let base = ["run", &runbook, "--incident", &incident, "--settings", &settings];
    let told = run(&[&base, ["--action", "restart,failover"].as_slice()].concat());
    assert_eq!(told.code, Some(0), "{}", told.err);
    assert!(told.out.contains("decision:   propose\naction:     restart\n"), "{}", told.out);
    let told = run(&[&base, ["--action", "restart", "--output", "json"].as_slice()].concat()).json();
    assert_eq!((&told["decision"], &told["action"]), (&"propose".into(), &"restart".into()));
    let told = run(&base);
    assert!(told.code == Some(2) && told.err.contains("--action"), "{}", told.err);
    let other = folder.file("o.json", "{}");
    let told = run(&["run", &runbook, "--incident", &other, "--settings", &settings, "--action", "restart"]);
    assert!(told.code == Some(0) && told.out.starts_with("decision:  leave"), "{} {}", told.out, told.err);
    for (content, said) in [("{\"lables\": {}}", "lables"), ("[]", "not a JSON object"), ("", "not a JSON object")] {
        let told =
            run_with(&["run", &runbook, "--incident", "-", "--settings", &settings, "--action", "restart"], content);
        assert!(told.code == Some(2) && told.err.contains(said), "{content}: {}", told.err);
    }
}

#[test]
fn a_policy_asks_prometheus_only_where_it_may() {
    let folder = Folder::new();
    let incident = folder.file("i.json", "{}");
    let nosy = wasm("nosy-policy");
    let base = ["run", &nosy, "--incident", &incident, "--set", "expr=up"];
    let told = run(&base);
    assert!(told.code == Some(1) && told.err.contains("--grant host-metrics"), "{}", told.err);
    let told = run(&[&base, ["--grant", "host-metrics"].as_slice()].concat());
    assert!(told.code == Some(0) && told.out.contains("no Prometheus was named"), "{} {}", told.out, told.err);
    let prometheus = FakePrometheus::start();
    let url = format!("http://{}", prometheus.address());
    let told = run(&[&base, ["--grant", "host-metrics", "--prometheus", &url].as_slice()].concat());
    assert!(told.code == Some(0) && told.out.contains("heard of 0 series"), "{} {}", told.out, told.err);
    assert!(told.out.contains("asked:     up: 0 series"), "{}", told.out);
}

#[test]
fn bench_measures_what_can_be_measured() {
    let (zscore, runbook) = (wasm("zscore"), wasm("runbook"));
    let quick = ["--seconds", "1", "--series", "10", "--output", "json"];
    let told = run(&[&["bench", &zscore], quick.as_slice()].concat());
    assert_eq!(told.code, Some(0), "{}", told.err);
    let figures = &told.json()["guests"][0];
    for name in [
        "calls_per_second",
        "call_nanoseconds",
        "bulk_sample_nanoseconds",
        "state_bytes",
        "memory_bytes",
        "cold_load_seconds",
    ] {
        assert!(figures[name].as_f64().is_some_and(|number| number > 0.0), "{name} in {figures}");
    }
    // The runbook cannot do without rules; the other guest is measured all the same.
    let told = run(&[&["bench", &runbook, &zscore], quick.as_slice()].concat());
    assert!(told.code == Some(2) && told.err.contains("rules"), "{:?} {}", told.code, told.err);
    assert_eq!(told.json()["guests"].as_array().map(Vec::len), Some(1));
    let told = run(&["bench"]);
    assert_eq!(told.code, Some(2));
}
