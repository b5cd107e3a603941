//! Objects of log lines, one event a line: what tells the types apart, and how each is read.

use quittance_aws::{
    KeyFilter, ObjectRef, TagTemplate, Tagger, Whereabouts,
    objects::{Claim, ObjectKind, Opened, Route, Router, Selection},
};
use quittance_core::{TagId, Tags};
use quittance_formats::{Header, Lines};

/// A type of logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LogType {
    VpcFlow,
    CloudFront,
}

impl LogType {
    pub(crate) fn named(name: &str) -> Option<LogType> {
        [LogType::VpcFlow, LogType::CloudFront].into_iter().find(|log| log.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            LogType::VpcFlow => "vpcflowlogs",
            LogType::CloudFront => "cloudfront",
        }
    }

    pub(crate) fn tag(self) -> &'static str {
        match self {
            LogType::VpcFlow => "cloud.aws.vpc.flow.{account}.{region}",
            LogType::CloudFront => "web.aws.cloudfront.accessW3c.{account}.{region}",
        }
    }

    /// Lines that say what the columns are.
    fn header(self) -> Header {
        match self {
            LogType::VpcFlow => Header::VpcFlow,
            LogType::CloudFront => Header::CloudFront,
        }
    }

    /// Whether a key looks like one of this type's.
    fn claims(self, key: &str) -> bool {
        match self {
            LogType::VpcFlow => {
                ["/vpcflowlogs/", "aws-service=vpcflowlogs", "_vpcflowlogs_"].into_iter().any(|sign| key.contains(sign))
            }
            LogType::CloudFront => {
                let name = key.rsplit('/').next().unwrap_or_default();
                // As in `E2K9QW7RT4ZX1M.2026-01-15-12.5f2c19aa.gz`.
                key.contains("/CloudFront/") || name.split('.').nth(1).is_some_and(is_hour)
            }
        }
    }

    /// The account and region that a key names.
    fn refine(self, at: &Whereabouts, key: &str) -> Whereabouts {
        let refined = at.refined_by_key(key);
        if self == LogType::VpcFlow && refined == *at {
            // Moved elsewhere under its own name: `<account>_vpcflowlogs_<region>_<flow log>_...`.
            let mut parts = key.rsplit('/').next().unwrap_or_default().split('_');
            if let (Some(account), Some("vpcflowlogs"), Some(region)) = (parts.next(), parts.next(), parts.next()) {
                return at.refined_by_key(&format!("AWSLogs/{account}/vpcflowlogs/{region}/"));
            }
        }
        refined
    }
}

/// Whether a key is that of logs which are none of these types, as in `AWSLogs/111122223333/vpcdnsquerylogs/...`.
fn is_anothers(key: &str) -> bool {
    const OTHERS: [&str; 9] = [
        "CloudTrail",
        "CloudTrail-Digest",
        "CloudTrail-Insight",
        "vpcdnsquerylogs",
        "elasticloadbalancing",
        "WAFLogs",
        "GuardDuty",
        "Config",
        "network-firewall",
    ];
    let logs = key.strip_prefix("AWSLogs/").or_else(|| key.split_once("/AWSLogs/").map(|(_, logs)| logs));
    // The account comes first, or the organization and the account.
    logs.is_some_and(|logs| logs.split('/').take(3).any(|folder| OTHERS.contains(&folder)))
}

/// `YYYY-MM-DD-HH`.
fn is_hour(text: &str) -> bool {
    let shape = text.bytes().map(|b| if b.is_ascii_digit() { b'0' } else { b });
    shape.eq(b"0000-00-00-00".iter().copied())
}

/// A type that is read, and its tag.
pub(crate) struct Reading {
    pub(crate) log: LogType,
    pub(crate) template: TagTemplate,
}

/// What is read from one queue.
pub(crate) struct Logs {
    pub(crate) readings: Vec<Reading>,
    pub(crate) from_key: bool,
    pub(crate) filter: KeyFilter,
}

impl Logs {
    /// Which type an object is. A queue of one type announces that type, whatever its keys look like, if they do not say
    /// that they are another service's: a bucket may hold the logs of several.
    fn reading(&self, key: &str) -> Option<&Reading> {
        match &*self.readings {
            [only] => (only.log.claims(key) || !is_anothers(key)).then_some(only),
            several => several.iter().find(|reading| reading.log.claims(key)),
        }
    }
}

