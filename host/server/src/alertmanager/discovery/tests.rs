//! Names against a loopback server that speaks DNS, or does not.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};

use super::*;
use crate::config::DnsRecords;

/// How a server answers.
#[derive(Clone, Debug)]
pub(crate) enum Mood {
    /// As its records say; what is not there is no such name.
    Well,
    /// The same, and over UDP only that the answer is too long for it.
    Long,
    Failing,
    Garbage,
    Silent,
}

/// Names with their records.
type Zone = Vec<(String, RData)>;

/// A DNS server on a free loopback port, with what it answers.
#[derive(Clone)]
pub(crate) struct Dns {
    pub(crate) address: SocketAddr,
    zone: Arc<Mutex<(Mood, Zone)>>,
}

impl Dns {
    pub(crate) async fn start() -> Dns {
        let (tcp, udp) = loop {
            let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
                break (tcp, udp);
            }
        };
        let dns = Dns { address: tcp.local_addr().unwrap(), zone: Arc::new(Mutex::new((Mood::Well, Vec::new()))) };
        let by_udp = dns.clone();
        tokio::spawn(async move {
            let mut question = [0; 4096];
            while let Ok((length, from)) = udp.recv_from(&mut question).await {
                if let Some(answer) = by_udp.answer(&question[..length], true) {
                    let _ = udp.send_to(&answer, from).await;
                }
            }
        });
        let by_tcp = dns.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = tcp.accept().await {
                let mut question = vec![0; usize::from(stream.read_u16().await.unwrap_or(0))];
                let Ok(_) = stream.read_exact(&mut question).await else { continue };
                let Some(answer) = by_tcp.answer(&question, false) else { continue };
                let _ = stream.write_u16(u16::try_from(answer.len()).unwrap()).await;
                let _ = stream.write_all(&answer).await;
            }
        });
        dns
    }

    /// From now on these are its records.
    pub(crate) fn set(&self, mood: Mood, records: &[(&str, RData)]) {
        let records = records.iter().map(|(name, record)| ((*name).to_owned(), record.clone())).collect();
        *self.zone.lock().unwrap() = (mood, records);
    }

    fn answer(&self, question: &[u8], udp: bool) -> Option<Vec<u8>> {
        let (mood, records) = self.zone.lock().unwrap().clone();
        let asked = Message::from_vec(question).ok()?;
        let query = asked.queries.first()?.clone();
        let mut answer = Message::response(asked.metadata.id, OpCode::Query);
        answer.metadata.recursion_available = true;
        answer.add_query(query.clone());
        let long = match mood {
            Mood::Silent => return None,
            Mood::Garbage => return Some(b"garbage".to_vec()),
            Mood::Failing => {
                answer.metadata.response_code = ResponseCode::ServFail;
                return answer.to_vec().ok();
            }
            Mood::Well => false,
            Mood::Long => true,
        };
        if long && udp {
            answer.metadata.truncation = true;
            return answer.to_vec().ok();
        }
        let name = query.name().to_ascii().to_ascii_lowercase();
        let of_name: Vec<_> = records.iter().filter(|(known, _)| *known == name.trim_end_matches('.')).collect();
        if of_name.is_empty() {
            answer.metadata.response_code = ResponseCode::NXDomain;
        }
        for (_, record) in of_name.iter().filter(|(_, record)| record.record_type() == query.query_type()) {
            answer.add_answer(Record::from_rdata(query.name().clone(), 3600, record.clone()));
        }
        answer.to_vec().ok()
    }
}

pub(crate) fn a(address: [u8; 4]) -> RData {
    RData::A(A(address.into()))
}

fn aaaa(last: u16) -> RData {
    RData::AAAA(AAAA([0xfd00, 0, 0, 0, 0, 0, 0, last].into()))
}

fn srv(target: &str, port: u16) -> RData {
    RData::SRV(SRV::new(0, 0, port, Name::from_ascii(target).unwrap()))
}

fn discovery(dns: &Dns, records: DnsRecords, names: &[&str]) -> Discovery {
    Discovery::new(DnsSd {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        records,
        scheme: "https".to_owned(),
        path_prefix: "/am/".to_owned(),
        refresh_interval: Duration::from_secs(30),
        resolver: Some(dns.address),
    })
}

/// Each place, as its URL and its addresses.
async fn look_up(discovery: &mut Discovery) -> Vec<String> {
    let places = discovery.look_up().await;
    places.iter().map(|place| format!("{} {:?}", place.base, place.addresses)).collect()
}

