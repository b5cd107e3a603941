//! What happens in the accounts: events of every source, each told to the oracle with the table that it belongs to.
//!
//! Tables are found here in another way than by the collector: events are read as JSON as a whole.

use std::collections::BTreeMap;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use quittance_aws::windows::event_id;
use quittance_testbed::{
    aws::{ACCOUNT, MessageId, Place as At, Sample},
    generate::{
        Origin, cloudfront, cloudtrail, eventbridge, guardduty, gzip, logs, metrics, securityhub, umbrella, voiso,
        vpcflow,
    },
};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    oracle::{Duty, Fate, Id},
    place::Place,
    shape::{LISTED, LONGEST_EVENT, REGION, Use},
};

/// Where events come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    Events,
    Findings,
    Security,
    Trail,
    Flows,
    Cdn,
    Umbrella,
    Listed,
    Audits,
    Logs,
    Metrics,
    GuardDuty,
}

impl Source {
    pub(super) const ALL: [Source; 12] = [
        Source::Events,
        Source::Findings,
        Source::Security,
        Source::Trail,
        Source::Flows,
        Source::Cdn,
        Source::Umbrella,
        Source::Listed,
        Source::Audits,
        Source::Logs,
        Source::Metrics,
        Source::GuardDuty,
    ];
}

/// An object that was put, and what it holds.
#[derive(Clone)]
pub(super) struct Object {
    pub(super) of: Use,
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) events: Vec<Id>,
    /// Its key says whose it is.
    origin: Origin,
}

/// Where events of so many kinds are in what they count.
#[derive(Default)]
pub(super) struct Sources {
    ordinal: u64,
    /// Next places in the groups of a FIFO queue.
    places: BTreeMap<String, u64>,
    detector: Option<String>,
    /// How many events a window of an API can show late.
    pub(super) late: u64,
    /// Periods of metrics that have a sample.
    sampled: Vec<(u64, i64)>,
}

/// What is wrong with an object from the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flaw {
    None,
    /// It is cut short.
    Truncated,
    /// It is no gzip, and no JSON.
    Garbage,
}

impl Sources {
    fn next(&mut self, events: u64) -> u64 {
        self.ordinal += events;
        self.ordinal - events
    }

    /// Lets something happen, of which events may be shown as late as `latest` (seconds).
    pub(super) fn happen(&mut self, place: &Place, rng: &mut Rng, source: Source, latest: i64) {
        match source {
            Source::Events => self.event(place, rng),
            Source::Findings => self.findings(place, rng),
            Source::Security => self.security(place, rng),
            Source::Trail => self.announced(place, rng, Use::Trail, Flaw::None),
            Source::Flows => self.announced(place, rng, Use::Flows, Flaw::None),
            Source::Cdn => self.announced(place, rng, Use::Cdn, Flaw::None),
            Source::Umbrella => self.announced(place, rng, Use::Umbrella, Flaw::None),
            Source::Listed => _ = self.listed(place, rng),
            Source::Audits => self.audit(place, rng, latest),
            Source::Logs => self.log_events(place, rng, latest),
            Source::Metrics => self.datapoint(place, rng, latest),
            Source::GuardDuty => self.finding(place, rng, latest),
        }
    }

    fn event(&mut self, place: &Place, rng: &mut Rng) {
        let origin = Origin::any(rng, place.aws.now());
        let event = eventbridge::event(rng, &origin, self.next(1));
        let value: Value = serde_json::from_str(&event).unwrap_or_default();
        let kind = value["source"]
            .as_str()
            .and_then(|source| source.strip_prefix("aws."))
            .map_or_else(|| "events".to_owned(), level);
        let tag = format!("cloud.aws.cloudwatch.{kind}.{}.{}", text(&value["account"]), text(&value["region"]));
        let id = place.expect(&tag, &event, Duty::Arrives);
        let message = place.aws.send(place.shape.queue(Use::Events), event);
        place.oracle.message(message, vec![id], Fate::Deleted, None);
    }

