//! SIGKILL at every step of a request's life. Which steps there are is not listed here: one life is lived undisturbed and
//! what it leaves in the log is the list; then each is lived again and the host killed as soon as that step is durable,
//! started again, and the life goes on to its end. Whatever the moment: one outcome, run at most once, nothing lost.
//!
//! One host and one journal for all the crashes of a kind of life, so that each starts from what the one before left.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::fake_prometheus::FakePrometheus;
use crate::support::http::Client;
use crate::support::listener::{Call, Listener, Reply};
use crate::support::target::Target;
use crate::support::tidegate::{SENDER_TOKEN, TOKEN, Tidegate};
use crate::support::{PATIENCE, delivery, free_address};

const BOB: &str = "a-token-that-only-bob-knows";

/// Two people must say yes, and what waits is told and reminded of in Slack. `GATE`, `OFFER` and `WITHIN` are
/// the life's own.
const CONFIG: &str = r#"
snapshot_interval = "1s"

[prometheus]
url = "http://prometheus"

[[approver]]
name = "bob"
token_file = "bob"

[[group]]
name = "leads"
members = ["bob"]

[slack]
bot_token_file = "bot"
channel = "C0OPS"
api_url = "http://slack"

[gate]
quorum = 2
max_targets = 1000
ask_again = "1s"
GATE

[storm]
incidents = 10000

[detector.sudden]
guest = "zscore"
settings = { window = "10s" }

OFFER
remediation = { guest = "runbook", settings = { rules = [{ action = "restart" }] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://target/repair"
target = ["service"]
risk = "medium"
cooldown = "0s"
max_per_hour = 1000
verify = { settle = "1s", within = "WITHIN", healthy_for = 2 }
"#;

const ALERTS: &str = "[[alert_route]]\nname = \"alerts\"\nmatch = ['alertname=\"Down\"']";
const WATCH: &str = r#"[[watch]]
name = "alerts"
expr = "queue"
interval = "1s"
step = "1s"
query_offset = "0s"
detectors = ["sudden"]
consecutive = 2
cold_start = { history = "10s" }"#;

/// Steps that come again and again are interrupted this often.
const OFTEN_ENOUGH: usize = 2;
/// And so often the host is killed at whatever moment it is.
const AT_ANY_MOMENT: u64 = 3;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Fixed,
    Denied,
    Expired,
    Withdrawn,
    Refused,
    Escalated,
}

impl Fate {
    fn gate(self) -> &'static str {
        match self {
            Fate::Expired => "deadline = \"1s\"\nremind_before = \"0s\"",
            Fate::Escalated => {
                "deadline = \"10m\"\nremind_before = \"9m59s\"\nescalate = { after = \"1s\", to = [\"leads\"] }\napprovers = [\"alice\", \"leads\"]"
            }
            _ => "deadline = \"10m\"",
        }
    }

    fn offer(self) -> &'static str {
        if self == Fate::Fixed { WATCH } else { ALERTS }
    }

    /// The step without which a life of this kind was not lived.
    fn mark(self) -> &'static str {
        match self {
            Fate::Fixed => "verification_finished",
            Fate::Denied => "request_denied",
            Fate::Expired => "request_expired",
            Fate::Withdrawn => "request_withdrawn",
            Fate::Refused => "execution_refused",
            Fate::Escalated => "request_escalated",
        }
    }
}

/// The people and programs around the host. They try again until they are heard, as people do.
struct World {
    fate: Fate,
    alice: Client,
    bob: Client,
    sender: Client,
    prometheus: FakePrometheus,
    target: Target,
    _slack: Listener,
}

