//! A config that names no detector, and what it means.

use serde_json::json;

use super::{Folder, accepted};

const PROMETHEUS: &str = "[prometheus]\nurl = 'http://127.0.0.1:9090'\n";
const WATCH: &str = "[[watch]]\nname = 'up'\nexpr = 'up'\n";

#[test]
fn a_name_and_a_query_are_enough() {
    let config = accepted(&format!("{PROMETHEUS}{WATCH}"));
    assert_eq!(config.warnings, []);
    let watch = &config.rules.watches["up"];
    assert_eq!((watch.detectors.as_slice(), watch.quorum, watch.consecutive), (&["tide".to_owned()][..], 1, 1));
    let tide = &config.detectors["tide"];
    assert_eq!((tide.guest.as_str(), &tide.settings), ("tide", &json!({})));
    assert_eq!(tide.implied_by.as_deref(), Some(&["watch".to_owned(), "up".to_owned()][..]));
}

#[test]
fn who_names_detectors_has_those_and_no_other() {
    // The detectors of the watch, how many samples in a row open an incident, and whether the default is among all detectors.
    let zscore = "[detector.spike]\nguest = 'zscore'\n";
    let mine = "[detector.mine]\nguest = 'tide'\n";
    let defined = "[detector.tide]\nguest = 'tide'\nsettings = { false_alarms = '1 per day' }\n";
    let replaced = "[detector.tide]\nguest = 'zscore'\n";
    for (before, keys, detectors, consecutive, has_default) in [
        (zscore, "detectors = ['spike']", &["spike"][..], 3, false),
        (zscore, "detectors = ['spike', 'tide']", &["spike", "tide"], 3, true),
        (mine, "detectors = ['mine']", &["mine"], 1, false),
        (mine, "detectors = ['mine', 'tide']", &["mine", "tide"], 1, true),
        ("", "detectors = ['tide']", &["tide"], 1, true),
        ("", "consecutive = 3", &["tide"], 3, true),
        ("", "[defaults.watch]\nconsecutive = 2", &["tide"], 2, true),
        (zscore, "[defaults.watch]\ndetectors = ['spike']", &["spike"], 3, false),
        (defined, "", &["tide"], 1, true),
        (replaced, "", &["tide"], 3, true),
    ] {
        let config = accepted(&format!("{PROMETHEUS}{before}{WATCH}{keys}\n"));
        let watch = &config.rules.watches["up"];
        assert_eq!(watch.detectors, detectors, "{before}{keys}");
        assert_eq!(watch.consecutive, consecutive, "{before}{keys}");
        assert_eq!(config.detectors.contains_key("tide"), has_default, "{before}{keys}");
        assert_eq!(config.warnings, [], "{before}{keys}");
    }
    let config = accepted(&format!("{PROMETHEUS}{defined}{WATCH}"));
    assert_eq!(config.detectors["tide"].settings, json!({ "false_alarms": "1 per day" }));
    assert_eq!(config.detectors["tide"].implied_by, None);
}

#[test]
fn second_opinions_have_it_too() {
    let sender = "[[sender]]\nname = 'alertmanager'\ntoken_file = 'secrets/alertmanager'\n";
    let route = "[[alert_route]]\nname = 'all'\nmatch = ['team=\"a\"']\n";
    let spike = "[detector.spike]\nguest = 'zscore'\n";
    let of_watches = "[defaults.watch]\ndetectors = ['spike']\n";
    for (table, route_key, detectors) in [
        ("[second_opinion]\n", "", &["tide"][..]),
        ("", "second_opinion = true\n", &["tide"]),
        ("[second_opinion]\nhistory = '7d'\n", "", &["tide"]),
        ("[second_opinion]\ndetectors = ['spike']\n", "", &["spike"]),
    ] {
        let spike = if detectors == ["spike"] { spike } else { "" };
        let config = accepted(&format!("{PROMETHEUS}{sender}{spike}{table}{route}{route_key}"));
        let opinion = config.second_opinion.expect("it is wanted");
        assert_eq!(opinion.detectors, detectors, "{table}{route_key}");
        assert_eq!(opinion.quorum, None, "all that can judge it");
        assert_eq!(config.detectors.contains_key("tide"), detectors == ["tide"], "{table}{route_key}");
    }
    let config = accepted(&format!("{PROMETHEUS}{sender}{spike}{of_watches}[second_opinion]\n{route}"));
    assert_eq!(config.second_opinion.expect("it is wanted").detectors, ["spike"], "those of watches come before it");
    let nobody = accepted(&format!("{PROMETHEUS}{sender}{route}"));
    assert!(nobody.second_opinion.is_none() && nobody.detectors.is_empty());
}

#[test]
fn a_misspelt_detector_is_told_that_it_is_there_without_being_defined() {
    let folder = Folder::new();
    let said = folder.said(&folder.load(&format!("{PROMETHEUS}{WATCH}detectors = ['tides']\n")));
    assert!(
        said.contains("there is no detector \"tides\"") && said.contains("the nearest detector is \"tide\""),
        "{said}"
    );
    let said = folder.said(&folder.load(&format!("{PROMETHEUS}{WATCH}detectors = []\n")));
    assert!(said.contains("the list is empty"), "{said}");
}

/// The first block of TOML below a line of a document.
fn config_below(document: &str, line: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(document);
    let text = std::fs::read_to_string(path).expect("a document");
    let (_, below) = text.split_once(line).unwrap_or_else(|| panic!("{document} has no line {line:?}"));
    let (_, block) = below.split_once("```toml\n").expect("a block");
    block.split_once("```").expect("its end").0.to_owned()
}

#[test]
fn the_first_configs_that_people_see_are_accepted_and_name_no_detector() {
    for (document, line) in
        [("README.md", "## A first config"), ("docs/configuration.md", "A smallest config that does something:")]
    {
        let text = config_below(document, line);
        assert!(!text.contains("[detector"), "{document}: {text}");
        let config = accepted(&text);
        assert_eq!(config.warnings, [], "{document}");
        assert_eq!(config.rules.watches["checkout-latency"].detectors, ["tide"], "{document}");
    }
}
