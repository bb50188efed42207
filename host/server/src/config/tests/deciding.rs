//! What is read of people, of the terms on which they decide, and of what stops an action whatever they say.

use std::collections::BTreeSet;
use std::time::Duration;

use tidegate_domain::labels::Labels;
use tidegate_domain::people::Role;
use tidegate_domain::rules::{BlastRadius, Breaker, Most, Severity};
use tidegate_domain::terms::{Autonomy, Escalate, Quorum, Terms};
use tidegate_domain::time::Timestamp;

use super::super::SlackPosting;
use super::{Config, MINIMAL, accepted};

fn whole() -> Config {
    accepted(include_str!("../testdata/accepted.toml"))
}

fn texts<const N: usize>(texts: [&str; N]) -> BTreeSet<String> {
    texts.map(str::to_owned).into()
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn people_and_groups_are_read() {
    let config = whole();
    let people = &config.rules.people;
    let roles: Vec<(&str, Role)> = people.persons.iter().map(|(name, person)| (name.as_str(), person.role)).collect();
    let expected = [("alice", Role::Admin), ("bob", Role::Approve), ("carol", Role::Approve), ("dave", Role::View)];
    assert_eq!(roles, expected);
    assert_eq!(people.persons["alice"].aliases, texts(["Alice A.", "alice@example.com"]));
    assert_eq!(people.called("alice@example.com"), Some("alice"));
    let payments = &people.groups["payments"];
    assert_eq!((&payments.members, payments.has_roster), (&texts(["alice", "bob"]), true));
    assert!(payments.covers(&Labels::new([("team", "payments")])) && !payments.covers(&Labels::empty()));
    let found = &config.groups["payments"];
    assert_eq!(found.slack_usergroup.as_deref(), Some("S0614TZR7"));
    assert_eq!(found.slack_channel.as_deref(), Some("C0PAY"));
    let leads = &people.groups["leads"];
    assert_eq!((leads.has_roster, leads.matchers.len()), (false, 0));
    assert!(config.groups["leads"].slack_channel.is_none());
}

#[test]
fn slack_is_read_with_a_bot_and_with_a_webhook() {
    let slack = whole().slack.expect("it is there");
    let SlackPosting::Bot { token, channel } = &slack.posting else { panic!("it is a bot") };
    assert_eq!((token.expose(), channel.as_str()), ("xoxb-0123456789abcdef", "C0OPS"));
    assert_eq!(slack.signing_secret.expect("it is there").expose(), "signing-0123456789abcdef");
    assert_eq!(slack.app_token.expect("it is there").expose(), "xapp-0123456789abcdef");
    assert_eq!(slack.team_id.as_deref(), Some("T2CERLKJA"));
    assert_eq!(slack.api_url.to_string(), "http://127.0.0.1:8081/api");
    assert_eq!(slack.response_hosts, ["hooks.slack.com", "127.0.0.1:8081"]);

    let slack = accepted(&format!("{MINIMAL}[slack]\nwebhook_url_file = 'secrets/slack'")).slack.expect("it is there");
    let SlackPosting::Webhook(url) = &slack.posting else { panic!("it is a webhook") };
    assert_eq!(url.expose().as_str(), "https://hooks.slack.com/services/T/B/x");
    assert!(slack.signing_secret.is_none() && slack.app_token.is_none() && slack.team_id.is_none());
    assert_eq!(slack.api_url.to_string(), "https://slack.com/api");
    assert_eq!(slack.response_hosts, ["hooks.slack.com"]);
}

#[test]
fn an_action_has_the_terms_of_the_gate_but_for_its_own() {
    let rules = whole().rules;
    let of = |count, group: &str| Quorum { count, of: Some(group.to_owned()) };
    let gate = Terms {
        deadline: 10 * MINUTE,
        remind_before: Some(2 * MINUTE),
        escalate: Some(Escalate { after: 5 * MINUTE, to: vec!["leads".to_owned()] }),
        approvers: Some(vec!["carol".to_owned(), "payments".to_owned()]),
        quorum: vec![Quorum { count: 2, of: None }],
        require_reason: true,
        allow_own: true,
        auto_approve: Severity::Medium,
        autonomy: Some(Autonomy { after: 5, up_to: Severity::High }),
    };
    assert_eq!(rules.gate.terms, gate);
    assert_eq!(rules.gate.causer_labels, ["deployed_by"]);
    assert_eq!(rules.actions["scale"].terms, gate);
    let own = Terms {
        deadline: MINUTE,
        remind_before: None,
        escalate: Some(Escalate { after: MINUTE / 2, to: vec!["leads".to_owned()] }),
        approvers: Some(vec!["payments".to_owned()]),
        quorum: vec![of(2, "payments"), of(1, "leads")],
        require_reason: false,
        ..gate
    };
    assert_eq!(rules.actions["restart-service"].terms, own);
}

#[test]
fn terms_that_are_left_out_have_their_documented_default() {
    let rules = accepted(MINIMAL).rules;
    assert_eq!(rules.gate.terms, Terms::default());
    assert_eq!((rules.gate.terms.deadline, rules.gate.terms.remind_before), (5 * MINUTE, Some(MINUTE)));
    assert!(rules.gate.causer_labels.is_empty() && rules.maintenance.is_empty());
    for (deadline, reminder) in [("1m", None), ("61s", Some(MINUTE)), ("30s", None)] {
        let rules = accepted(&format!("{MINIMAL}[gate]\ndeadline = '{deadline}'")).rules;
        assert_eq!(rules.gate.terms.remind_before, reminder, "{deadline}");
    }
}

#[test]
fn what_stops_an_action_is_read() {
    let rules = whole().rules;
    let restart = &rules.actions["restart-service"];
    let limit = |most| BlastRadius { label: "service".to_owned(), most };
    let share = Most::Share { share: 0.1, of: "up{job=\"api\"}".to_owned() };
    assert_eq!(restart.blast_radius, [limit(Most::Count(2)), limit(share)]);
    assert_eq!(restart.breaker, Some(Breaker { after: 3, reset: 120 * MINUTE }));
    assert_eq!((&rules.actions["scale"].blast_radius, &rules.actions["scale"].breaker), (&vec![], &None));

    let maintenance = &rules.maintenance[0];
    assert_eq!(maintenance.name, "database upgrades");
    let [matcher] = maintenance.matchers.as_slice() else { panic!("it has one") };
    assert_eq!(matcher.to_string(), "service=\"db\"");
    let at = |text: &str| Timestamp(text.parse::<jiff::Timestamp>().expect("a time").as_millisecond());
    for (time, holds) in [
        // By the clock of Berlin, an hour ahead of UTC in winter.
        ("2026-11-24T20:59:59Z", false),
        ("2026-11-24T21:00:00Z", true),
        ("2026-11-25T00:59:59Z", true),
        ("2026-11-25T01:00:00Z", false),
        // Saturday, and none of its days of the month and months; then one of all of these.
        ("2026-11-21T22:00:00Z", false),
        ("2026-12-05T22:00:00Z", true),
        ("2026-12-05T20:00:00Z", false),
        // Every Sunday, by UTC.
        ("2026-11-22T00:00:00Z", true),
        ("2026-11-23T00:00:00Z", false),
    ] {
        assert_eq!(maintenance.when.contains(at(time)), holds, "{time}");
    }
}

#[test]
fn the_listener_has_tls_where_files_are_named() {
    let tls = whole().server.tls.expect("they are named");
    assert!(tls.cert.ends_with("tls/cert.pem") && tls.key.ends_with("tls/key.pem"));
    assert!(tls.clients.is_some_and(|clients| clients.ca.ends_with("tls/ca.pem")));
    assert!(accepted(MINIMAL).server.tls.is_none());
}
