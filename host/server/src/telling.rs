//! Telling people about requests: what the book says they have not been told yet.
//!
//! Computed from the book, so a restart goes on where it was. It may tell twice, where the host dies between sending a
//! message and recording it.

mod steps;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tidegate_domain::book::Book;
use tidegate_domain::decide::missing;
use tidegate_domain::event::{Message, RequestId};
use tidegate_domain::input::Input;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::clock;
use crate::host::Host;
use crate::setup::Setup;
use crate::slack::{Card, SlackError, Workspace};
use steps::{Step, Task, Tone, steps};

/// How often the book is looked at where it does not change.
const EVERY: Duration = Duration::from_secs(1);
/// The pause before a message that was not taken is sent again; doubled each time.
const AGAIN: Duration = Duration::from_secs(5);
const LONGEST_AGAIN: Duration = Duration::from_secs(60);
/// So many messages on their way at once. Slack takes one a second in each channel.
const AT_ONCE: usize = 4;

/// What was not taken, how often, and until when it is left alone.
type Resting = BTreeMap<Task, (u32, Instant)>;

/// Runs until the host stops.
pub(crate) async fn run(host: Arc<Host>) {
    let (mut revisions, mut setups) = (host.keeper.revisions(), host.setups());
    let (mut resting, mut quiet_until) = (Resting::new(), Instant::now());
    let mut tasks: JoinSet<Option<SlackError>> = JoinSet::new();
    let mut busy: HashMap<tokio::task::Id, Task> = HashMap::new();
    loop {
        let setup = host.setup();
        let due = steps(&host.keeper.book(), &setup.config, setup.slack.as_deref(), clock::now());
        // What is over is not owed any more; were it kept, this would grow for ever.
        resting.retain(|task, _| due.iter().any(|step| step.task == *task));
        for step in due {
            let rests = resting.get(&step.task).is_some_and(|(_, until)| *until > Instant::now());
            let is_quiet = quiet_until > Instant::now();
            let is_busy = busy.values().any(|task| *task == step.task);
            if busy.len() < AT_ONCE && !is_quiet && !rests && !is_busy {
                let (host, setup, task) = (host.clone(), setup.clone(), step.task.clone());
                let work = tasks.spawn(async move { perform(&host, &setup, &step).await.err() });
                busy.insert(work.id(), task);
            }
        }
        tokio::select! {
            () = host.stopped() => return,
            // Both fail only where the host is gone.
            _ = revisions.changed() => {}
            _ = setups.changed() => {
                // Perhaps what could not be done now can.
                resting.clear();
                quiet_until = Instant::now();
            }
            Some(ended) = tasks.join_next_with_id() => {
                let (id, failed) = match ended {
                    Ok((id, failed)) => (id, failed),
                    Err(broke) => {
                        tracing::error!(error = %broke, "telling people broke; it is tried again");
                        (broke.id(), None)
                    }
                };
                let Some(task) = busy.remove(&id) else { continue };
                if let Some(pause) = failed.as_ref().and_then(SlackError::pause) {
                    quiet_until = Instant::now() + pause;
                }
                match failed {
                    Some(_) => rest(&mut resting, task),
                    None => drop(resting.remove(&task)),
                }
            }
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// What was not taken is left alone, for ever longer.
fn rest(resting: &mut Resting, task: Task) {
    let failures = resting.get(&task).map_or(0, |(failures, _)| *failures);
    let pause = AGAIN.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_AGAIN);
    resting.insert(task, (failures + 1, Instant::now() + pause));
}

/// Does one thing and records that it is done. An error means that it is still owed.
async fn perform(host: &Arc<Host>, setup: &Setup, step: &Step) -> Result<(), SlackError> {
    let request = step.task.request.clone();
    let Some(slack) = setup.slack.as_deref() else {
        // The log has it already, with the event.
        let via = step.task.via.clone();
        match step.task.tone {
            Tone::Announce => host.keeper.insist(Input::Announced { request, via, message: None, stage: None }).await,
            _ => host.keeper.insist(Input::Reminded { request }).await,
        };
        return Ok(());
    };
    match step.task.tone {
        Tone::Announce => announce(host, setup, slack, step).await,
        Tone::Update => update(host, setup, slack, step).await,
        Tone::Remind => remind(host, slack, step).await,
    }
}

/// A card of the request as it is now, and its stage.
fn card<T>(
    host: &Host,
    setup: &Setup,
    id: &RequestId,
    make: impl FnOnce(&Card<'_>, &Book) -> T,
) -> Option<(T, String)> {
    let book = host.keeper.book();
    let request = book.request(id)?;
    let card = Card {
        request,
        incident: book.incident(&request.incident)?,
        missing: missing(&book, &host.keeper.rules(), id),
        silenceable: setup.alertmanager.is_some(),
        answerable: setup.slack.as_ref().is_some_and(|slack| slack.is_answerable()),
        page: setup.config.server.external_url.as_ref().map(ToString::to_string),
    };
    Some((make(&card, &book), request.stage()))
}

async fn announce(host: &Arc<Host>, setup: &Setup, slack: &Workspace, step: &Step) -> Result<(), SlackError> {
    let Some((message, stage)) = card(host, setup, &step.task.request, |card, _| card.message()) else { return Ok(()) };
    let sent = slack.post(step.channel.as_deref(), &message, None).await;
    count(host, &sent, step);
    let input = Input::Announced {
        request: step.task.request.clone(),
        via: step.task.via.clone(),
        message: sent?,
        stage: Some(stage),
    };
    host.keeper.insist(input).await;
    Ok(())
}

/// Brings a message up to date, or says what is new where it cannot be changed.
async fn update(host: &Arc<Host>, setup: &Setup, slack: &Workspace, step: &Step) -> Result<(), SlackError> {
    let id = &step.task.request;
    let Some(((message, news), stage)) = card(host, setup, id, |card, _| (card.message(), card.news())) else {
        return Ok(());
    };
    match (&step.message, slack.bot()) {
        (Some(posted), Some(token)) => {
            let updated = slack.api.update(token, posted, &message).await;
            count(host, &updated, step);
            match updated {
                // The message is gone, or nobody may change it any more: no later try will do better.
                Err(error) if error.is_final() => {}
                updated => updated?,
            }
            if let Some(text) = &step.thread {
                let posted = slack.post(Some(&posted.channel), &text.message(true), Some(&posted.ts)).await;
                count(host, &posted, step);
                posted?;
            }
        }
        _ => {
            if let Some(news) = news {
                let posted = slack.post(step.channel.as_deref(), &news, None).await;
                count(host, &posted, step);
                posted?;
            }
        }
    }
    host.keeper.insist(Input::Told { request: id.clone(), via: step.task.via.clone(), stage }).await;
    Ok(())
}

/// One reminder is enough: it counts once anybody got it.
async fn remind(host: &Arc<Host>, slack: &Workspace, step: &Step) -> Result<(), SlackError> {
    let Some(text) = &step.thread else { return Ok(()) };
    let below: Vec<Option<&Message>> =
        if step.messages.is_empty() { vec![None] } else { step.messages.iter().map(Some).collect() };
    let (mut reached, mut failed) = (false, None);
    for message in below {
        let (channel, thread) = (message.map(|m| m.channel.as_str()), message.map(|m| m.ts.as_str()));
        let posted = slack.post(channel, &text.message(thread.is_some()), thread).await;
        count(host, &posted, step);
        match posted {
            Ok(_) => reached = true,
            Err(error) => failed = Some(error),
        }
    }
    match failed {
        Some(error) if !reached => Err(error),
        _ => {
            host.keeper.insist(Input::Reminded { request: step.task.request.clone() }).await;
            Ok(())
        }
    }
}

fn count<T>(host: &Host, sent: &Result<T, SlackError>, step: &Step) {
    host.metrics.count_notification("slack", sent.is_ok());
    let Err(error) = sent else { return };
    let (request, via) = (&step.task.request, &step.task.via);
    let again = if error.is_final() && step.task.tone == Tone::Update { "left as it is" } else { "trying again" };
    match error.remedy(&step.place) {
        Some(remedy) => tracing::error!(%request, via, %error, "Slack did not take the message; {again}; {remedy}"),
        None => tracing::error!(%request, via, %error, "Slack did not take the message; {again}"),
    }
}

/// A line below a message.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    text: String,
    /// Shown in the channel as well: nobody is mentioned in it who would be told.
    broadcast: bool,
}

impl Line {
    fn message(&self, in_thread: bool) -> Value {
        let mut message = serde_json::json!({ "text": self.text });
        if in_thread && self.broadcast {
            message["reply_broadcast"] = true.into();
        }
        message
    }
}
