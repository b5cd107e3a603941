//! Who may call: access keys, and the sessions that AssumeRole gave out.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use tokio::time::Instant;

use super::error::ApiError;
use super::request::{Call, Protocol, Service};
use super::{ACCOUNT, FakeAws, lock};

/// Access keys seen, allowed, and issued. Signatures are not verified.
#[derive(Default)]
pub(super) struct Credentials(Mutex<State>);

#[derive(Default)]
struct State {
    seen: BTreeSet<String>,
    allowed: Option<BTreeSet<String>>,
    sessions: HashMap<String, Session>,
    /// Roles that may be assumed; none: any role.
    roles: HashMap<String, Trust>,
    /// The accounts of access keys that are not the usual one's.
    accounts: HashMap<String, String>,
    assumed: Vec<Assumed>,
    /// What is secret in the sessions.
    issued: Vec<String>,
}

/// Who may assume a role.
#[derive(Clone, Default)]
struct Trust {
    external_id: Option<String>,
    /// The beginning of the caller's ARN.
    caller: Option<String>,
}

/// A call of AssumeRole, as it was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assumed {
    /// The role's ARN.
    pub role: String,
    /// The ARN of whoever asked.
    pub caller: String,
    /// The external id, where one was sent.
    pub external_id: Option<String>,
    /// The session's name.
    pub session: String,
    /// How many seconds it was asked for.
    pub seconds: u64,
    /// The region that was asked.
    pub region: String,
}

/// Credentials given out by AssumeRole.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) expires: Instant,
    /// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
    pub(super) arn: String,
}

impl Credentials {
    /// Refuses a call that carries no credentials, unknown ones or expired ones.
    pub(super) fn check(&self, call: &Call) -> Result<(), ApiError> {
        // Neither is signed.
        if call.service == Service::Metadata || call.api == "AssumeRoleWithWebIdentity" {
            return Ok(());
        }
        let Some(key) = call.access_key.as_deref() else {
            let (status, code) = match call.service.protocol() {
                Protocol::RestXml => (403, "AccessDenied"),
                Protocol::SqsJson | Protocol::Query | Protocol::Cbor | Protocol::RestJson => {
                    (403, "MissingAuthenticationToken")
                }
                Protocol::Json | Protocol::Plain => (400, "MissingAuthenticationTokenException"),
            };
            return Err(ApiError::new(status, code, "Request is missing Authentication Token"));
        };
        let state = &mut *lock(&self.0);
        if !state.seen.contains(key) {
            state.seen.insert(key.to_owned());
        }
        if let Some(session) = state.sessions.get(key) {
            if session.expires > Instant::now() {
                return Ok(());
            }
            let (status, code) = match call.service.protocol() {
                Protocol::RestXml => (400, "ExpiredToken"),
                Protocol::SqsJson | Protocol::Query | Protocol::Cbor | Protocol::RestJson => (403, "ExpiredToken"),
                Protocol::Json | Protocol::Plain => (400, "ExpiredTokenException"),
            };
            return Err(ApiError::new(status, code, "The provided token has expired."));
        }
        match &state.allowed {
            Some(allowed) if !allowed.contains(key) => {
                let (status, code) = match call.service.protocol() {
                    Protocol::RestXml => (403, "InvalidAccessKeyId"),
                    Protocol::SqsJson | Protocol::Query => (403, "InvalidClientTokenId"),
                    Protocol::Json | Protocol::Plain => (400, "UnrecognizedClientException"),
                    Protocol::Cbor | Protocol::RestJson => (403, "UnrecognizedClientException"),
                };
                Err(ApiError::new(status, code, "The security token included in the request is invalid."))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn session(&self, access_key: &str) -> Option<Session> {
        lock(&self.0).sessions.get(access_key).cloned()
    }

    /// The number of the account that a call is made in.
    pub(super) fn account(&self, call: &Call) -> String {
        let arn = self.arn(call.access_key.as_deref().unwrap_or_default());
        arn.split(':').nth(4).unwrap_or(ACCOUNT).to_owned()
    }

    /// Remembers what is secret in a session.
    pub(super) fn issued(&self, secret: String) {
        lock(&self.0).issued.push(secret);
    }

    pub(super) fn open_session(&self, access_key: String, session: Session) {
        lock(&self.0).sessions.insert(access_key, session);
    }

    /// Who an access key belongs to.
    pub(super) fn arn(&self, access_key: &str) -> String {
        let state = lock(&self.0);
        match state.sessions.get(access_key) {
            Some(session) => session.arn.clone(),
            None => {
                let account = state.accounts.get(access_key).map_or(ACCOUNT, String::as_str);
                format!("arn:aws:iam::{account}:user/{access_key}")
            }
        }
    }

    /// Whether a role may be assumed so. AWS has one answer for every reason.
    pub(super) fn may_assume(&self, asked: Assumed) -> bool {
        let state = &mut *lock(&self.0);
        let may = match state.roles.get(&asked.role) {
            _ if state.roles.is_empty() => true,
            Some(Trust { external_id, caller }) => {
                external_id.as_ref().is_none_or(|wanted| asked.external_id.as_ref() == Some(wanted))
                    && caller.as_ref().is_none_or(|caller| asked.caller.starts_with(caller))
            }
            None => false,
        };
        state.assumed.push(asked);
        may
    }
}

impl FakeAws {
    /// Accepts only these access keys, and those that AssumeRole gives out, from now on.
    pub fn allow_access_keys<K: Into<String>>(&self, keys: impl IntoIterator<Item = K>) {
        lock(&self.0.credentials.0).allowed = Some(keys.into_iter().map(Into::into).collect());
    }

    /// Every access key that any request has carried.
    pub fn access_keys_seen(&self) -> BTreeSet<String> {
        lock(&self.0.credentials.0).seen.clone()
    }

    /// What is secret in the credentials that AssumeRole gave out: in each secret key, and in each session token.
    pub fn secrets_issued(&self) -> Vec<String> {
        lock(&self.0.credentials.0).issued.clone()
    }

    /// Lets a role be assumed, with this external id if one is given. Once a role was added, no
    /// other can be assumed; before that, any can.
    pub fn add_role(&self, arn: impl Into<String>, external_id: Option<&str>) {
        let trust = Trust { external_id: external_id.map(str::to_owned), caller: None };
        lock(&self.0.credentials.0).roles.insert(arn.into(), trust);
    }

    /// As [`FakeAws::add_role`], for callers alone whose ARN begins with `caller`.
    pub fn add_role_for(&self, arn: impl Into<String>, caller: &str, external_id: Option<&str>) {
        let trust = Trust { external_id: external_id.map(str::to_owned), caller: Some(caller.to_owned()) };
        lock(&self.0.credentials.0).roles.insert(arn.into(), trust);
    }

    /// Every call of AssumeRole that STS decided on.
    pub fn assumed(&self) -> Vec<Assumed> {
        lock(&self.0.credentials.0).assumed.clone()
    }

    /// Puts a user's access key into another account.
    pub fn add_user(&self, access_key: impl Into<String>, account: impl Into<String>) {
        lock(&self.0.credentials.0).accounts.insert(access_key.into(), account.into());
    }

    /// Makes every session that AssumeRole gave out expire now.
    pub fn expire_sessions(&self) {
        let now = Instant::now();
        for session in lock(&self.0.credentials.0).sessions.values_mut() {
            session.expires = session.expires.min(now);
        }
    }
}
