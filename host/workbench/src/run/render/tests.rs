//! What people and programs get to read.

use expect_test::{Expect, expect};

use super::*;

fn judged() -> Judged {
    let row = |at: i64, value: f64, verdict| Row { at: at * 60_000, value, verdict };
    let judgement = |score, note: Option<&str>| {
        let note = note.map(str::to_owned);
        Verdict::Judged(Judgement { score, expected: 10.0, lower: f64::NEG_INFINITY, upper: 12.0, note })
    };
    let trapped = Unjudged::Failed { kind: "trapped", what: "trapped: unreachable, \"boo\"\u{1b}[2J".to_owned() };
    Judged {
        name: r#"queue{job="a,b"}"#.to_owned(),
        history: 1_440,
        rows: vec![
            row(0, 10.0, Verdict::Unjudged(Unjudged::Learning)),
            row(1, 11.0 + 1.0 / 3.0, judgement(0.5, Some("a remark that only the last sample gets"))),
            row(2, 50.0, judgement(4.25, Some("above\nall"))),
            row(3, f64::NAN, Verdict::Unjudged(Unjudged::NoNumber)),
            row(4, 10.0, Verdict::Unjudged(trapped.clone())),
        ],
        state_bytes: 1_006,
        failures: [("trapped", (1, trapped.to_string()))].into(),
    }
}

fn check(write: impl FnOnce(&mut Vec<u8>, &Subject<'_>) -> io::Result<()>, expected: &Expect) {
    let settings = json!({ "window": "2h" });
    let subject = Subject {
        guest: "zscore",
        version: "0.1.0",
        digest: "abc",
        settings: &settings,
        step: Duration::from_secs(60),
        min_samples: 30,
    };
    let mut out = Vec::new();
    write(&mut out, &subject).expect("a vector takes it");
    expected.assert_eq(&String::from_utf8(out).expect("text").replace('\u{1b}', "ESC"));
}

#[test]
fn a_table_for_people() {
    check(
        |out, subject| table(out, subject, &judged(), Only::All, false),
        &expect![[r#"
            queue{job="a,b"}
              TIME                   VALUE  SCORE  EXPECTED  LOWER   UPPER  NOTE
              1970-01-01T00:00:00Z  10.000      -         -      -       -  learning
              1970-01-01T00:01:00Z  11.333  0.500    10.000   -Inf  12.000
            ! 1970-01-01T00:02:00Z  50.000  4.250    10.000   -Inf  12.000  above all
              1970-01-01T00:03:00Z     NaN      -         -      -       -  not a number
            ? 1970-01-01T00:04:00Z  10.000      -         -      -       -  trapped: unreachable, "boo"�[2J
            zscore 0.1.0 {"window":"2h"}: 5 samples, after 1,440 of history, 2 judged, 1 anomalous, 1 learning (it needs 30), 1 not a number, 1 without an answer, state 1006 B, step 1m
        "#]],
    );
    check(
        |out, subject| table(out, subject, &judged(), Only::Anomalous, true),
        &expect![[r#"
            queue{job="a,b"}
              TIME                   VALUE  SCORE  EXPECTED  LOWER   UPPER  NOTE
            ESC[31m! 1970-01-01T00:02:00Z  50.000  4.250    10.000   -Inf  12.000  above allESC[0m
            ESC[2m? 1970-01-01T00:04:00Z  10.000      -         -      -       -  trapped: unreachable, "boo"�[2JESC[0m
            zscore 0.1.0 {"window":"2h"}: 5 samples, after 1,440 of history, 2 judged, 1 anomalous, 1 learning (it needs 30), 1 not a number, 1 without an answer, state 1006 B, step 1m
        "#]],
    );
    check(
        |out, subject| table(out, subject, &Judged::default(), Only::All, false),
        &expect![[r#"
            zscore 0.1.0 {"window":"2h"}: 0 samples, 0 judged, 0 anomalous, state 0 B, step 1m
        "#]],
    );
}

#[test]
fn csv_for_programs_which_can_be_read_again() {
    check(
        |out, _| csv(out, &judged(), Only::All),
        &expect![[r#"
        1970-01-01T00:00:00Z,10,,,,,,learning,"queue{job=""a,b""}"
        1970-01-01T00:01:00Z,11.333333333333334,0.5,10,-Inf,12,false,a remark that only the last sample gets,"queue{job=""a,b""}"
        1970-01-01T00:02:00Z,50,4.25,10,-Inf,12,true,"above
        all","queue{job=""a,b""}"
        1970-01-01T00:03:00Z,NaN,,,,,,not a number,"queue{job=""a,b""}"
        1970-01-01T00:04:00Z,10,,,,,,"trapped: unreachable, ""boo""ESC[2J","queue{job=""a,b""}"
    "#]],
    );
    let mut text = CSV_HEADER.as_bytes().to_vec();
    csv(&mut text, &judged(), Only::All).expect("a vector takes it");
    let again = crate::run::csv::read(&text).expect("a series");
    assert_eq!(again.series.timestamps, [0, 60_000, 120_000, 180_000, 240_000]);
    assert_eq!(again.series.values[1], 11.0 + 1.0 / 3.0);
}

#[test]
fn json_for_programs() {
    check(
        |out, subject| document(out, subject, &[judged()], Only::Anomalous),
        &expect![[r#"
        {
          "guest": {
            "digest": "abc",
            "name": "zscore",
            "version": "0.1.0"
          },
          "settings": {
            "window": "2h"
          },
          "step_ms": 60000,
          "min_samples": 30,
          "series": [
            {
              "series": "queue{job=\"a,b\"}",
              "samples": [
                {
                  "anomalous": true,
                  "expected": 10.0,
                  "lower": "-Inf",
                  "note": "above\nall",
                  "score": 4.25,
                  "timestamp": "1970-01-01T00:02:00Z",
                  "upper": 12.0,
                  "value": 50.0
                },
                {
                  "score": null,
                  "timestamp": "1970-01-01T00:04:00Z",
                  "unjudged": "trapped: unreachable, \"boo\"\u001b[2J",
                  "value": 10.0
                }
              ],
              "summary": {
                "anomalous": 1,
                "failures": [
                  {
                    "count": 1,
                    "first": "trapped: unreachable, \"boo\"\u001b[2J",
                    "kind": "trapped"
                  }
                ],
                "history": 1440,
                "judged": 2,
                "samples": 5,
                "state_bytes": 1006
              }
            }
          ]
        }
    "#]],
    );
}
