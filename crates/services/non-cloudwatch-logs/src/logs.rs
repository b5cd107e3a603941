//! Objects of log lines, one event a line: what tells the types apart, and how each is read.

use std::sync::atomic::{AtomicBool, Ordering};

use quittance_aws::{
    KeyFilter, ObjectRef, TagTemplate, Tagger, Whereabouts, is_below_aws_logs, is_write_test,
    objects::{Claim, ObjectKind, Opened, Route, Router, Selection},
    writer_folder,
};
use quittance_core::{Code, Family, TagId, Tags};
use quittance_formats::{Header, Lines};
use tracing::warn;

/// What only this service can meet.
pub(crate) static CODES: &[&Code] = &[&JSON_ROWS];

/// Rows of another format than their table has.
static JSON_ROWS: Code = Code::new(
    Family::Pull,
    322,
    "access logs are in JSON",
    "CloudFront's standard logging writes them in the format that is chosen there; the table's is W3C.",
    "Choose the W3C format in the distribution's logging, or a table of your own by `cloudfront_tag`.",
)
.of("VPC flow logs and CloudFront");

/// A type of logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LogType {
    VpcFlow,
    CloudFront,
}

impl LogType {
    const ALL: [LogType; 2] = [LogType::VpcFlow, LogType::CloudFront];

    pub(crate) fn named(name: &str) -> Option<LogType> {
        LogType::ALL.into_iter().find(|log| log.name() == name)
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

    /// The last level of its table: the event type of all its events.
    pub(crate) fn general(self) -> &'static str {
        match self {
            LogType::VpcFlow => "flow",
            LogType::CloudFront => "accessW3c",
        }
    }

    /// Keys as its objects usually have them.
    pub(crate) fn usual_keys(self, regions: &[String]) -> Vec<String> {
        let keys = regions.iter().flat_map(|region| match self {
            LogType::VpcFlow => [
                format!("AWSLogs/111122223333/vpcflowlogs/{region}/2026/01/15/111122223333_vpcflowlogs_{region}_fl-0a1b2c_20260115T1200Z_0d1e2f.log.gz"),
                format!("AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region={region}/year=2026/month=01/day=15/hour=12/111122223333_vpcflowlogs_{region}_fl-0a1b2c_20260115T1200Z_0d1e2f.log.gz"),
            ],
            LogType::CloudFront => {
                let name = "E2K9QW7RT4ZX1M.2026-01-15-12.5f2c19aa.gz";
                [format!("AWSLogs/111122223333/CloudFront/{name}"), name.to_owned()]
            }
        });
        keys.collect()
    }

    /// The folder of a day, as AWS lays it out if nobody chooses another way.
    fn folder_of_day(self, account: &str, region: &str, day: &str) -> Option<String> {
        match self {
            LogType::VpcFlow => Some(format!("AWSLogs/{account}/vpcflowlogs/{region}/{day}/")),
            LogType::CloudFront => None,
        }
    }

    /// Lines that say what the columns are.
    fn header(self) -> Header {
        match self {
            LogType::VpcFlow => Header::VpcFlow,
            LogType::CloudFront => Header::CloudFront,
        }
    }

    /// Whether a key looks like one of this type's. Below `AWSLogs` the folder that names the service decides.
    fn claims(self, key: &str) -> bool {
        match writer_folder(key) {
            Some(folder) if LogType::ALL.iter().any(|log| log.writes_into(folder)) => self.writes_into(folder),
            Some(_) => self.is_name(key),
            None => {
                let sign = match self {
                    LogType::VpcFlow => ["/vpcflowlogs/", "aws-service=vpcflowlogs"],
                    LogType::CloudFront => ["/CloudFront/", "aws-service=CloudFront"],
                };
                sign.into_iter().any(|sign| key.contains(sign)) || self.is_name(key)
            }
        }
    }

    /// Whether a folder below `AWSLogs` is that of the service that writes these logs. Who chooses a prefix may spell it
    /// in another way.
    fn writes_into(self, folder: &str) -> bool {
        folder.eq_ignore_ascii_case(match self {
            LogType::VpcFlow => "vpcflowlogs",
            LogType::CloudFront => "CloudFront",
        })
    }

