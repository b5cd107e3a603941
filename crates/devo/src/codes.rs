//! The codes of what is wrong with a destination, and with the three files that it is reached with.

use quittance_core::{Code, Family::*};

use crate::DevoError;

/// One of the three files is not what it should be.
pub static FILE_UNUSABLE: Code = Code::new(
    InitVariables,
    20,
    "a certificate or key cannot be used",
    "It is no PEM, holds something else, is empty, or is encrypted with a passphrase.",
    "Download the domain's files from Devo again: Administration, Credentials, X.509 certificates.",
);

/// Key and certificate are of two pairs.
pub static KEY_OF_ANOTHER: Code = Code::new(
    InitVariables,
    21,
    "the private key is not the certificate's",
    "The two files come from different downloads.",
    "Take both files from the same download.",
);

/// A certificate is not valid at this time.
pub static NOT_VALID: Code = Code::new(
    InitVariables,
    22,
    "a certificate is not valid now",
    "It has expired, or is not valid yet, or this machine's clock is wrong.",
    "Check the clock; if it is right, download the domain's files from Devo again.",
);

/// A certificate will soon be of no use.
pub static EXPIRES_SOON: Code = Code::new(
    InitVariables,
    23,
    "a certificate expires soon",
    "Less than 30 days are left.",
    "Download the domain's files from Devo again: Administration, Credentials, X.509 certificates.",
);

/// A private key is not private.
pub static KEY_IS_OPEN: Code = Code::new(
    InitVariables,
    24,
    "others on this machine may read the private key",
    "The file's mode lets anybody read it, or others than its owner change it.",
    "`chmod 600` the file; in Kubernetes, give the secret's volume `defaultMode: 0440`. If it was open for long, ask for new files.",
);

/// No connection.
pub static UNREACHABLE: Code = Code::new(
    Api,
    450,
    "the destination is not reached",
    "Name resolution, the network, a firewall or a proxy.",
    "Check `address`, `port` and `proxy`, name resolution, and that a firewall lets the way out. Nothing is pulled meanwhile.",
);

/// No TLS.
pub static HANDSHAKE: Code = Code::new(
    Api,
    451,
    "no TLS session comes about with the destination",
    "The server's certificate does not descend from `chain` or is another host's, or the server refuses ours.",
    "Check that `address` is the region of your domain, `chain` is Devo's own, and `cert` is your domain's.",
);

/// The destination does not confirm.
pub static NOT_CONFIRMED: Code = Code::new(
    Api,
    452,
    "the destination does not confirm",
    "It refuses our certificate after the handshake, resets connections, ends them early, or does not answer.",
    "Check that `cert` is the certificate of your domain, still valid there, and not revoked. What was sent is given again.",
);

/// An optional output lacks events.
pub static LOST_TO_OPTIONAL: Code = Code::new(
    Api,
    453,
    "events are lost to an optional output",
    "It is away, or slower than events come, or a connection to it broke with events that were not confirmed.",
    "Nothing, if you can live with it: all required outputs get these events. Else make it faster, or take `optional` out.",
);

/// Only the weaker proof is to be had.
pub static WEAK_PROOF: Code = Code::new(
    Setup,
    190,
    "deliveries are confirmed by the weaker proof",
    "The destination does not end its half of a connection, so acknowledged bytes are all that there is.",
    "Nothing, if you can live with it: a receiver that dies with unread data can lose that. See `confirm.mode`.",
);

/// All of them.
pub static CODES: &[&Code] = &[
    &FILE_UNUSABLE,
    &KEY_OF_ANOTHER,
    &NOT_VALID,
    &EXPIRES_SOON,
    &KEY_IS_OPEN,
    &WEAK_PROOF,
    &UNREACHABLE,
    &HANDSHAKE,
    &NOT_CONFIRMED,
    &LOST_TO_OPTIONAL,
];

impl DevoError {
    /// What kind of problem it is.
    pub fn code(&self) -> &'static Code {
        match self {
            DevoError::ReadPem { .. } | DevoError::NoCertificate { .. } | DevoError::Tls { .. } => &FILE_UNUSABLE,
            DevoError::BadAddress(_) | DevoError::Dial { .. } => &UNREACHABLE,
            DevoError::Handshake { .. } => &HANDSHAKE,
            DevoError::Timeout { .. }
            | DevoError::NeverEnded { .. }
            | DevoError::PeerEnded
            | DevoError::ProxyEnded
            | DevoError::Broken { .. } => &NOT_CONFIRMED,
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_code_is_listed() {
        let defined = include_str!("codes.rs").lines().filter(|line| line.ends_with(": Code = Code::new("));
        assert_eq!(defined.count(), super::CODES.len());
    }
}
