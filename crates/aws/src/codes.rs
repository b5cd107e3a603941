//! The codes of what AWS refuses, fails at or is set up to do, and of what engines meet.

use quittance_core::{Code, Family::*};

/// What units that read queues and buckets can meet.
pub const S3_SQS: &str = "Common for all the services using the S3+SQS pipeline";

/// What units that ask an API by time can meet.
pub const BY_TIME: &str = "Common for all the services that are asked by time";

// What a setup finds.

/// STS does not give a role.
pub static SIGN_IN_REFUSED: Code = Code::new(
    Setup,
    101,
    "a role cannot be assumed",
    "STS answers the same when the role does not exist, when its trust policy does not name who asks, when the external id is \
     missing or another, and when who asks may not call sts:AssumeRole.",
    "Check the role's ARN, its trust policy (`quittance iam trust` writes it), `assume_role_external_id`, and sts:AssumeRole for \
     who asks. A new role takes some minutes to be known everywhere.",
);

/// AWS does not take the credentials.
pub static KEY_REFUSED: Code = Code::new(
    Setup,
    102,
    "AWS does not take the access key",
    "The key is wrong, deleted or inactive, its secret is another's, or the region is not enabled in the account: there, keys are \
     unknown.",
    "Check `access_key` and `access_secret`, that the key is active in IAM, and that each of `regions` is enabled.",
);

/// There are no credentials.
pub static NO_CREDENTIALS: Code = Code::new(
    Setup,
    103,
    "there are no credentials",
    "The configuration has none, and neither environment, profile, web identity, container nor instance gives any.",
    "Set `credentials`, or give this machine a role. See the page on credentials for every way.",
);

/// A permission is missing.
pub static NOT_ALLOWED: Code = Code::new(
    Setup,
    104,
    "a permission is missing",
    "No policy of who signs in allows the action on the resource, or one denies it: of the identity, of the resource, of the \
     organization, or of a VPC endpoint.",
    "Allow the action on the resource. `quittance iam policy` writes the whole policy. A change takes up to some minutes.",
);

/// A key of KMS does not serve us.
pub static KMS_REFUSED: Code = Code::new(
    Setup,
    105,
    "a KMS key does not let us decrypt",
    "Queue or objects are encrypted with a key whose policy, or whose state, does not let who signs in use it.",
    "Allow kms:Decrypt on that key, in the key's own policy too if it is another account's, and check that it is enabled.",
);

/// There is no such queue.
pub static QUEUE_MISSING: Code = Code::new(
    Setup,
    106,
    "there is no such queue",
    "The name is another, or the queue is in another region or account.",
    "Check the queue's name and `regions`: the queue must be in each of them. One of another account is named by its URL.",
)
.of(S3_SQS);

/// There is no such bucket.
pub static BUCKET_MISSING: Code = Code::new(
    Setup,
    107,
    "there is no such bucket",
    "The name is another, or the bucket is gone.",
    "Check the bucket's name.",
)
.of(S3_SQS);

/// A region that does not serve the account.
pub static REGION_UNUSABLE: Code = Code::new(
    Setup,
    108,
    "the region cannot be used",
    "The region is not enabled in the account, or does not have the service.",
    "Enable it in the account, or take it out of `regions`.",
);

/// Our clock is wrong.
pub static CLOCK_WRONG: Code = Code::new(
    Setup,
    109,
    "this machine's clock is wrong",
    "AWS refuses what is signed at a time that is off by more than some minutes.",
    "Have the clock set by NTP.",
);

/// Something else that a person must mend.
pub static REFUSED: Code = Code::new(
    Setup,
    110,
    "AWS refuses",
    "AWS answered with an error that does not pass by itself; it is told beside this.",
    "Look the AWS error up, and mend what it names.",
);

/// What is named is not there.
pub static MISSING: Code = Code::new(
    Setup,
    111,
    "what is to be read is not there",
    "A name is another, or it is in another region or account, or not made yet.",
    "Check the name and `regions`. It is read as soon as it is there.",
);

