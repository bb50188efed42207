//! The listener with TLS: real clients, certificates that change, clients that have none, and those that never finish.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use crate::support::authority::Authority;
use crate::support::fake_prometheus::FakePrometheus;
use crate::support::http::raw;
use crate::support::tidegate::{SENDER_TOKEN, TOKEN, Tidegate};
use crate::support::{delivery, eventually};

const CONFIG: &str = r#"tls_cert = "cert.pem"
tls_key = "key.pem"

[prometheus]
url = "http://prometheus"
"#;

const MUTUAL: &str = "tls_client_ca = \"clients.pem\"\n";

const ALICE: [&str; 2] = ["--oauth2-bearer", TOKEN];

/// A tidegate with a certificate for 127.0.0.1 and the authority that signed it.
fn secured(config: &str) -> (Tidegate, Authority) {
    let authority = Authority::new();
    let prometheus = FakePrometheus::start();
    let mut tidegate = Tidegate::new();
    put(&tidegate, &authority.sign("first"));
    fs::copy(authority.file("ca.pem"), tidegate.file("clients.pem")).expect("a certificate");
    tidegate.configure(config, &[("prometheus", prometheus.address())]);
    tidegate.run_until("a TCP connection", |address| TcpStream::connect(address).is_ok());
    (tidegate, authority)
}

fn put(tidegate: &Tidegate, [cert, key]: &[PathBuf; 2]) {
    fs::copy(cert, tidegate.file("cert.pem")).expect("a certificate");
    tidegate.write_secret("key.pem", &fs::read_to_string(key).expect("a key"));
}

fn curl(tidegate: &Tidegate, authority: &Path, path: &str, arguments: &[&str]) -> Output {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "30", "--cacert"]).arg(authority);
    curl.args(["--write-out", "%{http_code}"]).args(arguments);
    curl.arg(format!("https://{}{path}", tidegate.address())).output().expect("curl runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn real_clients_are_answered_over_tls_and_nobody_else() {
    let (mut tidegate, authority) = secured(CONFIG);
    let ca = authority.file("ca.pem");
    let answer = curl(&tidegate, &ca, "/api/v1/status", &ALICE);
    assert!(said(&answer).ends_with("}200"), "{answer:?}");
    for version in ["--tlsv1.2", "--tlsv1.3"] {
        let max = version.trim_start_matches("--tlsv");
        let answer = curl(&tidegate, &ca, "/-/healthy", &[version, "--tls-max", max]);
        assert!(said(&answer).ends_with("200"), "{version}: {answer:?}");
    }
    assert_eq!(said(&curl(&tidegate, &ca, "/-/healthy", &["--tls-max", "1.1", "--ciphers", "ALL:@SECLEVEL=0"])), "000");
    let strangers = Authority::new();
    let answer = curl(&tidegate, &strangers.file("ca.pem"), "/-/healthy", &[]);
    assert_eq!(said(&answer), "000", "the client sees that it is somebody else's certificate");

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let pem = fs::read(&ca).expect("a certificate");
    let client = reqwest::Client::builder().no_proxy();
    let client = client.tls_certs_only([reqwest::Certificate::from_pem(&pem).expect("a certificate")]);
    let client = client.build().expect("a client");
    let asked = client.get(format!("https://{}/api/v1/status", tidegate.address())).bearer_auth(TOKEN).send();
    assert_eq!(runtime.block_on(asked).expect("an answer").status(), 200);

    // The command line trusts nobody that the machine does not, and says what is wrong.
    let output = tidegate.cli(&["approval", "list", "--url", &format!("https://{}", tidegate.address())]);
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("certificate") && !error.contains(TOKEN), "{error}");

    // Whoever speaks plain HTTP, or nonsense, gets no answer in it, and soon.
    for request in ["GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n", "\0\0\0\0\0\0\0\0", "\u{16}\u{3}\u{1}\u{7f}\u{7f}"] {
        let answer = raw(tidegate.address(), &[request.as_bytes(), &[0; 20_000]].concat());
        assert!(!answer.contains("HTTP/"), "{answer:?}");
    }
    assert!(tidegate.log().contains("a TLS handshake failed"), "{}", tidegate.log());
    assert!(tidegate.log().contains("scheme=\"https\""), "{}", tidegate.log());
    tidegate.stop_and_verify_journal();
}

