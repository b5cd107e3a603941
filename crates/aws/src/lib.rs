//! Everything AWS that services share: accounts and their clients, queues, notifications of objects, tags, and the
//! engines that read a source and know when it may forget.
//!
//! A service crate brings only what differs; see [`ServiceKind`].

mod account;
mod error;
mod notification;
mod service;
mod sqs;
mod tagging;

pub mod objects;

pub use account::{Account, AccountSettings, Credentials};
pub use error::AwsError;
pub use notification::{Notification, ObjectRef, notification};
pub use service::{PlanError, ServiceKind};
pub use sqs::{Message, Queue, QueueFacts, Rejected, SqsQueue};
pub use tagging::{TagTemplate, Tagger, Whereabouts};
