//! A network that swallows packets.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result, ensure};

use super::{Class, Explained};
use crate::{
    round::{Round, pick},
    sink::SinkOrder,
};

pub(super) const CLASSES: &[Class] = &[Class {
    name: "black-hole",
    what: "packets between collector and receiver vanish, in both directions or in one",
    explained: Explained::Connections,
    can: || Network::new().is_ok(),
    prepare,
    strike: black_hole,
    sdk: true,
    ..Class::USUAL
}];

/// A network namespace, and a pair of virtual interfaces between it and ours. Both are gone when it is dropped.
pub(crate) struct Network {
    namespace: String,
    ours: String,
    theirs: String,
    addresses: [Ipv4Addr; 2],
}

/// Which way packets go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

impl Network {
    fn new() -> Result<Network> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let own = format!("{:x}-{number:x}", std::process::id());
        // Addresses for benchmarks (RFC 2544): nobody else has them.
        let block = Ipv4Addr::new(198, 18, 0, 0).to_bits() + (std::process::id() % 256 * 128 + number % 128) * 4;
        let network = Network {
            namespace: format!("quittance-{own}"),
            ours: format!("qo{own}"),
            theirs: format!("qt{own}"),
            addresses: [block + 1, block + 2].map(Ipv4Addr::from_bits),
        };
        network.make()?;
        Ok(network)
    }

    fn make(&self) -> Result<()> {
        let Network { namespace, ours, theirs, addresses: [here, there] } = self;
        ip(&format!("netns add {namespace}"))?;
        ip(&format!("link add {ours} type veth peer name {theirs} netns {namespace}"))?;
        ip(&format!("addr add {here}/30 dev {ours}"))?;
        ip(&format!("-n {namespace} addr add {there}/30 dev {theirs}"))?;
        ip(&format!("link set {ours} up"))?;
        ip(&format!("-n {namespace} link set {theirs} up"))?;
        ip(&format!("-n {namespace} link set lo up"))
    }

    /// Packets of one way go to an interface that nobody has, and vanish without a word.
    fn swallow(&self, way: Way) -> Result<()> {
        let nobody = "lladdr 02:00:00:00:de:ad nud permanent";
        ip(&format!("{} {nobody}", self.neighbour("replace", way)))
    }

    /// They arrive again.
    fn heal(&self, way: Way) -> Result<()> {
        ip(&self.neighbour("del", way))
    }

    fn neighbour(&self, change: &str, way: Way) -> String {
        let Network { namespace, ours, theirs, addresses: [here, there] } = self;
        match way {
            Way::There => format!("neigh {change} {there} dev {ours}"),
            Way::Back => format!("-n {namespace} neigh {change} {here} dev {theirs}"),
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // The pair goes with either end, and the namespace with what runs in it.
        let _ = ip(&format!("link del {}", self.ours));
        let _ = ip(&format!("netns del {}", self.namespace));
    }
}

fn ip(arguments: &str) -> Result<()> {
    let output = Command::new("ip").args(arguments.split(' ')).output().context("cannot start `ip`")?;
    ensure!(output.status.success(), "`ip {arguments}`: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

fn prepare(round: &mut Round) -> Result<()> {
    let network = Network::new()?;
    let there = network.addresses[1].to_string();
    round.place.pki.authority.server(&[&there])?.write_to(&round.sink_place.certs, "server")?;
    round.sink_place.within = ["ip", "netns", "exec", &network.namespace].map(str::to_owned).to_vec();
    round.sink_place.listen = SocketAddr::from((network.addresses[1], 0));
    round.configuration.address = there;
    round.network = Some(network);
    Ok(())
}

fn black_hole(round: &mut Round) -> Result<()> {
    for _ in 0..round.rng.usize(1..3) {
        round.some_arrived()?;
        let ways = *pick(&mut round.rng, &[&[Way::There] as &[Way], &[Way::Back], &[Way::There, Way::Back]]);
        // What is open may be given up by one side, and the other never hears of it.
        let open = round.sink(&SinkOrder::State)?.open;
        round.explain_connections(open + 2);
        let network = round.network.take().context("there is no network")?;
        ways.iter().try_for_each(|way| network.swallow(*way))?;
        round.put_more()?;
        round.pause_between(100, 2000)?;
        ways.iter().try_for_each(|way| network.heal(*way))?;
        round.network = Some(network);
    }
    round.cleared()
}