impl World {
    /// Does whatever is to be done next; true once the life has come to its end.
    fn nudge(&self, life: &Life) -> Option<bool> {
        let Some(incident) = self.incident(life) else {
            self.trouble(life, true);
            return None;
        };
        let kinds: BTreeSet<String> = incident["timeline"]
            .as_array()?
            .iter()
            .filter_map(|event| Some(event["kind"].as_str()?.to_owned()))
            .collect();
        if incident["status"] == "closed" {
            return self.is_tidy(&incident);
        }
        let pending = incident["requests"].as_array()?.iter().find(|request| request["status"] == "pending").cloned();
        match (self.fate, pending) {
            (Fate::Fixed, Some(request)) => self.approve(&request),
            (Fate::Fixed, None) if self.target.repairs().len() > life.repairs => self.trouble(life, false),
            (Fate::Denied, Some(request)) => self.decide(&self.alice, &request, "deny", &json!({ "reason": "no" })),
            (Fate::Withdrawn, Some(_)) => self.trouble(life, false),
            (Fate::Refused, Some(request)) if !kinds.contains("execution_refused") => {
                self.alice.try_post("/api/v1/pause", &json!({}))?;
                self.approve(&request);
            }
            (Fate::Escalated, Some(request)) if !request["escalated"].is_null() => self.approve(&request),
            _ if kinds.contains(self.fate.mark()) && self.fate != Fate::Escalated
                || kinds.contains("execution_finished") && self.fate != Fate::Fixed =>
            {
                if self.fate == Fate::Refused {
                    self.alice.try_post("/api/v1/resume", &json!({}))?;
                }
                self.trouble(life, false);
            }
            _ => {}
        }
        None
    }

    fn incident(&self, life: &Life) -> Option<Value> {
        let listed = self.alice.try_get("/api/v1/incidents?limit=20").filter(|answer| answer.status == 200)?.json();
        let is_of_this_life = |incident: &&Value| match self.fate {
            Fate::Fixed => !life.before.contains(incident["id"].as_str().unwrap_or_default()),
            _ => incident["labels"]["service"] == life.service.as_str(),
        };
        let incident = listed["incidents"].as_array()?.iter().find(is_of_this_life)?.clone();
        let path = format!("/api/v1/incidents/{}", incident["id"].as_str()?);
        Some(self.alice.try_get(&path).filter(|answer| answer.status == 200)?.json())
    }

    /// It begins, or ends.
    fn trouble(&self, life: &Life, begins: bool) {
        if self.fate == Fate::Fixed {
            let level = if begins { life.trouble } else { 40.0 };
            if life.level.swap(begins, Ordering::SeqCst) != begins {
                self.prometheus.set("queue", level);
            }
            return;
        }
        let body = delivery(if begins { "firing" } else { "resolved" }, "Down", &life.service);
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        self.sender.try_post("/webhook/alertmanager", &body);
    }

    fn approve(&self, request: &Value) {
        for person in [&self.alice, &self.bob] {
            self.decide(person, request, "approve", &json!({ "digest": request["digest"] }));
        }
    }

    fn decide(&self, person: &Client, request: &Value, verdict: &str, body: &Value) {
        let path = format!("/api/v1/approvals/{}/{verdict}", request["id"].as_str().expect("an id"));
        if let Some(answer) = person.try_post(&path, body) {
            assert!([200, 409].contains(&answer.status), "{answer:?}");
        }
    }

    /// Nothing of it is still going on.
    fn is_tidy(&self, incident: &Value) -> Option<bool> {
        let going_on = ["pending", "pending_1", "approved", "running", "verifying"];
        let mut stages = incident["requests"].as_array()?.iter().filter_map(|request| request["stage"].as_str());
        Some(!stages.any(|stage| going_on.contains(&stage)))
    }
}

/// One of the lives.
struct Life {
    service: String,
    /// Incidents of earlier ones.
    before: BTreeSet<String>,
    /// Repairs of earlier ones.
    repairs: usize,
    /// The watched level when it is a bad one. The detector has learnt how the troubles of earlier lives began.
    trouble: f64,
    /// Whether it is.
    level: AtomicBool,
}

/// When the host is killed.
#[derive(Clone, Debug)]
enum Moment {
    Never,
    /// As soon as this event is durable for the so-many-th time.
    Step(String, usize),
    After(Duration),
}

struct Walk {
    tidegate: Tidegate,
    world: World,
    lives: usize,
    head: Option<String>,
}

