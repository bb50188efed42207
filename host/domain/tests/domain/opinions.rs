//! Second opinions: asked for before the policy is, bounded, and no reason to leave alone what is not known to be usual.

use expect_test::expect;
use tidegate_domain::event::{Fact, IncidentId, OpinionVerdict, SecondOpinion};
use tidegate_domain::input::Input;
use tidegate_domain::rules::{Rules, WhenUsual};

use crate::script::{check_with, evidence, steps_of};
use crate::world::{START, rules, series};

fn leaving(rules: &mut Rules) {
    asking(rules);
    rules.routes[0].when_usual = WhenUsual::Leave;
}

fn asking(rules: &mut Rules) {
    rules.routes[0].second_opinion = true;
}

#[test]
fn the_detectors_are_asked_before_the_policy_each_time() {
    check_with(
        leaving,
        expect![[r#"
            1 alerts g1 Slow!0
                incident_opened Slow! i1 ask foreign medium since=0 alert wants_opinion=true
                -> judge i1
            1 judged i1 Slow=usual
                second_opinion_given i1 slow=usual
                -> consult i1
            1 propose i1 restart
                proposal_refused restart i1 refusal=guarded/usual retry_at=31
            30 tick
            31 tick
                -> judge i1
            31 judged i1 Slow=unusual
                second_opinion_given i1 slow=unusual
                -> consult i1
            31 propose i1 restart
                request_opened i1 restart on shop r1
            36 tick
                request_expired r1 retry_at=66
            66 tick
                -> judge i1
        "#]],
    );
}

#[test]
fn only_a_route_that_says_so_leaves_what_is_usual() {
    check_with(
        asking,
        expect![[r#"
            1 alerts g1 Slow!0
                incident_opened Slow! i1 ask foreign medium since=0 alert wants_opinion=true
                -> judge i1
            1 judged i1 Slow=usual
                second_opinion_given i1 slow=usual
                -> consult i1
            1 propose i1 restart
                request_opened i1 restart on shop r1
        "#]],
    );
}

#[test]
fn it_is_usual_only_where_every_alert_that_fires_is() {
    check_with(
        leaving,
        expect![[r#"
            1 alerts g1 Slow!0 Down!0 Hot!0
                incident_opened Slow! Down! Hot! i1 ask foreign medium since=0 alert wants_opinion=true
                -> judge i1
            1 judged i1 Slow=usual Down=untold
                second_opinion_given i1 down=unknown slow=usual
                -> consult i1
            1 propose i1 restart
                request_opened i1 restart on shop r1
            2 deny r1 alice no
                request_denied by alice no r1
            3 alerts g2 Full!0
                incident_opened Full! i2 ask foreign medium since=0 alert wants_opinion=true
                -> judge i2
            3 judged i2 Full=usual
                second_opinion_given i2 full=usual
                -> consult i2
            3 propose i2 flush
                proposal_refused flush i2 refusal=guarded/usual retry_at=33
            4 alerts g2 More!4
                alerts_changed More! i2
                -> judge i2
            4 judged i2 Full=usual More=usual
                second_opinion_given i2 full=usual more=usual
                -> consult i2
            4 propose i2 flush
                proposal_refused flush i2 refusal=guarded/usual retry_at=34
            5 alerts g2 More-4
                alerts_changed More- i2
            6 alerts g2 More!5.5
                alerts_changed More! i2
            34 tick
                -> judge i2
        "#]],
    );
}

#[test]
fn no_opinion_is_one_as_well_and_holds_nobody_up() {
    check_with(
        leaving,
        expect![[r#"
            1 alerts g1 Slow!0
                incident_opened Slow! i1 ask foreign medium since=0 alert wants_opinion=true
                -> judge i1
            1 judged i1
                second_opinion_given i1
                -> consult i1
            1 propose i1 restart
                request_opened i1 restart on shop r1
        "#]],
    );
}

#[test]
fn opinions_come_too_late_for_what_is_over_and_for_alerts_that_are_not_its_own() {
    check_with(
        leaving,
        expect![[r#"
            1 alerts g1 Slow!0
                incident_opened Slow! i1 ask foreign medium since=0 alert wants_opinion=true
                -> judge i1
            1 judged i1 Slow=unusual Slow=usual Other=usual
                second_opinion_given i1 slow=unusual
                -> consult i1
            2 alerts g1 Slow-0
                alerts_changed Slow- i1
                incident_closed i1 resolved
            3 judged i1 Slow=usual
            3 judged i9 Slow=usual
            4 anomaly shop a
                incident_opened a shop i2 ask medium since=4 anomaly
                -> consult i2
            4 judged i2 Slow=usual
                -> consult i2
        "#]],
    );
}

#[test]
fn nobody_is_asked_for_an_opinion_while_it_is_held_back() {
    check_with(
        leaving,
        expect![[r#"
            1 alerts g1 Slow!0
                incident_opened Slow! i1 ask foreign medium since=0 alert wants_opinion=true
                -> judge i1
            1 looked i1 silenced
                incident_held by silence 7 i1
            2 looked i1
                incident_released i1
                -> judge i1
            2 judged i1 Slow=usual
                second_opinion_given i1 slow=usual
                -> consult i1
            2 looked i1 silenced
                incident_held by silence 7 i1
            3 looked i1
                incident_released i1
                -> consult i1
            3 propose i1 restart
                proposal_refused restart i1 refusal=guarded/usual retry_at=33
        "#]],
    );
}

#[test]
fn what_turns_out_usual_after_the_approval_is_not_run() {
    check_with(
        leaving,
        expect![[r#"
            1 alerts g1 Slow!0
                incident_opened Slow! i1 ask foreign medium since=0 alert wants_opinion=true
                -> judge i1
            1 judged i1 Slow=unusual
                second_opinion_given i1 slow=unusual
                -> consult i1
            1 propose i1 restart
                request_opened i1 restart on shop r1
            2 approve r1 alice
                request_approved by alice r1
                -> start r1
            2 judged i1 Slow=usual
                second_opinion_given i1 slow=usual
                -> start r1
            2 start r1
                execution_refused guard=usual r1 retry_at=32
        "#]],
    );
}

#[test]
fn the_journal_keeps_no_more_of_them_than_anybody_reads() {
    let mut rules = rules();
    asking(&mut rules);
    let names: Vec<String> = (0..300).map(|count| format!("Alert{count}!0")).collect();
    let mut world = steps_of(rules, &format!("1 alerts g1 {}", names.join(" ")));
    let mut seen = evidence(series("shop", "a"), START, START);
    seen.window = vec![seen.window[0]; 5000];
    seen.opinions[0].note = Some("n".repeat(1_000_000));
    seen.opinions[0].state.0 = vec![7; 1_000_000];
    let opinion = |count: u32| SecondOpinion {
        fingerprint: format!("Alert{count}-fingerprint"),
        verdict: match count {
            250 => OpinionVerdict::Unusual,
            251 => OpinionVerdict::Unknown { why: "w".repeat(1_000_000) },
            _ => OpinionVerdict::Usual,
        },
        expr: "e".repeat(100_000),
        evidence: Some(Box::new(seen.clone())),
    };
    let incident = IncidentId("i1".to_owned());
    let opinions = (0..300).map(opinion).collect();
    let events = world.give(&Input::OpinionsFormed { incident: incident.clone(), opinions });
    let [Fact::SecondOpinionGiven { opinions, .. }] = &events.iter().map(|e| e.fact.clone()).collect::<Vec<_>>()[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!(opinions.len(), 100);
    assert!(matches!(opinions[0].verdict, OpinionVerdict::Unusual), "what tells most comes first");
    assert!(matches!(opinions[1].verdict, OpinionVerdict::Unknown { .. }));
    assert!(world.journal.last().expect("a line").len() < 1_000_000);
    // Of those that were not kept nothing is said to be usual.
    let open = world.book.incident(&incident).expect("it is open");
    assert_eq!(open.unjudged(), 200);
}
