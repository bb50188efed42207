//! Makes guests that no compiler would: a core module in text, wrapped by the contract's own WIT.
//!
//! A forged guest answers with bytes laid down beforehand. What a test varies are those bytes, and instructions that run
//! before they are returned.

use std::fmt::Write as _;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Where in the guest's memory things lie. The canonical ABI fixes how each is laid out, not where.
const MANIFEST: u32 = 16;
const NEEDS: u32 = 64;
const OPENED: u32 = 96;
pub(crate) const ANSWER: u32 = 128;
/// Texts and numbers that the records above point to.
const CONTENT: u32 = 1024;
/// Arguments of calls.
const ARGUMENTS: u32 = 32 * 1024;

/// A settings schema that takes anything.
const ANY: &str = "{}";

/// A list or a text in the guest's memory: where, and how many elements.
pub(crate) type Range = (u32, u32);

/// The memory of a guest that is being written.
#[derive(Default)]
struct Memory {
    segments: String,
    used: u32,
}

impl Memory {
    fn put(&mut self, bytes: &[u8]) -> u32 {
        let at = (CONTENT + self.used).next_multiple_of(8);
        self.used = at - CONTENT + u32::try_from(bytes.len()).expect("small content");
        assert!(CONTENT + self.used < ARGUMENTS, "content runs into the arguments");
        self.lay(at, bytes);
        at
    }

    fn lay(&mut self, at: u32, bytes: &[u8]) {
        let escaped = bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "\\{byte:02x}").expect("a string grows");
            text
        });
        writeln!(self.segments, r#"(data (i32.const {at}) "{escaped}")"#).expect("a string grows");
    }

    fn words(&mut self, at: u32, words: &[u32]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.lay(at, &bytes);
    }

    fn text(&mut self, text: &[u8]) -> Range {
        (self.put(text), u32::try_from(text.len()).expect("a short text"))
    }

    fn numbers(&mut self, numbers: &[f64]) -> Range {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        (self.put(&bytes), u32::try_from(numbers.len()).expect("few numbers"))
    }

    fn manifest(&mut self, manifest: &[&[u8]; 4]) {
        let words: Vec<u32> = manifest.iter().flat_map(|text| <[u32; 2]>::from(self.text(text))).collect();
        self.words(MANIFEST, &words);
    }
}