/// The bucket is in another region.
pub static BUCKET_ELSEWHERE: Code = Code::new(
    Setup,
    112,
    "a bucket is in another region",
    "It can be read from here, by a detour for every call.",
    "Name the bucket's own region.",
)
.of(S3_SQS);

/// Messages are never set aside by the queue.
pub static NO_DEAD_LETTER_QUEUE: Code = Code::new(
    Setup,
    130,
    "a queue has no dead-letter queue",
    "It has no redrive policy, so what can never be processed goes into the collector's own quarantine.",
    "Give the queue a redrive policy with a maxReceiveCount of 10.",
)
.of(S3_SQS);

/// A few restarts make a message a dead letter.
pub static FEW_RECEIVES: Code = Code::new(
    Setup,
    131,
    "a queue gives messages up after few receives",
    "The maxReceiveCount of its redrive policy is below 10: some restarts may make dead letters of good messages.",
    "Raise maxReceiveCount to 10.",
)
.of(S3_SQS);

/// The queue forgets before an outage may end.
pub static SHORT_RETENTION: Code = Code::new(
    Setup,
    132,
    "a queue forgets early",
    "Its MessageRetentionPeriod is under 14 days. What is not delivered in that time is lost, however long the outage lasts.",
    "Raise MessageRetentionPeriod to 14 days (1209600 seconds).",
)
.of(S3_SQS);

/// The dead-letter queue forgets sooner than the queue.
pub static DEAD_LETTERS_FORGOTTEN: Code = Code::new(
    Setup,
    133,
    "a dead-letter queue forgets sooner than its queue",
    "A message takes its age along when it becomes a dead letter, and may be gone at once.",
    "Give the dead-letter queue the longest MessageRetentionPeriod, 14 days.",
)
.of(S3_SQS);

/// Something could not be proved.
pub static NOT_PROVED: Code = Code::new(
    Setup,
    134,
    "a permission could not be proved",
    "Which bucket a queue announces is not known before its first message, or the bucket is empty or may not be listed.",
    "Name the buckets in `buckets`, and allow s3:ListBucket on them: it also tells a missing object from a refused one.",
)
.of(S3_SQS);

/// Events of global services are missing.
pub static NO_GLOBAL_EVENTS: Code = Code::new(
    Setup,
    135,
    "events of global services are not read",
    "IAM, STS, CloudFront, Route 53 and others put their events into one region only, and it is not among `regions`.",
    "Add that region, us-east-1 in most accounts, with a queue or rule of its own there.",
);

/// The collector's own reading makes audit events.
pub static OWN_CALLS: Code = Code::new(
    Setup,
    136,
    "the collector audits itself",
    "A trail records reads of objects, so each log object that is read makes new audit events, and these new log objects.",
    "Set `drop_own_calls: true`, or leave the log bucket out of the trail's data events.",
);

/// A filter that lets no usual key pass.
pub static FILTER_MATCHES_NOTHING: Code = Code::new(
    Setup,
    138,
    "`s3_file_type_filter` matches no usual key",
    "Only objects whose key it matches are read. None of the keys that this service's objects usually have does, unless they \
     are of a certain account, prefix or date.",
    "Compare the expression with a key in the bucket. Without one, every object of the service is read.",
)
.of(S3_SQS);

/// A listing finds nothing at all.
pub static NOTHING_BELOW_PREFIX: Code = Code::new(
    Setup,
    137,
    "there is nothing below the prefix",
    "The bucket can be listed, and no key in it begins with the prefix: it is misspelled, or nothing was written yet.",
    "Check `bucket` and `prefix` against what the service that writes the logs shows. What comes there is read by itself.",
)
.of(S3_SQS);

// What fails by itself, whatever was under way.

/// Too many calls.
pub static THROTTLED: Code = Code::new(
    Api,
    401,
    "AWS throttles",
    "The account's quota for this API is used up, by this collector or by others in the account.",
    "Nothing: it is asked again, more slowly. `requests_limits` leaves more to others; AWS raises some quotas.",
);

