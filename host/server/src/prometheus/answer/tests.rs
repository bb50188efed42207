//! Captured answers, and answers that no Prometheus should ever give.

use super::*;

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/src/prometheus/testdata/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).unwrap()
}

fn range(name: &str) -> RangeAnswer {
    parse_range(&fixture(name)).unwrap()
}

#[test]
fn captured_matrices_become_columns() {
    let answer = range("range-matrix-normal");
    assert_eq!(answer.frame.series.len(), 2);
    let first = &answer.frame.series[0];
    assert_eq!(first.labels.get("instance"), Some("host0:9100"));
    assert_eq!(first.timestamps.len(), 6);
    assert_eq!(first.timestamps[0], 1_795_339_740_000);
    assert_eq!(first.values[0], 0.501604);
    assert_eq!(answer.body_bytes, 540);
    assert!(answer.warnings.is_empty() && answer.infos.is_empty());
    assert!(range("range-empty").frame.series.is_empty());
    assert_eq!(range("range-scalar").frame.series[0].labels, Labels::empty());
    // A gap is missing points, never a value.
    assert_eq!(range("range-gap-2h").frame.series[0].timestamps.len(), 8);
}

#[test]
fn values_that_are_no_numbers_survive() {
    let answer = range("range-nan-inf");
    let of = |k: &str| {
        let found = answer.frame.series.iter().find(|series| series.labels.get("k").unwrap_or("") == k);
        found.unwrap().values[0]
    };
    assert!(of("").is_nan());
    assert_eq!(of("pinf"), f64::INFINITY);
    assert_eq!(of("ninf"), f64::NEG_INFINITY);
}

#[test]
fn warnings_infos_and_native_histograms_are_told() {
    assert_eq!(range("warn-annotation").warnings.len(), 1);
    assert_eq!(range("limit-2").warnings, ["results truncated due to limit"]);
    assert_eq!(range("info-annotation").infos.len(), 1);
    let mixed = range("native-histogram-mixed");
    assert_eq!((mixed.frame.series.len(), mixed.histograms_skipped), (1, 3));
    let only = range("native-histogram");
    assert_eq!((only.frame.series.len(), only.histograms_skipped), (0, 3));
}

#[test]
fn instant_answers_are_vectors_or_scalars() {
    assert_eq!(parse_instant(&fixture("instant-scalar")).unwrap().value, InstantValue::Scalar(1.0));
    let InstantValue::Vector(samples) = parse_instant(&fixture("instant-vector")).unwrap().value else {
        panic!("not a vector")
    };
    assert_eq!(samples.len(), 3);
    assert_eq!(samples[1].labels.get("job"), Some("ghost"));
    assert_eq!((samples[1].at, samples[1].value), (Timestamp(1_795_340_793_076), 0.0));
    let empty = br#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
    assert_eq!(parse_instant(empty).unwrap().value, InstantValue::Vector(Vec::new()));
    let text = br#"{"status":"success","data":{"resultType":"string","result":[1,"1"]}}"#;
    assert_eq!(parse_instant(text).unwrap_err().kind(), "garbage");
    assert_eq!(parse_instant(&fixture("range-matrix-normal")).unwrap_err().kind(), "garbage");
}

#[test]
fn firing_alerts_are_listed_by_their_labels() {
    let alerts = parse_alerts(&fixture("alerts")).unwrap();
    assert_eq!(alerts[0].get("alertname"), Some("TargetDown"));
    let pending = String::from_utf8(fixture("alerts")).unwrap().replace("firing", "pending");
    assert!(parse_alerts(pending.as_bytes()).unwrap().is_empty());
}

fn matrix(result: &str) -> String {
    format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{result}]}}}}"#)
}

#[test]
fn fields_may_come_in_any_order_and_unknown_ones_are_ignored() {
    let body = r#"{"trace":{"a":[1]},"data":{"stats":1,"result":[{"values":[[1.5,"2"]],"x":[],"metric":{"b":"1","a":"2"}}],
                  "resultType":"matrix"},"status":"success"}"#;
    let answer = parse_range(body.as_bytes()).unwrap();
    assert_eq!(answer.frame.series[0].labels.to_string(), r#"{a="2", b="1"}"#);
    assert_eq!(answer.frame.series[0].timestamps, [1_500]);
}

#[test]
fn malformed_answers_are_garbage_and_never_a_panic() {
    for body in [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "<html>".to_owned(),
        "{}".to_owned(),
        r#"{"status":"success"}"#.to_owned(),
        r#"{"status":"maybe","data":{"resultType":"matrix","result":[]}}"#.to_owned(),
        r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#.to_owned(),
        matrix("1"),
        matrix("{}"),
        matrix(r#"{"metric":{"a":1},"values":[]}"#),
        matrix(r#"{"metric":{},"values":[[1]]}"#),
        matrix(r#"{"metric":{},"values":[[1,"2",3]]}"#),
        matrix(r#"{"metric":{},"values":[[1,2]]}"#),
        matrix(r#"{"metric":{},"values":[["1","2"]]}"#),
        matrix(r#"{"metric":{},"values":[[1,"two"]]}"#),
        matrix(r#"{"metric":{},"values":[[1,""]]}"#),
        matrix(r#"{"metric":{},"values":[[1e300,"1"]]}"#),
        matrix(r#"{"metric":{},"values":[[9223372036854775807,"1"]]}"#),
        matrix(r#"{"metric":{},"values":[null]}"#),
        matrix(r#"{"metric":{},"values":[[2,"1"],[1,"1"]]}"#),
        matrix(r#"{"metric":{},"values":[[1,"1"],[1,"1"]]}"#),
        matrix(r#"{"metric":{"a":"1"},"values":[[1,"1"]]},{"metric":{"a":"1"},"values":[[1,"1"]]}"#),
        matrix(&"[".repeat(100_000)),
    ] {
        let error = parse_range(body.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), "garbage", "{body:.80}: {error}");
    }
    assert_eq!(parse_range(b"{\"status\":\"\xff\"}").unwrap_err().kind(), "garbage");
}

#[test]
fn a_body_cut_anywhere_is_an_error() {
    let whole = fixture("native-histogram-mixed");
    let whole = whole.trim_ascii_end();
    for length in 0..whole.len() {
        assert!(parse_range(&whole[..length]).is_err(), "cut at {length}");
    }
}

#[test]
fn errors_told_with_status_200_keep_their_kind() {
    for (name, kind) in [
        ("err-parse", "bad_data"),
        ("range-11002-err", "bad_data"),
        ("err-exec-dup-labelset", "execution"),
        ("err-timeout", "timeout"),
    ] {
        assert_eq!(parse_range(&fixture(name)).unwrap_err().kind(), kind, "{name}");
    }
}
