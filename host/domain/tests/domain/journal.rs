//! What the journal looks like. A change of these bytes is a change of the format: old journals must stay readable.

use std::collections::BTreeMap;
use std::time::Duration;

use expect_test::expect;
use serde_json::json;
use tidegate_domain::event::{
    Alert, Asked, CloseReason, EndedAlert, Event, Fact, Guard, Health, IncidentId, LeftOut, MemberEnd, Message,
    OpinionVerdict, Origin, Proposal, Question, Refusal, Reply, RequestId, ResolvedAction, RunResult, Sample,
    SecondOpinion, TracePoint, Verified, WithdrawReason,
};
use tidegate_domain::labels::Labels;
use tidegate_domain::rules::{ActionKind, Mode, Severity, Verify};
use tidegate_domain::terms::{AskedTerms, Escalation, Quorum};
use tidegate_domain::time::Timestamp;

use crate::script::{by, evidence};
use crate::world::{START, group, series};

fn incident() -> IncidentId {
    IncidentId("i7".to_owned())
}

fn request() -> RequestId {
    RequestId("r12-9f3a".to_owned())
}

fn proposal(spec: ActionKind) -> Box<Proposal> {
    let serde_json::Value::Object(arguments) = json!({"replicas": 3, "share": 0.1, "fast": true, "zone": "a"}) else {
        unreachable!()
    };
    Box::new(Proposal {
        action: ResolvedAction {
            name: "scale".to_owned(),
            spec,
            target: group("shop"),
            arguments,
            risk: Severity::High,
            timeout: Duration::from_secs(30),
            idempotent: true,
            dry_run: false,
            verify: Verify { require: vec!["up == 1".to_owned()], ..Verify::default() },
        },
        summary: "scale the shop".to_owned(),
        rationale: "\"quotes\", größer & <b>".to_owned(),
        policy_digest: "77aa".to_owned(),
        shown: vec!["web {service=\"shop\"}".to_owned()],
        digest: "9f3a00".to_owned(),
        deadline: Timestamp(START.0 + 300_000),
        start_within: Duration::from_millis(120_500),
        earlier: 2,
        terms: AskedTerms::default(),
    })
}

fn command() -> ActionKind {
    ActionKind::Command {
        program: "/usr/bin/kubectl".to_owned(),
        args: vec!["restart".to_owned(), "{service}".to_owned()],
        env: [("LANG".to_owned(), "C".to_owned())].into(),
    }
}

fn http() -> ActionKind {
    ActionKind::Http {
        url: "http://127.0.0.1:8080/admin".to_owned(),
        method: "POST".to_owned(),
        headers: [("x-kind".to_owned(), "kind".to_owned())].into(),
        bearer_token_file: None,
    }
}

fn alert() -> Alert {
    Alert {
        fingerprint: "00ff00ff00ff00ff".to_owned(),
        labels: Labels::new([("alertname", "Slow"), ("kind", "guard")]),
        annotations: Labels::new([("summary", "it burns")]),
        starts_at: Timestamp(-62_135_596_800_000),
        firing: true,
        generator_url: None,
    }
}

fn opened(origin: Origin) -> Fact {
    Fact::IncidentOpened {
        incident: incident(),
        origin,
        labels: group("shop"),
        severity: Severity::Critical,
        since: START,
        mode: Mode::Observe,
        has_policy: true,
        dry_run: false,
        evidence: Some(Box::new(evidence(series("shop", "a"), START, START))),
        alerts: vec![alert()],
        caused_by: [].into(),
        wants_opinion: false,
    }
}

fn terms() -> AskedTerms {
    AskedTerms {
        approvers: Some(vec!["alice".to_owned(), "payments".to_owned()]),
        quorum: vec![Quorum { count: 2, of: None }, Quorum { count: 1, of: Some("payments".to_owned()) }],
        require_reason: true,
        allow_own: false,
        remind_at: Some(START),
        escalate: Some(Escalation { at: START, to: vec!["leads".to_owned()] }),
        labels: Some(Labels::new([("team", "payments")])),
    }
}

fn message() -> Message {
    Message { channel: "C0PAY".to_owned(), ts: "1700000000.000100".to_owned() }
}

fn point() -> TracePoint {
    let (at, value) = (START, 0.1.into());
    let nothing = f64::NAN.into();
    TracePoint {
        at,
        value,
        expected: nothing,
        lower: nothing,
        upper: f64::INFINITY.into(),
        score: nothing,
        anomalous: true,
    }
}

fn guards() -> Vec<Guard> {
    let until = START;
    vec![
        Guard::NotActive,
        Guard::Silenced { by: "silence 7".to_owned() },
        Guard::Usual,
        Guard::SilencesUnknown { error: "connection refused".to_owned() },
        Guard::DigestChanged,
        Guard::Stale,
        Guard::Late,
        Guard::TargetBusy { request: RequestId("r3-0000".to_owned()) },
        Guard::Cooldown { until },
        Guard::Rate { until },
        Guard::BlastRadius { targets: 3, label: None },
        Guard::BlastRadius { targets: 2, label: Some("zone".to_owned()) },
        Guard::BlastRadiusUnknown { error: "no answer".to_owned() },
        Guard::Maintenance { window: "upgrades".to_owned(), until },
        Guard::CircuitOpen { runs: 3, until },
        Guard::Paused { by: "bob".to_owned() },
        Guard::Storm,
    ]
}

