//! A request with all that somebody needs who decides about it, and the forms to do so.

use maud::{Markup, html};
use tidegate_domain::book::{Approval, Book, Incident, Request};
use tidegate_domain::decide::{DecisionError, LONGEST_REASON, check_decision, may_decide, missing};
use tidegate_domain::event::{Origin, ResolvedAction};
use tidegate_domain::input::Verdict;
use tidegate_domain::rules::{ActionKind, Rules};

use super::frame::Frame;
use super::said::{self, said, verbatim};
use super::{standing, when};
use crate::story;

/// What a card is made from.
pub(super) struct Card<'a> {
    pub(super) frame: &'a Frame,
    pub(super) book: &'a Book,
    pub(super) rules: &'a Rules,
    pub(super) request: &'a Request,
    pub(super) incident: &'a Incident,
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
                div.body {
                    (self.why())
                    div.side { (self.will_run()) (self.forms()) }
                }
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
                @if let Some((_, to)) = &request.escalated { li { "Escalated to " (said(&to.join(", "))) } }
                @if !incident.caused_by.is_empty() {
                    li { "Caused or requested by " (said(&incident.caused_by.iter().cloned().collect::<Vec<_>>().join(", "))) }
                }
                li.id { "Request " code { (request.id) } }
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

    /// What was seen, what the policy says, and what happened the last times: the lines that an approval is bound to.
    pub(super) fn why(&self) -> Markup {
        let proposal = &self.request.proposal;
        let is_history = |line: &&String| line.starts_with("before: ") || line.starts_with("untouched");
        let (history, evidence): (Vec<_>, Vec<_>) = proposal.shown.iter().partition(is_history);
        html! {
            section.why {
                h4 { "Why" }
                p.summary { (said(&proposal.summary)) }
                @if !proposal.rationale.trim().is_empty() { p { (said(&proposal.rationale)) } }
                @if let Some(chart) = &self.chart { (chart) }
                ul.shown { @for line in &evidence { li { (said(line)) } } }
                h4 { "The last times" }
                @if history.is_empty() {
                    p.quiet { "Nothing was tried here before." }
                } @else {
                    ul.shown { @for line in &history { li { (said(line)) } } }
                }
            }
        }
    }

    /// Exactly what is started, with everything filled in.
    pub(super) fn will_run(&self) -> Markup {
        let (proposal, action) = (&self.request.proposal, &self.request.proposal.action);
        let verify = &action.verify;
        html! {
            section.run {
                h4 { @if action.dry_run { "What would run" } @else { "What will run" } }
                (order(action))
                details id={ "terms-" (self.request.id) } {
                    summary { "How it is run and judged" }
                    dl.facts {
                    dt { "Time limit" } dd { (when::exact(action.timeout)) }
                    dt { "Twice" } dd { @if action.idempotent { "does no more than once" } @else { "never by itself: started at most once" } }
                    dt { "Started" } dd { "within " (when::exact(proposal.start_within)) " of the approval, or not at all" }
                    dt { "Fixed" } dd {
                        "when healthy " (verify.healthy_for) " times in a row, looked at from " (when::exact(verify.settle))
                        " and until " (when::exact(verify.within)) " after it"
                        @for expr in &verify.require { ", and " code { (said(expr)) } " holds" }
                    }
                    dt { "Digest" } dd { code { (said::plain(&proposal.digest)) } " of action and evidence: an approval is bound to it" }
                    dt { "Policy" } dd { (said::digest(&proposal.policy_digest)) }
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
                        @if action.dry_run { "Approve the dry run of " } @else { "Run " }
                        (said(&action.name)) " on " (said::labels_text(&action.target))
                    }
                }
            }
        }
    }

    fn deny(&self) -> Markup {
        let request = self.request;
        let field = format!("why-no-{}", request.id);
        html! {
            details.choice.no name={ "decide-" (request.id) } id={ "no-" (request.id) } {
                summary { "Deny…" }
                form method="post" action={ "/requests/" (request.id) "/deny" } {
                    (self.frame.hidden())
                    input type="hidden" name="digest" value=(request.proposal.digest);
                    label for=(field) { "Why not? " span.quiet { "the policy is told, and whoever is asked the next time" } }
                    textarea id=(field) name="reason" rows="2" maxlength=(LONGEST_REASON) required {}
                    button.deny type="submit" { "Deny" }
                }
            }
        }
    }
}

/// The order itself: an HTTP request or a command line.
fn order(action: &ResolvedAction) -> Markup {
    match &action.spec {
        ActionKind::Http { url, method, headers, bearer_token_file } => {
            let body = serde_json::json!({ "target": action.target, "arguments": action.arguments });
            let body = serde_json::to_string_pretty(&body).unwrap_or_default();
            html! {
                p.order { b { (said(method)) } " " code { (said(url)) } }
                @for (name, value) in headers { p.order { code { (said(name)) ": " (said(value)) } } }
                @if let Some(file) = bearer_token_file { p.quiet { "with the bearer token in " code { (said(file)) } } }
                (verbatim(&body))
            }
        }
        ActionKind::Command { program, env, .. } => html! {
            p.order {
                code.word { (said(program)) }
                @match action.program_args() {
                    Ok(args) => { @for arg in &args { " " code.word { (said(arg)) } } },
                    Err(why) => { " " code.word.bad { (said(&why.to_string())) } },
                }
            }
            @for (name, value) in env { p.quiet { "with " code { (said(name)) "=" (said(value)) } } }
            @if !action.arguments.is_empty() {
                (verbatim(&serde_json::to_string_pretty(&action.arguments).unwrap_or_default()))
            }
        },
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
