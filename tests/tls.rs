//! The listener with TLS: real clients, certificates that change, clients that have none, and those that never finish.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use tempfile::TempDir;

use crate::support::eventually;
use crate::support::fake_prometheus::FakePrometheus;
use crate::support::http::raw;
use crate::support::tidegate::{TOKEN, Tidegate};

const CONFIG: &str = r#"tls_cert = "cert.pem"
tls_key = "key.pem"

[prometheus]
url = "http://prometheus"
"#;

const MUTUAL: &str = "tls_client_ca = \"clients.pem\"\n";

const ALICE: [&str; 2] = ["--oauth2-bearer", TOKEN];

/// A certificate authority that signs whatever it is asked to.
struct Authority {
    folder: TempDir,
}

impl Authority {
    fn new() -> Authority {
        let authority = Authority { folder: tempfile::tempdir().expect("a folder") };
        authority.openssl("ca", &["-subj", "/CN=an authority for tests"]);
        authority
    }

    fn openssl(&self, name: &str, arguments: &[&str]) {
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]);
        openssl.args(["-days", "30", "-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]);
        let output = openssl.args(arguments).current_dir(self.folder.path()).output().expect("openssl runs");
        assert!(output.status.success(), "{output:?}");
    }

    /// A certificate for 127.0.0.1, or for a client.
    fn sign(&self, name: &str) -> [PathBuf; 2] {
        let subject = format!("/CN={name}");
        let more = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"];
        let by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-subj", &subject];
        self.openssl(name, &[&by[..], &more[..]].concat());
        [self.file(&format!("{name}.pem")), self.file(&format!("{name}.key"))]
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

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
