//! Finds a unit's queue, and proves that it can be used.

use std::{collections::BTreeSet, time::Duration};

use quittance_core::{Finding, Severity};

use crate::{Account, AwsError, Queue, QueueFacts, SqsQueue, Whereabouts, buckets, codes, refusal};

/// Receives that a message should survive before it counts as dead: fewer, and a few restarts are enough.
const ENOUGH_RECEIVES: u32 = 10;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The longest that SQS keeps a message, and so the longest outage that loses nothing.
const LONGEST_RETENTION: Duration = Duration::from_secs(14 * 24 * 3600);

/// A receipt handle of no message.
const NO_HANDLE: &str = "quittance-check";

/// Buckets of a queue whose reading is proved.
const MOST_BUCKETS: usize = 10;

/// A queue that was found.
pub(crate) struct Opened {
    pub(crate) queue: Box<dyn Queue>,
    pub(crate) facts: QueueFacts,
    /// The account and region that pull.
    pub(crate) at: Whereabouts,
}

/// Finds the queue called `name`, which may be a URL.
pub(crate) async fn open(account: &Account, region: &str, name: &str) -> Result<Opened, AwsError> {
    let queue = SqsQueue::open(account, region, name).await?;
    let facts = queue.facts().await?;
    let at = Whereabouts { account: queue.account().unwrap_or_default().to_owned(), region: region.to_owned() };
    Ok(Opened { queue: Box::new(queue.holding().await), facts, at })
}

impl Opened {
    /// What stands for a queue and is none: it has no redrive policy, and forgets nothing.
    pub(crate) fn listed(queue: impl Queue + 'static, region: String) -> Opened {
        let facts = QueueFacts::default();
        Opened { queue: Box::new(queue), facts, at: Whereabouts { account: String::new(), region } }
    }
}

/// What a check found.
pub(crate) struct Checked {
    pub(crate) findings: Vec<Finding>,
    /// The buckets that are announced, as far as they are known.
    pub(crate) buckets: BTreeSet<String>,
}

/// Everything that is wrong with the use of a queue, and of the buckets that it announces: those `announced` that are known, and
/// those that its policy lets in. It is `None` if it announces none.
pub(crate) async fn check(
    account: &Account,
    region: &str,
    name: &str,
    announced: Option<BTreeSet<String>>,
) -> Result<Checked, AwsError> {
    let refused =
        |errors: Vec<AwsError>| refusal::findings(errors, &format!("queue `{name}` in {region} cannot be used"), "sqs");
    let queue = match SqsQueue::open(account, region, name).await {
        Ok(queue) => queue,
        Err(error) => return Ok(Checked { findings: refused(vec![error])?, buckets: BTreeSet::new() }),
    };
    let (handle, lease) = ([NO_HANDLE.to_owned()], [(NO_HANDLE.to_owned(), Duration::ZERO)]);
    let (facts, received, deleted, extended) =
        tokio::join!(queue.facts(), queue.prove_receive(), queue.delete(&handle), queue.extend(&lease));
    let (facts, unknown) = match facts {
        Ok(facts) => (Some(facts), None),
        Err(error) => (None, Some(error)),
    };
    let errors = [unknown, received.err(), deleted.err(), extended.err()];
    let mut findings = refused(errors.into_iter().flatten().collect())?;
    let mut buckets = announced.clone().unwrap_or_default();
    let Some(facts) = facts else { return Ok(Checked { findings, buckets }) };
    findings.extend(advice(name, region, &facts));
    findings.extend(dead_letters(&queue, name, region, &facts).await);
    if announced.is_some() {
        buckets.extend(facts.buckets);
        findings.extend(readable(account, name, region, &buckets).await?);
    }
    Ok(Checked { findings, buckets })
}

/// What will hurt later.
fn advice(name: &str, region: &str, facts: &QueueFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    match facts.max_receive_count {
        None => findings.push(Finding::warning(
            &codes::NO_DEAD_LETTER_QUEUE,
            format!("queue `{name}` in {region} has no dead-letter queue: what can never be processed goes into the collector's own quarantine"),
        )),
        Some(few) if few < ENOUGH_RECEIVES => findings.push(Finding::warning(
            &codes::FEW_RECEIVES,
            format!("queue `{name}` in {region} gives a message up after {few} receives, which a few restarts may use up"),
        )),
        Some(_) => {}
    }
    if let Some(kept) = facts.retention.filter(|kept| *kept < LONGEST_RETENTION) {
        let kept = in_words(kept);
        findings.push(Finding::warning(
            &codes::SHORT_RETENTION,
            format!("queue `{name}` in {region} forgets messages after {kept}, delivered or not"),
        ));
    }
    findings
}

/// A message that becomes a dead letter takes its age along.
async fn dead_letters(queue: &SqsQueue, name: &str, region: &str, facts: &QueueFacts) -> Option<Finding> {
    let (kept, letters) = facts.retention.zip(facts.dead_letter_queue.as_deref())?;
    // Who may not ask about it reads the queue well enough.
    let letters_kept = queue.beside(letters).facts().await.ok()?.retention.filter(|letters| *letters < kept)?;
    let (letters_kept, kept) = (in_words(letters_kept), in_words(kept));
    let problem = format!(
        "dead-letter queue `{letters}` of queue `{name}` in {region} forgets messages after {letters_kept}, and the queue after {kept}"
    );
    Some(Finding::warning(&codes::DEAD_LETTERS_FORGOTTEN, problem))
}

/// Proves that objects of the buckets can be read.
async fn readable(
    account: &Account,
    name: &str,
    region: &str,
    buckets: &BTreeSet<String>,
) -> Result<Vec<Finding>, AwsError> {
    if buckets.is_empty() {
        let problem =
            format!("which buckets queue `{name}` in {region} announces is not known, so s3:GetObject is not proved");
        return Ok(vec![Finding::warning(&codes::NOT_PROVED, problem)]);
    }
    let mut findings = Vec::new();
    for bucket in buckets.iter().take(MOST_BUCKETS) {
        findings.extend(bucket_readable(account, region, bucket).await?);
    }
    Ok(findings)
}

/// A unit may read other buckets too, and begins nevertheless.
async fn bucket_readable(account: &Account, region: &str, bucket: &str) -> Result<Option<Finding>, AwsError> {
    let (region, key) = match buckets::list_one(account, region, bucket, "").await {
        Ok(found) => found,
        Err(error) => {
            let what = format!(
                "bucket `{bucket}` cannot be listed, so its reading is not proved, and what is missing looks refused"
            );
            let found = refusal::finding(error, &what, &format!("s3:ListBucket on `{bucket}`"))?;
            return Ok(Some(Finding { severity: Severity::Warning, ..found }));
        }
    };
    let Some(key) = key else {
        let problem = format!("bucket `{bucket}` is empty, so s3:GetObject is not proved");
        return Ok(Some(Finding::warning(&codes::NOT_PROVED, problem)));
    };
    let Err(error) = buckets::read_one(account, &region, bucket, &key).await else { return Ok(None) };
    let what = format!("objects of bucket `{bucket}` cannot be read");
    let found = refusal::finding(error, &what, &format!("s3:GetObject on the objects of `{bucket}`"))?;
    Ok(Some(Finding { severity: Severity::Partial, ..found }))
}

fn in_words(kept: Duration) -> String {
    match kept.as_secs() {
        seconds if kept >= DAY => {
            format!("{:.3}", seconds as f64 / DAY.as_secs_f64()).trim_end_matches(['0', '.']).to_owned() + " days"
        }
        seconds => format!("{seconds} seconds"),
    }
}