impl Walk {
    fn start(fate: Fate) -> Walk {
        let (prometheus, target) = (FakePrometheus::start(), Target::start());
        prometheus.play("queue", 40.0);
        let said = |_: &Call| Reply::json(200, r#"{"ok":true,"channel":"C0OPS","ts":"1700000000.000100"}"#);
        let slack = Listener::open(free_address(), said);
        let mut tidegate = Tidegate::new();
        tidegate.write_secret("bob", BOB);
        tidegate.write_secret("bot", "xoxb-1");
        let around = [("prometheus", prometheus.address()), ("target", target.address()), ("slack", slack.address())];
        // Nothing is seen of what the alerts of a test are about: there is nothing to wait for.
        let within = if fate == Fate::Fixed { "20s" } else { "2s" };
        let config = CONFIG.replace("GATE", fate.gate()).replace("OFFER", fate.offer()).replace("WITHIN", within);
        tidegate.configure(&config, &around);
        tidegate.run();
        if fate == Fate::Fixed {
            tidegate.reaches("tidegate_samples_total", r#"watch="alerts",standing="normal""#, 1.0);
        }
        let [alice, bob, sender] = [TOKEN, BOB, SENDER_TOKEN].map(|token| tidegate.stranger().with_token(token));
        let world = World { fate, alice, bob, sender, prometheus, target, _slack: slack };
        Walk { tidegate, world, lives: 0, head: None }
    }

    /// Lives one life to its end, with a crash at that moment. Returns the steps that it took before the crash.
    fn live(&mut self, moment: &Moment) -> Vec<String> {
        self.lives += 1;
        let life = Life {
            service: format!("service-{}", self.lives),
            before: self
                .tidegate
                .incidents()
                .iter()
                .filter_map(|known| Some(known["id"].as_str()?.to_owned()))
                .collect(),
            repairs: self.world.target.repairs().len(),
            trouble: 200.0 * 2_f64.powi(i32::try_from(self.lives).expect("few lives")),
            level: AtomicBool::new(false),
        };
        let from = self.tidegate.log().len();
        let (ended, over) = (AtomicBool::new(false), AtomicBool::new(false));
        let started = Instant::now();
        let mut killed = matches!(moment, Moment::Never);
        let mut before = Vec::new();
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    if self.world.nudge(&life) == Some(true) {
                        ended.store(true, Ordering::SeqCst);
                    }
                    thread::sleep(Duration::from_millis(20));
                }
            });
            // Whatever goes wrong in here, the one above must come to its end as well.
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                while !ended.load(Ordering::SeqCst) {
                    assert!(
                        started.elapsed() < PATIENCE * 2,
                        "{moment:?}: the life does not end\n{}",
                        self.tidegate.log()
                    );
                    if !killed {
                        before = steps(&self.tidegate, from);
                        let now = match moment {
                            Moment::Never => false,
                            Moment::Step(kind, nth) => before.iter().filter(|step| *step == kind).count() >= *nth,
                            Moment::After(delay) => started.elapsed() >= *delay,
                        };
                        if now {
                            killed = true;
                            self.tidegate.kill();
                            self.head = Some(whole(&self.tidegate, self.head.as_deref()));
                            self.tidegate.run();
                        }
                    }
                    thread::sleep(Duration::from_millis(1));
                }
            }));
            over.store(true, Ordering::SeqCst);
            if let Err(panic) = outcome {
                std::panic::resume_unwind(panic);
            }
        });
        if matches!(moment, Moment::Never) { steps(&self.tidegate, from) } else { before }
    }
}

/// The kinds of the events in the log of the current run from there on. A line is written once its event is durable.
fn steps(tidegate: &Tidegate, from: usize) -> Vec<String> {
    let log = fs::read(tidegate.log_file()).unwrap_or_default();
    let log = String::from_utf8_lossy(log.get(from..).unwrap_or_default()).into_owned();
    let kind = |line: &str| Some(line.split_once(" event=\"")?.1.split_once('"')?.0.to_owned());
    log.lines().filter_map(kind).collect()
}

