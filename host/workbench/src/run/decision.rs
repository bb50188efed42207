//! A policy's decision as text and as JSON, with what it asked Prometheus on the way.

use serde_json::{Value, json};
use tidegate_sandbox::{Decision, Question, Questions, Reply};

use crate::text::{count, fields, printable};

/// Longest expression or reason shown, in characters; JSON has them whole.
const MAX_SHOWN: usize = 200;

/// For people.
#[must_use]
pub fn text(decision: &Decision, asked: &Questions) -> String {
    let mut lines: Vec<String> = asked.listed.iter().map(line).collect();
    if asked.unlisted > 0 {
        lines.push(format!("and {}, refused as well", count(asked.unlisted, "more question")));
    }
    let asked = ("asked", lines.join("\n"));
    // The sandbox has made the decision's own texts safe to print.
    match decision {
        Decision::Leave(reason) => fields(&[("decision", "leave".to_owned()), ("reason", reason.clone()), asked]),
        Decision::Propose(plan) => fields(&[
            ("decision", "propose".to_owned()),
            ("action", plan.action.clone()),
            ("arguments", Value::Object(plan.arguments.clone()).to_string()),
            ("summary", plan.summary.clone()),
            ("rationale", plan.rationale.clone()),
            asked,
        ]),
    }
}

fn line(question: &Question) -> String {
    let expr = printable(&question.expr, MAX_SHOWN);
    match &question.reply {
        Reply::Answered(samples) => match samples.as_slice() {
            [one] => format!("{expr}: {}", crate::text::short(one.value)),
            many => format!("{expr}: {} series", many.len()),
        },
        Reply::Failed(why) => format!("{expr}: no answer: {}", printable(why, MAX_SHOWN)),
        Reply::Refused(why) => format!("{expr}: refused: {}", printable(why, MAX_SHOWN)),
    }
}

/// For programs.
#[must_use]
pub fn document(decision: &Decision, asked: &Questions) -> Value {
    let asked: Vec<Value> = asked.listed.iter().map(question).collect();
    match decision {
        Decision::Leave(reason) => json!({ "decision": "leave", "reason": reason, "asked": asked }),
        Decision::Propose(plan) => json!({
            "decision": "propose",
            "action": plan.action,
            "arguments": plan.arguments,
            "summary": plan.summary,
            "rationale": plan.rationale,
            "asked": asked,
        }),
    }
}

fn question(question: &Question) -> Value {
    let expr = &question.expr;
    match &question.reply {
        Reply::Answered(samples) => json!({ "expr": expr, "samples": samples.len() }),
        Reply::Failed(why) => json!({ "expr": expr, "failed": why }),
        Reply::Refused(why) => json!({ "expr": expr, "refused": why }),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use tidegate_sandbox::{InstantSample, Plan};

    use super::*;

    #[test]
    fn decisions_read_well() {
        let plan = Plan {
            summary: "Restart checkout".to_owned(),
            rationale: "It helped\nlast time".to_owned(),
            action: "restart".to_owned(),
            arguments: json!({ "n": 1 }).as_object().cloned().unwrap_or_default(),
        };
        let sample = InstantSample { labels: vec![], timestamp: 0, value: 3.5 };
        let asked = |expr: &str, reply| Question { expr: expr.to_owned(), expr_bytes: expr.len(), reply };
        let questions = Questions {
            listed: vec![
                asked("sum(up)", Reply::Answered(vec![sample.clone()])),
                asked("up", Reply::Answered(vec![sample.clone(), sample])),
                asked("up{\u{1b}", Reply::Failed("parse error".to_owned())),
                asked("up", Reply::Refused("not granted".to_owned())),
            ],
            unlisted: 5,
        };
        expect![[r#"
            decision:   propose
            action:     restart
            arguments:  {"n":1}
            summary:    Restart checkout
            rationale:  It helped
                        last time
            asked:      sum(up): 3.5
                        up: 2 series
                        up{�: no answer: parse error
                        up: refused: not granted
                        and 5 more questions, refused as well
        "#]]
        .assert_eq(&text(&Decision::Propose(plan.clone()), &questions));
        expect![[r#"
            decision:  leave
            reason:    no rule applies
        "#]]
        .assert_eq(&text(&Decision::Leave("no rule applies".to_owned()), &Questions::default()));
        expect![[r#"
            {
              "action": "restart",
              "arguments": {
                "n": 1
              },
              "asked": [
                {
                  "expr": "sum(up)",
                  "samples": 1
                },
                {
                  "expr": "up",
                  "samples": 2
                },
                {
                  "expr": "up{\u001b",
                  "failed": "parse error"
                },
                {
                  "expr": "up",
                  "refused": "not granted"
                }
              ],
              "decision": "propose",
              "rationale": "It helped\nlast time",
              "summary": "Restart checkout"
            }"#]]
        .assert_eq(&format!("{:#}", document(&Decision::Propose(plan), &questions)));
    }
}