    /// Whether an object is named as these logs are, wherever it was moved.
    fn is_name(self, key: &str) -> bool {
        let name = key.rsplit('/').next().unwrap_or_default();
        match self {
            LogType::VpcFlow => name.contains("_vpcflowlogs_"),
            // As in `E2K9QW7RT4ZX1M.2026-01-15-12.5f2c19aa.gz`.
            LogType::CloudFront => name.split('.').nth(1).is_some_and(is_hour),
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

/// `YYYY-MM-DD-HH`.
fn is_hour(text: &str) -> bool {
    let shape = text.bytes().map(|b| if b.is_ascii_digit() { b'0' } else { b });
    shape.eq(b"0000-00-00-00".iter().copied())
}

/// A type that is read, and its tag.
pub(crate) struct Reading {
    pub(crate) log: LogType,
    pub(crate) template: TagTemplate,
    /// The user chose it.
    pub(crate) own_tag: bool,
}

/// What is read from one queue.
pub(crate) struct Logs {
    pub(crate) readings: Vec<Reading>,
    pub(crate) from_key: bool,
    pub(crate) filter: KeyFilter,
    /// Rows in JSON were warned of.
    pub(crate) warned: AtomicBool,
}

impl Logs {
    /// Which type an object is. A queue of one type announces that type, whatever its keys look like; but not below
    /// `AWSLogs`, where a bucket may hold the logs of several services.
    fn reading(&self, key: &str) -> Option<&Reading> {
        match &*self.readings {
            [only] => (only.log.claims(key) || !is_below_aws_logs(key)).then_some(only),
            several => several.iter().find(|reading| reading.log.claims(key)),
        }
    }
}

impl ObjectKind for Logs {
    fn folder_of_day(&self, account: &str, region: &str, day: &str) -> Option<String> {
        self.readings.iter().find_map(|reading| reading.log.folder_of_day(account, region, day))
    }

    fn refuses(&self, object: &ObjectRef, head: &[u8]) -> Option<&'static str> {
        let reading = self.reading(&object.key)?;
        if head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start().first() != Some(&b'{') {
            return None;
        }
        match reading.log {
            // Documents around the lines, or rows of no known columns: neither is the table's.
            LogType::VpcFlow => Some("JSON, as Firehose writes it, and no flow log in plain text"),
            LogType::CloudFront => {
                if !reading.own_tag && !self.warned.swap(true, Ordering::Relaxed) {
                    warn!(
                        code = %JSON_ROWS, %object,
                        "rows in JSON go to a table for the W3C format: choose that format, or another table by `cloudfront_tag`"
                    );
                }
                None
            }
        }
    }

    fn select(&self, object: &ObjectRef) -> Selection {
        match self.filter.refuses(object) {
            Some(reason) => Selection::Skip(reason),
            None if is_write_test(&object.key) => Selection::Skip("a service only tried whether it may write"),
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
        let Reading { log, template, .. } = self.reading(&object.key).unwrap_or(&self.readings[0]);
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
    use quittance_testbed::{
        generate::{Origin, cloudfront, vpcflow},
        log::Log,
    };

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
        // Below AWSLogs the folder says whose it is, whatever the prefix and the names are.
        check("vpcflowlogs/AWSLogs/111122223333/CloudTrail/eu-west-1/x.json.gz", None);
        check("p/CloudFront/AWSLogs/111122223333/redshift/x.gz", None);
        check("AWSLogs/111122223333/vpcflowlogs/a.2026-01-15-12.5f2c19aa.gz", Some(LogType::VpcFlow));
        check("AWSLogs/111122223333/cloudfront/all.gz", Some(LogType::CloudFront));
        check("AWSLogs/111122223333/cdn/E2K9QW7RT4ZX1M.2026-01-15-12.5f2c19aa.gz", Some(LogType::CloudFront));
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
        let reading =
            |log: LogType| Reading { log, template: TagTemplate::new(log.tag(), "events").unwrap(), own_tag: false };
        let readings = vec![reading(LogType::VpcFlow), reading(LogType::CloudFront)];
        let logs = Logs { readings, from_key: true, filter: KeyFilter::default(), warned: AtomicBool::default() };
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
        let readings = vec![Reading { log, template: TagTemplate::new(log.tag(), "events").unwrap(), own_tag: false }];
        let filter = KeyFilter::new(Some(r"\.gz$")).unwrap();
        let logs = Logs { readings, from_key: false, filter, warned: AtomicBool::default() };
        assert_eq!(logs.select(&object("anything.gz")), Selection::Read);
        assert!(matches!(logs.select(&object("anything.txt")), Selection::Skip(_)));
        assert!(matches!(logs.select(&object("folder.gz/")), Selection::Skip(_)));
        let cdn = Logs {
            readings: vec![Reading {
                log: LogType::CloudFront,
                template: TagTemplate::new("a.b", "events").unwrap(),
                own_tag: false,
            }],
            from_key: false,
            filter: KeyFilter::default(),
            warned: AtomicBool::default(),
        };
        let flows = "AWSLogs/111122223333/vpcflowlogs/eu-west-1/2026/01/15/x.log.gz";
        assert!(matches!(cdn.select(&object(flows)), Selection::Skip(_)));
        for others in [
            "AWSLogs/111122223333/CloudFront/E2K9QW7RT4ZX1M.2026-01-15-12.5f2c19aa.gz",
            "AWSLogs/111122223333/redshift/eu-west-1/2026/01/15/x.gz",
            "AWSLogs/111122223333/CloudTrail-NetworkActivity/eu-west-1/2026/01/15/x.json.gz",
            "AWSLogs/111122223333/ELBAccessLogTestFile.gz",
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
    fn documents_in_json_are_no_flow_logs_and_rows_in_json_are_warned_of_once() {
        let logs = |log: LogType, own_tag| Logs {
            readings: vec![Reading { log, template: TagTemplate::new(log.tag(), log.general()).unwrap(), own_tag }],
            from_key: true,
            filter: KeyFilter::default(),
            warned: AtomicBool::default(),
        };
        let flows = logs(LogType::VpcFlow, false);
        for head in ["{\"mess", "\u{feff}{\"m", " \n {\"m"] {
            assert!(flows.refuses(&object("a.gz"), head.as_bytes()).is_some(), "{head}");
        }
        assert_eq!(flows.refuses(&object("a.gz"), b"versio"), None);
        let (log, _guard) = Log::keep();
        let said = |logs: &Logs| {
            let rows = [object("a.gz"), object("b.gz")].map(|object| logs.refuses(&object, b"{\"date"));
            assert_eq!(rows, [None, None]);
            log.lines_with("PullError322").len()
        };
        assert_eq!(said(&logs(LogType::CloudFront, false)), 1);
        assert_eq!(said(&logs(LogType::CloudFront, true)), 1, "who chose the table knows");
    }

    #[test]
    fn what_a_service_wrote_to_try_a_bucket_is_no_log() {
        let log = LogType::VpcFlow;
        let readings = vec![Reading { log, template: TagTemplate::new(log.tag(), "events").unwrap(), own_tag: false }];
        let logs = Logs { readings, from_key: false, filter: KeyFilter::default(), warned: AtomicBool::default() };
        for test in ["AWSLogs/111122223333/ELBAccessLogTestFile", "p/ELBAccessLogTestFile", "aws-logs-write-test"] {
            assert!(matches!(logs.select(&object(test)), Selection::Skip(_)), "{test}");
        }
    }

    #[test]
    fn what_several_members_of_gzip_join_is_read_whole() {
        let logs = |log: LogType| Logs {
            readings: vec![Reading { log, template: TagTemplate::new(log.tag(), "events").unwrap(), own_tag: false }],
            from_key: true,
            filter: KeyFilter::default(),
            warned: AtomicBool::default(),
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
