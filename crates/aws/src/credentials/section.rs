//! The section `credentials:` of a configuration.

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{Chain, Credentials, Source};
use crate::PlanError;

/// How to sign in. Without keys, the machine's own credentials are used: environment, profile, web identity, container or
/// instance.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "Credentials")]
pub struct SignIn {
    /// Access key id, or `file:` and the file that holds it.
    #[serde(alias = "aws_access_key_id")]
    #[schemars(with = "Option<String>")]
    #[schemars(extend("writeOnly" = true, "examples" = ["AKIA..."], "x-aliases" = ["aws_access_key_id"]))]
    pub access_key: Option<SecretString>,
    /// Secret access key, or `file:` and the file that holds it.
    #[serde(alias = "aws_secret_access_key")]
    #[schemars(with = "Option<String>")]
    #[schemars(extend("writeOnly" = true, "examples" = ["file:/run/secrets/access_secret"]))]
    #[schemars(extend("x-aliases" = ["aws_secret_access_key"]))]
    pub access_secret: Option<SecretString>,
    /// The ARN of a role that is assumed first, with the keys or the machine's own credentials.
    #[serde(alias = "aws_base_account_role")]
    #[schemars(extend("examples" = ["arn:aws:iam::111122223333:role/quittance"]))]
    #[schemars(extend("x-aliases" = ["aws_base_account_role"]))]
    pub base_assume_role: Option<String>,
    /// The ARN of a role in another account, which is assumed from there.
    #[serde(alias = "aws_cross_account_role")]
    #[schemars(extend("examples" = ["arn:aws:iam::444455556666:role/quittance"]))]
    #[schemars(extend("x-aliases" = ["aws_cross_account_role"]))]
    pub target_assume_role: Option<String>,
    /// The external id that the other account wants to hear. It is sent with the request for `target_assume_role` alone.
    #[serde(alias = "aws_external_id")]
    #[schemars(extend("x-aliases" = ["aws_external_id"]))]
    pub assume_role_external_id: Option<String>,
}

/// A role to assume.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// The external id that its trust policy wants.
    pub external_id: Option<String>,
}

impl SignIn {
    /// Finds what cannot be meant; the key of the problem is relative to the section.
    pub fn check(&self) -> Result<(), PlanError> {
        self.chain().map(drop)
    }

    /// Whether a target role is named.
    pub fn has_target(&self) -> bool {
        written(&self.target_assume_role).is_some()
    }

    /// The role ARNs that are named, in their order.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        [&self.base_assume_role, &self.target_assume_role].into_iter().filter_map(written)
    }

    pub(crate) fn chain(&self) -> Result<Chain, PlanError> {
        let shown = |secret: &Option<SecretString>| {
            secret.as_ref().map(ExposeSecret::expose_secret).is_some_and(|secret| !secret.is_empty())
        };
        let source = match (&self.access_key, &self.access_secret) {
            (Some(key), Some(secret)) if shown(&self.access_key) && shown(&self.access_secret) => {
                let access_key = key.expose_secret().trim().to_owned();
                Source::Keys(Credentials { access_key, access_secret: secret.clone() })
            }
            _ if shown(&self.access_key) => return Err(alone("access_key", "access_secret")),
            _ if shown(&self.access_secret) => return Err(alone("access_secret", "access_key")),
            _ => Source::Ambient,
        };
        let mut roles = Vec::new();
        if let Some(arn) = written(&self.base_assume_role) {
            roles.push(Role { arn: role_arn("base_assume_role", arn)?, external_id: None });
        }
        let external_id = written(&self.assume_role_external_id);
        match (written(&self.target_assume_role), external_id) {
            (Some(arn), external_id) => {
                let arn = role_arn("target_assume_role", arn)?;
                let external_id =
                    external_id.map(|id| checked_external_id("assume_role_external_id", id)).transpose()?;
                roles.push(Role { arn, external_id });
            }
            (None, Some(_)) => {
                let problem = "goes with `target_assume_role`, the role in the other account that asks for it: expected that \
                               key too, or neither";
                return Err(PlanError::new("assume_role_external_id", problem));
            }
            (None, None) => {}
        }
        if let [base, target] = &roles[..]
            && partition(&base.arn) != partition(&target.arn)
        {
            let problem = format!(
                "a role in `{}` cannot be assumed from one in `{}`: expected roles of one partition",
                partition(&target.arn),
                partition(&base.arn)
            );
            return Err(PlanError::new("target_assume_role", problem));
        }
        Ok(Chain { source, roles })
    }
}

impl From<Credentials> for Chain {
    fn from(keys: Credentials) -> Chain {
        Chain { source: Source::Keys(keys), roles: Vec::new() }
    }
}

impl Role {
    /// The role with this ARN; `keys` name it and its external id in problems.
    pub fn new(keys: (&str, &str), arn: &str, external_id: Option<&str>) -> Result<Role, PlanError> {
        let external_id =
            external_id.filter(|id| !id.is_empty()).map(|id| checked_external_id(keys.1, id)).transpose()?;
        Ok(Role { arn: role_arn(keys.0, arn)?, external_id })
    }
}

fn alone(key: &str, other: &str) -> PlanError {
    let problem = format!(
        "stands without `{other}`: expected both keys, or neither for the machine's own credentials (environment, profile, web \
         identity, container, instance)"
    );
    PlanError::new(key, problem)
}

/// An empty text stands for a key that is not there.
fn written(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

fn role_arn(key: &str, arn: &str) -> Result<String, PlanError> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    if let ["arn", partition, "iam", "", account, resource] = parts[..]
        && partition.starts_with("aws")
        && is_account(account)
        && let Some(name) = resource.strip_prefix("role/")
        && (1..=576).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@/-".contains(&b))
    {
        return Ok(arn.to_owned());
    }
    let arn = arn.escape_debug();
    let problem = format!("`{arn}` is no role: expected its ARN, as in `arn:aws:iam::111122223333:role/name`");
    Err(PlanError::new(key, problem))
}

/// Whether it is an account's number: twelve digits.
pub fn is_account(number: &str) -> bool {
    number.len() == 12 && number.bytes().all(|b| b.is_ascii_digit())
}

fn checked_external_id(key: &str, id: &str) -> Result<String, PlanError> {
    let is_one = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&b);
    if (2..=1224).contains(&id.len()) && id.bytes().all(is_one) {
        return Ok(id.to_owned());
    }
    Err(PlanError::new(key, "is no external id: expected 2 to 1,224 letters, digits or any of `_+=,.@:/-`"))
}

fn partition(arn: &str) -> &str {
    arn.split(':').nth(1).unwrap_or_default()
}
