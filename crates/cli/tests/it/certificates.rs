//! What `quittance check` says of certificate files.

use std::fs;

use crate::scene::Scene;

/// Checks the scene and compares the one problem that is found.
#[track_caller]
fn check(scene: &Scene, expected: &str) {
    let said = scene.check(&["--offline"]);
    let problem = said.out.lines().next().unwrap_or_default();
    assert!(problem.starts_with(expected), "{}{}", said.out, said.err);
    let (code, summary) = if expected.contains(": error: ") { (1, "1 error,") } else { (0, "0 errors, 1 warning") };
    assert!(said.out.lines().last().is_some_and(|line| line.starts_with(summary)), "{}", said.out);
    assert_eq!(said.code, Some(code));
}

#[test]
fn an_expired_certificate_is_an_error() {
    check(
        &Scene::new().but("client.crt", "expired.crt").but("client.key", "expired.key"),
        "config.yaml:11:7: error: outputs.devo_1.config.cert: the certificate `CN=expired, O=Quittance testbed` in \
         `certs/expired.crt` expired at 2021-01-01T00:00:00Z",
    );
}

#[test]
fn a_certificate_of_the_future_is_an_error() {
    check(
        &Scene::new().but("client.crt", "early.crt").but("client.key", "early.key"),
        "config.yaml:11:7: error: outputs.devo_1.config.cert: the certificate `CN=early, O=Quittance testbed` in \
         `certs/early.crt` is not valid before 2119-01-01T00:00:00Z (Check the clock",
    );
}

#[test]
fn another_certificate_s_key_is_an_error() {
    check(
        &Scene::new().but("client.key", "server.key"),
        "config.yaml:12:7: error: outputs.devo_1.config.key: the private key `certs/server.key` is not that of the \
         certificate `certs/client.crt`",
    );
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    check(
        &Scene::new().but("chain.crt", "gone.crt"),
        "config.yaml:10:7: error: outputs.devo_1.config.chain: there is no file `gone.crt` (looked for `certs/gone.crt`",
    );
}

#[test]
fn what_is_no_certificate_is_an_error_and_never_shown() {
    let scene = Scene::new();
    fs::write(scene.file("certs/chain.crt"), "hunter2").expect("a file");
    check(&scene, "config.yaml:10:7: error: outputs.devo_1.config.chain: `certs/chain.crt` holds no certificate");
    let scene = Scene::new();
    let pem = "-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n-----END CERTIFICATE-----\n";
    fs::write(scene.file("certs/chain.crt"), pem).expect("a file");
    check(
        &scene,
        "config.yaml:10:7: error: outputs.devo_1.config.chain: a certificate in `certs/chain.crt` cannot be read",
    );
    let scene = Scene::new();
    fs::write(scene.file("certs/client.key"), "hunter2").expect("a file");
    check(
        &scene,
        "config.yaml:12:7: error: outputs.devo_1.config.key: cannot read the private key from `certs/client.key`",
    );
    assert!(!scene.check(&["--offline"]).out.contains("hunter2"));
}

#[test]
fn an_encrypted_key_is_told_apart() {
    let scene = Scene::new();
    let pem = "-----BEGIN ENCRYPTED PRIVATE KEY-----\naHVudGVyMg==\n-----END ENCRYPTED PRIVATE KEY-----\n";
    fs::write(scene.file("certs/client.key"), pem).expect("a file");
    check(
        &scene,
        "config.yaml:12:7: error: outputs.devo_1.config.key: the private key `certs/client.key` is encrypted",
    );
}