/// No answer.
pub static UNREACHABLE: Code = Code::new(
    Api,
    402,
    "AWS was not reached",
    "The network, name resolution, a proxy or a firewall; or there is no such region.",
    "Check the way to AWS (`proxy`, `endpoint_url`, the firewall) and the names in `regions`.",
);

/// AWS's own fault.
pub static SERVER: Code = Code::new(
    Api,
    403,
    "AWS failed",
    "A fault at AWS, or an answer that makes no sense.",
    "Nothing: it is asked again, with growing waits. The AWS Health Dashboard may tell more.",
);

/// Credentials ended.
pub static EXPIRED: Code = Code::new(
    Api,
    404,
    "credentials have ended",
    "They were revoked or outlived, and had to be got anew.",
    "Nothing, if it passes. If it stays: check the clock, and whoever gives the credentials.",
);

/// STS cannot be asked.
pub static SIGN_IN_LATER: Code = Code::new(
    Api,
    405,
    "signing in does not work yet",
    "STS, or the machine's own source of credentials, does not answer.",
    "Check the way to STS in the input's region. Credentials that are held serve until they end.",
);

/// A token of a page is of no use.
pub static TOKEN: Code = Code::new(
    Api,
    406,
    "pages have lost their thread",
    "An API gave the same token again, no longer takes its own, or left out what was asked for.",
    "Nothing: the window is asked for again from its beginning.",
)
.of(BY_TIME);

/// A transfer broke.
pub static TRANSFER: Code = Code::new(
    Api,
    407,
    "an object's transfer broke",
    "The connection to S3 ended early, or what arrived does not match its checksum.",
    "Nothing: it goes on where it broke, or is read again.",
)
.of(S3_SQS);

/// The clock is off.
pub static CLOCK_OFF: Code = Code::new(
    Api,
    408,
    "this machine's clock is off",
    "It differs from the time in AWS's answers.",
    "Have the clock set by NTP, before AWS refuses what is signed at a wrong time.",
);

/// HTTP cannot be set up.
pub static CONNECTOR: Code = Code::new(
    InitVariables,
    30,
    "the way to AWS cannot be set up",
    "A proxy or a file of certificates cannot be used.",
    "Check `proxy`, `ca_bundle`, HTTPS_PROXY and AWS_CA_BUNDLE.",
);

// What is found while events are taken.

/// What was allowed is allowed no longer.
pub static REFUSED_NOW: Code = Code::new(
    Pull,
    310,
    "AWS refuses what it allowed before",
    "A policy, a key or a resource was changed while the unit ran; the AWS error is told beside this.",
    "Mend it; the setup, which is tried again, names the permission. Nothing is lost meanwhile: queues keep, APIs are asked back.",
);

/// A bucket refuses us.
pub static BUCKET_REFUSES: Code = Code::new(
    Pull,
    311,
    "a bucket does not let us read",
    "s3:GetObject on the bucket is missing, or kms:Decrypt on the key that its objects are encrypted with.",
    "Allow both. Its messages are held meanwhile, others flow, and the bucket is tried again from time to time.",
)
.of(S3_SQS);

/// Messages wait in a queue, and none is dealt with.
pub static BACKLOG: Code = Code::new(
    Pull,
    340,
    "messages wait in the queue",
    "The unit saw no event for its `expect_every`, and its queue is not empty: it holds messages that it cannot finish, or another \
     collector hides them.",
    "Look at the lines of the unit before it: a bucket or object that refuses us, or a destination that is slow.",
);

/// A bucket announces nothing to the queue.
pub static NOTIFICATION_GONE: Code = Code::new(
    Pull,
    341,
    "a bucket does not announce its objects",
    "The bucket's event notifications name neither the queue, nor a topic, nor EventBridge.",
    "Add the notification again: `quittance iam template` shows how.",
)
.of(S3_SQS);

/// Objects are written that nobody hears of.
pub static NOT_ANNOUNCED: Code = Code::new(
    Pull,
    342,
    "objects are written and not announced",
    "The bucket has newer objects than the last that was announced. A filter or a policy on the way keeps their messages from the queue.",
    "Check the notification's prefix and events, the topic's subscription, and that the queue's policy lets them send.",
)
.of(S3_SQS);

