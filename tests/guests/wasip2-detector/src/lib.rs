//! A detector built for WASI that looks around instead of judging, for tests of the empty machine: the settings pick
//! where it looks, and its note says what it got.
//!
//! It is written as any detector is; only the target differs. Every sample scores 2, so that every call has a note.

mod raw;

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::BuildHasher;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use std::{env, io, process};

use schemars::JsonSchema;
use serde::Deserialize;
use tidegate_guest::{Detector, Error, Needs, Step, Timestamp, Verdict};

/// What a test can set.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What to do.
    mode: Mode,
}

/// What to do in each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Nothing.
    None,
    /// Everything that an empty machine answers, one after the other.
    LookAround,
    /// Arguments, environment and folders.
    Environment,
    /// Files.
    Files,
    /// Sockets and names.
    Network,
    /// Both clocks.
    Clocks,
    /// Hash maps, which seed themselves.
    Random,
    /// An hour.
    Sleep,
    /// A million looks at the clock, to wait for a second.
    Spin,
    /// Standard input.
    Stdin,
    /// Both outputs.
    Print,
    /// Text without the end of a line.
    Unfinished,
    /// Another thread.
    Thread,
    /// End the program.
    Exit,
    /// End the program as if all was well.
    ExitSuccess,
    /// End the program while it opens.
    ExitInOpen,
    /// End the program abruptly.
    Abort,
    /// Panic with the standard library's own message.
    Panic,
    /// Sleep for an hour without end.
    SleepForEver,
    /// 100,000 lines.
    PrintFlood,
    /// A line of 64 MB.
    LongLine,
    /// See `raw`.
    HoardPollables,
    /// See `raw`.
    HoardStreams,
    /// See `raw`.
    ManyPollables,
    /// See `raw`.
    PollAMillion,
    /// See `raw`.
    PollTooMany,
    /// See `raw`.
    PollNothing,
    /// See `raw`.
    GigabytesOfRandom,
    /// See `raw`.
    RandomWithoutEnd,
    /// See `raw`.
    WriteTooMuch,
    /// See `raw`.
    WriteFarTooMuch,
}

tidegate_guest::state! {
    /// How many samples were seen.
    pub struct Seen("seen", 1) {
        samples: u64,
    }
}

/// The configured detector.
#[derive(Debug)]
pub struct Visitor {
    mode: Mode,
}

impl Detector for Visitor {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Looks around in the machine that it runs on.";
    type Settings = Settings;
    type State = Seen;

    fn open(settings: Settings, _: Step) -> Result<Self, Error> {
        match settings.mode {
            Mode::ExitInOpen => process::exit(1),
            Mode::Panic => drop(std::panic::take_hook()),
            _ => {}
        }
        Ok(Visitor { mode: settings.mode })
    }

    fn needs(&self) -> Needs {
        Needs { history_ms: 0, min_samples: 0 }
    }

    fn start(&self) -> Seen {
        Seen { samples: 0 }
    }

    fn score(&self, seen: &mut Seen, _at: Timestamp, value: f64) -> Verdict {
        seen.samples += 1;
        Verdict::of_band(value, value + 2.0, 1.0)
    }

