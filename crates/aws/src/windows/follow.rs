//! Follows one cursor: asks for its windows, gives what they show, and remembers what was delivered.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use quittance_core::{
    Backoff, Class, Debt, Debts, EventId, EventsBuilder, Fence, Outlet, OutputSet, Record, Settlement, Settlements,
    Store, StoreError, TagId, Tags, UnitId, World, codes::STATE_UNREADABLE, debts, planted,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    AwsError, Calls, Filters, Route, codes,
    filters::{Sieve, Verdict},
    held::{Again, Quarantine},
    routing::Filtered,
    windows::{
        Found, Page, Pages, Window, WindowKind,
        plan::{Checkpoint, Number, Plan, Step, millis},
        seen::{Known, Seen, hour},
    },
};

/// Tries for one page before its window is opened anew.
const TRIES: u32 = 5;

/// How long delivered events may be remembered in memory alone: a kill repeats them.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// The same for a checkpoint that moved over nothing: to ask again would show nothing.
const SAVE_QUIET: Duration = Duration::from_secs(60);

/// Unsaved ids beyond which nothing more is asked for: the state cannot be written.
const MOST_UNSAVED: usize = 500_000;

/// At a stop, how long receipts are waited for.
const DRAIN: Duration = Duration::from_secs(20);

/// How long something that could not be set aside waits for the next try.
const SET_ASIDE_AGAIN: Duration = Duration::from_secs(60);

/// How often it is said that a cursor is behind.
const SAY_LAG_EVERY: Duration = Duration::from_secs(600);

/// What the cursors of a unit share.
pub(super) struct Shared {
    pub(super) kind: Arc<dyn WindowKind>,
    pub(super) calls: Calls,
    pub(super) unit: UnitId,
    pub(super) tags: Tags,
    pub(super) outlet: Outlet,
    pub(super) store: Arc<dyn Store>,
    pub(super) fence: Fence,
    pub(super) world: World,
    pub(super) quarantine: Quarantine,
    pub(super) filters: Arc<Filters>,
    pub(super) max_event_bytes: usize,
    pub(super) remembered_ids: u64,
    /// Ids that all cursors have in memory.
    pub(super) in_memory: Arc<AtomicUsize>,
    /// Turns of asking for a page.
    pub(super) turns: Semaphore,
}

impl Shared {
    pub(super) fn now(&self) -> i64 {
        self.calls.now()
    }
}

/// A batch that was given.
struct Lent {
    number: Number,
    events: Vec<(EventId, i64)>,
}

impl Lent {
    /// The time of its events.
    fn times(&self) -> Window {
        let times = || self.events.iter().map(|(_, at)| *at);
        Window { from: times().min().unwrap_or(i64::MAX), to: times().max().map_or(i64::MIN, |last| last + 1) }
    }
}

/// Events of a page that go to the same outputs.
struct Group {
    to: OutputSet,
    builder: EventsBuilder,
    events: Vec<(EventId, i64)>,
}

pub(super) struct Follower {
    shared: Arc<Shared>,
    cursor: String,
    /// What the user filters.
    sieve: Option<Sieve>,
    plan: Plan,
    seen: Seen,
    debts: Debts,
    settlements: Settlements,
    lent: HashMap<u64, Lent>,
    batches: u64,
    /// Between tries for a window, whose first pages may be good each time.
    windows: Backoff,
    /// Between giving the same events again.
    returns: Backoff,
    saved: Checkpoint,
    saved_at: i64,
    lag: i64,
    lag_said_at: i64,
    /// When it was opened, if nothing was known of the cursor before: whatever the clock said then.
    first_opened: Option<Instant>,
}

