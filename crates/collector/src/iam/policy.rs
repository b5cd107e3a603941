//! What whoever reads must be allowed to do.

use quittance_aws::{Fed, On, QueueSource, Reads, Source, partition};

use super::{
    document::{Condition, Document, when},
    reading::{dead_letters, queue_name},
};

/// An account whose number may not be known.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a>(pub(super) Option<&'a str>);

impl Owner<'_> {
    /// Its place in an ARN.
    fn number(&self) -> &str {
        self.0.unwrap_or("*")
    }

    /// What keeps an ARN without a number to the account of who asks.
    fn own(&self) -> Condition {
        match self.0 {
            Some(_) => Condition::new(),
            None => self.always(),
        }
    }

    /// What keeps an ARN that has no place for a number to the account.
    fn always(&self) -> Condition {
        let number = self.0.unwrap_or("${aws:PrincipalAccount}");
        when("StringEquals", "aws:ResourceAccount", [number.to_owned()])
    }
}

const BY_NAME: [&str; 5] = [
    "sqs:GetQueueUrl",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility",
];

/// The policy of whoever reads `sources` in the account of `owner`.
pub(super) fn of(sources: &[Source], owner: Owner<'_>) -> Document {
    let mut document = Document::new(Vec::new());
    for Source { regions, reads } in sources {
        match reads {
            Reads::Queue(queue) => of_queue(&mut document, queue, regions, owner),
            Reads::Listing { bucket, prefix, kms_keys } => {
                let arn = format!("arn:{}:s3:::{bucket}", partition_of(regions));
                let listed = match prefix.is_empty() {
                    true => Condition::new(),
                    false => when("StringLike", "s3:prefix", [format!("{prefix}*")]),
                };
                document.allow("ListBuckets", &["s3:ListBucket"], arn.clone(), listed);
                document.allow("ReadObjects", &["s3:GetObject"], format!("{arn}/{prefix}*"), Condition::new());
                of_keys(&mut document, kms_keys, &["s3"]);
            }
            Reads::Api { actions, on } => {
                of_api(&mut document, &format!("Ask{}", api(actions)), actions, on, regions, owner);
            }
            Reads::WhenSilent { actions, on } => {
                of_api(&mut document, &format!("OptionalWhenSilent{}", api(actions)), actions, on, regions, owner);
            }
        }
    }
    document
}

fn of_api(document: &mut Document, sid: &str, actions: &[&str], on: &On, regions: &[String], owner: Owner<'_>) {
    match on {
        On::Region => {
            let condition = when("StringEquals", "aws:RequestedRegion", regions.iter().cloned());
            document.allow(sid, actions, "*".to_owned(), condition);
        }
        On::Account => document.allow(sid, actions, "*".to_owned(), Condition::new()),
        On::Buckets { names } => {
            for (bucket, condition) in bucket_arns(names, regions, owner) {
                document.allow(sid, actions, bucket, condition);
            }
        }
        On::LogGroups { names, linked } => {
            let owner = Owner(owner.0.filter(|_| !linked));
            let own = if *linked { Condition::new() } else { owner.own() };
            for (region, name) in regions.iter().flat_map(|region| names.iter().map(move |name| (region, name))) {
                let group = format!("arn:{}:logs:{region}:{}:log-group:{name}", partition(region), owner.number());
                // IAM has written the same group both ways.
                let streams = (!name.ends_with('*')).then(|| format!("{group}:*"));
                for arn in [Some(group), streams].into_iter().flatten() {
                    document.allow("ReadLogGroups", actions, arn, own.clone());
                }
            }
        }
    }
}

fn of_queue(document: &mut Document, queue: &QueueSource, regions: &[String], owner: Owner<'_>) {
    let arns = queue_arns(queue, queue_name(&queue.queue).name, regions, owner);
    // A queue whose URL is known is not looked for.
    let (sid, actions) = match queue_name(&queue.queue).by_url {
        true => ("ReadQueuesByUrl", &BY_NAME[1..]),
        false => ("ReadQueues", &BY_NAME[..]),
    };
    for (arn, condition) in arns {
        document.allow(sid, actions, arn, condition);
    }
    // How long dead letters are kept is looked at by a check.
    for (arn, condition) in queue_arns(queue, &dead_letters(queue_name(&queue.queue).name), regions, owner) {
        document.allow("LookAtDeadLetters", &["sqs:GetQueueAttributes"], arn, condition);
    }
    match &queue.fed {
        Fed::Objects { buckets, .. } => {
            for (bucket, condition) in bucket_arns(buckets, regions, owner) {
                document.allow(
                    "ReadObjects",
                    &["s3:GetObject", "s3:GetObjectVersion"],
                    format!("{bucket}/*"),
                    condition.clone(),
                );
                // Without it S3 says that an object which is gone is forbidden.
                document.allow("ListBuckets", &["s3:ListBucket"], bucket, condition);
            }
            of_keys(document, &queue.kms_keys, &["s3", "sqs"]);
        }
        Fed::Events { .. } | Fed::Program { .. } => of_keys(document, &queue.kms_keys, &["sqs"]),
    }
}