#[test]
fn mutual_tls_lets_nobody_in_without_a_certificate_and_a_token() {
    let (tidegate, authority) = secured(&format!("{MUTUAL}{CONFIG}"));
    let ca = authority.file("ca.pem");
    let [cert, key] = authority.sign("client").map(|path| path.display().to_string());
    let with = ["--cert", cert.as_str(), "--key", key.as_str()];
    assert!(said(&curl(&tidegate, &ca, "/api/v1/status", &[&with[..], &ALICE].concat())).ends_with("}200"));
    assert!(said(&curl(&tidegate, &ca, "/api/v1/status", &with)).ends_with("}401"));

    let strangers = Authority::new();
    let [cert, key] = strangers.sign("client").map(|path| path.display().to_string());
    for without in [vec![], vec!["--cert", cert.as_str(), "--key", key.as_str()]] {
        for path in ["/api/v1/status", "/-/healthy", "/metrics"] {
            let answer = curl(&tidegate, &ca, path, &without);
            assert!(said(&answer).ends_with("000"), "{path}: {answer:?}");
        }
    }
    eventually("refused handshakes are logged", || tidegate.log().contains("a TLS handshake failed").then_some(()));
}

#[test]
fn another_certificate_is_taken_by_a_reload_and_a_bad_one_is_not() {
    let (tidegate, authority) = secured(CONFIG);
    let ca = authority.file("ca.pem");
    let subject = || {
        let answer = curl(&tidegate, &ca, "/-/healthy", &["--verbose"]);
        let told = String::from_utf8_lossy(&answer.stderr).into_owned();
        told.lines().find_map(|line| line.split_once("subject:")).map(|(_, name)| name.trim().to_owned())
    };
    assert_eq!(subject().as_deref(), Some("CN=first"));
    put(&tidegate, &authority.sign("second"));
    assert_eq!(subject().as_deref(), Some("CN=first"), "nobody has said that it is to be taken");
    tidegate.hang_up();
    eventually("the second certificate is shown", || (subject().as_deref() == Some("CN=second")).then_some(()));

    let good = fs::read_to_string(tidegate.file("key.pem")).expect("a key");
    let cert = fs::read_to_string(tidegate.file("cert.pem")).expect("a certificate");
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let others = fs::read_to_string(&authority.sign("third")[1]).expect("a key");
    let reload = || said(&curl(&tidegate, &ca, "/-/reload", &["--request", "POST", ALICE[0], ALICE[1]]));
    for (file, content, words) in [
        ("key.pem", "", "holds no private key"),
        ("key.pem", "no key at all", "holds no private key"),
        ("key.pem", encrypted, "it is encrypted"),
        ("key.pem", &others, "the certificate and the key do not belong together"),
        ("key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "key.pem"),
        ("cert.pem", "", "holds no certificate"),
        ("cert.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "is not PEM"),
        ("cert.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cert.pem"),
    ] {
        tidegate.write_secret(file, content);
        let answer = reload();
        assert!(answer.ends_with("422") && answer.contains(words), "{words}: {answer}");
        assert!(answer.contains("server.tls_"), "the key of the config is named: {answer}");
        assert_eq!(subject().as_deref(), Some("CN=second"), "the one before it goes on");
        let check = tidegate.cli(&["check"]);
        assert!(String::from_utf8_lossy(&check.stderr).contains(words), "{check:?}");
        tidegate.write_secret("key.pem", &good);
        fs::write(tidegate.file("cert.pem"), &cert).expect("a certificate");
    }
    fs::remove_file(tidegate.file("cert.pem")).expect("a certificate");
    assert!(reload().contains("cannot read"));
    assert!(!tidegate.log().contains("AAAA"), "nothing of a key is repeated");
}

/// Senders that are known by their certificates; clients without one are let in as far as the door.
const CERTIFIED: &str = r#"tls_client_ca = "clients.pem"
tls_client_auth_type = "VerifyClientCertIfGiven"
tls_cert = "cert.pem"
tls_key = "key.pem"

[prometheus]
url = "http://prometheus"

[[sender]]
name = "by-name"
certificate = "Alertmanager.example.com"

[[sender]]
name = "by-address"
certificate = "192.0.2.7"

[[sender]]
name = "by-single-name"
certificate = "alertmanager-1"
"#;

/// What curl is told to deliver nothing, as whoever has this certificate: 400 says that the door was open.
fn delivering<'a>([cert, key]: &'a [PathBuf; 2], more: &[&'a str]) -> Vec<&'a str> {
    let file = |path: &'a PathBuf| path.to_str().expect("a path in UTF-8");
    [&["--cert", file(cert), "--key", file(key), "--data", "{}"], more].concat()
}

#[test]
fn a_certificate_makes_a_sender_and_never_a_person() {
    let (mut tidegate, authority) = secured(CERTIFIED);
    let ca = authority.file("ca.pem");
    let webhook = |arguments: &[&str]| said(&curl(&tidegate, &ca, "/webhook/alertmanager", arguments));
    let dns = authority.sign_with("dns", &["subjectAltName=DNS:alertmanager.example.com"]);
    let ip = authority.sign_with("ip", &["subjectAltName=IP:192.0.2.7"]);
    let single = authority.sign_with("single", &["subjectAltName=DNS:x.example.com,DNS:alertmanager-1"]);
    let wildcard = authority.sign_with("wildcard", &["subjectAltName=DNS:*.example.com"]);
    for own in [&dns, &ip, &single, &wildcard] {
        assert!(webhook(&delivering(own, &[])).ends_with("400"), "{own:?}");
    }
    let whole = String::from_utf8(delivery("firing", "QueueTooLong", "checkout")).expect("JSON");
    let answer = webhook(&[&delivering(&dns, &[])[..4], &["--data", &whole]].concat());
    assert!(answer.ends_with("200"), "{answer}");
    let incidents = curl(&tidegate, &ca, "/api/v1/incidents", &ALICE);
    assert!(said(&incidents).contains("\"caused_by\":[]"), "a program has asked for nothing: {incidents:?}");

    // Delivering is all that it opens.
    for (method, path) in [
        ("GET", "/api/v1/incidents"),
        ("GET", "/api/v1/status"),
        ("POST", "/api/v1/approvals/r1/approve"),
        ("POST", "/api/v1/pause"),
        ("POST", "/-/reload"),
    ] {
        let answer = said(&curl(&tidegate, &ca, path, &delivering(&dns, &["--request", method])));
        assert!(answer.ends_with("403"), "{method} {path}: {answer}");
    }
    let page = said(&curl(&tidegate, &ca, "/", &delivering(&dns, &["--request", "GET", "--location"])));
    assert!(page.contains("type=\"password\""), "the page asks for a token: {page}");

    // A token decides where there is one, and a certificate is no password.
    let alice = ["--oauth2-bearer", TOKEN, "--request", "GET"];
    let answer = said(&curl(&tidegate, &ca, "/api/v1/status", &delivering(&dns, &alice)));
    assert!(answer.ends_with("}200"), "{answer}");
    for wrong in [
        ["--oauth2-bearer", "a-token-that-nobody-knows"],
        ["--user", "by-name:"],
        ["--user", "by-name:alertmanager.example.com"],
        ["--header", "Authorization: Negotiate AAAA"],
        ["--header", "Authorization;"],
    ] {
        let answer = webhook(&delivering(&dns, &wrong));
        assert!(answer.ends_with("401"), "{wrong:?}: {answer}");
    }
    assert!(webhook(&["--oauth2-bearer", SENDER_TOKEN, "--data", "{}"]).ends_with("400"), "no certificate is needed");
    assert!(webhook(&["--data", "{}"]).ends_with("401"));
    tidegate.stop_and_verify_journal();
}

#[test]
fn a_certificate_that_is_not_exactly_a_senders_opens_nothing() {
    let (tidegate, authority) = secured(CERTIFIED);
    let ca = authority.file("ca.pem");
    let webhook = |arguments: &[&str]| said(&curl(&tidegate, &ca, "/webhook/alertmanager", arguments));
    for (name, extension) in [
        ("other", "subjectAltName=DNS:alertmanager.example.org"),
        ("below", "subjectAltName=DNS:a.alertmanager.example.com"),
        ("above", "subjectAltName=DNS:example.com"),
        ("address-as-name", "subjectAltName=DNS:192.0.2.7"),
        ("name-elsewhere", "subjectAltName=URI:https://alertmanager.example.com,email:x@alertmanager.example.com"),
        // Two senders fit, so nobody could say which of them it is.
        ("both", "subjectAltName=DNS:alertmanager.example.com,IP:192.0.2.7"),
        // The subject says so, which does not count.
        ("alertmanager.example.com", "extendedKeyUsage=clientAuth"),
    ] {
        let answer = webhook(&delivering(&authority.sign_with(name, &[extension]), &[]));
        assert!(answer.ends_with("401") && answer.contains("no sender has this certificate"), "{name}: {answer}");
    }
    let strangers = Authority::new();
    let named = "subjectAltName=DNS:alertmanager.example.com";
    for certificate in [
        strangers.sign_with("strangers", &[named]),
        authority.sign_with("for-a-server", &[named, "extendedKeyUsage=serverAuth"]),
    ] {
        assert!(webhook(&delivering(&certificate, &[])).ends_with("000"), "{certificate:?}");
        let token = ["--oauth2-bearer", TOKEN];
        assert!(webhook(&delivering(&certificate, &token)).ends_with("000"), "not even with a token: {certificate:?}");
    }
    // The certificate of one and the key of another.
    let [own, _] = authority.sign_with("own", &[named]);
    let [_, key] = authority.sign_with("others", &["subjectAltName=DNS:others.example.com"]);
    assert!(webhook(&delivering(&[own, key], &[])).ends_with("000"));
    let plain = raw(tidegate.address(), b"POST /webhook/alertmanager HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    assert!(!plain.contains("HTTP/"), "{plain}");
}

#[test]
fn a_connection_does_not_outlive_the_authority_that_it_was_made_by() {
    let (tidegate, authority) = secured(CERTIFIED);
    let read = |file: PathBuf| fs::read(file).expect("a file");
    let [cert, key] = authority.sign_with("dns", &["subjectAltName=DNS:alertmanager.example.com"]).map(read);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([reqwest::Certificate::from_pem(&read(authority.file("ca.pem"))).expect("a certificate")])
        .identity(reqwest::Identity::from_pem(&[key, cert].concat()).expect("a certificate and its key"))
        .build()
        .expect("a client");
    let deliver = || {
        let sent = client.post(format!("https://{}/webhook/alertmanager", tidegate.address())).body("{}").send();
        runtime.block_on(sent).map(|answer| answer.status().as_u16())
    };
    assert_eq!(deliver().expect("an answer"), 400, "let in");
    fs::copy(Authority::new().file("ca.pem"), tidegate.file("clients.pem")).expect("another authority");
    tidegate.hang_up();
    // Asked without a pause, so the connection is never idle for long.
    eventually("the connection is gone, and there is no other", || deliver().err());
}

/// Sends this and waits until the other side has had enough.
fn stall(address: SocketAddr, begin: &[u8]) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(120))).expect("a timeout");
    stream.write_all(begin).expect("it is taken");
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
    }
}

#[test]
fn those_who_never_finish_hold_up_nobody_and_are_given_up() {
    let (tidegate, authority) = secured(CONFIG);
    let ca = authority.file("ca.pem");
    let address = tidegate.address();
    let plain = Tidegate::start("\n[prometheus]\nurl = \"http://127.0.0.1:1\"\n", &[]);
    std::thread::scope(|scope| {
        // The beginning of a handshake, nothing at all, and the beginning of a request.
        let hello: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
        let slow = [
            scope.spawn(move || stall(address, hello)),
            scope.spawn(move || stall(address, b"")),
            scope.spawn(|| stall(plain.address(), b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nX-Slow: ")),
        ];
        for _ in 0..10 {
            assert!(said(&curl(&tidegate, &ca, "/-/healthy", &[])).ends_with("200"));
            assert_eq!(plain.get("/-/healthy").status, 200);
        }
        for one in slow {
            one.join().expect("it is given up");
        }
    });
}