/// Holds the journal of a host that is not running against itself and against the head that it had before.
fn whole(tidegate: &Tidegate, head: Option<&str>) -> String {
    let mut arguments = vec!["journal", "verify", "--output", "json"];
    arguments.extend(head.iter().flat_map(|head| ["--head", head]));
    let output = tidegate.cli(&arguments);
    assert!(output.status.success(), "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    answer["head"].as_str().expect("a head").to_owned()
}

/// What must hold of all lives together, by the journal and by what the target saw.
fn check(walk: &Walk) {
    let exported = walk.tidegate.cli(&["journal", "export"]);
    assert!(exported.status.success(), "{exported:?}");
    let mut requests = BTreeMap::<String, Vec<Value>>::new();
    for line in String::from_utf8(exported.stdout).expect("UTF-8").lines() {
        let event = serde_json::from_str::<Value>(line).expect("JSON")["event"].take();
        if let Some(request) = event["request"].as_str() {
            requests.entry(request.to_owned()).or_default().push(event);
        }
    }
    let mut calls = BTreeMap::<String, usize>::new();
    for repair in walk.world.target.repairs() {
        *calls.entry(repair.key).or_default() += 1;
    }
    for (request, events) in &requests {
        let count =
            |kinds: &[&str]| events.iter().filter(|event| kinds.iter().any(|kind| event["kind"] == *kind)).count();
        let outcomes = ["request_approved", "request_denied", "request_expired", "request_withdrawn"];
        assert_eq!(count(&outcomes), 1, "{request} has one outcome: {events:#?}");
        let (started, approved) = (count(&["execution_started"]), count(&["request_approved"]));
        assert!(started <= approved, "{request}: {events:#?}");
        assert_eq!(
            started + count(&["execution_refused"]),
            approved,
            "what was approved was started, or refused: {events:#?}"
        );
        assert_eq!(count(&["execution_finished"]), started, "what was started has ended: {events:#?}");
        assert!(
            count(&["request_announced"]) >= usize::from(count(&["request_expired", "request_withdrawn"]) == 0),
            "{events:#?}"
        );
        let ran = calls.get(request).copied().unwrap_or(0);
        let unknown = events.iter().any(|event| event["kind"] == "execution_finished" && event["result"] == "unknown");
        assert!(if unknown { ran <= 1 } else { ran == started }, "{request} was carried out {ran} times: {events:#?}");
    }
    assert!(calls.keys().all(|key| requests.contains_key(key)), "only what was asked is carried out: {calls:?}");
}

/// `shard` of `shards`: long lives are walked by several at once.
fn walk_all(fate: Fate, shard: usize, shards: usize) {
    let mut walk = Walk::start(fate);
    let steps = walk.live(&Moment::Never);
    assert!(steps.iter().any(|step| step == fate.mark()), "{fate:?} was lived: {steps:?}");
    let mut moments = Vec::new();
    let mut seen = BTreeMap::<&str, usize>::new();
    for step in &steps {
        let count = seen.entry(step).or_default();
        *count += 1;
        if *count <= OFTEN_ENOUGH {
            moments.push(Moment::Step(step.clone(), *count));
        }
    }
    // The same moments each time, but nobody chose them.
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..AT_ANY_MOMENT {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        moments.push(Moment::After(Duration::from_millis((random >> 33) % 2000)));
    }
    let mine: Vec<&Moment> = moments.iter().skip(shard).step_by(shards).collect();
    println!("{fate:?}: {} steps, {} crashes here", steps.len(), mine.len());
    for moment in mine {
        walk.live(moment);
    }
    walk.tidegate.stop_and_verify_journal();
    whole(&walk.tidegate, walk.head.as_deref());
    check(&walk);
}

#[test]
fn a_repair_that_helps_is_walked_through() {
    walk_all(Fate::Fixed, 0, 2);
}

#[test]
fn a_repair_that_helps_is_walked_through_by_another() {
    walk_all(Fate::Fixed, 1, 2);
}

#[test]
fn a_denied_request_is_walked_through() {
    walk_all(Fate::Denied, 0, 1);
}

#[test]
fn an_expired_request_is_walked_through() {
    walk_all(Fate::Expired, 0, 1);
}

#[test]
fn a_withdrawn_request_is_walked_through() {
    walk_all(Fate::Withdrawn, 0, 1);
}

#[test]
fn a_request_that_a_guard_stopped_is_walked_through() {
    walk_all(Fate::Refused, 0, 1);
}

#[test]
fn an_escalated_request_is_walked_through() {
    walk_all(Fate::Escalated, 0, 1);
}
