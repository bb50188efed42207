//! Which of the series behind a rule is the one that raised an alert, and how to ask for the history of that one alone.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use tidegate_domain::labels::Labels;

const NAME: &str = "__name__";

/// Why no series is the alert's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoFit {
    #[error("the rule's expression gives no series now")]
    Nothing,
    #[error("none of the {0} series of the rule's expression has the alert's labels")]
    NoneOf(usize),
    #[error("{0} series of the rule's expression have the alert's labels")]
    Several(usize),
}

/// The place of the series that raised the alert.
///
/// An alert has the labels of its series, but those that its rule sets in their place, and it may have more: of the rule,
/// of the Prometheus it comes from. It may also have lost some: by `on (...)` in a comparison, or to relabelling. So what
/// must not be is another value; of those left the one counts that has most in common with the alert, and least besides.
pub(super) fn raised(alert: &Labels, set_by_rule: &Labels, series: &[&Labels]) -> Result<usize, NoFit> {
    if series.is_empty() {
        return Err(NoFit::Nothing);
    }
    let fits: Vec<(usize, (usize, usize))> =
        series.iter().enumerate().filter_map(|(at, labels)| Some((at, fit(alert, set_by_rule, labels)?))).collect();
    // Fewer labels that the alert lacks first, then more that both have.
    let best = fits.iter().map(|(_, fit)| *fit).min().ok_or(NoFit::NoneOf(series.len()))?;
    let mut best = fits.iter().filter(|(_, fit)| *fit == best);
    match (best.next(), best.count()) {
        (Some((at, _)), 0) => Ok(*at),
        (_, others) => Err(NoFit::Several(others + 1)),
    }
}

/// How many labels the alert lacks, and how many of all it does not share; None where a value contradicts it.
fn fit(alert: &Labels, set_by_rule: &Labels, series: &Labels) -> Option<(usize, usize)> {
    let (mut lacking, mut shared) = (0, 0);
    for (name, value) in series.iter().filter(|(name, _)| *name != NAME && set_by_rule.get(name).is_none()) {
        match alert.get(name) {
            None => lacking += 1,
            Some(known) if known == value => shared += 1,
            Some(_) => return None,
        }
    }
    Some((lacking, alert.iter().count() - shared))
}

/// PromQL for one series of an expression, so that the history of all the others is not sent along. `all` are the series
/// that the expression gives.
pub(super) fn only(expr: &str, series: &Labels, all: &[&Labels]) -> String {
    let names: BTreeSet<&str> =
        all.iter().flat_map(|labels| labels.iter()).map(|(name, _)| name).filter(|name| *name != NAME).collect();
    if names.is_empty() {
        return expr.to_owned();
    }
    // A label that the series does not have is left out below, which `on` takes for one that is empty.
    let mut one = "vector(1)".to_owned();
    for name in &names {
        if let Some(value) = series.get(name) {
            // In what is put in, `$1` would stand for a part of what was matched.
            one = format!("label_replace({one}, {}, {}, \"\", \"\")", quoted(name), quoted(&value.replace('$', "$$")));
        }
    }
    let names: Vec<String> = names.into_iter().map(label_name).collect();
    format!("({expr}) and on ({}) {one}", names.join(", "))
}

/// Names beyond the classic ones are written in quotes, as Prometheus 3 reads them.
fn label_name(name: &str) -> String {
    let classic = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.chars().all(classic) && !name.starts_with(|c: char| c.is_ascii_digit()) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// A text of PromQL, which escapes as Go does.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => drop(write!(quoted, "\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use tidegate_domain::labels::Labels;

    use super::{NoFit, only, raised};

    fn labels(text: &[(&str, &str)]) -> Labels {
        Labels::new(text.iter().copied())
    }

    fn check(
        alert: &[(&str, &str)],
        rule: &[(&str, &str)],
        series: &[&[(&str, &str)]],
        expected: Result<usize, NoFit>,
    ) {
        let series: Vec<Labels> = series.iter().map(|pairs| labels(pairs)).collect();
        let series: Vec<&Labels> = series.iter().collect();
        assert_eq!(raised(&labels(alert), &labels(rule), &series), expected, "{alert:?} {rule:?} {series:?}");
    }

    #[test]
    fn the_series_is_found_by_the_labels_of_the_alert() {
        let alert = [("alertname", "Slow"), ("service", "a"), ("pod", "x"), ("severity", "page"), ("cluster", "eu")];
        let rule = [("severity", "page")];
        check(&alert, &rule, &[&[("service", "a"), ("pod", "x")], &[("service", "a"), ("pod", "y")]], Ok(0));
        check(
            &alert,
            &rule,
            &[&[("__name__", "up"), ("service", "b")], &[("__name__", "up"), ("service", "a")]],
            Ok(1),
        );
        // Summed up over everything.
        check(&alert, &rule, &[&[]], Ok(0));
        check(&alert, &rule, &[&[], &[("service", "a")]], Ok(1));
        // The rule has put its own value in the place of the series'.
        check(&alert, &rule, &[&[("service", "a"), ("severity", "3")]], Ok(0));
        // Compared `on (service)`: the alert does not have the rest.
        check(&alert, &rule, &[&[("service", "a"), ("job", "j")], &[("service", "b"), ("job", "j")]], Ok(0));
        check(&alert, &rule, &[&[("service", "a"), ("job", "j")], &[("service", "a"), ("pod", "x")]], Ok(1));
    }

    #[test]
    fn where_it_cannot_be_told_none_is_taken() {
        let alert = [("alertname", "Slow"), ("service", "a")];
        check(&alert, &[], &[], Err(NoFit::Nothing));
        check(&alert, &[], &[&[("service", "b")], &[("service", "c")]], Err(NoFit::NoneOf(2)));
        check(
            &alert,
            &[],
            &[&[("service", "a"), ("pod", "x")], &[("service", "a"), ("pod", "y")]],
            Err(NoFit::Several(2)),
        );
        check(&[], &[], &[&[("pod", "x")], &[("pod", "y")]], Err(NoFit::Several(2)));
    }

    #[test]
    fn one_series_is_asked_for_by_its_labels() {
        let (none, a) = (labels(&[]), labels(&[("__name__", "up"), ("service", "a")]));
        assert_eq!(only("sum(up)", &none, &[&none]), "sum(up)");
        assert_eq!(only("up", &a, &[&a]), r#"(up) and on (service) label_replace(vector(1), "service", "a", "", "")"#);
        // The one without the label, and no other.
        assert_eq!(only("x or y", &none, &[&none, &a]), "(x or y) and on (service) vector(1)");
        let odd = labels(&[("k8s.pod", "$1\"\\\n\u{1}"), ("größe", "5")]);
        assert_eq!(
            only("x", &odd, &[&odd]),
            r#"(x) and on ("größe", "k8s.pod") label_replace(label_replace(vector(1), "größe", "5", "", ""), "k8s.pod", "$$1\"\\\n\u0001", "", "")"#
        );
    }
}
