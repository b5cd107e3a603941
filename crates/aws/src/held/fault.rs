//! What an error says about the item that it met.

use quittance_core::{Class, planted};

use crate::AwsError;

/// The kind of thing that went wrong with a pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// It passes by itself.
    Passing,
    /// The bytes are not what they should be, as far as this pass saw them.
    Damaged,
    /// They were read, and can never be delivered.
    Unfit,
    /// What was read is not what is there: everything is owed again.
    Changed,
    /// It is not there.
    Missing,
    /// We are not let in, and neither would we be for others beside it.
    Refused,
}

impl Fault {
    pub(crate) fn of(error: &AwsError) -> Fault {
        match error {
            AwsError::Decode { .. } | AwsError::Panicked { .. } => Fault::Damaged,
            AwsError::Oversized { .. }
            | AwsError::Unsupported { .. }
            | AwsError::Unclaimed { .. }
            | AwsError::Impossible { .. } => Fault::Unfit,
            AwsError::Overwritten { .. } | AwsError::Checksum { .. } => Fault::Changed,
            // One archived object says nothing about its bucket, and only a restore changes it, which nobody waits for.
            AwsError::Api { code: Some(code), .. } if code == "InvalidObjectState" => Fault::Unfit,
            AwsError::Api { class: Class::NeedsPerson, .. } if planted("refused-is-poison") => Fault::Unfit,
            AwsError::Api { class: Class::NeedsPerson, .. } | AwsError::SignIn { class: Class::NeedsPerson, .. } => {
                Fault::Refused
            }
            AwsError::Api { status: Some(404), .. } => Fault::Missing,
            AwsError::Api { operation: "GetObject", code, status: Some(400), class: Class::Retry, .. } => {
                of_bad_request(code.as_deref().unwrap_or_default())
            }
            _ => Fault::Passing,
        }
    }
}

/// What S3 says of one request that it does not understand: a bucket or key that cannot be, or an object encrypted with a key
/// that only its writer has. It will say so again.
fn of_bad_request(code: &str) -> Fault {
    match code {
        "InvalidBucketName" | "KeyTooLongError" | "InvalidRequest" | "InvalidArgument" | "InvalidURI" => Fault::Unfit,
        // A time-out, a token or a region, which pass; or what nobody has met yet.
        _ => Fault::Passing,
    }
}
