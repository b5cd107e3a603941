//! A feed of the `objects` engine for buckets that announce nothing: it lists the folders of the last days again and again,
//! and gives what it has not given yet.
//!
//! To the engine it is a [`Queue`](crate::Queue): an object that was not seen before is a message, whose delete remembers it
//! in the state. So what holds for messages holds here too: an object is dealt with when every event of it has its receipt,
//! what is not is given again, and a restart goes on where it was left.

mod backfill;
mod feed;
mod lister;
mod seen;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_s3::types::Object;
use jiff::civil::Date;
use quittance_core::{
    Backfill, Ended, Estimate, EventId, Failure, Finding, Judged, Past, Puller, PullerContext, Quarantined, Sample,
    Setup, Severity, Unit, UnitId,
};
use tracing::{Instrument, info_span};

use crate::{
    Account, Cost, Message, Tally, Whereabouts, buckets, codes,
    held::{Limits, Opened},
    objects::ObjectKind,
    pricing,
    receiver::{Station, Way, WayKind},
    refusal, samples,
    windows::event_id,
};

pub(crate) use backfill::{Reader, backfill};

use feed::Feed;
use seen::Seen;

/// How a bucket is laid out: by folders, and in them by days (UTC).
pub trait Layout: Send + Sync {
    /// The prefix below which folders are looked for at each listing; none are if it is `None`.
    fn root(&self) -> Option<String>;

    /// Where the objects of a day are, each prefix with its `/` at the end. `folders` are those found below the root, as
    /// `root/folder/`.
    fn prefixes(&self, folders: &[String], day: Date) -> Vec<String>;
}

/// What a unit that lists a bucket is made of.
#[derive(Clone)]
pub struct ListingSettings {
    /// The bucket.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// Where in it objects are.
    pub layout: Arc<dyn Layout>,
    /// The kind of objects.
    pub kind: Arc<dyn ObjectKind>,
    /// The bounds.
    pub limits: Limits,
    /// Time between two listings.
    pub period: Duration,
    /// How many days before today are listed again each time, for objects that come late.
    pub lookback_days: u16,
    /// The first day of a listing that was never made before; `lookback_days` ago if unset.
    pub start: Option<Date>,
}

impl ListingSettings {
    /// Lists today and the two days before, every five minutes.
    pub fn new(bucket: String, region: String, layout: Arc<dyn Layout>, kind: Arc<dyn ObjectKind>) -> Self {
        ListingSettings {
            bucket,
            region,
            layout,
            kind,
            // One page after the other.
            limits: Limits { receivers: 1, ..Limits::of_objects() },
            period: Duration::from_secs(300),
            lookback_days: 2,
            start: None,
        }
    }

    /// A unit of `service` and its type `of`, whose events get `tag`.
    pub fn unit(self, account: &Arc<Account>, service: &str, of: &str, tag: String) -> Unit {
        let place = self.layout.root().unwrap_or_default();
        let source = format!("s3://{}/{place}", self.bucket);
        let id =
            UnitId::new(&["aws", account.id(), service, of, &self.region, &self.bucket, place.trim_end_matches('/')]);
        let listing = Arc::new(Listing::new(account, self));
        Unit { id, source, tag, setup: listing.clone(), puller: listing }
    }
}

/// Lists one bucket and reads its objects.
pub struct Listing {
    settings: ListingSettings,
    station: Station,
}

impl Listing {
    /// A listing in `account`.
    pub fn new(account: &Arc<Account>, settings: ListingSettings) -> Self {
        Listing { settings, station: Station::new(account) }
    }

    /// What it decided so far.
    pub fn tally(&self) -> Arc<Tally> {
        self.station.tally()
    }

    fn way(&self, kind: Arc<dyn ObjectKind>, limits: Limits) -> Way {
        let filters = self.station.account().filters().clone();
        Way { kind: WayKind::Objects(kind), buckets: Vec::new(), limits, filters }
    }
}

#[async_trait]
impl Puller for Listing {
    async fn run(&self, context: PullerContext) -> Ended {
        let settings = self.settings.clone();
        let seen = match Seen::load(&context, settings.lookback_days, settings.start).await {
            Ok(seen) => seen,
            Err(error) => return Ended::Failed(error.into()),
        };
        let ListingSettings { bucket, region, kind, limits, .. } = settings.clone();
        context.outlet.vitals().asks_every(settings.period);
        let span = info_span!("listing", bucket, region);
        let feed = Feed::new(self.station.account(), settings, seen, context.world.clone());
        let way = self.way(kind, Limits { receivers: 1, ..limits });
        self.station.run(vec![way], Opened::listed(feed, region), context).instrument(span).await
    }

