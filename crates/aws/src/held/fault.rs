//! What an error says about the item that it met.

use quittance_core::Class;

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
            AwsError::Decode { .. } => Fault::Damaged,
            AwsError::Oversized { .. } | AwsError::Unsupported { .. } | AwsError::Unclaimed { .. } => Fault::Unfit,
            AwsError::Overwritten { .. } | AwsError::Checksum { .. } => Fault::Changed,
            // One archived object says nothing about its bucket, and only a restore changes it, which announces itself.
            AwsError::Api { code: Some(code), .. } if code == "InvalidObjectState" => Fault::Unfit,
            AwsError::Api { class: Class::NeedsPerson, .. } | AwsError::SignIn { class: Class::NeedsPerson, .. } => {
                Fault::Refused
            }
            AwsError::Api { status: Some(404), .. } => Fault::Missing,
            _ => Fault::Passing,
        }
    }
}
