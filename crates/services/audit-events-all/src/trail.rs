//! The objects of a trail: `{"Records":[...]}`, one event an element. Digest files, which a trail may write beside them,
//! hold no event.

use memchr::memmem;
use quittance_aws::{
    KeyFilter, ObjectRef, PlanError, TagTemplate, Tagger, Whereabouts, bare, is_dropped,
    objects::{Claim, ObjectKind, Opened, Route, Router, Selection},
};
use quittance_core::Tags;
use quittance_formats::{FormatError, Frame, Framer, Records, fields};

use crate::Config;

pub(crate) struct Trail {
    template: TagTemplate,
    drop_event_names: Vec<String>,
    from_event: bool,
    filter: KeyFilter,
}

impl Trail {
    pub(crate) fn new(config: &Config) -> Result<Self, PlanError> {
        Ok(Trail {
            template: config.tag_template()?,
            drop_event_names: config.drop_event_names.clone(),
            from_event: config.use_region_and_account_id_from_event,
            filter: config.objects.filter()?,
        })
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
        let fallback = if self.from_event { at.refined_by_key(&object.key) } else { at.clone() };
        let router = TrailRouter {
            tagger: Tagger::new(self.template.clone(), fallback, tags.clone()),
            with_event_type: self.template.has_event_type(),
            from_event: self.from_event,
            drop_event_names: self.drop_event_names.clone(),
        };
        let framer = TrailFramer { records: Records::new("Records", max_event_bytes), started: false, digest: false };
        Opened { framer: Box::new(framer), router: Box::new(router), json: true }
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

struct TrailRouter {
    tagger: Tagger,
    with_event_type: bool,
    from_event: bool,
    drop_event_names: Vec<String>,
}

impl Router for TrailRouter {
    fn route(&mut self, event: &[u8]) -> Route {
        if !self.with_event_type && !self.from_event && self.drop_event_names.is_empty() {
            return Route::Send(self.tagger.id(None, None, None));
        }
        // What nearly every record says early is read first; only what lacks one of these is read to its end.
        let [source, region, user_account, name] =
            fields::read(event, [&["eventSource"], &["awsRegion"], &["userIdentity", "accountId"], &["eventName"]]);
        let [recipient, category] = match (source, user_account) {
            (Some(_), Some(_)) => [None, None],
            _ => fields::read(event, [&["recipientAccountId"], &["eventCategory"]]),
        };
        let event_type = match (source, category) {
            // An Insight event names no source of its own.
            (None, Some(b"\"Insight\"")) => Some(b"insights".as_slice()),
            _ => source.map(service),
        };
        // As Devo's own senders choose it: whose identity it was, else whose trail it is.
        let account = user_account.or(recipient).filter(|_| self.from_event).map(bare);
        let tag = self.tagger.id(
            event_type.filter(|_| self.with_event_type),
            account,
            region.filter(|_| self.from_event).map(bare),
        );
        if is_dropped(name, &self.drop_event_names) { Route::Drop(tag) } else { Route::Send(tag) }
    }
}

/// `ec2` of `"ec2.amazonaws.com"`.
fn service(raw: &[u8]) -> &[u8] {
    let name = bare(raw);
    let end = memmem::find(name, b".amazonaws").or_else(|| memchr::memchr(b'.', name)).unwrap_or(name.len());
    &name[..end]
}

#[cfg(test)]
mod tests {
    use quittance_testbed::generate::{Origin, cloudtrail};

    use super::*;

    fn trail(template: &str) -> Trail {
        Trail {
            template: TagTemplate::new(template, "events").unwrap(),
            drop_event_names: vec!["Decrypt".to_owned()],
            from_event: true,
            filter: KeyFilter::default(),
        }
    }

    fn object(key: &str) -> ObjectRef {
        ObjectRef { bucket: "b".to_owned(), key: key.to_owned(), region: None }
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