/// No rule feeds the queue.
pub static RULE_GONE: Code = Code::new(
    Pull,
    343,
    "no rule of EventBridge feeds the queue",
    "No rule of the default event bus has the queue as its target.",
    "Add the rule and its target again: `quittance iam template` shows how. A rule of another bus is not looked at.",
);

/// A rule is switched off.
pub static RULE_DISABLED: Code = Code::new(
    Pull,
    344,
    "a rule of EventBridge is disabled",
    "Somebody switched off the rule that puts events into the queue.",
    "Enable the rule.",
);

/// One object refuses us.
pub static OBJECT_REFUSES: Code = Code::new(
    Pull,
    312,
    "an object cannot be read though others of its bucket can",
    "It may be gone, which only s3:ListBucket would tell, or be encrypted with a key of its own, or belong to another account.",
    "Allow s3:ListBucket on the bucket and kms:Decrypt on the key. It is tried again, ever more slowly.",
)
.of(S3_SQS);

/// An item was not read.
pub static NOT_READ: Code = Code::new(
    Pull,
    313,
    "a message or object was not read",
    "Its bytes are damaged, or cannot be had now; the text beside it says which, and what happens next.",
    "Nothing, if it is tried again and passes. If it is set aside, look at the object.",
)
.of(S3_SQS);

/// Objects are announced that are not read.
pub static SKIPPED: Code = Code::new(
    Pull,
    321,
    "objects are skipped",
    "`s3_file_type_filter` does not match their keys, or they are another service's. They are counted as skipped, and what \
     announced them is deleted.",
    "If they should be read, correct the expression, the type or the queue. If not, nothing: it is said once for each reason, and \
     again while nothing else is read.",
)
.of(S3_SQS);

/// The queue's redrive policy gets it.
pub static LEFT_TO_REDRIVE: Code = Code::new(
    Pull,
    314,
    "a message is left to the queue's redrive policy",
    "What it announces, or holds, can never be delivered as it is. It becomes a dead letter after maxReceiveCount receives.",
    "Look at the message in the dead-letter queue, mend the cause, and redrive it.",
)
.of(S3_SQS);

/// Our quarantine gets it.
pub static SET_ASIDE: Code = Code::new(
    Pull,
    315,
    "a message is set aside",
    "What it announces, or holds, can never be delivered as it is, and its queue has no redrive policy.",
    "Look at it in the quarantine, and mend the cause.",
)
.of(S3_SQS);

/// An event is too long.
pub static TOO_LONG: Code = Code::new(
    Pull,
    316,
    "an event is too long to be sent",
    "It is longer than `max_event_bytes`, and was set aside in the quarantine, or waits for room there.",
    "Raise `max_event_bytes` if Devo takes longer events.",
);

/// Objects were overwritten.
pub static OVERWRITTEN: Code = Code::new(
    Pull,
    317,
    "events are gone with an object that was overwritten",
    "An object was written anew before all of its events were delivered.",
    "Let what writes into the bucket use new keys; or let the bucket keep versions, and allow s3:GetObjectVersion.",
)
.of(S3_SQS);

/// Objects were removed.
pub static REMOVED: Code = Code::new(
    Pull,
    318,
    "objects were removed before they were read",
    "Someone, or a lifecycle rule, removed what was listed and not yet delivered.",
    "Let objects stay for longer than the longest outage.",
)
.of(S3_SQS);

/// The queue is gone.
pub static QUEUE_GONE: Code = Code::new(
    Pull,
    319,
    "the queue is gone",
    "It was deleted while the unit ran, and its messages with it; or we may not see it any more, which SQS tells the same way.",
    "Make it again, and with it what fills it; or allow what was allowed.",
)
.of(S3_SQS);

/// A message could not be deleted, or held.
pub static NOT_OURS: Code = Code::new(
    Pull,
    320,
    "a message may come again",
    "SQS did not delete it, or did not keep it hidden: it may be given to another reader and arrive twice.",
    "Nothing, if it is rare. If it goes on: check sqs:DeleteMessage and sqs:ChangeMessageVisibility.",
)
.of(S3_SQS);

