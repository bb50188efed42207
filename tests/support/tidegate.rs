//! The program under test: the built binary, a config in a folder of its own, and what can be asked of it.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::{Answer, Client, raw};
use super::program::Program;
use super::{eventually, free_address, guest};

const GUESTS: [&str; 7] = ["tide", "zscore", "seasonal", "runbook", "hostile", "hostile-policy", "nosy-policy"];
/// The user's cache, as the tests have it.
const CACHE: &str = env!("CARGO_TARGET_TMPDIR");
/// The token of alice, an admin and the only person.
pub(crate) const TOKEN: &str = "a-token-that-only-alice-knows";
/// The token of the sender `alertmanager`.
pub(crate) const SENDER_TOKEN: &str = "a-token-that-only-delivers";

/// A tidegate, running or not. Its data outlives every run of it.
pub(crate) struct Tidegate {
    program: Option<Program>,
    runs: usize,
    address: SocketAddr,
    /// Alice.
    client: Client,
    folder: TempDir,
}

impl Tidegate {
    /// An address and a folder, and nothing running yet.
    pub(crate) fn new() -> Tidegate {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("guests")).expect("a folder");
        for name in GUESTS {
            symlink(guest(name), folder.path().join("guests").join(format!("{name}.wasm"))).expect("a link");
        }
        // Compiled guests are shared, or the tests would spend their time compiling the same ones all at once.
        let compiled = Path::new(CACHE).join("tidegate/compiled");
        fs::create_dir_all(&compiled).expect("a folder");
        fs::create_dir(folder.path().join("data")).expect("a folder");
        symlink(compiled, folder.path().join("data/compiled")).expect("a link");
        let address = free_address();
        let client = Client::new(address).with_token(TOKEN);
        let tidegate = Tidegate { program: None, runs: 0, address, client, folder };
        tidegate.write_secret("alice", TOKEN);
        tidegate.write_secret("alertmanager", SENDER_TOKEN);
        tidegate
    }

    /// A running one, ready or not. See [`Self::configure`].
    pub(crate) fn start(config: &str, around: &[(&str, SocketAddr)]) -> Tidegate {
        let mut tidegate = Tidegate::new();
        tidegate.configure(config, around);
        tidegate.run();
        tidegate
    }

    /// Writes a file into its folder that nobody else may read.
    pub(crate) fn write_secret(&self, name: &str, secret: &str) {
        let file = self.file(name);
        fs::write(&file, secret).expect("a secret");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a secret");
    }

    /// Writes its config: alice, a sender and `[server]`, to which `config` may add keys, then `config`, with the address of what is
    /// around it in place of each `http://name`.
    pub(crate) fn configure(&self, config: &str, around: &[(&str, SocketAddr)]) {
        let address = self.address;
        let mut text = format!(
            "[[approver]]\nname = \"alice\"\nrole = \"admin\"\ntoken_file = \"alice\"\n\n\
             [[sender]]\nname = \"alertmanager\"\ntoken_file = \"alertmanager\"\n\n\
             [server]\nlisten = \"{address}\"\n{config}"
        );
        for (name, address) in around {
            text = text.replace(&format!("http://{name}"), &format!("http://{address}"));
        }
        fs::write(self.file("tidegate.toml"), text).expect("a config");
    }

    /// Starts it and waits until it answers.
    pub(crate) fn run(&mut self) {
        let client = self.client.clone();
        self.run_until("tidegate answers", |_| client.try_get("/-/healthy").is_some_and(|answer| answer.status == 200));
    }

    /// Starts it and waits until `answers` says that it is there.
    pub(crate) fn run_until(&mut self, what: &str, answers: impl Fn(SocketAddr) -> bool) {
        assert!(self.program.is_none(), "it runs already");
        self.runs += 1;
        let mut program = Program::start("tidegate", self.command(&["run"]), self.log_file());
        eventually(what, || {
            let ended = program.ended();
            assert!(ended.is_none(), "tidegate ended by itself: {ended:?}\n{}", self.log());
            answers(self.address).then_some(())
        });
        self.program = Some(program);
    }

    /// Waits until it works.
    pub(crate) fn ready(&self) -> &Tidegate {
        eventually("tidegate is ready", || Some(self.client.get("/-/ready")).filter(|answer| answer.status == 200));
        self
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.program.take().expect("a running tidegate").kill();
    }

    /// SIGHUP.
    pub(crate) fn hang_up(&self) {
        self.program.as_ref().expect("a running tidegate").hang_up();
    }

    /// SIGTERM, to the end.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.program.take().expect("a running tidegate").terminate()
    }

    /// What one run of the command line says and how it ends.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Output {
        self.command(arguments).env("TIDEGATE_TOKEN", TOKEN).stdin(Stdio::null()).output().expect("the binary runs")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.current_dir(self.folder.path()).args(arguments).env_remove("RUST_LOG").env("XDG_CACHE_HOME", CACHE);
        command
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A file in its folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The log of the current run, or of the last one.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Where that log is.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.file(&format!("run-{}.log", self.runs))
    }

    /// Whoever comes without a token.
    pub(crate) fn stranger(&self) -> Client {
        Client::new(self.address)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.client.get(path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.client.post(path, body)
    }

    /// As Alertmanager delivers.
    pub(crate) fn deliver(&self, body: &[u8]) -> Answer {
        self.stranger().with_token(SENDER_TOKEN).post_bytes("/webhook/alertmanager", body)
    }

    /// Alice says yes to exactly what `request` shows.
    pub(crate) fn approve(&self, request: &Value) -> Answer {
        self.post(&format!("/api/v1/approvals/{}/approve", id(request)), &json!({ "digest": request["digest"] }))
    }

    /// Alice says no.
    pub(crate) fn deny(&self, request: &Value, reason: &str) -> Answer {
        self.post(&format!("/api/v1/approvals/{}/deny", id(request)), &json!({ "reason": reason }))
    }

    /// All incidents, the latest first.
    pub(crate) fn incidents(&self) -> Vec<Value> {
        self.get("/api/v1/incidents").good()["incidents"].as_array().expect("a list").clone()
    }

    /// One incident with its requests and its timeline.
    pub(crate) fn incident(&self, incident: &Value) -> Value {
        self.get(&format!("/api/v1/incidents/{}", id(incident))).good()
    }

    /// All requests, the latest first.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.get("/api/v1/approvals").good()["approvals"].as_array().expect("a list").clone()
    }

    /// One request.
    pub(crate) fn request(&self, request: &Value) -> Value {
        self.get(&format!("/api/v1/approvals/{}", id(request))).good()
    }

    /// Waits for an open incident of this watch or route.
    pub(crate) fn opened(&self, watch: &str) -> Value {
        eventually(&format!("an incident of {watch:?} opens"), || {
            self.incidents().into_iter().find(|incident| incident["watch"] == watch && incident["status"] == "open")
        })
    }

    /// Waits until this incident closes.
    pub(crate) fn closed(&self, incident: &Value) -> Value {
        eventually("the incident closes", || {
            Some(self.incident(incident)).filter(|incident| incident["status"] == "closed")
        })
    }

    /// Waits for a request that waits for a decision.
    pub(crate) fn pending(&self) -> Value {
        eventually("a request waits for a decision", || {
            self.requests().into_iter().find(|request| request["status"] == "pending")
        })
    }

    /// Waits for a request about this service that waits for a decision.
    pub(crate) fn pending_for(&self, service: &str) -> Value {
        eventually(&format!("a request about {service} waits for a decision"), || {
            let about = |request: &Value| request["action"]["target"]["service"] == service;
            self.requests().into_iter().find(|request| request["status"] == "pending" && about(request))
        })
    }

    /// Waits until this request is as it should be.
    pub(crate) fn request_when(&self, request: &Value, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        eventually(what, || Some(self.request(request)).filter(&holds))
    }

    /// The kinds of events in the life of an incident, oldest first.
    pub(crate) fn timeline(&self, incident: &Value) -> Vec<String> {
        let incident = self.incident(incident);
        let events = incident["timeline"].as_array().expect("a timeline").iter();
        events.map(|event| event["kind"].as_str().expect("a kind").to_owned()).collect()
    }

    /// Waits until an event of this kind is in the life of an incident; returns its text.
    pub(crate) fn told(&self, incident: &Value, kind: &str) -> String {
        eventually(&format!("{kind} in the timeline"), || {
            let incident = self.incident(incident);
            let events = incident["timeline"].as_array()?;
            let event = events.iter().find(|event| event["kind"] == kind)?;
            Some(event["text"].as_str()?.to_owned())
        })
    }

    /// What stands on one of its pages for alice, without markup: one line, words with one space between them.
    pub(crate) fn page(&self, path: &str) -> String {
        let address = self.address;
        let body = format!("token={TOKEN}");
        let answer = raw(
            address,
            format!(
                "POST /login HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nConnection: close\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .as_bytes(),
        );
        let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")?.split(';').next());
        let cookie = cookie.unwrap_or_else(|| panic!("no cookie in {answer}"));
        let page = raw(
            address,
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nCookie: {cookie}\r\n\r\n")
                .as_bytes(),
        );
        assert!(page.starts_with("HTTP/1.1 200"), "{page}");
        let (_, page) = page.split_once("<main").unwrap_or_else(|| panic!("no page in {page}"));
        let text: String = page.split('<').map(|part| part.split_once('>').map_or("", |(_, text)| text)).collect();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// What one run of the command line writes, which must end well.
    pub(crate) fn says(&self, arguments: &[&str]) -> String {
        let output = self.cli(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// The lines of the log of the current run that hold this.
    pub(crate) fn logged(&self, words: &str) -> Vec<String> {
        self.log().lines().filter(|line| line.contains(words)).map(str::to_owned).collect()
    }

    /// The value of one of its own metrics; 0 where it is not there. Labels as `watch="a",result="b"`, in their order.
    pub(crate) fn metric(&self, name: &str, labels: &str) -> f64 {
        let series = if labels.is_empty() { name.to_owned() } else { format!("{name}{{{labels}}}") };
        let text = self.get("/metrics").body;
        let line = text.lines().find_map(|line| line.strip_prefix(&series)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// Waits until a metric has reached a value.
    pub(crate) fn reaches(&self, name: &str, labels: &str, least: f64) {
        eventually(&format!("{name}{{{labels}}} reaches {least}"), || {
            Some(self.metric(name, labels)).filter(|value| *value >= least)
        });
    }

    /// Stops it and recomputes the chain of hashes over its journal.
    pub(crate) fn stop_and_verify_journal(&mut self) {
        assert!(self.terminate().success(), "{}", self.log());
        let output = self.cli(&["journal", "verify"]);
        assert!(output.status.success(), "{output:?}");
    }
}

fn id(thing: &Value) -> &str {
    thing["id"].as_str().expect("an id")
}
