//! Guests that are missing, pinned to something else, or no guests at all. What real guests make of their settings is
//! tested end to end, where they are built first.

use std::fs;

use expect_test::expect;
use tidegate_sandbox::{Sandbox, SandboxOptions};

use super::build_guests;
use crate::config::load;

const CONFIG: &str = r#"
[prometheus]
url = "http://127.0.0.1:9090"

[guest.pinned]
sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

[guest.large]
max_wasm_size = "1KiB"

[guest.unused]

[detector.missing]
guest = "zscor"

[detector.text]
guest = "text"

[detector.pinned]
guest = "pinned"

[detector.module]
guest = "module"

[detector.large]
guest = "large"

[[watch]]
name = "latency"
expr = "up"
detectors = ["missing", "text", "pinned", "module", "large"]
mode = "observe"
remediation = { guest = "runbook", settings = { rules = [] } }
actions = ["restart"]

[action.restart]
kind = "http"
url = "http://127.0.0.1:8080/"
target = ["service"]
risk = "low"
"#;

#[test]
fn every_guest_that_cannot_be_had_is_named_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).expect("a file");
    write("tidegate.toml", CONFIG.as_bytes());
    fs::create_dir(folder.path().join("guests")).expect("a folder");
    write("guests/zscore.wasm", b"");
    write("guests/text.wasm", b"hello");
    write("guests/pinned.wasm", b"hello");
    // The header of a core module, which is no component.
    write("guests/module.wasm", b"\0asm\x01\0\0\0");
    write("guests/large.wasm", &[0; 2048]);
    let config = load(&folder.path().join("tidegate.toml")).expect("the config itself is sound");
    let sandbox = Sandbox::new(SandboxOptions::default()).expect("a sandbox");
    let errors = build_guests(&config, &sandbox).expect_err("nothing in there is a guest");
    let said = errors.to_string().replace(&format!("{}/", folder.path().display()), "");
    expect![[r#"
        error: tidegate.toml:6:1: guest.pinned.sha256: guests/pinned.wasm has the digest 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824, not e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
            put the pinned file back, or pin this one if you know where it comes from
        error: tidegate.toml:14:1: detector.missing.guest: there is no guest "zscor": guests/zscor.wasm does not exist
            the nearest guest is "zscore"
        error: tidegate.toml:17:1: detector.text.guest: guest "text" is not a WebAssembly component: it does not begin as WebAssembly does; build it with `cargo xtask guests` or any toolchain that emits components
            build the guest again, or take the file from where it was released
        error: tidegate.toml:23:1: detector.module.guest: guest "module" is not a WebAssembly component: it is a core module, which has yet to be made a component; build it with `cargo xtask guests` or any toolchain that emits components
            build the guest again, or take the file from where it was released
        error: tidegate.toml:26:1: detector.large.guest: guests/large.wasm is larger than the 1024 bytes allowed
            use a smaller build, or set max_wasm_size in [guest.large]
        error: tidegate.toml:33:17: watch["latency"].remediation.guest: there is no guest "runbook": guests/runbook.wasm does not exist
            there is: large, module, pinned, text, zscore
        warning: tidegate.toml:11:8: guest.unused: nothing uses this guest
            name it in a [detector.NAME] or a remediation, or take the table out
        the config was not accepted: 6 errors"#]].assert_eq(&said);
}

#[test]
fn a_detector_that_nobody_had_to_name_is_missed_where_it_is_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = |config: &str| {
        let file = folder.path().join("tidegate.toml");
        fs::write(&file, config).expect("a file");
        let config = load(&file).expect("the config itself is sound");
        let sandbox = Sandbox::new(SandboxOptions::default()).expect("a sandbox");
        let errors = build_guests(&config, &sandbox).expect_err("there is no guest at all");
        errors.to_string().replace(&format!("{}/", folder.path().display()), "")
    };
    let prometheus = "[prometheus]\nurl = 'http://127.0.0.1:9090'\n";
    let watches = "[[watch]]\nname = 'one'\nexpr = 'up'\n[[watch]]\nname = 'two'\nexpr = 'up'\nstep = '5m'\n";
    expect![[r#"
        error: tidegate.toml:3:1: watch["one"]: there is no guest "tide": guests/tide.wasm does not exist
            it judges what names no detectors: put tide.wasm there, from a release or from target/guests, where `cargo xtask guests` builds it; or name others, detectors = [...], each of which has a [detector.NAME]
        the config was not accepted: 1 error"#]]
    .assert_eq(&said(&format!("{prometheus}{watches}")));
    let defined = said(&format!("{prometheus}[detector.tide]\nguest = 'tide'\n{watches}"));
    assert!(defined.starts_with("error: tidegate.toml:4:1: detector.tide.guest: there is no guest"), "{defined}");
    let asked = "[[alert_route]]\nname = 'all'\nmatch = ['a=\"b\"']\nsecond_opinion = true\n";
    let asked = said(&format!("{prometheus}{asked}"));
    assert!(asked.starts_with("error: tidegate.toml:1:1: second_opinion: there is no guest"), "{asked}");
}
