//! Several Alertmanagers on loopback, well and unwell.

use std::collections::BTreeSet;

use serde_json::json;
use tidegate_domain::input::Silence;
use tidegate_domain::time::Timestamp;

use super::super::discovery::tests::{Dns, Mood, a};
use super::super::{NewSilence, SilenceMatcher};
use super::silences::MadeSilence;
use super::*;
use crate::config::{DnsRecords, DnsSd};
use crate::http_client::tests::{refused, serve_silence};
use crate::http_client::{BaseUrl, HttpClientOptions};
use fake::Fake;

mod fake;

/// Longer than anything takes that does not hang.
const DEADLINE: Duration = Duration::from_secs(120);

fn config(urls: &[&str]) -> config::Alertmanager {
    config::Alertmanager {
        urls: urls.iter().map(|url| BaseUrl::parse(url).unwrap()).collect(),
        dns_sd: None,
        http: HttpClientOptions::default(),
        // Whoever waits for one that says nothing runs into the test's deadline.
        timeout: Duration::from_secs(600),
        poll_interval: Duration::from_secs(15),
        alertname: "TidegateAnomaly".to_owned(),
    }
}

fn fleet(urls: &[&str]) -> Fleet {
    Fleet::new(&config(urls)).unwrap()
}

fn alert(fingerprint: &str, silenced_by: &[&str]) -> serde_json::Value {
    json!({
        "fingerprint": fingerprint, "labels": { "alertname": "A" },
        "status": { "state": "active", "silencedBy": silenced_by, "inhibitedBy": [] },
    })
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("it hangs")
}

/// `id` of `wanted`, or a new one.
fn wanted(id: Option<&str>) -> NewSilence {
    NewSilence {
        id: id.map(str::to_owned),
        matchers: vec![SilenceMatcher {
            name: "service".to_owned(),
            value: "a|b".to_owned(),
            is_regex: true,
            is_equal: true,
        }],
        starts_at: Timestamp(0),
        ends_at: Timestamp(3_600_000),
        created_by: "alice".to_owned(),
        comment: "known".to_owned(),
    }
}

