//! A host without edges: a book, its rules, a journal and a clock that moves when told to.

use std::time::Duration;

use tidegate_domain::book::Book;
use tidegate_domain::decide::decide;
use tidegate_domain::event::Event;
use tidegate_domain::input::Input;
use tidegate_domain::labels::{Labels, Matcher};
use tidegate_domain::owed::next_deadline;
use tidegate_domain::people::{Group, People, Person, Role};
use tidegate_domain::rules::{
    Action, ActionKind, ColdStart, Direction, Gate, Mode, OnAbsent, Route, Rules, Severity, SeverityScores, Verify,
    Watch, WhenUsual,
};
use tidegate_domain::terms::Terms;
use tidegate_domain::time::Timestamp;

/// When every test begins.
pub(crate) const START: Timestamp = Timestamp(1_700_000_000_000);

/// How often `Tick` may find something more to say after one input. A longer chain would be a loop.
const MOST_ROUNDS: usize = 8;

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) book: Book,
    pub(crate) rules: Rules,
    pub(crate) now: Timestamp,
    /// JSON lines, as they would be stored.
    pub(crate) journal: Vec<String>,
}

impl World {
    pub(crate) fn new(rules: Rules) -> World {
        World { book: Book::default(), rules, now: START, journal: Vec::new() }
    }

    /// Decides and applies one input, then ticks until nothing follows. Returns what happened.
    pub(crate) fn give(&mut self, input: &Input) -> Vec<Event> {
        let mut happened = self.step(input);
        let mut rounds = 0;
        loop {
            let more = self.step(&Input::Tick);
            if more.is_empty() {
                break;
            }
            happened.extend(more);
            rounds += 1;
            assert!(rounds <= MOST_ROUNDS, "Tick does not come to rest: {happened:#?}");
        }
        if let Some(next) = next_deadline(&self.book, &self.rules, self.now) {
            assert!(next > self.now, "a deadline at {next:?} is over at {:?} and Tick says nothing", self.now);
        }
        happened
    }

    fn step(&mut self, input: &Input) -> Vec<Event> {
        let events = decide(&self.book, &self.rules, input, self.now);
        for event in &events {
            self.journal.push(serde_json::to_string(event).expect("an event is JSON"));
            self.book.apply(event);
        }
        events
    }

    /// The book that the first `lines` lines of the journal make.
    pub(crate) fn refold(&self, lines: usize) -> Book {
        let mut book = Book::default();
        for line in &self.journal[..lines] {
            let event: Event = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            book.apply(&event);
        }
        book
    }

    /// The host dies with only so many lines made durable, and comes up again.
    pub(crate) fn crash(&mut self, lines: usize) -> Vec<Event> {
        self.book = self.refold(lines);
        self.journal.truncate(lines);
        self.give(&Input::Started { version: "0.1.0".to_owned() })
    }

    pub(crate) fn check_journal(&self) {
        assert_eq!(self.refold(self.journal.len()), self.book, "the journal does not fold into the book");
    }
}

pub(crate) fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

/// One watch `web` grouped by service, one alert route, and a handful of actions that differ in one thing each.
pub(crate) fn rules() -> Rules {
    let actions = ["restart", "flush", "scale", "again", "pretend", "proven"].map(|name| {
        let mut action = action(name);
        match name {
            "scale" => {
                let bounds = tidegate_domain::arguments::ArgumentBounds::Integer { min: 1, max: 8 };
                action.arguments.insert("replicas".to_owned(), bounds);
            }
            "again" => action.idempotent = true,
            "pretend" => action.dry_run = true,
            "proven" => action.verify.require = vec!["traffic > 0".to_owned()],
            _ => {}
        }
        (name.to_owned(), action)
    });
    let offered: Vec<String> = actions.iter().map(|(name, _)| name.clone()).collect();
    let route = Route {
        name: "foreign".to_owned(),
        matchers: vec![Matcher::parse("team=web").expect("a matcher")],
        mode: Mode::Ask,
        has_policy: true,
        actions: offered.clone(),
        dry_run: false,
        group_by: None,
        second_opinion: false,
        when_usual: WhenUsual::Ask,
    };
    Rules {
        gate: Gate { max_targets: 2, ..Gate::default() },
        watches: [("web".to_owned(), watch("web", offered))].into(),
        routes: vec![route],
        severity_labels: [("warning".to_owned(), Severity::Medium), ("page".to_owned(), Severity::Critical)].into(),
        actions: actions.into(),
        people: people(&[("alice", Role::Admin), ("bob", Role::Approve)]),
        own_alertname: "TidegateIncident".to_owned(),
        ..Rules::default()
    }
}

