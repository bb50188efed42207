//! Configs and what is said about them. Each `testdata/NAME.toml` has its expected answer in `NAME.expected`;
//! `UPDATE_EXPECT=1` writes them anew.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use expect_test::expect_file;
use tidegate_domain::arguments::ArgumentBounds;
use tidegate_domain::rules::{ActionKind, Direction, Mode, OnAbsent, Severity};

use super::{Config, ConfigErrors, load};
use crate::http_client::Secret;

mod alertmanagers;
mod deciding;
mod default_detector;

/// A folder with secrets and the files of other teams, as the cases name them.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().expect("a folder"));
        let secret = |name: &str, text: &str, mode| {
            let file = folder.path().join("secrets").join(name);
            fs::create_dir_all(file.parent().expect("it has one")).expect("a folder");
            fs::write(&file, text).expect("a file");
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("its owner is us");
        };
        secret("alice", "alice-0123456789abcdef\n", 0o600);
        secret("bob", "bob-0123456789abcdef", 0o600);
        secret("carol", "carol-0123456789abcdef", 0o600);
        secret("dave", "dave-0123456789abcdef", 0o600);
        secret("alertmanager", "alertmanager-0123456789abcdef", 0o600);
        secret("bot", "xoxb-0123456789abcdef", 0o600);
        secret("app", "xapp-0123456789abcdef", 0o600);
        secret("signing", "signing-0123456789abcdef", 0o600);
        secret("../tls/cert.pem", "a certificate", 0o644);
        secret("../tls/ca.pem", "another certificate", 0o644);
        secret("../tls/key.pem", "its key", 0o600);
        secret("../tls/open-key.pem", "its key", 0o644);
        secret("slack", "https://hooks.slack.com/services/T/B/x\n", 0o600);
        secret("slack-webhook", "https://hooks.slack.com/services/T/B/y\n", 0o600);
        secret("short", "secret\n", 0o600);
        secret("empty", "\n", 0o600);
        secret("spaced", "one two three four", 0o600);
        secret("open", "open-0123456789abcdef", 0o644);
        copy(&testdata().join("teams"), &folder.path().join("teams"));
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn load(&self, text: &str) -> Result<Config, ConfigErrors> {
        let file = self.path().join("tidegate.toml");
        fs::write(&file, text).expect("a file");
        load(&file)
    }

    /// What a person reads, with the folder's random name taken out.
    fn said(&self, result: &Result<Config, ConfigErrors>) -> String {
        let said = match result {
            Err(errors) => format!("{errors}\n"),
            Ok(config) => {
                let warnings =
                    config.warnings.iter().map(|warning| format!("warning: {warning}\n")).collect::<String>();
                format!("{warnings}accepted\n")
            }
        };
        said.replace(&format!("{}/", self.path().display()), "")
    }
}

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/testdata")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a file");
    }
}

