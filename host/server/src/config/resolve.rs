//! From the tree of all files to a [`Config`]: every table is read, then held against the others.

use std::path::Path;

use tidegate_domain::people::Role;
use tidegate_domain::rules::Rules;

use super::action::GateTerms;
use super::error::Findings;
use super::known_event::KnownEvents;
use super::locate::{Locator, Node};
use super::people::Everybody;
use super::proposals::Offers;
use super::section::Section;
use super::{
    Config, action, alert_route, default_detector, endpoints, gate, guest, host, known_event, maintenance, opinion,
    people, slack, watch,
};

/// Tables and keys at the top.
pub(super) const KEYS: &[&str] = &[
    "include",
    "server",
    "prometheus",
    "alertmanager",
    "slack",
    "gate",
    "storm",
    "second_opinion",
    "approver",
    "sender",
    "group",
    "maintenance",
    "known_event",
    "defaults",
    "guest",
    "detector",
    "watch",
    "alert_route",
    "action",
];

/// Reads everything. None where something was found that keeps the config from being built.
pub(super) fn resolve(main: &Path, root: Node, findings: &Findings) -> Option<Config> {
    let section = Section::root(&root, KEYS, findings)?;
    let server = host::read(&section, main);
    host::look_at_tls(&section);
    let prometheus = endpoints::prometheus(&section);
    let alertmanager = endpoints::alertmanager(&section);
    let slack = slack::read(&section);
    let everybody = people::read(&section);
    let (gate, gate_keys) = gate::gate(&section, &everybody.named);
    let storm = gate::storm(&section);
    let severity_labels = endpoints::severity_labels(&section);
    let maintenance = maintenance::read(&section);
    let known_events = known_event::read(&section);
    let guests = guest::guests(&section);
    let mut detectors = guest::detectors(&section);
    let terms = GateTerms { keys: &gate_keys, settled: &gate.terms, named: &everybody.named };
    let actions = action::read(&section, &terms);
    let guests_of = default_detector::guests_of(&section, &detectors);
    let offers = Offers {
        detectors: default_detector::with_default(names(&section, "detector")),
        guests: guests_of,
        action_names: names(&section, "action"),
        actions: &actions,
        known_events: &known_events,
        has_deciders: everybody.named.has_deciders,
    };
    let (watches, watch_configs): (Vec<_>, Vec<_>) = watch::read(&section, &offers, &gate).into_iter().unzip();
    let offered = opinion::read(&section, &offers);
    let (routes, route_configs): (Vec<_>, Vec<_>) = alert_route::read(&section, &offers, &offered).into_iter().unzip();
    let rules = Rules {
        gate,
        storm,
        watches: watches.into_iter().map(|watch| (watch.name.clone(), watch)).collect(),
        routes,
        severity_labels,
        people: everybody.people.clone(),
        maintenance,
        own_alertname: alertmanager
            .as_ref()
            .map_or_else(|| endpoints::DEFAULT_ALERTNAME.to_owned(), |alertmanager| alertmanager.alertname.clone()),
        actions,
    };
    if !findings.is_clean() {
        return None;
    }
    let second_opinion = opinion::wanted(&section, offered, &rules.routes);
    default_detector::imply(&section, &mut detectors, rules.watches.values(), second_opinion.as_ref());
    warn_of_unused(&section, &rules, second_opinion.as_ref(), findings);
    warn_of_unused_events(&section, &rules, &known_events, findings);
    warn_of_nobody(&section, &rules, &everybody, findings);
    slack::warn_of_halves(&section, slack.as_ref(), &everybody);
    Some(Config {
        server: server?,
        prometheus: prometheus?,
        alertmanager,
        slack,
        approvers: everybody.approvers,
        senders: everybody.senders,
        groups: everybody.groups,
        guests,
        detectors,
        watches: watch_configs,
        routes: route_configs,
        second_opinion,
        rules,
        locator: Locator::new(root),
        warnings: Vec::new(),
    })
}

/// The names in `[key.NAME]`, whether what stands below them is sound or not.
fn names(root: &Section<'_>, key: &str) -> Vec<String> {
    if !root.is_table(key) {
        return Vec::new();
    }
    root.section(key, None).map(|section| section.keys().map(str::to_owned).collect()).unwrap_or_default()
}

/// Only asked of a sound config: what is broken is often unused for that reason alone.
fn warn_of_unused(
    root: &Section<'_>,
    rules: &Rules,
    second_opinion: Option<&opinion::SecondOpinion>,
    findings: &Findings,
) {
    if rules.watches.is_empty() && rules.routes.is_empty() {
        findings.warning(&root.spot, "nothing is watched", "add a [[watch]] or an [[alert_route]]");
    }
    let watches = rules.watches.values();
    let asked = second_opinion.into_iter().flat_map(|opinion| &opinion.detectors);
    let detectors = watches.clone().flat_map(|watch| &watch.detectors).chain(asked);
    unused(root, "detector", "a watch or in [second_opinion]", detectors, findings);
    let of_routes = rules.routes.iter().flat_map(|route| &route.actions);
    let actions = watches.flat_map(|watch| &watch.actions).chain(of_routes);
    unused(root, "action", "a watch or in an [[alert_route]]", actions, findings);
}

fn warn_of_unused_events(root: &Section<'_>, rules: &Rules, events: &KnownEvents, findings: &Findings) {
    let used =
        |name: &str| rules.watches.values().any(|watch| watch.known_events.iter().any(|event| event.name == name));
    for name in events.names().filter(|name| !used(name)) {
        let what = format!("no watch has known_events = [{name:?}]");
        findings.warning(
            &root.spot_of("known_event"),
            what,
            "name it in a watch or in [defaults.watch], or take it out",
        );
    }
}

/// Who is missing, of those who are needed for what is there. Nobody at all is a choice: then nothing is ever asked.
fn warn_of_nobody(root: &Section<'_>, rules: &Rules, everybody: &Everybody, findings: &Findings) {
    let mut persons = rules.people.persons.values();
    if persons.len() > 0 && persons.all(|person| person.role < Role::Admin) {
        let what = "nobody has role = \"admin\", so nobody can resume what was paused, or reload the config over HTTP";
        findings.warning(&root.spot_of("approver"), what, "give somebody role = \"admin\"");
    }
    if !rules.routes.is_empty() && everybody.senders.is_empty() {
        let what = "whoever delivers alerts has to log in, and there is no [[sender]]";
        let remedy = "add a [[sender]] and give its token to Alertmanager, in http_config";
        findings.warning(&root.spot_of("alert_route"), what, remedy);
    }
}

fn unused<'a>(root: &Section<'_>, key: &str, by: &str, used: impl Iterator<Item = &'a String>, findings: &Findings) {
    let used: Vec<&String> = used.collect();
    let Some(section) = root.is_table(key).then(|| root.section(key, None)).flatten() else { return };
    for name in section.keys().filter(|name| !used.iter().any(|used| used == name)) {
        findings.warning(
            &section.spot_of(name),
            format!("nothing uses this {key}"),
            format!("name it in {by}, or take it out"),
        );
    }
}
