//! Who may call: access keys, and the sessions that AssumeRole gave out.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use tokio::time::Instant;

use super::error::ApiError;
use super::request::{Call, Protocol};
use super::{ACCOUNT, FakeAws, lock};

/// Access keys seen, allowed, and issued. Signatures are not verified.
#[derive(Default)]
pub(super) struct Credentials(Mutex<State>);

#[derive(Default)]
struct State {
    seen: BTreeSet<String>,
    allowed: Option<BTreeSet<String>>,
    sessions: HashMap<String, Session>,
    /// Roles that may be assumed, with the external id each wants; none: any role.
    roles: HashMap<String, Option<String>>,
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
        let Some(key) = call.access_key.as_deref() else {
            let (status, code) = match call.service.protocol() {
                Protocol::RestXml => (403, "AccessDenied"),
                Protocol::SqsJson | Protocol::Query | Protocol::Cbor | Protocol::RestJson => {
                    (403, "MissingAuthenticationToken")
                }
                Protocol::Json => (400, "MissingAuthenticationTokenException"),
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
                Protocol::Json => (400, "ExpiredTokenException"),
            };
            return Err(ApiError::new(status, code, "The provided token has expired."));
        }
        match &state.allowed {
            Some(allowed) if !allowed.contains(key) => {
                let (status, code) = match call.service.protocol() {
                    Protocol::RestXml => (403, "InvalidAccessKeyId"),
                    Protocol::SqsJson | Protocol::Query => (403, "InvalidClientTokenId"),
                    Protocol::Json => (400, "UnrecognizedClientException"),
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
        let session = call.access_key.as_deref().and_then(|key| self.session(key));
        let number = session.as_ref().and_then(|session| session.arn.split(':').nth(4));
        number.unwrap_or(ACCOUNT).to_owned()
    }

    pub(super) fn open_session(&self, access_key: String, session: Session) {
        lock(&self.0).sessions.insert(access_key, session);
    }

    /// Whether a role may be assumed with this external id. AWS has one answer for every reason.
    pub(super) fn may_assume(&self, role: &str, external_id: Option<&str>) -> bool {
        let state = lock(&self.0);
        if state.roles.is_empty() {
            return true;
        }
        match state.roles.get(role) {
            Some(Some(wanted)) => external_id == Some(wanted),
            Some(None) => true,
            None => false,
        }
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

    /// Lets a role be assumed, with this external id if one is given. Once a role was added, no
    /// other can be assumed; before that, any can.
    pub fn add_role(&self, arn: impl Into<String>, external_id: Option<&str>) {
        lock(&self.0.credentials.0).roles.insert(arn.into(), external_id.map(str::to_owned));
    }

    /// Makes every session that AssumeRole gave out expire now.
    pub fn expire_sessions(&self) {
        let now = Instant::now();
        for session in lock(&self.0.credentials.0).sessions.values_mut() {
            session.expires = session.expires.min(now);
        }
    }
}