    fn findings(&mut self, place: &Place, rng: &mut Rng) {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow)]
            detail: Detail<'a>,
        }
        #[derive(Deserialize)]
        struct Detail<'a> {
            #[serde(borrow)]
            findings: Vec<&'a RawValue>,
        }
        let origin = Origin::any(rng, place.aws.now());
        let many = rng.u64(1..=4);
        let body = securityhub::message(rng, &origin, self.next(many), many);
        let envelope: Envelope<'_> = serde_json::from_str(&body).expect("it is generated so");
        let ids = envelope.detail.findings.iter().map(|raw| {
            let finding: Value = serde_json::from_str(raw.get()).unwrap_or_default();
            let (account, region) = (text(&finding["AwsAccountId"]), text(&finding["Region"]));
            place.expect(&format!("cloud.aws.securityhub.findings.{account}.{region}"), raw.get(), Duty::Arrives)
        });
        let ids: Vec<_> = ids.collect();
        let message = place.aws.send(place.shape.queue(Use::Findings), body);
        place.oracle.message(message, ids, Fate::Deleted, None);
    }

    fn security(&mut self, place: &Place, rng: &mut Rng) {
        let origin = Origin::any(rng, place.aws.now());
        let ordinal = self.next(1);
        let (body, tag) = match rng.u8(0..8) {
            // No JSON, and on several lines.
            0 => {
                (format!("call {ordinal} was \"odd\"\nand went on {}", rng.u32(..)), "my.app.voiso.unknown".to_owned())
            }
            _ => {
                let event = voiso::event(rng, &origin, ordinal);
                let value: Value = serde_json::from_str(&event).unwrap_or_default();
                (event, format!("my.app.voiso.{}", text(&value["type"])))
            }
        };
        let id = place.expect(&tag, &body, Duty::Arrives);
        self.send_security(place, rng, body, vec![id], Fate::Deleted);
    }

    /// An event that is too long to be sent.
    pub(super) fn too_long(&mut self, place: &Place, rng: &mut Rng) {
        let ordinal = self.next(1);
        let body = format!("{ordinal} {}", "x".repeat(LONGEST_EVENT + rng.usize(0..1000)));
        let id = place.expect("my.app.voiso.unknown", &body, Duty::SetAside);
        let fate = Fate::Quarantined(format!("event {:032x}", event_id(&[body.as_bytes()])));
        self.send_security(place, rng, body, vec![id], fate);
    }

    fn send_security(&mut self, place: &Place, rng: &mut Rng, body: String, ids: Vec<Id>, fate: Fate) {
        let queue = place.shape.queue(Use::Security);
        if !place.shape.fifo {
            let message = place.aws.send(queue, body);
            return place.oracle.message(message, ids, fate, None);
        }
        let group = format!("group-{}", rng.u8(0..3));
        let turn = self.places.entry(group.clone()).or_default();
        *turn += 1;
        let message = place.aws.send_to_group(queue, &group, body);
        place.oracle.message(message, ids, fate, Some((group, *turn)));
    }

    /// An object, or two of them, and the message that announces them.
    pub(super) fn announced(&mut self, place: &Place, rng: &mut Rng, of: Use, flaw: Flaw) {
        // A message of several records is S3's own shape.
        let several = rng.u8(0..5) == 0;
        let first = self.object(place, rng, of, flaw);
        let second = several.then(|| self.object(place, rng, of, Flaw::None));
        self.announce(place, &first, second.as_ref(), flaw);
    }

    /// Tells of objects that are there, or will be.
    pub(super) fn announce(&self, place: &Place, first: &Object, second: Option<&Object>, flaw: Flaw) {
        let body = match second {
            None => self.announcement(place, first),
            Some(second) => {
                let entry = |object: &Object| {
                    let (bucket, key) = (&object.bucket, object.key.replace(' ', "+"));
                    json!({"eventName": "ObjectCreated:Put", "awsRegion": REGION, "s3": {"bucket": {"name": bucket}, "object": {"key": key}}})
                };
                json!({"Records": [entry(first), entry(second)]}).to_string()
            }
        };
        let events = [Some(first), second].into_iter().flatten().flat_map(|object| object.events.clone()).collect();
        let fate = match (flaw, place.shape.dead(first.of)) {
            (Flaw::None, _) => Fate::Deleted,
            (_, Some(dead)) => Fate::DeadLetter(dead),
            (_, None) => Fate::Quarantined(first.key.clone()),
        };
        let message = place.aws.send(place.shape.queue(first.of), body);
        place.oracle.message(message, events, fate, None);
    }

    /// An object's content is put; its events are due.
    pub(super) fn object(&mut self, place: &Place, rng: &mut Rng, of: Use, flaw: Flaw) -> Object {
        let origin = Origin::any(rng, place.aws.now());
        let events = usual_size(rng, of);
        let Made { key, mut content, lines, tag } = self.make(rng, of, &origin, events);
        let duty = if flaw == Flaw::None { Duty::Arrives } else { Duty::May };
        if flaw == Flaw::Garbage {
            content = b"this is no log\n{".to_vec();
        }
        let events = match flaw {
            Flaw::Garbage => Vec::new(),
            _ => lines.iter().map(|line| place.expect(&tag(line), line, duty)).collect(),
        };
        let mut bytes = gzip(&content, 1);
        if flaw == Flaw::Truncated {
            bytes.truncate(bytes.len() * 2 / 3);
        }
        let bucket = of.bucket().to_owned();
        place.aws.put_object(&bucket, &key, bytes);
        Object { of, bucket, key, events, origin }
    }

    /// An object that is not compressed, of so many events.
    pub(super) fn plain_object(&mut self, place: &Place, rng: &mut Rng, events: usize) -> Object {
        let origin = Origin::any(rng, place.aws.now());
        let Made { key, content, lines, tag } = self.make(rng, Use::Flows, &origin, events);
        let events = lines.iter().map(|line| place.expect(&tag(line), line, Duty::Arrives)).collect();
        let bucket = Use::Flows.bucket().to_owned();
        place.aws.put_object(&bucket, &key, content);
        Object { of: Use::Flows, bucket, key, events, origin }
    }

    /// The same object with other content, which is yet to be put.
    pub(super) fn overwritten(&mut self, place: &Place, rng: &mut Rng, object: &Object) -> (Object, Vec<u8>) {
        let size = usual_size(rng, object.of);
        let Made { content, lines, tag, .. } = self.make(rng, object.of, &object.origin, size);
        let events: Vec<_> = lines.iter().map(|line| place.expect(&tag(line), line, Duty::Arrives)).collect();
        (Object { events, ..object.clone() }, content)
    }

    /// The message that announces an object.
    pub(super) fn announcement(&self, place: &Place, object: &Object) -> String {
        place.aws.notification(place.shape.announcement(object.of), &object.bucket, &object.key, 1000, "e")
    }

    fn make(&mut self, rng: &mut Rng, of: Use, origin: &Origin, events: usize) -> Made {
        let first = self.next(events as u64);
        match of {
            Use::Trail | Use::Events | Use::Findings | Use::Security => {
                #[derive(Deserialize)]
                #[serde(rename_all = "PascalCase")]
                struct Records<'a> {
                    #[serde(borrow)]
                    records: Vec<&'a RawValue>,
                }
                let content = cloudtrail::object(rng, origin, first, events);
                let records: Records<'_> = serde_json::from_slice(&content).expect("it is generated so");
                let lines = records.records.iter().map(|raw| raw.get().to_owned()).collect();
                Made { key: cloudtrail::key(rng, origin), lines, tag: Box::new(audit_tag), content }
            }
            Use::Flows => {
                let content = vpcflow::object(rng, origin, first, events);
                let lines = lines_of(&content, events);
                let tag = format!("cloud.aws.vpc.flow.{}.{}", origin.account, origin.region);
                Made { key: vpcflow::key(rng, origin), lines, tag: Box::new(move |_| tag.clone()), content }
            }
            Use::Cdn => {
                let content = cloudfront::object(rng, origin, first, events);
                let lines = lines_of(&content, events);
                let tag = format!("web.aws.cloudfront.accessW3c.{ACCOUNT}.{REGION}");
                Made { key: cloudfront::key(rng, origin), lines, tag: Box::new(move |_| tag.clone()), content }
            }
            Use::Umbrella => {
                let content = umbrella::object(rng, origin, umbrella::Log::Dns, first, events);
                let lines = lines_of(&content, events);
                let key = umbrella::key(rng, origin, umbrella::Log::Dns);
                // Four letters are few.
                let key = key.replace(".csv.gz", &format!("{first}.csv.gz"));
                Made { key, lines, tag: Box::new(|_| "sig.cisco.umbrella.dns".to_owned()), content }
            }
        }
    }

    /// An object that a listing finds; its events and its key.
    pub(super) fn listed(&mut self, place: &Place, rng: &mut Rng) -> (Vec<Id>, String) {
        let origin = Origin::new(ACCOUNT, REGION, place.aws.now());
        let events = rng.usize(1..10);
        let first = self.next(events as u64);
        let content = umbrella::object(rng, &origin, umbrella::Log::Ip, first, events);
        let ids: Vec<_> = lines_of(&content, events)
            .iter()
            .map(|line| place.expect("sig.cisco.umbrella.ip", line, Duty::Arrives))
            .collect();
        let key = umbrella::key(rng, &origin, umbrella::Log::Ip).replace(".csv.gz", &format!("{first}.csv.gz"));
        let bytes = gzip(&content, 1);
        let size = bytes.len() as i64;
        let etag = format!("\"{}\"", place.aws.put_object(LISTED.0, &key, bytes));
        let id = event_id(&[LISTED.0.as_bytes(), key.as_bytes(), etag.as_bytes(), &size.to_le_bytes()]);
        place.oracle.remembered_as(id, ids.clone());
        (ids, key)
    }

    fn audit(&mut self, place: &Place, rng: &mut Rng, latest: i64) {
        let (now, origin) = (place.aws.now(), Origin::new(ACCOUNT, REGION, place.aws.now()));
        let mut record = String::new();
        cloudtrail::record(&mut record, rng, &origin, self.next(1));
        let id = place.expect(&audit_tag(&record), &record, Duty::Arrives);
        let value: Value = serde_json::from_str(&record).unwrap_or_default();
        place.oracle.remembered_as(event_id(&[text(&value["eventID"]).as_bytes()]), vec![id]);
        let shown = self.shown(rng, now, latest, 900);
        if shown == now {
            place.oracle.prompt(
                id,
                &format!("aws/10001/audit-events-all/audits_api/{REGION}|events"),
                now.as_millisecond(),
            );
        }
        place.aws.put_audit_event(&At::default(), now, shown, record);
    }

    fn log_events(&mut self, place: &Place, rng: &mut Rng, latest: i64) {
        let (now, origin) = (place.aws.now(), Origin::new(ACCOUNT, REGION, place.aws.now()));
        let group = format!("/app/{}", rng.u8(0..3));
        let tag = format!("cloud.aws.cloudwatch.logs.{ACCOUNT}.{REGION}");
        for _ in 0..rng.u8(1..4) {
            let message = logs::message(rng, &origin, self.next(1));
            let id = place.expect(&tag, message.trim_end_matches(['\r', '\n']), Duty::Arrives);
            let shown = self.shown(rng, now, latest, 300);
            let event = place.aws.put_log_event(&At::default(), &group, "stream", now, shown, message);
            let parts = [ACCOUNT.as_bytes(), group.as_bytes(), b"stream", event.as_bytes()];
            place.oracle.remembered_as(event_id(&parts), vec![id]);
            if shown == now {
                let cursor = format!("aws/10001/cwl_1/logs/{REGION}|{group}");
                place.oracle.prompt(id, &cursor, now.as_millisecond());
            }
        }
    }

    fn finding(&mut self, place: &Place, rng: &mut Rng, latest: i64) {
        let (now, origin) = (place.aws.now(), Origin::new(ACCOUNT, REGION, place.aws.now()));
        let detector = self.detector.get_or_insert_with(|| place.aws.add_detector(&At::default())).clone();
        let version = guardduty::Version { updated: now, count: rng.u64(1..50), archived: false };
        let finding = guardduty::finding(rng, &origin, self.next(1), version);
        let id = place.expect("my.app.sim.findings", &finding, Duty::Arrives);
        let shown = self.shown(rng, now, latest.min(1500), 1800);
        if shown == now {
            let cursor = format!("aws/10001/aws-guardduty/findings/{REGION}|{detector}");
            place.oracle.prompt(id, &cursor, now.as_millisecond());
        }
        place.aws.put_finding_later(&detector, finding, shown);
    }

    fn datapoint(&mut self, place: &Place, rng: &mut Rng, latest: i64) {
        let ordinal = rng.u64(0..4);
        let period = place.aws.now().as_second().div_euclid(60) * 60;
        // One sample a period: then its sum does not grow.
        if self.sampled.contains(&(ordinal, period)) {
            return;
        }
        self.sampled.push((ordinal, period));
        let metric = metrics::metric(ordinal);
        let value = rng.u32(..);
        let at = Timestamp::from_second(period).unwrap_or_default();
        let dimensions: BTreeMap<_, _> = metric.dimensions.iter().cloned().collect();
        let parts = [
            format!("{{\"namespace\":{},\"metric\":{}", json!(metric.namespace), json!(metric.name)),
            format!("\"dimensions\":{},\"statistic\":\"Sum\",\"period\":60", json!(dimensions)),
            format!("\"timestamp\":\"{at}\",\"value\":{value}.0"),
            format!("\"account\":\"{ACCOUNT}\",\"region\":\"{REGION}\"}}"),
        ];
        place.expect("my.app.sim.metrics", &parts.join(","), Duty::Arrives);
        let shown = self.shown(rng, at, latest, 180);
        place.aws.put_metric(&At::default(), metric, Sample::new(at, f64::from(value)).visible_from(shown));
    }

    /// When something is shown: usually at once, sometimes later.
    fn shown(&mut self, rng: &mut Rng, at: Timestamp, latest: i64, overlap: i64) -> Timestamp {
        let late = match rng.u8(0..6) {
            0 => rng.i64(if latest > 3000 { latest / 2 } else { 0 }..latest.max(1)),
            1 => rng.i64(0..60),
            _ => 0,
        };
        self.late += u64::from(late > overlap);
        at.checked_add(SignedDuration::from_secs(late)).unwrap_or(at)
    }

    /// A message that announces nothing in any known shape.
    pub(super) fn nonsense(&mut self, place: &Place, rng: &mut Rng) {
        // Where events are read as well, everything is somebody's.
        let of = [Use::Umbrella, Use::Cdn, Use::Trail][rng.usize(..3)];
        let of = if place.shape.shared { Use::Umbrella } else { of };
        let body = format!("nonsense {}", self.next(1));
        let message = place.aws.send(place.shape.queue(of), body);
        let fate = match place.shape.dead(of) {
            Some(dead) => Fate::DeadLetter(dead),
            None => Fate::Quarantined(format!("message {message}")),
        };
        place.oracle.message(message, Vec::new(), fate, None);
    }

    /// What a service says to a queue when it begins.
    pub(super) fn test_event(&mut self, place: &Place, rng: &mut Rng) {
        let of = [Use::Umbrella, Use::Cdn, Use::Trail][rng.usize(..3)];
        let Some(body) = place.aws.test_event(place.shape.announcement(of), of.bucket()) else { return };
        let message: MessageId = place.aws.send(place.shape.queue(of), body);
        place.oracle.message(message, Vec::new(), Fate::Deleted, None);
    }
}

