//! Remediation policies: the trait that an author implements, and the adapter between it and the contract.
//!
//! A policy decides on plain data. It never acts, and it must not assume that a proposal was carried out: what became of
//! it comes back as an attempt in the next incident it is asked about.

use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::bindings::remediation::exports::tidegate::plugin::remediation as contract;
use crate::{ActionInfo, Decision, Error, Incident, Manifest, log, settings};

/// A policy: reads an incident and proposes one of the offered actions, or says why not.
pub trait Policy: Sized + 'static {
    /// Short name in kebab case; usually `env!("CARGO_PKG_NAME")`.
    const NAME: &'static str;
    /// The guest's version, by semantic versioning; usually `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str;
    /// One sentence for people.
    const SUMMARY: &'static str;

    /// The settings object. Its JSON Schema is made from this type; doc comments on its fields end up in there.
    type Settings: DeserializeOwned + JsonSchema;

    /// Checks the settings against the actions on offer.
    ///
    /// # Errors
    /// [`Error::InvalidSettings`] with the key, what is wrong with it and what it should be.
    fn open(settings: Self::Settings, actions: Vec<ActionInfo>) -> Result<Self, Error>;

    /// Answers one incident.
    ///
    /// # Errors
    /// Where no answer is possible. "Better leave it alone" is an answer: [`Decision::Leave`].
    fn propose(&self, incident: &Incident) -> Result<Decision, Error>;
}

/// A configured policy behind the calls of the contract.
pub struct Configured<P> {
    policy: P,
}

impl<P: Policy> Configured<P> {
    /// Reads the settings, a JSON object, and checks them against the actions on offer.
    ///
    /// # Errors
    /// [`Error::InvalidSettings`] where the settings are not usable.
    pub fn open(settings: &str, actions: Vec<ActionInfo>) -> Result<Self, Error> {
        let policy = P::open(settings::parse(settings)?, actions)?;
        Ok(Configured { policy })
    }

    /// Answers one incident.
    ///
    /// # Errors
    /// Whatever the policy could not do.
    pub fn propose(&self, incident: &Incident) -> Result<Decision, Error> {
        self.policy.propose(incident)
    }
}

/// What a policy says of itself.
pub fn describe<P: Policy>() -> Manifest {
    Manifest {
        name: P::NAME.to_owned(),
        version: P::VERSION.to_owned(),
        summary: P::SUMMARY.to_owned(),
        settings_schema: settings::schema::<P::Settings>(),
    }
}

/// The component that [`export_policy!`](crate::export_policy!) exports.
pub struct Component<P>(PhantomData<P>);

impl<P: Policy> contract::Guest for Component<P> {
    type Policy = Configured<P>;

    fn describe() -> Manifest {
        log::report_panics();
        describe::<P>()
    }
}

impl<P: Policy> contract::GuestPolicy for Configured<P> {
    fn open(settings: String, actions: Vec<ActionInfo>) -> Result<contract::Policy, Error> {
        log::report_panics();
        Configured::<P>::open(&settings, actions).map(contract::Policy::new)
    }

    fn propose(&self, incident: Incident) -> Result<Decision, Error> {
        Configured::propose(self, &incident)
    }
}

/// Makes a type that implements [`Policy`] the policy that a component exports. Once per crate; expands to nothing on
/// native targets, where the exported symbols would not link.
#[macro_export]
macro_rules! export_policy {
    ($policy:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Component = $crate::policy::Component<$policy>;
    $crate::bindings::remediation::export!(Component with_types_in $crate::bindings::remediation);
        };
    };
}
