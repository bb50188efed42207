//! What people have not been told yet: computed from the book and the config, without any of it being done.

use std::collections::BTreeSet;
use std::time::Duration;

use tidegate_domain::book::{Announcement, Approval, Book, Request};
use tidegate_domain::event::{Message, RequestId};
use tidegate_domain::time::Timestamp;

use super::Line;
use crate::config::Config;
use crate::slack::{Workspace, code, date, line};

/// The name of the channel that is told of everything.
const MAIN: &str = "slack";
/// The name of the channel of a host that has no other.
const LOG: &str = "log";
/// What passed by itself longer ago is not announced any more: it is history.
const LATELY: Duration = Duration::from_secs(15 * 60);
/// Messages of requests of which nothing was heard for longer are left as they are.
const STALE: Duration = Duration::from_secs(24 * 3600);

/// Something to do, by its name: it is done once at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Task {
    pub(super) request: RequestId,
    /// As the journal keeps it: `log`, `slack`, or `slack:C0PAY` for the channel of a group.
    pub(super) via: String,
    pub(super) tone: Tone,
}

/// What kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tone {
    /// Tell people for the first time.
    Announce,
    /// Bring up to date what they were told.
    Update,
    /// Remind them.
    Remind,
}

/// Something to do, with what it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) task: Task,
    /// The channel; None where only Slack knows it.
    pub(super) channel: Option<String>,
    /// Which key of the config names that channel.
    pub(super) place: String,
    /// The message to change.
    pub(super) message: Option<Message>,
    /// The messages below which to remind.
    pub(super) messages: Vec<Message>,
    /// What to say below.
    pub(super) thread: Option<Line>,
}

/// A channel and where the config has it from.
struct Channel {
    via: String,
    id: Option<String>,
    place: String,
}

/// Everything to do now.
pub(super) fn steps(book: &Book, config: &Config, slack: Option<&Workspace>, now: Timestamp) -> Vec<Step> {
    let mut steps = Vec::new();
    for request in book.active_requests().filter(|request| request.approval == Approval::Pending) {
        steps.extend(announcements(config, slack, request));
        if request.wants_reminder(now) && !request.announced.is_empty() {
            steps.push(reminder(config, slack, request));
        }
    }
    // What runs by itself is told as well, where everything is.
    let passed =
        book.active_requests().filter(|request| matches!(request.approval, Approval::Approved { by: None, .. }));
    if slack.is_some() {
        for request in passed.filter(|request| now.since(request.opened_at) < LATELY) {
            steps.extend(announcements(config, slack, request).into_iter().filter(|step| step.task.via == MAIN));
        }
        for request in book.untold_requests().filter(|request| now.since(last_change(request)) < STALE) {
            let behind = |told: &Announcement| told.stage.as_ref().is_some_and(|told| *told != request.stage());
            for (via, told) in request.announced.iter().filter(|(_, told)| behind(told)) {
                steps.push(update(config, slack, request, via, told));
            }
        }
    }
    steps
}

/// When anything about it last changed, as far as it is known.
fn last_change(request: &Request) -> Timestamp {
    let ended = request.verification.as_ref().map(|v| v.outcome.as_ref().map_or(v.until, |(at, ..)| *at));
    ended.unwrap_or(request.proposal.deadline).max(request.opened_at)
}

fn announcements(config: &Config, slack: Option<&Workspace>, request: &Request) -> Vec<Step> {
    let channels = channels(config, slack, request).into_iter();
    let untold = channels.filter(|channel| !request.announced.contains_key(&channel.via));
    untold.map(|channel| step(request, channel, Tone::Announce)).collect()
}

fn step(request: &Request, channel: Channel, tone: Tone) -> Step {
    Step {
        task: Task { request: request.id.clone(), via: channel.via, tone },
        channel: channel.id,
        place: channel.place,
        message: None,
        messages: Vec::new(),
        thread: None,
    }
}

/// Where a request belongs: the channel of everything, and those of the groups that are asked. Each once.
fn channels(config: &Config, slack: Option<&Workspace>, request: &Request) -> Vec<Channel> {
    let main = main_channel(slack);
    let mut seen: BTreeSet<String> = main.id.iter().cloned().collect();
    let mut channels = vec![main];
    if slack.is_some_and(|slack| slack.bot().is_some()) {
        for group in groups(request) {
            let Some(id) = config.groups.get(group).and_then(|group| group.slack_channel.clone()) else { continue };
            if seen.insert(id.clone()) {
                let place = format!("slack_channel of the group {group:?}");
                channels.push(Channel { via: format!("{MAIN}:{id}"), id: Some(id), place });
            }
        }
    }
    channels
}

