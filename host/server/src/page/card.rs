//! A request with all that somebody needs who decides about it, and the forms to do so.

use maud::{Markup, html};
use tidegate_domain::book::{Approval, Book, Incident, Request};
use tidegate_domain::decide::{DecisionError, LONGEST_REASON, check_decision, may_decide, missing};
use tidegate_domain::event::Origin;
use tidegate_domain::input::Verdict;
use tidegate_domain::rules::Rules;
use tidegate_domain::terms::more;

use super::frame::Frame;
use super::said::{self, said};
use super::{opinion, silence, standing, when};
use crate::story;

/// What a card is made from.
pub(super) struct Card<'a> {
    pub(super) frame: &'a Frame,
    pub(super) book: &'a Book,
    pub(super) rules: &'a Rules,
    pub(super) request: &'a Request,
    pub(super) incident: &'a Incident,
    /// True where the form to silence the incident is to stand beside the others.
    pub(super) silences: bool,
    /// The chart of the series that shows the trouble best, where there is one.
    pub(super) chart: Option<Markup>,
}

impl Card<'_> {
    /// The whole card of a request that waits.
    pub(super) fn waiting(&self) -> Markup {
        let (request, now) = (self.request, self.frame.now);
        let heading = format!("{}-heading", request.id);
        html! {
            article.card.waits id={ "card-" (request.id) } aria-labelledby=(heading) {
                header {
                    h3 id=(heading) { a href={ "/requests/" (request.id) } { (self.question()) } }
                    p.until {
                        (when::left(request.proposal.deadline, now)) " "
                        span.quiet { "until " (when::moment(request.proposal.deadline, now)) ", then no" }
                    }
                }
                (self.marks())
                (self.body())
            }
        }
    }

    /// What is asked, in one line.
    pub(super) fn question(&self) -> Markup {
        let action = &self.request.proposal.action;
        html! { "Run " b.action { (said(&action.name)) } " on " (said::labels(&action.target)) "?" }
    }

    /// What is to be known at a glance.
    pub(super) fn marks(&self) -> Markup {
        let (request, incident) = (self.request, self.incident);
        let terms = &request.proposal.terms;
        html! {
            ul.marks {
                li { "Risk " (standing::severity(request.proposal.action.risk)) }
                li { "Severity " (standing::severity(incident.severity)) }
                li { a href={ "/incidents/" (incident.id) } { "Incident " (incident.id) } " since " (when::ago(incident.since, self.frame.now)) }
                @if request.proposal.action.dry_run { li { (standing::chip(standing::Tone::Still, "dry run")) " nothing will be carried out" } }
                @if terms.quorum.iter().any(|quorum| quorum.count > 1 || quorum.of.is_some()) || !request.yeses.is_empty() {
                    li { "Yes so far: " (self.yeses()) "; still needed: " (self.needed()) }
                }
                @if let Some(second) = incident.second_opinion() { li { "Second opinion " (opinion::word(second)) } }
                @if let Some((_, to)) = &request.escalated { li { "Escalated to " (said(&to.join(", "))) } }
                @if !incident.caused_by.is_empty() {
                    li { "Caused or requested by " (said(&incident.caused_by.iter().cloned().collect::<Vec<_>>().join(", "))) }
                }
                li { "Request " code { (request.id) } }
                li { "Digest " (said::digest(&request.proposal.digest)) }
            }
        }
    }

    fn yeses(&self) -> Markup {
        let names: Vec<&str> = self.request.yeses.iter().map(|yes| yes.by.approver.as_str()).collect();
        html! { @if names.is_empty() { "nobody" } @else { (said(&names.join(", "))) } }
    }

    fn needed(&self) -> Markup {
        let missing = missing(self.book, self.rules, &self.request.id);
        html! { (said(&missing.iter().map(story::needed).collect::<Vec<_>>().join(", "))) }
    }

    /// All that is known for and against it, and the forms. The lines are those that an approval is bound to.
    pub(super) fn body(&self) -> Markup {
        let (proposal, id) = (&self.request.proposal, &self.request.id);
        let shown = Shown::of(&proposal.shown);
        html! {
            div.body {
                section.run {
                    h4 { @if proposal.action.dry_run { "What would run" } @else { "What will run" } }
                    (lines(shown.run))
                    details id={ "bound-" (id) } {
                        summary { "What an approval is bound to" }
                        p.quiet {
                            "All that is shown here. It counts for as long as action and policy stay as they are, and where it "
                            "is not started within " (when::exact(proposal.start_within)) " somebody is asked again."
                        }
                        dl.facts {
                            dt { "digest" } dd { code { (said::plain(&proposal.digest)) } }
                            dt { "policy" } dd { code { (said::plain(&proposal.policy_digest)) } }
                        }
                    }
                }
                section.why {
                    h4 { "Why" }
                    p.summary { (said(&proposal.summary)) }
                    @if !proposal.rationale.trim().is_empty() { p { (said(&proposal.rationale)) } }
                    @if let Some(chart) = &self.chart { (chart) }
                    (lines(shown.why))
                    @if !shown.times.is_empty() { h4 { "The last times" } (lines(shown.times)) }
                }
                div.side {
                    (self.forms())
                    @if self.silences && self.request.approval == Approval::Pending {
                        div.decide { (silence::form(self.frame, self.incident, &id.0)) }
                    }
                }
            }
        }
    }

    /// The forms for whoever may decide, or why they may not.
    pub(super) fn forms(&self) -> Markup {
        let (id, name) = (&self.request.id, &self.frame.viewer.name);
        if self.request.approval != Approval::Pending {
            return html! {};
        }
        match may_decide(self.book, self.rules, id, name) {
            Err(why) => html! { p.barred { (said(&why.to_string())) } },
            Ok(()) => html! {
                div.decide {
                    @match self.barred_from_yes() {
                        None => (self.approve()),
                        // Theirs is among the yeses that are shown; a refusal of what nobody tried would only puzzle.
                        Some(DecisionError::AlreadyYes { missing, .. }) => p.barred { "You have said yes; it needs " (more(&missing)) "." },
                        Some(why) => p.barred { (said(&why.to_string())) },
                    }
                    (self.deny())
                }
            },
        }
    }

    /// Why a yes of theirs would not count, whatever reason they give.
    fn barred_from_yes(&self) -> Option<DecisionError> {
        let (digest, reason) = (Some(self.request.proposal.digest.clone()), Some("because".to_owned()));
        let (by, yes) = (self.frame.viewer.decides(), Verdict::Approve { digest, reason });
        check_decision(self.book, self.rules, &self.request.id, &by, &yes, self.frame.now).err()
    }

    fn approve(&self) -> Markup {
        let request = self.request;
        let (action, needs_reason) = (&request.proposal.action, request.proposal.terms.require_reason);
        let field = format!("why-yes-{}", request.id);
        html! {
            // Two steps, and the second says again what it does: a thumb that scrolls decides nothing.
            details.choice.yes name={ "decide-" (request.id) } id={ "yes-" (request.id) } {
                summary { "Approve…" }
                form method="post" action={ "/requests/" (request.id) "/approve" } {
                    (self.frame.hidden())
                    input type="hidden" name="digest" value=(request.proposal.digest);
                    label for=(field) { @if needs_reason { "Why may it run?" } @else { "Why may it run? " span.quiet { "may stay empty" } } }
                    textarea id=(field) name="reason" rows="2" maxlength=(LONGEST_REASON) required[needs_reason] {}
                    button.approve type="submit" {
                        @if self.others_needed() { "Say yes to " } @else if action.dry_run { "Approve the dry run of " } @else { "Run " }
                        (said(&action.name)) " on " (said::labels_text(&action.target))
                    }
                }
            }
        }
    }

    /// True where this person's yes will not be enough.
    fn others_needed(&self) -> bool {
        let missing = missing(self.book, self.rules, &self.request.id);
        missing.iter().map(|quorum| quorum.count).sum::<u32>() > 1
    }

    fn deny(&self) -> Markup {
        let request = self.request;
        let field = format!("why-no-{}", request.id);
        html! {
            details.choice.no name={ "decide-" (request.id) } id={ "no-" (request.id) } {
                summary { "Deny…" }
                form method="post" action={ "/requests/" (request.id) "/deny" } {
                    (self.frame.hidden())
                    label for=(field) { "Why not? " span.quiet { "the policy is told, and whoever is asked the next time" } }
                    textarea id=(field) name="reason" rows="2" maxlength=(LONGEST_REASON) required {}
                    button.deny type="submit" { "Deny" }
                }
            }
        }
    }
}

