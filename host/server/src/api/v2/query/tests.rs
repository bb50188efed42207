use tidegate_domain::labels::Labels;

use super::*;
use crate::alertmanager::AlertStatus;

fn alert(state: &str, silenced: bool, inhibited: bool) -> ListedAlert {
    let by = |held: bool| if held { vec!["something".to_owned()] } else { Vec::new() };
    let status = AlertStatus {
        state: state.to_owned(),
        silenced_by: by(silenced),
        inhibited_by: by(inhibited),
        muted_by: Vec::new(),
    };
    ListedAlert {
        fingerprint: String::new(),
        labels: Labels::new([("alertname", "QueueTooLong"), ("service", "checkout"), ("my label", "ü")]),
        annotations: Labels::empty(),
        starts_at: String::new(),
        ends_at: String::new(),
        updated_at: String::new(),
        generator_url: String::new(),
        receivers: Vec::new(),
        status,
    }
}

fn read(query: &str) -> Filter {
    Filter::read(query).unwrap_or_else(|fault| panic!("{query}: {fault:?}"))
}

#[test]
fn states_are_asked_for_as_in_alertmanager() {
    let all = [alert("active", false, false), alert("suppressed", true, false), alert("suppressed", false, true)];
    let cases = [
        ("", [true, true, true]),
        ("active=false", [false, true, true]),
        ("silenced=false", [true, false, true]),
        ("inhibited=false", [true, true, false]),
        ("active=true&silenced=false&inhibited=false&unprocessed=false", [true, false, false]),
        ("active=0&silenced=no&inhibited=x", [false, false, false]),
        ("active=YES&silenced=1&inhibited=on", [true, true, true]),
        ("active=&silenced=", [true, true, true]),
        ("active=true&active=false", [false, true, true]),
        ("something=else&muted=false", [true, true, true]),
    ];
    for (query, taken) in cases {
        let filter = read(query);
        assert_eq!(all.each_ref().map(|alert| filter.takes(alert)), taken, "{query}");
    }
    assert!(!read("unprocessed=false").takes(&alert("unprocessed", false, false)));
    assert!(
        !read("muted=false").takes_muted(true) && read("muted=false").takes_muted(false) && read("").takes_muted(true)
    );
}

#[test]
fn matchers_come_as_clients_write_them() {
    let cases = [
        ("filter=service=checkout", true),
        ("filter=service%3D%22checkout%22", true),
        ("filter=service%3D%22checkout%22&filter=alertname%3DOther", false),
        ("filter=service=~check.%2B", true),
        ("filter=service=~check", false),
        ("filter=service!~%22check.*%22", false),
        ("filter=pod=", true),
        ("filter=pod!=", false),
        ("filter=service!=", true),
        ("filter=%22my+label%22=%C3%BC", true),
        // One matcher, whatever its value looks like.
        ("filter=service=checkout,alertname=QueueTooLong", false),
    ];
    for (query, taken) in cases {
        assert_eq!(read(query).takes(&alert("active", false, false)), taken, "{query}");
    }
    for wrong in ["filter=", "filter=service", "filter=%7B%7D", "filter=a=~%5B", "filter=%7Ba=b%7D", "receiver=%5B"] {
        match Filter::read(wrong) {
            Err(Fault::Refused { status, why }) => assert!(status.as_u16() == 400 && !why.is_empty(), "{wrong}"),
            other => panic!("{wrong}: {other:?}"),
        }
    }
    assert_eq!(Matchers::read("filter=a=b&receiver=%5B&filter=c=d").unwrap().0.len(), 2, "silences have no receivers");
    assert!(Filter::read(&"filter=a=b&".repeat(32)).is_ok());
    assert!(Filter::read(&"filter=a=b&".repeat(33)).is_err());
    assert!(Filter::read(&format!("receiver={}", "(x{1000}){1000}".repeat(3))).is_err(), "too much memory");
}

#[test]
fn receivers_are_whole_names() {
    for (query, taken) in [
        ("", true),
        ("receiver=", true),
        ("receiver=db.team", true),
        ("receiver=db", false),
        ("receiver=(?i)DB.*", true),
        ("receiver=web|db.team", true),
        ("receiver=db.team&receiver=web", false),
    ] {
        assert_eq!(read(query).takes_receiver("db.team"), taken, "{query}");
    }
}