#[test]
fn every_fault_is_named_with_its_place_and_remedy() {
    let mut cases: Vec<PathBuf> = fs::read_dir(testdata())
        .expect("the cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    cases.sort();
    assert!(cases.len() > 10, "the cases are there");
    for case in cases {
        let folder = Folder::new();
        let result = folder.load(&fs::read_to_string(&case).expect("a case"));
        expect_file![case.with_extension("expected")].assert_eq(&folder.said(&result));
    }
}

fn accepted(text: &str) -> Config {
    let folder = Folder::new();
    let result = folder.load(text);
    result.unwrap_or_else(|errors| panic!("refused:\n{errors}"))
}

const MINIMAL: &str = "
[prometheus]
url = 'http://127.0.0.1:9090/'
[detector.spike]
guest = 'zscore'
[[watch]]
name = 'up'
expr = 'up'
detectors = ['spike']
";

#[test]
fn what_is_left_out_has_its_documented_default() {
    let config = accepted(MINIMAL);
    assert_eq!(config.warnings, []);
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:9595");
    assert_eq!(config.server.data_dir.file_name().and_then(|name| name.to_str()), Some("data"));
    assert_eq!(config.prometheus.url.to_string(), "http://127.0.0.1:9090");
    assert_eq!(config.prometheus.timeout, Duration::from_secs(30));
    assert!(config.alertmanager.is_none() && config.slack.is_none());
    assert_eq!(config.detectors["spike"].settings, serde_json::json!({}));
    assert_eq!(config.rules.own_alertname, "TidegateAnomaly");
    let watch = &config.rules.watches["up"];
    assert_eq!((watch.mode, watch.quorum, watch.direction), (Mode::Ask, 1, Direction::Both));
    assert_eq!((watch.consecutive, watch.recover_after, watch.recover_below), (3, 3, 0.8));
    assert_eq!(watch.cold_start.history, Duration::from_secs(48 * 3600));
    assert_eq!((watch.absent_after, watch.on_absent), (Duration::from_secs(300), OnAbsent::Show));
    assert_eq!(watch.accept_after, Duration::from_secs(24 * 3600));
    assert_eq!((&watch.identity, &watch.group_by, watch.has_policy), (&None, &None, false));
    let fetched = &config.watches[0];
    assert_eq!((fetched.interval, fetched.step), (Duration::from_secs(60), Duration::from_secs(60)));
    assert_eq!(fetched.query_offset, Duration::from_secs(30));
}

#[test]
fn a_whole_config_is_read_key_by_key() {
    let config = accepted(&fs::read_to_string(testdata().join("accepted.toml")).expect("a case"));
    assert_eq!(config.server.listen.port(), 0);
    assert_eq!(config.server.workers, 3);
    assert!(config.server.guest_dir.ends_with("wasm"));
    assert_eq!(
        config.server.external_url.as_ref().map(ToString::to_string).as_deref(),
        Some("https://tidegate.example/x")
    );
    assert_eq!(config.prometheus.max_response_bytes, 64 << 20);
    assert_eq!(config.approvers.len(), 4);
    assert_eq!(config.approvers[0].token.expose(), "alice-0123456789abcdef");
    assert_eq!(config.approvers[0].slack_user.as_deref(), Some("U2CERLKJA"));
    assert_eq!(config.senders[0].name, "alertmanager");
    assert_eq!(config.senders[0].token.as_ref().map(Secret::expose), Some("alertmanager-0123456789abcdef"));
    assert_eq!(config.guests["zscore"].limits.memory_bytes, 32 << 20);
    assert!(config.guests["runbook"].grants.contains("host-metrics"));
    assert_eq!(config.rules.severity_labels["page"], Severity::High);
    assert_eq!(config.rules.gate.max_targets, 2);

    let watch = &config.rules.watches["checkout-latency"];
    assert_eq!(watch.quorum, 2);
    assert_eq!(watch.consecutive, 5, "from the defaults");
    assert_eq!(watch.recover_after, 2, "its own");
    assert_eq!(watch.cold_start.history, Duration::from_secs(24 * 3600), "one key from the defaults");
    assert_eq!(watch.cold_start.above, Some(2.0), "beside one of its own");
    assert_eq!(watch.severity.of(3.0), Severity::Critical);
    assert_eq!(watch.actions, ["restart-service", "scale"]);
    let runbook = |name: &str| config.watches.iter().find(|watch| watch.name == name)?.runbook_url.as_deref();
    assert_eq!(runbook("checkout-latency"), Some("https://runbooks.example/checkout#latency"));
    assert_eq!(runbook("all-of-them"), Some("https://runbooks.example/watches"), "from the defaults");
    assert_eq!(config.rules.watches["all-of-them"].quorum, 2);
    assert_eq!(config.rules.watches["included"].detectors, ["daily"]);

    let remediation = config.watches[0].remediation.as_ref().expect("it has one");
    assert_eq!(remediation.settings["rules"][0]["action"], "restart-service");
    let path: Vec<&str> =
        remediation.path.iter().map(String::as_str).chain(["settings", "rules", "0", "action"]).collect();
    let spot = config.locator.spot(&path);
    assert_eq!(spot.key, "watch[\"checkout-latency\"].remediation.settings.rules[0].action");
    assert!(spot.place.line > 1);

    let ActionKind::Http { url, method, bearer_token_file, .. } = &config.rules.actions["restart-service"].kind else {
        panic!("it is an http action");
    };
    assert_eq!((url.as_str(), method.as_str()), ("http://127.0.0.1:8080/admin/restart", "PUT"));
    assert!(bearer_token_file.as_deref().is_some_and(|path| path.ends_with("/secrets/bob")));
    let scale = &config.rules.actions["scale"];
    assert_eq!(scale.arguments["replicas"], ArgumentBounds::Integer { min: 1, max: 10 });
    assert_eq!(scale.arguments["zone"], ArgumentBounds::OneOf(vec!["a".into(), "b".into()]));
    let ActionKind::Command { program, args, env } = &scale.kind else { panic!("it is a command") };
    assert!(program.ends_with("/sh") && Path::new(program).is_absolute());
    assert_eq!(args.len(), 3);
    assert_eq!(env["LANG"], "C");
    assert_eq!(config.rules.routes[0].name, "payments");
    assert_eq!(config.routes[0].remediation.as_ref().map(|policy| policy.guest.as_str()), Some("runbook"));
}

#[test]
fn the_example_is_accepted_as_it_is_and_with_all_that_it_suggests() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/tidegate.toml");
    let example = fs::read_to_string(example).expect("the example");
    let warnings = accepted(&example).warnings;
    assert!(warnings.is_empty(), "{warnings:?}");
    // What is config is config from its first character on; prose is not.
    let key = |text: &str| text.split_once(" = ").is_some_and(|(key, _)| !key.contains([' ', '`']));
    let suggested = |line: &str| match line.strip_prefix("# ") {
        Some(text) if text.starts_with('[') || key(text) => text.to_owned(),
        _ => line.to_owned(),
    };
    let (whole, listen) =
        (example.lines().map(suggested).collect::<Vec<_>>().join("\n"), "listen = \"127.0.0.1:9595\"\n");
    let whole = whole.replacen(listen, "", 1);
    assert!(!whole.contains("# [["), "{whole}");
    let config = accepted(&whole);
    assert_eq!((config.senders.len(), config.groups.len(), config.rules.maintenance.len()), (1, 1, 1));
    assert!(config.server.tls.is_some() && config.slack.is_some());
}

