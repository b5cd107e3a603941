//! The objects of a trail: `{"Records":[...]}`, one event an element. Digest files, which a trail may write beside them,
//! hold no event.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use memchr::memmem;
use quittance_aws::{
    Account, KeyFilter, ObjectRef, PlanError, Whereabouts, is_write_test,
    objects::{CallerUse, Claim, ObjectKind, Opened, Selection},
    writer_folder,
};
use quittance_core::{Finding, Tags};
use quittance_formats::{FormatError, Frame, Framer, Records};

use crate::{Config, audited::Audited, record::RecordRoutes, silence::Trails};

pub(crate) struct Trail {
    records: RecordRoutes,
    filter: KeyFilter,
    /// Unless our own reads are dropped.
    audited: Option<Audited>,
    /// Who is asked about trails when none of their objects comes.
    trails: Option<Trails>,
}

impl Trail {
    pub(crate) fn new(config: &Config, account: &Arc<Account>) -> Result<Self, PlanError> {
        let filter = config.objects.filter()?;
        let audited = (!config.drop_own_calls).then(|| Audited::new(account));
        let trails = Some(Trails(account.clone()));
        Ok(Trail { records: RecordRoutes::new(config, account)?, filter, audited, trails })
    }
}

#[async_trait]
impl ObjectKind for Trail {
    fn select(&self, object: &ObjectRef) -> Selection {
        match self.filter.refuses(object) {
            Some(reason) => Selection::Skip(reason),
            None if is_digest(&object.key) => Selection::Skip("a digest holds no event"),
            None if object.key.contains("/CloudTrail-Lake/") => {
                Selection::Skip("a query's results, not a trail's events")
            }
            None if is_anothers(&object.key) => Selection::Skip("the logs of another service than CloudTrail"),
            None if is_write_test(&object.key) => Selection::Skip("a service only tried whether it may write"),
            None => Selection::Read,
        }
    }

    fn claim(&self, object: &ObjectRef) -> Claim {
        if is_trails(&object.key) { Claim::Own } else { Claim::No }
    }

    fn caller(&self) -> CallerUse {
        match &self.records.own {
            Some(own) if own.are_dropped() => CallerUse::Needed,
            Some(_) => CallerUse::Helpful,
            None => CallerUse::None,
        }
    }

    async fn advice(&self, region: &str, buckets: &BTreeSet<String>) -> Vec<Finding> {
        match &self.audited {
            Some(audited) => audited.findings(region, buckets).await,
            None => Vec::new(),
        }
    }

    async fn why_silent(&self, region: &str, buckets: &BTreeSet<String>) -> Vec<Finding> {
        match &self.trails {
            Some(trails) => trails.why_silent(region, buckets).await,
            None => Vec::new(),
        }
    }

    fn folder_of_day(&self, account: &str, region: &str, day: &str) -> Option<String> {
        Some(format!("AWSLogs/{account}/CloudTrail/{region}/{day}/"))
    }

    fn open(&self, object: &ObjectRef, at: &Whereabouts, tags: &Tags, max_event_bytes: usize) -> Opened {
        let fallback = if self.records.from_event { at.refined_by_key(&object.key) } else { at.clone() };
        let router = self.records.router(fallback, tags);
        let framer = TrailFramer::new(max_event_bytes);
        Opened { framer: Box::new(framer), router, json: true }
    }
}

/// Whether a folder or the name says that CloudTrail wrote it: `CloudTrail`, or `CloudTrail-` and what kind of events.
fn is_trails(key: &str) -> bool {
    memmem::find_iter(key.as_bytes(), b"CloudTrail").any(|at| {
        let (before, after) = (key[..at].chars().next_back(), key[at + "CloudTrail".len()..].chars().next());
        matches!((before, after), (None | Some('/' | '_'), Some('/' | '_' | '-')))
    })
}

/// Whether a key is below the folder of another service, as in a bucket that AWS Config writes into too.
fn is_anothers(key: &str) -> bool {
    writer_folder(key).is_some_and(|folder| folder != "CloudTrail" && !folder.starts_with("CloudTrail-"))
}

fn is_digest(key: &str) -> bool {
    key.contains("/CloudTrail-Digest/") || key.contains("_CloudTrail-Digest_")
}

/// As much of an object's beginning as tells a digest.
const HEAD: usize = 4096;

/// Finds the records, and knows a digest by its shape where its key does not tell.
struct TrailFramer {
    records: Records,
    /// The beginning, however it comes.
    head: Vec<u8>,
    /// Bytes of the last window that come again in the next.
    left: usize,
    /// It was a digest, and what follows is none of our business.
    digest: bool,
}

impl TrailFramer {
    fn new(max_event_bytes: usize) -> Self {
        let records = Records::new("Records", max_event_bytes);
        TrailFramer { records, head: Vec::new(), left: 0, digest: false }
    }
}

