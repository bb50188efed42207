//! Which rule is behind an alert, and since when the trouble is going on.

use std::time::Duration;

use reqwest::Url;
use tidegate_domain::event::Alert;
use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;

use crate::prometheus::AlertRule;

/// How long a rule may have waited before it fired, where that is not known: longer than nearly all do. So much less is
/// learnt of what came before.
const UNKNOWN_PENDING: Duration = Duration::from_secs(60 * 60);

/// Keys under which a link holds the expression: of Prometheus and vmui, and of those that people make themselves.
const EXPR_KEYS: [&str; 2] = ["g0.expr", "expr"];

/// What is behind an alert.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Behind {
    /// The rule's expression.
    pub(super) expr: String,
    /// Labels that the rule sets itself.
    pub(super) labels: Labels,
    /// All was well before this.
    pub(super) since: Timestamp,
}

/// Finds the rule in what Prometheus lists under the alert's name, or the expression in the alert's own link. `rules` may be
/// why there is no such list.
pub(super) fn behind(alert: &Alert, rules: &Result<Vec<AlertRule>, String>) -> Result<Behind, String> {
    let name = alert.labels.get("alertname").unwrap_or("");
    let linked = alert.generator_url.as_deref().and_then(linked_expr);
    let why = match rules {
        Ok(rules) => match best(alert, name, rules, linked.as_deref()) {
            Ok(rule) => return Ok(of_rule(alert, rule)),
            Err(0) => format!("Prometheus has no rule called {name:?} with the alert's labels"),
            // Nor is it of another expression, whatever its link says: links come from whoever sends alerts.
            Err(several) => {
                return Err(format!("{several} rules of Prometheus are called {name:?}, and the alert may be of each"));
            }
        },
        Err(error) => format!("the rules could not be read: {error}"),
    };
    match linked {
        Some(expr) => Ok(Behind { expr, labels: Labels::empty(), since: alert.starts_at.minus(UNKNOWN_PENDING) }),
        None => Err(format!("{why}; and the alert's generatorURL holds no expression")),
    }
}

/// The one rule that may have raised the alert, or how many there are.
fn best<'r>(alert: &Alert, name: &str, rules: &'r [AlertRule], linked: Option<&str>) -> Result<&'r AlertRule, usize> {
    let fits = |rule: &&AlertRule| rule.name == name && may_be_of(&rule.labels, &alert.labels);
    let fitting: Vec<&AlertRule> = rules.iter().filter(fits).collect();
    let holds = |rule: &&&AlertRule| rule.alerts.iter().any(|active| active.labels.within(&alert.labels));
    let holding: Vec<&AlertRule> = fitting.iter().filter(holds).copied().collect();
    let mut left = if holding.is_empty() { fitting } else { holding };
    let named: Vec<&AlertRule> =
        left.iter().filter(|rule| linked.is_some_and(|linked| same(&rule.query, linked))).copied().collect();
    if !named.is_empty() {
        left = named;
    }
    match left[..] {
        [] => Err(0),
        // Copies of one rule, as in a pair of Prometheus behind one address.
        [first, ref others @ ..] if others.iter().all(|rule| same(&rule.query, &first.query)) => Ok(first),
        _ => Err(left.len()),
    }
}

/// Whether an alert can be of a rule that sets these labels. What a template gives cannot be told.
fn may_be_of(set: &Labels, alert: &Labels) -> bool {
    set.iter().all(|(name, value)| value.contains("{{") || alert.get(name).unwrap_or("") == value)
}

/// Prometheus writes expressions anew in what it lists, and links hold them as they were written.
fn same(one: &str, other: &str) -> bool {
    let words = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    words(one) == words(other)
}

fn of_rule(alert: &Alert, rule: &AlertRule) -> Behind {
    let active = rule.alerts.iter().filter(|active| active.labels.within(&alert.labels));
    let active = active.filter_map(|active| active.active_at).min();
    // The alert began to fire when it had held for so long. Another Prometheus may have seen it earlier than the one asked.
    let pending = alert.starts_at.minus(rule.pending);
    let held = active.map_or(pending, |active| active.min(pending));
    // At the evaluation before, all was well.
    Behind { expr: rule.query.clone(), labels: rule.labels.clone(), since: held.minus(rule.interval) }
}

