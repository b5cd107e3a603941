//! What a service reads at AWS, as plain data. Permissions and templates derive from it, so that they say what the code does.

use std::time::Duration;

/// One thing that a service reads, in each of its regions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// The regions that it is read in.
    pub regions: Vec<String>,
    /// What is read.
    pub reads: Reads,
}

/// What is read, and so which calls are made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reads {
    /// Messages of a queue.
    Queue(QueueSource),
    /// A bucket that is listed.
    Listing {
        /// Its name.
        bucket: String,
        /// What the keys that are listed begin with; empty for all of them.
        prefix: String,
        /// ARNs of the KMS keys that its objects are encrypted with.
        kms_keys: Vec<String>,
    },
    /// An API.
    Api {
        /// The actions that its calls need.
        actions: &'static [&'static str],
        /// What they are asked of.
        on: On,
    },
    /// An API, asked only for the cause when no event comes: where it is refused, less is said.
    WhenSilent {
        /// The actions that its calls need.
        actions: &'static [&'static str],
        /// What they are asked of.
        on: On,
    },
}

impl Source {
    /// What is asked beside it when no event comes.
    pub fn when_silent(&self) -> Vec<Source> {
        let asks = |actions, on| Source { regions: self.regions.clone(), reads: Reads::WhenSilent { actions, on } };
        match &self.reads {
            Reads::Queue(QueueSource { fed: Fed::Events { .. }, .. }) => {
                vec![asks(&["events:ListRuleNamesByTarget", "events:DescribeRule"], On::Region)]
            }
            Reads::Queue(QueueSource { fed: Fed::Objects { writer, buckets }, .. }) => {
                let announced = asks(&["s3:GetBucketNotification"], On::Buckets { names: buckets.clone() });
                let trails = asks(&["cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus"], On::Account);
                [announced].into_iter().chain((*writer == Writer::Trail).then_some(trails)).collect()
            }
            Reads::Api { actions, on } if actions.contains(&"guardduty:ListDetectors") => {
                vec![asks(&["guardduty:GetDetector"], on.clone())]
            }
            _ => Vec::new(),
        }
    }
}

/// A queue that is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueueSource {
    /// Its name, or its URL.
    pub queue: String,
    /// Who puts messages there.
    pub fed: Fed,
    /// How long its messages are hidden from others at a time.
    pub visibility_timeout: Duration,
    /// ARNs of the KMS keys that the queue, or objects that it announces, are encrypted with.
    pub kms_keys: Vec<String>,
}

/// Who puts messages into a queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fed {
    /// EventBridge, by a rule.
    Events {
        /// The `source` of the events; all AWS services if there is none.
        from: Option<&'static str>,
        /// Their `detail-type`s; all but those that other services read if there is none.
        detail_types: &'static [&'static str],
    },
    /// Buckets, which announce their new objects.
    Objects {
        /// Who writes the objects.
        writer: Writer,
        /// The buckets' names, in which `{account}` and `{region}` may stand; empty if they are not known.
        buckets: Vec<String>,
    },
    /// A program outside of AWS, with a key that may do nothing but send.
    Program {
        /// Its name.
        name: &'static str,
    },
}

/// Who writes objects into a bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Writer {
    /// A trail of CloudTrail.
    Trail,
    /// VPC flow logs.
    FlowLogs,
    /// CloudFront's access logs.
    CloudFront,
    /// Another company's user.
    Stranger {
        /// Its name.
        name: &'static str,
        /// The user's ARN.
        user: &'static str,
    },
}

/// What an API is asked of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum On {
    /// The account and region as a whole: IAM knows nothing smaller.
    Region,
    /// The account as a whole, whatever region is asked.
    Account,
    /// Buckets, as they announce their objects.
    Buckets {
        /// Their names, in which `{account}` and `{region}` may stand; empty if they are not known.
        names: Vec<String>,
    },
    /// Log groups.
    LogGroups {
        /// Their names; one that ends in `*` stands for all that begin so.
        names: Vec<String>,
        /// Whether groups of other accounts are among them.
        linked: bool,
    },
}
