//! An incident from a JSON file: as it stands in a policy's case, or as the host's API shows it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use tidegate_sandbox::{Alert, Attempt, Incident, Label, Outcome, Severity, Source};

use crate::instant;

/// The time of an incident that names none.
const SINCE: i64 = 1_700_000_000_000;

/// Reads an incident. Every part may be left out: texts and lists are then empty, numbers NaN, the severity medium.
///
/// The answer of `GET /api/v1/incidents/{id}` is read as well; its requests become the attempts of this incident.
///
/// # Errors
///
/// Which part cannot be read, and what it should be.
pub fn read(json: &[u8]) -> Result<Incident, String> {
    // A list would be taken for the fields in their order.
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err("it is not a JSON object".to_owned());
    }
    let wire: Wire = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    wire.incident()
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wire {
    id: Option<String>,
    source: Option<SourceName>,
    watch: Option<String>,
    labels: BTreeMap<String, String>,
    severity: Option<SeverityName>,
    since_ms: Option<i64>,
    since: Option<String>,
    value: Number,
    expected: Number,
    lower: Number,
    upper: Number,
    window: Window,
    alerts: Vec<Value>,
    attempts: Vec<WireAttempt>,
    /// The API's; ids where only they are known.
    requests: Vec<Value>,
    // What the API tells beyond what a policy is told.
    #[serde(rename = "status")]
    _status: Value,
    #[serde(rename = "opened_at")]
    _opened_at: Value,
    #[serde(rename = "score")]
    _score: Value,
    #[serde(rename = "series")]
    _series: Value,
    #[serde(rename = "closed")]
    _closed: Value,
    #[serde(rename = "timeline")]
    _timeline: Value,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SourceName {
    Anomaly,
    Absence,
    Alert,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SeverityName {
    Low,
    Medium,
    High,
    Critical,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OutcomeName {
    Fixed,
    Ineffective,
    Inconclusive,
    Failed,
    Unknown,
    Denied,
    Expired,
    Refused,
}

/// A number, or the name of one that JSON has not. Left out, or null, it is NaN.
#[derive(Debug, Clone, Copy)]
struct Number(f64);

impl Default for Number {
    fn default() -> Self {
        Number(f64::NAN)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Number, D::Error> {
        let value = Value::deserialize(from)?;
        let number = match &value {
            Value::Null => Some(f64::NAN),
            Value::Number(number) => number.as_f64(),
            Value::String(name) => match name.as_str() {
                "NaN" => Some(f64::NAN),
                "+Inf" => Some(f64::INFINITY),
                "-Inf" => Some(f64::NEG_INFINITY),
                _ => None,
            },
            _ => None,
        };
        let what = || serde::de::Error::custom(format!("{value} is not a number, \"NaN\", \"+Inf\" or \"-Inf\""));
        number.map(Number).ok_or_else(what)
    }
}

/// The recent samples: values with their times, or with a start and a step.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Window {
    values: Vec<Number>,
    timestamps_ms: Option<Vec<i64>>,
    start_ms: Option<i64>,
    step_ms: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireAlert {
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    starts_at_ms: Option<i64>,
    starts_at: Option<String>,
    fingerprint: Option<String>,
    firing: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireAttempt {
    action: String,
    #[serde(default)]
    arguments: Map<String, Value>,
    outcome: OutcomeName,
    #[serde(default)]
    reason: String,
    this_incident: Option<bool>,
    #[serde(default)]
    proposed_at_ms: i64,
}

impl Wire {
    fn incident(self) -> Result<Incident, String> {
        let since = time("since", self.since_ms, self.since.as_deref(), SINCE)?;
        let alerts = self.alerts.into_iter().enumerate();
        let mut attempts: Vec<Attempt> = self.attempts.into_iter().map(WireAttempt::attempt).collect();
        attempts.extend(self.requests.iter().filter_map(attempted));
        Ok(Incident {
            id: self.id.unwrap_or_else(|| "test-1".to_owned()),
            source: match self.source.unwrap_or(SourceName::Anomaly) {
                SourceName::Anomaly => Source::Anomaly,
                SourceName::Absence => Source::Absence,
                SourceName::Alert => Source::Alert,
            },
            watch: self.watch.unwrap_or_else(|| "test".to_owned()),
            labels: labels(&self.labels),
            severity: match self.severity.unwrap_or(SeverityName::Medium) {
                SeverityName::Low => Severity::Low,
                SeverityName::Medium => Severity::Medium,
                SeverityName::High => Severity::High,
                SeverityName::Critical => Severity::Critical,
            },
            since,
            value: self.value.0,
            expected: self.expected.0,
            lower: self.lower.0,
            upper: self.upper.0,
            window: self.window.samples()?,
            alerts: alerts.map(|(at, value)| alert(at, value, since)).collect::<Result<_, _>>()?,
            attempts,
        })
    }
}

impl Window {
    fn samples(self) -> Result<Vec<(i64, f64)>, String> {
        let length = self.values.len();
        let times = match (self.timestamps_ms, self.start_ms, self.step_ms) {
            (Some(times), None, None) if times.len() == length => times,
            (None, Some(start), Some(step)) if step > 0 => {
                (0..length as i64).map(|n| start.saturating_add(step.saturating_mul(n))).collect()
            }
            (None, None, None) if length == 0 => Vec::new(),
            _ => {
                return Err("window: give values with start_ms and step_ms, or with as many timestamps_ms".to_owned());
            }
        };
        if times.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err("window: its times must ascend".to_owned());
        }
        Ok(times.into_iter().zip(self.values).map(|(at, value)| (at, value.0)).collect())
    }
}

/// An alert: its labels alone, or labels with everything else.
fn alert(at: usize, value: Value, since: i64) -> Result<Alert, String> {
    let wrong = |error: serde_json::Error| format!("alerts[{at}]: {error}");
    let whole = value.get("labels").is_some_and(Value::is_object);
    let wire = if whole {
        WireAlert::deserialize(value).map_err(wrong)?
    } else {
        let labels = BTreeMap::deserialize(value).map_err(wrong)?;
        let annotations = BTreeMap::new();
        WireAlert { labels, annotations, starts_at_ms: None, starts_at: None, fingerprint: None, firing: None }
    };
    Ok(Alert {
        labels: labels(&wire.labels),
        annotations: labels(&wire.annotations),
        starts_at: time(&format!("alerts[{at}].starts_at"), wire.starts_at_ms, wire.starts_at.as_deref(), since)?,
        fingerprint: wire.fingerprint.unwrap_or_else(|| "0".repeat(16)),
        firing: wire.firing.unwrap_or(true),
    })
}

impl WireAttempt {
    fn attempt(self) -> Attempt {
        Attempt {
            proposed_at: self.proposed_at_ms,
            this_incident: self.this_incident.unwrap_or(true),
            action: self.action,
            arguments: self.arguments,
            outcome: match self.outcome {
                OutcomeName::Fixed => Outcome::Fixed,
                OutcomeName::Ineffective => Outcome::Ineffective,
                OutcomeName::Inconclusive => Outcome::Inconclusive,
                OutcomeName::Failed => Outcome::Failed,
                OutcomeName::Unknown => Outcome::Unknown,
                OutcomeName::Denied => Outcome::Denied,
                OutcomeName::Expired => Outcome::Expired,
                OutcomeName::Refused => Outcome::Refused,
            },
            reason: self.reason,
        }
    }
}

/// A request of the API as the attempt that a policy is told of; `None` while nobody knows how it ends.
fn attempted(request: &Value) -> Option<Attempt> {
    let text = |pointer: &str| request.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let outcome = match (text("/verification/outcome").as_str(), text("/execution/outcome").as_str()) {
        ("fixed", _) => Outcome::Fixed,
        ("ineffective", _) => Outcome::Ineffective,
        ("inconclusive", _) => Outcome::Inconclusive,
        (_, "failed") => Outcome::Failed,
        (_, "unknown") => Outcome::Unknown,
        _ => match (text("/execution/status").as_str(), text("/status").as_str()) {
            ("refused", _) => Outcome::Refused,
            ("lost", _) => Outcome::Unknown,
            (_, "denied") => Outcome::Denied,
            (_, "expired") => Outcome::Expired,
            _ => return None,
        },
    };
    let reason = match outcome {
        Outcome::Denied => text("/decided/reason"),
        Outcome::Refused => text("/execution/reason"),
        Outcome::Failed | Outcome::Unknown => text("/execution/output"),
        _ => text("/verification/reason"),
    };
    Some(Attempt {
        proposed_at: instant::parse(&text("/opened_at")).unwrap_or_default(),
        this_incident: true,
        action: text("/action/name"),
        arguments: request.pointer("/action/arguments").and_then(Value::as_object).cloned().unwrap_or_default(),
        outcome,
        reason,
    })
}

fn time(name: &str, millis: Option<i64>, text: Option<&str>, otherwise: i64) -> Result<i64, String> {
    match (millis, text) {
        (Some(_), Some(_)) => Err(format!("{name} and {name}_ms are one and the same; give one of them")),
        (Some(millis), None) => Ok(millis),
        (None, Some(text)) => instant::parse(text).map_err(|why| format!("{name}: {why}")),
        (None, None) => Ok(otherwise),
    }
}

fn labels(map: &BTreeMap<String, String>) -> Vec<Label> {
    map.iter().map(|(name, value)| Label { name: name.clone(), value: value.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use serde_json::json;

    fn read_json(json: &Value) -> Result<Incident, String> {
        read(json.to_string().as_bytes())
    }

    #[test]
    fn an_incident_of_a_case_is_read() {
        let empty = read_json(&json!({})).expect("an incident");
        assert_eq!((empty.id.as_str(), empty.watch.as_str(), empty.severity), ("test-1", "test", Severity::Medium));
        assert!(empty.value.is_nan() && empty.window.is_empty());
        let incident = read_json(&json!({
            "source": "alert", "severity": "high", "labels": { "service": "checkout" }, "since_ms": 5,
            "value": 0.5, "upper": "+Inf",
            "window": { "start_ms": 10, "step_ms": 5, "values": [1, "NaN", 3] },
            "alerts": [{ "alertname": "Slow" }, { "labels": { "a": "b" }, "starts_at_ms": 7, "firing": false }],
            "attempts": [{ "action": "restart", "arguments": { "n": 1 }, "outcome": "denied", "reason": "no", "this_incident": false }],
        }))
        .expect("an incident");
        assert_eq!((incident.source, incident.severity, incident.since), (Source::Alert, Severity::High, 5));
        assert_eq!((incident.value, incident.upper), (0.5, f64::INFINITY));
        assert_eq!((incident.window.len(), incident.window[2]), (3, (20, 3.0)));
        assert_eq!((incident.alerts[0].starts_at, incident.alerts[1].starts_at), (5, 7));
        assert!(incident.alerts[0].firing && !incident.alerts[1].firing);
        assert_eq!(incident.attempts[0].outcome, Outcome::Denied);
        assert!(!incident.attempts[0].this_incident);
    }

    /// Cases are read by the SDK, this by the workbench: one shape, two readers, and they agree.
    #[test]
    fn incidents_of_the_shipped_cases_are_read_as_cases_read_them() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest-remediations/runbook/cases");
        let mut compared = 0;
        for entry in std::fs::read_dir(folder).expect("a folder of cases") {
            let path = entry.expect("a file").path();
            let case = tidegate_guest::testing::policy_cases::PolicyCase::read(&path).expect("a case");
            let json: Value = serde_json::from_slice(&std::fs::read(&path).expect("a file")).expect("JSON");
            let Some(json) = json.get("incident") else { continue };
            let (ours, theirs) = (read_json(json).expect("an incident"), case.incident());
            let ours = (
                (&ours.id, &ours.watch, ours.since, ours.value.to_bits(), ours.window.len()),
                (format!("{:?} {:?} {:?}", ours.source, ours.severity, ours.labels), ours.alerts.len()),
                format!("{:?}", ours.attempts.iter().map(|one| (one.outcome, one.this_incident)).collect::<Vec<_>>()),
            );
            let theirs = (
                (&theirs.id, &theirs.watch, theirs.since, theirs.value.to_bits(), theirs.window.values.len()),
                (format!("{:?} {:?} {:?}", theirs.source, theirs.severity, theirs.labels), theirs.alerts.len()),
                format!("{:?}", theirs.attempts.iter().map(|one| (one.outcome, one.this_incident)).collect::<Vec<_>>()),
            );
            let plain = |text: &str| text.replace("Severity::", "").replace("Source::", "").replace("Outcome::", "");
            assert_eq!(ours.0, theirs.0, "{}", path.display());
            assert_eq!((plain(&ours.1.0), ours.1.1), (plain(&theirs.1.0), theirs.1.1), "{}", path.display());
            assert_eq!(plain(&ours.2), plain(&theirs.2), "{}", path.display());
            compared += 1;
        }
        assert!(compared > 10, "{compared} incidents");
    }

    #[test]
    fn the_answer_of_the_api_is_read() {
        let request = |status: &str, execution: Value, verification: Value| {
            json!({
                "id": "r-1", "incident": "i-1", "status": status, "opened_at": "2026-01-01T00:03:00.000Z",
                "action": { "name": "restart", "arguments": { "n": 1 } }, "decided": { "reason": "not now" },
                "execution": execution, "verification": verification,
            })
        };
        let incident = read_json(&json!({
            "id": "i-1", "status": "open", "source": "anomaly", "watch": "queue", "labels": { "service": "checkout" },
            "severity": "high", "since": "2026-01-01T00:00:00.000Z", "opened_at": "2026-01-01T00:02:00.000Z",
            "value": 400.5, "expected": 12, "lower": "NaN", "upper": 30.0, "score": 2.0, "series": ["{}"],
            "alerts": [{ "fingerprint": "f", "labels": { "alertname": "A" }, "annotations": {}, "starts_at": "2026-01-01T00:00:00Z", "firing": true }],
            "requests": [
                request("denied", Value::Null, Value::Null),
                request("expired", Value::Null, Value::Null),
                request("approved", json!({ "status": "refused", "reason": "cooldown" }), Value::Null),
                request("approved", json!({ "status": "finished", "outcome": "failed", "output": "exit 1" }), Value::Null),
                request("approved", json!({ "status": "finished", "outcome": "succeeded" }), json!({ "outcome": "ineffective" })),
                request("pending", Value::Null, Value::Null),
                "r-0",
            ],
            "closed": null, "timeline": [],
        }))
        .expect("an incident");
        assert_eq!((incident.id.as_str(), incident.since), ("i-1", 1_767_225_600_000));
        assert_eq!(incident.alerts[0].fingerprint, "f");
        let told: Vec<_> = incident.attempts.iter().map(|attempt| (attempt.outcome, attempt.reason.as_str())).collect();
        assert_eq!(
            told,
            [
                (Outcome::Denied, "not now"),
                (Outcome::Expired, ""),
                (Outcome::Refused, "cooldown"),
                (Outcome::Failed, "exit 1"),
                (Outcome::Ineffective, ""),
            ]
        );
    }

    #[test]
    fn what_is_no_incident_is_told() {
        for (json, said) in [
            (json!([]), "not a JSON object"),
            (json!({ "lables": {} }), "unknown field `lables`"),
            (json!({ "severity": "page" }), "unknown variant `page`"),
            (json!({ "value": "much" }), "\"much\" is not a number"),
            (json!({ "since": "noon" }), "since: \"noon\" is not a time"),
            (json!({ "since": "0", "since_ms": 0 }), "give one of them"),
            (json!({ "window": { "values": [1] } }), "window: give values with"),
            (json!({ "window": { "values": [1, 2], "timestamps_ms": [2, 1] } }), "window: its times must ascend"),
            (json!({ "alerts": [{ "a": 1 }] }), "alerts[0]: invalid type"),
            (json!({ "attempts": [{ "action": "a", "outcome": "gone" }] }), "unknown variant `gone`"),
        ] {
            let error = read_json(&json).expect_err("no incident");
            assert!(error.contains(said), "{json}: {error}");
        }
        assert!(read(b"").is_err() && read(b"{").is_err());
    }
}