impl Place {
    /// An event that is due, as it will look at a receiver.
    fn expect(&self, tag: &str, text: &str, duty: Duty) -> Id {
        let escaped = self.shape.escape || self.shape.compression;
        match escaped && text.contains('\n') {
            true => self.oracle.event(tag, text.replace('\n', "\\n").as_bytes(), duty),
            false => self.oracle.event(tag, text.as_bytes(), duty),
        }
    }
}

/// An object before it is compressed.
struct Made {
    key: String,
    content: Vec<u8>,
    lines: Vec<String>,
    tag: Box<dyn Fn(&str) -> String>,
}

/// How many events an object has, usually: some are larger than what is read at a time.
fn usual_size(rng: &mut Rng, of: Use) -> usize {
    match of {
        Use::Flows if rng.u8(0..6) == 0 => rng.usize(2200..5000),
        _ => rng.usize(1..12),
    }
}

/// How many events an object has that makes several batches.
pub(super) fn large(rng: &mut Rng) -> usize {
    rng.usize(3500..5000)
}

/// The lines that are events: the last so many.
fn lines_of(content: &[u8], events: usize) -> Vec<String> {
    let lines: Vec<_> = String::from_utf8_lossy(content).lines().map(str::to_owned).collect();
    lines[lines.len() - events..].to_vec()
}

/// The table of a record of CloudTrail.
fn audit_tag(record: &str) -> String {
    let value: Value = serde_json::from_str(record).unwrap_or_default();
    let source = text(&value["eventSource"]);
    let service = source.split(".amazonaws").next().unwrap_or_default();
    let account =
        value["userIdentity"]["accountId"].as_str().map_or_else(|| text(&value["recipientAccountId"]), str::to_owned);
    format!("cloud.aws.cloudtrail.{}.{account}.{}", level(service), text(&value["awsRegion"]))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A name as a level of a table.
fn level(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}
