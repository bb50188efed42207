//! Compiling in a child: kept code, limits, and what happens to code that is not what was kept.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::fake_prometheus::FakePrometheus;
use crate::support::guest;
use crate::support::tidegate::Tidegate;

const CONFIG: &str = r#"
[prometheus]
url = "http://prometheus"

[[watch]]
name = "queue"
expr = "queue_length"
detectors = ["sudden"]
mode = "observe"

[detector.sudden]
guest = "zscore"
"#;

/// A limit that no compiler keeps to: with it, only kept code can be loaded.
const NEVER_COMPILED: &str = "[guest.zscore]\ncompile_memory = \"1\"\n";

/// A host whose compiled guests are its own, and a Prometheus without a series.
fn alone() -> (Tidegate, FakePrometheus) {
    let tidegate = Tidegate::new();
    fs::remove_file(compiled(&tidegate)).expect("the link to those of all tests");
    (tidegate, FakePrometheus::start())
}

fn configure(tidegate: &Tidegate, prometheus: &FakePrometheus, config: &str) {
    tidegate.configure(config, &[("prometheus", prometheus.address())]);
}

fn compiled(tidegate: &Tidegate) -> PathBuf {
    tidegate.file("data/compiled")
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The files of kept code.
fn code(tidegate: &Tidegate) -> Vec<PathBuf> {
    let mut files = files(&compiled(tidegate));
    files.retain(|file| file.extension().is_none() && file.components().any(|part| part.as_os_str() == "modules"));
    files
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_guest_is_compiled_once_and_again_only_when_its_code_is_damaged() {
    let (mut tidegate, prometheus) = alone();
    configure(&tidegate, &prometheus, CONFIG);
    tidegate.run();
    assert!(tidegate.log().contains("guest compiled"), "{}", tidegate.log());
    assert!(tidegate.terminate().success());
    let mode = fs::metadata(compiled(&tidegate)).expect("kept code").permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
    let kept = code(&tidegate);
    assert_eq!(kept.len(), 1, "{kept:?}");

    configure(&tidegate, &prometheus, &format!("{CONFIG}{NEVER_COMPILED}"));
    tidegate.run();
    assert!(!tidegate.log().contains("guest compiled"), "{}", tidegate.log());
    assert!(tidegate.terminate().success());

    let whole = fs::read(&kept[0]).expect("code");
    let mut turned = whole.clone();
    turned[whole.len() / 2] ^= 1;
    let damages: [&[u8]; 3] = [&turned, &whole[..whole.len() / 2], b""];
    for damaged in damages {
        fs::write(&kept[0], damaged).expect("code");
        configure(&tidegate, &prometheus, &format!("{CONFIG}{NEVER_COMPILED}"));
        let output = tidegate.cli(&["run"]);
        let words = said(&output);
        assert_eq!(output.status.code(), Some(2), "{words}");
        for word in ["damaged", "more than 1 bytes of memory to compile", "larger compile_memory in [guest.zscore]"] {
            assert!(words.contains(word), "no {word:?} in: {words}");
        }

        configure(&tidegate, &prometheus, CONFIG);
        let output = tidegate.cli(&["check"]);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(fs::read(&kept[0]).expect("code"), whole, "the same bytes give the same code");
    }
    let left = files(&compiled(&tidegate));
    assert!(!left.iter().any(|file| file.to_string_lossy().contains("scratch")), "{left:?}");
}

#[test]
fn a_compile_bomb_is_stopped_and_the_others_are_loaded() {
    let (tidegate, prometheus) = alone();
    let mut config =
        format!("{CONFIG}[guest.slow]\ncompile_timeout = \"1s\"\n[guest.large]\ncompile_memory = \"256MiB\"\n");
    for (name, bomb) in [("slow", nested_loops(1000, 1000)), ("large", joined_paths(20_000, 1000))] {
        fs::write(tidegate.file(&format!("guests/{name}.wasm")), bomb).expect("a guest");
        config.push_str(&format!("[detector.{name}]\nguest = \"{name}\"\n"));
    }
    configure(&tidegate, &prometheus, &config);
    let output = tidegate.cli(&["check"]);
    let words = said(&output);
    assert_eq!(output.status.code(), Some(2), "{words}");
    for word in [
        "guest \"slow\" was still compiling after 1s, and the compiler was stopped (compile_timeout)",
        "longer compile_timeout in [guest.slow]",
        "guest \"large\" takes more than 268435456 bytes of memory to compile (compile_memory)",
        "larger compile_memory in [guest.large]",
    ] {
        assert!(words.contains(word), "no {word:?} in: {words}");
    }
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.lines().any(|line| line.starts_with("guest zscore: ") && line.ends_with(", ok")), "{told}");
}

#[test]
fn code_that_others_could_have_put_there_is_thrown_away() {
    let (mut tidegate, prometheus) = alone();
    configure(&tidegate, &prometheus, CONFIG);
    assert!(tidegate.cli(&["check"]).status.success(), "check makes no folder of the service's");
    assert!(!compiled(&tidegate).exists());
    tidegate.run();
    assert!(tidegate.terminate().success());

    fs::set_permissions(compiled(&tidegate), Permissions::from_mode(0o770)).expect("its mode");
    let planted = compiled(&tidegate).join("planted");
    fs::write(&planted, "code").expect("a file");
    tidegate.run();
    let log = tidegate.log();
    assert!(log.contains("emptied and made private") && log.contains("guest compiled"), "{log}");
    assert!(!planted.exists());
    let mode = fs::metadata(compiled(&tidegate)).expect("kept code").permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
}

#[test]
fn without_a_folder_for_code_the_service_does_not_start() {
    let (tidegate, prometheus) = alone();
    configure(&tidegate, &prometheus, CONFIG);
    fs::write(compiled(&tidegate), "in the way").expect("a file");
    let output = tidegate.cli(&["run"]);
    let words = said(&output);
    assert!(output.status.code() == Some(1) && words.contains("cannot keep compiled guests in"), "{words}");
    let output = tidegate.cli(&["check"]);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn the_compiler_says_in_one_line_what_it_does_not_compile() {
    let folder = tempfile::tempdir().expect("a folder");
    let cases: [(&[u8], i32, &str); 3] = [
        (b"", 10, "unexpected end"),
        (b"hello", 10, "magic header"),
        (b"\0asm\x0d\0\x01\0\x01\x08\0asm\x01\0\0", 10, "out of bounds"),
    ];
    for (bytes, code, words) in cases {
        let file = folder.path().join("wasm");
        fs::write(&file, bytes).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(["compile-guest", "--memory", "1000000000", "--cpu", "100", "--cache"]).arg(folder.path());
        command.env_clear().stdin(fs::File::open(&file).expect("a file")).stdout(Stdio::null());
        let output = command.output().expect("the binary runs");
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.trim_end().lines().count() == 1 && said.contains(words), "no {words:?} in: {said}");
    }
}

/// A guest that takes hours to compile: loops in loops, and in the innermost every variable changes, so that each loop has
/// to hand on all of them.
pub(crate) fn nested_loops(depth: usize, variables: u32) -> Vec<u8> {
    let mut body = [0x03, 0x40].repeat(depth);
    for variable in 0..variables {
        body.push(0x20);
        unsigned(&mut body, variable);
        // i32.const 1; i32.add
        body.extend([0x41, 1, 0x6a, 0x21]);
        unsigned(&mut body, variable);
    }
    // local.get 0; br_if 0; end
    body.extend([0x20, 0, 0x0d, 0, 0x0b].repeat(depth));
    with_module(&body, variables)
}

/// A guest that takes gigabytes to compile: very many places where two paths meet, between variables that live throughout.
fn joined_paths(joints: u32, variables: u32) -> Vec<u8> {
    let mut body = vec![0x03, 0x40];
    for joint in 0..joints {
        let variable = joint * 7919 % variables;
        // block; local.get; br_if 0
        body.extend([0x02, 0x40, 0x20]);
        unsigned(&mut body, joint * 31 % variables);
        body.extend([0x0d, 0, 0x20]);
        unsigned(&mut body, variable);
        body.push(0x20);
        unsigned(&mut body, (variable + 1) % variables);
        // i32.add; local.set; end
        body.extend([0x6a, 0x21]);
        unsigned(&mut body, variable);
        body.push(0x0b);
    }
    body.extend([0x20, 0, 0x0d, 0, 0x0b]);
    with_module(&body, variables)
}

/// A shipped guest and behind it one more core module, with one function of so many variables.
fn with_module(body: &[u8], variables: u32) -> Vec<u8> {
    let mut function = vec![1];
    unsigned(&mut function, variables);
    function.push(0x7f);
    function.extend(body);
    function.push(0x0b);
    let mut code = vec![1];
    unsigned(&mut code, u32::try_from(function.len()).expect("a small function"));
    code.extend(function);

    let mut module = b"\0asm\x01\0\0\0".to_vec();
    section(&mut module, 1, &[1, 0x60, 0, 0]);
    section(&mut module, 3, &[1, 0]);
    section(&mut module, 10, &code);
    let mut wasm = fs::read(guest("zscore")).expect("a guest");
    section(&mut wasm, 1, &module);
    wasm
}

fn section(wasm: &mut Vec<u8>, id: u8, content: &[u8]) {
    wasm.push(id);
    unsigned(wasm, u32::try_from(content.len()).expect("a small section"));
    wasm.extend(content);
}

/// A number as WebAssembly writes it (LEB128).
fn unsigned(wasm: &mut Vec<u8>, mut number: u32) {
    loop {
        let low = u8::try_from(number & 0x7f).expect("seven bits");
        number >>= 7;
        wasm.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            break;
        }
    }
}