impl Framer for TrailFramer {
    fn frame(&mut self, window: &[u8], last: bool, frames: &mut Vec<Frame>) -> Result<usize, FormatError> {
        if self.digest {
            return Ok(window.len());
        }
        let new = window.get(self.left..).unwrap_or_default();
        self.head.extend_from_slice(&new[..new.len().min(HEAD - self.head.len())]);
        match self.records.frame(window, last, frames) {
            Err(FormatError::MissingKey { offset, .. }) if says_digest(&self.head, offset) => {
                self.digest = true;
                Ok(window.len())
            }
            found => {
                self.left = found.as_ref().map_or(0, |consumed| window.len() - consumed);
                found
            }
        }
    }
}

/// Whether a document that begins so, and ends at this place, is a digest.
fn says_digest(head: &[u8], end: u64) -> bool {
    let document = &head[..usize::try_from(end).unwrap_or(usize::MAX).min(head.len())];
    memmem::find(document, b"\"digestStartTime\"").is_some() && memmem::find(document, b"\"Records\"").is_none()
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use quittance_aws::{Route, TagTemplate};
    use quittance_testbed::generate::{Origin, cloudtrail};

    use super::*;

    fn trail(template: &str) -> Trail {
        let records = RecordRoutes {
            template: TagTemplate::new(template, "events").unwrap(),
            drop_event_names: vec!["Decrypt".to_owned()],
            from_event: true,
            own: None,
        };
        Trail { records, filter: KeyFilter::default(), audited: None, trails: None }
    }

    fn object(key: &str) -> ObjectRef {
        ObjectRef::new("b", key)
    }

    fn at() -> Whereabouts {
        Whereabouts { account: "999999999999".to_owned(), region: "us-east-1".to_owned() }
    }

    const KEY: &str = "AWSLogs/o-abc/111122223333/CloudTrail/eu-west-1/2026/01/15/111122223333_CloudTrail_x.json.gz";

    /// Whether each event is sent, and its tag.
    fn read(trail: &Trail, key: &str, content: &[u8]) -> Result<Vec<(bool, String)>, FormatError> {
        let tags = Tags::default();
        let Opened { mut framer, mut router, .. } = trail.open(&object(key), &at(), &tags, 1 << 20);
        let mut frames = Vec::new();
        framer.frame(content, true, &mut frames)?;
        let events = frames.into_iter().map(|frame| {
            let Frame::Event { start, end } = frame else { panic!("{frame:?}") };
            match router.route(&content[start..end]) {
                Route::Send(id) => (true, tags.tag(id).to_string()),
                Route::Drop(id) => (false, tags.tag(id).to_string()),
            }
        });
        Ok(events.collect())
    }

    const AUTO: &str = "cloud.aws.cloudtrail.{event_type}.{account}.{region}";

    #[test]
    fn an_event_says_its_tag() {
        let check = |record: &str, sent: bool, tag: &str| {
            let content = format!(r#"{{"Records":[{record}]}}"#);
            let expected = vec![(sent, format!("cloud.aws.cloudtrail.{tag}"))];
            assert_eq!(read(&trail(AUTO), KEY, content.as_bytes()), Ok(expected), "{record}");
        };
        let ec2 = r#"{"userIdentity":{"accountId":"444455556666"},"eventSource":"ec2.amazonaws.com","eventName":"RunInstances","awsRegion":"ap-south-1","recipientAccountId":"111122223333"}"#;
        check(ec2, true, "ec2.444455556666.ap-south-1");
        check(&ec2.replace("RunInstances", "Decrypt"), false, "ec2.444455556666.ap-south-1");
        check(
            &ec2.replace("ec2.amazonaws.com", "network-firewall.amazonaws.com.cn"),
            true,
            "network_firewall.444455556666.ap-south-1",
        );
        // A service calls by itself: it has no account.
        check(
            &ec2.replace(r#"{"accountId":"444455556666"}"#, r#"{"type":"AWSService"}"#),
            true,
            "ec2.111122223333.ap-south-1",
        );
        // Who is not known to AWS is no account.
        for account in ["ANONYMOUS_PRINCIPAL", "anonymous", ""] {
            check(&ec2.replace("444455556666", account), true, "ec2.111122223333.ap-south-1");
        }
        // Null says as little as nothing.
        check(
            r#"{"eventSource":null,"awsRegion":null,"userIdentity":null,"recipientAccountId":"111122223333"}"#,
            true,
            "events.111122223333.eu-west-1",
        );
        let insight = r#"{"eventType":"AwsCloudTrailInsight","eventCategory":"Insight","awsRegion":"eu-west-1","recipientAccountId":"111122223333","insightDetails":{"eventSource":"ec2.amazonaws.com"}}"#;
        check(insight, true, "insights.111122223333.eu-west-1");
        // What says nothing has its key's account and region.
        check("{}", true, "events.111122223333.eu-west-1");
    }

    #[test]
    fn in_a_shared_queue_all_that_cloudtrail_writes_is_claimed() {
        for kind in ["", "-Digest", "-Insight", "-NetworkActivity", "-Aggregated"] {
            for key in [
                format!("AWSLogs/o-abc/111122223333/CloudTrail{kind}/eu-west-1/2026/01/15/x.json.gz"),
                format!("CloudTrail{kind}/x.json.gz"),
                format!("moved/111122223333_CloudTrail{kind}_eu-west-1_20260115T1200Z_0a.json.gz"),
            ] {
                assert_eq!(trail(AUTO).claim(&object(&key)), Claim::Own, "{key}");
            }
        }
        for key in [
            "AWSLogs/111122223333/vpcflowlogs/eu-west-1/x.log.gz",
            "MyCloudTrail/x.json.gz",
            "CloudTrails/x.json.gz",
            "CloudTrail",
            "x",
        ] {
            assert_eq!(trail(AUTO).claim(&object(key)), Claim::No, "{key}");
        }
    }

    #[test]
    fn in_a_bucket_of_several_services_only_the_trails_objects_are_read() {
        let selection = |key: &str| trail(AUTO).select(&object(key));
        for key in [
            "o-abc/AWSLogs/o-abc/111122223333/Config/eu-west-1/2026/1/5/ConfigSnapshot/x.json.gz",
            "AWSLogs/111122223333/vpcflowlogs/eu-west-1/2026/01/15/x.log.gz",
            "AWSLogs/111122223333/Config/ConfigWritabilityCheckFile",
            "AWSLogs/111122223333/ELBAccessLogTestFile",
        ] {
            assert!(matches!(selection(key), Selection::Skip(_)), "{key}");
        }
        for key in [
            KEY.to_owned(),
            KEY.replace("/CloudTrail/", "/CloudTrail-Insight/"),
            KEY.replace("/CloudTrail/", "/CloudTrail-NetworkActivity/"),
            "AWSLogs/111122223333/moved.json.gz".to_owned(),
            "anything.json.gz".to_owned(),
        ] {
            assert_eq!(selection(&key), Selection::Read, "{key}");
        }
    }

    #[test]
    fn a_digest_holds_no_event() {
        let trail = trail(AUTO);
        let digest = KEY.replace("/CloudTrail/", "/CloudTrail-Digest/");
        assert!(matches!(trail.select(&object(&digest)), Selection::Skip(_)));
        let moved = object("moved/111122223333_CloudTrail-Digest_eu-west-1_t_eu-west-1_20260115T120000Z.json.gz");
        assert!(matches!(trail.select(&moved), Selection::Skip(_)));
        let query = object("AWSLogs/111122223333/CloudTrail-Lake/Query/2026/01/15/0a/result_1.csv.gz");
        assert!(matches!(trail.select(&query), Selection::Skip(_)));
        let content = br#"{"awsAccountId":"111122223333","digestStartTime":"2026-01-15T12:00:00Z","logFiles":[]}"#;
        assert_eq!(read(&trail, "renamed.json", content), Ok(Vec::new()));
        assert!(read(&trail, "other.json", br#"{"awsAccountId":"111122223333"}"#).is_err());
    }

    #[test]
    fn a_digest_is_known_however_it_comes() {
        let digest =
            b"{\"awsAccountId\":\"111122223333\",\"digestStartTime\":\"2026-01-15T12:00:00Z\",\"logFiles\":[]}\n";
        for step in 1..digest.len() {
            let mut framer = TrailFramer::new(1 << 20);
            let (mut held, mut frames) = (Vec::new(), Vec::new());
            for (n, piece) in digest.chunks(step).enumerate() {
                held.extend_from_slice(piece);
                let consumed = framer.frame(&held, (n + 1) * step >= digest.len(), &mut frames).unwrap();
                held.drain(..consumed);
            }
            assert_eq!((frames.len(), held.len()), (0, 0), "by {step}");
        }
    }

    #[test]
    fn every_generated_record_is_an_event() {
        let mut rng = fastrand::Rng::with_seed(5);
        let origin = Origin::new("111122223333", "eu-west-1", jiff::Timestamp::UNIX_EPOCH);
        let content = cloudtrail::object(&mut rng, &origin, 0, 500);
        let key = cloudtrail::key(&mut rng, &origin);
        let events = read(&trail("cloud.aws.cloudtrail.events.{account}.{region}"), &key, &content).unwrap();
        assert_eq!(events.len(), 500);
        assert!(events.iter().all(|(_, tag)| tag.starts_with("cloud.aws.cloudtrail.events.")));
    }
}