/// A window could not be read.
pub static WINDOW_NOT_READ: Code = Code::new(
    Pull,
    330,
    "a window of time could not be read",
    "The API failed or refused; its error is told beside this.",
    "Nothing, if it passes: the window is asked for again.",
)
.of(BY_TIME);

/// A source has more than can be asked for.
pub static BEHIND: Code = Code::new(
    Pull,
    331,
    "a source is behind",
    "More happens than the API's quota lets us ask for, or an outage is being caught up with.",
    "If it does not shrink: what is told beside this.",
)
.of(BY_TIME);

/// The API forgot.
pub static FORGOTTEN: Code = Code::new(
    Pull,
    332,
    "the API has forgotten what was not asked for",
    "The collector was stopped, or could not ask, for longer than the API remembers.",
    "Nothing brings it back here. If it also went elsewhere, as a trail's objects do, read that.",
)
.of(BY_TIME);

/// Not everything that was delivered is remembered.
pub static MANY_IDS: Code = Code::new(
    Pull,
    333,
    "more events than can be remembered",
    "There are more events than `remembered_ids` in the time that is looked back over; it is looked back less far.",
    "Raise `remembered_ids`, at 16 bytes of disk each, or read less with one unit.",
)
.of(BY_TIME);

/// The clock went back.
pub static CLOCK_WENT_BACK: Code = Code::new(
    Pull,
    334,
    "the clock went back",
    "This machine's clock was ahead for a while. What was asked by it is asked for again.",
    "Have the clock set by NTP.",
)
.of(BY_TIME);

/// What there is to read cannot be listed.
pub static NOT_LISTED: Code = Code::new(
    PrePull,
    210,
    "what there is to read could not be listed",
    "The API that lists log groups, namespaces, detectors or accounts failed or refused.",
    "Nothing, if it passes: what is known is still read, and it is listed again.",
)
.of(BY_TIME);

/// All of them.
pub static CODES: &[&Code] = &[
    &CONNECTOR,
    &SIGN_IN_REFUSED,
    &KEY_REFUSED,
    &NO_CREDENTIALS,
    &NOT_ALLOWED,
    &KMS_REFUSED,
    &QUEUE_MISSING,
    &BUCKET_MISSING,
    &REGION_UNUSABLE,
    &CLOCK_WRONG,
    &REFUSED,
    &MISSING,
    &BUCKET_ELSEWHERE,
    &NO_DEAD_LETTER_QUEUE,
    &FEW_RECEIVES,
    &SHORT_RETENTION,
    &DEAD_LETTERS_FORGOTTEN,
    &NOT_PROVED,
    &NO_GLOBAL_EVENTS,
    &OWN_CALLS,
    &NOTHING_BELOW_PREFIX,
    &FILTER_MATCHES_NOTHING,
    &NOT_LISTED,
    &REFUSED_NOW,
    &BUCKET_REFUSES,
    &BACKLOG,
    &NOTIFICATION_GONE,
    &NOT_ANNOUNCED,
    &RULE_GONE,
    &RULE_DISABLED,
    &OBJECT_REFUSES,
    &NOT_READ,
    &LEFT_TO_REDRIVE,
    &SET_ASIDE,
    &TOO_LONG,
    &OVERWRITTEN,
    &REMOVED,
    &QUEUE_GONE,
    &NOT_OURS,
    &SKIPPED,
    &WINDOW_NOT_READ,
    &BEHIND,
    &FORGOTTEN,
    &MANY_IDS,
    &CLOCK_WENT_BACK,
    &THROTTLED,
    &UNREACHABLE,
    &SERVER,
    &EXPIRED,
    &SIGN_IN_LATER,
    &TOKEN,
    &TRANSFER,
    &CLOCK_OFF,
];

#[cfg(test)]
mod tests {
    #[test]
    fn every_code_is_listed() {
        let defined = include_str!("codes.rs").lines().filter(|line| line.ends_with(": Code = Code::new("));
        assert_eq!(defined.count(), super::CODES.len());
    }
}
