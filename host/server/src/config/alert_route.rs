//! `[[alert_route]]`: which foreign alerts are looked at, and by which policy.

use std::collections::BTreeMap;

use tidegate_domain::rules::{Route, WhenUsual};

use super::credentials::unique_name;
use super::proposals::{Offers, Proposals};
use super::section::Section;
use super::{RouteConfig, matchers};

pub(super) const KEYS: &[&str] = &["name", "match", "mode", "remediation", "actions", "dry_run"];

pub(super) fn read(root: &Section<'_>, offers: &Offers<'_>) -> Vec<(Route, RouteConfig)> {
    let mut names = BTreeMap::new();
    root.listed("alert_route", KEYS)
        .into_iter()
        .filter_map(|section| {
            let name = unique_name(&section, &mut names);
            let matchers = matchers::required(&section, "every alert");
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
                group_by: None,
                second_opinion: false,
                when_usual: WhenUsual::Ask,
            };
            Some((route, RouteConfig { name, remediation: settled.remediation }))
        })
        .collect()
}