fn asked() -> Asked {
    let question = |expr: &str, reply| Question { expr: expr.to_owned(), cut_from: None, reply };
    let sample = |value: f64| Sample { labels: Labels::new([("pod", "a")]), at: START, value: value.into() };
    let samples = vec![sample(0.1), sample(f64::NAN), sample(f64::INFINITY)];
    let refused = Reply::Refused { reason: "too long".to_owned() };
    Asked {
        questions: vec![
            question("up == 0", Reply::Answered { samples }),
            question("up == 1", Reply::Answered { samples: vec![] }),
            question("nonsense(", Reply::Failed { error: "bad_data".to_owned() }),
            Question { cut_from: Some(5000), ..question("sum(", refused) },
        ],
        unlisted: 3,
    }
}

fn silence_made(incident: Option<IncidentId>) -> Fact {
    let matchers = vec!["service=\"shop\"".to_owned(), "alertname=~\"Slow|Down\"".to_owned()];
    let (silence, comment) = ("7".to_owned(), "\"known\" bug".to_owned());
    Fact::SilenceMade { incident, silence, matchers, until: START, by: by("alice"), comment }
}

fn opinions() -> Vec<SecondOpinion> {
    let evidence = evidence(series("shop", "a"), START, START);
    let opinion = |verdict, expr: &str, evidence| {
        let (fingerprint, expr) = ("00ff00ff00ff00ff".to_owned(), expr.to_owned());
        SecondOpinion { fingerprint, verdict, expr, evidence }
    };
    vec![
        opinion(OpinionVerdict::Unusual, "batch_seconds", Some(Box::new(evidence))),
        opinion(OpinionVerdict::Unknown { why: "no rule is called Slow".to_owned() }, "", None),
        opinion(OpinionVerdict::Usual, "up", None),
    ]
}

