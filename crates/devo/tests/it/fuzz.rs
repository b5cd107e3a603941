//! Files and settings that hold anything.

use std::{fs, time::SystemTime};

use quittance_core::Severity;
use quittance_devo::{Identity, IdentityFile, Proxy, client_config, examine_identity};
use quittance_fuzz::{fuzz, fuzz_slowly};
use quittance_testbed::certificates::Pki;

/// Whatever stands in the three files: what is found without a fault makes a client, and no word of a key is told.
#[test]
fn certificates() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new().unwrap();
    pki.write_to(folder.path()).unwrap();
    let at = |name: &str| folder.path().join(name);
    let [chain, cert, key] = ["chain.crt", "client.crt", "client.key"].map(|name| fs::read(at(name)).unwrap());
    let both = [&*cert, &*key].concat();
    // Within the validity of what the test makes.
    let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
    fuzz_slowly(
        "certificates",
        20,
        [&*chain, &*cert, &*key, &*both, b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n"],
        |input| {
            fs::write(at("odd"), input).unwrap();
            let shown = |path: &std::path::Path| path.display().to_string();
            for odd in [IdentityFile::Chain, IdentityFile::Cert, IdentityFile::Key] {
                let file = |file, name: &str| at(if file == odd { "odd" } else { name });
                let chain = file(IdentityFile::Chain, "chain.crt");
                let cert = file(IdentityFile::Cert, "client.crt");
                let key = file(IdentityFile::Key, "client.key");
                let identity = Identity { chain: &chain, cert: &cert, key: &key };
                let findings = examine_identity(&identity, now);
                let config = client_config(&identity);
                let time = |finding: &str| finding.contains("is not valid before") || finding.contains("expired at");
                let sound = findings.iter().all(|(_, found)| found.severity != Severity::Error || time(&found.problem));
                assert!(!sound || config.is_ok(), "{odd:?}: {findings:?}, but {:?}", config.err());
                let told = findings.iter().map(|(_, found)| format!("{} {}", found.problem, found.fix));
                let told = told.chain(config.err().map(|error| quittance_core::chain(&error))).collect::<String>();
                let told = told.replace(&shown(folder.path()), "");
                assert!(!told.contains(|c: char| c.is_control() || c == '\u{202e}'), "{told:?}");
                let pieces =
                    input.split(|byte| *byte == b'\n').filter(|line| line.len() > 40 && !line.starts_with(b"-----"));
                for piece in pieces {
                    let piece = String::from_utf8_lossy(&piece[..40]).into_owned();
                    assert!(!told.contains(&piece), "{piece} is in {told}");
                }
            }
        },
    );
}

#[test]
fn proxies() {
    let seeds = ["http://user:p%40ss@proxy.example:3128/", "user:pass@[::1]:80", "proxy:1", "http://a:b@c:d@e:70000"];
    fuzz("proxies", seeds, |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        match text.parse::<Proxy>() {
            Ok(proxy) => {
                let shown = format!("{proxy:?}");
                // Nothing before the last `@` is told.
                if let Some((user, address)) = text.rsplit_once('@') {
                    let password = user.rsplit(':').next().unwrap_or_default();
                    assert!(password.len() < 4 || address.contains(password) || !shown.contains(password), "{shown}");
                }
                assert!(!shown.contains(char::is_control), "{shown:?}");
            }
            Err(error) => assert_eq!(error.to_string(), "not a proxy: expected `http://[user:password@]host:port`"),
        }
    });
}
