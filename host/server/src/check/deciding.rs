//! Who may decide what, for a person who wants to see in one look whether that is what they meant.

use std::fmt::Write as _;

use tidegate_domain::people::Role;
use tidegate_domain::rules::{Action, Mode};
use tidegate_domain::terms::{Quorum, Terms};
use tidegate_domain::time::format_duration;

use crate::config::Config;

/// One line for each group, action that people may be asked about, and stretch of maintenance; before them, everybody.
pub(super) fn told(config: &Config) -> String {
    let mut lines = everybody(config);
    for (name, group) in &config.rules.people.groups {
        let mut line = format!("group {name}: {}", listed(&group.members));
        if let Some(usergroup) = config.groups.get(name).and_then(|group| group.slack_usergroup.as_ref()) {
            let also = if group.members.is_empty() { "" } else { " and " };
            let _ = write!(line, "{also}whoever is in Slack's {usergroup}");
        }
        if !group.matchers.is_empty() {
            let _ = write!(line, "; decides where {}", listed(&group.matchers));
        }
        lines.push(line);
    }
    lines.extend(config.rules.actions.values().filter_map(|action| asked_about(config, action)));
    for maintenance in &config.rules.maintenance {
        lines.push(format!("maintenance {}: where {}", maintenance.name, listed(&maintenance.matchers)));
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

fn everybody(config: &Config) -> Vec<String> {
    let people = config.rules.people.persons.iter().map(|(name, person)| match person.role {
        // The default, and what most people have.
        Role::Approve => name.clone(),
        role => format!("{name} ({})", role.name()),
    });
    let people = listed(people);
    let mut lines = vec![match people.as_str() {
        "" => "people: nobody, so nobody can log in or decide".to_owned(),
        people => format!("people: {people}"),
    }];
    if !config.senders.is_empty() {
        lines.push(format!("senders: {}", listed(config.senders.iter().map(|sender| &sender.name))));
    }
    lines
}

/// None for an action that no policy proposes, or whose proposals are only noted.
fn asked_about(config: &Config, action: &Action) -> Option<String> {
    let watches = config.rules.watches.values().map(|watch| (watch.has_policy, watch.mode, &watch.actions));
    let routes = config.rules.routes.iter().map(|route| (route.has_policy, route.mode, &route.actions));
    let modes: Vec<Mode> = watches
        .chain(routes)
        .filter(|(has_policy, mode, actions)| *has_policy && *mode != Mode::Observe && actions.contains(&action.name))
        .map(|(_, mode, _)| mode)
        .collect();
    if modes.is_empty() {
        return None;
    }
    let terms = &action.terms;
    let mut line = format!("action {}: decided by {}; needs {}", action.name, who(config, terms), quorums(terms));
    let _ = write!(line, " within {}", format_duration(terms.deadline));
    if let Some(escalate) = &terms.escalate {
        let _ = write!(line, "; {} as well after {}", listed(&escalate.to), format_duration(escalate.after));
    }
    if modes.contains(&Mode::Auto) {
        let _ = write!(line, "; with mode = \"auto\" passes by itself up to {}", terms.auto_approve.name());
        if let Some(autonomy) = &terms.autonomy {
            let fixes = if autonomy.after == 1 { "fix" } else { "fixes in a row" };
            let _ = write!(line, ", after {} {fixes} up to {}", autonomy.after, autonomy.up_to.name());
        }
    }
    Some(line)
}

fn quorums(terms: &Terms) -> String {
    let said = |quorum: &Quorum| match &quorum.of {
        Some(group) => format!("{} of {group}", quorum.count),
        None if terms.quorum.len() > 1 => format!("{} of them", quorum.count),
        None => quorum.count.to_string(),
    };
    terms.quorum.iter().map(said).collect::<Vec<_>>().join(" and ")
}

fn who(config: &Config, terms: &Terms) -> String {
    match &terms.approvers {
        Some(names) => listed(names),
        None => {
            let may_decide = config.rules.people.persons.iter().filter(|(_, person)| person.role >= Role::Approve);
            let all = listed(may_decide.map(|(name, _)| name));
            let limited = config.rules.people.groups.values().any(|group| !group.matchers.is_empty());
            if limited { format!("{all}, members of groups where those decide") } else { all }
        }
    }
}

fn listed(all: impl IntoIterator<Item = impl ToString>) -> String {
    all.into_iter().map(|one| one.to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use expect_test::expect;

    use super::told;
    use crate::config;

    const CONFIG: &str = r#"
[prometheus]
url = "http://127.0.0.1:9090"
[slack]
bot_token_file = "secrets/slack-bot"
channel = "C0OPS"
[detector.spike]
guest = "zscore"
[defaults.watch]
detectors = ["spike"]
remediation = { guest = "runbook" }
[[approver]]
name = "alice"
role = "admin"
token_file = "secrets/alice"
[[approver]]
name = "bob"
token_file = "secrets/bob"
slack_user = "U2CERLKJB"
[[approver]]
name = "carol"
role = "view"
token_file = "secrets/carol"
[[sender]]
name = "alertmanager"
token_file = "secrets/alertmanager"
[[group]]
name = "payments"
members = ["alice"]
match = ['team="payments"', 'severity=~"page|info"']
slack_usergroup = "S0614TZR7"
[[group]]
name = "oncall"
slack_usergroup = "S0614TZR8"
[gate]
deadline = "15m"
[[watch]]
name = "asked"
expr = "up"
actions = ["asked", "by-two"]
[[watch]]
name = "auto"
expr = "up"
mode = "auto"
actions = ["by-two"]
[[watch]]
name = "observed"
expr = "up"
mode = "observe"
actions = ["never-asked"]
[action.asked]
kind = "command"
program = "sh"
target = ["service"]
risk = "low"
[action.by-two]
kind = "command"
program = "sh"
target = ["service"]
risk = "low"
gate = { approvers = ["bob", "payments"], quorum = [2, "1 of payments"], escalate = { after = "5m", to = ["oncall"] }, autonomy = { after = 5, up_to = "high" } }
[action.never-asked]
kind = "command"
program = "sh"
target = ["service"]
risk = "low"
[[maintenance]]
name = "database upgrades"
match = ['service="db"']
time_intervals = [{ weekdays = ["saturday"] }]
"#;

    fn loaded(text: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let secrets = folder.path().join("secrets");
        fs::create_dir(&secrets).expect("a folder");
        for name in ["alice", "bob", "carol", "alertmanager"] {
            fs::write(secrets.join(name), format!("{name}-0123456789abcdef")).expect("a file");
        }
        fs::write(secrets.join("slack-bot"), "xoxb-0123456789abcdef").expect("a file");
        fs::write(secrets.join("slack-app"), "xapp-0123456789abcdef").expect("a file");
        let file = folder.path().join("tidegate.toml");
        fs::write(&file, text).expect("a file");
        told(&config::load(&file).unwrap_or_else(|errors| panic!("refused:\n{errors}")))
    }

    #[test]
    fn everybody_and_what_they_decide_is_told() {
        expect![[r#"
            people: alice (admin), bob, carol (view)
            senders: alertmanager
            group oncall: whoever is in Slack's S0614TZR8
            group payments: alice and whoever is in Slack's S0614TZR7; decides where team="payments", severity=~"page|info"
            action asked: decided by alice, bob, members of groups where those decide; needs 1 within 15m
            action by-two: decided by bob, payments; needs 2 of them and 1 of payments within 15m; oncall as well after 5m; with mode = "auto" passes by itself up to low, after 5 fixes in a row up to high
            maintenance database upgrades: where service="db"
        "#]].assert_eq(&loaded(CONFIG));
    }

    /// The rest of the examples in the documentation.
    const REST: &str = r#"
[prometheus]
url = "http://127.0.0.1:9090"
[detector.spike]
guest = "zscore"
[[watch]]
name = "latency"
expr = "up"
detectors = ["spike"]
remediation = { guest = "runbook" }
"#;
    const ACTION: &str = "kind = 'command'\nprogram = 'sh'\ntarget = ['service']\nrisk = 'low'\n";

    #[test]
    fn the_examples_in_the_documentation_come_to_what_it_says() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
        let docs = fs::read_to_string(docs).expect("the documentation");
        let (_, section) = docs.split_once("\n## Who decides\n").expect("the section");
        let (section, _) = section.split_once("\n## ").expect("its end");
        let blocks: Vec<&str> = section.split("\n```").skip(1).step_by(2).collect();
        assert_eq!(blocks.len(), 6, "three examples, each with what it comes to");
        for pair in blocks.chunks(2) {
            let example = pair[0].strip_prefix("toml\n").expect("a config");
            let with_action = if example.contains("# ...") {
                format!("{REST}actions = ['restart-production']\n{}", example.replace("# ...", ACTION))
            } else {
                format!("{REST}actions = ['restart-service']\n{example}\n[action.restart-service]\n{ACTION}")
            };
            assert_eq!(loaded(&with_action).trim(), pair[1].trim(), "{example}");
        }
    }

    #[test]
    fn nobody_is_told_as_well() {
        let nobody = "[prometheus]\nurl = 'http://127.0.0.1:9090'\n";
        assert_eq!(loaded(nobody), "people: nobody, so nobody can log in or decide\n");
    }
}
