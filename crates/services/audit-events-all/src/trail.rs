//! The objects of a trail: `{"Records":[...]}`, one event an element. Digest files, which a trail may write beside them,
//! hold no event.

use memchr::memmem;
use quittance_aws::{
    KeyFilter, ObjectRef, PlanError, Whereabouts,
    objects::{Claim, ObjectKind, Opened, Selection},
};
use quittance_core::Tags;
use quittance_formats::{FormatError, Frame, Framer, Records};

use crate::{Config, record::RecordRoutes};

pub(crate) struct Trail {
    records: RecordRoutes,
    filter: KeyFilter,
}

impl Trail {
    pub(crate) fn new(config: &Config) -> Result<Self, PlanError> {
        let filter = config.objects.filter()?;
        Ok(Trail { records: RecordRoutes::new(config)?, filter })
    }
}

impl ObjectKind for Trail {
    fn select(&self, object: &ObjectRef) -> Selection {
        match self.filter.refuses(object) {
            Some(reason) => Selection::Skip(reason),
            None if object.key.contains("/CloudTrail-Digest/") => Selection::Skip("a digest holds no event"),
            None => Selection::Read,
        }
    }

    fn claim(&self, object: &ObjectRef) -> Claim {
        let signs =
            ["/CloudTrail/", "/CloudTrail-Digest/", "/CloudTrail-Insight/", "_CloudTrail_", "_CloudTrail-Digest_"];
        if signs.into_iter().any(|sign| object.key.contains(sign)) { Claim::Own } else { Claim::No }
    }

    fn open(&self, object: &ObjectRef, at: &Whereabouts, tags: &Tags, max_event_bytes: usize) -> Opened {
        let fallback = if self.records.from_event { at.refined_by_key(&object.key) } else { at.clone() };
        let router = self.records.router(fallback, tags);
        let framer = TrailFramer { records: Records::new("Records", max_event_bytes), started: false, digest: false };
        Opened { framer: Box::new(framer), router, json: true }
    }
}

/// Finds the records, and knows a digest by its shape where its key does not tell.
struct TrailFramer {
    records: Records,
    started: bool,
    digest: bool,
}

impl Framer for TrailFramer {
    fn frame(&mut self, window: &[u8], last: bool, frames: &mut Vec<Frame>) -> Result<usize, FormatError> {
        if !self.started {
            self.started = !window.is_empty();
            let head = &window[..window.len().min(4096)];
            self.digest =
                memmem::find(head, b"\"digestStartTime\"").is_some() && memmem::find(head, b"\"Records\"").is_none();
        }
        match self.records.frame(window, last, frames) {
            Err(FormatError::MissingKey { .. }) if self.digest => Ok(window.len()),
            found => found,
        }
    }
}

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
        };
        Trail { records, filter: KeyFilter::default() }
    }

    fn object(key: &str) -> ObjectRef {
        ObjectRef { bucket: "b".to_owned(), key: key.to_owned(), ..ObjectRef::default() }
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
        let insight = r#"{"eventType":"AwsCloudTrailInsight","eventCategory":"Insight","awsRegion":"eu-west-1","recipientAccountId":"111122223333","insightDetails":{"eventSource":"ec2.amazonaws.com"}}"#;
        check(insight, true, "insights.111122223333.eu-west-1");
        // What says nothing has its key's account and region.
        check("{}", true, "events.111122223333.eu-west-1");
    }

    #[test]
    fn a_digest_holds_no_event() {
        let trail = trail(AUTO);
        let digest = KEY.replace("/CloudTrail/", "/CloudTrail-Digest/");
        assert!(matches!(trail.select(&object(&digest)), Selection::Skip(_)));
        let content = br#"{"awsAccountId":"111122223333","digestStartTime":"2026-01-15T12:00:00Z","logFiles":[]}"#;
        assert_eq!(read(&trail, "renamed.json", content), Ok(Vec::new()));
        assert!(read(&trail, "other.json", br#"{"awsAccountId":"111122223333"}"#).is_err());
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
