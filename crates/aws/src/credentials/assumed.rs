//! Credentials of a role.

use std::time::{Duration, SystemTime};

use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, Result, error::CredentialsError, future},
};
use aws_types::SdkConfig;

use super::{Role, SignInError};
use crate::AwsError;

/// What is asked for: AWS refuses more where a role is assumed with a role's credentials.
pub(crate) const LIFE: Duration = Duration::from_secs(3600);

/// The longest name of a session.
const SESSION_NAME: usize = 64;

/// Asks STS for a role's credentials, each time it is asked.
#[derive(Debug)]
pub(crate) struct Assumed {
    sts: aws_sdk_sts::Client,
    role: Role,
    session: String,
}

impl Assumed {
    /// `sts` signs as whoever may assume the role.
    pub(crate) fn new(role: Role, session: &str, sts: &SdkConfig) -> Self {
        Assumed { sts: aws_sdk_sts::Client::new(sts), role, session: session.to_owned() }
    }

    async fn ask(&self) -> Result {
        let request = self.sts.assume_role().role_arn(&self.role.arn).role_session_name(&self.session);
        let request = request.set_external_id(self.role.external_id.clone());
        let request = request.duration_seconds(i32::try_from(LIFE.as_secs()).unwrap_or(i32::MAX));
        let answer = request.send().await;
        let answer = answer.map_err(|error| SignInError::from(AwsError::api("AssumeRole", &self.role.arn, error)))?;
        let given =
            answer.credentials.ok_or_else(|| CredentialsError::unhandled("AssumeRole answered without credentials"))?;
        let expiry = SystemTime::try_from(given.expiration).ok();
        Ok(Credentials::new(
            given.access_key_id,
            given.secret_access_key,
            Some(given.session_token),
            expiry,
            "AssumeRole",
        ))
    }
}

impl ProvideCredentials for Assumed {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.ask())
    }
}

/// The name of our sessions, which the other account reads in its trail: the input's id, in what letters are allowed.
pub(crate) fn session_name(id: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "_+=,.@-".contains(c) { c } else { '-' };
    let mut name = format!("quittance-{}", id.chars().map(allowed).collect::<String>());
    name.truncate(SESSION_NAME);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_named_after_its_input_in_the_letters_that_aws_allows() {
        assert_eq!(session_name("12351"), "quittance-12351");
        assert_eq!(session_name("a b/ä:1"), "quittance-a-b---1");
        assert_eq!(session_name(&"x".repeat(100)).len(), SESSION_NAME);
    }
}
