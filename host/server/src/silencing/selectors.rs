//! What a silence for an incident is to match: its alerts, as Alertmanager has them, and as little else as can be said.
//!
//! Alertmanager applies a silence to whatever comes later as well, so one that says too little is worse than none.

use std::collections::BTreeSet;

use tidegate_domain::book::Incident;
use tidegate_domain::event::Origin;
use tidegate_domain::labels::Labels;

use crate::alertmanager::SilenceMatcher;

/// So many values of one label are named one by one. With more of them nobody could read what is silenced.
const MOST_VALUES: usize = 50;
/// And so many bytes of them: Alertmanagers gossip silences, and refuse long ones where they are told to.
const MOST_BYTES: usize = 2_000;
/// Says what kind of alert it is: the rule that raised it.
const KIND: &str = "alertname";
/// Says how bad it is: an anomaly's may rise while it is silenced.
const SEVERITY: &str = "severity";

/// The matchers for the alerts of an incident; None where they would match far more than it. `own` is the `alertname` of the
/// alerts that this host sends.
pub(super) fn of(incident: &Incident, own: &str) -> Option<Vec<SilenceMatcher>> {
    match incident.origin {
        Origin::Anomaly { .. } | Origin::Absence { .. } => Some(of_own_alert(incident, own)),
        Origin::Alert { .. } => {
            let firing: Vec<&Labels> = incident.alerts.values().filter(|a| a.firing).map(|a| &a.labels).collect();
            of_alerts(&firing)
        }
    }
}

/// An anomaly is one alert, but for its severity.
fn of_own_alert(incident: &Incident, own: &str) -> Vec<SilenceMatcher> {
    let ours = [KIND, "watch", SEVERITY, "__name__"];
    let group = incident.labels.iter().filter(|(name, value)| !ours.contains(name) && !value.is_empty());
    [(KIND, own), ("watch", incident.origin.name())].into_iter().chain(group).map(equal).collect()
}

/// The labels that all of them have.
fn of_alerts(alerts: &[&Labels]) -> Option<Vec<SilenceMatcher>> {
    let names: BTreeSet<&str> = alerts.iter().flat_map(|labels| labels.iter()).map(|(name, _)| name).collect();
    let chosen: Vec<Option<SilenceMatcher>> = names.iter().map(|name| of_label(alerts, name)).collect();
    let is_exact = chosen.iter().all(Option::is_some);
    let selectors: Vec<SilenceMatcher> = chosen.into_iter().flatten().collect();
    let has_kind = selectors.iter().any(|selector| selector.name == KIND);
    let is_specific = selectors.iter().any(|selector| selector.name != SEVERITY);
    (is_specific && (is_exact || has_kind)).then_some(selectors)
}

/// None for a label that some of them have not, or that has too many values.
fn of_label(alerts: &[&Labels], name: &str) -> Option<SilenceMatcher> {
    let values: Option<BTreeSet<&str>> =
        alerts.iter().map(|labels| labels.get(name).filter(|value| !value.is_empty())).collect();
    let values = values?;
    if values.len() == 1 {
        return values.first().map(|value| equal((name, value)));
    }
    let pattern = values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join("|");
    let fits = values.len() <= MOST_VALUES && pattern.len() <= MOST_BYTES;
    fits.then(|| SilenceMatcher { name: name.to_owned(), value: pattern, is_regex: true, is_equal: true })
}

fn equal((name, value): (&str, &str)) -> SilenceMatcher {
    SilenceMatcher { name: name.to_owned(), value: value.to_owned(), is_regex: false, is_equal: true }
}

/// A text as a regular expression that matches nothing else; as `regexp.QuoteMeta` in Go.
fn quoted(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use tidegate_domain::labels::Matcher;

    use super::*;

    fn check(alerts: &[&[(&str, &str)]], expected: Option<&[&str]>) {
        let alerts: Vec<Labels> = alerts.iter().map(|pairs| Labels::new(pairs.iter().copied())).collect();
        let selectors = of_alerts(&alerts.iter().collect::<Vec<_>>());
        let texts = selectors.map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
        let expected = expected.map(|all| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(texts, expected, "{alerts:?}");
        for matcher in texts.iter().flatten() {
            let matcher = Matcher::parse(matcher).unwrap();
            assert!(alerts.iter().all(|labels| matcher.matches(labels)), "{matcher} silences all of {alerts:?}");
        }
    }

    #[test]
    fn what_all_share_is_equal_and_what_differs_is_named() {
        check(
            &[&[("alertname", "A"), ("pod", "x.1"), ("team", "a b")]],
            Some(&[r#"alertname="A""#, r#"pod="x.1""#, r#"team="a b""#]),
        );
        check(
            &[&[("alertname", "A"), ("pod", "x.1")], &[("alertname", "A"), ("pod", "y|2")]],
            Some(&[r#"alertname="A""#, r#"pod=~"x\\.1|y\\|2""#]),
        );
        check(
            &[&[("alertname", "B"), ("größe", "1")], &[("alertname", "A"), ("größe", "1")]],
            Some(&[r#"alertname=~"A|B""#, r#""größe"="1""#]),
        );
        check(&[&[("service", "a")]], Some(&[r#"service="a""#]));
    }

    #[test]
    fn what_some_lack_is_left_out_where_their_kind_is_left() {
        check(&[&[("alertname", "A"), ("pod", "x")], &[("alertname", "A")]], Some(&[r#"alertname="A""#]));
        check(&[&[("alertname", "A"), ("pod", "")], &[("alertname", "A"), ("pod", "x")]], Some(&[r#"alertname="A""#]));
        check(&[&[("service", "a"), ("pod", "x")], &[("service", "a")]], None);
    }

    #[test]
    fn no_silence_is_for_everything() {
        check(&[], None);
        check(&[&[]], None);
        check(&[&[("a", "1")], &[("b", "2")]], None);
        check(&[&[("severity", "critical")]], None);
        check(&[&[("alertname", ""), ("severity", "critical")]], None);
    }

    #[test]
    fn very_many_values_are_not_named() {
        let of = |count: usize, width: usize, name: &str| {
            let alert = |nth: usize| Labels::new([("pod", format!("{nth:0width$}")), (name, "A".to_owned())]);
            let alerts: Vec<Labels> = (0..count).map(alert).collect();
            let selectors = of_alerts(&alerts.iter().collect::<Vec<_>>());
            selectors.map(|all| all.iter().map(|selector| selector.name.clone()).collect::<Vec<_>>())
        };
        assert_eq!(of(MOST_VALUES, 3, "alertname"), Some(vec!["alertname".to_owned(), "pod".to_owned()]));
        assert_eq!(of(MOST_VALUES + 1, 3, "alertname"), Some(vec!["alertname".to_owned()]));
        assert_eq!(of(3, 1_000, "alertname"), Some(vec!["alertname".to_owned()]));
        assert_eq!(of(MOST_VALUES + 1, 3, "team"), None, "team=A alone says too little");
    }
}
