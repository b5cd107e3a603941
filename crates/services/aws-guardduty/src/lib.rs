//! `aws-guardduty`.