/// The lines of a request by what they are about. They come in this order.
struct Shown<'a> {
    run: &'a [String],
    why: &'a [String],
    times: &'a [String],
}

impl Shown<'_> {
    fn of(lines: &[String]) -> Shown<'_> {
        let starts = |names: &[&str]| lines.iter().position(|line| names.iter().any(|name| line.starts_with(name)));
        // Where there are none of these words they are the lines of an older version, which said why.
        let why = starts(&["why: "]).unwrap_or(0);
        let times = starts(&["before: ", "untouched: "]).unwrap_or(lines.len()).max(why);
        Shown { run: &lines[..why], why: &lines[why..times], times: &lines[times..] }
    }
}

/// Lines such as `risk: low`, their first words in a column of their own.
fn lines(lines: &[String]) -> Markup {
    let word = |line: &str| {
        let (word, rest) = line.split_once(": ")?;
        let is_word = word.len() <= 16 && word.chars().all(|c| c.is_ascii_lowercase() || c == ' ');
        is_word.then(|| (word.to_owned(), rest.to_owned()))
    };
    html! {
        dl.facts {
            @for line in lines {
                @match word(line) {
                    Some((word, rest)) => { dt { (word) } dd.runs[word == "runs"] { (said::bound(&rest)) } },
                    None => { dt {} dd { (said::bound(line)) } },
                }
            }
        }
    }
}

/// A request that waits, in a line that leads to its card: on the same page, or on one of its own.
pub(super) fn jump(frame: &Frame, request: &Request, is_here: bool) -> Markup {
    let action = &request.proposal.action;
    let card = if is_here { format!("#card-{}", request.id) } else { format!("/requests/{}", request.id) };
    html! {
        li.row id={ "jump-" (request.id) } {
            span { a href=(card) { b.action { (said(&action.name)) } } " on " (said::labels(&action.target)) }
            " " (when::left(request.proposal.deadline, frame.now))
        }
    }
}

/// A request in a line or two, for lists.
pub(super) fn row(frame: &Frame, request: &Request) -> Markup {
    let action = &request.proposal.action;
    html! {
        li.row id={ "row-" (request.id) } {
            a href={ "/requests/" (request.id) } { b.action { (said(&action.name)) } } " on " (said::labels(&action.target)) " "
            (standing::of_request(request)) " "
            span.quiet { code { (request.id) } ", asked " (when::ago(request.opened_at, frame.now)) }
        }
    }
}

/// What an incident is about, where it has a request and where it has none.
pub(super) fn about(incident: &Incident) -> Markup {
    match &incident.origin {
        Origin::Anomaly { group, .. } | Origin::Absence { group, .. } => said::labels(group),
        Origin::Alert { .. } => said::labels(&incident.labels),
    }
}