impl Follower {
    /// Goes on where the state says that it was confirmed, or begins at `first`.
    pub(super) async fn open(shared: Arc<Shared>, cursor: String, first: i64) -> Result<Follower, StoreError> {
        let now = shared.now();
        let cadence = shared.kind.cadence();
        let known = shared.store.load(shared.unit.as_str(), Record::Checkpoint, &cursor).await?;
        let checkpoint = known.map(|known| Checkpoint::read(&known)).transpose();
        let checkpoint =
            checkpoint.map_err(|source| StoreError::Failed { operation: "understanding a checkpoint", source })?;
        let first_opened = checkpoint.is_none().then(|| shared.world.clock.now());
        let checkpoint = match checkpoint {
            Some(checkpoint) => checkpoint,
            None => {
                // Written down at once: from here on it is known, whatever else is.
                let begin = Checkpoint { floor: first, frontier: first, swept: vec![now; cadence.sweeps.len()] };
                shared.store.commit(shared.fence, shared.unit.as_str(), vec![begin.change(&cursor)]).await?;
                begin
            }
        };
        let seen =
            Seen::open(&*shared.store, shared.unit.as_str(), &cursor, shared.remembered_ids, &shared.in_memory).await?;
        let (debts, settlements) = debts();
        Ok(Follower {
            plan: Plan::new(cadence, checkpoint.clone(), now),
            windows: Backoff::new(Duration::from_secs(1), Duration::from_secs(60), shared.world.random.fork()),
            returns: Backoff::new(Duration::from_millis(200), Duration::from_secs(30), shared.world.random.fork()),
            seen,
            debts,
            settlements,
            lent: HashMap::new(),
            batches: 0,
            saved: checkpoint,
            saved_at: now,
            lag: 0,
            lag_said_at: now,
            first_opened,
            sieve: Sieve::new(&shared.filters, shared.calls.at(), None, &shared.tags),
            cursor,
            shared,
        })
    }