    async fn replay(&self, item: Quarantined, context: PullerContext) -> Result<(), Failure> {
        let ListingSettings { region, kind, limits, .. } = self.settings.clone();
        let at = Whereabouts { account: String::new(), region };
        self.station.replay(vec![self.way(kind, limits)], at, item, context).await
    }

    fn backfill(&self, past: &Past) -> Option<Backfill> {
        let ListingSettings { region, kind, limits, .. } = self.settings.clone();
        let ways = vec![self.way(kind, limits)];
        backfill(Reader { account: self.station.account(), ways, region: &region, number: Some(String::new()) }, past)
    }

    fn takes(&self, sample: &Sample) -> Option<u8> {
        samples::takes_object(&*self.settings.kind, sample)
    }

    async fn judge(&self, sample: &Sample) -> Result<Vec<Judged>, Failure> {
        let ListingSettings { region, kind, limits, .. } = self.settings.clone();
        self.way(kind, limits).judge(self.station.account(), &region, sample).await
    }
}

#[async_trait]
impl Setup for Listing {
    async fn check(&self) -> Result<Vec<Finding>, Failure> {
        let ListingSettings { bucket, region, layout, .. } = &self.settings;
        check_bucket(self.station.account(), region, bucket, &layout.root().unwrap_or_default()).await
    }

    async fn estimate(&self, watch: Duration) -> Result<Estimate, Failure> {
        let ListingSettings { period, lookback_days, layout, .. } = &self.settings;
        // A listing of each day's folders, and one of the folders where there are some.
        let folders = if layout.root().is_some() { FOLDERS } else { 1.0 };
        let listing = Cost::of(1.0 + folders * (f64::from(*lookback_days) + 1.0), pricing::S3_LIST).every(*period);
        let check = Cost::of(1.0, pricing::S3_LIST).and(Cost::of(1.0, pricing::S3_GET)).every(watch);
        Ok(listing.and(check).a_month("about 0.40 USD for each million objects, where the bucket's owner does not pay"))
    }
}

/// Folders of a bucket, as an estimate supposes them.
const FOLDERS: f64 = 4.0;

/// Everything that is wrong with listing and reading what is below a prefix of a bucket.
async fn check_bucket(account: &Account, region: &str, bucket: &str, prefix: &str) -> Result<Vec<Finding>, Failure> {
    let (right, key) = match buckets::list_one(account, region, bucket, prefix).await {
        Ok(found) => found,
        Err(error) => {
            let what = format!("bucket `{bucket}` in {region} cannot be listed");
            return Ok(vec![refusal::finding(error, &what, "s3:ListBucket below the prefix")?]);
        }
    };
    let mut findings = Vec::new();
    if right != region {
        let problem = format!("bucket `{bucket}` is in {right}, not in {region}");
        findings.push(Finding::warning(&codes::BUCKET_ELSEWHERE, problem));
    }
    let Some(key) = key else {
        let problem = match prefix {
            "" => format!("bucket `{bucket}` is empty"),
            prefix => format!("nothing in bucket `{bucket}` is below `{}`", prefix.escape_debug()),
        };
        findings.push(Finding::warning(&codes::NOTHING_BELOW_PREFIX, problem));
        return Ok(findings);
    };
    if let Err(error) = buckets::read_one(account, &right, bucket, &key).await {
        let what = format!("objects of bucket `{bucket}` cannot be read");
        let found = refusal::finding(error, &what, "s3:GetObject on its objects")?;
        findings.push(Finding { severity: Severity::Partial, ..found });
    }
    Ok(findings)
}

/// What an object is remembered by: a version of it.
fn object_id(bucket: &str, key: &str, object: &Object) -> EventId {
    let (etag, size) = (object.e_tag.as_deref().unwrap_or_default(), object.size.unwrap_or_default());
    event_id(&[bucket.as_bytes(), key.as_bytes(), etag.as_bytes(), &size.to_le_bytes()])
}

/// The message that stands for an object: one of the shapes in which a bucket's news come anyway. Its handle is the object's id.
fn announce(bucket: &str, key: &str, id: EventId, receives: u32) -> Message {
    let id = format!("{id:032x}");
    let body = serde_json::json!({ "s3Bucket": bucket, "s3ObjectKey": [key] }).to_string();
    Message { handle: id.clone(), id, body, receives, sent: None, turn: None }
}

/// The object that a handle stands for.
fn id_of(handle: &str) -> Option<EventId> {
    EventId::from_str_radix(handle, 16).ok()
}