#[test]
fn no_secret_is_ever_printed() {
    let config = accepted(&fs::read_to_string(testdata().join("accepted.toml")).expect("a case"));
    let printed = format!("{config:?}");
    assert!(!printed.contains("0123456789abcdef"), "{printed}");
    let config = accepted(&format!("{MINIMAL}[slack]\nwebhook_url_file = 'secrets/slack'"));
    let printed = format!("{config:?}");
    assert!(!printed.contains("/services/"), "{printed}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let folder = Folder::new();
    let result = load(&folder.path().join("nowhere.toml"));
    let said = folder.said(&result);
    assert!(
        said.starts_with("error: nowhere.toml:1:1: cannot read the config file nowhere.toml: No such file"),
        "{said}"
    );
}

#[test]
fn an_empty_list_of_approvers_is_nobody() {
    let nobody = fs::read_to_string(testdata().join("nobody.toml")).expect("a case");
    let folder = Folder::new();
    let said = folder.said(&folder.load(&format!("approver = []\n{nobody}")));
    assert!(said.contains("nobody could decide what the policy proposes"), "{said}");
}

#[test]
fn nesting_without_end_is_refused() {
    let folder = Folder::new();
    let said = folder.said(&folder.load(&format!("a = {}", "[".repeat(100_000))));
    assert!(said.starts_with("error: tidegate.toml:1:"), "{}", &said[..200.min(said.len())]);
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let folder = Folder::new();
    let file = folder.path().join("tidegate.toml");
    fs::write(&file, [0xff, 0xfe, 0x00]).expect("a file");
    let said = folder.said(&load(&file));
    assert!(said.contains("tidegate.toml:1:1: cannot read the config file"), "{said}");
}

#[test]
fn every_key_is_documented() {
    use super::{
        action, alert_route, alertmanagers, endpoints, gate, guards, guest, host, known_event, maintenance, opinion,
        people, proposals,
    };
    use super::{resolve, slack, terms, watch};
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md"));
    let text = text.expect("the documentation");
    let keys = [
        resolve::KEYS,
        host::KEYS,
        endpoints::PROMETHEUS_KEYS,
        endpoints::ALERTMANAGER_KEYS,
        alertmanagers::DNS_KEYS,
        endpoints::HTTP_KEYS,
        people::APPROVER_KEYS,
        people::SENDER_KEYS,
        people::GROUP_KEYS,
        slack::KEYS,
        gate::GATE_KEYS,
        terms::KEYS,
        terms::ESCALATE_KEYS,
        terms::AUTONOMY_KEYS,
        maintenance::KEYS,
        known_event::KEYS,
        maintenance::INTERVAL_KEYS,
        maintenance::TIMES_KEYS,
        guards::BLAST_RADIUS_KEYS,
        guards::BREAKER_KEYS,
        gate::STORM_KEYS,
        guest::GUEST_KEYS,
        guest::DETECTOR_KEYS,
        proposals::REMEDIATION_KEYS,
        watch::OWN_KEYS,
        watch::SHARED_KEYS,
        watch::COLD_START_KEYS,
        watch::SEVERITY_KEYS,
        watch::COMBINE_KEYS,
        alert_route::KEYS,
        opinion::KEYS,
        action::COMMON_KEYS,
        action::HTTP_KEYS,
        action::COMMAND_KEYS,
        action::VERIFY_KEYS,
        action::ARGUMENT_KEYS,
    ];
    for key in keys.concat() {
        let forms = [format!("`{key}`"), format!("[{key}"), format!("{{ {key} =")];
        assert!(forms.iter().any(|form| text.contains(form.as_str())), "docs/configuration.md says nothing of {key}");
    }
}
