//! An opened remediation policy: one fresh instance for each incident it is asked about, so that no answer depends on an
//! earlier one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::ResourceAny;

use crate::bindings::remediation::RemediationGuest;
use crate::bindings::remediation::exports::tidegate::plugin::remediation as wit;
use crate::error::CallError;
use crate::guest::Remediation;
use crate::host_metrics::{self, Line, MetricsSource, Questions};
use crate::incident::{ActionOffer, Decision, Incident, Plan};
use crate::store::{HostState, arm_with_questions};
use crate::text::one_line;
use crate::warden::{SLACK, Warden};

/// A configured policy. Cheap to clone; may be asked from any number of threads at once.
#[derive(Clone)]
pub struct Policy(Arc<Opened>);

struct Opened {
    warden: Arc<Warden>,
    code: Remediation,
    settings: String,
    actions: Vec<wit::ActionInfo>,
}

/// An instance with its opened policy.
struct Live {
    store: Store<HostState>,
    guest: RemediationGuest,
    policy: ResourceAny,
}

/// What came of asking a policy.
#[derive(Debug, Clone)]
pub struct Consultation {
    /// Its decision, or every way in which a guest can fail to answer. None of them means "leave it".
    pub decision: Result<Decision, CallError>,
    /// What it asked Prometheus meanwhile, and what it was told: with the same replies it decides the same.
    pub questions: Questions,
}

impl Policy {
    pub(crate) fn open(
        warden: Arc<Warden>,
        code: &Remediation,
        settings: &Value,
        actions: &[ActionOffer],
    ) -> Result<Self, CallError> {
        warden.admit()?;
        let opened = Opened {
            warden,
            code: code.clone(),
            settings: settings.to_string(),
            actions: actions.iter().map(Into::into).collect(),
        };
        // Only to see that it opens.
        opened.instance()?;
        Ok(Self(Arc::new(opened)))
    }

    /// SHA-256 of the guest's bytes, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.0.warden.compiled.digest
    }

    /// The name that the guest was loaded under.
    pub fn guest_name(&self) -> &str {
        &self.0.warden.guest
    }

    /// Asks what to do about an incident. `metrics` is asked only if the guest was granted `host-metrics`.
    ///
    /// Blocks for as long as the guest computes and its questions take: not for threads of an async runtime.
    pub fn consult(&self, incident: &Incident, metrics: &dyn MetricsSource) -> Consultation {
        let opened = &*self.0;
        let began = Instant::now();
        let consultation = opened.consult(incident, metrics);
        opened.warden.counters.called(began, &consultation.decision);
        consultation
    }

    /// As [`Policy::consult`], for callers that keep no evidence.
    ///
    /// # Errors
    ///
    /// Every way in which a guest can fail to answer. None of them means "leave it".
    pub fn propose(&self, incident: &Incident, metrics: &dyn MetricsSource) -> Result<Decision, CallError> {
        self.consult(incident, metrics).decision
    }
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy")
            .field("guest", &self.guest_name())
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}

impl Opened {
    fn consult(&self, incident: &Incident, metrics: &dyn MetricsSource) -> Consultation {
        let unasked = |error| Consultation { decision: Err(error), questions: Questions::default() };
        if let Err(quarantined) = self.warden.admit() {
            return unasked(quarantined);
        }
        let incident = wit::Incident::from(incident);
        if !self.code.asks_metrics {
            return self.ask(&incident, None);
        }
        let (line, desk) = host_metrics::line(&self.warden.limits);
        std::thread::scope(|scope| {
            let asking = std::thread::Builder::new()
                .name("tidegate-policy".to_owned())
                .spawn_scoped(scope, || self.ask(&incident, Some(line)));
            match asking {
                Ok(asking) => {
                    // Ends when the instance goes and the line with it.
                    desk.serve(metrics);
                    asking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                }
                Err(error) => {
                    unasked(CallError::NoRoom { why: format!("no thread for a policy that asks for metrics: {error}") })
                }
            }
        })
    }

    fn ask(&self, incident: &wit::Incident, line: Option<Line>) -> Consultation {
        let Live { mut store, guest, policy } = match self.instance() {
            Ok(live) => live,
            Err(error) => return Consultation { decision: Err(error), questions: Questions::default() },
        };
        // Not before it is open: what `open` makes of the settings must not depend on the hour.
        store.data_mut().line = line;
        let limits = &self.warden.limits;
        arm_with_questions(&mut store, limits.call_timeout, limits.max_arguments_bytes + SLACK);
        store.data_mut().machine.call_begins_at(incident.since);
        let answer = guest.tidegate_plugin_remediation().policy().call_propose(&mut store, policy, incident);
        let decision = match answer {
            Ok(Ok(wit::Decision::Leave(reason))) => Ok(Decision::Leave(self.warden.text(reason))),
            Ok(Ok(wit::Decision::Propose(plan))) => self.checked(plan).map(Decision::Propose),
            Ok(Err(error)) => Err(self.warden.own_error(error)),
            Err(error) => Err(self.warden.judge(&store, &error, limits.call_timeout)),
        };
        let questions = store.data_mut().line.take().map(Line::into_questions).unwrap_or_default();
        Consultation { decision, questions }
    }

    fn instance(&self) -> Result<Live, CallError> {
        let timeout: Duration = self.warden.limits.open_timeout;
        let mut store = self.warden.store();
        arm_with_questions(&mut store, timeout, SLACK);
        let instance = self.warden.instantiate(&mut store, &self.code.pre)?;
        let opened = self.code.indices.load(&mut store, &instance).and_then(|guest| {
            let policy =
                guest.tidegate_plugin_remediation().policy().call_open(&mut store, &self.settings, &self.actions)?;
            Ok((guest, policy))
        });
        let (guest, policy) = opened.map_err(|error| self.warden.judge(&store, &error, timeout))?;
        let policy = policy.map_err(|error| self.warden.own_error(error))?;
        Ok(Live { store, guest, policy })
    }

    /// Takes over a plan that names an action on offer and whose arguments are a JSON object.
    fn checked(&self, plan: wit::Plan) -> Result<Plan, CallError> {
        let bad = |what| Err(CallError::BadAnswer { what });
        if !self.actions.iter().any(|offer| offer.name == plan.action) {
            let offered: Vec<_> = self.actions.iter().map(|offer| &*offer.name).collect();
            return bad(format!(
                "it proposes the action {:?}, which was not offered; offered: {}",
                one_line(&plan.action, self.warden.limits.max_text_bytes),
                if offered.is_empty() { "none".to_owned() } else { offered.join(", ") },
            ));
        }
        let (length, max) = (plan.arguments.len(), self.warden.limits.max_arguments_bytes);
        if length > max {
            return bad(format!("arguments of {length} bytes, more than the {max} allowed"));
        }
        match serde_json::from_str(&plan.arguments) {
            Ok(Value::Object(arguments)) => Ok(Plan {
                // One line by the contract: a second one could look like something that the host says beside it.
                summary: one_line(&plan.summary, self.warden.limits.max_text_bytes),
                rationale: self.warden.text(plan.rationale),
                action: plan.action,
                arguments,
            }),
            Ok(_) => bad("arguments that are JSON and no object".to_owned()),
            Err(error) => bad(format!("arguments that are not JSON: {error}")),
        }
    }
}
