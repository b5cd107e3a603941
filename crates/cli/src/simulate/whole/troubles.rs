//! What goes wrong, and how it ends.

use std::{sync::atomic::Ordering, time::Duration};

use fastrand::Rng;
use quittance_testbed::{
    aws::{Access, BodyFault, Loss},
    sink::Fault,
};

use super::{
    oracle::{Duty, Fate},
    place::Place,
    shape::{LISTED, Use},
    sources::{Flaw, Source, Sources, large},
};

/// APIs of which calls can go wrong.
const APIS: [&str; 16] = [
    "ReceiveMessage",
    "DeleteMessageBatch",
    "ChangeMessageVisibilityBatch",
    "GetQueueUrl",
    "GetQueueAttributes",
    "GetObject",
    "ListObjectsV2",
    "LookupEvents",
    "FilterLogEvents",
    "DescribeLogGroups",
    "ListDetectors",
    "ListFindings",
    "GetFindings",
    "ListMetrics",
    "GetMetricData",
    "AssumeRole",
];

/// APIs that are asked by time, page by page.
const PAGED: [&str; 4] = ["LookupEvents", "FilterLogEvents", "ListFindings", "GetMetricData"];

/// Kinds of trouble.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Reset,
    ResetAtEnd,
    Close,
    NeverEnds,
    SlowEnd,
    BlackHole,
    Stall,
    SlowReader,
    Refusal,
    Outage,
    Duplicates,
    LostReceive,
    ExpiredHandles,
    OtherReader,
    DeletesFail,
    IgnoredDeletes,
    HeartbeatsFail,
    Errors,
    Throttling,
    LostCalls,
    SlowCalls,
    Cut,
    StalledBody,
    Corrupted,
    SlowBody,
    Overwritten,
    NotYetThere,
    Denied,
    ExpiredSessions,
    NoSts,
    BadTokens,
    EmptyPages,
    FullDisk,
    BrokenStore,
    SlowStore,
    FullQuarantine,
    ClockAhead,
    ClockBehind,
    Kill,
    KillAtPoint,
    Stop,
    StopAtPoint,
    KillDuringStop,
    Nonsense,
    Truncated,
    Garbage,
    TooLong,
}

impl Kind {
    pub(super) const ALL: [Kind; 47] = [
        Kind::Reset,
        Kind::ResetAtEnd,
        Kind::Close,
        Kind::NeverEnds,
        Kind::SlowEnd,
        Kind::BlackHole,
        Kind::Stall,
        Kind::SlowReader,
        Kind::Refusal,
        Kind::Outage,
        Kind::Duplicates,
        Kind::LostReceive,
        Kind::ExpiredHandles,
        Kind::OtherReader,
        Kind::DeletesFail,
        Kind::IgnoredDeletes,
        Kind::HeartbeatsFail,
        Kind::Errors,
        Kind::Throttling,
        Kind::LostCalls,
        Kind::SlowCalls,
        Kind::Cut,
        Kind::StalledBody,
        Kind::Corrupted,
        Kind::SlowBody,
        Kind::Overwritten,
        Kind::NotYetThere,
        Kind::Denied,
        Kind::ExpiredSessions,
        Kind::NoSts,
        Kind::BadTokens,
        Kind::EmptyPages,
        Kind::FullDisk,
        Kind::BrokenStore,
        Kind::SlowStore,
        Kind::FullQuarantine,
        Kind::ClockAhead,
        Kind::ClockBehind,
        Kind::Kill,
        Kind::KillAtPoint,
        Kind::Stop,
        Kind::StopAtPoint,
        Kind::KillDuringStop,
        Kind::Nonsense,
        Kind::Truncated,
        Kind::Garbage,
        Kind::TooLong,
    ];