/// The expression in a link to a graph. The link itself is never followed.
fn linked_expr(link: &str) -> Option<String> {
    let url = Url::parse(link).ok()?;
    // vmui keeps its parameters behind the `#`.
    let fragment = url.fragment().and_then(|fragment| fragment.split_once('?')).map_or("", |(_, query)| query);
    let pairs = url.query_pairs().chain(form_urlencoded::parse(fragment.as_bytes()));
    let found = pairs.filter(|(key, value)| EXPR_KEYS.contains(&key.as_ref()) && !value.trim().is_empty());
    found.map(|(_, value)| value.into_owned()).next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus::RuleAlert;

    const MINUTE: Duration = Duration::from_secs(60);
    const BEGAN: Timestamp = Timestamp(1_700_000_000_000);

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels::new(pairs.iter().copied())
    }

    fn alert(severity: &str, link: Option<&str>) -> Alert {
        Alert {
            fingerprint: "0".repeat(16),
            labels: labels(&[("alertname", "BatchSlow"), ("service", "a"), ("severity", severity), ("cluster", "eu")]),
            annotations: Labels::empty(),
            starts_at: BEGAN,
            firing: true,
            generator_url: link.map(str::to_owned),
        }
    }

    fn rule(query: &str, severity: &str) -> AlertRule {
        AlertRule {
            name: "BatchSlow".to_owned(),
            query: query.to_owned(),
            labels: labels(&[("severity", severity)]),
            pending: 10 * MINUTE,
            interval: MINUTE,
            alerts: Vec::new(),
        }
    }

    fn holding(mut rule: AlertRule, service: &str, active_at: Timestamp) -> AlertRule {
        let labels = labels(&[("alertname", "BatchSlow"), ("service", service)]);
        rule.alerts.push(RuleAlert { labels, active_at: Some(active_at) });
        rule
    }

    fn expr(alert: &Alert, rules: Vec<AlertRule>) -> Result<String, String> {
        behind(alert, &Ok(rules)).map(|behind| behind.expr)
    }

    #[test]
    fn the_rule_is_found_by_its_name_and_labels() {
        let page = alert("page", None);
        assert_eq!(expr(&page, vec![rule("x > 1", "warning"), rule("x > 2", "page")]).as_deref(), Ok("x > 2"));
        assert_eq!(expr(&page, vec![rule("x > 1", "{{ $labels.severity }}")]).as_deref(), Ok("x > 1"));
        let other = AlertRule { name: "Other".to_owned(), ..rule("y > 1", "page") };
        let none = expr(&page, vec![other, rule("x > 1", "warning")]).expect_err("neither");
        assert!(none.contains("no rule called \"BatchSlow\""), "{none}");
    }

    #[test]
    fn where_several_fit_the_one_that_holds_counts() {
        let page = alert("page", None);
        let (one, two) = (rule("x > 1", "page"), rule("y > 2", "page"));
        let several = expr(&page, vec![one.clone(), two.clone()]).expect_err("either");
        assert!(several.contains("2 rules"), "{several}");
        let rules = vec![holding(one.clone(), "b", BEGAN), holding(two.clone(), "a", BEGAN)];
        assert_eq!(expr(&page, rules).as_deref(), Ok("y > 2"));
        // The same rule in two files is one rule, and the link tells apart what nothing else does.
        assert_eq!(expr(&page, vec![one.clone(), rule("x  >\n1", "page")]).as_deref(), Ok("x > 1"));
        let linked = alert("page", Some("http://p:9090/graph?g0.expr=y+%3E+2&g0.tab=1"));
        assert_eq!(expr(&linked, vec![one.clone(), two.clone()]).as_deref(), Ok("y > 2"));
        let neither = alert("page", Some("http://p:9090/graph?g0.expr=up+%3E+-1&g0.tab=1"));
        let why = expr(&neither, vec![one, two]).expect_err("what a link says is no rule of theirs");
        assert!(why.contains("2 rules"), "{why}");
    }

    #[test]
    fn trouble_began_before_the_alert_did() {
        let since = |alert: &Alert, rule: AlertRule| behind(alert, &Ok(vec![rule])).expect("a rule").since;
        let page = alert("page", None);
        assert_eq!(since(&page, rule("x > 1", "page")), BEGAN.minus(11 * MINUTE));
        let earlier = BEGAN.minus(15 * MINUTE);
        assert_eq!(since(&page, holding(rule("x > 1", "page"), "a", earlier)), earlier.minus(MINUTE));
        // That Prometheus was started later.
        assert_eq!(since(&page, holding(rule("x > 1", "page"), "a", BEGAN)), BEGAN.minus(11 * MINUTE));
        assert_eq!(since(&page, holding(rule("x > 1", "page"), "b", earlier)), BEGAN.minus(11 * MINUTE));
    }

    #[test]
    fn the_link_holds_the_expression_where_there_is_no_rule() {
        let failed: Result<Vec<AlertRule>, String> = Err("nobody listens".to_owned());
        for (link, expected) in [
            ("http://p:9090/graph?g0.expr=x%7Ba%3D%22b%22%7D+%3E+0.9&g0.tab=1", Some("x{a=\"b\"} > 0.9")),
            ("https://vm/vmui/#/?g0.expr=x%20%3E%201&g0.range_input=1h", Some("x > 1")),
            ("http://p/?expr=up+%3D%3D+0", Some("up == 0")),
            ("http://p/vmalert/alert?group_id=1&alert_id=2", None),
            ("http://p/graph?g0.expr=+", None),
            ("x > 1", None),
            ("", None),
        ] {
            let found = behind(&alert("page", Some(link)), &failed);
            assert_eq!(found.as_ref().ok().map(|behind| behind.expr.as_str()), expected, "{link}: {found:?}");
            if let Ok(found) = found {
                assert_eq!(found.since, BEGAN.minus(UNKNOWN_PENDING));
            }
        }
        let why = behind(&alert("page", None), &failed).expect_err("nothing to go by");
        assert_eq!(
            why,
            "the rules could not be read: nobody listens; and the alert's generatorURL holds no expression"
        );
    }
}