/// Every kind of fact, every kind of what is in it, at least once.
fn facts() -> Vec<Fact> {
    let (watch, reason) = ("web".to_owned(), "because".to_owned());
    let mut facts = vec![
        Fact::HostStarted { version: "0.1.0".to_owned() },
        opened(Origin::Anomaly { watch: watch.clone(), group: group("shop") }),
        opened(Origin::Absence { watch, group: Labels::empty() }),
        Fact::IncidentOpened {
            incident: incident(),
            origin: Origin::Alert { route: "batch".to_owned(), group_key: "g".to_owned() },
            labels: Labels::empty(),
            severity: Severity::Low,
            since: START,
            mode: Mode::Ask,
            has_policy: true,
            dry_run: false,
            evidence: None,
            alerts: vec![Alert { generator_url: Some("http://p/graph?g0.expr=up".to_owned()), ..alert() }],
            caused_by: [].into(),
            wants_opinion: true,
        },
        opened(Origin::Alert { route: String::new(), group_key: "{}:{alertname=\"Slow\"}".to_owned() }),
        Fact::MemberJoined {
            incident: incident(),
            evidence: Box::new(evidence(series("shop", "b"), START, START)),
            caused_by: [].into(),
        },
        Fact::AlertsChanged {
            incident: incident(),
            alerts: vec![alert(), Alert { firing: false, ..alert() }],
            caused_by: [].into(),
        },
        Fact::AlertsChanged { incident: incident(), alerts: vec![], caused_by: ["bob@example.com".to_owned()].into() },
        Fact::SeverityRaised { incident: incident(), severity: Severity::Low },
        Fact::PolicyAsked { incident: incident(), policy_digest: "77aa".to_owned(), asked: asked() },
        Fact::PolicyAsked {
            incident: incident(),
            policy_digest: "77aa".to_owned(),
            asked: Asked { unlisted: 0, ..asked() },
        },
        Fact::PolicyLeft { incident: incident(), reason: reason.clone(), policy_digest: "77aa".to_owned() },
        Fact::PolicyFailed { incident: incident(), error: reason.clone(), retry_at: START },
        Fact::ProposalObserved { incident: incident(), proposal: proposal(http()) },
        Fact::IncidentJoined { incident: incident(), request: request() },
        Fact::RequestOpened { request: request(), incident: incident(), proposal: proposal(command()) },
        Fact::RequestOpened {
            request: request(),
            incident: incident(),
            proposal: Box::new(Proposal { terms: terms(), ..*proposal(http()) }),
        },
        Fact::RequestAnnounced { request: request(), via: "slack".to_owned(), message: None, stage: None },
        Fact::RequestAnnounced {
            request: request(),
            via: "slack:C0PAY".to_owned(),
            message: Some(message()),
            stage: Some("pending".to_owned()),
        },
        Fact::RequestTold { request: request(), via: "slack:C0PAY".to_owned(), stage: "pending_1".to_owned() },
        Fact::RequestReminded { request: request() },
        Fact::RequestEscalated { request: request(), to: vec!["leads".to_owned()] },
        Fact::ApprovalGiven {
            request: request(),
            by: by("alice"),
            digest: "d".repeat(64),
            reason: Some("known bug".to_owned()),
            missing: terms().quorum,
        },
        Fact::RosterChanged { group: "oncall".to_owned(), members: ["alice".to_owned(), "bob".to_owned()].into() },
        Fact::SeriesTraced { incident: incident(), series: series("shop", "a"), points: vec![point()] },
        Fact::RequestApproved { request: request(), by: by("alice"), digest: "d".repeat(64), reason: None },
        Fact::RequestAutoApproved { request: request(), level: Severity::Low, limit: Severity::Medium, earned: None },
        Fact::RequestAutoApproved { request: request(), level: Severity::High, limit: Severity::High, earned: Some(5) },
        Fact::RequestDenied { request: request(), by: by("bob"), digest: String::new(), reason },
        Fact::RequestExpired { request: request(), retry_at: START },
        Fact::RequestWithdrawn { request: request(), reason: WithdrawReason::IncidentClosed, retry_at: None },
        Fact::RequestWithdrawn { request: request(), reason: WithdrawReason::HeldBack, retry_at: Some(START) },
        Fact::AlertsLeftOut {
            incident: incident(),
            group_key: "{}:{alertname=\"Slow\"}".to_owned(),
            left_out: LeftOut { count: 3, receiver: "tidegate".to_owned(), group_labels: group("shop") },
        },
        Fact::EndsSeen { alerts: vec![EndedAlert { fingerprint: "00ff00ff00ff00ff".to_owned(), starts_at: START }] },
        Fact::AlertsCompleted { incident: incident(), found: 5 },
        Fact::IncidentHeld { incident: incident(), by: "silence 7".to_owned() },
        Fact::IncidentReleased { incident: incident() },
        silence_made(Some(incident())),
        silence_made(None),
        Fact::SilenceEnded { incident: Some(incident()), silence: "7".to_owned(), by: by("bob") },
        Fact::SilenceEnded { incident: None, silence: "7".to_owned(), by: by("bob") },
        Fact::SecondOpinionGiven { incident: incident(), opinions: opinions() },
        Fact::ExecutionStarted { request: request(), run: 2 },
        Fact::RequirementsChecked { request: request(), unmet: BTreeMap::new() },
        Fact::RequirementsChecked { request: request(), unmet: [("up".to_owned(), "nothing".to_owned())].into() },
        Fact::FixRevoked { request: request(), incident: incident() },
        Fact::StormStarted { reason: "3 of 10".to_owned() },
        Fact::StormContinued {},
        Fact::StormEnded {},
        Fact::Paused { by: by("alice") },
        Fact::Resumed { by: by("bob") },
    ];
    let ends = [MemberEnd::Recovered, MemberEnd::Accepted, MemberEnd::Vanished];
    facts.extend(ends.map(|how| Fact::MemberEnded { incident: incident(), series: series("shop", "a"), how }));
    let reasons = [
        CloseReason::Recovered,
        CloseReason::Fixed,
        CloseReason::Accepted,
        CloseReason::Resolved,
        CloseReason::Returned,
        CloseReason::Vanished,
    ];
    facts.extend(reasons.map(|reason| Fact::IncidentClosed { incident: incident(), reason }));
    let refusals = [
        Refusal::UnknownAction { action: "reboot".to_owned() },
        Refusal::BadArguments { error: "too many".to_owned() },
        Refusal::NoTarget { label: "zone".to_owned() },
    ];
    let guarded = guards().into_iter().map(|guard| Refusal::Guarded { guard });
    facts.extend(refusals.into_iter().chain(guarded).map(|refusal| Fact::ProposalRefused {
        incident: incident(),
        action: "scale".to_owned(),
        retry_at: matches!(refusal, Refusal::Guarded { .. }).then_some(START),
        refusal,
    }));
    facts.extend(guards().into_iter().map(|guard| Fact::ExecutionRefused {
        request: request(),
        guard,
        retry_at: START,
    }));
    let results = [
        RunResult::Succeeded { output: "line\n\u{1b}[0m".to_owned() },
        RunResult::Failed { error: String::new() },
        RunResult::Unknown { error: "timed out".to_owned() },
        RunResult::DryRun,
    ];
    facts.extend(results.map(|result| Fact::ExecutionFinished { request: request(), result }));
    let seen = [Health::Healthy, Health::Unhealthy, Health::Unjudged];
    facts.extend(seen.map(|health| Fact::VerificationObserved { request: request(), sample_at: START, health }));
    let outcomes = [Verified::Fixed, Verified::Ineffective, Verified::Inconclusive];
    facts.extend(outcomes.map(|outcome| Fact::VerificationFinished {
        request: request(),
        outcome,
        reason: "seen".to_owned(),
    }));
    facts
}

