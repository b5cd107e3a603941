//! `aws-guardduty`: GuardDuty's findings, by its API.

mod findings;
mod response;
