//! The queues as tests see them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::queue::{self, Grouped, MessageId, Queue, QueueCounts, QueueSettings};
use super::{ACCOUNT, FakeAws, lock};

impl FakeAws {
    /// Makes a queue, or replaces the one of this name by an empty one.
    ///
    /// # Panics
    ///
    /// If the dead-letter queue that the settings name does not exist.
    pub fn create_queue(&self, name: &str, settings: QueueSettings) {
        let dead_letters = settings.redrive.as_ref().map(|redrive| self.queue(&redrive.queue));
        let rng = lock(&self.0.rng).fork();
        let created = self.0.clock.now_ms();
        let queue = Queue::new(name.to_owned(), settings, dead_letters, created, rng);
        lock(&self.0.queues).insert(name.to_owned(), Arc::new(queue));
    }

    /// Removes a queue with all it holds.
    pub fn delete_queue(&self, name: &str) {
        lock(&self.0.queues).remove(name);
    }

    /// The URL of a queue, whether or not it exists.
    pub fn queue_url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", lock(&self.0.base_url))
    }

    /// The ARN of a queue, whether or not it exists.
    pub fn queue_arn(&self, name: &str) -> String {
        queue::arn(name)
    }

    /// Sends a message; in a FIFO queue, one of a group without a name.
    ///
    /// # Panics
    ///
    /// As all that follow, if the queue does not exist.
    pub fn send(&self, queue: &str, body: impl Into<String>) -> MessageId {
        self.queue(queue).send(&self.0.clock, body.into(), None).id
    }

    /// Sends a message to a group of a FIFO queue.
    pub fn send_to_group(&self, queue: &str, group: &str, body: impl Into<String>) -> MessageId {
        let fifo = Grouped { group: group.to_owned(), deduplication: format!("{:032x}", self.random_u128()) };
        self.queue(queue).send(&self.0.clock, body.into(), Some(fifo)).id
    }

    /// What the queue holds and what has happened in it.
    pub fn counts(&self, queue: &str) -> QueueCounts {
        self.queue(queue).counts()
    }

    /// The ids of all messages deleted from the queue, in order.
    pub fn deleted_ids(&self, queue: &str) -> Vec<MessageId> {
        self.queue(queue).deleted()
    }

    /// The bodies of all messages deleted from the queue, in order, if its settings keep them.
    pub fn deleted_bodies(&self, queue: &str) -> Vec<String> {
        self.queue(queue).deleted_bodies()
    }

    /// The bodies of all messages that the queue holds, visible or not, in the order they came.
    pub fn bodies(&self, queue: &str) -> Vec<String> {
        self.queue(queue).bodies()
    }

    /// The ids of all messages that the queue holds, visible or not, sorted.
    pub fn message_ids(&self, queue: &str) -> Vec<MessageId> {
        self.queue(queue).ids()
    }

    /// From now on `watcher` is told of every message of the queue at the moment it is deleted, and whether it really was:
    /// [`FakeAws::ignore_deletes`]. It must not call this queue.
    pub fn watch_deletes(&self, queue: &str, watcher: impl Fn(MessageId, bool) + Send + 'static) {
        self.queue(queue).watch(Box::new(watcher));
    }

    /// From now on `watcher` is told of every receive of a message, and which one of that message it is, from 1. It must not
    /// call this queue.
    pub fn watch_receives(&self, queue: &str, watcher: impl Fn(MessageId, u32) + Send + 'static) {
        self.queue(queue).watch_receives(Box::new(watcher));
    }

    /// Somebody else receives every message in flight, as if its visibility timeout had passed just now, keeps it for
    /// `visibility` and does not delete it. Which messages those are.
    pub fn give_to_another(&self, queue: &str, visibility: Duration) -> Vec<MessageId> {
        self.queue(queue).give_to_another(visibility)
    }

    /// How many messages, here or gone from here, were received so many times.
    pub fn receive_counts(&self, queue: &str) -> BTreeMap<u32, u64> {
        self.queue(queue).receive_counts()
    }

    /// Makes every message in flight visible, as if its visibility timeout had passed just now.
    pub fn make_visible(&self, queue: &str) {
        self.queue(queue).make_visible();
    }

    /// The next `n` messages received are handed out once more by the next receive, although they
    /// are in flight, with a new receipt handle that outdates the first.
    pub fn redeliver_next(&self, queue: &str, n: u32) {
        self.queue(queue).add_duplicates(n);
    }

    /// The next `n` receives answer at once that there is nothing, whatever there is.
    pub fn empty_receives(&self, queue: &str, n: u32) {
        self.queue(queue).add_empty_receives(n);
    }

    /// From now on a receive gives fewer messages than it could by this chance (0 to 1).
    pub fn short_receives(&self, queue: &str, chance: f64) {
        self.queue(queue).set_short_receives(chance);
    }

    /// The next `n` deletes are answered as successes, and the messages come again when their
    /// visibility timeout has passed: a copy had survived somewhere.
    pub fn ignore_deletes(&self, queue: &str, n: u32) {
        self.queue(queue).add_ignored_deletes(n);
    }

    pub(super) fn queue(&self, name: &str) -> Arc<Queue> {
        match lock(&self.0.queues).get(name) {
            Some(queue) => queue.clone(),
            None => panic!("the fake AWS has no queue {name:?}"),
        }
    }
}