/// Lets everything up to here pass by itself, in mode `auto`.
pub(crate) fn auto_approve(rules: &mut Rules, limit: Severity) {
    rules.actions.values_mut().for_each(|action| action.terms.auto_approve = limit);
}

/// People with their roles, and no groups.
pub(crate) fn people(persons: &[(&str, Role)]) -> People {
    let person = |(name, role): &(&str, Role)| ((*name).to_owned(), Person { role: *role, aliases: [].into() });
    People { persons: persons.iter().map(person).collect(), groups: [].into() }
}

/// An admin and three approvers in groups for the shop, for the bank and for both; one who is on call and one who is in
/// no group; one who may only look.
pub(crate) fn teams() -> People {
    let approvers = ["bob", "carol", "dave", "erin", "frank"].map(|name| (name, Role::Approve));
    let everybody: Vec<(&str, Role)> =
        [("alice", Role::Admin), ("vic", Role::View)].into_iter().chain(approvers).collect();
    let mut people = people(&everybody);
    people.persons.get_mut("bob").expect("one of them").aliases = ["bob@example.com".to_owned()].into();
    let groups = [
        ("leads", &["alice"][..], None, false),
        ("shop", &["bob", "carol", "vic"], Some("service=\"shop\""), false),
        ("bank", &["dave"], Some("service=\"bank\""), false),
        ("oncall", &[], None, true),
    ];
    for (name, members, matcher, has_roster) in groups {
        let members = members.iter().map(|member| (*member).to_owned()).collect();
        let matchers = matcher.into_iter().map(|text| Matcher::parse(text).expect("a matcher")).collect();
        people.groups.insert(name.to_owned(), Group { members, has_roster, matchers });
    }
    people
}

fn action(name: &str) -> Action {
    Action {
        name: name.to_owned(),
        summary: String::new(),
        kind: ActionKind::Command { program: "/bin/true".to_owned(), args: Vec::new(), env: [].into() },
        target: vec!["service".to_owned()],
        risk: Severity::Medium,
        timeout: Duration::from_secs(30),
        cooldown: minutes(15),
        max_per_hour: 2,
        idempotent: false,
        dry_run: false,
        arguments: [].into(),
        verify: Verify::default(),
        terms: Terms::default(),
        blast_radius: Vec::new(),
        breaker: None,
    }
}

pub(crate) fn watch(name: &str, actions: Vec<String>) -> Watch {
    Watch {
        name: name.to_owned(),
        mode: Mode::Ask,
        step: minutes(1),
        detectors: vec!["spike".to_owned()],
        quorum: 1,
        direction: Direction::Both,
        min_dev: 0.0,
        min_rel_dev: 0.0,
        consecutive: 3,
        recover_after: 3,
        recover_below: 0.8,
        cold_start: ColdStart::default(),
        absent_after: minutes(5),
        on_absent: OnAbsent::Incident,
        accept_after: minutes(24 * 60),
        known_events: Vec::new(),
        identity: None,
        group_by: Some(vec!["service".to_owned()]),
        severity: SeverityScores::default(),
        has_policy: true,
        actions,
        dry_run: false,
    }
}

pub(crate) fn group(service: &str) -> Labels {
    Labels::new([("service", service)])
}

pub(crate) fn series(service: &str, pod: &str) -> Labels {
    Labels::new([("service", service), ("pod", pod)])
}