/// A detector of one's own making. The default one keeps to the contract for calls with one sample.
pub(crate) struct ForgedDetector {
    /// Name, version, summary, schema.
    pub(crate) manifest: [&'static [u8]; 4],
    /// Instructions that run when it is instantiated, before anything is asked of it.
    pub(crate) start: &'static str,
    /// Instructions of `describe`.
    pub(crate) describe: &'static str,
    /// Instructions of `open`.
    pub(crate) open: &'static str,
    /// Instructions of `needs`.
    pub(crate) asked_needs: &'static str,
    /// `history-ms`, `min-samples`.
    pub(crate) needs: (u64, u64),
    /// Instructions with which it makes room for what the host hands over.
    pub(crate) realloc: &'static str,
    /// Instructions that run after the host has taken over what `score` returned.
    pub(crate) afterwards: &'static str,
    /// Instructions that run when a model is dropped.
    pub(crate) drop: &'static str,
    /// Instructions of `score`. Parameters: `$self $state $state_len $times $times_len $values $values_len`.
    pub(crate) score: &'static str,
    pub(crate) state: &'static [u8],
    /// Scores, expected, lower, upper.
    pub(crate) columns: [&'static [f64]; 4],
    pub(crate) note: Option<&'static [u8]>,
    /// Told instead of the truth about the state: where it is and how long.
    pub(crate) state_range: Option<Range>,
    /// Told instead of the truth about the scores.
    pub(crate) scores_range: Option<Range>,
    /// Answers with `error.internal` and the note.
    pub(crate) fails: bool,
    /// Texts that instructions log, by number: `(call $say (i32.const N))`, at level error.
    pub(crate) texts: Vec<Vec<u8>>,
    /// Pages of memory at the start.
    pub(crate) pages: u32,
}

impl Default for ForgedDetector {
    fn default() -> Self {
        Self {
            manifest: [b"forged", b"0.0.1", b"Made by hand.", ANY.as_bytes()],
            start: "",
            describe: "",
            open: "",
            asked_needs: "",
            needs: (0, 0),
            realloc: "",
            afterwards: "",
            drop: "",
            score: "",
            state: b"state",
            columns: [&[0.5], &[1.0], &[0.0], &[2.0]],
            note: None,
            state_range: None,
            scores_range: None,
            fails: false,
            texts: vec![],
            pages: 1,
        }
    }
}

impl ForgedDetector {
    pub(crate) fn wasm(&self) -> Vec<u8> {
        let mut memory = Memory::default();
        memory.manifest(&self.manifest);
        let needs: Vec<u8> = [self.needs.0, self.needs.1].iter().flat_map(|word| word.to_le_bytes()).collect();
        memory.lay(NEEDS, &needs);
        let note = memory.text(self.note.unwrap_or_default());
        if self.fails {
            memory.words(ANSWER, &[1, 3, note.0, note.1]);
        } else {
            let state = memory.text(self.state);
            let columns = self.columns.map(|column| memory.numbers(column));
            let mut words = vec![0];
            for (at, length) in [
                self.state_range.unwrap_or(state),
                self.scores_range.unwrap_or(columns[0]),
                columns[1],
                columns[2],
                columns[3],
                (self.note.is_some().into(), note.0),
                (note.1, 0),
            ] {
                words.extend([at, length]);
            }
            memory.words(ANSWER, &words);
        }
        let say = say(&mut memory, &self.texts);
        let Self { start, describe, open, asked_needs, score, afterwards, drop, pages, .. } = self;
        let body = format!(
            r#"
            (import "[export]tidegate:plugin/detector@0.1.0" "[resource-new]model" (func $new (param i32) (result i32)))
            {say}
            {}
            (func $start {start})
            (start $start)
            (func (export "tidegate:plugin/detector@0.1.0#describe") (result i32)
                {describe}
                (i32.const {MANIFEST}))
            (func (export "tidegate:plugin/detector@0.1.0#[static]model.open") (param i32 i32 i64) (result i32)
                {open}
                (i32.store8 (i32.const {OPENED}) (i32.const 0))
                (i32.store offset=4 (i32.const {OPENED}) (call $new (i32.const 7)))
                (i32.const {OPENED}))
            (func (export "tidegate:plugin/detector@0.1.0#[method]model.needs") (param i32) (result i32)
                {asked_needs}
                (i32.const {NEEDS}))
            (func (export "cabi_post_tidegate:plugin/detector@0.1.0#[method]model.score") (param i32)
                {afterwards})
            (func (export "tidegate:plugin/detector@0.1.0#[dtor]model") (param i32)
                {drop})
            (func $score (export "tidegate:plugin/detector@0.1.0#[method]model.score")
                (param $self i32) (param $state i32) (param $state_len i32)
                (param $times i32) (param $times_len i32) (param $values i32) (param $values_len i32) (result i32)
                (global.set $next (i32.const {ARGUMENTS}))
                {score}
                (i32.const {ANSWER}))
            "#,
            memory.segments,
        );
        component(&body, "detector-guest", *pages, self.realloc)
    }
}

/// A policy of one's own making.
pub(crate) struct ForgedPolicy {
    /// Instructions of `describe`.
    pub(crate) describe: &'static str,
    /// Instructions of `open`.
    pub(crate) open: &'static str,
    /// Instructions of `propose`; `(call $query (i32.const N))` asks text N and leaves what came back in the answer.
    pub(crate) propose: &'static str,
    /// The answer: 0 to leave it, with the first text; 1 to propose, with the first four.
    pub(crate) decision: u32,
    pub(crate) answer: Vec<Vec<u8>>,
    /// PromQL, by number.
    pub(crate) texts: Vec<Vec<u8>>,
    /// Whether it imports `host-metrics` at all.
    pub(crate) metrics: bool,
}

impl ForgedPolicy {
    pub(crate) fn wasm(&self) -> Vec<u8> {
        let mut memory = Memory::default();
        memory.manifest(&[b"forged", b"0.0.1", b"Made by hand.", ANY.as_bytes()]);
        let mut words = vec![0, self.decision];
        for text in &self.answer {
            words.extend(<[u32; 2]>::from(memory.text(text)));
        }
        memory.words(ANSWER, &words);
        let table = texts(&mut memory, &self.texts);
        let Self { describe, open, propose, metrics, .. } = self;
        // What `query` returns, result<list, string>, lies at 512: its text or its list begins there, too.
        let (import, query) = if *metrics {
            (
                r#"(import "tidegate:plugin/host-metrics@0.1.0" "query" (func $ask (param i32 i32 i32)))"#,
                format!(
                    "(func $query (param $nth i32)
                        (local $at i32)
                        (global.set $next (i32.const {ARGUMENTS}))
                        (local.set $at (i32.add (i32.const {table}) (i32.mul (local.get $nth) (i32.const 8))))
                        (call $ask (i32.load (local.get $at)) (i32.load offset=4 (local.get $at)) (i32.const 512)))"
                ),
            )
        } else {
            ("", String::new())
        };
        let body = format!(
            r#"
            (import "[export]tidegate:plugin/remediation@0.1.0" "[resource-new]policy" (func $new (param i32) (result i32)))
            {import}
            {query}
            {}
            (func (export "tidegate:plugin/remediation@0.1.0#describe") (result i32)
                {describe}
                (i32.const {MANIFEST}))
            (func (export "tidegate:plugin/remediation@0.1.0#[static]policy.open") (param i32 i32 i32 i32) (result i32)
                {open}
                (i32.store8 (i32.const {OPENED}) (i32.const 0))
                (i32.store offset=4 (i32.const {OPENED}) (call $new (i32.const 7)))
                (i32.const {OPENED}))
            (func (export "tidegate:plugin/remediation@0.1.0#[method]policy.propose") (param $incident i32) (result i32)
                {propose}
                (i32.const {ANSWER}))
            "#,
            memory.segments,
        );
        component(&body, "remediation-guest", 1, "")
    }
}

/// Lays texts down and a table of them; returns where the table is.
fn texts(memory: &mut Memory, texts: &[Vec<u8>]) -> u32 {
    let words: Vec<u8> =
        texts.iter().flat_map(|text| <[u32; 2]>::from(memory.text(text))).flat_map(u32::to_le_bytes).collect();
    memory.put(&words)
}

fn say(memory: &mut Memory, lines: &[Vec<u8>]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let table = texts(memory, lines);
    format!(
        r#"(import "tidegate:plugin/host-log@0.1.0" "log" (func $log (param i32 i32 i32)))
        (func $say (param $nth i32)
            (local $at i32)
            (local.set $at (i32.add (i32.const {table}) (i32.mul (local.get $nth) (i32.const 8))))
            (call $log (i32.const 3) (i32.load (local.get $at)) (i32.load offset=4 (local.get $at))))"#
    )
}

fn component(body: &str, world: &str, pages: u32, realloc: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            {body}
            (memory (export "memory") {pages})
            (global $next (mut i32) (i32.const {ARGUMENTS}))
            (func (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
                (local $at i32)
                {realloc}
                (local.set $at (i32.and
                    (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
                    (i32.sub (i32.const 0) (local.get $align))))
                (global.set $next (i32.add (local.get $at) (local.get $size)))
                (local.get $at)))"#
    );
    let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"));
    let mut resolve = Resolve::default();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/v0.1");
    let (package, _) = resolve.push_path(wit).expect("the contract");
    let world = resolve.select_world(&[package], Some(world)).expect("a world of the contract");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("a module");
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(|encoder| encoder.encode())
        .unwrap_or_else(|error| panic!("{error:?}"))
}
