//! The fake AWS on a port of this machine, with a trail's bucket and queue.

use std::ops::Deref;

use anyhow::{Context, Result};
use quittance_testbed::aws::{FakeAws, QueueCounts, QueueSettings, Redrive, Shape, server};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The region that the collector is configured for.
pub const REGION: &str = "eu-west-1";
/// The queue that announces objects.
pub const QUEUE: &str = "trail-events";
/// Where its messages go that were received too often.
pub const DEAD_LETTERS: &str = "trail-dead-letters";
/// The bucket of the trail.
pub const BUCKET: &str = "trail";
/// Receives after which a message becomes a dead letter.
pub const MAX_RECEIVES: u32 = 3;

/// A fake AWS that listens until it is dropped.
pub struct Cloud {
    aws: FakeAws,
    /// Its address, for `endpoint_url`.
    pub endpoint: String,
    _stop: DropGuard,
}

impl Cloud {
    /// Starts it, its bucket announcing new objects in the shape given.
    pub async fn start(seed: u64, shape: Shape) -> Result<Cloud> {
        let aws = FakeAws::new(seed);
        let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen")?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        aws.set_base_url(&endpoint);
        aws.create_queue(DEAD_LETTERS, QueueSettings::default());
        let redrive = Redrive { queue: DEAD_LETTERS.to_owned(), max_receive_count: MAX_RECEIVES };
        aws.create_queue(
            QUEUE,
            QueueSettings { redrive: Some(redrive), keep_deleted_bodies: true, ..QueueSettings::default() },
        );
        aws.create_bucket(BUCKET);
        aws.notify(BUCKET, QUEUE, shape);
        let stop = CancellationToken::new();
        tokio::spawn(server::serve(aws.clone(), listener, stop.clone()));
        Ok(Cloud { aws, endpoint, _stop: stop.drop_guard() })
    }

    /// What the queue holds, and what has happened in it.
    pub fn queue(&self) -> QueueCounts {
        self.counts(QUEUE)
    }

    /// Whether no message is left in the queue.
    pub fn is_drained(&self) -> bool {
        let counts = self.queue();
        counts.visible == 0 && counts.in_flight == 0
    }
}

impl Deref for Cloud {
    type Target = FakeAws;

    fn deref(&self) -> &FakeAws {
        &self.aws
    }
}
