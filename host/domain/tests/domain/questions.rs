//! What a policy asked is recorded with its answer, whatever that is.

use tidegate_domain::event::{Asked, Event, Fact, IncidentId, Question, Reply, Sample};
use tidegate_domain::input::{Input, Plan, PolicyAnswer, Silence, WatchChange};
use tidegate_domain::labels::Labels;
use tidegate_domain::rules::Severity;

use crate::script::evidence;
use crate::world::{START, World, group, minutes, rules, series};

/// A host with one incident, `i1`, about which a policy is to be asked.
fn troubled() -> World {
    let mut world = World::new(rules());
    let change = WatchChange::Opened {
        group: group("shop"),
        severity: Severity::Medium,
        evidence: Box::new(evidence(series("shop", "a"), START, START)),
    };
    world.give(&Input::Watched { watch: "web".to_owned(), change });
    world
}

fn asked() -> Asked {
    let sample = Sample { labels: Labels::new([("pod", "a")]), at: START, value: f64::NAN.into() };
    let told = |expr: &str, reply| Question { expr: expr.to_owned(), cut_from: None, reply };
    let refused = Reply::Refused { reason: "more than 32 queries".to_owned() };
    Asked { questions: vec![told("up", Reply::Answered { samples: vec![sample] }), told("down", refused)], unlisted: 7 }
}

fn give(world: &mut World, incident: &str, asked: Asked, answer: PolicyAnswer) -> Vec<Event> {
    let (incident, policy_digest) = (IncidentId(incident.to_owned()), "77aa".to_owned());
    let (last_sample, silence) = (Some(world.now), Silence::None);
    world.give(&Input::PolicyAnswered { incident, policy_digest, asked, answer, last_sample, silence })
}

fn restart() -> PolicyAnswer {
    PolicyAnswer::Propose(Plan {
        summary: "restart it".to_owned(),
        rationale: "it helped before".to_owned(),
        action: "restart".to_owned(),
        arguments: String::new(),
    })
}

fn is_question(event: &Event) -> bool {
    matches!(&event.fact, Fact::PolicyAsked { incident, policy_digest, asked: told }
        if incident.0 == "i1" && policy_digest == "77aa" && *told == asked())
}

#[test]
fn what_was_asked_comes_before_every_kind_of_answer() {
    let other = |action: &str| match restart() {
        PolicyAnswer::Propose(plan) => PolicyAnswer::Propose(Plan { action: action.to_owned(), ..plan }),
        answer => answer,
    };
    for answer in [
        PolicyAnswer::Leave("not mine".to_owned()),
        PolicyAnswer::Failed("it trapped".to_owned()),
        restart(),
        other("no-such-action"),
    ] {
        let mut world = troubled();
        let events = give(&mut world, "i1", asked(), answer.clone());
        assert!(events.len() >= 2 && is_question(&events[0]), "{answer:?}: {events:#?}");
        assert_eq!(events.iter().filter(|event| is_question(event)).count(), 1, "{answer:?}");
        // What was asked is evidence and nothing else: the book is as if it had not been.
        let mut silent = troubled();
        give(&mut silent, "i1", Asked::default(), answer);
        assert_eq!(world.book, silent.book);
        world.check_journal();
    }
}

#[test]
fn who_asks_nothing_leaves_no_trace_of_it() {
    let events = give(&mut troubled(), "i1", Asked::default(), PolicyAnswer::Leave("not mine".to_owned()));
    assert!(matches!(&events[..], [Event { fact: Fact::PolicyLeft { .. }, .. }]), "{events:#?}");
}

#[test]
fn an_answer_that_comes_too_late_leaves_its_questions() {
    let mut world = troubled();
    give(&mut world, "i1", asked(), restart());
    world.now = world.now.plus(minutes(1));
    let events = give(&mut world, "i1", asked(), PolicyAnswer::Leave("twice".to_owned()));
    assert!(matches!(&events[..], [event] if is_question(event)), "{events:#?}");
}

#[test]
fn questions_about_an_incident_that_nobody_knows_are_not_recorded() {
    let events = give(&mut troubled(), "i9", asked(), restart());
    assert_eq!(events, []);
}
