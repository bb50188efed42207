//! A Prometheus that has its answers ready: any range query gets the same series, with made values at every step.
//!
//! Speaks as much HTTP as tidegate's client does on one loopback connection, and nothing about what is measured.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use anyhow::Context as _;

/// Series differ in their values in so many ways: enough that no branch can be learnt, few enough to be made quickly.
const VARIANTS: usize = 64;

/// Headers or form of a request that is longer than this are not tidegate's.
const MAX_REQUEST: usize = 64 * 1024;

/// The server. It ends with the process.
pub(super) struct Canned {
    address: SocketAddr,
    answers: Arc<Answers>,
}

/// What it answers with.
struct Answers {
    /// The labels of each series, as JSON.
    series: Vec<String>,
    /// Seconds since the epoch; there is nothing before.
    first: i64,
    /// Steps of a period of the made pattern.
    period: i64,
    /// How many range queries were answered.
    answered: AtomicU64,
}

impl Canned {
    /// Serves so many series with samples from `first` on, in seconds since the epoch, that repeat every `period` steps.
    pub(super) fn start(series: usize, first: i64, period: i64) -> anyhow::Result<Canned> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen on loopback")?;
        let address = listener.local_addr().context("cannot ask for the port")?;
        let series = (0..series).map(labels).collect();
        let answers = Arc::new(Answers { series, first, period, answered: AtomicU64::new(0) });
        let shared = answers.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let answers = shared.clone();
                // A client that goes away ends its thread, which is all that there is to do about it.
                thread::spawn(move || serve(&connection, &answers));
            }
        });
        Ok(Canned { address, answers })
    }

    /// How many range queries were answered so far.
    pub(super) fn answered(&self) -> u64 {
        self.answers.answered.load(Relaxed)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// As many labels as a metric of a service on Kubernetes has, and as long.
fn labels(nth: usize) -> String {
    let (service, pod) = (nth / 50, nth % 50);
    format!(
        r#"{{"__name__":"http_request_duration_seconds","code":"{}","instance":"10.{}.{}.{}:8080","job":"service-{service:04}","method":"GET","pod":"service-{service:04}-6f7d8b9c5-{pod:05}"}}"#,
        if nth.is_multiple_of(3) { 200 } else { 404 },
        service / 250,
        service % 250,
        pod + 1,
    )
}

fn serve(connection: &TcpStream, answers: &Answers) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::new(connection);
    while let Some((path, form)) = request(&mut reader)? {
        let body = match path.as_str() {
            "/api/v1/query_range" => answers.range(&form),
            "/api/v1/query" => success("vector", ""),
            _ => "{}".to_owned(),
        };
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        let mut writer = connection;
        writer.write_all(head.as_bytes())?;
        writer.write_all(body.as_bytes())?;
        answers.answered.fetch_add(u64::from(path == "/api/v1/query_range"), Relaxed);
    }
    Ok(())
}

/// Path and form of the next request; None at the end of the connection.
fn request(reader: &mut BufReader<&TcpStream>) -> std::io::Result<Option<(String, String)>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0).min(MAX_REQUEST);
        }
    }
    let mut form = vec![0; length];
    reader.read_exact(&mut form)?;
    Ok(Some((path, String::from_utf8_lossy(&form).into_owned())))
}

impl Answers {
    fn range(&self, form: &str) -> String {
        // Numbers are written without escapes.
        let number = |name: &str| {
            let mut pairs = form.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).and_then(|(_, value)| value.parse::<f64>().ok()).unwrap_or(0.0) as i64
        };
        let (start, end, step) = (number("start"), number("end"), number("step").max(1));
        let times: Vec<i64> = (start.max(self.first)..=end).filter(|at| (at - start) % step == 0).collect();
        if times.is_empty() {
            return success("matrix", "");
        }
        let columns: Vec<String> = (0..VARIANTS).map(|variant| self.column(variant, &times, step)).collect();
        let mut result = String::with_capacity(self.series.len() * (columns[0].len() + 256));
        for (nth, labels) in self.series.iter().enumerate() {
            let comma = if nth == 0 { "" } else { "," };
            let column = &columns[nth % VARIANTS];
            result.extend([comma, r#"{"metric":"#, labels, r#","values":["#, column, "]}"]);
        }
        success("matrix", &result)
    }

    /// A wave with noise that stays within bounds: now and then a sample is unusual, never many in a row.
    fn column(&self, variant: usize, times: &[i64], step: i64) -> String {
        let points = times.iter().map(|at| {
            let nth = at / step;
            let angle = (nth % self.period) as f64 / self.period as f64 * std::f64::consts::TAU;
            let noise = (nth * 7919 + variant as i64 * 104_729) % 1009;
            format!(r#"[{at},"{:.6}"]"#, 100.0 + angle.sin() + noise as f64 / 250.0)
        });
        points.collect::<Vec<_>>().join(",")
    }
}

fn success(kind: &str, result: &str) -> String {
    let mut body = String::with_capacity(result.len() + 128);
    body.extend([r#"{"status":"success","data":{"resultType":""#, kind, r#"","result":["#, result, "]}}"]);
    body
}