    fn note(&self, _: &Seen, _: Timestamp, _: f64, _: &Verdict) -> Option<String> {
        Some(match self.mode {
            Mode::None | Mode::ExitInOpen => "nothing".to_owned(),
            Mode::LookAround => {
                let all = [environment(), files(), network(), clocks(), random(), sleep(), stdin(), print(), thread()];
                all.join("\n")
            }
            Mode::Environment => environment(),
            Mode::Files => files(),
            Mode::Network => network(),
            Mode::Clocks => clocks(),
            Mode::Random => random(),
            Mode::Sleep => sleep(),
            Mode::Spin => spin(),
            Mode::Stdin => stdin(),
            Mode::Print => print(),
            Mode::Unfinished => unfinished(),
            Mode::Thread => thread(),
            Mode::Exit => process::exit(3),
            Mode::ExitSuccess => process::exit(0),
            Mode::Abort => process::abort(),
            Mode::Panic => panic!("on purpose"),
            Mode::SleepForEver => loop {
                thread::sleep(Duration::from_secs(3600));
            },
            Mode::PrintFlood => {
                (0..100_000).for_each(|line| println!("line {line}"));
                "printed".to_owned()
            }
            Mode::LongLine => {
                println!("{}", "x".repeat(64 << 20));
                "printed".to_owned()
            }
            Mode::HoardPollables => raw::hoard_pollables(),
            Mode::HoardStreams => raw::hoard_streams(),
            Mode::ManyPollables => raw::many_pollables(),
            Mode::PollAMillion => raw::poll_a_million(),
            Mode::PollTooMany => raw::poll_too_many(),
            Mode::PollNothing => raw::poll_nothing(),
            Mode::GigabytesOfRandom => raw::gigabytes_of_random(),
            Mode::RandomWithoutEnd => raw::random_without_end(),
            Mode::WriteTooMuch => raw::write_too_much(),
            Mode::WriteFarTooMuch => raw::write_far_too_much(),
        })
    }
}

fn environment() -> String {
    let arguments: Vec<_> = env::args().collect();
    let variables: Vec<_> = env::vars().collect();
    format!("arguments {arguments:?}, variables {variables:?}, folder {:?}", env::current_dir().map_err(kind))
}

fn files() -> String {
    format!(
        "read {:?}, write {:?}, list {:?}, look at {:?}",
        File::open("/etc/passwd").map(drop).map_err(kind),
        fs::write("/tmp/left-behind", "by a guest").map_err(kind),
        fs::read_dir("/").map(drop).map_err(kind),
        fs::metadata(".").map(drop).map_err(kind),
    )
}

fn network() -> String {
    format!(
        "connect {:?}, listen {:?}, udp {:?}, resolve {:?}",
        TcpStream::connect("127.0.0.1:80").map(drop).map_err(kind),
        TcpListener::bind("127.0.0.1:0").map(drop).map_err(kind),
        UdpSocket::bind("127.0.0.1:0").map(drop).map_err(kind),
        "localhost:80".to_socket_addrs().map(drop).map_err(|error| error.to_string()),
    )
}

fn clocks() -> String {
    let started = Instant::now();
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(|error| error.to_string());
    let again = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(|error| error.to_string());
    format!("wall {wall:?}, again {again:?}, elapsed {:?}", started.elapsed())
}

fn random() -> String {
    let map: HashMap<u32, u32> = (0..8).map(|key| (key, key)).collect();
    format!("hash {:016x}, order {:?}", RandomState::new().hash_one("tide"), map.keys().collect::<Vec<_>>())
}

fn sleep() -> String {
    let began = Instant::now();
    thread::sleep(Duration::from_secs(3600));
    format!("slept {} s", began.elapsed().as_secs())
}

fn spin() -> String {
    let began = Instant::now();
    let mut looks = 0_u32;
    while began.elapsed() < Duration::from_secs(1) {
        looks += 1;
    }
    format!("looked {looks} times")
}

fn stdin() -> String {
    let mut text = String::new();
    format!("read {:?} of {text:?}", io::stdin().read_to_string(&mut text).map_err(kind))
}

fn print() -> String {
    println!("to the output");
    println!("a second line,\n\nand a \u{1b}[31mthird\u{7}");
    eprintln!("to the error: {}", 1 + 1);
    "printed".to_owned()
}

fn unfinished() -> String {
    eprint!("no end");
    "printed".to_owned()
}

fn thread() -> String {
    format!("thread {:?}", thread::Builder::new().spawn(|| ()).map(drop).map_err(kind))
}

/// The kind of an error alone: its text has the name of no error in it.
fn kind(error: io::Error) -> io::ErrorKind {
    error.kind()
}

tidegate_guest::export_detector!(Visitor);
