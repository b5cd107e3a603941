//! The feed: pages of listings as messages of a queue.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use aws_sdk_s3::{
    error::SdkError,
    operation::list_objects_v2::{ListObjectsV2Error, ListObjectsV2Output},
    types::EncodingType,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use quittance_core::{Class, EventId, World, planted};
use tokio::time::Instant;

use crate::{
    Account, AwsError, Message, Queue, Rejected, buckets,
    listing::{
        ListingSettings,
        seen::{Day, Seen, date_of, today},
    },
    notification::form_decode,
    sqs::BATCH,
    windows::{Token, event_id},
};

/// How long it waits for the next listing before it says that there is nothing.
const LONG_POLL: Duration = Duration::from_secs(20);

/// Lists a bucket.
pub(super) struct Feed {
    account: Arc<Account>,
    settings: ListingSettings,
    world: World,
    seen: Mutex<Seen>,
    listing: tokio::sync::Mutex<Listing>,
    /// Where the bucket is, once it said so.
    region: Mutex<String>,
}

/// How far the listing under way is. An error leaves it as it is, so that it goes on where it was cut short.
struct Listing {
    stage: Stage,
    next: Instant,
}

enum Stage {
    /// Waits for its time.
    Resting,
    /// Looks for folders.
    Folders { token: Token, found: Vec<String> },
    /// Goes through the prefixes, the first one from `token` on.
    Objects { today: Day, prefixes: VecDeque<(Day, String)>, token: Token, page: VecDeque<Listed> },
}

/// An object of a page.
struct Listed {
    day: Day,
    key: String,
    id: EventId,
}

