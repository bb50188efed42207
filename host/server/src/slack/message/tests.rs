use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_domain::book::Book;
use tidegate_domain::event::{
    Event, Fact, Guard, IncidentId, Origin, Proposal, RequestId, ResolvedAction, Verified, WithdrawReason,
};
use tidegate_domain::labels::Labels;
use tidegate_domain::rules::{ActionKind, Mode, Severity, Verify};
use tidegate_domain::terms::AskedTerms;
use tidegate_domain::time::Timestamp;

use super::*;

fn proposal(summary: &str, target: &str, shown: Vec<String>) -> Proposal {
    let spec = ActionKind::Command { program: "/bin/true".to_owned(), args: Vec::new(), env: BTreeMap::new() };
    let action = ResolvedAction {
        name: "restart".to_owned(),
        spec,
        target: Labels::new([("service", target)]),
        arguments: json!({ "replicas": 3 }).as_object().cloned().unwrap(),
        risk: Severity::Medium,
        timeout: Duration::from_secs(1),
        idempotent: false,
        dry_run: false,
        verify: Verify::default(),
    };
    Proposal {
        action,
        summary: summary.to_owned(),
        rationale: "it helped\nlast time".to_owned(),
        policy_digest: "p".repeat(64),
        shown,
        digest: "0123456789abcdef".repeat(4),
        deadline: Timestamp(1_795_340_857_035),
        start_within: Duration::from_secs(120),
        earlier: 0,
        terms: AskedTerms::default(),
    }
}

fn id() -> RequestId {
    RequestId("r12-9f3a".to_owned())
}

/// A book with one request, and what happened to it afterwards, a second each.
fn book(proposal: Proposal, facts: Vec<Fact>) -> Book {
    let incident = IncidentId("i7".to_owned());
    let opened = Fact::IncidentOpened {
        incident: incident.clone(),
        origin: Origin::Absence { watch: "w".to_owned(), group: Labels::empty() },
        labels: Labels::empty(),
        severity: Severity::High,
        since: Timestamp(0),
        mode: Mode::Ask,
        has_policy: true,
        dry_run: false,
        evidence: None,
        alerts: Vec::new(),
        caused_by: [].into(),
        wants_opinion: false,
    };
    let asked = Fact::RequestOpened { request: id(), incident, proposal: Box::new(proposal) };
    let mut book = Book::default();
    for (second, fact) in [opened, asked].into_iter().chain(facts).enumerate() {
        book.apply(&Event { at: Timestamp(second as i64 * 1000), fact });
    }
    book
}

