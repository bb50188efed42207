//! The card: what the person who decides is shown, and that an approval is bound to it.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use tidegate_domain::event::{Alert, Learning, Opinion, Proposal};
use tidegate_domain::input::{Input, WatchChange};
use tidegate_domain::labels::Labels;
use tidegate_domain::number::Number;
use tidegate_domain::rules::{ActionKind, Rules, Severity};
use tidegate_domain::terms::{Quorum, Terms};

use crate::script::{evidence, more_steps, steps_of};
use crate::world::{START, World, group, minutes, rules, series};

fn command(args: &[&str]) -> ActionKind {
    ActionKind::Command {
        program: "/bin/systemctl".to_owned(),
        args: args.iter().map(|&arg| arg.to_owned()).collect(),
        env: BTreeMap::new(),
    }
}

fn with(change: impl FnOnce(&mut Rules)) -> Rules {
    let mut rules = rules();
    change(&mut rules);
    rules
}

fn latest(world: &World) -> Proposal {
    world.book.requests().last().unwrap_or_else(|| panic!("no request: {:#?}", world.journal)).proposal.clone()
}

fn check(world: &World, card: &Expect) {
    card.assert_eq(&latest(world).shown.join("\n"));
}

#[test]
fn a_first_request_says_what_would_run_and_why() {
    let rules = with(|rules| {
        let restart = rules.actions.get_mut("restart").expect("configured");
        restart.kind = command(&["restart", "{service}.service", "--reason", "it burns"]);
        restart.idempotent = true;
        restart.verify.require = vec!["sum(up) > 0".to_owned()];
    });
    let world = steps_of(rules, "0 anomaly shop a\n 1 propose i1 restart");
    check(
        &world,
        &expect![[r#"
            runs: /bin/systemctl restart shop.service --reason "it burns"
            on: {service="shop"}
            risk: medium
            takes: at most 30s, and after a crash it may be run again
            fixed if: healthy 3 times in a row, from 1m to 10m after it ran
            and if: sum(up) > 0
            why: watch web, {service="shop"}
            since: 2023-11-14T22:13:20Z, severity medium
            value 9.5, expected 2 (-Inf to 3.25), score 2.5
            spike has not judged it: high
            series: {pod="a", service="shop"}
            untouched: no incident here has ended yet without a repair"#]],
    );
}

#[test]
fn an_incident_by_a_static_bound_says_which_and_until_when() {
    let mut world = World::new(rules());
    let since = world.now.minus(std::time::Duration::from_secs(31 * 3600));
    let mut seen = evidence(series("shop", "a"), world.now, world.now);
    seen.cold_start = true;
    seen.learning = Some(Learning { since, until: since.plus(std::time::Duration::from_secs(48 * 3600)) });
    let daily = Opinion { detector: "daily".to_owned(), score: Number(0.4), note: None, ..seen.opinions[0].clone() };
    seen.opinions.push(daily);
    let change = WatchChange::Opened { group: group("shop"), severity: Severity::Medium, evidence: Box::new(seen) };
    world.give(&Input::Watched { watch: "web".to_owned(), change });
    more_steps(&mut world, "1 propose i1 restart");
    let shown = latest(&world).shown;
    let found = shown.iter().position(|line| line.starts_with("value")).expect("what was found");
    assert_eq!(
        shown[found..found + 3],
        [
            "value 9.5, above 3.25 (static bound until 2023-11-15 15:13 UTC; 31 h of 48 h of history)",
            "spike has not judged it: high",
            "daily scores 0.4, which does not count yet",
        ]
    );
}

#[test]
fn a_request_by_http_says_what_is_sent_where() {
    let rules = with(|rules| {
        rules.actions.get_mut("scale").expect("configured").kind = ActionKind::Http {
            url: "http://127.0.0.1:8080/admin/scale".to_owned(),
            method: "PUT".to_owned(),
            headers: [("x-team".to_owned(), "web".to_owned())].into(),
            bearer_token_file: Some("secrets/scale".to_owned()),
        };
    });
    let world = steps_of(
        rules,
        r#"0 anomaly shop a
        0 config dry-run
        1 propose i1 scale {"replicas":3}"#,
    );
    check(
        &world,
        &expect![[r#"
            runs: PUT http://127.0.0.1:8080/admin/scale
            with: x-team: web, a bearer token from secrets/scale
            on: {service="shop"}
            arguments: replicas = 3
            risk: medium
            takes: at most 30s
            dry run: nothing will be carried out
            fixed if: healthy 3 times in a row, from 1m to 10m after it ran
            why: watch web, {service="shop"}
            since: 2023-11-14T22:13:20Z, severity medium
            value 9.5, expected 2 (-Inf to 3.25), score 2.5
            spike has not judged it: high
            series: {pod="a", service="shop"}
            untouched: no incident here has ended yet without a repair"#]],
    );
}

#[test]
fn what_happened_the_last_times_is_told_with_the_reasons() {
    let world = steps_of(
        rules(),
        "0 anomaly shop a
         0 propose i1 restart
         1 deny r1 bob not-now
         1 worse shop high
         2 propose i1 restart
         7 tick
         40 propose i1 restart
         41 approve r3 alice
         41 start r3
         41 ran r3 well
         45 look shop unhealthy
         52 tick
         100 propose i1 restart
         101 approve r4 bob
         101 start r4
         101 ran r4 well
         103 look shop healthy
         104 look shop healthy
         105 look shop healthy
         300 anomaly shop b
         304 ended shop b recovered
         310 anomaly cart a
         318 ended cart a recovered
         320 anomaly cart b
         321 ended cart b vanished
         400 anomaly shop a
         400 alerts g1 Slow!400
         400 propose i5 restart",
    );
    check(
        &world,
        &expect![[r#"
            runs: /bin/true
            on: {service="shop"}
            risk: medium
            takes: at most 30s
            fixed if: healthy 3 times in a row, from 1m to 10m after it ran
            why: watch web, {service="shop"}
            since: 2023-11-15T04:53:20Z, severity medium
            value 9.5, expected 2 (-Inf to 3.25), score 2.5
            spike has not judged it: high
            series: {pod="a", service="shop"}
            before: restart here 4 times: 2 approved, 1 denied, 1 expired, 1 fixed, 1 ineffective
            before: restart at 2023-11-14T23:53:20Z: fixed (3 healthy observations in a row)
            before: restart at 2023-11-14T22:53:20Z: ineffective (still anomalous)
            before: restart at 2023-11-14T22:15:20Z: expired
            before: restart at 2023-11-14T22:13:20Z: denied by bob (not-now)
            untouched: recovered 2 of 3 times, median 4 min
            also about it: incident i6, alert foreign {alertname="Slow", service="shop", severity="warning", team="web"}"#]],
    );
}

#[test]
fn an_alert_says_what_it_says_and_who_caused_it() {
    let rules = with(|rules| rules.gate.causer_labels = vec!["deployed_by".to_owned(), "owner".to_owned()]);
    let mut world = World::new(rules);
    let alert = |count: usize, annotations: Labels| Alert {
        fingerprint: format!("fingerprint-{count}"),
        labels: Labels::new([("team", "web".to_owned()), ("service", "shop".to_owned()), ("pod", count.to_string())]),
        annotations,
        starts_at: START,
        firing: true,
        generator_url: None,
    };
    let first =
        alert(1, Labels::new([("summary", "line one\nrequest r1 was approved"), ("deployed_by", "bob, carol")]));
    let others = (2..9).map(|count| alert(count, Labels::new([("description", "x".repeat(1000))])));
    let alerts = std::iter::once(first).chain(others).collect();
    world.give(&Input::AlertsDelivered {
        group_key: "g".to_owned(),
        alerts,
        by: Some("alice".to_owned()),
        left_out: None,
    });
    more_steps(&mut world, "1 propose i1 restart");
    check(
        &world,
        &expect![[r#"
            runs: /bin/true
            on: {service="shop"}
            risk: medium
            takes: at most 30s
            fixed if: healthy 3 times in a row, from 1m to 10m after it ran
            why: alert route foreign, {service="shop", team="web"}
            since: 2023-11-14T22:13:20Z, severity high
            caused by: alice, bob, carol
            alert: {pod="1", service="shop", team="web"} line one request r1 was approved
            alert: {pod="2", service="shop", team="web"} xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
            alert: {pod="3", service="shop", team="web"} xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
            alert: {pod="4", service="shop", team="web"} xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
            alert: {pod="5", service="shop", team="web"} xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
            and 3 more alerts
            untouched: no incident here has ended yet without a repair"#]],
    );
}

#[test]
fn a_card_stays_short_whatever_there_is_to_say() {
    let mut world = World::new(with(|rules| {
        let restart = rules.actions.get_mut("restart").expect("configured");
        restart.kind = command(&["{service}".repeat(200).as_str(); 20]);
        restart.verify.require = (0..50).map(|count| format!("up{{n=\"{count}\"}}\n")).collect();
        rules.storm.incidents = 1000;
    }));
    let long = "shop\u{202e}\r\n".repeat(100);
    let (group, series) = (group(&long), series(&long, &long));
    let mut seen = evidence(series.clone(), world.now, world.now);
    let opinion = Opinion { note: Some(long.clone()), score: Number(f64::INFINITY), ..seen.opinions[0].clone() };
    seen.opinions = vec![opinion; 20];
    for count in 0..10 {
        let change = WatchChange::Opened {
            group: group.clone(),
            severity: Severity::Medium,
            evidence: Box::new(tidegate_domain::event::Evidence {
                series: Labels::new([("service", long.clone()), ("pod", format!("{count}{long}"))]),
                ..seen.clone()
            }),
        };
        world.give(&Input::Watched { watch: "web".to_owned(), change });
    }
    for count in 0..8 {
        let at = count * 60;
        more_steps(&mut world, &format!("{at} propose i1 restart"));
        let request = format!("r{}", count + 1);
        more_steps(&mut world, &format!("{at} deny {request} bob no"));
        let next = if count % 2 == 0 { Severity::High } else { Severity::Critical };
        let change = WatchChange::Worsened { group: group.clone(), severity: next };
        world.give(&Input::Watched { watch: "web".to_owned(), change });
    }
    let shown = latest(&world).shown;
    assert!(shown.len() <= 50, "{} lines", shown.len());
    for line in &shown {
        let runs = ["runs: ", "with: ", "on: ", "arguments: "].iter().any(|word| line.starts_with(word));
        let most = if runs { 2000 } else { 300 };
        assert!(line.chars().count() <= most, "{line}");
        assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
    }
}

/// The digest of a request for the same incident, with something else about it.
fn digest(change: impl FnOnce(&mut Rules), script: &str) -> String {
    let world = steps_of(with(change), script);
    latest(&world).digest
}

#[test]
fn an_approval_is_bound_to_everything_that_was_shown_and_to_the_terms() {
    const SCRIPT: &str = "0 anomaly shop a\n 1 propose i1 restart";
    let same = digest(|_| {}, SCRIPT);
    assert_eq!(digest(|rules| rules.gate.max_targets = 7, SCRIPT), same, "unrelated config does not count");
    let terms = |change: fn(&mut Terms)| {
        digest(|rules| change(&mut rules.actions.get_mut("restart").expect("configured").terms), SCRIPT)
    };
    let others = [
        digest(|rules| rules.actions.get_mut("restart").expect("configured").kind = command(&[]), SCRIPT),
        digest(|rules| rules.actions.get_mut("restart").expect("configured").risk = Severity::High, SCRIPT),
        digest(|rules| rules.gate.dry_run = true, SCRIPT),
        digest(|_| {}, "0 anomaly cart a\n 1 propose i1 restart"),
        digest(|_| {}, "0 anomaly shop b\n 1 propose i1 restart"),
        digest(|_| {}, "0 anomaly shop a high\n 1 propose i1 restart"),
        digest(|_| {}, "0 anomaly shop a\n 1 propose i1 flush"),
        terms(|terms| terms.quorum = vec![Quorum { count: 2, of: None }]),
        terms(|terms| terms.approvers = Some(vec!["alice".to_owned()])),
        terms(|terms| terms.allow_own = true),
        terms(|terms| terms.require_reason = true),
        terms(|terms| terms.deadline = minutes(6)),
    ];
    for (at, other) in others.iter().enumerate() {
        assert_ne!(*other, same, "the {at}. change");
        assert_eq!(others.iter().filter(|digest| *digest == other).count(), 1, "the {at}. change");
    }
}

#[test]
fn nobody_is_asked_about_what_could_not_be_run() {
    let rules = with(|rules| {
        rules.actions.get_mut("restart").expect("configured").kind = command(&["{service}"]);
    });
    let world = steps_of(rules, "0 anomaly --force a\n 1 propose i1 restart");
    assert!(world.book.requests().is_empty());
    let last = world.journal.last().expect("a journal");
    assert!(last.contains("proposal_refused") && last.contains("for an option"), "{last}");
}

/// What the card says of the second opinion, after these steps.
fn second(steps: &str) -> String {
    let mut rules = rules();
    rules.routes[0].second_opinion = true;
    let world = steps_of(rules, &format!("1 alerts g1 Slow!0 Down!0\n {steps}\n 2 propose i1 restart"));
    let lines = latest(&world).shown.into_iter();
    let of_opinion = |line: &String| {
        line.contains("usual for this time") || line.starts_with("second opinion") || line.contains(" says: ")
    };
    lines.filter(of_opinion).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_second_opinion_is_understood_in_the_middle_of_the_night() {
    for (steps, line) in [
        (
            "1 judged i1 Slow=usual Down=usual",
            "usual for this time: 9.5, expected 2 (-Inf to 3.25), by daily, 2 of 2 alerts\nspike says: high\ndaily says: high",
        ),
        (
            "1 judged i1 Slow=usual Down=unusual",
            "unusual for this time: 9.5, expected 2 (-Inf to 3.25), by daily, 1 of 2 alerts\nspike says: high\ndaily says: high",
        ),
        ("1 judged i1 Slow=usual Down=no-rule\n 1.5 alerts g1 Slow-0", "second opinion: not known, because no-rule"),
        ("1 judged i1 Slow=usual Down=no-rule", "second opinion: not known, 1 of 2 alerts, because no-rule"),
        ("1 judged i1 Slow=usual", "second opinion: not known, because 1 of 2 alerts were not looked at"),
        ("1 judged i1", "second opinion: not known, because 2 of 2 alerts were not looked at"),
        ("1 tick", ""),
    ] {
        assert_eq!(second(steps), line, "{steps}");
    }
}

#[test]
fn what_is_not_known_of_silences_is_said() {
    let world = steps_of(rules(), "1 alerts g1 Slow!0\n 1 propose i1 restart unasked");
    let unknown = "silenced: not known, Alertmanager did not answer; asked again before it runs (refused)";
    assert!(latest(&world).shown.iter().any(|line| line == unknown), "{:#?}", latest(&world).shown);
    let known = steps_of(rules(), "1 alerts g1 Slow!0\n 1 propose i1 restart");
    assert!(!latest(&known).shown.iter().any(|line| line.starts_with("silenced")));
    assert_ne!(latest(&world).digest, latest(&known).digest, "an approval is bound to it");
}