fn main_channel(slack: Option<&Workspace>) -> Channel {
    Channel {
        via: if slack.is_some() { MAIN } else { LOG }.to_owned(),
        id: slack.and_then(Workspace::channel).map(str::to_owned),
        place: "channel in [slack]".to_owned(),
    }
}

/// The groups that decide about a request, those that it was escalated to last.
fn groups(request: &Request) -> Vec<&str> {
    let terms = &request.proposal.terms;
    let named = terms.approvers.iter().flatten().map(String::as_str);
    let needed = terms.quorum.iter().filter_map(|quorum| quorum.of.as_deref());
    let escalated = request.escalated.iter().flat_map(|(_, to)| to.iter().map(String::as_str));
    let mut seen = BTreeSet::new();
    named.chain(needed).chain(escalated).filter(|group| seen.insert(*group)).collect()
}

fn update(config: &Config, slack: Option<&Workspace>, request: &Request, via: &str, told: &Announcement) -> Step {
    let main = main_channel(slack);
    let place = channels(config, slack, request).into_iter().find(|channel| channel.via == via).map(|c| c.place);
    let channel = Channel { via: via.to_owned(), id: main.id, place: place.unwrap_or(main.place) };
    let mut step = step(request, channel, Tone::Update);
    step.message.clone_from(&told.message);
    // Below the message, so that whoever follows it hears of it: a changed message makes no sound.
    let was_escalated = told.stage.as_deref().is_some_and(|stage| stage.starts_with("escalated"));
    if let (Approval::Pending, Some((_, to)), false) = (&request.approval, &request.escalated, was_escalated) {
        step.thread = Some(escalation(config, request, to));
    }
    step
}

fn escalation(config: &Config, request: &Request, to: &[String]) -> Line {
    let mentions = mentions(config, to.iter().map(String::as_str));
    let elsewhere: Vec<String> = to
        .iter()
        .filter_map(|group| config.groups.get(group)?.slack_channel.as_ref())
        .map(|channel| format!("<#{channel}>"))
        .collect();
    let asked = if elsewhere.is_empty() { String::new() } else { format!(", asked in {}", elsewhere.join(", ")) };
    let who = if mentions.is_empty() { line(&to.join(", ")) } else { mentions.join(" ") };
    let text = format!(
        "Nobody has decided about {} yet: {who} may decide as well{asked}. It ends {}.",
        code(&request.id.0),
        date(request.proposal.deadline)
    );
    Line { text, broadcast: mentions.is_empty() }
}

fn reminder(config: &Config, slack: Option<&Workspace>, request: &Request) -> Step {
    let mut step = step(request, main_channel(slack), Tone::Remind);
    let mut mentions = mentions(config, groups(request).into_iter());
    mentions.extend(persons(config, request));
    let whom = if mentions.is_empty() { String::new() } else { format!("{}: ", mentions.join(" ")) };
    let text = format!(
        "{whom}{} still waits. It ends {}, and no answer means no.",
        code(&request.id.0),
        date(request.proposal.deadline)
    );
    step.thread = Some(Line { text, broadcast: mentions.is_empty() });
    step.messages = request.announced.values().filter_map(|told| told.message.clone()).collect();
    step
}

/// What Slack makes a call to the members of these groups.
fn mentions<'a>(config: &Config, groups: impl Iterator<Item = &'a str>) -> Vec<String> {
    groups
        .filter_map(|group| config.groups.get(group)?.slack_usergroup.as_ref())
        .map(|usergroup| format!("<!subteam^{usergroup}>"))
        .collect()
}

/// The people whom the terms name one by one.
fn persons(config: &Config, request: &Request) -> Vec<String> {
    let said_yes: BTreeSet<&str> = request.yeses.iter().map(|yes| yes.by.approver.as_str()).collect();
    let named = request.proposal.terms.approvers.iter().flatten();
    named
        .filter(|name| !said_yes.contains(name.as_str()))
        .filter_map(|name| config.approvers.iter().find(|known| known.name == **name)?.slack_user.as_ref())
        .map(|user| format!("<@{user}>"))
        .collect()
}
