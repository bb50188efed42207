//! Endpoints whose certificate has another name than the place they are at, against a loopback server with TLS.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use reqwest::Method;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto::aws_lc_rs};

use crate::http_client::{BaseUrl, HttpClient, HttpClientOptions, HttpOptionsError, TransportError, read_capped};

fn openssl(folder: &Path, name: &str, arguments: &[&str]) {
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-noenc",
        "-days",
        "30",
    ]);
    openssl.args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")]);
    let output = openssl.args(arguments).current_dir(folder).output().expect("openssl runs");
    assert!(output.status.success(), "{output:?}");
}

/// Answers every request with the name that was asked for while shaking hands and the `Host` header. Its certificate is
/// for am.internal alone. Returns the folder with the authority, and the port.
async fn serve() -> (TempDir, u16) {
    let folder = tempfile::tempdir().unwrap();
    openssl(folder.path(), "ca", &["-subj", "/CN=an authority for tests"]);
    let name = ["-addext", "subjectAltName=DNS:am.internal", "-addext", "basicConstraints=critical,CA:FALSE"];
    openssl(folder.path(), "am", &[&["-CA", "ca.pem", "-CAkey", "ca.key", "-subj", "/CN=am"][..], &name].concat());
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(&read("am.pem")).unwrap()],
            PrivateKeyDer::from_pem_slice(&read("am.key")).unwrap(),
        )
        .unwrap();
    let (acceptor, listener) = (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let asked = stream.get_ref().1.server_name().unwrap_or("nobody").to_owned();
            let mut request = [0; 16_384];
            let length = stream.read(&mut request).await.unwrap_or(0);
            let text = String::from_utf8_lossy(&request[..length]).to_lowercase();
            let host = text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or("none").to_owned();
            let path = text.split(' ').nth(1).unwrap_or_default();
            let head = match path {
                "/near" => "HTTP/1.1 307 Near\r\nLocation: /\r\n",
                _ => "HTTP/1.1 200 OK\r\n",
            };
            let body = format!("{asked} {host}");
            let answer = format!("{head}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (folder, port)
}

fn options(folder: &TempDir, tls: &str) -> HttpClientOptions {
    let toml = format!("tls_config = {{ ca_file = \"ca.pem\"{tls} }}");
    toml::from_str::<HttpClientOptions>(&toml).unwrap().below(folder.path())
}

async fn ask(client: &HttpClient, base: &BaseUrl, path: &str) -> Result<String, TransportError> {
    let response = client.request(Method::GET, base.at(path)).unwrap().send().await?;
    Ok(String::from_utf8(read_capped(response, 1000).await?).unwrap())
}

#[tokio::test]
async fn a_server_name_is_asked_for_and_proven_and_the_host_stays() {
    let (folder, port) = serve().await;
    for host in ["127.0.0.1", "localhost"] {
        let base = BaseUrl::parse(&format!("https://{host}:{port}")).unwrap();
        let client = options(&folder, ", server_name = \"am.internal\"").build_for(&base).unwrap();
        for path in ["/", "/near"] {
            assert_eq!(ask(&client, &base, path).await, Ok(format!("am.internal {host}:{port}")), "{path}");
        }
        for tls in ["", ", server_name = \"other.internal\""] {
            let client = options(&folder, tls).build_for(&base).unwrap();
            let error = ask(&client, &base, "/").await.unwrap_err();
            assert!(matches!(error, TransportError::NotConnected(_)), "{error:?}");
            assert!(error.to_string().contains("certificate"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_name_that_was_looked_up_is_connected_to_by_its_address() {
    let (folder, port) = serve().await;
    let address = [Ipv4Addr::LOCALHOST.into()];
    let base = BaseUrl::parse(&format!("https://am.internal:{port}")).unwrap();
    let parts = options(&folder, "").parts().unwrap();
    let client = parts.client_for(&base, &address).unwrap();
    assert_eq!(ask(&client, &base, "/").await, Ok(format!("am.internal am.internal:{port}")));
    let base = BaseUrl::parse(&format!("https://am-0.test:{port}")).unwrap();
    let parts = options(&folder, ", server_name = \"am.internal\"").parts().unwrap();
    let client = parts.client_for(&base, &address).unwrap();
    assert_eq!(ask(&client, &base, "/near").await, Ok(format!("am.internal am-0.test:{port}")));
}

#[test]
fn server_names_that_cannot_work_are_refused() {
    let base = BaseUrl::parse("https://127.0.0.1:1").unwrap();
    let build = |text: &str| toml::from_str::<HttpClientOptions>(text).unwrap().build_for(&base);
    for name in ["", "10.0.0.1", "[::1]", "a b", "a/b", "a:1", "u@h", "a..b", ".", "*.example.com", "1"] {
        let outcome = build(&format!("tls_config = {{ server_name = {name:?} }}"));
        assert!(matches!(outcome, Err(HttpOptionsError::ServerName(_))), "{name}: {outcome:?}");
    }
    let proxied = build("proxy_url = \"http://p:1\"\ntls_config = { server_name = \"am.internal\" }");
    assert!(proxied.unwrap_err().to_string().contains("proxy_url"));
}
