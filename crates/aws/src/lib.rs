//! Everything AWS that services share: accounts and their clients, queues, notifications of objects, tags, and the
//! engines that read a source and know when it may forget.
//!
//! A service crate brings only what differs; see [`ServiceKind`].

mod account;
mod answers;
mod buckets;
mod calls;
pub mod codes;
mod credentials;
mod endpoints;
mod error;
mod filters;
mod held;
mod http;
mod keys;
mod limiter;
mod notification;
mod organization;
mod partition;
mod pricing;
mod receiver;
pub mod refusal;
mod routing;
mod samples;
mod service;
mod settings;
mod silence;
mod source;
mod sqs;
mod tagging;
mod turns;

pub mod listing;
pub mod objects;
pub mod queue;
pub mod windows;

pub use account::{Account, AccountSettings, Caller, Way};
pub use calls::Calls;
pub use credentials::{Credentials, Role, SignIn, is_account};
pub use endpoints::Endpoints;
pub use error::AwsError;
pub use filters::{Action, Condition, FilterSection, Filters, Part};
pub use held::{Count, Limits, OnMissingObject, Owed, Tally};
pub use http::{HttpSettings, http_client};
pub use keys::{is_below_aws_logs, is_write_test, writer_folder};
pub use limiter::{CallLimit, Limiter, Limiters, Quota};
pub use notification::{Notification, ObjectRef, Payload, notification, payload};
pub use organization::accounts_of_organization;
pub use partition::{main_region, partition, partition_of_arn};
pub use pricing::Cost;
pub use quittance_formats::column_names;
pub use receiver::Receiver;
pub use routing::{Claim, Route, Router};
pub use service::{PlanError, ServiceDescription, ServiceKind, TypeDescription};
pub use settings::{
    KeyFilter, ObjectKeys, QueueKeys, QueueOnlyKeys, is_dropped, listed, no_global_events, queue_name, regions,
    tag_template,
};
pub use silence::cannot_tell;
pub use source::{Fed, On, QueueSource, Reads, Source, Writer};
pub use sqs::{Message, Queue, QueueFacts, Rejected, SqsQueue, Turn};
pub use tagging::{TagTemplate, Tagger, Whereabouts, bare, service_of};
pub use turns::Turns;
