//! What differs from seed to seed before anything happens: queues, outputs, options; and the configuration that says it.

use std::time::Duration;

use fastrand::Rng;
use quittance_testbed::aws::{FakeAws, QueueSettings, Redrive, Shape as Announcement};

/// Receives after which a message goes to a dead-letter queue.
pub(super) const MOST_RECEIVES: u32 = 10;

/// Where everything happens.
pub(super) const REGION: &str = "us-east-1";

/// The bucket that announces nothing, and the folder in it that is listed.
pub(super) const LISTED: (&str, &str) = ("cisco-managed", "8234970_5f2c19aa77d0e3b1c6");

/// A longer event of Voiso's is set aside.
pub(super) const LONGEST_EVENT: usize = 4096;

/// What a queue is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    Events,
    Findings,
    Security,
    Trail,
    Flows,
    Cdn,
    Umbrella,
}

impl Use {
    pub(super) const ALL: [Use; 7] =
        [Use::Events, Use::Findings, Use::Security, Use::Trail, Use::Flows, Use::Cdn, Use::Umbrella];

    /// The bucket whose objects are announced.
    pub(super) fn bucket(self) -> &'static str {
        match self {
            Use::Trail => "trail",
            Use::Flows => "flows",
            Use::Cdn => "cdn",
            _ => "umbrella",
        }
    }
}

/// What differs from seed to seed.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) outputs: usize,
    /// Flow logs and access logs are announced in the trail's queue, and events stand there too.
    pub(super) shared: bool,
    /// Voiso's queue keeps an order.
    pub(super) fifo: bool,
    /// Whether queues have dead-letter queues.
    pub(super) redrive: bool,
    pub(super) compression: bool,
    pub(super) escape: bool,
    /// Only the receiver's end counts, whatever a probe showed.
    pub(super) closed: bool,
    pub(super) interval: u64,
    pub(super) end_timeout: u64,
    pub(super) visibility: u64,
    pub(super) out_of_order: bool,
    pub(super) checksums: bool,
    /// Sources that are asked by time begin in the past, and not at the present moment.
    pub(super) start_time: bool,
    pub(super) announcements: [Announcement; 4],
    /// How often what is asked by time is asked, in seconds.
    pub(super) period: u64,
    /// How often a unit that runs proves its permissions, in seconds: by default, or seldom, so that a seed is quick.
    pub(super) watch: u64,
}

impl Shape {
    pub(super) fn new(rng: &mut Rng) -> Shape {
        let mut any = || Announcement::ALL[rng.usize(..Announcement::ALL.len())];
        let announcements = [any(), any(), any(), any()];
        Shape {
            outputs: if rng.u8(0..5) < 2 { 2 } else { 1 },
            shared: rng.u8(0..3) == 0,
            fifo: rng.bool(),
            redrive: rng.u8(0..3) > 0,
            compression: rng.u8(0..5) == 0,
            escape: rng.u8(0..5) == 0,
            closed: rng.bool(),
            interval: rng.u64(1..=5),
            end_timeout: [5, 20, 60][rng.usize(..3)],
            visibility: [30, 60, 300][rng.usize(..3)],
            out_of_order: rng.bool(),
            checksums: rng.bool(),
            start_time: rng.bool(),
            announcements,
            period: [20, 60, 60, 60][rng.usize(..4)],
            watch: [45, 1800, 1800, 1800][rng.usize(..4)],
        }
    }

