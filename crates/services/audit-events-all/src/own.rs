//! The collector's own calls among the records: a trail that records reads of the bucket that it writes to makes a record of
//! each object that we read, and these make the next object.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use quittance_aws::{Account, Caller, codes::OWN_CALLS};
use quittance_formats::fields;
use tracing::warn;

/// What a collector calls to read: of queues, buckets and the APIs, and the decryption that is done on its behalf.
const READS: [&str; 16] = [
    "GetObject",
    "HeadObject",
    "ListObjects",
    "ReceiveMessage",
    "DeleteMessage",
    "DeleteMessageBatch",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "Decrypt",
    "LookupEvents",
    "FilterLogEvents",
    "DescribeLogGroups",
    "GetMetricData",
    "ListMetrics",
    "ListFindings",
    "GetFindings",
];

/// What is done with them.
#[derive(Clone)]
pub(crate) struct OwnCalls {
    account: Arc<Account>,
    drop: bool,
    warned: Arc<AtomicBool>,
}

impl OwnCalls {
    /// They are dropped, or else warned of once.
    pub(crate) fn new(account: &Arc<Account>, drop: bool) -> Self {
        OwnCalls { account: account.clone(), drop, warned: Arc::default() }
    }

    /// Whether nothing can be read before it is known who we are.
    pub(crate) fn are_dropped(&self) -> bool {
        self.drop
    }

    /// What tells them now; nothing if it is of no use, or not known who we are.
    pub(crate) fn signs(&self) -> Option<Signs> {
        let caller = self.account.known_caller().filter(|_| self.drop || !self.warned.load(Ordering::Relaxed))?;
        Some(Signs { own: self.clone(), principal: Principal::of(caller) })
    }
}

/// Tells our own calls from others'.
pub(crate) struct Signs {
    own: OwnCalls,
    principal: Principal,
}

impl Signs {
    /// Whether a record is to be dropped. `name` is its `eventName`, raw.
    pub(crate) fn refuse(&self, event: &[u8], name: Option<&[u8]>) -> bool {
        let OwnCalls { drop, warned, .. } = &self.own;
        let Some(name) = name.and_then(|name| name.strip_prefix(b"\"")?.strip_suffix(b"\"")) else { return false };
        if *drop {
            return READS.iter().any(|read| read.as_bytes() == name) && self.principal.made(event);
        }
        if name == b"GetObject" && !warned.load(Ordering::Relaxed) && self.principal.made(event) {
            warned.store(true, Ordering::Relaxed);
            warn!(
                code = %OWN_CALLS,
                caller = self.principal.arn,
                "a trail records what this collector reads, and each record makes more to read: set drop_own_calls, or leave the log bucket out of the trail's data events"
            );
        }
        false
    }
}

/// Who we are, whatever our session is called: several collectors may have one role.
struct Principal {
    /// For a role, up to the name of the session.
    arn: String,
    /// AWS's own id of the user or role, which stands alone where a record is written for another account.
    id: Option<String>,
}

impl Principal {
    fn of(caller: &Caller) -> Self {
        let arn = match caller.arn.rsplit_once('/') {
            Some((role, _)) if caller.arn.contains(":assumed-role/") => format!("{role}/"),
            _ => caller.arn.clone(),
        };
        let id = caller.id.split(':').next().unwrap_or_default();
        // The root user's is the account's number, which is everybody's there.
        let id = (id.starts_with('A') && id.len() > 12).then(|| id.to_owned());
        Principal { arn, id }
    }

    /// Whether it made the call that a record tells of.
    fn made(&self, event: &[u8]) -> bool {
        let [arn, id] = fields::read(event, [&["userIdentity", "arn"], &["userIdentity", "principalId"]]);
        let arn = arn.and_then(fields::text);
        let by_arn = arn.as_deref().and_then(|arn| arn.strip_prefix(&*self.arn)).is_some_and(|session| {
            // A role's ends in `/`, and its session's name has none.
            if self.arn.ends_with('/') { !session.is_empty() && !session.contains('/') } else { session.is_empty() }
        });
        let id = id.and_then(fields::text);
        let by_id = || id.as_deref().and_then(|id| id.split(':').next()) == self.id.as_deref() && self.id.is_some();
        by_arn || by_id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_known_whatever_its_session_is_called() {
        let check = |arn: &str, id: &str, theirs: &str, expected: bool| {
            let caller = Caller { account: "111122223333".to_owned(), arn: arn.to_owned(), id: id.to_owned() };
            let event = format!(r#"{{"eventVersion":"1.08","userIdentity":{theirs},"eventName":"GetObject"}}"#);
            assert_eq!(Principal::of(&caller).made(event.as_bytes()), expected, "{arn} {theirs}");
        };
        let role = |name: &str| format!("arn:aws:sts::111122223333:assumed-role/{name}");
        let ours = role("reader/quittance-1");
        let by_arn = |arn: &str| format!(r#"{{"type":"AssumedRole","arn":"{arn}"}}"#);
        check(&ours, "", &by_arn(&ours), true);
        check(&ours, "", &by_arn(&role("reader/quittance-2")), true);
        check(&ours, "", &by_arn(&role("reader2/quittance-1")), false);
        check(&ours, "", &by_arn(&role("reader/a/b")), false);
        check(&ours, "", &by_arn(&role("reader/")), false);
        check(&ours, "", &by_arn("arn:aws:iam::111122223333:role/reader"), false);
        let user = "arn:aws:iam::111122223333:user/logs/reader";
        check(user, "", &by_arn(user), true);
        check(user, "", &by_arn("arn:aws:iam::111122223333:user/logs/reader2"), false);
        check(user, "", &by_arn("arn:aws:iam::111122223333:user/logs"), false);
        // Written for the account that the bucket is of.
        let elsewhere =
            |id: &str| format!(r#"{{"type":"AWSAccount","principalId":"{id}","accountId":"111122223333"}}"#);
        check(&ours, "AROAEXAMPLE123456789:quittance-1", &elsewhere("AROAEXAMPLE123456789:quittance-2"), true);
        check(&ours, "AROAEXAMPLE123456789:quittance-1", &elsewhere("AROAEXAMPLE123456780:quittance-1"), false);
        check("arn:aws:iam::111122223333:root", "111122223333", &elsewhere("111122223333"), false);
        check(&ours, "", r#"{"type":"AWSService","invokedBy":"s3.amazonaws.com"}"#, false);
        check(&ours, "", r#"{"type":"AWSAccount","principalId":""}"#, false);
    }
}