#[test]
fn every_fact_survives_the_journal() {
    for fact in facts() {
        let event = Event { at: START, fact };
        let line = serde_json::to_string(&event).expect("an event is JSON");
        let back: Event = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(back, event, "{line}");
        assert_eq!(serde_json::to_string(&back).expect("an event is JSON"), line);
    }
}

#[test]
fn the_format_stays_as_it_is() {
    let lines: Vec<String> = facts()
        .into_iter()
        .map(|fact| serde_json::to_string(&Event { at: START, fact }).expect("an event is JSON"))
        .collect();
    expect![[r#"
        {"at":1700000000000,"kind":"host_started","version":"0.1.0"}
        {"at":1700000000000,"kind":"incident_opened","incident":"i7","source":"anomaly","watch":"web","group":{"service":"shop"},"labels":{"service":"shop"},"severity":"critical","since":1700000000000,"mode":"observe","has_policy":true,"dry_run":false,"evidence":{"series":{"pod":"a","service":"shop"},"since":1700000000000,"at":1700000000000,"value":9.5,"expected":2.0,"lower":"-Inf","upper":3.25,"score":2.5,"cold_start":false,"opinions":[{"detector":"spike","digest":"5f2c","score":"NaN","note":"high","state":"AP8H"}],"window":[[1700000000000,9.0],[1700000000000,"+Inf"]]},"alerts":[{"fingerprint":"00ff00ff00ff00ff","labels":{"alertname":"Slow","kind":"guard"},"annotations":{"summary":"it burns"},"starts_at":-62135596800000,"firing":true}]}
        {"at":1700000000000,"kind":"incident_opened","incident":"i7","source":"absence","watch":"web","group":{},"labels":{"service":"shop"},"severity":"critical","since":1700000000000,"mode":"observe","has_policy":true,"dry_run":false,"evidence":{"series":{"pod":"a","service":"shop"},"since":1700000000000,"at":1700000000000,"value":9.5,"expected":2.0,"lower":"-Inf","upper":3.25,"score":2.5,"cold_start":false,"opinions":[{"detector":"spike","digest":"5f2c","score":"NaN","note":"high","state":"AP8H"}],"window":[[1700000000000,9.0],[1700000000000,"+Inf"]]},"alerts":[{"fingerprint":"00ff00ff00ff00ff","labels":{"alertname":"Slow","kind":"guard"},"annotations":{"summary":"it burns"},"starts_at":-62135596800000,"firing":true}]}
        {"at":1700000000000,"kind":"incident_opened","incident":"i7","source":"alert","route":"batch","group_key":"g","labels":{},"severity":"low","since":1700000000000,"mode":"ask","has_policy":true,"dry_run":false,"evidence":null,"alerts":[{"fingerprint":"00ff00ff00ff00ff","labels":{"alertname":"Slow","kind":"guard"},"annotations":{"summary":"it burns"},"starts_at":-62135596800000,"firing":true,"generator_url":"http://p/graph?g0.expr=up"}],"wants_opinion":true}
        {"at":1700000000000,"kind":"incident_opened","incident":"i7","source":"alert","route":"","group_key":"{}:{alertname=\"Slow\"}","labels":{"service":"shop"},"severity":"critical","since":1700000000000,"mode":"observe","has_policy":true,"dry_run":false,"evidence":{"series":{"pod":"a","service":"shop"},"since":1700000000000,"at":1700000000000,"value":9.5,"expected":2.0,"lower":"-Inf","upper":3.25,"score":2.5,"cold_start":false,"opinions":[{"detector":"spike","digest":"5f2c","score":"NaN","note":"high","state":"AP8H"}],"window":[[1700000000000,9.0],[1700000000000,"+Inf"]]},"alerts":[{"fingerprint":"00ff00ff00ff00ff","labels":{"alertname":"Slow","kind":"guard"},"annotations":{"summary":"it burns"},"starts_at":-62135596800000,"firing":true}]}
        {"at":1700000000000,"kind":"member_joined","incident":"i7","evidence":{"series":{"pod":"b","service":"shop"},"since":1700000000000,"at":1700000000000,"value":9.5,"expected":2.0,"lower":"-Inf","upper":3.25,"score":2.5,"cold_start":false,"opinions":[{"detector":"spike","digest":"5f2c","score":"NaN","note":"high","state":"AP8H"}],"window":[[1700000000000,9.0],[1700000000000,"+Inf"]]}}
        {"at":1700000000000,"kind":"alerts_changed","incident":"i7","alerts":[{"fingerprint":"00ff00ff00ff00ff","labels":{"alertname":"Slow","kind":"guard"},"annotations":{"summary":"it burns"},"starts_at":-62135596800000,"firing":true},{"fingerprint":"00ff00ff00ff00ff","labels":{"alertname":"Slow","kind":"guard"},"annotations":{"summary":"it burns"},"starts_at":-62135596800000,"firing":false}]}
        {"at":1700000000000,"kind":"alerts_changed","incident":"i7","alerts":[],"caused_by":["bob@example.com"]}
        {"at":1700000000000,"kind":"severity_raised","incident":"i7","severity":"low"}
        {"at":1700000000000,"kind":"policy_asked","incident":"i7","policy_digest":"77aa","questions":[{"expr":"up == 0","reply":"answered","samples":[{"labels":{"pod":"a"},"at":1700000000000,"value":0.1},{"labels":{"pod":"a"},"at":1700000000000,"value":"NaN"},{"labels":{"pod":"a"},"at":1700000000000,"value":"+Inf"}]},{"expr":"up == 1","reply":"answered","samples":[]},{"expr":"nonsense(","reply":"failed","error":"bad_data"},{"expr":"sum(","cut_from":5000,"reply":"refused","reason":"too long"}],"unlisted":3}
        {"at":1700000000000,"kind":"policy_asked","incident":"i7","policy_digest":"77aa","questions":[{"expr":"up == 0","reply":"answered","samples":[{"labels":{"pod":"a"},"at":1700000000000,"value":0.1},{"labels":{"pod":"a"},"at":1700000000000,"value":"NaN"},{"labels":{"pod":"a"},"at":1700000000000,"value":"+Inf"}]},{"expr":"up == 1","reply":"answered","samples":[]},{"expr":"nonsense(","reply":"failed","error":"bad_data"},{"expr":"sum(","cut_from":5000,"reply":"refused","reason":"too long"}]}
        {"at":1700000000000,"kind":"policy_left","incident":"i7","reason":"because","policy_digest":"77aa"}
        {"at":1700000000000,"kind":"policy_failed","incident":"i7","error":"because","retry_at":1700000000000}
        {"at":1700000000000,"kind":"proposal_observed","incident":"i7","proposal":{"action":{"name":"scale","spec":{"kind":"http","url":"http://127.0.0.1:8080/admin","method":"POST","headers":{"x-kind":"kind"},"bearer_token_file":null},"target":{"service":"shop"},"arguments":{"fast":true,"replicas":3,"share":0.1,"zone":"a"},"risk":"high","timeout":30000,"idempotent":true,"dry_run":false,"verify":{"settle":60000,"within":600000,"healthy_for":3,"require":["up == 1"]}},"summary":"scale the shop","rationale":"\"quotes\", größer & <b>","policy_digest":"77aa","shown":["web {service=\"shop\"}"],"digest":"9f3a00","deadline":1700000300000,"start_within":120500,"earlier":2,"terms":{"approvers":null,"quorum":[{"count":1,"of":null}],"require_reason":false,"allow_own":true,"remind_at":null,"escalate":null}}}
        {"at":1700000000000,"kind":"incident_joined","incident":"i7","request":"r12-9f3a"}
        {"at":1700000000000,"kind":"request_opened","request":"r12-9f3a","incident":"i7","proposal":{"action":{"name":"scale","spec":{"kind":"command","program":"/usr/bin/kubectl","args":["restart","{service}"],"env":{"LANG":"C"}},"target":{"service":"shop"},"arguments":{"fast":true,"replicas":3,"share":0.1,"zone":"a"},"risk":"high","timeout":30000,"idempotent":true,"dry_run":false,"verify":{"settle":60000,"within":600000,"healthy_for":3,"require":["up == 1"]}},"summary":"scale the shop","rationale":"\"quotes\", größer & <b>","policy_digest":"77aa","shown":["web {service=\"shop\"}"],"digest":"9f3a00","deadline":1700000300000,"start_within":120500,"earlier":2,"terms":{"approvers":null,"quorum":[{"count":1,"of":null}],"require_reason":false,"allow_own":true,"remind_at":null,"escalate":null}}}
        {"at":1700000000000,"kind":"request_opened","request":"r12-9f3a","incident":"i7","proposal":{"action":{"name":"scale","spec":{"kind":"http","url":"http://127.0.0.1:8080/admin","method":"POST","headers":{"x-kind":"kind"},"bearer_token_file":null},"target":{"service":"shop"},"arguments":{"fast":true,"replicas":3,"share":0.1,"zone":"a"},"risk":"high","timeout":30000,"idempotent":true,"dry_run":false,"verify":{"settle":60000,"within":600000,"healthy_for":3,"require":["up == 1"]}},"summary":"scale the shop","rationale":"\"quotes\", größer & <b>","policy_digest":"77aa","shown":["web {service=\"shop\"}"],"digest":"9f3a00","deadline":1700000300000,"start_within":120500,"earlier":2,"terms":{"approvers":["alice","payments"],"quorum":[{"count":2,"of":null},{"count":1,"of":"payments"}],"require_reason":true,"allow_own":false,"remind_at":1700000000000,"escalate":{"at":1700000000000,"to":["leads"]},"labels":{"team":"payments"}}}}
        {"at":1700000000000,"kind":"request_announced","request":"r12-9f3a","via":"slack"}
        {"at":1700000000000,"kind":"request_announced","request":"r12-9f3a","via":"slack:C0PAY","message":{"channel":"C0PAY","ts":"1700000000.000100"},"stage":"pending"}
        {"at":1700000000000,"kind":"request_told","request":"r12-9f3a","via":"slack:C0PAY","stage":"pending_1"}
        {"at":1700000000000,"kind":"request_reminded","request":"r12-9f3a"}
        {"at":1700000000000,"kind":"request_escalated","request":"r12-9f3a","to":["leads"]}
        {"at":1700000000000,"kind":"approval_given","request":"r12-9f3a","by":{"approver":"alice","surface":"http","address":"10.0.0.1:9"},"digest":"dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd","reason":"known bug","missing":[{"count":2,"of":null},{"count":1,"of":"payments"}]}
        {"at":1700000000000,"kind":"roster_changed","group":"oncall","members":["alice","bob"]}
        {"at":1700000000000,"kind":"series_traced","incident":"i7","series":{"pod":"a","service":"shop"},"points":[{"at":1700000000000,"value":0.1,"expected":"NaN","lower":"NaN","upper":"+Inf","score":"NaN","anomalous":true}]}
        {"at":1700000000000,"kind":"request_approved","request":"r12-9f3a","by":{"approver":"alice","surface":"http","address":"10.0.0.1:9"},"digest":"dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"}
        {"at":1700000000000,"kind":"request_auto_approved","request":"r12-9f3a","level":"low","limit":"medium"}
        {"at":1700000000000,"kind":"request_auto_approved","request":"r12-9f3a","level":"high","limit":"high","earned":5}
        {"at":1700000000000,"kind":"request_denied","request":"r12-9f3a","by":{"approver":"bob","surface":"http","address":"10.0.0.1:9"},"reason":"because"}
        {"at":1700000000000,"kind":"request_expired","request":"r12-9f3a","retry_at":1700000000000}
        {"at":1700000000000,"kind":"request_withdrawn","request":"r12-9f3a","reason":"incident_closed"}
        {"at":1700000000000,"kind":"request_withdrawn","request":"r12-9f3a","reason":"held_back","retry_at":1700000000000}
        {"at":1700000000000,"kind":"alerts_left_out","incident":"i7","group_key":"{}:{alertname=\"Slow\"}","left_out":{"count":3,"receiver":"tidegate","group_labels":{"service":"shop"}}}
        {"at":1700000000000,"kind":"ends_seen","alerts":[{"fingerprint":"00ff00ff00ff00ff","starts_at":1700000000000}]}
        {"at":1700000000000,"kind":"alerts_completed","incident":"i7","found":5}
        {"at":1700000000000,"kind":"incident_held","incident":"i7","by":"silence 7"}
        {"at":1700000000000,"kind":"incident_released","incident":"i7"}
        {"at":1700000000000,"kind":"silence_made","incident":"i7","silence":"7","matchers":["service=\"shop\"","alertname=~\"Slow|Down\""],"until":1700000000000,"by":{"approver":"alice","surface":"http","address":"10.0.0.1:9"},"comment":"\"known\" bug"}
        {"at":1700000000000,"kind":"silence_made","incident":null,"silence":"7","matchers":["service=\"shop\"","alertname=~\"Slow|Down\""],"until":1700000000000,"by":{"approver":"alice","surface":"http","address":"10.0.0.1:9"},"comment":"\"known\" bug"}
        {"at":1700000000000,"kind":"silence_ended","incident":"i7","silence":"7","by":{"approver":"bob","surface":"http","address":"10.0.0.1:9"}}
        {"at":1700000000000,"kind":"silence_ended","silence":"7","by":{"approver":"bob","surface":"http","address":"10.0.0.1:9"}}
        {"at":1700000000000,"kind":"second_opinion_given","incident":"i7","opinions":[{"fingerprint":"00ff00ff00ff00ff","verdict":"unusual","expr":"batch_seconds","evidence":{"series":{"pod":"a","service":"shop"},"since":1700000000000,"at":1700000000000,"value":9.5,"expected":2.0,"lower":"-Inf","upper":3.25,"score":2.5,"cold_start":false,"opinions":[{"detector":"spike","digest":"5f2c","score":"NaN","note":"high","state":"AP8H"}],"window":[[1700000000000,9.0],[1700000000000,"+Inf"]]}},{"fingerprint":"00ff00ff00ff00ff","verdict":"unknown","why":"no rule is called Slow","expr":""},{"fingerprint":"00ff00ff00ff00ff","verdict":"usual","expr":"up"}]}
        {"at":1700000000000,"kind":"execution_started","request":"r12-9f3a","run":2}
        {"at":1700000000000,"kind":"requirements_checked","request":"r12-9f3a","unmet":{}}
        {"at":1700000000000,"kind":"requirements_checked","request":"r12-9f3a","unmet":{"up":"nothing"}}
        {"at":1700000000000,"kind":"fix_revoked","request":"r12-9f3a","incident":"i7"}
        {"at":1700000000000,"kind":"storm_started","reason":"3 of 10"}
        {"at":1700000000000,"kind":"storm_continued"}
        {"at":1700000000000,"kind":"storm_ended"}
        {"at":1700000000000,"kind":"paused","by":{"approver":"alice","surface":"http","address":"10.0.0.1:9"}}
        {"at":1700000000000,"kind":"resumed","by":{"approver":"bob","surface":"http","address":"10.0.0.1:9"}}
        {"at":1700000000000,"kind":"member_ended","incident":"i7","series":{"pod":"a","service":"shop"},"how":"recovered"}
        {"at":1700000000000,"kind":"member_ended","incident":"i7","series":{"pod":"a","service":"shop"},"how":"accepted"}
        {"at":1700000000000,"kind":"member_ended","incident":"i7","series":{"pod":"a","service":"shop"},"how":"vanished"}
        {"at":1700000000000,"kind":"incident_closed","incident":"i7","reason":"recovered"}
        {"at":1700000000000,"kind":"incident_closed","incident":"i7","reason":"fixed"}
        {"at":1700000000000,"kind":"incident_closed","incident":"i7","reason":"accepted"}
        {"at":1700000000000,"kind":"incident_closed","incident":"i7","reason":"resolved"}
        {"at":1700000000000,"kind":"incident_closed","incident":"i7","reason":"returned"}
        {"at":1700000000000,"kind":"incident_closed","incident":"i7","reason":"vanished"}
        {"at":1700000000000,"kind":"proposal_refused","incident":"i7","action":"scale","refusal":{"name":"unknown_action","action":"reboot"},"retry_at":null}
        {"at":1700000000000,"kind":"proposal_refused","incident":"i7","action":"scale","refusal":{"name":"bad_arguments","error":"too many"},"retry_at":null}
        {"at":1700000000000,"kind":"proposal_refused","incident":"i7","action":"scale","refusal":{"name":"no_target","label":"zone"},"retry_at":null}
        {"at":1700000000000,"kind":"proposal_refused","incident":"i7","action":"scale","refusal":{"name":"guarded","guard":{"name":"not_active"}},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"proposal_refused","incident":"i7","action":"scale","refusal":{"name":"guarded","guard":{"name":"silenced","by":"silence 7"}},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"proposal_refused","incident":"i7","action":"scale","refusal":{"name":"guarded","guard":{"name":"usual"}},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"proposal_refused","incident":"i7","action":"scale","refusal":{"name":"guarded","guard":{"name":"silences_unknown","error":"connection refused"}},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"proposal_refused","incident":"i7","action":"scale","refusal":{"name":"guarded","guard":{"name":"digest_changed"}},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"proposal_refused","incident":"i7","action":"scale","refusal":{"name":"guarded","guard":{"name":"stale"}},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"proposal_refused","incident":"i7","action":"scale","refusal":{"name":"guarded","guard":{"name":"late"}},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"proposal_refused","incident":"i7","action":"scale","refusal":{"name":"guarded","guard":{"name":"target_busy","request":"r3-0000"}},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"proposal_refused","incident":"i7","action":"scale","refusal":{"name":"guarded","guard":{"name":"cooldown","until":1700000000000}},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"proposal_refused","incident":"i7","action":"scale","refusal":{"name":"guarded","guard":{"name":"rate","until":1700000000000}},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"proposal_refused","incident":"i7","action":"scale","refusal":{"name":"guarded","guard":{"name":"blast_radius","targets":3}},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"proposal_refused","incident":"i7","action":"scale","refusal":{"name":"guarded","guard":{"name":"blast_radius","targets":2,"label":"zone"}},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"proposal_refused","incident":"i7","action":"scale","refusal":{"name":"guarded","guard":{"name":"blast_radius_unknown","error":"no answer"}},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"proposal_refused","incident":"i7","action":"scale","refusal":{"name":"guarded","guard":{"name":"maintenance","window":"upgrades","until":1700000000000}},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"proposal_refused","incident":"i7","action":"scale","refusal":{"name":"guarded","guard":{"name":"circuit_open","runs":3,"until":1700000000000}},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"proposal_refused","incident":"i7","action":"scale","refusal":{"name":"guarded","guard":{"name":"paused","by":"bob"}},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"proposal_refused","incident":"i7","action":"scale","refusal":{"name":"guarded","guard":{"name":"storm"}},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"execution_refused","request":"r12-9f3a","guard":{"name":"not_active"},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"execution_refused","request":"r12-9f3a","guard":{"name":"silenced","by":"silence 7"},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"execution_refused","request":"r12-9f3a","guard":{"name":"usual"},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"execution_refused","request":"r12-9f3a","guard":{"name":"silences_unknown","error":"connection refused"},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"execution_refused","request":"r12-9f3a","guard":{"name":"digest_changed"},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"execution_refused","request":"r12-9f3a","guard":{"name":"stale"},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"execution_refused","request":"r12-9f3a","guard":{"name":"late"},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"execution_refused","request":"r12-9f3a","guard":{"name":"target_busy","request":"r3-0000"},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"execution_refused","request":"r12-9f3a","guard":{"name":"cooldown","until":1700000000000},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"execution_refused","request":"r12-9f3a","guard":{"name":"rate","until":1700000000000},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"execution_refused","request":"r12-9f3a","guard":{"name":"blast_radius","targets":3},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"execution_refused","request":"r12-9f3a","guard":{"name":"blast_radius","targets":2,"label":"zone"},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"execution_refused","request":"r12-9f3a","guard":{"name":"blast_radius_unknown","error":"no answer"},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"execution_refused","request":"r12-9f3a","guard":{"name":"maintenance","window":"upgrades","until":1700000000000},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"execution_refused","request":"r12-9f3a","guard":{"name":"circuit_open","runs":3,"until":1700000000000},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"execution_refused","request":"r12-9f3a","guard":{"name":"paused","by":"bob"},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"execution_refused","request":"r12-9f3a","guard":{"name":"storm"},"retry_at":1700000000000}
        {"at":1700000000000,"kind":"execution_finished","request":"r12-9f3a","result":"succeeded","output":"line\n\u001b[0m"}
        {"at":1700000000000,"kind":"execution_finished","request":"r12-9f3a","result":"failed","error":""}
        {"at":1700000000000,"kind":"execution_finished","request":"r12-9f3a","result":"unknown","error":"timed out"}
        {"at":1700000000000,"kind":"execution_finished","request":"r12-9f3a","result":"dry_run"}
        {"at":1700000000000,"kind":"verification_observed","request":"r12-9f3a","sample_at":1700000000000,"health":"healthy"}
        {"at":1700000000000,"kind":"verification_observed","request":"r12-9f3a","sample_at":1700000000000,"health":"unhealthy"}
        {"at":1700000000000,"kind":"verification_observed","request":"r12-9f3a","sample_at":1700000000000,"health":"unjudged"}
        {"at":1700000000000,"kind":"verification_finished","request":"r12-9f3a","outcome":"fixed","reason":"seen"}
        {"at":1700000000000,"kind":"verification_finished","request":"r12-9f3a","outcome":"ineffective","reason":"seen"}
        {"at":1700000000000,"kind":"verification_finished","request":"r12-9f3a","outcome":"inconclusive","reason":"seen"}
    "#]].assert_eq(&(lines.join("\n") + "\n"));
}

/// What was stored before requests had terms, people groups, and messages a stage.
const WITHOUT_TERMS: &str = include_str!("journals/without-terms.jsonl");

#[test]
fn old_lines_are_still_read_and_mean_what_they_meant() {
    let mut book = tidegate_domain::book::Book::default();
    let rules = crate::world::rules();
    for line in WITHOUT_TERMS.lines() {
        let event: Event = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        book.apply(&event);
        if let Fact::RequestOpened { .. } = event.fact {
            // It goes on waiting for one yes, of anybody who may decide now.
            let deciders = tidegate_domain::decide::deciders(&book, &rules, &request());
            assert_eq!(deciders, ["alice", "bob"]);
            assert_eq!(tidegate_domain::decide::missing(&book, &rules, &request()), [Quorum::default()]);
            assert_eq!(tidegate_domain::owed::next_deadline(&book, &rules, START), Some(proposal(http()).deadline));
        }
    }
    let request = book.request(&request()).expect("it was opened");
    assert_eq!(request.proposal.terms, AskedTerms::default());
    assert_eq!(book.untold_requests().count(), 0, "nobody is told news of long ago");
}

#[test]
fn lines_that_are_cut_or_of_another_kind_are_refused() {
    let line = serde_json::to_string(&Event { at: START, fact: facts().swap_remove(1) }).expect("an event is JSON");
    for cut in [0, 1, line.len() / 2, line.len() - 1] {
        assert!(serde_json::from_str::<Event>(&line[..cut]).is_err(), "{}", &line[..cut]);
    }
    for text in [r#"{"at":1,"kind":"moon_landed"}"#, r#"{"kind":"storm_ended"}"#, r#"{"at":1}"#, "null", "[]"] {
        assert!(serde_json::from_str::<Event>(text).is_err(), "{text}");
    }
}

#[test]
fn a_fact_about_something_unknown_changes_nothing_but_its_own() {
    let mut book = tidegate_domain::book::Book::default();
    for fact in facts() {
        let opens = matches!(fact, Fact::IncidentOpened { .. } | Fact::RequestOpened { .. });
        if !opens {
            book.apply(&Event { at: START, fact });
        }
    }
    assert!(book.incidents().is_empty() && book.requests().is_empty());
}
