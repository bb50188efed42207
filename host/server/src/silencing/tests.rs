//! What is silenced for which incident, and what is no silence at all.

use tidegate_domain::book::Book;
use tidegate_domain::event::{Event, Fact, Origin};
use tidegate_domain::labels::Labels;
use tidegate_domain::rules::{Mode, Severity};

use super::*;

fn incident(origin: Origin, labels: &Labels) -> Fact {
    Fact::IncidentOpened {
        incident: id(),
        origin,
        labels: labels.clone(),
        severity: Severity::High,
        since: Timestamp(0),
        mode: Mode::Ask,
        has_policy: true,
        dry_run: false,
        evidence: None,
        alerts: Vec::new(),
        caused_by: [].into(),
        wants_opinion: false,
    }
}

fn id() -> IncidentId {
    IncidentId("i7".to_owned())
}

fn bob() -> DecidedBy {
    DecidedBy { approver: "bob".to_owned(), surface: "page".to_owned(), address: "192.0.2.1:5".to_owned() }
}

fn made(silence: &str, until: i64) -> Fact {
    Fact::SilenceMade {
        incident: Some(id()),
        silence: silence.to_owned(),
        matchers: Vec::new(),
        until: Timestamp(until),
        by: bob(),
        comment: "a deploy".to_owned(),
    }
}

/// An anomaly to which this happened, a second each.
fn book(facts: Vec<Fact>) -> Book {
    let group =
        Labels::new([("service", "checkout"), ("severity", "x"), ("watch", "y"), ("__name__", "up"), ("e", "")]);
    let opened = incident(Origin::Anomaly { watch: "latency".to_owned(), group: group.clone() }, &group);
    let mut book = Book::default();
    for (second, fact) in std::iter::once(opened).chain(facts).enumerate() {
        book.apply(&Event { at: Timestamp(second as i64 * 1000), fact });
    }
    book
}

#[test]
fn an_anomaly_is_silenced_whatever_its_severity() {
    let book = book(Vec::new());
    let selectors = selectors::of(book.incident(&id()).unwrap(), "TidegateAnomaly").unwrap();
    let texts: Vec<String> = selectors.iter().map(ToString::to_string).collect();
    assert_eq!(texts, [r#"alertname="TidegateAnomaly""#, r#"watch="latency""#, r#"service="checkout""#]);
}

#[test]
fn lengths_are_neither_too_short_nor_too_long() {
    for text in ["1m", "60s", "90m", "1h30m", " 2h ", "30d", "4w"] {
        assert!(length(text).is_ok(), "{text}");
    }
    for text in ["", "0", "59s", "30d1s", "5w", "2", "-2h", "2 h", "forever", "99999999999999999999h", "1h1h"] {
        let why = length(text).unwrap_err().to_string();
        assert!(why.contains("from 1m to 30d"), "{text}: {why}");
    }
    assert!(length(&"9".repeat(10_000)).unwrap_err().to_string().len() < 200);
}

#[test]
fn a_comment_is_one_line_that_says_something() {
    assert_eq!(checked(" the \n deploy\u{202e} ").unwrap(), "the deploy");
    for empty in ["", " \n"] {
        assert!(matches!(checked(empty), Err(SilencingError::NoComment)), "{empty:?}");
    }
    assert!(matches!(checked(&"x".repeat(LONGEST_REASON + 1)), Err(SilencingError::LongComment { length: 2001 })));
}

#[test]
fn who_holds_an_incident_back_is_known_by_the_silence() {
    let held = |by: &str| Fact::IncidentHeld { incident: id(), by: by.to_owned() };
    let of = |facts: Vec<Fact>| held_by(book(facts).incident(&id()).unwrap()).map(|held| format!("{held:?}"));
    assert_eq!(of(vec![made("s1", 90_000)]), None, "nobody says that it is held");
    let other = of(vec![made("s1", 90_000), held("silence s2")]).unwrap();
    assert_eq!(other, r#"Other("silence s2")"#);
    let own = of(vec![made("s1", 90_000), held("silence s1")]).unwrap();
    assert!(own.starts_with("Person(") && own.contains("bob"), "{own}");
    assert_eq!(of(vec![held("silence s1"), Fact::IncidentReleased { incident: id() }]), None);
}

#[test]
fn a_silence_holds_from_when_it_was_made_to_its_end() {
    let book = book(vec![made("s1", 10_000), made("s2", 90_000)]);
    let incident = book.incident(&id()).unwrap();
    let at = |second: i64| silenced_at(incident, Timestamp(second * 1000)).map(|silencing| silencing.silence.as_str());
    assert_eq!([at(0), at(1), at(2), at(89), at(90)], [None, Some("s1"), Some("s2"), Some("s2"), None]);
    let standing = |second: i64| standing(incident, Timestamp(second * 1000)).count();
    assert_eq!([standing(5), standing(10), standing(90)], [2, 1, 0]);
}
