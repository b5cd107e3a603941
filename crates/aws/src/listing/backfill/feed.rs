//! The feed: a range as messages of a queue, until there is nothing left.

use std::{
    collections::VecDeque,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use quittance_core::{Progress, World};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    AwsError, Message, Queue, Rejected,
    listing::{
        announce,
        backfill::{
            Bucket,
            pages::{Listed, Pages},
            survey::{Met, Step, Walk},
        },
        id_of,
    },
    sqs::BATCH,
};

/// How long it waits for what is held before it says that there is nothing.
const LONG_POLL: Duration = Duration::from_secs(20);

/// Lists a range.
pub(super) struct Feed {
    bucket: String,
    walk: Walk,
    world: World,
    pages: Mutex<Pages>,
    listing: tokio::sync::Mutex<Listing>,
    /// Checkpoints are written in their order.
    closing: tokio::sync::Mutex<()>,
    pace: Option<Duration>,
    progress: Arc<Progress>,
    /// Stops the run when everything is dealt with.
    stop: CancellationToken,
}

/// How far the listing is. An error leaves it as it is.
struct Listing {
    after: Option<String>,
    is_over: bool,
    /// What the last page has that is not handed out yet.
    page: VecDeque<Listed>,
    /// When the next object may be handed out, if there is a pace.
    next: Instant,
    skipped: u64,
}

impl Feed {
    pub(super) fn new(bucket: &Bucket, pages: Pages, world: World, stop: CancellationToken) -> Self {
        let Bucket { station, past, region, kinds, progress, .. } = bucket;
        let begins = pages.begins();
        let next = world.clock.now();
        let listing =
            Listing { is_over: begins.is_none(), after: begins.flatten(), page: VecDeque::new(), next, skipped: 0 };
        Feed {
            bucket: past.place.clone(),
            walk: Walk::new(station.account(), region, past, kinds.clone()),
            world,
            pages: Mutex::new(pages),
            listing: tokio::sync::Mutex::new(listing),
            closing: tokio::sync::Mutex::default(),
            pace: past.rate.map(|rate: NonZeroU32| Duration::from_secs(1) / rate.get()),
            progress: progress.clone(),
            stop,
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists the next page.
    async fn list(&self, listing: &mut Listing) -> Result<(), AwsError> {
        let Step { met, last, end } = self.walk.step(listing.after.as_deref()).await?;
        let mut all = Vec::with_capacity(met.len());
        for Met { id, key, bytes, skipped, .. } in met {
            match skipped {
                None => all.push(Listed { id, key, bytes }),
                Some(_) => listing.skipped += 1,
            }
        }
        let (new, commit) = self.pages().listed(last.clone(), end, all);
        listing.page.extend(new);
        listing.after = last;
        listing.is_over = end;
        if end {
            info!(skipped = listing.skipped, "everything of the range is listed");
        }
        commit.write().await.map_err(|source| AwsError::State { source })?;
        self.close().await
    }

    /// Writes how far everything is dealt with, and ends the run if that is to the end.
    async fn close(&self) -> Result<(), AwsError> {
        let _turn = self.closing.lock().await;
        let closes = self.pages().close();
        if let Some((page, commit)) = closes {
            commit.write().await.map_err(|source| AwsError::State { source })?;
            self.pages().closed(page);
        }
        if self.pages().is_complete() {
            self.progress.finish();
            self.stop.cancel();
        }
        Ok(())
    }

    /// What came back, or else what the page has: as many as a receive may bring.
    fn hand_out(&self, listing: &mut Listing, visibility: Duration) -> Vec<Message> {
        let now = self.world.clock.now();
        let (until, mut pages) = (now + visibility, self.pages());
        let mut messages = Vec::new();
        if listing.page.is_empty() {
            let due = pages.due(BATCH, now, until);
            messages.extend(due.into_iter().map(|(id, key, receives)| announce(&self.bucket, &key, id, receives)));
        }
        let page = pages.page();
        while messages.len() < BATCH
            && (self.pace.is_none() || listing.next <= now)
            && let Some(listed) = listing.page.pop_front()
        {
            if let Some(pace) = self.pace {
                // What was not used of the pace is gone, but for a second of it.
                listing.next = listing.next.max(now.checked_sub(Duration::from_secs(1)).unwrap_or(now)) + pace;
            }
            messages.push(announce(&self.bucket, &listed.key, listed.id, 1));
            pages.hand_out(listed, page, until);
        }
        messages
    }
}

#[async_trait]
impl Queue for Feed {
    async fn receive(&self, visibility: Duration) -> Result<Vec<Message>, AwsError> {
        let mut listing = self.listing.lock().await;
        let end = self.world.clock.now() + LONG_POLL;
        loop {
            let messages = self.hand_out(&mut listing, visibility);
            if !messages.is_empty() {
                return Ok(messages);
            }
            if listing.page.is_empty() && !listing.is_over {
                self.list(&mut listing).await?;
                continue;
            }
            if listing.page.is_empty() {
                // A run that begins behind the end has nothing to wait for.
                self.close().await?;
            }
            let now = self.world.clock.now();
            let due = match listing.page.is_empty() {
                true => self.pages().next_due(),
                false => Some(listing.next),
            };
            let wake = due.unwrap_or(end).min(end);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(Vec::new()),
                () = self.world.clock.sleep_until(wake.max(now)) => {}
            }
            if self.world.clock.now() >= end {
                return Ok(Vec::new());
            }
        }
    }

    async fn delete(&self, handles: &[String]) -> Result<Vec<Rejected>, AwsError> {
        let ids: Vec<_> = handles.iter().filter_map(|handle| id_of(handle)).collect();
        let commit = self.pages().remember(&ids);
        commit.write().await.map_err(|source| AwsError::State { source })?;
        self.pages().remembered(&ids);
        self.close().await?;
        Ok(Vec::new())
    }

    async fn extend(&self, entries: &[(String, Duration)]) -> Result<Vec<Rejected>, AwsError> {
        let (now, mut pages) = (self.world.clock.now(), self.pages());
        for (handle, visibility) in entries {
            if let Some(id) = id_of(handle) {
                pages.hide(id, now + *visibility);
            }
        }
        Ok(Vec::new())
    }
}