    /// Runs until `stop`. Fails when the state is another's.
    pub(super) async fn run(mut self, stop: CancellationToken) -> Result<(), StoreError> {
        while !stop.is_cancelled() {
            self.hear();
            self.save_if_due().await?;
            let now = self.shared.now();
            self.follow_clock_back(now);
            self.say_what_is_gone(now);
            let behind = Duration::from_millis(self.plan.lag(now).unsigned_abs());
            self.shared.outlet.vitals().behind(&self.cursor, behind);
            let step = match self.seen.unsaved() > MOST_UNSAVED {
                true => Step::Wait(now + millis(SAVE_EVERY)),
                false => self.plan.next(now),
            };
            match step {
                Step::Ask(number, window) => self.ask(number, window, &stop).await?,
                Step::Wait(until) => {
                    let until = until.min(self.save_due()).max(now + 1);
                    let wait = Duration::from_millis(until.abs_diff(now));
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => {}
                        Some(settlement) = self.settlements.recv() => self.settle(settlement),
                        () = self.shared.world.clock.sleep(wait) => {}
                    }
                }
            }
        }
        self.shared.outlet.vitals().left(&self.cursor);
        self.drain().await
    }

    /// Waits for the receipts of what was given, and writes them down.
    async fn drain(mut self) -> Result<(), StoreError> {
        let clock = self.shared.world.clock.clone();
        let until = clock.now() + DRAIN;
        self.shared.outlet.hurry();
        while !self.plan.is_quiet() {
            tokio::select! {
                biased;
                Some(settlement) = self.settlements.recv() => self.settle(settlement),
                () = clock.sleep_until(until) => break,
                () = clock.sleep(SAVE_EVERY) => self.save_if_due().await?,
            }
        }
        if planted("stop-does-not-save") {
            return Ok(());
        }
        self.save().await
    }

    /// Asks for a window, page by page.
    async fn ask(&mut self, number: Number, window: Window, stop: &CancellationToken) -> Result<(), StoreError> {
        let shared = self.shared.clone();
        let most_pages = self.plan.cadence().most_pages.unwrap_or(u32::MAX);
        self.plan.asking(number);
        let mut pages = shared.kind.open(&self.cursor, window, &shared.calls, &shared.tags);
        let (mut count, mut left) = (0, false);
        loop {
            while self.seen.unsaved() > MOST_UNSAVED && !stop.is_cancelled() {
                self.rest(stop).await?;
            }
            let Some(page) = self.page(&shared, &mut *pages, stop).await? else { return Ok(()) };
            match page {
                Ok((Some(page), turn)) => {
                    left |= self.give(number, page, stop).await?;
                    // Held until its bytes had room: so many pages of a unit are in memory at most.
                    drop(turn);
                }
                Ok((None, _)) => break,
                Err(error) => {
                    self.failed(number, &error);
                    return Ok(());
                }
            }
            count += 1;
            self.hear();
            self.save_if_due().await?;
            if count >= most_pages && self.plan.split(number) {
                debug!(unit = %shared.unit, cursor = self.cursor, pages = count, "a window is cut in two");
                return Ok(());
            }
        }
        self.windows.reset();
        let now = shared.now();
        let again = if left { now + millis(SET_ASIDE_AGAIN) } else { now };
        self.plan.fitted(window, count);
        self.plan.read(number, left, again);
        debug!(unit = %shared.unit, cursor = self.cursor, number, from = window.from, to = window.to, pages = count, left, "window read");
        self.seen.unload();
        self.say_lag(now);
        Ok(())
    }

    /// Waits for the state, which cannot be written.
    async fn rest(&mut self, stop: &CancellationToken) -> Result<(), StoreError> {
        let clock = self.shared.world.clock.clone();
        tokio::select! {
            biased;
            () = stop.cancelled() => Ok(()),
            Some(settlement) = self.settlements.recv() => {
                self.settle(settlement);
                Ok(())
            }
            () = clock.sleep(SAVE_EVERY) => self.save_if_due().await,
        }
    }

    /// The next page, with the turn that it was had in; `None` at a stop. What is delivered meanwhile is written down.
    async fn page<'s>(
        &mut self,
        shared: &'s Shared,
        pages: &mut dyn Pages,
        stop: &CancellationToken,
    ) -> Result<Option<Result<Turned<'s>, AwsError>>, StoreError> {
        let page = next_page(shared, pages);
        tokio::pin!(page);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(None),
                page = &mut page => return Ok(Some(page)),
                Some(settlement) = self.settlements.recv() => self.settle(settlement),
                () = shared.world.clock.sleep(SAVE_EVERY) => self.save_if_due().await?,
            }
        }
    }

    /// What the error says of this window alone makes it wait; anything else is met by the next one too.
    fn failed(&mut self, number: Number, error: &AwsError) {
        let wait = match error.class() {
            Class::NeedsPerson => (self.windows.wait() * 5).max(Duration::from_secs(60)),
            _ => self.windows.wait(),
        };
        let Follower { cursor, shared, .. } = self;
        warn!(unit = %shared.unit, code = %error.code(), cursor, error = error.chain(), ?wait, "a window could not be read, it is asked for again");
        let until = self.shared.now() + millis(wait);
        match error.is_of_window() {
            true => self.plan.failed(number, until),
            false => self.plan.pause(until),
        }
    }

    /// Gives what is new in a page. Whether something could be neither given nor set aside.
    async fn give(&mut self, number: Number, page: Page, stop: &CancellationToken) -> Result<bool, StoreError> {
        let shared = self.shared.clone();
        let (store, scope) = (&*shared.store, shared.unit.as_str());
        while let Err(error) = self.seen.load(store, scope, page.events.iter().map(|found| found.at)).await {
            // Without it nobody knows what is new.
            shared.outlet.vitals().state_refuses(true);
            warn!(unit = scope, code = %STATE_UNREADABLE, error = quittance_core::chain(&error), "the state cannot be read: waiting for it");
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(true),
                () = shared.world.clock.sleep(SAVE_EVERY) => {}
            }
        }
        shared.outlet.vitals().state_refuses(false);
        let (mut groups, mut filtered, mut left) = (Vec::new(), Filtered::default(), false);
        let Page { mut bytes, events } = page;
        for Found { place, id, at, route } in events {
            let to = match self.seen.of(id, hour(at)) {
                Known::Pending | Known::Seen => continue,
                Known::New if at < self.plan.forgotten_before() => continue,
                Known::New => shared.outlet.all(),
                Known::Owed(to) => to,
            };
            let Verdict { route, by, masks } = match &mut self.sieve {
                Some(sieve) => sieve.judge(&bytes[place.clone()], Some(id), route),
                None => Verdict::plain(route),
            };
            if masks && let Some(sieve) = &mut self.sieve {
                // Nobody else has a page's bytes yet, so that they are not copied.
                let mut own = Vec::from(std::mem::take(&mut bytes));
                sieve.mask(&mut own[place.clone()], by);
                bytes = own.into();
            }
            match route {
                Route::Drop(tag) => {
                    filtered.add(tag, by, place.len());
                    self.seen.settled(id, hour(at));
                }
                Route::Send(tag) if place.len() > shared.max_event_bytes => {
                    match self.set_aside(id, tag, &bytes[place]).await {
                        true => {
                            shared.outlet.ledger().quarantined(&shared.tags.tag(tag), 1);
                            self.seen.settled(id, hour(at));
                        }
                        false => left = true,
                    }
                }
                Route::Send(tag) => {
                    self.seen.given(id, hour(at));
                    if planted("id-remembered-at-emit") {
                        self.seen.settled(id, hour(at));
                    }
                    let group = group(&mut groups, to, &shared.tags);
                    group.builder.push(place.start, place.end, tag);
                    group.events.push((id, at));
                }
            }
        }
        filtered.enter(&shared.tags, self.sieve.as_ref(), shared.outlet.ledger());
        for Group { to, mut builder, events } in groups {
            self.batches += 1;
            let debt = Debt { item: self.batches, events: 0..events.len() as u64 };
            let lent = Lent { number, events };
            let times = lent.times();
            self.plan.lent(number, times);
            self.lent.insert(self.batches, lent);
            let late = async {
                stop.cancelled().await;
                shared.world.clock.sleep(DRAIN).await;
            };
            tokio::select! {
                biased;
                () = shared.outlet.emit(builder.finish(bytes.clone()), debt, to, &self.debts) => {}
                () = late => {
                    // No receipt will ever come for it.
                    self.lent.remove(&self.batches);
                    self.plan.settled(number, times, None);
                    return Ok(true);
                }
            }
        }
        Ok(left)
    }

    /// Quarantines an event that is too long. Whether that went well.
    async fn set_aside(&self, id: EventId, tag: TagId, event: &[u8]) -> bool {
        let Shared { unit, quarantine, max_event_bytes, tags, .. } = &*self.shared;
        let address = format!("{} event {id:032x}", self.cursor);
        let reason = format!("longer than max_event_bytes ({max_event_bytes})");
        let again = Again::Event(tags.tag(tag).to_string());
        let is_aside = quarantine.put(&address, &reason, event.to_vec(), &again).await;
        if is_aside {
            warn!(%unit, code = %codes::TOO_LONG, address, bytes = event.len(), max_event_bytes, "event is too long to be sent: set aside");
        }
        is_aside
    }

    fn hear(&mut self) {
        while let Ok(settlement) = self.settlements.try_recv() {
            self.settle(settlement);
        }
    }

    fn settle(&mut self, settlement: Settlement) {
        let Some(lent) = self.lent.remove(&settlement.debt.item) else { return };
        let (times, delivered) = (lent.times(), settlement.is_delivered());
        let Lent { number, events } = lent;
        debug!(unit = %self.shared.unit, cursor = self.cursor, number, events = events.len(), delivered, "batch settled");
        for (id, at) in events {
            if delivered || planted("returned-event-taken-for-seen") {
                self.seen.settled(id, hour(at));
            } else {
                self.seen.owed(id, hour(at), settlement.owed);
            }
        }
        if delivered {
            self.returns.reset();
            return self.plan.settled(number, times, None);
        }
        // A destination that takes nothing is not fed again and again with the same.
        let again = self.shared.now() + millis(self.returns.wait());
        self.plan.settled(number, times, Some(again));
    }

    fn save_due(&self) -> i64 {
        match (self.seen.unsaved() > 0, *self.plan.checkpoint() != self.saved) {
            (true, _) => self.saved_at + millis(SAVE_EVERY),
            (false, true) => self.saved_at + millis(SAVE_QUIET),
            (false, false) => i64::MAX,
        }
    }

    async fn save_if_due(&mut self) -> Result<(), StoreError> {
        if self.shared.now() >= self.save_due() { self.save().await } else { Ok(()) }
    }

    /// Writes down what was delivered, and how far that goes, together.
    async fn save(&mut self) -> Result<(), StoreError> {
        let shared = self.shared.clone();
        self.saved_at = shared.now();
        if let Some(reach) = self.seen.forget(self.plan.needs_from()) {
            let days = (self.saved_at - reach) as f64 / 86_400_000.0;
            warn!(
                unit = %shared.unit, code = %codes::MANY_IDS, cursor = self.cursor, remembered_ids = shared.remembered_ids,
                "more events than `remembered_ids`: only those of the last {days:.1} days are looked for again"
            );
            self.plan.set_reach(reach);
        }
        let checkpoint = self.plan.checkpoint().clone();
        let mut changes = self.seen.take_unsaved();
        if checkpoint != self.saved {
            changes.push(checkpoint.change(&self.cursor));
        }
        if changes.is_empty() {
            return Ok(());
        }
        debug!(unit = %shared.unit, cursor = self.cursor, frontier = checkpoint.frontier, "what was delivered is written down");
        match shared.store.commit(shared.fence, shared.unit.as_str(), changes.clone()).await {
            Ok(()) => {
                self.saved = checkpoint;
                shared.outlet.vitals().state_refuses(false);
                self.seen.unload();
            }
            Err(error @ StoreError::Fenced { .. }) => return Err(error),
            Err(error) => {
                let (code, error) = (error.code(), quittance_core::chain(&error));
                shared.outlet.vitals().state_refuses(true);
                warn!(unit = %shared.unit, %code, error, "what was delivered cannot be written down, it is tried again");
                self.seen.keep(changes);
            }
        }
        Ok(())
    }

    fn follow_clock_back(&mut self, now: i64) {
        let since = |opened| self.shared.world.clock.now().saturating_duration_since(opened);
        let began = self.first_opened.map(|opened| now - millis(since(opened)));
        if self.plan.follow_clock_back(now, began) {
            let Follower { cursor, shared, .. } = self;
            warn!(unit = %shared.unit, code = %codes::CLOCK_WENT_BACK, cursor, "the clock was ahead and went back: what was asked by it is asked for again");
            (self.saved_at, self.lag_said_at) = (now, now);
        }
    }

    fn say_what_is_gone(&mut self, now: i64) {
        if let Some(Window { from, to }) = self.plan.skip_beyond_horizon(now) {
            let hours = (to - from) as f64 / 3_600_000.0;
            let Follower { cursor, shared, .. } = self;
            warn!(unit = %shared.unit, code = %codes::FORGOTTEN, cursor, "{hours:.1} hours were not asked for before the API forgot them");
        }
    }

    /// Says when events come faster than they can be asked for.
    fn say_lag(&mut self, now: i64) {
        if now < self.lag_said_at + millis(SAY_LAG_EVERY) {
            return;
        }
        let lag = self.plan.lag(now);
        let minutes = lag / 60_000;
        let Follower { cursor, shared, plan, .. } = self;
        let cadence = plan.cadence();
        if lag > (3 * millis(cadence.period)).max(millis(SAY_LAG_EVERY)) {
            match lag >= self.lag {
                true => {
                    warn!(unit = %shared.unit, code = %codes::BEHIND, cursor, minutes, "behind, and not catching up: {}", cadence.advice)
                }
                false => info!(unit = %shared.unit, cursor, minutes, "behind, and catching up"),
            }
        }
        (self.lag, self.lag_said_at) = (lag, now);
    }
}