    /// Its name among the states that were reached.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Reset => "reset by the receiver",
            Kind::ResetAtEnd => "reset during an end",
            Kind::Close => "end by the receiver",
            Kind::NeverEnds => "end that never comes",
            Kind::SlowEnd => "slow end",
            Kind::BlackHole => "black hole",
            Kind::Stall => "stalled receiver",
            Kind::SlowReader => "slow receiver",
            Kind::Refusal => "refused certificate",
            Kind::Outage => "outage of the receiver",
            Kind::Duplicates => "duplicate delivery by SQS",
            Kind::LostReceive => "receive lost after it hid",
            Kind::ExpiredHandles => "expired receipt handles",
            Kind::OtherReader => "messages taken by another reader",
            Kind::DeletesFail => "delete failing in part",
            Kind::IgnoredDeletes => "delete without effect",
            Kind::HeartbeatsFail => "heartbeats failing",
            Kind::Errors => "internal errors of AWS",
            Kind::Throttling => "throttling",
            Kind::LostCalls => "calls lost",
            Kind::SlowCalls => "slow calls",
            Kind::Cut => "transfer cut",
            Kind::StalledBody => "transfer stalled",
            Kind::Corrupted => "transfer corrupted",
            Kind::SlowBody => "slow transfer",
            Kind::Overwritten => "object overwritten",
            Kind::NotYetThere => "object announced before it is there",
            Kind::Denied => "bucket denied",
            Kind::ExpiredSessions => "expired credentials",
            Kind::NoSts => "outage of STS",
            Kind::BadTokens => "expired or repeated page token",
            Kind::EmptyPages => "empty pages after a long time",
            Kind::FullDisk => "full disk",
            Kind::BrokenStore => "failing store",
            Kind::SlowStore => "slow store",
            Kind::FullQuarantine => "full quarantine",
            Kind::ClockAhead => "clock ahead",
            Kind::ClockBehind => "clock behind",
            Kind::Kill => "kill",
            Kind::KillAtPoint => "kill within an action",
            Kind::Stop => "stop",
            Kind::StopAtPoint => "stop within an action",
            Kind::KillDuringStop => "kill during a stop",
            Kind::Nonsense => "message in no known shape",
            Kind::Truncated => "object cut short",
            Kind::Garbage => "object of no known format",
            Kind::TooLong => "event too long",
        }
    }

    /// Whether it can happen in a world of this shape.
    pub(super) fn fits(self, place: &Place) -> bool {
        match self {
            // With `auto`, a receiver that never ends would be believed by its acknowledgements alone.
            Kind::NeverEnds => place.shape.closed,
            // What is too long in a queue that keeps an order, or is left to a redrive policy, is another matter.
            _ => true,
        }
    }

    /// Sources whose events tell something while it lasts.
    pub(super) fn concerns(self) -> &'static [Source] {
        const HELD: [Source; 7] = [
            Source::Events,
            Source::Findings,
            Source::Security,
            Source::Trail,
            Source::Flows,
            Source::Cdn,
            Source::Umbrella,
        ];
        const ASKED: [Source; 4] = [Source::Audits, Source::Logs, Source::Metrics, Source::GuardDuty];
        match self {
            // Groups that wait for their turn are in a hurry, so that ends cross.
            Kind::Close => &[Source::Security, Source::Security, Source::Trail, Source::Audits],
            _ if self.is_of_process() || self.is_of_receiver() => &Source::ALL,
            Kind::FullDisk | Kind::BrokenStore | Kind::SlowStore | Kind::ClockAhead | Kind::ClockBehind => &Source::ALL,
            Kind::Errors | Kind::Throttling | Kind::LostCalls | Kind::SlowCalls => &Source::ALL,
            Kind::ExpiredSessions | Kind::NoSts => &Source::ALL,
            Kind::Duplicates
            | Kind::LostReceive
            | Kind::ExpiredHandles
            | Kind::OtherReader
            | Kind::DeletesFail
            | Kind::IgnoredDeletes
            | Kind::HeartbeatsFail => &HELD,
            Kind::BadTokens => &ASKED,
            // What comes after them in their groups.
            Kind::TooLong | Kind::FullQuarantine => &[Source::Security],
            _ => &[],
        }
    }

    /// Whether it is about a receiver.
    pub(super) fn is_of_receiver(self) -> bool {
        matches!(
            self,
            Kind::Reset
                | Kind::ResetAtEnd
                | Kind::Close
                | Kind::NeverEnds
                | Kind::SlowEnd
                | Kind::BlackHole
                | Kind::Stall
                | Kind::SlowReader
                | Kind::Refusal
                | Kind::Outage
        )
    }

    /// Whether it is about the process itself.
    pub(super) fn is_of_process(self) -> bool {
        matches!(self, Kind::Kill | Kind::KillAtPoint | Kind::Stop | Kind::StopAtPoint | Kind::KillDuringStop)
    }
}

