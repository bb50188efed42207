//! Answers to a policy's questions, as data: what a test hands over instead of a Prometheus.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::metrics::Sample;

/// What Prometheus would say to one expression: an instant vector, or why not.
pub type Answer = Result<Vec<Sample>, String>;

/// Answers by expression. Cheap to clone; clones share the list of what was asked in vain.
#[derive(Clone, Default)]
pub struct Answers(Arc<Inner>);

#[derive(Default)]
struct Inner {
    by_expr: BTreeMap<String, Answer>,
    otherwise: Option<Answer>,
    unanswered: Mutex<BTreeSet<String>>,
}

thread_local! {
    /// What a policy that runs natively on this thread is answered.
    static PRESENT: RefCell<Option<Answers>> = const { RefCell::new(None) };
}

impl Answers {
    /// These, and an error for everything else.
    pub fn new(by_expr: BTreeMap<String, Answer>) -> Self {
        Answers(Arc::new(Inner { by_expr, ..Inner::default() }))
    }

    /// The same to every question.
    pub fn always(answer: Answer) -> Self {
        Answers(Arc::new(Inner { otherwise: Some(answer), ..Inner::default() }))
    }

    /// Answers one question.
    ///
    /// # Errors
    /// The error that was given as the answer, or that there is none.
    pub fn answer(&self, expr: &str) -> Answer {
        let Inner { by_expr, otherwise, unanswered } = &*self.0;
        if let Some(answer) = by_expr.get(expr).or(otherwise.as_ref()) {
            return answer.clone();
        }
        unanswered.lock().unwrap_or_else(PoisonError::into_inner).insert(expr.to_owned());
        Err(format!("the case has no answer to `{expr}`"))
    }

    /// What was asked and stands nowhere.
    pub fn unanswered(&self) -> Vec<String> {
        self.0.unanswered.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Runs `ask` with these as what [`crate::metrics::query`] answers on this thread.
    pub fn during<T>(&self, ask: impl FnOnce() -> T) -> T {
        struct Reset;
        impl Drop for Reset {
            fn drop(&mut self) {
                PRESENT.set(None);
            }
        }
        PRESENT.set(Some(self.clone()));
        let _reset = Reset;
        ask()
    }

    /// Those that [`Answers::during`] runs with, if it does.
    pub(crate) fn present() -> Option<Answers> {
        PRESENT.with_borrow(Clone::clone)
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("by_expr", &self.0.by_expr.keys()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::query;

    #[test]
    fn a_native_policy_hears_the_answers_of_its_case_and_no_other() {
        let sample = Sample { labels: vec![], timestamp: 0, value: 1.0 };
        let answers = Answers::new(BTreeMap::from([
            ("up".to_owned(), Ok(vec![sample.clone()])),
            ("down".to_owned(), Err("no".to_owned())),
        ]));
        answers.during(|| {
            assert_eq!(query("up"), Ok(vec![sample]));
            assert_eq!(query("down"), Err("no".to_owned()));
            assert!(query("up{}").is_err());
        });
        assert_eq!(answers.unanswered(), ["up{}"]);
        assert!(query("up").is_err());
        assert_eq!(Answers::always(Ok(vec![])).answer("anything"), Ok(vec![]));
    }
}