    /// The queue of a use.
    pub(super) fn queue(&self, of: Use) -> &'static str {
        match of {
            Use::Events | Use::Flows | Use::Cdn if self.shared => "trail",
            Use::Events => "events",
            Use::Findings => "findings",
            Use::Security if self.fifo => "security.fifo",
            Use::Security => "security",
            Use::Trail => "trail",
            Use::Flows => "flows",
            Use::Cdn => "cdn",
            Use::Umbrella => "umbrella",
        }
    }

    /// The dead-letter queue of a use, if it has one.
    pub(super) fn dead(&self, of: Use) -> Option<&'static str> {
        match of {
            _ if !self.redrive => None,
            Use::Security if self.fifo => Some("dead.fifo"),
            _ => Some("dead"),
        }
    }

    /// Every queue, once.
    pub(super) fn queues(&self) -> Vec<&'static str> {
        let mut queues: Vec<_> = Use::ALL.into_iter().map(|of| self.queue(of)).collect();
        queues.sort_unstable();
        queues.dedup();
        queues
    }

    /// How objects of a use are announced.
    pub(super) fn announcement(&self, of: Use) -> Announcement {
        self.announcements[of as usize % self.announcements.len()]
    }

    /// Makes queues, buckets and quotas.
    pub(super) fn found(&self, aws: &FakeAws) {
        for dead in ["dead", "dead.fifo"] {
            aws.create_queue(dead, QueueSettings::default());
        }
        for of in Use::ALL {
            let redrive =
                self.dead(of).map(|dead| Redrive { queue: dead.to_owned(), max_receive_count: MOST_RECEIVES });
            let settings = QueueSettings {
                redrive,
                visibility_timeout: Duration::from_secs(30),
                out_of_order: self.out_of_order,
                ..QueueSettings::default()
            };
            if of == Use::Events && self.shared {
                continue;
            }
            aws.create_queue(self.queue(of), settings);
            aws.create_bucket(of.bucket());
            if self.checksums {
                aws.keep_checksums(of.bucket());
            }
        }
        aws.create_bucket(LISTED.0);
    }

    /// The configuration.
    pub(super) fn configuration(&self) -> String {
        let confirm = format!(
            "{{mode: {}, interval: {}s, end_timeout: {}s}}",
            if self.closed { "closed" } else { "auto" },
            self.interval,
            self.end_timeout
        );
        let newline = if self.escape { "escape" } else { "octet_counted" };
        let output = |name: &str, address: &str| {
            format!(
                "
  {name}:
    type: devo_platform
    config: {{address: {address}, chain: chain.crt, cert: client.crt, key: client.key, newline: {newline}, \
                 compression: {}, confirm: {confirm}}}",
                self.compression
            )
        };
        let mut outputs = output("devo_1", "localhost");
        if self.outputs == 2 {
            outputs.push_str(&output("devo_2", "127.0.0.1"));
        }
        let queue = |of| self.queue(of);
        let start = if self.start_time { "start_time: 2026-03-01T08:30:00Z, " } else { "" };
        format!(
            "
globals: {{id: sim, name: simulation, permission_check_interval: {w}s}}
outputs:{outputs}
inputs:
  aws:
    id: 10001
    endpoint_url: https://aws.test
    credentials:
      access_key: AKIASIMULATION
      access_secret: secret
      base_assume_role: arn:aws:iam::111122223333:role/collector
    services:
      service-events-all:
        {{cloudwatch_sqs_queue_name: {events}, auto_event_type: true, regions: [{REGION}], visibility_timeout: {v}s}}
      sqs-cloudwatch-consumer:
        {{cloudwatch_sqs_queue_name: {findings}, regions: [{REGION}], visibility_timeout: {v}s}}
      voiso:
        {{voiso_sqs_queue_name: {security}, regions: [{REGION}], visibility_timeout: {v}s, max_event_bytes: {LONGEST_EVENT}}}
      audit-events-all:
        types: [audits_s3, audits_api]
        audit_sqs_queue_name: {trail}
        auto_event_type: true
        regions: [{REGION}]
        visibility_timeout: {v}s
        request_period_in_seconds: {period}
        {first}
      non-cloudwatch-logs:
        types: [vpcflowlogs, cloudfront]
        vpcflowlogs_sqs_queue_name: {flows}
        cloudfront_sqs_queue_name: {cdn}
        regions: [{REGION}]
        visibility_timeout: {v}s
      cisco-umbrella:
        {{cisco_umbrella_sqs_queue_name: {umbrella}, regions: [{REGION}], visibility_timeout: {v}s}}
      cwl_1: {{types: [logs], regions: [{REGION}], {start}log_groups: [/app/*]}}
      metrics-all:
        {{regions: [{REGION}], period: 1m, statistics: [Sum], {start}tag: my.app.sim.metrics, request_period_in_seconds: {period}, delay: 60}}
      aws-guardduty: {{regions: [{REGION}], {start}tag: my.app.sim.findings, request_period_in_seconds: {period}}}
  umbrella:
    id: 10002
    endpoint_url: https://aws.test
    credentials: {{access_key: AKIAUMBRELLA, access_secret: secret}}
    services:
      cisco-umbrella:
        {{bucket: {bucket}, prefix: {prefix}, regions: [{REGION}], request_period_in_seconds: {period}}}
",
            events = queue(Use::Events),
            findings = queue(Use::Findings),
            security = queue(Use::Security),
            trail = queue(Use::Trail),
            flows = queue(Use::Flows),
            cdn = queue(Use::Cdn),
            umbrella = queue(Use::Umbrella),
            v = self.visibility,
            w = self.watch,
            period = self.period,
            first = start.trim_end_matches(", "),
            bucket = LISTED.0,
            prefix = LISTED.1,
        )
    }
}
