//! An opened remediation policy: one fresh instance a question, so that no answer depends on an earlier one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::ResourceAny;

use crate::bindings::remediation::RemediationGuest;
use crate::bindings::remediation::exports::tidegate::plugin::remediation as wit;
use crate::error::CallError;
use crate::guest::Remediation;
use crate::host_metrics::{self, Line, MetricsSource};
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
        opened.instance(None)?;
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
    ///
    /// # Errors
    ///
    /// Every way in which a guest can fail to answer. None of them means "leave it".
    pub fn propose(&self, incident: &Incident, metrics: &dyn MetricsSource) -> Result<Decision, CallError> {
        let opened = &*self.0;
        let began = Instant::now();
        let answer = opened.propose(incident, metrics);
        opened.warden.counters.called(began, &answer);
        answer
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
    fn propose(&self, incident: &Incident, metrics: &dyn MetricsSource) -> Result<Decision, CallError> {
        self.warden.admit()?;
        let incident = wit::Incident::from(incident);
        if !self.code.asks_metrics {
            return self.ask(&incident, None);
        }
        let limits = &self.warden.limits;
        let (line, desk) = host_metrics::line(limits.max_queries, limits.max_text_bytes);
        std::thread::scope(|scope| {
            let asking = std::thread::Builder::new()
                .name("tidegate-policy".to_owned())
                .spawn_scoped(scope, || self.ask(&incident, Some(line)))
                .map_err(|error| CallError::NoRoom {
                    why: format!("no thread for a policy that asks for metrics: {error}"),
                })?;
            // Ends when the instance goes and the line with it.
            desk.serve(metrics);
            asking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    fn ask(&self, incident: &wit::Incident, line: Option<Line>) -> Result<Decision, CallError> {
        let Live { mut store, guest, policy } = self.instance(line)?;
        let limits = &self.warden.limits;
        let answer_bytes = limits.max_arguments_bytes + SLACK;
        arm_with_questions(&mut store, limits.call_timeout, answer_bytes);
        let decision = guest
            .tidegate_plugin_remediation()
            .policy()
            .call_propose(&mut store, policy, incident)
            .map_err(|error| self.warden.judge(&store, &error, limits.call_timeout))?
            .map_err(|error| self.warden.own_error(error))?;
        match decision {
            wit::Decision::Leave(reason) => Ok(Decision::Leave(self.warden.text(reason))),
            wit::Decision::Propose(plan) => self.checked(plan).map(Decision::Propose),
        }
    }

    fn instance(&self, line: Option<Line>) -> Result<Live, CallError> {
        let timeout: Duration = self.warden.limits.open_timeout;
        let mut store = self.warden.store(line);
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
                summary: self.warden.text(plan.summary),
                rationale: self.warden.text(plan.rationale),
                action: plan.action,
                arguments,
            }),
            Ok(_) => bad("arguments that are JSON and no object".to_owned()),
            Err(error) => bad(format!("arguments that are not JSON: {error}")),
        }
    }
}