#[tokio::test]
async fn what_any_of_them_lists_is_listed_and_the_dead_hold_nobody_up() {
    let ((one, first), (two, second)) = (Fake::start().await, Fake::start().await);
    first.with(|inside| inside.alerts = vec![alert("a", &[]), alert("b", &[])]);
    second.with(|inside| inside.alerts = vec![alert("b", &["s"]), alert("c", &[])]);
    let silent = serve_silence().await;
    let fleet = fleet(&[&silent, &one, &refused().await, &two]);
    // What a look would note once its time is over.
    fleet.members()[0].note::<()>(&Err(AlertmanagerError::Nobody));
    let listing = in_time(fleet.look()).await.unwrap();
    assert_eq!(listing.alerts.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
    let silence = |of: &str| listing.silence_of(&BTreeSet::from([of.to_owned()]), &BTreeSet::new());
    assert_eq!((silence("a"), silence("b")), (Silence::None, Silence::By("silence s".to_owned())));
    assert!(listing.whole);
    assert!(fleet.members()[2].is_ailing(), "the refused connection was noted");
    // All of them unwell, with one that is back: nobody waits for the one that says nothing.
    for member in fleet.members() {
        member.note::<()>(&Err(AlertmanagerError::Nobody));
    }
    assert_eq!(in_time(fleet.look_anew()).await.unwrap().alerts.len(), 3);
    assert!(!fleet.members()[1].is_ailing());
}

#[tokio::test]
async fn without_any_answer_there_is_an_error() {
    let dead = refused().await;
    let error = fleet(&[&dead]).look().await.unwrap_err().to_string();
    assert!(error.contains(&dead) && error.contains("cannot connect"), "{error}");
    let (one, unwell) = Fake::start().await;
    unwell.with(|inside| inside.refuses = Some((503, "starting")));
    assert!(fleet(&[&dead, &one]).look().await.is_err());
    assert!(fleet(&[&dead, &one]).silence(&wanted(None)).await.is_err());
}

#[tokio::test]
async fn one_that_has_just_started_may_not_have_heard_of_everything() {
    let ((one, first), (two, second)) = (Fake::start().await, Fake::start().await);
    let fleet = fleet(&[&one, &two]);
    let whole = async || fleet.look_anew().await.unwrap().whole;
    assert!(whole().await);
    for uptime in ["2999-01-01T00:00:00Z", "", "yesterday"] {
        second.with(|inside| uptime.clone_into(&mut inside.uptime));
        assert!(!whole().await, "{uptime:?}");
    }
    // By its own clock, whatever ours says.
    for (uptime, expected) in [("2031-11-22T09:57:29.5Z", true), ("2031-11-22T09:57:31Z", false)] {
        second.with(|inside| {
            uptime.clone_into(&mut inside.uptime);
            inside.date = Some("Sat, 22 Nov 2031 10:00:00 GMT".to_owned());
        });
        assert_eq!(whole().await, expected, "{uptime}");
    }
    first.with(|inside| inside.refuses_at = Some(("/api/v2/status", 404, "")));
    assert!(!whole().await, "nobody knows how long it has been running");
}

#[tokio::test]
async fn looks_of_about_the_same_time_are_one() {
    let (one, alertmanager) = Fake::start().await;
    let fleet = fleet(&[&one]);
    let looks = futures_util::future::join_all((0..20).map(|_| fleet.look())).await;
    assert!(looks.iter().all(Result::is_ok));
    assert_eq!(alertmanager.count("GET /api/v2/alerts"), 1);
    alertmanager.with(|inside| inside.alerts = vec![alert("new", &[])]);
    assert_eq!(fleet.look_anew().await.unwrap().alerts.len(), 1);
    assert_eq!(alertmanager.count("GET /api/v2/alerts"), 2);
    let both = tokio::join!(fleet.look_anew(), fleet.look_anew());
    assert!(both.0.is_ok() && both.1.is_ok());
}

#[tokio::test]
async fn a_silence_is_made_once_in_each_cluster_and_ended_in_all() {
    let mut urls = Vec::new();
    let mut fakes = Vec::new();
    for (at, prefix) in ["one-", "two-", "lone-"].into_iter().enumerate() {
        let (url, fake) = Fake::start().await;
        fake.with(|inside| {
            inside.silence_prefix = prefix;
            if at < 2 {
                inside.cluster = vec![format!("N{at}"), format!("N{}", 1 - at)];
            }
        });
        urls.push(url);
        fakes.push(fake);
    }
    let dead = refused().await;
    let fleet = fleet(&[&urls[0], &urls[1], &dead, &urls[2]]);
    let made = fleet.silence(&wanted(None)).await.unwrap();
    let count =
        |fakes: &[Fake]| -> Vec<usize> { fakes.iter().map(|fake| fake.with(|inside| inside.silences.len())).collect() };
    assert_eq!(made.len(), 2, "{made:?}");
    let counts = count(&fakes);
    assert_eq!((counts[0] + counts[1], counts[2]), (1, 1), "one of the two in the cluster, and the one outside");
    let states = |made: &[MadeSilence]| {
        let ids: Vec<_> = made.iter().map(|silence| silence.id.clone()).collect();
        let all: Vec<_> = fakes.iter().map(|fake| fake.with(|inside| inside.silences.clone())).collect();
        let state = |id: &String| {
            let silence = all.iter().find_map(|silences| silences.get(id)).unwrap();
            silence["status"]["state"].as_str().unwrap().to_owned()
        };
        ids.iter().map(state).collect::<Vec<_>>().join(" ")
    };
    for silence in &made {
        let known = fleet.silence_by_id(&silence.id).await.unwrap().unwrap();
        assert_eq!((known.created_by.as_str(), known.ends_at.as_str()), ("alice", "1970-01-01T01:00:00.000Z"));
        assert_eq!(known.matchers, wanted(None).matchers);
    }
    // Changed everywhere, under the id that it has there, and made nowhere anew.
    let before = count(&fakes);
    let longer = NewSilence { ends_at: Timestamp(7_200_000), ..wanted(Some(&made[0].id)) };
    assert_eq!(fleet.silence(&longer).await.unwrap().len(), 2);
    assert_eq!(count(&fakes), before);
    for silence in &made {
        assert_eq!(fleet.silence_by_id(&silence.id).await.unwrap().unwrap().ends_at, "1970-01-01T02:00:00.000Z");
    }
    assert_eq!(states(&made), "active active");
    assert!(fleet.expire(&made[0].id).await.unwrap());
    assert_eq!(states(&made), "expired expired", "what was made as one ends as one");
    assert!(fleet.expire(&made[0].id).await.unwrap(), "twice is no fault");
    assert_eq!(fleet.silences(&[]).await.unwrap().len(), 2);
    // One of a cluster that is not quite up leaves it to the other.
    fakes[0].with(|inside| inside.refuses_at = Some(("/api/v2/silences", 503, "settling")));
    assert_eq!(fleet.silence(&wanted(None)).await.unwrap().len(), 2);
    assert_eq!(count(&fakes)[1] + count(&fakes)[0], 2);
}

#[tokio::test]
async fn silences_that_nobody_knows_are_nowhere_and_no_path() {
    let (one, alertmanager) = Fake::start().await;
    let fleet = fleet(&[&one]);
    for id in ["102ca2d3-df82-437b-84f4-8dfbc7bedc02", "..", "../status", "a/b", "a?b", "%2e%2e", "", &"a".repeat(65)] {
        assert!(!fleet.expire(id).await.unwrap(), "{id}");
        assert!(fleet.silence_by_id(id).await.unwrap().is_none());
        let error = fleet.silence(&wanted(Some(id))).await.unwrap_err();
        assert!(matches!(error, AlertmanagerError::Refused { status: 404, .. }), "{error}");
    }
    assert_eq!(alertmanager.count("GET /api/v2/silence/"), 3, "of one id only");
    assert_eq!(alertmanager.count("DELETE") + alertmanager.count("POST"), 0);
    // Not knowing is not knowing that there is none.
    let dead = refused().await;
    let error = self::fleet(&[&one, &dead]).expire("abc").await.unwrap_err().to_string();
    assert!(error.contains(&dead), "{error}");
    alertmanager.with(|inside| inside.refuses_at = Some(("/api/v2/silence/abc", 500, "no")));
    assert!(fleet.expire("abc").await.is_err());
    assert!(fleet.silence_by_id("abc").await.is_err());
}

#[tokio::test]
async fn a_refused_silence_says_why_and_is_not_tried_elsewhere() {
    let ((one, first), (two, second)) = (Fake::start().await, Fake::start().await);
    for fake in [&first, &second] {
        fake.with(|inside| {
            inside.cluster = vec!["X".to_owned()];
            inside.refuses_at = Some(("/api/v2/silences", 400, "\"end time must not be in the past\""));
        });
    }
    let error = fleet(&[&one, &two]).silence(&wanted(None)).await.unwrap_err();
    assert!(matches!(&error, AlertmanagerError::Refused { status: 400, said, .. } if said.contains("in the past")));
    assert_eq!(first.count("POST") + second.count("POST"), 1);
}

#[tokio::test]
async fn groups_are_asked_for_as_the_caller_wants() {
    let ((one, first), (two, second)) = (Fake::start().await, Fake::start().await);
    let group = |alerts: Vec<serde_json::Value>| json!({ "labels": {}, "receiver": { "name": "r" }, "alerts": alerts });
    first.with(|inside| inside.groups = vec![group(vec![alert("a", &[])])]);
    second.with(|inside| inside.groups = vec![group(vec![alert("a", &[]), alert("b", &[])])]);
    let fleet = fleet(&[&one, &two]);
    let groups = fleet.groups(&[("receiver", "a\\.b"), ("filter", "x=\"&\""), ("filter", "y=1")]).await.unwrap();
    assert_eq!((groups.len(), groups[0].alerts.len()), (1, 2));
    assert_eq!(first.count("query receiver=a%5C.b&filter=x%3D%22%26%22&filter=y%3D1"), 1);
}

#[tokio::test]
async fn status_tells_of_each() {
    let (one, _) = Fake::start().await;
    let told = fleet(&[&one, &refused().await]).status().await;
    let versions: BTreeSet<_> =
        told.iter().map(|told| told.as_ref().map_or("", |status| &status.version_info.version)).collect();
    assert_eq!(versions, BTreeSet::from(["", "0.28.1"]));
}

#[tokio::test]
async fn those_found_by_name_come_and_go_and_are_called_by_it() {
    let (fixed, _) = Fake::start().await;
    let (url, found) = Fake::start().await;
    let port: u16 = url.rsplit(':').next().unwrap().parse().unwrap();
    let dns = Dns::start().await;
    let dns_sd = DnsSd {
        names: vec!["am.test".to_owned()],
        records: DnsRecords::A(port),
        scheme: "http".to_owned(),
        path_prefix: "/".to_owned(),
        refresh_interval: Duration::from_millis(20),
        resolver: Some(dns.address),
    };
    let alone = Fleet::new(&config::Alertmanager { dns_sd: Some(dns_sd.clone()), ..config(&[]) }).unwrap();
    assert!(matches!(alone.look().await, Err(AlertmanagerError::Nobody)), "nobody was found");
    let fleet = Fleet::new(&config::Alertmanager { dns_sd: Some(dns_sd), ..config(&[&fixed]) }).unwrap();
    assert_eq!(fleet.members_found().await.len(), 1);
    let until = async |count: usize| {
        let changed = async {
            while fleet.members().len() != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        in_time(changed).await;
        fleet.members()
    };
    dns.set(Mood::Well, &[("am.test", a([127, 0, 0, 1]))]);
    let two = until(2).await;
    assert_eq!(two[1].url(), format!("http://am.test:{port} (127.0.0.1)"));
    assert!(two[1].status().await.is_ok());
    assert_eq!(found.count(&format!("GET /api/v2/status at am.test:{port}")), 1);
    dns.set(Mood::Well, &[("am.test", a([127, 0, 0, 2])), ("am.test", a([127, 0, 0, 1]))]);
    let three = until(3).await;
    assert!(Arc::ptr_eq(&two[1], &three[1]), "who stays keeps its connections");
    dns.set(Mood::Well, &[("am.test", a([127, 0, 0, 2]))]);
    assert!(until(2).await[1].url().ends_with("(127.0.0.2)"));
}
