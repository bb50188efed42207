//! The JSON of `/api/v1/rules`, of Prometheus and of vmalert.

use std::time::Duration;

use serde::Deserialize;
use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;

use super::super::error::QueryError;
use super::reply;

/// An alerting rule, with what it finds just now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AlertRule {
    /// `alertname` of its alerts.
    pub(crate) name: String,
    /// PromQL.
    pub(crate) query: String,
    /// What it adds to the labels of its series; values may be templates.
    pub(crate) labels: Labels,
    /// `for`: how long it must hold before it fires.
    pub(crate) pending: Duration,
    /// How often it is evaluated.
    pub(crate) interval: Duration,
    /// Where it holds.
    pub(crate) alerts: Vec<RuleAlert>,
}

/// A series for which a rule holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RuleAlert {
    /// Those of the alert, without what is added when it is sent.
    pub(crate) labels: Labels,
    /// Since when.
    pub(crate) active_at: Option<Timestamp>,
}

/// Reads the alerting rules; others are left out.
pub(in crate::prometheus) fn parse_rules(body: &[u8]) -> Result<Vec<AlertRule>, QueryError> {
    #[derive(Deserialize)]
    struct Groups {
        groups: Vec<Group>,
    }
    #[derive(Deserialize)]
    struct Group {
        #[serde(default)]
        interval: f64,
        #[serde(default)]
        rules: Vec<Rule>,
    }
    #[derive(Deserialize)]
    struct Rule {
        #[serde(rename = "type")]
        kind: String,
        name: String,
        query: String,
        #[serde(default)]
        duration: f64,
        labels: Option<Labels>,
        alerts: Option<Vec<Active>>,
    }
    #[derive(Deserialize)]
    struct Active {
        labels: Labels,
        #[serde(rename = "activeAt")]
        active_at: Option<String>,
    }
    let seconds = |seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let time = |text: String| Some(Timestamp(text.parse::<jiff::Timestamp>().ok()?.as_millisecond()));
    let alert = |alert: Active| RuleAlert { labels: alert.labels, active_at: alert.active_at.and_then(time) };
    let mut rules = Vec::new();
    for group in reply::<Groups>(body)?.data.groups {
        let interval = seconds(group.interval);
        rules.extend(group.rules.into_iter().filter(|rule| rule.kind == "alerting").map(|rule| AlertRule {
            name: rule.name,
            query: rule.query,
            labels: rule.labels.unwrap_or_else(Labels::empty),
            pending: seconds(rule.duration),
            interval,
            alerts: rule.alerts.unwrap_or_default().into_iter().map(alert).collect(),
        }));
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidegate_domain::labels::Labels;
    use tidegate_domain::time::Timestamp;

    use super::{AlertRule, RuleAlert, parse_rules};

    fn active(group: Option<&str>, at: i64) -> RuleAlert {
        let labels = [
            ("alertname", "BatchUtilisation"),
            ("instance", "127.0.0.1:19399"),
            ("instance_of", "self"),
            ("job", "self"),
            ("severity", "warning"),
        ];
        let group = group.map(|group| ("alertgroup", group));
        RuleAlert { labels: Labels::new(labels.into_iter().chain(group)), active_at: Some(Timestamp(at)) }
    }

    #[test]
    fn rules_are_read_with_their_alerts() {
        let bodies = [
            (&include_bytes!("../testdata/rules.json")[..], None, 1_795_410_054_038),
            // Milliseconds are all that matters, and vmalert adds a label.
            (&include_bytes!("../testdata/rules-vmalert.json")[..], Some("batch"), 1_795_410_143_000),
        ];
        for (body, group, at) in bodies {
            let expected = AlertRule {
                name: "BatchUtilisation".to_owned(),
                query: "up > 0.9".to_owned(),
                labels: Labels::new([("instance_of", "{{ $labels.job }}"), ("severity", "warning")]),
                pending: Duration::from_secs(2),
                interval: Duration::from_secs(1),
                alerts: vec![active(group, at)],
            };
            assert_eq!(parse_rules(body).expect("rules"), [expected]);
        }
    }

    #[test]
    fn what_is_left_out_is_nothing_and_recording_rules_are_passed_over() {
        let body = br#"{"status":"success","data":{"groups":[{"name":"g","rules":[
            {"name":"a:b","query":"sum(a)","health":"ok","type":"recording"},
            {"name":"Idle","query":"x > 1","type":"alerting","labels":null,"alerts":null,"duration":-1}]}]}}"#;
        let rules = parse_rules(body).expect("rules");
        assert_eq!(rules.len(), 1);
        assert_eq!((rules[0].name.as_str(), rules[0].pending, rules[0].alerts.len()), ("Idle", Duration::ZERO, 0));
    }

    #[test]
    fn what_is_no_list_of_rules_is_an_error() {
        for body in [&b""[..], b"[]", br#"{"status":"success","data":{}}"#, br#"{"status":"error","error":"no"}"#] {
            assert!(parse_rules(body).is_err(), "{}", String::from_utf8_lossy(body));
        }
    }
}
