//! What goes wrong, and when.

use std::time::Duration;

use fastrand::Rng;
use quittance_testbed::{
    aws::{FakeAws, Loss},
    sink::{Fault, Sink},
};

/// APIs that are asked by time.
const APIS: [&str; 6] =
    ["LookupEvents", "FilterLogEvents", "ListFindings", "GetFindings", "ListMetrics", "GetMetricData"];

/// Something that happens to the collector or to what is around it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trouble {
    /// `kill -9`, and a restart after so long.
    Kill(Duration),
    /// A stop in order, and a restart after so long.
    Stop(Duration),
    /// The receiver behaves so for so long.
    Receiver(Fault, Duration),
    /// The receiver cannot be reached for so long.
    Outage(Duration),
    /// An API answers with an error for so long.
    Refused(&'static str, &'static str, Duration),
    /// Calls of an API are lost.
    Lost(&'static str, u32, Loss),
    /// Tokens of an API are of no use any more.
    Tokens(&'static str),
    /// An API answers with the token that it was asked with.
    Repeats(&'static str),
}

impl Trouble {
    /// Its name among the states that were reached.
    pub(super) fn name(self) -> &'static str {
        match self {
            Trouble::Kill(_) => "kills",
            Trouble::Stop(_) => "stops",
            Trouble::Receiver(Fault::ResetAfter(_) | Fault::ResetAtEnd, _) => "resets by the receiver",
            Trouble::Receiver(Fault::CloseAfter(_), _) => "ends by the receiver",
            Trouble::Receiver(..) => "stalls of the receiver",
            Trouble::Outage(_) => "outages of the receiver",
            Trouble::Refused("AssumeRole", ..) => "outages of STS",
            Trouble::Refused(..) => "times of throttling",
            Trouble::Lost(..) => "lost calls",
            Trouble::Tokens(_) => "expired tokens",
            Trouble::Repeats(_) => "repeated tokens",
        }
    }
}

/// When what happens, in order: 30 kills among it.
pub(super) fn plan(rng: &mut Rng, span: Duration) -> Vec<(Duration, Trouble)> {
    let mut plan = Vec::new();
    let minutes = |rng: &mut Rng, most: u64| Duration::from_secs(60 * rng.u64(1..=most));
    for _ in 0..30 {
        // Some restarts take as long as an administrator takes.
        let pause = if rng.u8(0..5) == 0 { minutes(rng, 360) } else { Duration::from_secs(rng.u64(1..60)) };
        plan.push(Trouble::Kill(pause));
    }
    for _ in 0..8 {
        let pause = minutes(rng, 30);
        plan.push(Trouble::Stop(pause));
    }
    for _ in 0..12 {
        let bytes = rng.u64(0..20_000);
        let fault = match rng.u8(0..4) {
            0 => Fault::ResetAfter(bytes),
            1 => Fault::CloseAfter(bytes),
            2 => Fault::ResetAtEnd,
            _ => Fault::StallAfter(bytes, minutes(rng, 5)),
        };
        let lasts = minutes(rng, 20);
        plan.push(Trouble::Receiver(fault, lasts));
    }
    for _ in 0..3 {
        let lasts = minutes(rng, 90);
        plan.push(Trouble::Outage(lasts));
    }
    for api in APIS {
        for _ in 0..3 {
            plan.push(Trouble::Refused(api, "ThrottlingException", minutes(rng, 15)));
            plan.push(Trouble::Lost(api, rng.u32(1..4), Loss::Answer));
            plan.push(Trouble::Lost(api, 1, Loss::Hang));
            plan.push(Trouble::Tokens(api));
            plan.push(Trouble::Repeats(api));
        }
    }
    plan.push(Trouble::Refused("AssumeRole", "ServiceUnavailable", Duration::from_secs(1200)));
    let seconds = span.as_secs().max(1);
    let mut plan: Vec<_> = plan.into_iter().map(|what| (Duration::from_secs(rng.u64(0..seconds)), what)).collect();
    plan.sort_by_key(|(at, _)| *at);
    plan
}

/// What an API does all the time.
pub(super) fn habits(aws: &FakeAws) {
    for (api, per_second) in [("LookupEvents", 2), ("FilterLogEvents", 25), ("ListFindings", 5), ("ListMetrics", 25)] {
        aws.set_quota(api, per_second);
    }
    for api in APIS {
        aws.short_pages(api, 0.2);
        aws.fail_sometimes(api, 0.01, "ThrottlingException");
    }
}

/// Begins what lasts; what ends it, if it needs an end.
pub(super) fn begin(trouble: Trouble, aws: &FakeAws, sink: &Sink) -> Option<Duration> {
    match trouble {
        Trouble::Kill(_) | Trouble::Stop(_) => None,
        Trouble::Receiver(fault, lasts) => {
            sink.always(Some(fault));
            Some(lasts)
        }
        Trouble::Outage(lasts) => {
            sink.set_down(true);
            sink.reset_open();
            Some(lasts)
        }
        Trouble::Refused(api, code, lasts) => {
            aws.fail_while(api, code);
            Some(lasts)
        }
        Trouble::Lost(api, calls, loss) => {
            aws.lose_next(api, calls, loss);
            None
        }
        Trouble::Tokens(api) => {
            aws.expire_tokens(api);
            None
        }
        Trouble::Repeats(api) => {
            aws.repeat_tokens(api, 1);
            None
        }
    }
}

/// Ends what lasted.
pub(super) fn end(trouble: Trouble, aws: &FakeAws, sink: &Sink) {
    match trouble {
        Trouble::Receiver(..) => {
            sink.always(None);
            sink.reset_open();
        }
        Trouble::Outage(_) => sink.set_down(false),
        Trouble::Refused(api, ..) => {
            aws.recover(api);
            habits(aws);
        }
        _ => {}
    }
}
