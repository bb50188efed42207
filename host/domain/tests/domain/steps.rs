//! What random lives of the gate are made of: steps in any order, and terms of every kind.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tidegate_domain::event::{Health, MemberEnd};
use tidegate_domain::rules::Severity;
use tidegate_domain::terms::{Autonomy, Escalate, Quorum, Terms};

use crate::world::minutes;

/// Something that may happen. Numbers pick among what there is.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Pass(u64),
    /// Something that is owed or waited for, as a host and people would do it.
    Follow {
        pick: usize,
        action: usize,
        well: bool,
    },
    Opened {
        service: u8,
        pod: u8,
        severe: bool,
    },
    Again {
        service: u8,
        pod: u8,
        back: u64,
    },
    Ended {
        service: u8,
        pod: u8,
        how: MemberEnd,
    },
    Worse {
        service: u8,
    },
    Absent {
        service: u8,
    },
    Returned {
        service: u8,
    },
    Look {
        service: u8,
        health: Health,
    },
    Survey {
        anomalous: usize,
    },
    Alerts {
        key: u8,
        alerts: Vec<(u8, u8, bool)>,
        by: Option<usize>,
        left_out: Option<u64>,
    },
    /// What a delivery left out was fetched.
    Fetched {
        pick: usize,
        alerts: Vec<(u8, u8, bool)>,
    },
    /// Alertmanager was asked so many minutes ago: which alerts it lists, which it knows to be gone, what holds it back.
    LookedUp {
        pick: usize,
        age: u64,
        firing: Vec<u8>,
        gone: Vec<u8>,
        silence: u8,
    },
    /// What the detectors say of each alert.
    Judged {
        pick: usize,
        verdicts: Vec<u8>,
    },
    /// Somebody silences an incident, or ends that.
    Silenced {
        pick: usize,
        name: u8,
        ended: bool,
    },
    Answer {
        pick: usize,
        action: usize,
        fresh: bool,
        silence: u8,
    },
    Leave {
        pick: usize,
    },
    Decide {
        pick: usize,
        who: usize,
        yes: bool,
        reason: bool,
    },
    Remind {
        pick: usize,
    },
    Roster {
        members: Vec<usize>,
    },
    /// Somebody gets another role, or joins or leaves a group.
    Staff {
        who: usize,
        change: usize,
    },
    Start {
        pick: usize,
        silenced: bool,
    },
    Ran {
        pick: usize,
        result: usize,
    },
    Required {
        pick: usize,
        met: bool,
    },
    Pause(bool),
    Reconfigure {
        restart_risk: bool,
        watch: bool,
    },
    /// The host dies after everything was stored.
    Crash,
    /// The host dies while it stores what follows from the step: only so many of its events are kept.
    CrashWithin {
        step: Box<Step>,
        kept: usize,
    },
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let (service, pod, pick) = (0..3u8, 0..2u8, 0..4usize);
    let how = prop_oneof![Just(MemberEnd::Recovered), Just(MemberEnd::Accepted), Just(MemberEnd::Vanished)];
    let health = prop_oneof![3 => Just(Health::Healthy), 1 => Just(Health::Unhealthy), 1 => Just(Health::Unjudged)];
    let alerts = vec((0..3u8, 0..4u8, any::<bool>()), 1..4);
    let plain = prop_oneof![
        20 => prop_oneof![12 => 0..3u64, 1 => 4..90u64].prop_map(Step::Pass),
        60 => (0..8usize, 0..7usize, prop::bool::weighted(0.8))
            .prop_map(|(pick, action, well)| Step::Follow { pick, action, well }),
        5 => (service.clone(), pod.clone(), any::<bool>())
            .prop_map(|(service, pod, severe)| Step::Opened { service, pod, severe }),
        1 => (service.clone(), pod.clone(), 0..60u64).prop_map(|(service, pod, back)| Step::Again { service, pod, back }),
        2 => (service.clone(), pod, how).prop_map(|(service, pod, how)| Step::Ended { service, pod, how }),
        1 => service.clone().prop_map(|service| Step::Worse { service }),
        1 => service.clone().prop_map(|service| Step::Absent { service }),
        1 => service.clone().prop_map(|service| Step::Returned { service }),
        8 => (service, health).prop_map(|(service, health)| Step::Look { service, health }),
        1 => (0..20usize).prop_map(|anomalous| Step::Survey { anomalous }),
        3 => (0..2u8, alerts.clone(), option::of(0..NAMES.len()), option::weighted(0.3, 0..4u64))
            .prop_map(|(key, alerts, by, left_out)| Step::Alerts { key, alerts, by, left_out }),
        1 => (pick.clone(), alerts).prop_map(|(pick, alerts)| Step::Fetched { pick, alerts }),
        6 => (pick.clone(), 0..2u64, vec(0..3u8, 0..3), vec(0..3u8, 0..3), 0..4u8)
            .prop_map(|(pick, age, firing, gone, silence)| Step::LookedUp { pick, age, firing, gone, silence }),
        2 => (pick.clone(), vec(0..4u8, 0..4)).prop_map(|(pick, verdicts)| Step::Judged { pick, verdicts }),
        2 => (pick.clone(), 0..3u8, any::<bool>()).prop_map(|(pick, name, ended)| Step::Silenced { pick, name, ended }),
        10 => (pick.clone(), 0..7usize, prop::bool::weighted(0.9), prop_oneof![8 => Just(0u8), 1 => 0..4u8])
            .prop_map(|(pick, action, fresh, silence)| Step::Answer { pick, action, fresh, silence }),
        1 => pick.clone().prop_map(|pick| Step::Leave { pick }),
        12 => (pick.clone(), 0..NAMES.len(), prop::bool::weighted(0.9), any::<bool>())
            .prop_map(|(pick, who, yes, reason)| Step::Decide { pick, who, yes, reason }),
        1 => pick.clone().prop_map(|pick| Step::Remind { pick }),
        2 => vec(0..NAMES.len(), 0..3).prop_map(|members| Step::Roster { members }),
        1 => (0..NAMES.len(), 0..6usize).prop_map(|(who, change)| Step::Staff { who, change }),
        10 => (pick.clone(), prop::bool::weighted(0.1)).prop_map(|(pick, silenced)| Step::Start { pick, silenced }),
        8 => (pick.clone(), 0..6usize).prop_map(|(pick, result)| Step::Ran { pick, result }),
        3 => (pick, any::<bool>()).prop_map(|(pick, met)| Step::Required { pick, met }),
        1 => prop::bool::weighted(0.2).prop_map(Step::Pause),
        1 => (any::<bool>(), prop::bool::weighted(0.8))
            .prop_map(|(restart_risk, watch)| Step::Reconfigure { restart_risk, watch }),
    ];
    let plain = plain.boxed();
    prop_oneof![
        50 => plain.clone(),
        1 => Just(Step::Crash),
        1 => (plain, 0..3usize).prop_map(|(step, kept)| Step::CrashWithin { step: Box::new(step), kept }),
    ]
}

