//! Gives once more what was set aside, until every output has confirmed it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use quittance_core::{
    Backoff, Class, Debt, EventsBuilder, Failure, Outlet, PullerContext, Quarantined, Settlements, Tag, Tags, World,
    codes::NOT_REPLAYED, debts,
};

use crate::{
    AwsError, codes,
    held::{Again, Fault, Owed, PassEnd, Task, Work},
};

/// Tries of what passes by itself, before whoever asked is told.
const TRIES: u32 = 5;

/// The engine's name for what is given: there is one thing at a time.
const ITEM: u64 = 0;

impl Again {
    /// How an item is given again.
    pub(crate) fn of(item: &Quarantined) -> Result<Again, Failure> {
        let said = (!item.again.is_empty()).then(|| serde_json::from_str(&item.again));
        said.ok_or_else(|| never("an earlier version set it aside, and did not say how it is given again"))?
            .map_err(never)
    }

    /// That this is not what such a unit sets aside.
    pub(crate) fn not_here(&self) -> Failure {
        never("it is of another kind than what this unit reads")
    }
}

/// It can never be given.
pub(crate) fn never(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    Failure { code: &NOT_REPLAYED, class: Class::NeedsPerson, error: error.into() }
}

/// Gives an event by its tag.
pub(crate) async fn give_event(
    event: Vec<u8>,
    tag: &str,
    max_event_bytes: usize,
    context: &PullerContext,
) -> Result<(), Failure> {
    if event.len() > max_event_bytes {
        let problem = format!("its {} bytes are more than `max_event_bytes` ({max_event_bytes})", event.len());
        return Err(Failure { code: &codes::TOO_LONG, class: Class::NeedsPerson, error: problem.into() });
    }
    let tag = Tag::new(tag).map_err(never)?;
    let PullerContext { outlet, world, .. } = context;
    let (debts, mut settlements) = debts();
    let (tags, event) = (Tags::default(), Bytes::from(event));
    let id = tags.id(&tag);
    let (mut owed, mut backoff) = (outlet.all(), between_returns(world));
    loop {
        let mut builder = EventsBuilder::new(tags.clone());
        builder.push(0, event.len(), id);
        outlet.emit(builder.finish(event.clone()), Debt { item: ITEM, events: 0..1 }, owed, &debts).await;
        outlet.hurry();
        owed = settlements.recv().await.map_or(owed, |settlement| settlement.owed);
        if owed.is_empty() {
            return Ok(());
        }
        world.clock.sleep(backoff.wait()).await;
    }
}

/// Gives what is `owed` of an item, in a version if that is known. If there is another version by now, all of it is given
/// where the rest of the item was owed; where only some events were, they are gone.
pub(crate) async fn give<W: Work>(
    work: &W,
    item: W::Item,
    mut owed: Owed,
    mut version: Option<String>,
    settlements: &mut Settlements,
    (outlet, world): (&Outlet, &World),
) -> Result<(), AwsError> {
    let what = Arc::new(item);
    let (mut seen, mut failures, mut backoff) = (0, 0, between_returns(world));
    loop {
        let (given, read) = (owed.clone(), version.clone());
        let task = Task { item: ITEM, what: what.clone(), owed: given, version: read, seen, reading: Arc::default() };
        let PassEnd { lent, rest, version: read, reached, result } = work.pass(task).await;
        let is_to_the_end = owed.iter().any(|(range, _)| range.end == u64::MAX);
        seen = seen.max(reached);
        version = read.or(version);
        owed = rest;
        outlet.hurry();
        for _ in 0..lent {
            let Some(settlement) = settlements.recv().await else { break };
            owed.add(settlement.debt.events, settlement.owed);
        }
        match result {
            Ok(()) if owed.is_empty() => return Ok(()),
            Ok(()) => {}
            Err(error) => {
                failures += 1;
                match Fault::of(&error) {
                    _ if failures == TRIES => return Err(error),
                    Fault::Changed if is_to_the_end => (owed, version, seen) = (Owed::all(outlet.all()), None, 0),
                    Fault::Passing => {}
                    _ => return Err(error),
                }
            }
        }
        world.clock.sleep(backoff.wait()).await;
    }
}

fn between_returns(world: &World) -> Backoff {
    Backoff::new(Duration::from_millis(200), Duration::from_secs(30), world.random.fork())
}
