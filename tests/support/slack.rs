//! Slack, as a program of our own in Python: it checks what it gets and signs what it sends by Slack's own library. See
//! `tests/slack/standin.py`.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::Client;
use super::program::Program;
use super::{eventually, free_address, root, target_dir};

/// What the stand-in knows its callers by.
const BOT_TOKEN: &str = "xoxb-the-bot-of-this-test";
const APP_TOKEN: &str = "xapp-the-app-of-this-test";
const SIGNING_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const WEBHOOK: &str = "/services/T0001/B0001/a-secret-path";

/// A running stand-in.
pub(crate) struct Slack {
    // Ended before its folder goes.
    program: Program,
    address: SocketAddr,
    socket_address: SocketAddr,
    client: Client,
    folder: TempDir,
}

impl Slack {
    pub(crate) fn start() -> Slack {
        let (address, socket_address) = (free_address(), free_address());
        let folder = tempfile::tempdir().expect("a folder");
        let program = program(address, socket_address, &folder);
        let client = Client::new(address);
        eventually("the stand-in for Slack answers", || client.try_get("/"));
        Slack { program, address, socket_address, client, folder }
    }

    /// Ends, and comes back where it was, without a memory.
    pub(crate) fn restart(self) -> Slack {
        let Slack { program, address, socket_address, client, folder } = self;
        program.kill();
        let program = self::program(address, socket_address, &folder);
        eventually("the stand-in for Slack answers again", || client.try_get("/"));
        Slack { program, address, socket_address, client, folder }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The secrets that a config with [`bot`] names, written beside it.
    pub(crate) fn secrets(&self) -> [(&'static str, String); 4] {
        [
            ("bot", BOT_TOKEN.to_owned()),
            ("app", APP_TOKEN.to_owned()),
            ("signing", SIGNING_SECRET.to_owned()),
            ("webhook", format!("http://{}{WEBHOOK}", self.address)),
        ]
    }

    /// Everything that it saw.
    pub(crate) fn state(&self) -> Value {
        self.client.get("/").good()
    }

    /// How often a method was called.
    pub(crate) fn calls(&self, method: &str) -> usize {
        let calls = self.state()["calls"].as_array().expect("a list").clone();
        calls.iter().filter(|call| *call == method).count()
    }

    /// The messages in a channel, threads aside.
    pub(crate) fn messages(&self, channel: &str) -> Vec<Value> {
        let messages = self.state()["messages"].as_array().expect("a list").clone();
        messages.into_iter().filter(|m| m["channel"] == channel && m["thread_ts"].is_null()).collect()
    }

    /// Waits for the message of a request in a channel whose newest version says this.
    pub(crate) fn message(&self, channel: &str, request: &Value, says: &str) -> Value {
        let id = request["id"].as_str().expect("an id");
        eventually(&format!("a message in {channel} about {id} says {says:?}"), || {
            let mut messages = self.messages(channel).into_iter();
            messages.find(|message| text(message).contains(id) && text(message).contains(says))
        })
    }

    /// Waits for a line in the thread below a message.
    pub(crate) fn below(&self, message: &Value, says: &str) -> Value {
        eventually(&format!("a line below says {says:?}"), || {
            let messages = self.state()["messages"].as_array()?.clone();
            let mut lines = messages.into_iter().filter(|m| m["thread_ts"] == message["ts"]);
            lines.find(|line| text(line).contains(says))
        })
    }

    /// Waits for the answer to what was done under this name.
    pub(crate) fn answer(&self, name: &str) -> String {
        eventually(&format!("an answer to {name}"), || {
            let answers = self.state()["answers"].as_array()?.clone();
            let answer = answers.into_iter().find(|answer| answer["path"] == name)?;
            Some(answer["text"].as_str()?.to_owned())
        })
    }

    /// Tells it something, or has somebody do something.
    pub(crate) fn control(&self, what: &str, how: &Value) -> Value {
        self.client.post(&format!("/control/{what}"), how).good()
    }

    /// Somebody does something; returned is the status and the body with which it was taken.
    pub(crate) fn does(&self, tidegate: SocketAddr, did: &Value) -> (u64, String) {
        let mut did = did.clone();
        did["to"] = json!(format!("http://{tidegate}"));
        status_and_body(&self.control("do", &did))
    }

    /// What was sent last comes once more, byte for byte.
    pub(crate) fn replays(&self) -> (u64, String) {
        status_and_body(&self.control("again", &json!({})))
    }

    /// Nothing was wrong with what it got.
    pub(crate) fn is_content(&self) {
        assert_eq!(self.state()["objections"], json!([]));
    }
}

fn status_and_body(answer: &Value) -> (u64, String) {
    (answer["status"].as_u64().expect("a status"), answer["body"].as_str().expect("a body").to_owned())
}

fn program(address: SocketAddr, socket_address: SocketAddr, folder: &TempDir) -> Program {
    let mut command = Command::new(target_dir().join("tools/tests/bin/python"));
    command.arg(root().join("tests/slack/standin.py"));
    command.args([address.port().to_string(), socket_address.port().to_string()]);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    Program::start("the stand-in for Slack", command, folder.path().join("standin.log"))
}

/// All that the newest version of a message says.
pub(crate) fn text(message: &Value) -> String {
    let version = message["versions"].as_array().and_then(|versions| versions.last()).cloned().unwrap_or_default();
    let blocks = version["blocks"].as_array().cloned().unwrap_or_default();
    let sections = blocks.iter().filter_map(|block| block["text"]["text"].as_str());
    let mut texts: Vec<&str> = version["text"].as_str().into_iter().chain(sections).collect();
    texts.dedup();
    texts.join("\n")
}

/// The names of the buttons of the newest version of a message.
pub(crate) fn buttons(message: &Value) -> Vec<String> {
    let version = message["versions"].as_array().and_then(|versions| versions.last()).cloned().unwrap_or_default();
    let blocks = version["blocks"].as_array().cloned().unwrap_or_default();
    let rows = blocks.iter().filter(|block| block["type"] == "actions");
    let elements = rows.flat_map(|row| row["elements"].as_array().cloned().unwrap_or_default());
    elements.filter_map(|element| element["action_id"].as_str().map(str::to_owned)).collect()
}
