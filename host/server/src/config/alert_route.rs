//! `[[alert_route]]`: which foreign alerts are looked at, and by which policy.

use std::collections::BTreeMap;

use tidegate_domain::rules::{Route, WhenUsual};

use super::credentials::unique_name;
use super::opinion::Offered;
use super::proposals::{Offers, Proposals};
use super::section::Section;
use super::{RouteConfig, matchers};

pub(super) const KEYS: &[&str] =
    &["name", "match", "group_by", "mode", "remediation", "actions", "dry_run", "second_opinion", "when_usual"];

const WHEN_USUAL: [(&str, WhenUsual); 2] = [("ask", WhenUsual::Ask), ("leave", WhenUsual::Leave)];

pub(super) fn read(root: &Section<'_>, offers: &Offers<'_>, offered: &Offered) -> Vec<(Route, RouteConfig)> {
    let mut names = BTreeMap::new();
    root.listed("alert_route", KEYS)
        .into_iter()
        .filter_map(|section| {
            let name = unique_name(&section, &mut names);
            let matchers = matchers::required(&section, "every alert");
            let path = ["alert_route", name.as_deref().unwrap_or("")];
            let settled = Proposals::read(&section, &path).settle(&section.spot, offers, section.findings);
            let group_by =
                section.some_texts("group_by", "leave it out, or name labels; an empty list does not mean all of them");
            // What Alertmanager writes for all labels would here be one that no alert has: all of them one incident.
            for label in group_by.iter().flat_map(|labels| &labels.value).filter(|label| label.value == "...") {
                section.findings.error(&label.spot, "\"...\" is no label", "leave group_by out: then all labels count");
            }
            let (second_opinion, when_usual) = second_opinion(&section, offered);
            let name = name?;
            let route = Route {
                name: name.clone(),
                matchers: matchers?,
                mode: settled.mode,
                has_policy: settled.remediation.is_some(),
                actions: settled.actions,
                dry_run: settled.dry_run,
                group_by: group_by.map(|labels| labels.value.into_iter().map(|label| label.value).collect()),
                second_opinion,
                when_usual,
            };
            Some((route, RouteConfig { name, remediation: settled.remediation }))
        })
        .collect()
}

/// Whether the detectors are asked about its alerts, and what follows where they find them usual.
fn second_opinion(section: &Section<'_>, offered: &Offered) -> (bool, WhenUsual) {
    let wanted = section.flag("second_opinion");
    let wanted = wanted.map_or(offered.by_default, |wanted| wanted.value);
    let when_usual = section.choice("when_usual", &WHEN_USUAL);
    if let Some(leave) = when_usual.as_ref().filter(|when| when.value == WhenUsual::Leave && !wanted) {
        let what = "nobody is asked what is usual for these alerts";
        section.findings.error(&leave.spot, what, "set second_opinion = true as well, or leave it out");
    }
    (wanted, when_usual.map_or(WhenUsual::Ask, |when| when.value))
}
