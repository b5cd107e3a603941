//! Which way a message goes: told by its content, where a queue has several readers.

use std::{fmt, sync::Arc};

use crate::{
    Account, AwsError, Notification, ObjectRef, Payload,
    held::{Giving, Intake, Limits, OnMissingObject, PassEnd, Source, Task, Work},
    notification,
    objects::{Learnt, Objects, Selection},
    payload,
    queue::{Bodies, Body},
    receiver::{Way, WayKind, skips::Skips},
    routing::Claim,
};

/// Every way that messages of a queue go.
pub(super) struct Ways {
    objects: Vec<ObjectsWay>,
    bodies: Vec<Bodies>,
    skips: Arc<Skips>,
}

struct ObjectsWay {
    objects: Objects,
    on_missing: OnMissingObject,
}

/// What is to be given, and which way it goes.
pub(super) enum Item {
    Object(usize, ObjectRef),
    Body(usize, Body),
    /// An object that no service of the queue wants.
    Unclaimed(ObjectRef),
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Object(_, object) | Item::Unclaimed(object) => object.fmt(f),
            Item::Body(_, body) => body.fmt(f),
        }
    }
}

impl Ways {
    pub(super) fn new(account: &Arc<Account>, ways: Vec<Way>, giving: &Giving, skips: Arc<Skips>) -> Self {
        let mut all = Ways { objects: Vec::new(), bodies: Vec::new(), skips };
        let learnt = Learnt::default();
        for Way { kind, limits, filters, .. } in ways {
            let Limits { max_event_bytes, transfer_timeout, start_time, .. } = limits;
            let giving = Giving { max_event_bytes, transfer_timeout, start_time, ..giving.clone() };
            match kind {
                WayKind::Objects(kind) => {
                    let (account, learnt) = (account.clone(), learnt.clone());
                    let objects = Objects { account, kind, learnt, giving, filters };
                    all.objects.push(ObjectsWay { objects, on_missing: limits.on_missing_object });
                }
                WayKind::Bodies(kind) => all.bodies.push(Bodies::new(kind, giving, &filters)),
            }
        }
        all
    }

    /// Whether there is only one, so that nothing has to be told apart.
    fn is_only(&self) -> bool {
        self.objects.len() + self.bodies.len() == 1
    }

    /// Who reads an object.
    fn reader(&self, object: &ObjectRef) -> Option<usize> {
        match self.is_only() {
            true => (!self.objects.is_empty()).then_some(0),
            false => best(self.objects.iter().map(|way| way.objects.kind.claim(object))),
        }
    }

    /// Whose event a body is.
    fn owner(&self, body: &str) -> Option<usize> {
        match self.is_only() {
            true => (!self.bodies.is_empty()).then_some(0),
            false => best(self.bodies.iter().map(|bodies| bodies.claim(body))),
        }
    }

    pub(super) fn announced(&self, created: Vec<ObjectRef>, others: usize) -> Intake<Item> {
        let (mut items, mut skipped) = (Vec::with_capacity(created.len()), 0);
        for object in created {
            let Some(reader) = self.reader(&object) else {
                items.push(Item::Unclaimed(object));
                continue;
            };
            match self.objects[reader].objects.kind.select(&object) {
                Selection::Read => {
                    self.skips.read();
                    items.push(Item::Object(reader, object));
                }
                Selection::Skip(reason) => {
                    self.skips.skipped(reader, &object, reason);
                    skipped += 1;
                }
            }
        }
        Intake::Items { items, others, skipped }
    }

    fn event(&self, body: String) -> Intake<Item> {
        match payload(body) {
            Payload::Control(what) => Intake::Control(what),
            Payload::Event(body) => match self.owner(&body) {
                Some(owner) => Intake::Items { items: vec![Item::Body(owner, Body::new(body))], others: 0, skipped: 0 },
                None => Intake::Unknown { why: UNCLAIMED, body },
            },
        }
    }
}

/// What nobody wants is left where it is, and said: it may be somebody's whose service is not configured yet.
const UNCLAIMED: &str = "no service that reads this queue takes it";

impl Work for Ways {
    type Item = Item;

    fn intake(&self, body: String) -> Intake<Item> {
        if self.objects.is_empty() {
            return self.event(body);
        }
        match notification(&body) {
            Notification::Control(what) => Intake::Control(what),
            // What S3 says may itself be an event, for who takes those.
            Notification::Objects { created, .. }
                if created.iter().all(|object| self.reader(object).is_none()) && self.owner(&body).is_some() =>
            {
                self.event(body)
            }
            Notification::Objects { created, others } => self.announced(created, others),
            Notification::Unknown(why) if self.bodies.is_empty() => Intake::Unknown { why, body },
            Notification::Unknown(_) => self.event(body),
        }
    }

    async fn pass(&self, task: Task<Item>) -> PassEnd {
        let what = task.what.clone();
        match &*what {
            Item::Object(way, object) => Box::pin(self.objects[*way].objects.pass(object, task)).await,
            Item::Body(way, body) => self.bodies[*way].pass(body, task).await,
            Item::Unclaimed(object) => {
                let result = Err(AwsError::Unclaimed { object: object.to_string() });
                let Task { owed, version, .. } = task;
                PassEnd { lent: 0, rest: owed, version, reached: 0, result }
            }
        }
    }

    fn lane<'a>(&self, item: &'a Item) -> Option<&'a str> {
        match item {
            Item::Object(_, object) => Some(&object.bucket),
            Item::Body(..) | Item::Unclaimed(_) => None,
        }
    }

    fn weight(&self, item: &Item) -> usize {
        match item {
            // The entries around it weigh more than the name.
            Item::Object(_, object) | Item::Unclaimed(object) => object.bucket.len() + 2 * object.key.len() + 512,
            Item::Body(_, body) => body.weight(),
        }
    }

    fn source<'a>(&self, item: &'a Item) -> Source<'a> {
        match item {
            Item::Object(_, object) | Item::Unclaimed(object) => Source::Object(object),
            Item::Body(_, body) => Source::Bytes(body.bytes()),
        }
    }

    fn on_missing(&self, item: &Item) -> OnMissingObject {
        match item {
            Item::Object(way, _) => self.objects[*way].on_missing,
            Item::Body(..) | Item::Unclaimed(_) => OnMissingObject::default(),
        }
    }
}

/// The first of those with the strongest claim, if any has one.
fn best(claims: impl Iterator<Item = Claim>) -> Option<usize> {
    let (place, claim) = claims.enumerate().reduce(|best, one| if one.1 > best.1 { one } else { best })?;
    (claim != Claim::No).then_some(place)
}