impl Feed {
    pub(super) fn new(account: &Arc<Account>, settings: ListingSettings, seen: Seen, world: World) -> Self {
        let listing = Listing { stage: Stage::Resting, next: world.clock.now() };
        Feed {
            account: account.clone(),
            region: Mutex::new(settings.region.clone()),
            settings,
            seen: Mutex::new(seen),
            listing: tokio::sync::Mutex::new(listing),
            world,
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes one step on.
    async fn step(&self, listing: &mut Listing) -> Result<(), AwsError> {
        match &mut listing.stage {
            Stage::Resting => {
                listing.next = self.world.clock.now() + self.settings.period;
                listing.stage = Stage::Folders { token: Token::First, found: Vec::new() };
            }
            Stage::Folders { token, found } => {
                if let (Some(root), Some(next)) = (self.settings.layout.root(), token.to_send()) {
                    let page = self.page(&root, true, next, token).await?;
                    let folders = page.common_prefixes.unwrap_or_default();
                    found.extend(folders.into_iter().filter_map(|folder| folder.prefix).map(|name| form_decode(&name)));
                    return Ok(());
                }
                let today = today(self.account.skew().now(&*self.world.clock));
                let back = self.seen().follow_clock_back(today);
                if let Some(commit) = back {
                    commit.write().await.map_err(|source| AwsError::State { source })?;
                }
                let days = self.seen().begin(today, self.world.clock.now());
                let of_day =
                    |day| self.settings.layout.prefixes(found, date_of(day)).into_iter().map(move |p| (day, p));
                let prefixes = days.flat_map(of_day).collect();
                listing.stage = Stage::Objects { today, prefixes, token: Token::First, page: VecDeque::new() };
            }
            Stage::Objects { today, prefixes, token, page } => {
                let Some((day, prefix)) = prefixes.front() else {
                    let complete = self.seen().complete(*today);
                    if let Some((from, commit)) = complete {
                        commit.write().await.map_err(|source| AwsError::State { source })?;
                        self.seen().moved(from);
                    }
                    listing.stage = Stage::Resting;
                    return Ok(());
                };
                let Some(next) = token.to_send() else {
                    prefixes.pop_front();
                    *token = Token::First;
                    return Ok(());
                };
                let answer = self.page(prefix, false, next, token).await?;
                let listed = answer.contents.unwrap_or_default().into_iter().filter_map(|object| {
                    let key = form_decode(object.key.as_deref()?);
                    let (etag, size) = (object.e_tag.unwrap_or_default(), object.size.unwrap_or_default());
                    let parts = [self.settings.bucket.as_bytes(), key.as_bytes(), etag.as_bytes(), &size.to_le_bytes()];
                    Some(Listed { day: *day, id: event_id(&parts), key })
                });
                page.extend(listed.skip(usize::from(planted("listing-skips-the-first"))));
            }
        }
        Ok(())
    }

    /// Asks for a page, and follows its token. A token that is refused is given up: the prefix is listed from its start.
    async fn page(
        &self,
        prefix: &str,
        folders: bool,
        next: Option<String>,
        token: &mut Token,
    ) -> Result<ListObjectsV2Output, AwsError> {
        let answer = match self.ask(prefix, folders, next.clone()).await {
            Err(error) => match buckets::elsewhere(&error) {
                Some(right) if self.is_elsewhere(&right) => self.ask(prefix, folders, next).await,
                _ => Err(error),
            },
            answer => answer,
        };
        let target = || format!("s3://{}/{prefix}", self.settings.bucket);
        let followed = match answer {
            Ok(page) => token.follow("ListObjectsV2", page.next_continuation_token.clone()).map(|()| page),
            Err(error) => Err(AwsError::api("ListObjectsV2", target(), error)),
        };
        if let Err(AwsError::RepeatedToken { .. } | AwsError::Api { status: Some(400), class: Class::Retry, .. }) =
            followed
        {
            *token = Token::First;
        }
        followed
    }

    async fn ask(
        &self,
        prefix: &str,
        folders: bool,
        token: Option<String>,
    ) -> Result<ListObjectsV2Output, SdkError<ListObjectsV2Error, HttpResponse>> {
        let region = self.region.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let client = self.account.s3(&region);
        let request = client.turn("ListObjectsV2").await.list_objects_v2();
        let request = request
            .bucket(&self.settings.bucket)
            .prefix(prefix)
            .encoding_type(EncodingType::Url)
            .set_continuation_token(token);
        let request = if folders { request.delimiter("/") } else { request };
        Box::pin(request.send()).await
    }

    /// Takes over where the bucket is. Whether that is news.
    fn is_elsewhere(&self, right: &str) -> bool {
        let mut region = self.region.lock().unwrap_or_else(PoisonError::into_inner);
        let news = *region != right;
        right.clone_into(&mut region);
        news
    }

    /// Hands out what the page has that is new, as many as a receive may bring.
    fn hand_out(&self, page: &mut VecDeque<Listed>, visibility: Duration) -> Vec<Message> {
        let (now, mut seen, mut messages) = (self.world.clock.now(), self.seen(), Vec::new());
        while messages.len() < BATCH
            && let Some(Listed { day, key, id }) = page.pop_front()
        {
            let Some(receives) = seen.hand_out(id, day, now, now + visibility) else { continue };
            let id = format!("{id:032x}");
            // One of the shapes in which a bucket's news come anyway.
            let body = serde_json::json!({ "s3Bucket": self.settings.bucket, "s3ObjectKey": [key] }).to_string();
            messages.push(Message { handle: id.clone(), id, body, receives, sent: None, turn: None });
        }
        messages
    }
}

/// A handle is the object's id.
fn id_of(handle: &str) -> Option<EventId> {
    EventId::from_str_radix(handle, 16).ok()
}

#[async_trait]
impl Queue for Feed {
    async fn receive(&self, visibility: Duration) -> Result<Vec<Message>, AwsError> {
        let mut listing = self.listing.lock().await;
        let end = self.world.clock.now() + LONG_POLL;
        loop {
            if let Stage::Objects { page, .. } = &mut listing.stage {
                let messages = self.hand_out(page, visibility);
                if !messages.is_empty() {
                    return Ok(messages);
                }
            }
            if let Stage::Resting = listing.stage
                && listing.next > self.world.clock.now()
            {
                self.world.clock.sleep_until(listing.next.min(end)).await;
                if listing.next > end {
                    return Ok(Vec::new());
                }
            }
            self.step(&mut listing).await?;
        }
    }

    async fn delete(&self, handles: &[String]) -> Result<Vec<Rejected>, AwsError> {
        let ids: Vec<_> = handles.iter().filter_map(|handle| id_of(handle)).collect();
        let commit = self.seen().remember(&ids);
        commit.write().await.map_err(|source| AwsError::State { source })?;
        self.seen().remembered(&ids);
        Ok(Vec::new())
    }

    async fn extend(&self, entries: &[(String, Duration)]) -> Result<Vec<Rejected>, AwsError> {
        let (now, mut seen) = (self.world.clock.now(), self.seen());
        for (handle, visibility) in entries {
            if let Some(id) = id_of(handle) {
                seen.hide(id, now + *visibility);
            }
        }
        Ok(Vec::new())
    }
}
