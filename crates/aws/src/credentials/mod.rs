//! How accounts are signed in to: one way for every source.
//!
//! A [`SignIn`] is what a user writes. It becomes a [`Chain`]: where the first credentials come from, and the roles that are
//! assumed from there, one with the credentials of the one before. Each link keeps its credentials until they end, and renews
//! them at half of their life ([`Kept`]), so that an outage of STS goes by unnoticed.

mod ambient;
mod assumed;
mod kept;
mod section;

use aws_credential_types::{Credentials as SdkCredentials, provider::SharedCredentialsProvider};
use aws_types::SdkConfig;
use secrecy::{ExposeSecret, SecretString};

pub(crate) use ambient::ambient;
pub(crate) use assumed::{Assumed, session_name};
pub(crate) use kept::{Kept, SignInError, find};
pub use section::{Role, SignIn, is_account};

/// A key pair.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub access_secret: SecretString,
}

/// Where the first credentials come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// The configuration.
    Keys(Credentials),
    /// The machine: environment, profile, web identity, container or instance.
    Ambient,
}

/// The way to the credentials that calls are made with.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) source: Source,
    /// Assumed in this order.
    pub(crate) roles: Vec<Role>,
}

/// Who signs, and what to renew when AWS says that its time is over; keys of a user have no end.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) provider: SharedCredentialsProvider,
    pub(crate) kept: Option<Kept>,
}

impl Signer {
    pub(crate) fn keys(keys: &Credentials) -> Signer {
        let (key, secret) = (keys.access_key.as_str(), keys.access_secret.expose_secret());
        let keys = SdkCredentials::new(key, secret, None, None, "configuration");
        Signer { provider: SharedCredentialsProvider::new(keys), kept: None }
    }

    pub(crate) fn kept(kept: Kept) -> Signer {
        Signer { provider: SharedCredentialsProvider::new(kept.clone()), kept: Some(kept) }
    }

    /// Whoever `role` makes of this signer, whose calls are made by `sts`.
    pub(crate) fn in_role(
        role: &Role,
        session: &str,
        sts: &SdkConfig,
        clock: std::sync::Arc<dyn quittance_core::Clock>,
    ) -> Signer {
        let life = assumed::LIFE;
        Signer::kept(Kept::new(role.arn.clone(), Assumed::new(role.clone(), session, sts), Some(life), clock))
    }
}