/// Something that lasts.
pub(super) struct Lasting {
    kind: Kind,
    apis: Vec<&'static str>,
    bucket: Option<&'static str>,
    /// The oracle's number of the fault, if it explains repeats.
    fault: Option<usize>,
    /// A receiver that does not read ends with a reset: what it has not read by then is lost.
    reset: bool,
}

/// Begins trouble that is not about the process; how long it lasts, if it does.
pub(super) fn begin(kind: Kind, place: &Place, sources: &mut Sources, rng: &mut Rng) -> Option<(Duration, Lasting)> {
    let seconds = |rng: &mut Rng, most: u64| Duration::from_secs(rng.u64(5..most));
    let sink = &place.sinks[rng.usize(..place.sinks.len())];
    let (aws, store) = (&place.aws, &place.store);
    let lasting = |apis: Vec<&'static str>| Lasting { kind, apis, bucket: None, fault: None, reset: false };
    let faulty = || Lasting { fault: Some(place.oracle.fault_begins()), ..lasting(Vec::new()) };
    let queues = place.shape.queues();
    let any_queue = |rng: &mut Rng| queues[rng.usize(..queues.len())];
    // While a call fails that hides messages, or brings them, each may come again whenever its time has run out.
    let spent_while = |lasts: Duration, apis: &[&str]| {
        if apis.iter().any(|api| matches!(*api, "ReceiveMessage" | "ChangeMessageVisibilityBatch" | "AssumeRole")) {
            place.oracle.receives_spent((lasts.as_secs() / place.shape.visibility.max(30)) as u32 + 2);
        }
    };
    match kind {
        Kind::Reset
        | Kind::ResetAtEnd
        | Kind::Close
        | Kind::NeverEnds
        | Kind::SlowEnd
        | Kind::BlackHole
        | Kind::Stall
        | Kind::SlowReader
        | Kind::Refusal => {
            // Often within the first event.
            let bytes = if rng.bool() { rng.u64(0..600) } else { rng.u64(0..20_000) };
            let fault = match kind {
                Kind::Reset => Fault::ResetAfter(bytes),
                Kind::ResetAtEnd => Fault::ResetAtEnd,
                Kind::Close => Fault::CloseAfter(bytes),
                Kind::NeverEnds => Fault::NeverEnds,
                Kind::SlowEnd => Fault::SlowEnd(seconds(rng, 90)),
                Kind::BlackHole => Fault::BlackHole,
                Kind::Stall => Fault::StallAfter(bytes, seconds(rng, 90)),
                Kind::SlowReader => Fault::SlowReader(rng.u64(500..20_000)),
                _ => Fault::Refuse,
            };
            // For some connections that carry, or for whatever comes.
            match rng.bool() && kind != Kind::Refusal {
                true => sink.script((0..rng.u8(1..4)).map(|_| Some(fault))),
                false => sink.always(Some(fault)),
            }
            let reset = matches!(kind, Kind::BlackHole | Kind::Stall | Kind::SlowReader) && rng.bool();
            Some((seconds(rng, 120), Lasting { reset, ..faulty() }))
        }
        Kind::Outage => {
            sink.set_down(true);
            sink.reset_open();
            // Longer than messages stay hidden by themselves.
            let longest = if rng.u8(0..4) == 0 { 900 } else { 240 };
            Some((seconds(rng, longest), faulty()))
        }
        Kind::Duplicates => {
            for queue in &queues {
                let times = rng.u32(1..5);
                aws.redeliver_next(queue, times);
                place.oracle.receives_spent(times);
            }
            None
        }
        Kind::LostReceive => {
            let times = rng.u32(1..4);
            aws.lose_next("ReceiveMessage", times, Loss::Answer);
            place.oracle.receives_spent(times);
            None
        }
        Kind::ExpiredHandles => {
            // Of messages that are being read as well.
            _ = begin(Kind::SlowBody, place, sources, rng);
            let wait = if rng.bool() { Duration::ZERO } else { Duration::from_secs(rng.u64(5..20)) };
            let aws = aws.clone();
            place.oracle.receives_spent(1);
            tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                queues.into_iter().for_each(|queue| aws.make_visible(queue));
            });
            None
        }
        Kind::OtherReader => {
            // Of messages that are being read, for as long as it takes until they are to be hidden anew.
            let (wait, keeps) = (rng.u64(1..10), place.shape.visibility / 2 + rng.u64(5..30));
            let object = sources.object(place, rng, Use::Flows, Flaw::None);
            let size = aws.object(&object.bucket, &object.key).map_or(1, |bytes| bytes.len() as u64);
            aws.body_fault(&object.bucket, &object.key, BodyFault::Slow((size / (wait + keeps + 20)).max(1)));
            sources.announce(place, &object, None, Flaw::None);
            let (wait, keeps) = (Duration::from_secs(wait), Duration::from_secs(keeps));
            let (aws, oracle) = (aws.clone(), place.oracle.clone());
            place.oracle.receives_spent(2);
            tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                for queue in queues {
                    oracle.taken_by_another(&aws.give_to_another(queue, keeps));
                }
            });
            None
        }
        Kind::DeletesFail => {
            aws.fail_entries("DeleteMessageBatch", rng.u32(1..12), "InternalError", false);
            None
        }
        Kind::IgnoredDeletes => {
            let (queue, times) = (any_queue(rng), rng.u32(1..4));
            aws.ignore_deletes(queue, times);
            place.oracle.receives_spent(times);
            None
        }
        Kind::HeartbeatsFail => {
            let (lasts, apis) = (seconds(rng, 180), vec!["ChangeMessageVisibilityBatch"]);
            aws.fail_while(apis[0], "InternalError");
            spent_while(lasts, &apis);
            Some((lasts, lasting(apis)))
        }
        Kind::Errors => {
            let listings = ["DescribeLogGroups", "ListDetectors"];
            let api = if rng.u8(0..4) == 0 { listings[rng.usize(..2)] } else { APIS[rng.usize(..APIS.len())] };
            aws.fail_while(api, "InternalError");
            // What is new is listed every five minutes.
            let lasts =
                if listings.contains(&api) { Duration::from_secs(rng.u64(300..400)) } else { seconds(rng, 120) };
            spent_while(lasts, &[api]);
            Some((lasts, lasting(vec![api])))
        }
        Kind::Throttling => {
            let apis: Vec<_> = (0..3).map(|_| APIS[rng.usize(..APIS.len())]).collect();
            for api in &apis {
                aws.fail_sometimes(api, 0.5, "ThrottlingException");
            }
            let lasts = seconds(rng, 120);
            spent_while(lasts, &apis);
            Some((lasts, lasting(apis)))
        }
        Kind::LostCalls => {
            let api = APIS[rng.usize(..APIS.len())];
            let loss = [Loss::Request, Loss::Answer, Loss::Hang][rng.usize(..3)];
            aws.lose_next(api, if loss == Loss::Hang { 1 } else { rng.u32(1..4) }, loss);
            // A call that hangs takes a minute of what is hidden.
            spent_while(Duration::from_secs(60), &[api]);
            None
        }
        Kind::SlowCalls => {
            let api = APIS[rng.usize(..APIS.len())];
            aws.delay(api, seconds(rng, 20));
            let lasts = seconds(rng, 120);
            spent_while(lasts, &[api]);
            Some((lasts, lasting(vec![api])))
        }
        Kind::Cut | Kind::StalledBody | Kind::Corrupted | Kind::SlowBody => {
            let of = [Use::Flows, Use::Flows, Use::Trail, Use::Cdn, Use::Umbrella][rng.usize(..5)];
            // Nothing but its length says of an object that is not compressed whether all of it came.
            let (object, key) = match rng.u8(0..4) {
                n if n == 0 && kind != Kind::Corrupted || n == 2 && kind == Kind::SlowBody => {
                    let events = if kind == Kind::SlowBody || rng.bool() { large(rng) } else { rng.usize(1..12) };
                    let object = sources.plain_object(place, rng, events);
                    let place = (object.bucket.clone(), object.key.clone());
                    (Some(object), place)
                }
                1 if kind != Kind::Corrupted => {
                    let (_, key) = sources.listed(place, rng);
                    // Beside others, which are read without trouble.
                    (0..rng.u8(1..4)).for_each(|_| _ = sources.listed(place, rng));
                    (None, (LISTED.0.to_owned(), key))
                }
                _ => {
                    let object = sources.object(place, rng, of, Flaw::None);
                    let place = (object.bucket.clone(), object.key.clone());
                    (Some(object), place)
                }
            };
            let (bucket, key) = key;
            let size = aws.object(&bucket, &key).map_or(1, |bytes| bytes.len() as u64).max(1);
            // Damage that is found twice is taken for the object's own.
            let times = if kind == Kind::Corrupted { 1 } else { rng.u8(1..4) };
            for _ in 0..times {
                let at = rng.u64(0..size);
                let fault = match kind {
                    Kind::Cut => BodyFault::CutAfter(at),
                    Kind::StalledBody => BodyFault::StallAfter(at),
                    Kind::Corrupted => BodyFault::CorruptAt(at),
                    _ => BodyFault::Slow((size / rng.u64(15..60)).max(10)),
                };
                aws.body_fault(&bucket, &key, fault);
            }
            if kind == Kind::Cut && rng.bool() {
                // Nor can it be resumed.
                (0..8).for_each(|_| aws.body_fault(&bucket, &key, BodyFault::CutAfter(0)));
            }
            let Some(object) = object else { return None };
            if kind == Kind::Corrupted {
                // All of it is given again, and what came of the damage may be anything.
                place.oracle.may_repeat(&object.events);
                place.oracle.garbled();
            }
            sources.announce(place, &object, None, Flaw::None);
            None
        }
        Kind::Overwritten => {
            // While it is being read, or before: its transfer stands still for a while. Uncompressed, so that nothing else
            // would notice if it were read on.
            let is_large = rng.bool();
            let events = if is_large { large(rng) } else { rng.usize(1..12) };
            let object = sources.plain_object(place, rng, events);
            let size = aws.object(&object.bucket, &object.key).map_or(1, |bytes| bytes.len() as u64).max(1);
            match is_large {
                true => aws.body_fault(&object.bucket, &object.key, BodyFault::CutAfter(size - size / 8)),
                false => aws.stall_after(&object.bucket, &object.key, rng.u64(0..size)),
            }
            sources.announce(place, &object, None, Flaw::None);
            place.oracle.change(&object.events, Duty::May);
            let (new, bytes) = sources.overwritten(place, rng, &object);
            // Two messages announce it.
            place.oracle.may_repeat(&object.events);
            place.oracle.may_repeat(&new.events);
            let wait = if is_large { Duration::from_millis(20) } else { Duration::from_secs(rng.u64(0..50)) };
            let (aws, oracle) = (aws.clone(), place.oracle.clone());
            let (queue, body) = (place.shape.queue(Use::Flows), sources.announcement(place, &new));
            tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                aws.put_object(&new.bucket, &new.key, bytes);
                let message = aws.send(queue, body);
                oracle.message(message, new.events, Fate::Deleted, None);
            });
            if !is_large {
                return None;
            }
            // What was given of the old one by then comes back.
            place.sinks.iter().for_each(|sink| sink.always(Some(Fault::BlackHole)));
            Some((Duration::from_secs(rng.u64(60..150)), Lasting { reset: true, ..faulty() }))
        }
        Kind::NotYetThere => {
            let of = [Use::Flows, Use::Trail, Use::Cdn, Use::Umbrella][rng.usize(..4)];
            let object = sources.object(place, rng, of, Flaw::None);
            let (bucket, key) = (object.bucket.clone(), object.key.clone());
            if let Some(bytes) = aws.object(&bucket, &key) {
                aws.delete_object(&bucket, &key);
                let (aws, wait) = (aws.clone(), seconds(rng, 300));
                tokio::spawn(async move {
                    tokio::time::sleep(wait).await;
                    aws.put_object(&bucket, &key, bytes);
                });
            }
            sources.announce(place, &object, None, Flaw::None);
            None
        }
        Kind::Denied => {
            let of = [Use::Flows, Use::Trail, Use::Cdn, Use::Umbrella][rng.usize(..4)];
            let access = if rng.bool() { Access::Denied } else { Access::NoList };
            aws.set_access(of.bucket(), access);
            (0..rng.u8(1..4)).for_each(|_| sources.announced(place, rng, of, Flaw::None));
            Some((seconds(rng, 240), Lasting { bucket: Some(of.bucket()), ..lasting(Vec::new()) }))
        }
        Kind::ExpiredSessions => {
            aws.expire_sessions();
            None
        }
        Kind::NoSts => {
            let (lasts, apis) = (seconds(rng, 180), vec!["AssumeRole"]);
            aws.fail_while(apis[0], "ServiceUnavailable");
            if rng.bool() {
                aws.expire_sessions();
            }
            spent_while(lasts, &apis);
            Some((lasts, lasting(apis)))
        }
        Kind::BadTokens => {
            let api = PAGED[rng.usize(..PAGED.len())];
            aws.short_pages(api, 0.8);
            // Enough of them cut a window in two.
            aws.empty_pages(api, if rng.bool() { 250 } else { rng.u32(0..3) });
            if rng.bool() {
                aws.repeat_tokens(api, 1);
                return None;
            }
            // None lives until it is used.
            aws.token_lifetime(api, Duration::from_millis(10));
            aws.delay(api, Duration::from_secs(1));
            Some((seconds(rng, 120), lasting(vec![api])))
        }
        Kind::EmptyPages => {
            // More than a window may have: it is cut in two.
            aws.empty_pages(["FilterLogEvents", "FilterLogEvents", "LookupEvents"][rng.usize(..3)], 300);
            None
        }
        Kind::FullDisk => {
            store.refuse_writes(true);
            Some((seconds(rng, 120), faulty()))
        }
        Kind::BrokenStore => {
            store.set_failing(true);
            // So long that what is asked by time is asked meanwhile.
            let lasts = if rng.bool() { Duration::from_secs(rng.u64(60..180)) } else { seconds(rng, 60) };
            Some((lasts, faulty()))
        }
        Kind::SlowStore => {
            store.set_slow(Duration::from_millis(rng.u64(100..5000)));
            Some((seconds(rng, 120), faulty()))
        }
        Kind::FullQuarantine => {
            store.set_full(true);
            sources.too_long(place, rng);
            sources.nonsense(place, rng);
            Some((seconds(rng, 120), lasting(Vec::new())))
        }
        Kind::ClockAhead => {
            place.oracle.clock_jumped();
            place.ahead.store(rng.i64(1_000..240_000), Ordering::Relaxed);
            Some((seconds(rng, 180), lasting(Vec::new())))
        }
        Kind::ClockBehind => {
            place.ahead.store(-rng.i64(1_000..240_000), Ordering::Relaxed);
            Some((seconds(rng, 180), lasting(Vec::new())))
        }
        Kind::Nonsense => {
            sources.nonsense(place, rng);
            sources.test_event(place, rng);
            None
        }
        Kind::Truncated => {
            let of = [Use::Flows, Use::Trail, Use::Cdn][rng.usize(..3)];
            sources.announced(place, rng, of, Flaw::Truncated);
            None
        }
        Kind::Garbage => {
            sources.announced(place, rng, Use::Trail, Flaw::Garbage);
            None
        }
        Kind::TooLong => {
            sources.too_long(place, rng);
            None
        }
        Kind::Kill | Kind::KillAtPoint | Kind::Stop | Kind::StopAtPoint | Kind::KillDuringStop => None,
    }
}

/// Ends what lasted.
pub(super) fn end(lasting: &Lasting, place: &Place) {
    let Lasting { kind, apis, bucket, fault, reset } = lasting;
    match kind {
        Kind::Outage => place.sinks.iter().for_each(|sink| sink.set_down(false)),
        Kind::FullDisk => place.store.refuse_writes(false),
        Kind::BrokenStore => place.store.set_failing(false),
        Kind::SlowStore => place.store.set_slow(Duration::ZERO),
        Kind::FullQuarantine => place.store.set_full(false),
        Kind::BadTokens => PAGED.iter().for_each(|api| place.aws.token_lifetime(api, Duration::from_secs(3600))),
        Kind::ClockAhead | Kind::ClockBehind => place.ahead.store(0, Ordering::Relaxed),
        _ => {}
    }
    if fault.is_some() {
        place.sinks.iter().for_each(|sink| sink.clear_faults());
    }
    if *reset {
        place.sinks.iter().for_each(|sink| sink.reset_open());
    }
    apis.iter().for_each(|api| place.aws.recover(api));
    if let Some(bucket) = bucket {
        place.aws.set_access(bucket, Access::Full);
    }
    if let Some(fault) = fault {
        place.oracle.fault_ends(*fault);
    }
}
