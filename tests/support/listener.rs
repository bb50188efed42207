//! A small HTTP server for what stands around the host in a test: one thread a connection, one request a connection.
//! Made by hand because it must also be able to break off in the middle of an answer.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Query string and form body: where Prometheus' clients put their parameters.
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
    /// The connection is closed after so many bytes of the body.
    pub(crate) cut_at: Option<usize>,
}

impl Reply {
    pub(crate) fn json(status: u16, body: impl Into<Vec<u8>>) -> Reply {
        Reply { status, content_type: "application/json", body: body.into(), cut_at: None }
    }

    pub(crate) fn text(status: u16, body: &str) -> Reply {
        Reply { status, content_type: "text/plain; charset=utf-8", body: body.into(), cut_at: None }
    }
}

/// Listens until it is dropped.
pub(crate) struct Listener {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    pub(crate) fn open(address: SocketAddr, answer: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Listener {
        let socket = TcpListener::bind(address).expect("a free address");
        let closed = Arc::new(AtomicBool::new(false));
        let answer = Arc::new(answer);
        let thread = thread::spawn({
            let closed = closed.clone();
            move || {
                for stream in socket.incoming().map_while(Result::ok) {
                    if closed.load(Ordering::SeqCst) {
                        break;
                    }
                    let answer = answer.clone();
                    // Whoever breaks off is its own trouble; tests look at what was asked and answered.
                    thread::spawn(move || serve(&stream, &*answer));
                }
            }
        });
        Listener { address, closed, thread: Some(thread) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        // Wakes the thread up.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: &TcpStream, answer: &dyn Fn(&Call) -> Reply) -> io::Result<()> {
    let call = read(&mut BufReader::new(stream))?;
    let reply = answer(&call);
    let (status, kind, length) = (reply.status, reply.content_type, reply.body.len());
    write!(
        stream,
        "HTTP/1.1 {status} -\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(&reply.body[..reply.cut_at.unwrap_or(length)])
}

fn read(stream: &mut impl BufRead) -> io::Result<Call> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        if line.trim_end().is_empty() {
            break;
        }
        head.push(line.trim_end().to_owned());
    }
    let first = head.first().ok_or(io::ErrorKind::UnexpectedEof)?.clone();
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let header = |name: &str| {
        let mut lines = head.iter().filter_map(|line| line.split_once(':'));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let mut body = vec![0; header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)];
    stream.read_exact(&mut body)?;
    let form = header("content-type").is_some_and(|kind| kind.contains("form-urlencoded"));
    let form = if form { String::from_utf8_lossy(&body).into_owned() } else { String::new() };
    let parameters = query.split('&').chain(form.split('&')).filter_map(|pair| pair.split_once('='));
    Ok(Call {
        method: method.to_owned(),
        path: path.to_owned(),
        parameters: parameters.map(|(name, value)| (decoded(name), decoded(value))).collect(),
        idempotency_key: header("idempotency-key"),
        body,
    })
}

/// Percent-decoding, with `+` for a space.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                bytes.push(u8::from_str_radix(&digits, 16).expect("two hexadecimal digits"));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}