fn with_card<T>(book: &Book, make: impl FnOnce(&Card<'_>) -> T) -> T {
    with_card_where(book, false, make)
}

fn with_card_where<T>(book: &Book, silenceable: bool, make: impl FnOnce(&Card<'_>) -> T) -> T {
    let request = book.request(&id()).unwrap();
    make(&Card {
        request,
        incident: book.incident(&request.incident).unwrap(),
        missing: vec![Quorum { count: 1, of: Some("payments".to_owned()) }],
        answerable: true,
        silenceable,
        page: Some("https://tidegate.example".to_owned()),
    })
}

fn message(proposal: Proposal) -> Value {
    with_card(&book(proposal, Vec::new()), |card| card.message())
}

fn texts(message: &Value) -> Vec<String> {
    let of = |block: &Value| {
        let text = if block["type"] == "context" { &block["elements"][0]["text"] } else { &block["text"]["text"] };
        text.as_str().map(str::to_owned)
    };
    message["blocks"].as_array().unwrap().iter().filter_map(of).collect()
}

fn buttons(message: &Value) -> Vec<&Value> {
    let blocks = message["blocks"].as_array().unwrap().iter();
    blocks.filter(|block| block["type"] == "actions").flat_map(|block| block["elements"].as_array().unwrap()).collect()
}

fn by(name: &str) -> DecidedBy {
    DecidedBy { approver: name.to_owned(), surface: "slack".to_owned(), address: "slack:T1/U1".to_owned() }
}

fn given(name: &str) -> Fact {
    Fact::ApprovalGiven { request: id(), by: by(name), digest: String::new(), reason: None, missing: Vec::new() }
}

fn approved(name: &str) -> Fact {
    Fact::RequestApproved { request: id(), by: by(name), digest: String::new(), reason: Some("looks right".to_owned()) }
}

#[test]
fn a_request_says_everything_that_a_decision_needs() {
    let message = message(proposal("Restart checkout", "checkout", vec!["latency 2.1 s".into(), "since 12:00".into()]));
    assert_eq!(message["text"], "r12-9f3a waits for your decision: Restart checkout");
    assert_eq!(
        texts(&message),
        [
            "⏳ *r12-9f3a* waits for your decision",
            "*What:* `restart` on `{service=\"checkout\"}`, arguments `{\"replicas\":3}`\n\
             *Severity:* high, risk medium\n\
             *Until:* <!date^1795340857^{date_short_pretty} {time_secs}|2026-11-22T09:47:37.035Z>",
            "*Why, says the policy:*\n> Restart checkout\n> it helped last time",
            "• latency 2.1 s\n• since 12:00",
            "`/approve r12-9f3a` or `/deny r12-9f3a reason` · `tidegate approve r12-9f3a` or \
             `tidegate deny r12-9f3a --reason \"...\"` · everything by `tidegate approval show r12-9f3a` · \
             <https://tidegate.example/requests/r12-9f3a|on the page> · incident i7 · digest `0123456789ab`",
        ]
    );
    let buttons = buttons(&message);
    assert_eq!(buttons.len(), 2);
    for button in buttons {
        assert_eq!(button["value"], format!("r12-9f3a {}", "0123456789abcdef".repeat(4)));
    }
}

#[test]
fn terms_are_said_where_they_are_not_the_usual_ones() {
    let mut proposal = proposal("s", "t", Vec::new());
    proposal.terms.approvers = Some(vec!["payments".to_owned(), "<!here>".to_owned()]);
    proposal.terms.quorum = vec![Quorum { count: 2, of: Some("payments".to_owned()) }, Quorum::default()];
    proposal.terms.require_reason = true;
    let message = message(proposal);
    let what = &texts(&message)[1];
    assert!(what.contains("\n*Asked:* payments, &lt;!here&gt;\n"), "{what}");
    assert!(what.contains("\n*Needs a yes of:* 2 of payments, 1 of all who may decide\n"), "{what}");
    assert!(buttons(&message)[0].get("confirm").is_none(), "the dialog for the reason is the second look");
}

#[test]
fn every_stage_says_who_and_why_and_only_the_first_has_buttons() {
    let finished = |result| Fact::ExecutionFinished { request: id(), result };
    let started = Fact::ExecutionStarted { request: id(), run: 1 };
    let verified =
        |outcome, reason: &str| Fact::VerificationFinished { request: id(), outcome, reason: reason.to_owned() };
    let denied = |reason: &str| Fact::RequestDenied {
        request: id(),
        by: by("bob"),
        digest: String::new(),
        reason: reason.to_owned(),
    };
    let ran = || vec![approved("alice"), started.clone(), finished(RunResult::Succeeded { output: String::new() })];
    let then = |mut facts: Vec<Fact>, more: Fact| {
        facts.push(more);
        facts
    };
    let refused = Fact::ExecutionRefused {
        request: id(),
        guard: Guard::Maintenance { window: "db".to_owned(), until: Timestamp(9) },
        retry_at: Timestamp(0),
    };
    let escalated = Fact::RequestEscalated { request: id(), to: vec!["leads".to_owned()] };
    let withdrawn = Fact::RequestWithdrawn { request: id(), reason: WithdrawReason::IncidentClosed, retry_at: None };
    let auto = Fact::RequestAutoApproved { request: id(), level: Severity::Low, limit: Severity::Low, earned: None };
    for (facts, head, trail, news) in [
        (vec![given("alice")], "has 1 of 1 yeses and waits for more", "*Still needed:* 1 more of payments", false),
        (vec![escalated], "waits for your decision", "leads may decide as well", true),
        (vec![approved("alice")], "is approved and about to run", "*Yes* of alice (slack)", true),
        (vec![auto], "passed by itself", "as the config allows", true),
        (vec![denied("not\nnow <!here>")], "is denied", ": not now &lt;!here&gt;", true),
        (vec![Fact::RequestExpired { request: id(), retry_at: Timestamp(0) }], "has expired", "means no", true),
        (vec![withdrawn], "is withdrawn", "the incident ended by itself", true),
        (vec![approved("alice"), refused], "not carried out", "maintenance", true),
        (vec![approved("alice"), started.clone()], "is running", "*Started*", false),
        (ran(), "it is watched whether that helps", "*Watched* until", false),
        (then(ran(), verified(Verified::Fixed, "healthy")), "has fixed it", ": healthy", true),
        (then(ran(), verified(Verified::Ineffective, "no")), "did not help", ": no", true),
        (then(ran(), verified(Verified::Inconclusive, "no samples")), "nobody can say", "no samples", true),
        (
            vec![approved("alice"), started.clone(), finished(RunResult::Failed { error: "exit\n1".to_owned() })],
            "was carried out and failed",
            ": exit 1",
            true,
        ),
        (
            vec![approved("alice"), started.clone(), finished(RunResult::Unknown { error: "timeout".to_owned() })],
            "nobody knows what became of it",
            ": timeout",
            true,
        ),
    ] {
        let book = book(proposal("s", "t", Vec::new()), facts);
        let message = with_card(&book, |card| card.message());
        let pending = book.request(&id()).unwrap().approval == Approval::Pending;
        assert_eq!(buttons(&message).len(), if pending { 2 } else { 0 }, "{head}");
        let texts = texts(&message);
        assert!(texts[0].contains(head) && texts[1].contains(trail), "{head}: {texts:?}");
        assert!(message["text"].as_str().unwrap().contains(head), "{message}");
        assert_eq!(with_card(&book, |card| card.news()).is_some(), news, "{head}");
        assert_eq!(texts.last().unwrap().contains("/approve"), pending, "{head}");
    }
}

#[test]
fn no_text_from_outside_leaves_its_place() {
    let evil = "x\n*Severity:* low\r\u{2028}\u{202e}<!channel> & `code`";
    let message = message(proposal(evil, evil, vec![evil.into()]));
    let texts = texts(&message);
    for text in &texts {
        assert!(!text.contains("<!channel>") && !text.contains('\u{202e}') && !text.contains('\r'), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("*Severity:* low")), "{text}");
    }
    assert_eq!(texts[1].lines().count(), 3);
    assert_eq!(texts[1].matches('`').count(), 6, "{}", texts[1]);
    assert_eq!(texts[2].lines().filter(|line| line.starts_with("> ")).count(), 2);
    assert_eq!(texts[3].lines().count(), 1);
    let question = buttons(&message)[0]["confirm"]["text"]["text"].as_str().unwrap();
    assert!(question.lines().count() == 1 && !question.contains('\u{202e}'), "{question:?}");
}

#[test]
fn without_evidence_there_is_no_empty_section() {
    assert!(texts(&message(proposal("s", "t", Vec::new()))).iter().all(|text| !text.is_empty()));
}

#[test]
fn nothing_is_longer_than_slack_takes() {
    let long = "&".repeat(50_000);
    let message = message(proposal(&long, &long, vec![long.clone(); 40]));
    for text in texts(&message).iter().chain([&message["text"].as_str().unwrap().to_owned()]) {
        assert!(text.chars().count() <= 3_000, "{}", text.chars().count());
    }
    // What is long does not push out what counts.
    assert!(texts(&message)[1].contains("*Until:* <!date^1795340857"));
    let question = buttons(&message)[0]["confirm"]["text"]["text"].as_str().unwrap();
    assert!(question.chars().count() <= 300);
    assert!(message["blocks"].as_array().unwrap().len() <= 50);
    assert!(
        texts(&message).iter().any(|text| text.contains("more: `tidegate approval show`")),
        "said what is left out"
    );
}

#[test]
fn what_will_run_stands_sign_for_sign_and_whole() {
    let long = format!("runs: /bin/keep *all* ~none~ _it_ http://evil.example {}", "x".repeat(1_900));
    let message = message(proposal("s", "t", vec![long.clone(), "why: <@U1> *x*".to_owned()]));
    let texts = texts(&message).join("\n");
    let command = long.strip_prefix("runs: ").unwrap();
    assert!(texts.contains(&format!("• runs: `{command}`")), "{texts}");
    assert!(texts.contains("• why: &lt;@U1&gt;"), "{texts}");
    let blocks = message["blocks"].as_array().unwrap();
    let marked = blocks.iter().flat_map(|block| [&block["text"], &block["elements"][0]]);
    for text in marked.filter(|text| text["type"] == "mrkdwn") {
        assert_eq!(text["verbatim"], true, "Slack makes links of its own: {text}");
    }
}

#[test]
fn what_is_held_back_says_by_whom_until_when_and_that_it_is_asked_again() {
    let held_back = Fact::RequestWithdrawn { request: id(), reason: WithdrawReason::HeldBack, retry_at: None };
    let held = |by: &str| Fact::IncidentHeld { incident: IncidentId("i7".to_owned()), by: by.to_owned() };
    let silenced = |until| Fact::SilenceMade {
        incident: Some(IncidentId("i7".to_owned())),
        silence: "s1".to_owned(),
        matchers: Vec::new(),
        until: Timestamp(until),
        by: by("ali<!channel>ce"),
        comment: "a sale".to_owned(),
    };
    let by_person = "incident i7 was silenced until <!date^1795340857^";
    let by_other = "Alertmanager holds incident i7 back (inhibited by alert &lt;x&gt;)";
    for (facts, says) in [
        (vec![silenced(1_795_340_857_035), held("silence s1"), held_back.clone()], by_person),
        // A silence that ended long ago is not why.
        (vec![silenced(2_500), held("inhibited by alert <x>"), held_back.clone()], by_other),
        (vec![held_back.clone()], "Alertmanager held incident i7 back"),
    ] {
        let book = book(proposal("s", "t", Vec::new()), facts);
        let message = with_card_where(&book, true, |card| card.message());
        let text = texts(&message).join("\n");
        assert!(text.contains(says) && text.contains("It is asked anew once that is over"), "{says}: {text}");
        assert!(!text.contains("<!channel>") && text.contains("`/tidegate unsilence i7`"), "{text}");
        assert!(buttons(&message).is_empty());
        assert!(with_card(&book, |card| card.news()).is_some(), "and where nothing can be changed it is news");
    }
}

#[test]
fn a_silence_is_offered_where_there_is_something_to_silence_in() {
    let book = book(proposal("s", "t", Vec::new()), Vec::new());
    let names = |silenceable| -> Vec<String> {
        let message = with_card_where(&book, silenceable, |card| card.message());
        let names = buttons(&message).into_iter().map(|button| button["action_id"].as_str().unwrap().to_owned());
        names.collect()
    };
    assert_eq!(names(false), ["approve", "deny"]);
    assert_eq!(names(true), ["approve", "deny", "silence"]);
}
