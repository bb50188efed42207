//! `[[alert_route]]`: which foreign alerts are looked at, and by which policy.

use std::collections::BTreeMap;

use tidegate_domain::labels::{Matcher, MatcherError};
use tidegate_domain::rules::Route;

use super::RouteConfig;
use super::people::unique_name;
use super::proposals::{Offers, Proposals};
use super::section::Section;

pub(super) const KEYS: &[&str] = &["name", "match", "mode", "remediation", "actions", "dry_run"];

pub(super) fn read(root: &Section<'_>, offers: &Offers<'_>) -> Vec<(Route, RouteConfig)> {
    let mut names = BTreeMap::new();
    root.listed("alert_route", KEYS)
        .into_iter()
        .filter_map(|section| {
            let name = unique_name(&section, &mut names);
            let matchers = matchers(&section);
            let path = ["alert_route", name.as_deref().unwrap_or("")];
            let settled = Proposals::read(&section, &path).settle(&section.spot, offers, section.findings);
            let name = name?;
            let route = Route {
                name: name.clone(),
                matchers: matchers?,
                mode: settled.mode,
                has_policy: settled.remediation.is_some(),
                actions: settled.actions,
                dry_run: settled.dry_run,
            };
            Some((route, RouteConfig { name, remediation: settled.remediation }))
        })
        .collect()
}

fn matchers(section: &Section<'_>) -> Option<Vec<Matcher>> {
    let remedy = "name at least one, for example [\"team=\\\"payments\\\"\"]; an empty list does not mean every alert";
    let texts = section.some_texts("match", remedy);
    let texts = section.require(texts, "match", remedy)?;
    let mut matchers = Vec::new();
    for text in &texts.value {
        match Matcher::parse(&text.value) {
            Ok(matcher) => matchers.push(matcher),
            Err(MatcherError::Regex { cause, .. }) => {
                // The last line is the reason, those before it draw a picture.
                let reason = cause.lines().last().unwrap_or_default().trim_start_matches("error: ");
                let what = format!("the regular expression in {:?} is not valid: {reason}", text.value);
                section.findings.error(&text.spot, what, "write it as RE2, the syntax that Prometheus uses");
            }
            Err(MatcherError::Syntax(_)) => {
                let what = format!("{:?} is not a label matcher", text.value);
                let remedy = "write name=\"value\", name!=\"value\", name=~\"regex\" or name!~\"regex\"";
                section.findings.error(&text.spot, what, remedy);
            }
        }
    }
    (matchers.len() == texts.value.len()).then_some(matchers)
}
