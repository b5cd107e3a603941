//! The objects that both sides move.

use std::time::Duration;

use clap::ValueEnum;
use jiff::Timestamp;
use quittance_testbed::generate::{Origin, cloudfront, cloudtrail, gzip, vpcflow};

/// A kind of object.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Kind {
    /// CloudTrail's JSON, one `Records` array.
    Cloudtrail,
    /// VPC flow log lines.
    Vpcflow,
    /// CloudFront standard log lines.
    Cloudfront,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Cloudtrail => "cloudtrail",
            Kind::Vpcflow => "vpcflow",
            Kind::Cloudfront => "cloudfront",
        }
    }
}

/// Some objects, to be moved several times over.
pub(super) struct Objects {
    /// Key and gzip.
    pub(super) objects: Vec<(String, Vec<u8>)>,
    /// Bytes of all of them, inflated.
    pub(super) inflated: u64,
    /// Events of all of them.
    pub(super) events: u64,
}

/// Objects of one set, each of several MB inflated as busy accounts have them.
const OBJECTS: u64 = 12;

/// The same objects at every call, so that two processes can make them apart.
pub(super) fn objects(kind: Kind) -> Objects {
    let mut set = Objects { objects: Vec::new(), inflated: 0, events: 0 };
    let time = Timestamp::UNIX_EPOCH + Duration::from_secs(1_768_478_400);
    for number in 0..OBJECTS {
        let mut rng = fastrand::Rng::with_seed(number);
        let origin = Origin::any(&mut rng, time);
        let events: usize = match kind {
            Kind::Cloudtrail => 4_000,
            Kind::Vpcflow => 40_000,
            Kind::Cloudfront => 12_000,
        };
        let first = number * events as u64;
        let (key, object) = match kind {
            Kind::Cloudtrail => {
                (cloudtrail::key(&mut rng, &origin), cloudtrail::object(&mut rng, &origin, first, events))
            }
            Kind::Vpcflow => (vpcflow::key(&mut rng, &origin), vpcflow::object(&mut rng, &origin, first, events)),
            Kind::Cloudfront => {
                (cloudfront::key(&mut rng, &origin), cloudfront::object(&mut rng, &origin, first, events))
            }
        };
        set.inflated += object.len() as u64;
        set.events += events as u64;
        set.objects.push((key, gzip(&object, 6)));
    }
    set
}
