//! What is wrong, or soon will be, with the three files of a domain.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use quittance_core::{Finding, Severity};
use rustls::{crypto::aws_lc_rs, sign::CertifiedKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use crate::{
    DevoError, Identity,
    codes::{EXPIRES_SOON, FILE_UNUSABLE, KEY_IS_OPEN, KEY_OF_ANOTHER, NOT_VALID},
    tls,
};

/// How long before its end a certificate is worth a warning: a new one is asked for, made and put in place by people.
const NOTICE: Duration = Duration::from_secs(30 * 24 * 3600);

/// One of the three files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IdentityFile {
    /// The certificates that the server's must descend from.
    Chain,
    /// Our certificate.
    Cert,
    /// Its private key.
    Key,
}

/// Everything that is wrong with the files of `identity` at the time `now`, each with its file. No connection is made.
pub fn examine_identity(identity: &Identity<'_>, now: SystemTime) -> Vec<(IdentityFile, Finding)> {
    let mut findings = Vec::new();
    let mut note = |file, finding| findings.push((file, finding));
    for finding in examine_chain(identity.chain, now) {
        note(IdentityFile::Chain, finding);
    }
    let certificates = match tls::certificates("the certificate", identity.cert) {
        Ok(certificates) => {
            if let Some(finding) = judge(&certificates[0], identity.cert, now) {
                note(IdentityFile::Cert, finding);
            }
            Some(certificates)
        }
        Err(problem) => {
            note(IdentityFile::Cert, Finding::error(&FILE_UNUSABLE, problem.chain()));
            None
        }
    };
    if let Some(finding) = examine_mode(identity.key) {
        note(IdentityFile::Key, finding);
    }
    match (private_key(identity.key), certificates) {
        (Err(finding), _) => note(IdentityFile::Key, finding),
        (Ok(key), Some(certificates)) => {
            if let Err(problem) = CertifiedKey::from_der(certificates, key, &aws_lc_rs::default_provider()) {
                let (key, cert) = (identity.key.display(), identity.cert.display());
                let problem = format!("the private key `{key}` is not that of the certificate `{cert}`: {problem}");
                note(IdentityFile::Key, Finding::error(&KEY_OF_ANOTHER, problem));
            }
        }
        (Ok(_), None) => {}
    }
    findings
}

/// Everything that is wrong with the certificates that a server's must descend from, at the time `now`.
pub fn examine_chain(path: &Path, now: SystemTime) -> Vec<Finding> {
    let chain = match tls::certificates("the chain", path) {
        Ok(chain) => chain,
        Err(problem) => return vec![Finding::error(&FILE_UNUSABLE, problem.chain())],
    };
    let mut found: Vec<Finding> = chain.iter().filter_map(|one| judge(one, path, now)).collect();
    // A chain often carries an old root beside its successor; one good certificate is enough to go on.
    let some_are_good = found.iter().filter(|finding| finding.severity == Severity::Error).count() < chain.len();
    // One that TLS cannot read is worse than one that is out of date: no client is made with it.
    let is_told = found.iter().any(|finding| finding.code == &FILE_UNUSABLE);
    if some_are_good {
        found.iter_mut().for_each(|finding| finding.severity = Severity::Warning);
    }
    match tls::roots(chain.iter().cloned()) {
        Err(problem) if !is_told => found.insert(0, Finding::error(&FILE_UNUSABLE, problem.chain())),
        _ => {}
    }
    found
}

/// When the certificate in a file ends, if it can be read.
pub fn certificate_end(cert: &Path) -> Option<SystemTime> {
    let certificates = tls::certificates("the certificate", cert).ok()?;
    let (_, certificate) = X509Certificate::from_der(certificates.first()?).ok()?;
    let end = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(end))
}

/// Whether the file of a private key may be read by anybody, or changed by others than its owner. Its group may read it: so
/// do secrets come into containers.
pub fn examine_mode(key: &Path) -> Option<Finding> {
    let mode = fs::metadata(key).ok()?.permissions().mode() & 0o777;
    (mode & 0o027 != 0).then(|| {
        let problem =
            format!("the private key `{}` has the mode {mode:03o}: expected 600, or 640 at most", key.display());
        Finding::warning(&KEY_IS_OPEN, problem)
    })
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Finding> {
    PrivateKeyDer::from_pem_file(path).map_err(|source| {
        let encrypted = fs::read_to_string(path).is_ok_and(|text| text.contains("ENCRYPTED"));
        match encrypted {
            true => {
                let problem = format!("the private key `{}` is encrypted with a passphrase", path.display());
                let fix = "write it without one: `openssl pkey -in encrypted.key -out domain.key`";
                Finding::error(&FILE_UNUSABLE, problem).with_fix(fix)
            }
            false => {
                let problem = DevoError::ReadPem { what: "the private key", path: path.into(), source };
                Finding::error(&FILE_UNUSABLE, problem.chain())
            }
        }
    })
}

/// Whether a certificate can be read and is valid now, and for some time.
fn judge(certificate: &CertificateDer<'_>, path: &Path, now: SystemTime) -> Option<Finding> {
    let path = path.display();
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        let problem = format!("a certificate in `{path}` cannot be read: it is no X.509");
        return Some(Finding::error(&FILE_UNUSABLE, problem));
    };
    let name = certificate.subject().to_string();
    let name = name.escape_debug();
    let at = |seconds| Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    let validity = certificate.validity();
    let (begin, end) = (at(validity.not_before.timestamp()), at(validity.not_after.timestamp()));
    // A clock outside of what a date can say is as good as none.
    let now = Timestamp::try_from(now).unwrap_or_default();
    if now < begin {
        let problem = format!("the certificate `{name}` in `{path}` is not valid before {begin}");
        return Some(Finding::error(&NOT_VALID, problem));
    }
    if now > end {
        let problem = format!("the certificate `{name}` in `{path}` expired at {end}");
        return Some(Finding::error(&NOT_VALID, problem));
    }
    let left = end.duration_since(now).unsigned_abs();
    (left < NOTICE).then(|| {
        let days = left.as_secs() / (24 * 3600);
        let problem = format!("the certificate `{name}` in `{path}` expires in {days} days, at {end}");
        Finding::warning(&EXPIRES_SOON, problem)
    })
}
