//! Certificate files are judged by a given time.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, time::SystemTime};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use quittance_core::Severity::{self, Error, Warning};
use quittance_devo::{
    Identity,
    IdentityFile::{self, Cert, Chain, Key},
    client_config, examine_identity,
};
use quittance_testbed::certificates::{Pki, Validity};

struct Files {
    folder: tempfile::TempDir,
    pki: Pki,
}

impl Files {
    fn new() -> Files {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let pki = Pki::new().expect("certificates");
        pki.write_to(folder.path()).expect("certificates on disk");
        Files { folder, pki }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What is found at the time `now`, with the certificate of `name`.
    fn examine(&self, name: &str, now: &str) -> Vec<(IdentityFile, Severity, String)> {
        let (chain, cert, key) =
            (self.path("chain.crt"), self.path(&format!("{name}.crt")), self.path(&format!("{name}.key")));
        let now: Timestamp = now.parse().expect("a time");
        let findings = examine_identity(&Identity { chain: &chain, cert: &cert, key: &key }, SystemTime::from(now));
        let folder = format!("{}/", self.folder.path().display());
        findings.into_iter().map(|(file, f)| (file, f.severity, f.problem.replace(&folder, ""))).collect()
    }
}

#[test]
fn the_last_thirty_days_are_a_warning() {
    let files = Files::new();
    let validity = Validity { from: (2026, 1, 1), until: (2027, 1, 1) };
    files.pki.authority.client("short", validity).unwrap().write_to(files.folder.path(), "short").unwrap();
    assert_eq!(files.examine("short", "2026-12-01T23:59:59Z"), []);
    assert_eq!(
        files.examine("short", "2026-12-02T00:00:01Z"),
        [(
            Cert,
            Warning,
            "the certificate `CN=short, O=Quittance testbed` in `short.crt` expires in 29 days, at 2027-01-01T00:00:00Z"
                .to_owned()
        )]
    );
    assert_eq!(files.examine("short", "2026-12-31T23:00:00Z")[0].1, Warning);
    assert_eq!(files.examine("short", "2027-01-01T00:00:01Z")[0].1, Error);
    assert_eq!(files.examine("short", "2025-12-31T23:59:59Z")[0].1, Error);
}

#[test]
fn an_old_root_beside_a_good_one_is_a_warning() {
    let files = Files::new();
    let good = fs::read_to_string(files.path("chain.crt")).unwrap();
    let old = fs::read_to_string(files.path("expired.crt")).unwrap();
    fs::write(files.path("chain.crt"), format!("{old}{good}")).unwrap();
    let found = files.examine("client", "2026-06-01T00:00:00Z");
    assert_eq!(found.iter().map(|(file, severity, _)| (*file, *severity)).collect::<Vec<_>>(), [(Chain, Warning)]);
    fs::write(files.path("chain.crt"), old).unwrap();
    let found = files.examine("client", "2026-06-01T00:00:00Z");
    assert_eq!(found.iter().map(|(file, severity, _)| (*file, *severity)).collect::<Vec<_>>(), [(Chain, Error)]);
}

/// What a lenient reader makes sense of is of no use if TLS does not.
#[test]
fn a_certificate_that_tls_cannot_read_is_found_before_it_is_used() {
    let files = Files::new();
    let good = fs::read_to_string(files.path("chain.crt")).unwrap();
    let lines: String = good.lines().filter(|line| !line.starts_with('-')).collect();
    let longer = STANDARD.encode([&*STANDARD.decode(lines).unwrap(), b"x"].concat());
    let odd = format!("-----BEGIN CERTIFICATE-----\n{longer}\n-----END CERTIFICATE-----\n{good}");
    fs::write(files.path("chain.crt"), odd).unwrap();
    let [chain, cert, key] = ["chain.crt", "client.crt", "client.key"].map(|name| files.path(name));
    assert!(client_config(&Identity { chain: &chain, cert: &cert, key: &key }).is_err());
    let found = files.examine("client", "2026-06-01T00:00:00Z");
    assert_eq!(found.iter().map(|(file, severity, _)| (*file, *severity)).collect::<Vec<_>>(), [(Chain, Error)]);
}

#[test]
fn a_key_that_others_may_read_or_change_is_a_warning() {
    let files = Files::new();
    let found = |mode| {
        fs::set_permissions(files.path("client.key"), fs::Permissions::from_mode(mode)).unwrap();
        files.examine("client", "2026-06-01T00:00:00Z")
    };
    for tight in [0o400, 0o600, 0o440, 0o640] {
        assert_eq!(found(tight), [], "{tight:o}");
    }
    for open in [0o644, 0o604, 0o660, 0o622, 0o777] {
        let said = format!("the private key `client.key` has the mode {open:03o}: expected 600, or 640 at most");
        assert_eq!(found(open), [(Key, Warning, said)]);
    }
}
