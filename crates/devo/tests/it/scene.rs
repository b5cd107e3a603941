//! A pool, its receiver, and an engine that gives again what comes back.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use quittance_core::{
    Budget, Debt, Debts, Dial, EventsBuilder, Interval, Ledger, Outlet, OutputSet, Sender, Settlements, Tag, Tags,
    UnitId, World, debts, output,
};
use quittance_devo::{Confirm, Destination, Handshakes, Identity, Mode, Pool, PoolKind, PoolName, Wire, client_config};
use quittance_testbed::{
    certificates::Pki,
    link::{PlainDial, SimDial},
    sink::{Keep, Sink},
    store::MemoryStore,
    world::virtual_world,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) struct Scene {
    pub(crate) sink: Sink,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) outlet: Outlet,
    pub(crate) stop: CancellationToken,
    pub(crate) sender: JoinHandle<()>,
    debts: Debts,
    settlements: Settlements,
    tags: Tags,
    pub(crate) world: World,
}

/// What a test changes.
pub(crate) struct Setting {
    pub(crate) confirm: Confirm,
    pub(crate) wire: Wire,
    /// Whose certificate the client shows.
    pub(crate) client: fn(&Pki) -> &quittance_testbed::certificates::Identity,
    pub(crate) sink: Sink,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) kind: PoolKind,
    /// What lies between the pool and the receiver.
    pub(crate) dial: Box<dyn FnOnce(SimDial) -> Arc<dyn Dial>>,
    pub(crate) handshakes: Handshakes,
    /// Without TLS; `dial` is not asked then.
    pub(crate) plain: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Setting {
            confirm: Confirm { mode: Mode::Closed, ..Confirm::default() },
            wire: Wire::default(),
            client: |pki| &pki.client,
            sink: Sink::new(Keep::Messages),
            store: Arc::default(),
            kind: PoolKind::Standard,
            dial: Box::new(|dial| Arc::new(dial)),
            handshakes: Handshakes::default(),
            plain: false,
        }
    }
}

pub(crate) fn confirm(mode: Mode, end_timeout: u64) -> Confirm {
    Confirm { mode, end_timeout: Interval(Duration::from_secs(end_timeout)), ..Confirm::default() }
}

impl Setting {
    pub(crate) fn scene(self) -> Scene {
        let pki = Pki::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        pki.write_to(folder.path()).unwrap();
        (self.client)(&pki).write_to(folder.path(), "domain").unwrap();
        let file = |name: &str| folder.path().join(name);
        let identity = Identity { chain: &file("chain.crt"), cert: &file("domain.crt"), key: &file("domain.key") };
        let tls = client_config(&identity).unwrap();
        let world = virtual_world(7);
        let pool = Pool {
            name: PoolName { kind: self.kind, output: "devo_1".to_owned() },
            destination: Destination {
                address: "localhost".to_owned(),
                port: 443,
                host: "collector".to_owned(),
                wire: self.wire,
            },
            tls: (!self.plain).then_some(tls),
            confirm: self.confirm,
            dial: match self.plain {
                true => Arc::new(PlainDial { sink: self.sink.clone() }),
                false => (self.dial)(SimDial { sink: self.sink.clone(), tls: pki.server_config().unwrap() }),
            },
            handshakes: self.handshakes,
            store: self.store.clone(),
            world: world.clone(),
        };
        let (end, inlet) = output("devo_1");
        let stop = CancellationToken::new();
        let sender = tokio::spawn(Box::new(pool).run(inlet, stop.clone()));
        let ledger = Arc::new(Ledger::default());
        let unit = ledger.unit(&UnitId::new(&["test"]));
        let outlet = Outlet::new([end].into(), Budget::new(32 << 20), unit);
        let (debts, settlements) = debts();
        Scene {
            sink: self.sink,
            store: self.store,
            ledger,
            outlet,
            stop,
            sender,
            debts,
            settlements,
            tags: Tags::default(),
            world,
        }
    }
}

impl Scene {
    /// Gives one batch of the messages whose numbers are given, as events of about `size` bytes.
    pub(crate) async fn give(&self, numbers: std::ops::Range<u64>, size: usize) {
        let texts: Vec<String> = numbers.clone().map(|n| message(n, size)).collect();
        self.give_texts(numbers, &texts).await;
    }

    pub(crate) async fn give_texts(&self, numbers: std::ops::Range<u64>, texts: &[String]) {
        let tag = self.tags.id(&Tag::new("my.app.test.pool").unwrap());
        let mut builder = EventsBuilder::new(self.tags.clone());
        let mut buffer = Vec::new();
        for text in texts {
            let start = buffer.len();
            buffer.extend_from_slice(text.as_bytes());
            builder.push(start, buffer.len(), tag);
        }
        let events = builder.finish(Bytes::from(buffer));
        self.outlet.emit(events, Debt { item: 0, events: numbers }, OutputSet::first(1), &self.debts).await;
    }

    /// The next settlement: its messages, and whether they were delivered.
    pub(crate) async fn settlement(&mut self) -> (std::ops::Range<u64>, bool) {
        let settlement = self.settlements.recv().await.unwrap();
        let delivered = settlement.is_delivered();
        (settlement.debt.events, delivered)
    }

    /// Gives `batches` batches of `events`, and again what comes back, until all are delivered. Whatever was called
    /// delivered is at the sink; answers how often a batch came back.
    pub(crate) async fn deliver_all(&mut self, batches: u64, events: u64, size: usize) -> u64 {
        for batch in 0..batches {
            self.give(batch * events..(batch + 1) * events, size).await;
        }
        let (mut open, mut returned) = (batches, 0);
        while open > 0 {
            let (numbers, delivered) = self.settlement().await;
            if delivered {
                let there = self.there();
                for number in numbers {
                    assert!(there.contains(&message(number, size)), "message {number} was called delivered");
                }
                open -= 1;
            } else {
                returned += 1;
                self.give(numbers, size).await;
            }
            assert!(self.ledger.total().balances(), "{:?}", self.ledger.total());
        }
        let total = self.ledger.total();
        assert_eq!(total.delivered(), batches * events);
        assert_eq!(total.in_flight, 0);
        assert_eq!(self.sink.totals().distinct, batches * events);
        returned
    }

    pub(crate) fn there(&self) -> BTreeSet<String> {
        let text = |(_, message)| String::from_utf8(message).unwrap();
        self.sink.messages().into_iter().map(text).collect()
    }
}

/// A message of its own for every number.
pub(crate) fn message(number: u64, size: usize) -> String {
    format!("{{\"id\":{number},\"filler\":\"{}\"}}", "x".repeat(size))
}
