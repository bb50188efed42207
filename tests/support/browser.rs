//! A real Chromium, headless, by the WebDriver protocol (W3C, *WebDriver*, 2018): what a person sees and does.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::program::Program;
use super::{eventually, free_address};

/// What the protocol calls a reference to an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// Keys, as the protocol writes them.
pub(crate) const TAB: &str = "\u{e004}";
pub(crate) const ENTER: &str = "\u{e007}";

/// A browser with one window and a profile of its own.
pub(crate) struct Browser {
    agent: ureq::Agent,
    /// Of the session.
    url: String,
    // Ended before its folder goes.
    _driver: Program,
    _folder: TempDir,
}

/// How a browser is to be.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kind {
    /// Runs no script.
    pub(crate) without_script: bool,
    /// As a phone of 360 by 740 pixels.
    pub(crate) phone: bool,
    /// Prefers dark colours.
    pub(crate) dark: bool,
}

impl Browser {
    pub(crate) fn start() -> Browser {
        Browser::start_as(Kind::default())
    }

    pub(crate) fn start_as(kind: Kind) -> Browser {
        let (folder, address) = (tempfile::tempdir().expect("a folder"), free_address());
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={}", address.port())).env("HOME", folder.path());
        let driver = Program::start("chromedriver", command, folder.path().join("chromedriver.log"));
        let config = ureq::Agent::config_builder()
            // A browser that starts on a busy machine takes its time.
            .timeout_global(Some(super::PATIENCE * 2))
            .http_status_as_error(false)
            .proxy(None);
        let agent: ureq::Agent = config.build().into();
        let root = format!("http://{address}");
        eventually("chromedriver answers", || agent.get(format!("{root}/status")).call().ok());
        let mut browser = Browser { agent, url: root, _driver: driver, _folder: folder };
        let session = browser.send("/session", &capabilities(kind, browser._folder.path()));
        let id = session["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {session}")).to_owned();
        browser.url = format!("{}/session/{id}", browser.url);
        if kind.dark {
            let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
            browser.devtools("Emulation.setEmulatedMedia", &dark);
        }
        browser
    }

    /// Goes to an address and waits until the page is loaded.
    pub(crate) fn go(&self, url: &str) {
        self.send("/url", &json!({ "url": url }));
    }

    /// Where it is.
    pub(crate) fn place(&self) -> String {
        self.receive("/url").as_str().expect("a URL").to_owned()
    }

    /// All that a person can read, of the first element that matches a selector.
    pub(crate) fn text(&self, selector: &str) -> String {
        self.try_text(selector).unwrap_or_else(|| panic!("there is no {selector} at {}", self.place()))
    }

    pub(crate) fn try_text(&self, selector: &str) -> Option<String> {
        let id = self.find(selector)?;
        self.try_receive(&format!("/element/{id}/text")).ok()?.as_str().map(str::to_owned)
    }

    pub(crate) fn is_there(&self, selector: &str) -> bool {
        self.find(selector).is_some()
    }

    /// Waits until the text of an element holds something.
    pub(crate) fn wait_for(&self, selector: &str, text: &str) {
        eventually(&format!("{text:?} in {selector}"), || self.try_text(selector).filter(|shown| shown.contains(text)));
    }

    pub(crate) fn click(&self, selector: &str) {
        let id = self.element(selector);
        self.send(&format!("/element/{id}/click"), &json!({}));
    }

    /// Puts the focus there and types.
    pub(crate) fn write(&self, selector: &str, text: &str) {
        let id = self.element(selector);
        self.send(&format!("/element/{id}/value"), &json!({ "text": text }));
    }

    /// Presses keys, wherever the focus is.
    pub(crate) fn press(&self, keys: &str) {
        let mut actions = Vec::new();
        for key in keys.chars() {
            let key = key.to_string();
            actions.push(json!({ "type": "keyDown", "value": key }));
            actions.push(json!({ "type": "keyUp", "value": key }));
        }
        self.send("/actions", &json!({ "actions": [{ "type": "key", "id": "keys", "actions": actions }] }));
    }

    /// What a script returns that the test runs in the page, whatever the page itself allows.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.send("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// What the browser complained of since this was asked last.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.send("/se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().expect("a log").iter();
        let serious = entries.filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING");
        serious.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The cookies of where it is.
    pub(crate) fn cookies(&self) -> Vec<Value> {
        self.receive("/cookie").as_array().expect("a list").clone()
    }

    /// The whole page as a PNG.
    pub(crate) fn picture(&self) -> Vec<u8> {
        let size = self.devtools("Page.getLayoutMetrics", &json!({}))["cssContentSize"].clone();
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let whole = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let picture = self.devtools("Page.captureScreenshot", &whole);
        STANDARD.decode(picture["data"].as_str().expect("a picture")).expect("base64")
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.send("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    fn element(&self, selector: &str) -> String {
        self.find(selector).unwrap_or_else(|| panic!("there is no {selector} at {}", self.place()))
    }

    fn find(&self, selector: &str) -> Option<String> {
        let found = self.try_send("/element", &json!({ "using": "css selector", "value": selector })).ok()?;
        found[ELEMENT].as_str().map(str::to_owned)
    }

    fn send(&self, path: &str, body: &Value) -> Value {
        self.try_send(path, body).unwrap_or_else(|error| panic!("{path} {body}: {error}"))
    }

    fn try_send(&self, path: &str, body: &Value) -> Result<Value, String> {
        let answer = self.agent.post(format!("{}{path}", self.url)).send_json(body);
        value(answer)
    }

    fn receive(&self, path: &str) -> Value {
        self.try_receive(path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn try_receive(&self, path: &str) -> Result<Value, String> {
        value(self.agent.get(format!("{}{path}", self.url)).call())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser, which outlives its driver otherwise. Errors mean that it has ended already.
        let _ = self.agent.delete(&self.url).call();
    }
}

/// What came back; the error says what the driver objected to.
fn value(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value, String> {
    let mut answer = answer.map_err(|error| error.to_string())?;
    let good = answer.status().is_success();
    let body: Value = answer.body_mut().read_json().map_err(|error| error.to_string())?;
    if good { Ok(body["value"].clone()) } else { Err(body["value"]["message"].to_string()) }
}

fn capabilities(kind: Kind, profile: &std::path::Path) -> Value {
    let mut arguments = vec![
        "--headless".to_owned(),
        // Its sandbox does not work for root, as which containers run tests.
        "--no-sandbox".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--disable-gpu".to_owned(),
        "--no-first-run".to_owned(),
        "--disable-background-networking".to_owned(),
        "--disable-component-update".to_owned(),
        "--disable-sync".to_owned(),
        "--hide-scrollbars".to_owned(),
        "--window-size=1280,900".to_owned(),
        format!("--user-data-dir={}", profile.join("profile").display()),
    ];
    let mut options = json!({});
    if kind.without_script {
        arguments.push("--blink-settings=scriptEnabled=false".to_owned());
        options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
    }
    if kind.phone {
        let screen = json!({ "width": 360, "height": 740, "pixelRatio": 2, "mobile": true, "touch": true });
        options["mobileEmulation"] = json!({ "deviceMetrics": screen });
    }
    options["args"] = json!(arguments);
    json!({ "capabilities": { "alwaysMatch": {
        "goog:chromeOptions": options,
        "goog:loggingPrefs": { "browser": "ALL" },
    } } })
}
