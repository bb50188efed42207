//! What lies between two programs: a network that can be down for a while.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::{PATIENCE, free_address};

/// Passes connections on to one address, as long as it is up.
pub(crate) struct Proxy {
    address: SocketAddr,
    to: SocketAddr,
    line: Mutex<Option<Line>>,
}

/// A listener and the connections that came of it.
struct Line {
    is_down: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    thread: thread::JoinHandle<()>,
}

impl Proxy {
    /// One that is up.
    pub(crate) fn to(address: SocketAddr) -> Proxy {
        let proxy = Proxy { address: free_address(), to: address, line: Mutex::default() };
        proxy.up();
        proxy
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// New connections are refused, those that stand break.
    pub(crate) fn down(&self) {
        let Some(line) = self.line.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        line.is_down.store(true, Ordering::SeqCst);
        // Wakes the thread up, which closes the listener.
        let _ = TcpStream::connect(self.address);
        line.thread.join().expect("it ends");
        for stream in line.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // Errors mean that it has ended already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Connections are passed on.
    pub(crate) fn up(&self) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if line.is_some() {
            return;
        }
        let listener = TcpListener::bind(self.address).expect("its address");
        let (is_down, open) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let thread = thread::spawn({
            let (is_down, open, to) = (is_down.clone(), open.clone(), self.to);
            move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    if is_down.load(Ordering::SeqCst) {
                        break;
                    }
                    // Nobody there: whoever has connected sees the end of it.
                    let Ok(ends) = pass_on(&stream, to) else { continue };
                    open.lock().unwrap_or_else(PoisonError::into_inner).extend(ends);
                }
            }
        });
        *line = Some(Line { is_down, open, thread });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.down();
    }
}

/// Both ends of a connection that is now passed on.
fn pass_on(stream: &TcpStream, to: SocketAddr) -> io::Result<[TcpStream; 2]> {
    let onward = TcpStream::connect_timeout(&to, PATIENCE)?;
    let ends = [stream.try_clone()?, onward.try_clone()?];
    copy(stream.try_clone()?, onward.try_clone()?);
    copy(onward, stream.try_clone()?);
    Ok(ends)
}

fn copy(mut from: TcpStream, mut into: TcpStream) {
    thread::spawn(move || {
        // However it ends, the other side is to see the end.
        let _ = io::copy(&mut from, &mut into);
        let _ = into.shutdown(Shutdown::Write);
    });
}
