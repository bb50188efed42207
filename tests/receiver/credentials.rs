//! An Alertmanager that does not show who it is gets nothing taken, keeps trying, and is let in once it does.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use super::{Scene, alert_called};
use crate::support::alertmanager::{Alertmanager, Config};
use crate::support::authority::Authority;
use crate::support::eventually;
use crate::support::tidegate::{SENDER_TOKEN, TOKEN};
use crate::support::version::Version;

/// Delivers in vain with each wrong way to say who it is, until the host has said what is wrong with it, and then with the
/// right one.
///
/// Few times in vain: an address from which too much comes that is wrong has to wait.
fn is_let_in_with(scene: &Scene, alertmanager: &Alertmanager, config: &Config, wrong: &[(&str, &str)], right: &str) {
    let with = |http_config: &str| {
        let mut config = config.clone();
        config.receivers[0].http_config = http_config.to_owned();
        alertmanager.reconfigure(&config);
    };
    for (wrong, told) in wrong {
        let count = || scene.tidegate.log().matches(told).count();
        let so_far = count();
        with(wrong);
        alertmanager.send(&alert_called("QueueTooLong"), true);
        eventually(&format!("a delivery with {wrong:?} is refused: {told}"), || Some(()).filter(|()| count() > so_far));
    }
    with(right);
}

#[test]
fn a_wrong_token_or_password_is_refused_until_it_is_right() {
    let mut scene = Scene::start();
    let mut config = Config::for_tidegate(scene.tidegate.address());
    config.files = vec![("wrong".to_owned(), b"a-token-of-nobody".to_vec())];
    config.receivers[0].http_config.clear();
    let (nobodys, missing) = ("refused: a wrong token", "refused: a token is missing");
    for (version, wrong, right) in [
        (
            Version::Installed,
            [
                ("authorization: { credentials_file: wrong }", nobodys),
                ("basic_auth: { username: other, password_file: token }", nobodys),
            ],
            "authorization: { credentials_file: token }",
        ),
        (
            Version::Newer,
            [("basic_auth: { username: alertmanager, password_file: wrong }", nobodys), ("", missing)],
            "basic_auth: { username: alertmanager, password_file: token }",
        ),
    ] {
        let alertmanager = Alertmanager::run(&Config { version, ..config.clone() });
        is_let_in_with(&scene, &alertmanager, &config, &wrong, right);
        let incident = scene.tidegate.opened("payments");
        alertmanager.send(&alert_called("QueueTooLong"), false);
        assert_eq!(scene.tidegate.closed(&incident)["closed"]["reason"], "resolved");
    }
    let log = scene.tidegate.log();
    assert!([SENDER_TOKEN, TOKEN, "a-token-of-nobody"].iter().all(|secret| !log.contains(secret)), "{log}");
    scene.tidegate.stop_and_verify_journal();
}

/// A sender that is known by its certificate alone.
const CERTIFIED: &str = r#"tls_client_ca = "clients.pem"
tls_client_auth_type = "VerifyClientCertIfGiven"
tls_cert = "cert.pem"
tls_key = "key.pem"

[[sender]]
name = "by-certificate"
certificate = "alertmanager.example.com"
"#;

#[test]
fn a_certificate_of_another_is_refused_until_it_is_its_own() {
    let (authority, strangers) = (Authority::new(), Authority::new());
    let read = |file: PathBuf| fs::read(file).expect("a file");
    let own = "subjectAltName=DNS:alertmanager.example.com";
    let mut files = vec![("ca.pem".to_owned(), read(authority.file("ca.pem")))];
    for (name, [cert, key]) in [
        ("own", authority.sign_with("own", &[own])),
        ("other", authority.sign_with("other", &["subjectAltName=DNS:other.example.com"])),
        ("strange", strangers.sign_with("strange", &[own])),
    ] {
        files.push((format!("{name}.pem"), read(cert)));
        files.push((format!("{name}.key"), read(key)));
    }
    let [cert, key] = authority.sign("tidegate").map(read);
    let tls = |name: &str| format!("tls_config: {{ ca_file: ca.pem, cert_file: {name}.pem, key_file: {name}.key }}");

    for version in Version::BOTH {
        let mut scene = Scene::new();
        fs::write(scene.tidegate.file("cert.pem"), &cert).expect("a certificate");
        scene.tidegate.write_secret("key.pem", std::str::from_utf8(&key).expect("PEM"));
        fs::write(scene.tidegate.file("clients.pem"), read(authority.file("ca.pem"))).expect("a certificate");
        scene.configure(CERTIFIED, &[]);
        scene.tidegate.run_until("a TCP connection", |address| TcpStream::connect(address).is_ok());
        let address: SocketAddr = scene.tidegate.address();

        let mut config = Config { version, files: files.clone(), ..Config::for_tidegate(address) };
        config.receivers[0].url = format!("https://{address}/webhook/alertmanager");
        config.receivers[0].http_config = tls("other");
        let alertmanager = Alertmanager::run(&config);
        let wrong = [
            (tls("other"), "refused: a certificate that is no sender's"),
            (tls("strange"), "a TLS handshake failed: invalid peer certificate"),
            ("tls_config: { ca_file: ca.pem }".to_owned(), "refused: a token is missing"),
        ];
        let wrong: Vec<(&str, &str)> = wrong.iter().map(|(config, told)| (config.as_str(), *told)).collect();
        is_let_in_with(&scene, &alertmanager, &config, &wrong, &tls("own"));
        eventually("it is let in", || {
            incidents(&scene, &authority).filter(|body| body.contains("\"watch\":\"payments\""))
        });
        scene.tidegate.stop_and_verify_journal();
    }
}

/// The incidents, asked for over TLS as alice.
fn incidents(scene: &Scene, authority: &Authority) -> Option<String> {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--noproxy", "*", "--max-time", "30", "--oauth2-bearer", TOKEN, "--cacert"]);
    curl.arg(authority.file("ca.pem")).arg(format!("https://{}/api/v1/incidents", scene.tidegate.address()));
    let output = curl.output().expect("curl runs");
    output.status.success().then(|| String::from_utf8(output.stdout).expect("JSON"))
}