impl ObjectKind for Logs {
    fn select(&self, object: &ObjectRef) -> Selection {
        match self.filter.refuses(object) {
            Some(reason) => Selection::Skip(reason),
            None if self.reading(&object.key).is_none() => Selection::Skip("its key is that of no type read here"),
            None => Selection::Read,
        }
    }

    fn claim(&self, object: &ObjectRef) -> Claim {
        let own = self.readings.iter().any(|reading| reading.log.claims(&object.key));
        if own { Claim::Own } else { Claim::No }
    }

    fn open(&self, object: &ObjectRef, at: &Whereabouts, tags: &Tags, max_event_bytes: usize) -> Opened {
        // Only selected objects are opened.
        let Reading { log, template } = self.reading(&object.key).unwrap_or(&self.readings[0]);
        let at = if self.from_key { log.refine(at, &object.key) } else { at.clone() };
        let tag = Tagger::new(template.clone(), at, tags.clone()).id(None, None, None);
        Opened {
            framer: Box::new(Lines::new(log.header(), max_event_bytes)),
            router: Box::new(ToOne(tag)),
            json: false,
        }
    }
}

/// Every event of an object goes to one tag.
struct ToOne(TagId);

impl Router for ToOne {
    fn route(&mut self, _: &[u8]) -> Route {
        Route::Send(self.0)
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use quittance_testbed::generate::{Origin, cloudfront, vpcflow};

    use super::*;

    #[test]
    fn keys_tell_the_types_apart() {
        let check = |key: &str, expected: Option<LogType>| {
            let claims: Vec<_> =
                [LogType::VpcFlow, LogType::CloudFront].into_iter().filter(|log| log.claims(key)).collect();
            assert_eq!(claims, expected.into_iter().collect::<Vec<_>>(), "{key}");
        };
        let vpc = "AWSLogs/111122223333/vpcflowlogs/eu-west-1/2026/01/15/111122223333_vpcflowlogs_eu-west-1_fl-0a_20260115T1200Z_0b.log.gz";
        check(vpc, Some(LogType::VpcFlow));
        check(
            "p/AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2026/month=01/day=15/x.log.gz",
            Some(LogType::VpcFlow),
        );
        check("moved/111122223333_vpcflowlogs_eu-west-1_fl-0a_20260115T1200Z_0b.log.gz", Some(LogType::VpcFlow));
        check("cdn/E2K9QW7RT4ZX1M.2026-01-15-12.5f2c19aa.gz", Some(LogType::CloudFront));
        check("AWSLogs/111122223333/CloudFront/E2K9QW7RT4ZX1M.2026-01-15-12.5f2c19aa.gz", Some(LogType::CloudFront));
        check("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/01/15/111122223333_CloudTrail_x.json.gz", None);
        check("E2K9QW7RT4ZX1M.2026-01-15.gz", None);
    }

    fn object(key: &str) -> ObjectRef {
        ObjectRef::new("b", key)
    }

    /// How many events, and their tag.
    fn read(logs: &Logs, key: &str, content: &[u8]) -> (usize, String) {
        let at = Whereabouts { account: "999999999999".to_owned(), region: "us-east-1".to_owned() };
        let (tags, mut frames) = (Tags::default(), Vec::new());
        let Opened { mut framer, mut router, .. } = logs.open(&object(key), &at, &tags, 1 << 20);
        framer.frame(content, true, &mut frames).unwrap();
        let Route::Send(id) = router.route(b"event") else { panic!("nothing is dropped") };
        (frames.len(), tags.tag(id).to_string())
    }

    #[test]
    fn a_shared_queue_is_told_apart_by_its_keys() {
        let reading = |log: LogType| Reading { log, template: TagTemplate::new(log.tag(), "events").unwrap() };
        let readings = vec![reading(LogType::VpcFlow), reading(LogType::CloudFront)];
        let logs = Logs { readings, from_key: true, filter: KeyFilter::default() };
        let mut rng = fastrand::Rng::with_seed(5);
        let origin = Origin::new("111122223333", "eu-west-1", jiff::Timestamp::UNIX_EPOCH);
        let (key, content) = (vpcflow::key(&mut rng, &origin), vpcflow::object(&mut rng, &origin, 0, 300));
        assert_eq!(logs.select(&object(&key)), Selection::Read);
        assert_eq!(read(&logs, &key, &content), (300, "cloud.aws.vpc.flow.111122223333.eu-west-1".to_owned()));
        let (key, content) = (cloudfront::key(&mut rng, &origin), cloudfront::object(&mut rng, &origin, 0, 300));
        assert_eq!(logs.select(&object(&key)), Selection::Read);
        assert_eq!(
            read(&logs, &key, &content),
            (300, "web.aws.cloudfront.accessW3c.999999999999.us-east-1".to_owned())
        );
        assert!(matches!(logs.select(&object("AWSLogs/111122223333/WAFLogs/x.log.gz")), Selection::Skip(_)));
    }

    #[test]
    fn a_queue_of_its_own_is_read_whatever_its_keys_are() {
        let log = LogType::VpcFlow;
        let readings = vec![Reading { log, template: TagTemplate::new(log.tag(), "events").unwrap() }];
        let filter = KeyFilter::new(Some(r"\.gz$")).unwrap();
        let logs = Logs { readings, from_key: false, filter };
        assert_eq!(logs.select(&object("anything.gz")), Selection::Read);
        assert!(matches!(logs.select(&object("anything.txt")), Selection::Skip(_)));
        assert!(matches!(logs.select(&object("folder.gz/")), Selection::Skip(_)));
        for others in [
            "AWSLogs/111122223333/vpcdnsquerylogs/vpc-0a/2026/01/15/vpc-0a_vpcdnsquerylogs_111122223333_x.log.gz",
            "p/AWSLogs/o-abc123/111122223333/CloudTrail/eu-west-1/2026/01/15/111122223333_CloudTrail_x.json.gz",
            "AWSLogs/111122223333/elasticloadbalancing/eu-west-1/2026/01/15/x.log.gz",
        ] {
            assert!(matches!(logs.select(&object(others)), Selection::Skip(_)), "{others}");
        }
        assert_eq!(logs.select(&object("CloudTrail/vpcflowlogs.gz")), Selection::Read);
        assert_eq!(read(&logs, "anything.gz", b"version\n2 a\n").1, "cloud.aws.vpc.flow.999999999999.us-east-1");
    }

    #[test]
    fn what_several_members_of_gzip_join_is_read_whole() {
        let logs = |log: LogType| Logs {
            readings: vec![Reading { log, template: TagTemplate::new(log.tag(), "events").unwrap() }],
            from_key: true,
            filter: KeyFilter::default(),
        };
        let mut rng = fastrand::Rng::with_seed(7);
        let origin = Origin::new("111122223333", "eu-west-1", jiff::Timestamp::UNIX_EPOCH);
        let flows = [vpcflow::object(&mut rng, &origin, 0, 30), vpcflow::object(&mut rng, &origin, 30, 20)].concat();
        assert_eq!(read(&logs(LogType::VpcFlow), "x.gz", &flows).0, 50);
        let rows =
            [cloudfront::object(&mut rng, &origin, 0, 30), cloudfront::object(&mut rng, &origin, 30, 20)].concat();
        assert_eq!(read(&logs(LogType::CloudFront), "x.gz", &rows).0, 50);
        let bare = flows.splitn(2, |b| *b == b'\n').nth(1).unwrap();
        assert_eq!(read(&logs(LogType::VpcFlow), "x.gz", bare).0, 50);
    }

    #[test]
    fn account_and_region_are_the_keys() {
        let at = Whereabouts { account: "999999999999".to_owned(), region: "us-east-1".to_owned() };
        let check = |log: LogType, key: &str, account: &str, region: &str| {
            let expected = Whereabouts { account: account.to_owned(), region: region.to_owned() };
            assert_eq!(log.refine(&at, key), expected, "{key}");
        };
        let (vpc, cdn) = (LogType::VpcFlow, LogType::CloudFront);
        check(vpc, "AWSLogs/111122223333/vpcflowlogs/eu-west-1/2026/x.log.gz", "111122223333", "eu-west-1");
        check(vpc, "AWSLogs/o-abc123/111122223333/vpcflowlogs/us-gov-west-1/x.log.gz", "111122223333", "us-gov-west-1");
        check(
            vpc,
            "AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2026/x.log.gz",
            "111122223333",
            "eu-west-1",
        );
        check(vpc, "moved/111122223333_vpcflowlogs_eu-west-1_fl-0a_2026_0b.log.gz", "111122223333", "eu-west-1");
        check(vpc, "anything.log.gz", "999999999999", "us-east-1");
        check(cdn, "E2K9.2026-01-15-12.5f.gz", "999999999999", "us-east-1");
        check(cdn, "AWSLogs/111122223333/CloudFront/E2K9.2026-01-15-12.5f.gz", "111122223333", "us-east-1");
    }
}