/// The ARNs of a queue of this name where `queue` is, in its regions, each with what must hold besides.
fn queue_arns(queue: &QueueSource, name: &str, regions: &[String], owner: Owner<'_>) -> Vec<(String, Condition)> {
    let parts = queue_name(&queue.queue);
    let owner = Owner(parts.account.or(owner.0));
    let mut arns = Vec::new();
    for region in regions {
        let region = parts.region.unwrap_or(region);
        let arn = format!("arn:{}:sqs:{region}:{}:{}", partition(region), owner.number(), name);
        if !arns.iter().any(|(other, _)| *other == arn) {
            arns.push((arn, owner.own()));
        }
    }
    arns
}

/// The ARNs of buckets, each with what must hold besides; of all buckets of the account if none is named.
fn bucket_arns(buckets: &[String], regions: &[String], owner: Owner<'_>) -> Vec<(String, Condition)> {
    if buckets.is_empty() {
        return vec![(format!("arn:{}:s3:::*", partition_of(regions)), owner.always())];
    }
    let mut arns = Vec::new();
    for (bucket, region) in buckets.iter().flat_map(|bucket| regions.iter().map(move |region| (bucket, region))) {
        let name = bucket.replace("{account}", owner.number()).replace("{region}", region);
        let condition = if bucket.contains("{account}") { owner.own() } else { Condition::new() };
        let arn = format!("arn:{}:s3:::{name}", partition(region));
        if !arns.iter().any(|(other, _)| *other == arn) {
            arns.push((arn, condition));
        }
    }
    arns
}

/// Decrypting with `keys`, through these services alone.
fn of_keys(document: &mut Document, keys: &[String], services: &[&str]) {
    for key in keys {
        let region = key.split(':').nth(3).unwrap_or_default();
        let suffix = match partition(region) {
            "aws-cn" => "amazonaws.com.cn",
            _ => "amazonaws.com",
        };
        let via = services.iter().map(|service| format!("{service}.{region}.{suffix}"));
        document.allow("Decrypt", &["kms:Decrypt"], key.clone(), when("StringEquals", "kms:ViaService", via));
    }
}

/// What a program needs that sends to these queues and does nothing else.
pub(super) fn to_send<'s>(sources: impl IntoIterator<Item = &'s Source>, owner: Owner<'_>) -> Document {
    let mut document = Document::new(Vec::new());
    for Source { regions, reads } in sources {
        let Reads::Queue(queue) = reads else { continue };
        for (arn, condition) in queue_arns(queue, queue_name(&queue.queue).name, regions, owner) {
            document.allow("Send", &["sqs:SendMessage"], arn, condition);
        }
        for key in &queue.kms_keys {
            let actions = ["kms:GenerateDataKey", "kms:Decrypt"];
            document.allow("Encrypt", &actions, key.clone(), Condition::new());
        }
    }
    document
}

/// What whoever assumes `roles` needs, and lists the accounts of an organization if they are found so.
pub(super) fn to_assume(roles: impl IntoIterator<Item = String>, organization: bool) -> Document {
    let mut document = Document::new(Vec::new());
    for role in roles {
        document.allow("AssumeRoles", &["sts:AssumeRole"], role, Condition::new());
    }
    if organization {
        document.allow("ListAccounts", &["organizations:ListAccounts"], "*".to_owned(), Condition::new());
    }
    document
}

fn partition_of(regions: &[String]) -> &'static str {
    regions.first().map_or("aws", |region| partition(region))
}

/// The service of an action, for a statement's name.
fn api(actions: &[&str]) -> String {
    let service = actions.first().and_then(|action| action.split(':').next()).unwrap_or_default();
    let mut letters = service.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}
