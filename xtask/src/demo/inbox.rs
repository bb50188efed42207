//! A stand-in for what lies outside of a machine: Slack's incoming webhook and a pager. It answers 200 to every POST,
//! prints what a person would see, and remembers it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use super::narrate::Narrator;

/// Far above any message, far below what would hurt.
const MAX_BODY: usize = 1024 * 1024;
const MAX_HEAD: u64 = 16 * 1024;
/// A sender that stalls for longer is dropped, since messages are read one after the other.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something that was sent out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    /// Where to: `/slack` or `/pager`.
    pub(crate) path: String,
    pub(crate) body: Value,
}

/// Listens until it is dropped.
pub(crate) struct Inbox {
    address: SocketAddr,
    messages: Arc<Mutex<Vec<Message>>>,
    closed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Inbox {
    pub(crate) fn open(narrator: Narrator) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen on a loopback port")?;
        let address = listener.local_addr().context("cannot tell the port of the inbox")?;
        let messages = Arc::new(Mutex::new(Vec::new()));
        let closed = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let (messages, closed) = (Arc::clone(&messages), Arc::clone(&closed));
            move || {
                for connection in listener.incoming().map_while(Result::ok) {
                    if closed.load(Ordering::SeqCst) {
                        break;
                    }
                    let message = receive(&connection);
                    let received = message.is_ok();
                    if let Ok(message) = message {
                        announce(narrator, &message);
                        messages.lock().unwrap_or_else(PoisonError::into_inner).push(message);
                    }
                    // Only now: whoever has the answer may rely on it that the message is here. A sender that speaks no
                    // HTTP or hangs up is its own trouble; the next one is served all the same.
                    let _ = answer(&connection, received);
                }
            }
        });
        Ok(Self { address, messages, closed, thread: Some(thread) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that came for `path`, oldest first.
    pub(crate) fn messages(&self, path: &str) -> Vec<Message> {
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.iter().filter(|message| message.path == path).cloned().collect()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        // Wakes the thread up. Where that fails the listener is gone, and the thread with it.
        let woken = TcpStream::connect(self.address).is_ok();
        if let (true, Some(thread)) = (woken, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

fn announce(narrator: Narrator, message: &Message) {
    let text = |pointer: &str| message.body.pointer(pointer).and_then(Value::as_str).unwrap_or("(no text)");
    match message.path.as_str() {
        "/slack" => {
            narrator.say("Slack would show:");
            let lines: Vec<String> = slack_text(&message.body).lines().map(|line| format!("| {line}")).collect();
            narrator.detail(&lines.join("\n"));
        }
        path => {
            narrator.say(&format!(
                "The {} rings: {}: {}",
                path.trim_start_matches('/'),
                text("/commonLabels/alertname"),
                text("/commonAnnotations/summary")
            ));
        }
    }
}

/// What Slack makes of a message: its blocks where it has some, and only otherwise its text; without the markup.
fn slack_text(body: &Value) -> String {
    let blocks = body["blocks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut texts: Vec<&str> = blocks
        .iter()
        .flat_map(|block| {
            let elements = block["elements"].as_array().map(Vec::as_slice).unwrap_or_default();
            std::iter::once(&block["text"]["text"]).chain(elements.iter().map(|element| &element["text"]))
        })
        .filter_map(Value::as_str)
        .collect();
    if texts.is_empty() {
        texts.extend(body["text"].as_str());
    }
    texts.join("\n").replace('*', "").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// The one request of a connection.
fn receive(connection: &TcpStream) -> io::Result<Message> {
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    read_request(&mut BufReader::new(connection))
}

fn answer(mut connection: &TcpStream, received: bool) -> io::Result<()> {
    let answer = if received {
        "200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    } else {
        "400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    };
    connection.write_all(format!("HTTP/1.1 {answer}").as_bytes())
}

/// As much of HTTP/1.1 as a webhook sender speaks: a request line, headers, a body of a stated length.
fn read_request(stream: &mut impl BufRead) -> io::Result<Message> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut head = stream.take(MAX_HEAD);
    let mut line = String::new();
    head.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some("POST"), Some(path)) = (words.next(), words.next()) else {
        return Err(invalid("not a POST"));
    };
    let path = path.to_owned();

    let mut length = None;
    loop {
        let mut header = String::new();
        head.read_line(&mut header)?;
        if !header.ends_with('\n') {
            return Err(invalid("the head ends early or is too long"));
        }
        if header.trim_end().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse::<usize>().ok();
        }
    }
    let length = length.filter(|length| *length <= MAX_BODY).ok_or_else(|| invalid("no usable content length"))?;

    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let body = serde_json::from_slice(&body).map_err(io::Error::from)?;
    Ok(Message { path, body })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(request: &str) -> Option<Message> {
        read_request(&mut request.as_bytes()).ok()
    }

    #[test]
    fn a_webhook_is_read() {
        let message = read("POST /slack HTTP/1.1\r\nHost: x\r\ncontent-length: 13\r\n\r\n{\"text\":\"hi\"}rest");
        assert_eq!(message, Some(Message { path: "/slack".into(), body: json!({"text": "hi"}) }));
    }

    #[test]
    fn what_is_no_webhook_is_refused() {
        for request in [
            "",
            "GET /slack HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
            "POST /slack HTTP/1.1\r\n\r\n{}",
            "POST /slack HTTP/1.1\r\nContent-Length: 2\r\n",
            "POST /slack HTTP/1.1\r\nContent-Length: 3\r\n\r\n{}",
            "POST /slack HTTP/1.1\r\nContent-Length: 2\r\n\r\n{]",
            "POST /slack HTTP/1.1\r\nContent-Length: -1\r\n\r\n{}",
            "POST /slack HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n{}",
            &format!("POST /slack HTTP/1.1\r\nX: {}\r\nContent-Length: 2\r\n\r\n{{}}", "x".repeat(20_000)),
        ] {
            assert_eq!(read(request), None, "{request:.80}");
        }
    }

    #[test]
    fn slack_shows_blocks_rather_than_text() {
        for (body, shown) in [
            (json!({"text": "*a* &lt; b"}), "a < b"),
            (
                json!({"text": "short", "blocks": [
                    {"type": "section", "text": {"type": "mrkdwn", "text": "*long*"}},
                    {"type": "divider"},
                    {"type": "context", "elements": [{"type": "mrkdwn", "text": "x &amp;lt; y"}]},
                ]}),
                "long\nx &lt; y",
            ),
            (json!({"blocks": 3}), ""),
            (json!([]), ""),
        ] {
            assert_eq!(slack_text(&body), shown, "{body}");
        }
    }

    #[test]
    fn an_inbox_remembers_by_path_and_closes_when_dropped() {
        let inbox = Inbox::open(Narrator::new()).expect("a free port");
        for path in ["/slack", "/pager", "/slack"] {
            ureq::post(format!("http://{}{path}", inbox.address())).send_json(json!({"text": path})).expect("200");
        }
        assert_eq!(inbox.messages("/slack").len(), 2);
        assert_eq!(inbox.messages("/pager")[0].body, json!({"text": "/pager"}));

        let address = inbox.address();
        drop(inbox);
        assert!(TcpStream::connect(address).is_err());
    }
}
