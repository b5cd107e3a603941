//! Gives once more what a unit that holds messages has set aside.

use std::sync::Arc;

use quittance_core::{Failure, Outlet, PullerContext, Quarantined, Settlements, Tags, World, debts};

use crate::{
    Whereabouts,
    held::{Again, Giving, Intake, Limits, Owed, OwedObject, Quarantine, Work, give, give_event, never},
    receiver::{
        Station, Way,
        ways::{Item, Ways},
    },
};

impl Station {
    /// Gives `item` once more, as a unit that goes these `ways`.
    pub(crate) async fn replay(
        &self,
        ways: Vec<Way>,
        at: Whereabouts,
        item: Quarantined,
        context: PullerContext,
    ) -> Result<(), Failure> {
        let limits = ways.iter().map(|way| way.limits.clone()).reduce(Limits::joined).expect("there is a way");
        let again = match Again::of(&item)? {
            Again::Event(tag) => return give_event(item.bytes, &tag, limits.max_event_bytes, &context).await,
            again => again,
        };
        let PullerContext { unit, store, outlet, world, stop } = context;
        let (debts, settlements) = debts();
        let giving = Giving {
            at,
            tags: Tags::default(),
            max_event_bytes: limits.max_event_bytes,
            transfer_timeout: limits.transfer_timeout,
            start_time: None,
            outlet: outlet.clone(),
            debts,
            world: world.clone(),
            quarantine: Quarantine::new(unit, store, world.clock.clone()).replaying(&item.address),
            tally: self.tally(),
            stop,
        };
        let ways = Ways::new(self.account(), ways, &giving, Arc::default());
        Replay { ways, outlet, world, settlements }.give(item, again).await
    }
}

struct Replay {
    ways: Ways,
    outlet: Outlet,
    world: World,
    settlements: Settlements,
}

impl Replay {
    async fn give(&mut self, item: Quarantined, again: Again) -> Result<(), Failure> {
        match again {
            Again::Event(_) => Err(again.not_here()),
            Again::Message => {
                let body = String::from_utf8(item.bytes).map_err(never)?;
                let items = wanted(self.ways.intake(body))?;
                for item in items {
                    self.one(item, Owed::all(self.outlet.all()), None).await?;
                }
                Ok(())
            }
            Again::Objects { outputs, objects } => {
                let is_same = self.outlet.names() == outputs;
                for what in objects {
                    let owed = what.owed(outputs.len()).ok_or_else(|| never("what is owed of it cannot be read"))?;
                    self.object(&what, owed, is_same).await?;
                }
                Ok(())
            }
        }
    }

    async fn object(&mut self, what: &OwedObject, mut owed: Owed, is_same: bool) -> Result<(), Failure> {
        if !is_same {
            // With other outputs the bits say something else: it is given to all.
            let ranges: Vec<_> = owed.iter().map(|(range, _)| range.clone()).collect();
            owed = Owed::default();
            ranges.into_iter().for_each(|range| owed.add(range, self.outlet.all()));
        }
        for item in wanted(self.ways.announced(vec![what.object()], 0))? {
            self.one(item, owed.clone(), what.version.clone()).await?;
        }
        Ok(())
    }

    async fn one(&mut self, item: Item, owed: Owed, version: Option<String>) -> Result<(), Failure> {
        let Replay { ways, outlet, world, settlements } = self;
        Ok(give(ways, item, owed, version, settlements, (outlet, world)).await?)
    }
}

/// What there is to give. Nothing at all would discard the item unseen.
fn wanted(intake: Intake<Item>) -> Result<Vec<Item>, Failure> {
    match intake {
        Intake::Items { items, .. } if !items.is_empty() => Ok(items),
        Intake::Items { .. } => Err(never("the configuration leaves it out")),
        Intake::Control(what) => Err(never(format!("it is no event: {what}"))),
        Intake::Unknown { why, .. } => Err(never(why)),
    }
}
