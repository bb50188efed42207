//! How a command ends when it does not end well, and the exit code that says so.

use std::process::ExitCode;

use crate::check::CheckError;
use crate::config::ConfigErrors;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Tried and did not work: nobody answers, a file cannot be read.
    #[error("error: {0}")]
    Failed(String),
    /// The command line is at fault, beyond what its grammar tells.
    #[error("error: {0}")]
    Usage(String),
    /// The config is at fault.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The host understood and said no.
    #[error("refused: {0}")]
    Refused(String),
    /// The answer has been given, and it is a bad one; only the exit code is left to say.
    #[error("see the answer above")]
    Answered(u8),
}

impl Failure {
    /// The exit code, as the help text documents it.
    pub(super) fn code(&self) -> ExitCode {
        ExitCode::from(self.number())
    }

    pub(super) fn number(&self) -> u8 {
        match self {
            Failure::Failed(_) => 1,
            Failure::Usage(_) | Failure::Config(_) => 2,
            Failure::Refused(_) => 3,
            Failure::Answered(code) => *code,
        }
    }
}

impl From<CheckError> for Failure {
    fn from(error: CheckError) -> Failure {
        match error {
            CheckError::Config(errors) => Failure::Config(errors),
            other => Failure::Failed(other.to_string()),
        }
    }
}

/// The service fails as a whole. A config that only proves bad when its guests are loaded is still a bad config.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        match error.downcast::<ConfigErrors>() {
            Ok(errors) => Failure::Config(errors),
            Err(error) => Failure::Failed(format!("{error:#}")),
        }
    }
}