/// A page, and the turn that it was had in.
type Turned<'s> = (Option<Page>, SemaphorePermit<'s>);

/// The next page. What may pass by itself is tried again.
async fn next_page<'s>(shared: &'s Shared, pages: &mut dyn Pages) -> Result<Turned<'s>, AwsError> {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60), shared.world.random.fork());
    let mut tries = 1;
    loop {
        // Nothing is asked for while a destination cannot confirm.
        shared.outlet.ready().await;
        let turn = shared.turns.acquire().await.expect("nobody closes it");
        let error = match pages.next().await {
            Ok(page) => {
                shared.outlet.vitals().answered();
                return Ok((page, turn));
            }
            Err(error) => error,
        };
        drop(turn);
        let passes = matches!(error.class(), Class::Throttled | Class::Retry) && !error.is_of_window();
        if !passes || tries == TRIES {
            return Err(error);
        }
        tries += 1;
        shared.world.clock.sleep(backoff.wait()).await;
    }
}

fn group<'g>(groups: &'g mut Vec<Group>, to: OutputSet, tags: &Tags) -> &'g mut Group {
    let at = groups.iter().position(|group| group.to == to).unwrap_or_else(|| {
        groups.push(Group { to, builder: EventsBuilder::new(tags.clone()), events: Vec::new() });
        groups.len() - 1
    });
    &mut groups[at]
}