#[tokio::test]
async fn services_are_found_and_followed_as_they_change() {
    let dns = Dns::start().await;
    let mut discovery = discovery(&dns, DnsRecords::Srv, &["_am._tcp.test"]);
    assert!(look_up(&mut discovery).await.is_empty(), "no such name, and nothing known from before");
    dns.set(
        Mood::Well,
        &[
            ("_am._tcp.test", srv("AM-1.test.", 9094)),
            ("_am._tcp.test", srv("am-0.test.", 9093)),
            ("_am._tcp.test", srv("am-0.test.", 9093)),
            ("am-0.test", a([10, 0, 0, 1])),
            ("am-0.test", aaaa(1)),
            ("am-1.test", aaaa(2)),
        ],
    );
    let both = ["https://am-0.test:9093/am [10.0.0.1, fd00::1]", "https://am-1.test:9094/am [fd00::2]"];
    assert_eq!(look_up(&mut discovery).await, both);
    let one = [("_am._tcp.test", srv("am-2.test.", 1)), ("am-2.test", a([10, 0, 0, 2]))];
    for mood in [Mood::Failing, Mood::Garbage] {
        dns.set(mood, &one);
        assert_eq!(look_up(&mut discovery).await, both, "no answer changes nothing");
    }
    for answer in [
        &[][..],
        &[("_am._tcp.test", a([10, 0, 0, 9]))],
        &[("_am._tcp.test", srv(".", 0))],
        &[("_am._tcp.test", srv("nowhere.test.", 1))],
        &[
            ("_am._tcp.test", srv("am-2.test.", 1)),
            ("_am._tcp.test", srv("nowhere.test.", 1)),
            ("am-2.test", a([10, 0, 0, 2])),
        ],
    ] {
        dns.set(Mood::Well, answer);
        assert_eq!(look_up(&mut discovery).await, both, "nor does an answer without Alertmanagers: {answer:?}");
    }
    // Over TCP where it does not fit into a datagram.
    for mood in [Mood::Well, Mood::Long] {
        dns.set(mood, &one);
        assert_eq!(look_up(&mut discovery).await, ["https://am-2.test:1/am [10.0.0.2]"]);
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_changes_nothing() {
    let dns = Dns::start().await;
    let mut discovery = discovery(&dns, DnsRecords::A(9093), &["am.test"]);
    dns.set(Mood::Well, &[("am.test", a([10, 0, 0, 1]))]);
    let known = look_up(&mut discovery).await;
    dns.set(Mood::Silent, &[]);
    assert_eq!(look_up(&mut discovery).await, known);
    assert_eq!(known, ["https://am.test:9093/am [10.0.0.1]"]);
}

#[tokio::test]
async fn every_address_of_every_name_is_one_of_them() {
    let dns = Dns::start().await;
    dns.set(
        Mood::Well,
        &[
            ("b.test", a([10, 0, 0, 2])),
            ("b.test", a([10, 0, 0, 1])),
            ("b.test", a([10, 0, 0, 2])),
            ("b.test", aaaa(1)),
            ("a.test", a([10, 0, 0, 3])),
        ],
    );
    let mut of_ipv4 = discovery(&dns, DnsRecords::A(9093), &["B.test.", "a.test", "gone.test"]);
    let expected =
        ["https://b.test:9093/am [10.0.0.1]", "https://b.test:9093/am [10.0.0.2]", "https://a.test:9093/am [10.0.0.3]"];
    assert_eq!(look_up(&mut of_ipv4).await, expected);
    assert_eq!(
        look_up(&mut discovery(&dns, DnsRecords::Aaaa(1), &["b.test"])).await,
        ["https://b.test:1/am [fd00::1]"]
    );
    let mut of_the_system = discovery(&dns, DnsRecords::A(9093), &["localhost"]);
    of_the_system.lookup = Lookup::new(DnsRecords::A(9093), None);
    assert_eq!(look_up(&mut of_the_system).await, ["https://localhost:9093/am [127.0.0.1]"]);
}

#[tokio::test]
async fn answers_that_nobody_means_are_not_believed() {
    let dns = Dns::start().await;
    let mut services = discovery(&dns, DnsRecords::Srv, &["_am.test"]);
    for label in ["a/b", "u@h", "a b", "*", "a?b", "a.b", "a\nb", "a:1"] {
        let target = Name::from_labels([label.as_bytes(), b"test"]).unwrap();
        let name = target.to_ascii();
        let service = RData::SRV(SRV::new(0, 0, 80, target));
        dns.set(Mood::Well, &[("_am.test", service), (name.trim_end_matches('.'), a([10, 0, 0, 1]))]);
        assert!(look_up(&mut services).await.is_empty(), "{label}");
    }
    let many: Vec<_> = (0..=MOST).map(|last| ("am.test", a([10, 0, 0, last as u8]))).collect();
    let mut addresses = discovery(&dns, DnsRecords::A(1), &["am.test"]);
    dns.set(Mood::Long, &many);
    assert!(look_up(&mut addresses).await.is_empty());
    dns.set(Mood::Long, &many[1..]);
    assert_eq!(look_up(&mut addresses).await.len(), MOST);
}
