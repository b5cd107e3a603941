//! Counts what a range holds, by listing it.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use jiff::{Timestamp, civil::Date};
use quittance_core::{EventId, Failure, Past, Surveyed};

use crate::{
    Account, AwsError, ObjectRef,
    listing::{
        backfill::{Kinds, range::Range},
        lister::{Ask, Lister},
        object_id,
    },
    notification::form_decode,
};

/// Lists a range from key to key.
pub(super) struct Walk {
    lister: Lister,
    prefix: String,
    range: Range,
    kinds: Kinds,
}

/// An object of the range.
pub(super) struct Met {
    pub(super) id: EventId,
    pub(super) key: String,
    pub(super) day: Date,
    pub(super) bytes: u64,
    pub(super) skipped: Option<&'static str>,
}

/// A page of a range.
pub(super) struct Step {
    pub(super) met: Vec<Met>,
    /// The key up to which it goes.
    pub(super) last: Option<String>,
    /// Whether there is nothing behind it.
    pub(super) end: bool,
}

impl Walk {
    pub(super) fn new(account: &Arc<Account>, region: &str, past: &Past, kinds: Kinds) -> Self {
        let lister = Lister::new(account, &past.place, region);
        Walk { lister, prefix: past.prefix.clone(), range: Range::of(past), kinds }
    }

    /// The page behind a key. Keys are asked for by the last one, and not by S3's token, which another run would not know.
    pub(super) async fn step(&self, after: Option<&str>) -> Result<Step, AwsError> {
        let ask = Ask { prefix: &self.prefix, after: after.map(str::to_owned), ..Ask::default() };
        let ListObjectsV2Output { contents, is_truncated, .. } = self.lister.page(ask).await?;
        let (mut met, mut last) = (Vec::new(), None);
        for object in contents.unwrap_or_default() {
            let Some(key) = object.key.as_deref().map(form_decode) else { continue };
            let modified = object.last_modified().and_then(|at| Timestamp::new(at.secs(), 0).ok());
            last = Some(key.clone());
            let Some(day) = self.range.day(&key, modified) else { continue };
            let bucket = self.lister.bucket();
            let skipped = self.kinds.skips(&ObjectRef::new(bucket, &*key));
            let bytes = object.size.unwrap_or_default().try_into().unwrap_or_default();
            met.push(Met { id: object_id(bucket, &key, &object), key, day, bytes, skipped });
        }
        let end = is_truncated != Some(true);
        if !end && last.as_deref() <= after {
            return Err(AwsError::RepeatedToken { operation: "ListObjectsV2" });
        }
        // The rest of the page may be in a folder that nothing more is wanted of.
        let last = last.map(|last| self.range.skip(&last).unwrap_or(last));
        Ok(Step { met, last, end })
    }
}

/// Counts a range.
pub(super) struct Survey {
    pub(super) account: Arc<Account>,
    pub(super) past: Arc<Past>,
    pub(super) region: String,
    pub(super) kinds: Kinds,
}

#[async_trait]
impl quittance_core::Survey for Survey {
    async fn survey(&self) -> Result<Vec<Surveyed>, Failure> {
        let walk = Walk::new(&self.account, &self.region, &self.past, self.kinds.clone());
        let mut days: BTreeMap<(Date, Option<&'static str>), (u64, u64)> = BTreeMap::new();
        let mut after = None;
        loop {
            let Step { met, last, end } = walk.step(after.as_deref()).await?;
            for Met { day, bytes, skipped, .. } in met {
                let (objects, all) = days.entry((day, skipped)).or_default();
                *objects += 1;
                *all += bytes;
            }
            if end {
                break;
            }
            after = last;
        }
        let surveyed = days.into_iter().map(|((day, skipped), (objects, bytes))| {
            let day = if day == Date::ZERO { "unknown".to_owned() } else { day.to_string() };
            Surveyed { day, skipped, objects, bytes }
        });
        Ok(surveyed.collect())
    }
}
