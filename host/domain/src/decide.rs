//! The decisions. [`decide`] turns an input into the events that follow from it, given the book and the rules; it
//! changes nothing and performs nothing.

use crate::book::{Book, Incident};
use crate::event::{Event, Fact};
use crate::input::Input;
use crate::rules::Rules;
use crate::time::Timestamp;

mod alerts;
mod attempts;
mod autonomy;
mod brakes;
mod decision;
mod execution;
mod guards;
mod incident;
mod opinions;
mod passing;
mod proposal;
mod shown;
mod silences;
mod switch;
mod tick;
mod untouched;
mod verification;
mod voters;

pub(crate) use alerts::given_up_at;
pub use alerts::{HANDLING, REQUEST_UNDELIVERED};
pub use attempts::{attempts, outcome_of};
pub use decision::{DecisionError, LONGEST_REASON, check_decision, deciders, may_decide, missing};
pub(crate) use execution::may_run_again;
pub use guards::maintenance;
pub use switch::{SwitchError, check_pause, check_resume};
pub(crate) use tick::vanishes_at;
pub use untouched::{Untouched, untouched};

/// What follows from `input`, in order. Nothing where the input is late, doubled or about something already over.
#[must_use]
pub fn decide(book: &Book, rules: &Rules, input: &Input, now: Timestamp) -> Vec<Event> {
    let context = Context { book, rules, now };
    let facts = match input {
        Input::Started { version } => vec![Fact::HostStarted { version: version.clone() }],
        Input::Tick => tick::tick(&context),
        Input::Watched { watch, change } => incident::watched(&context, watch, change),
        Input::AlertsDelivered { group_key, alerts, by, left_out } => {
            let mut facts = alerts::delivered(&context, group_key, alerts, by.as_deref());
            let missing = left_out.as_ref();
            let missing =
                missing.and_then(|left_out| alerts::incomplete(&context, group_key, alerts, &facts, left_out));
            facts.extend(missing);
            facts
        }
        Input::LeftOutFetched { incident, alerts } => alerts::completed(&context, incident, alerts),
        Input::Traced { incident, series, points } => incident::traced(&context, incident, series, points),
        Input::Looked { asked_at, looks } => {
            looks.iter().flat_map(|(id, look)| silences::looked(&context, *asked_at, id, look)).collect()
        }
        Input::OpinionsFormed { incident, opinions } => opinions::formed(&context, incident, opinions),
        Input::PolicyAnswered { incident, policy_digest, asked, answer, last_sample, silence } => {
            let asked = proposal::asked(&context, incident, policy_digest, asked);
            let seen = proposal::Seen { last_sample: *last_sample, silence };
            let answered = proposal::answered(&context, incident, policy_digest, answer, &seen);
            asked.into_iter().chain(answered).collect()
        }
        Input::Announced { request, via, message, stage } => match book.request(request) {
            Some(open) if !open.announced.contains_key(via) => {
                let (request, via, message) = (request.clone(), via.clone(), message.clone());
                vec![Fact::RequestAnnounced { request, via, message, stage: stage.clone() }]
            }
            _ => Vec::new(),
        },
        Input::Told { request, via, stage } => {
            let told = book.request(request).and_then(|open| open.announced.get(via));
            let news = told.is_some_and(|told| told.stage.as_ref() != Some(stage));
            let told = || Fact::RequestTold { request: request.clone(), via: via.clone(), stage: stage.clone() };
            news.then(told).into_iter().collect()
        }
        Input::Reminded { request } => {
            let due = book.request(request).is_some_and(|open| open.wants_reminder(now));
            due.then(|| Fact::RequestReminded { request: request.clone() }).into_iter().collect()
        }
        Input::RosterRead { group, members } => {
            let read = rules.people.groups.get(group).is_some_and(|known| known.has_roster);
            let news = read && book.roster(group) != Some(members);
            news.then(|| Fact::RosterChanged { group: group.clone(), members: members.clone() }).into_iter().collect()
        }
        Input::Decided { request, by, verdict } => decision::decided(&context, request, by, verdict),
        Input::StartRequested { request, silence, last_sample, policy_digest, populations } => {
            let outside = execution::Outside { silence, last_sample: *last_sample, policy_digest, populations };
            execution::start(&context, request, &outside)
        }
        Input::Ran { request, result } => execution::ran(&context, request, result),
        Input::RequirementsChecked { request, unmet } => verification::required(&context, request, unmet),
        Input::TargetsSurveyed { down, total } => brakes::targets(&context, *down, *total),
        Input::Silenced { incident, silence, matchers, until, by, comment } => {
            let made = silences::Made { silence, matchers, until: *until, by, comment };
            silences::made(&context, incident.as_ref(), &made)
        }
        Input::SilenceExpired { silence, by } => silences::ended(&context, silence, by),
        Input::Pause { by } => switch::pause(&context, by),
        Input::Resume { by } => switch::resume(&context, by),
    };
    facts.into_iter().map(|fact| Event { at: now, fact }).collect()
}

/// What every decision sees.
struct Context<'a> {
    book: &'a Book,
    rules: &'a Rules,
    now: Timestamp,
}

impl Context<'_> {
    /// The actions that the watch or route of an incident offers.
    fn offered(&self, incident: &Incident) -> &[String] {
        use crate::event::Origin;
        match &incident.origin {
            Origin::Anomaly { watch, .. } | Origin::Absence { watch, .. } => {
                self.rules.watches.get(watch).map_or(&[], |watch| &watch.actions)
            }
            Origin::Alert { route, .. } => {
                self.rules.routes.iter().find(|r| r.name == *route).map_or(&[], |route| &route.actions)
            }
        }
    }
}
