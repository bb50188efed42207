//! Silencing an incident from Slack: by the button of one of its requests, or by a command.

use tidegate_domain::book::{Book, Incident};
use tidegate_domain::event::{DecidedBy, IncidentId, RequestId};

use super::super::modal::{self, About};
use super::super::text::{bound, code, date, line};
use super::{Deed, sentence};
use crate::silencing::{self, HeldBy};

/// The incident that somebody names, by its own id or by that of one of its requests.
fn named(book: &Book, id: &str) -> IncidentId {
    let request = book.request(&RequestId(id.to_owned()));
    request.map_or_else(|| IncidentId(id.to_owned()), |request| request.incident.clone())
}

/// The open incidents that Alertmanager holds back, each in a line.
pub(super) fn held_back(book: &Book) -> Vec<String> {
    let line_of = |incident: &Incident| {
        let by = match silencing::held_by(incident)? {
            HeldBy::Person(made) => format!("silenced until {} by {}", date(made.until), line(&made.by.approver)),
            HeldBy::Other(by) => format!("held back by Alertmanager ({})", line(by)),
        };
        Some(format!("• incident {} {}: {by}", code(&incident.id.0), code(&incident.labels.to_string())))
    };
    book.open_incidents().filter_map(line_of).collect()
}

impl Deed {
    /// Opens the dialog that asks for how long; where that does not work, says how to do without.
    pub(super) async fn ask_length(
        &self,
        by: &DecidedBy,
        request: &RequestId,
        value: &str,
        trigger: &str,
        response_url: &str,
    ) -> Option<String> {
        let incident = named(&self.host.keeper.book(), &request.0);
        if let Err(error) = silencing::check(&self.host, &incident, by) {
            return Some(sentence(&error.to_string()));
        }
        let by_command = format!("Say for how long and why: `/tidegate silence {} 2h comment`", line(&incident.0));
        let Some(token) = self.slack.bot() else { return Some(by_command) };
        let view = {
            let about = About { value: value.to_owned(), response_url: response_url.to_owned() };
            let book = self.host.keeper.book();
            book.incident(&incident).map(|incident| modal::silence_view(incident, &about))?
        };
        let opened = self.slack.api.open_view(token, trigger, &view).await;
        self.host.metrics.slack.count_call("views.open", opened.is_ok());
        let error = opened.err()?;
        tracing::error!(%incident, %error, "the dialog for a silence could not be opened");
        Some(format!("The dialog could not be opened. {by_command}"))
    }

    /// Both are for the person: what was silenced, or why it was not.
    pub(super) async fn silence(
        &self,
        by: &DecidedBy,
        of: &str,
        length: &str,
        comment: &str,
    ) -> Result<String, String> {
        let refused = |error: silencing::SilencingError| sentence(&error.to_string());
        let incident = named(&self.host.keeper.book(), of);
        let length = silencing::length(length).map_err(refused)?;
        let made = silencing::silence(&self.host, &incident, by, length, comment).await.map_err(refused)?;
        let id = line(&incident.0);
        let matchers = bound(&format!("{{{}}}", made.matchers.join(", ")));
        let done = format!("Incident `{id}` is silenced until {}: {matchers}.", date(made.until));
        Ok(done + &missed(&made.missed) + &format!(" `/tidegate unsilence {id}` ends it."))
    }

    pub(super) async fn unsilence(&self, by: &DecidedBy, of: &str) -> String {
        let incident = named(&self.host.keeper.book(), of);
        match silencing::unsilence(&self.host, &incident, by).await {
            Ok(ended) => format!("The silence of {} was ended.", code(&incident.0)) + &missed(&ended.missed),
            Err(error) => sentence(&error.to_string()),
        }
    }
}

/// Where it could not be done.
fn missed(missed: &[String]) -> String {
    missed.iter().map(|why| format!(" *Not everywhere:* {}.", line(why))).collect()
}
