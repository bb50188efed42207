use tidegate_domain::book::Book;
use tidegate_domain::event::{Alert, DecidedBy, EndedAlert, Fact, IncidentId, LeftOut, OpinionVerdict, SecondOpinion};
use tidegate_domain::labels::Labels;
use tidegate_domain::time::Timestamp;

use super::{line, subject};

fn incident() -> IncidentId {
    IncidentId("i1".to_owned())
}

#[test]
fn nobody_can_forge_a_line_of_the_log() {
    let reason = "later\n2026-01-01T00:00:00Z  INFO tidegate: approved by alice\u{1b}[2J".to_owned();
    let fact = Fact::PolicyLeft { incident: incident(), reason, policy_digest: String::new() };
    let line = line(&Book::default(), &fact);
    assert_eq!(
        line,
        "the policy leaves incident i1 alone: later\\n2026-01-01T00:00:00Z  INFO tidegate: approved by \
         alice\\u{1b}[2J"
    );
}

fn alert(name: &str, firing: bool) -> Alert {
    Alert {
        fingerprint: name.to_owned(),
        labels: Labels::new([("alertname", name)]),
        annotations: Labels::empty(),
        starts_at: Timestamp(0),
        firing,
        generator_url: None,
    }
}

fn opinion(verdict: OpinionVerdict) -> SecondOpinion {
    SecondOpinion { fingerprint: String::new(), verdict, expr: "batch_seconds".to_owned(), evidence: None }
}

#[test]
fn what_alertmanager_says_is_told_in_sentences() {
    let by = || DecidedBy { approver: "alice".to_owned(), surface: "slack".to_owned(), address: "-".to_owned() };
    let changed = |alerts: Vec<Alert>| Fact::AlertsChanged { incident: incident(), alerts, caused_by: [].into() };
    let (receiver, group_labels) = ("tidegate".to_owned(), Labels::new([("job", "batch")]));
    let left_out = LeftOut { count: 1, receiver, group_labels };
    let made = |incident: Option<IncidentId>| Fact::SilenceMade {
        incident,
        silence: "9f".to_owned(),
        matchers: vec!["job=\"batch\"".to_owned(), "team=~\"a|b\"".to_owned()],
        until: Timestamp(3_600_000),
        by: by(),
        comment: "known".to_owned(),
    };
    let usual = || opinion(OpinionVerdict::Usual);
    let unknown = OpinionVerdict::Unknown { why: "no rule is called Slow".to_owned() };
    for (fact, told, about) in [
        (changed(vec![alert("Slow", true)]), "incident i1: Slow began to fire", true),
        (
            changed(vec![alert("Slow", false), alert("Down", true), alert("Hot", true)]),
            "incident i1: Down and Hot began to fire, Slow resolved",
            true,
        ),
        (changed(vec![alert("Slow", false); 4]), "incident i1: 4 alerts resolved", true),
        (
            Fact::EndsSeen { alerts: vec![EndedAlert { fingerprint: String::new(), starts_at: Timestamp(0) }] },
            "1 alert ended before it was known to fire",
            false,
        ),
        (
            Fact::AlertsLeftOut { incident: incident(), group_key: String::new(), left_out },
            "incident i1: the delivery left out 1 alert of the group {job=\"batch\"}; to be fetched from Alertmanager",
            true,
        ),
        (
            Fact::AlertsCompleted { incident: incident(), found: 0 },
            "incident i1: the alerts that were left out were not to be had",
            true,
        ),
        (
            Fact::AlertsCompleted { incident: incident(), found: 5 },
            "incident i1: the alerts that were left out were fetched; 5 alerts in the group",
            true,
        ),
        (
            Fact::IncidentHeld { incident: incident(), by: "silence 9f".to_owned() },
            "incident i1: Alertmanager holds it back (silence 9f); nothing is asked or done about it",
            true,
        ),
        (
            Fact::IncidentReleased { incident: incident() },
            "incident i1: Alertmanager does not hold it back any more",
            true,
        ),
        (
            made(Some(incident())),
            "incident i1 was silenced until 1970-01-01T01:00:00.000Z by alice (slack from -): known (silence 9f)",
            true,
        ),
        (
            made(None),
            "{job=\"batch\", team=~\"a|b\"} was silenced until 1970-01-01T01:00:00.000Z by alice (slack from -): known \
             (silence 9f)",
            false,
        ),
        (
            Fact::SilenceEnded { incident: Some(incident()), silence: "9f".to_owned(), by: by() },
            "silence 9f of incident i1 was ended by alice (slack from -)",
            true,
        ),
        (
            Fact::SecondOpinionGiven { incident: incident(), opinions: vec![opinion(unknown), usual()] },
            "incident i1: second opinion: not known, because no rule is called Slow; batch_seconds is usual for this time",
            true,
        ),
        (
            Fact::SecondOpinionGiven { incident: incident(), opinions: vec![usual(); 5] },
            "incident i1: second opinion: batch_seconds is usual for this time; batch_seconds is usual for this time; \
             batch_seconds is usual for this time; and 2 more",
            true,
        ),
        (
            Fact::SecondOpinionGiven { incident: incident(), opinions: vec![] },
            "incident i1: second opinion: none",
            true,
        ),
    ] {
        assert_eq!(line(&Book::default(), &fact), told);
        assert_eq!(subject(&fact).0, about.then(incident).as_ref(), "{told}");
    }
}
