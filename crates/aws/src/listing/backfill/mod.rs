//! What a bucket holds of a range of time, given once: a queue for the engine `objects` that ends.
//!
//! It is as with the other listing: an object is a message, and its delete remembers it. But a range is listed once, from its
//! first key to its last, so what is kept of it is little: the key up to which everything is dealt with, and the objects behind
//! it that are.

mod feed;
mod pages;
mod range;
mod survey;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use quittance_core::{Backfill, Ended, Failure, Finding, Past, Progress, Puller, PullerContext, Quarantined, Setup};
use tracing::{Instrument, info_span};

use crate::{
    Account, ObjectRef, Whereabouts,
    held::{Limits, Opened},
    listing::check_bucket,
    objects::{ObjectKind, OnMissingObject, Selection},
    receiver::{Station, Way},
    routing::Claim,
};

use feed::Feed;
use pages::Pages;
use survey::Survey;

/// Objects that are held at a time: what is remembered of them beside the key is bounded by it.
const HELD: usize = 4000;

/// How long a listing may take to show something.
const QUIET: Duration = Duration::from_secs(60);

/// Why an object is left out that none of several kinds claims.
const NOBODYS: &str = "it is of no type of this service";

/// Who reads a past.
pub(crate) struct Reader<'a> {
    pub(crate) account: &'a Arc<Account>,
    pub(crate) ways: Vec<Way>,
    /// Where it reads otherwise.
    pub(crate) region: &'a str,
    /// The number of the account for events that do not say theirs; asked for if it is not known.
    pub(crate) number: Option<String>,
}

/// How a unit gives a past, if it reads objects.
pub(crate) fn backfill(reader: Reader<'_>, past: &Past) -> Option<Backfill> {
    let Reader { account, mut ways, region, number } = reader;
    let kinds: Vec<_> = ways.iter().filter_map(|way| way.kind.objects().cloned()).collect();
    if kinds.is_empty() {
        return None;
    }
    for way in &mut ways {
        let limits = way.limits.clone();
        way.limits = Limits {
            held_messages: HELD,
            receivers: 1,
            // There is no redrive policy to leave it to: what was removed in the meantime is not there to be given.
            on_missing_object: OnMissingObject::Drop,
            // The range says what is wanted.
            start_time: None,
            ..limits
        };
    }
    let (past, kinds) = (Arc::new(past.clone()), Kinds(kinds.into()));
    let region = past.region.clone().unwrap_or_else(|| region.to_owned());
    let survey = Survey { account: account.clone(), past: past.clone(), region: region.clone(), kinds: kinds.clone() };
    let progress: Arc<Progress> = Arc::default();
    let station = Station::new(account);
    let bucket = Arc::new(Bucket { station, past, region, kinds, ways, number, progress: progress.clone() });
    Some(Backfill { setup: bucket.clone(), puller: bucket, survey: Arc::new(survey), progress })
}

/// The kinds of objects that a unit reads.
#[derive(Clone)]
struct Kinds(Arc<[Arc<dyn ObjectKind>]>);

impl Kinds {
    /// Why an object is not read, if it is not.
    fn skips(&self, object: &ObjectRef) -> Option<&'static str> {
        let kind = match &*self.0 {
            [only] => only,
            several => {
                let best = several.iter().map(|kind| (kind.claim(object), kind));
                match best.reduce(|best, one| if one.0 > best.0 { one } else { best }) {
                    Some((claim, kind)) if claim != Claim::No => kind,
                    _ => return Some(NOBODYS),
                }
            }
        };
        match kind.select(object) {
            Selection::Read => None,
            Selection::Skip(why) => Some(why),
        }
    }
}

/// Gives what a bucket holds of a range.
struct Bucket {
    station: Station,
    past: Arc<Past>,
    region: String,
    kinds: Kinds,
    ways: Vec<Way>,
    number: Option<String>,
    progress: Arc<Progress>,
}

impl Bucket {
    async fn whereabouts(&self) -> Result<Whereabouts, Failure> {
        let account = match &self.number {
            Some(number) => number.clone(),
            None => self.station.account().number().await?,
        };
        Ok(Whereabouts { account, region: self.region.clone() })
    }
}

#[async_trait]
impl Puller for Bucket {
    async fn run(&self, context: PullerContext) -> Ended {
        let at = match self.whereabouts().await {
            Ok(at) => at,
            Err(failure) => return Ended::Failed(failure),
        };
        let pages = match Pages::load(&context, self.progress.clone()).await {
            Ok(pages) => pages,
            Err(error) => return Ended::Failed(error.into()),
        };
        context.outlet.vitals().asks_every(QUIET);
        // It stops by itself, once there is nothing left.
        let stop = context.stop.child_token();
        let feed = Feed::new(self, pages, context.world.clone(), stop.clone());
        let opened = Opened { at, ..Opened::listed(feed, self.region.clone()) };
        let span = info_span!("backfill", bucket = self.past.place);
        let context = PullerContext { stop, ..context };
        self.station.run(self.ways.clone(), opened, context).instrument(span).await
    }

    async fn replay(&self, item: Quarantined, context: PullerContext) -> Result<(), Failure> {
        self.station.replay(self.ways.clone(), self.whereabouts().await?, item, context).await
    }
}

#[async_trait]
impl Setup for Bucket {
    async fn check(&self) -> Result<Vec<Finding>, Failure> {
        check_bucket(self.station.account(), &self.region, &self.past.place, &self.past.prefix).await
    }
}