/// Terms of every kind, most often those that one person can meet.
pub(crate) fn terms() -> impl Strategy<Value = Terms> {
    let of = |group: Option<&str>| group.map(str::to_owned);
    let quorum = prop_oneof![
        4 => Just(vec![Quorum::default()]),
        2 => (1..4u32).prop_map(|count| vec![Quorum { count, of: None }]),
        1 => (1..3u32).prop_map(move |count| vec![Quorum { count, of: of(Some("shop")) }]),
        1 => Just(vec![Quorum { count: 2, of: None }, Quorum { count: 1, of: of(Some("oncall")) }]),
    ];
    let approvers = prop_oneof![3 => Just(vec![]), 1 => Just(vec!["erin", "shop", "oncall"]), 1 => Just(vec!["leads"])];
    let escalate = option::of((1..5u64, prop_oneof![Just("leads"), Just("bank"), Just("oncall")]));
    let autonomy = option::weighted(0.8, (1..3u32, prop_oneof![Just(Severity::Medium), Just(Severity::Critical)]));
    let limit = prop_oneof![Just(Severity::Low), Just(Severity::Medium)];
    let flags = (prop::bool::weighted(0.2), any::<bool>(), any::<bool>());
    (quorum, approvers, escalate, autonomy, limit, flags).prop_map(
        |(quorum, approvers, escalate, autonomy, auto_approve, (require_reason, allow_own, remind))| Terms {
            remind_before: remind.then(|| minutes(3)),
            escalate: escalate.map(|(after, to)| Escalate { after: minutes(after), to: vec![to.to_owned()] }),
            approvers: (!approvers.is_empty()).then(|| approvers.iter().map(|name| (*name).to_owned()).collect()),
            quorum,
            require_reason,
            allow_own,
            auto_approve,
            autonomy: autonomy.map(|(after, up_to)| Autonomy { after, up_to }),
            ..Terms::default()
        },
    )
}

pub(crate) const NAMES: [&str; 8] = ["alice", "bob", "carol", "dave", "erin", "frank", "vic", "mallory"];
pub(crate) const ACTIONS: [&str; 7] = ["restart", "flush", "scale", "again", "again", "pretend", "proven"];
