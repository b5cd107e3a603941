//! What TLS is offered and taken: modern versions and suites, and no server but the one that is meant.

use std::{io::Cursor, sync::Arc};

use quittance_devo::{Identity as Files, client_config};
use quittance_testbed::certificates::{BOTH_VERSIONS, Identity, ONLY_TLS12, ONLY_TLS13, Pki, Validity};
use rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, ServerConfig, ServerConnection,
    crypto::aws_lc_rs::default_provider,
};

const HOST: &str = "localhost";

fn client(pki: &Pki) -> Arc<ClientConfig> {
    let folder = tempfile::tempdir().unwrap();
    pki.write_to(folder.path()).unwrap();
    let [chain, cert, key] = ["chain.crt", "client.crt", "client.key"].map(|name| folder.path().join(name));
    client_config(&Files { chain: &chain, cert: &cert, key: &key }).unwrap()
}

fn connect(config: Arc<ClientConfig>) -> ClientConnection {
    ClientConnection::new(config, HOST.try_into().unwrap()).unwrap()
}

/// A handshake in memory: the version that was agreed on, or why the client went away.
fn handshake(config: Arc<ClientConfig>, server: Arc<ServerConfig>) -> Result<ProtocolVersion, String> {
    let (mut client, mut server) = (connect(config), ServerConnection::new(server).unwrap());
    for _ in 0..10 {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        let mut read = Cursor::new(bytes);
        while read.position() < read.get_ref().len() as u64 {
            server.read_tls(&mut read).unwrap();
            server.process_new_packets().map_err(|error| format!("the server: {error}"))?;
        }
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        let mut read = Cursor::new(bytes);
        while read.position() < read.get_ref().len() as u64 {
            client.read_tls(&mut read).unwrap();
            client.process_new_packets().map_err(|error| error.to_string())?;
        }
        if !client.is_handshaking() && !server.is_handshaking() {
            return Ok(client.protocol_version().unwrap());
        }
    }
    Err("it does not end".to_owned())
}

#[test]
fn a_server_of_either_version_is_taken_and_the_newer_one_preferred() {
    let pki = Pki::new().unwrap();
    for (versions, agreed) in [
        (ONLY_TLS12, ProtocolVersion::TLSv1_2),
        (ONLY_TLS13, ProtocolVersion::TLSv1_3),
        (BOTH_VERSIONS, ProtocolVersion::TLSv1_3),
    ] {
        let server = pki.server_config_with(&pki.server, versions).unwrap();
        assert_eq!(handshake(client(&pki), server), Ok(agreed));
    }
}

#[test]
fn a_server_that_is_not_the_one_that_is_meant_is_refused() {
    let pki = Pki::new().unwrap();
    let of = |identity: Result<Identity, _>| identity.unwrap();
    let servers = [
        (of(pki.authority.server_within(&[HOST], Validity::OVER)), "certificate expired"),
        (of(pki.authority.server_within(&[HOST], Validity::TO_COME)), "certificate not valid yet"),
        (of(pki.authority.server(&["elsewhere.invalid"])), "certificate not valid for name"),
        (of(pki.stranger_authority.server(&[HOST])), "UnknownIssuer"),
        (of(Identity::self_signed(&[HOST])), "UnknownIssuer"),
        // Somebody else's client, of the right authority, is no server.
        (of(pki.authority.client(HOST, Validity::LONG)), "certificate"),
    ];
    for (server, expected) in servers {
        for versions in [ONLY_TLS12, ONLY_TLS13] {
            let server = pki.server_config_with(&server, versions).unwrap();
            let refused = handshake(client(&pki), server).expect_err(expected);
            assert!(refused.contains(expected), "{refused}, not {expected}");
        }
    }
}

#[test]
fn every_single_modern_suite_is_taken_alone() {
    let pki = Pki::new().unwrap();
    let suites = default_provider().cipher_suites;
    let names: Vec<String> = suites.iter().map(|suite| format!("{:?}", suite.suite())).collect();
    let is_modern = |name: &String| name.starts_with("TLS13_") || name.starts_with("TLS_ECDHE_");
    assert!(names.iter().all(is_modern), "{names:?}");
    let is_sealed = |name: &String| name.contains("_GCM_") || name.contains("_CHACHA20_POLY1305_");
    assert!(names.iter().all(is_sealed), "{names:?}");
    assert!(client(&pki).crypto_provider().cipher_suites == suites, "what is offered is what was looked at");
}

/// What a server says that chose a version and a suite, in bytes: no library of today would say it.
fn server_hello(version: [u8; 2], suite: [u8; 2]) -> Vec<u8> {
    let mut hello = vec![version[0], version[1]];
    hello.extend([7; 32]);
    hello.push(0);
    hello.extend(suite);
    hello.push(0);
    let mut handshake = vec![2, 0, 0, hello.len() as u8];
    handshake.extend(hello);
    let mut record = vec![22, version[0], version[1], 0, handshake.len() as u8];
    record.extend(handshake);
    record
}

/// Versions and suites that the first message of a handshake names.
fn offered(hello: &[u8]) -> (Vec<[u8; 2]>, Vec<[u8; 2]>) {
    let pairs = |bytes: &[u8]| bytes.chunks(2).map(|pair| [pair[0], pair[1]]).collect::<Vec<_>>();
    let number = |bytes: &[u8]| usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
    // Record, handshake, version, random, session.
    let mut rest = &hello[5 + 4 + 2 + 32..];
    rest = &rest[1 + usize::from(rest[0])..];
    let suites = pairs(&rest[2..2 + number(rest)]);
    rest = &rest[2 + number(rest)..];
    rest = &rest[1 + usize::from(rest[0])..];
    let mut extensions = &rest[2..2 + number(rest)];
    let mut versions = Vec::new();
    while !extensions.is_empty() {
        let (kind, length) = (number(extensions), number(&extensions[2..]));
        if kind == 43 {
            versions = pairs(&extensions[5..4 + length]);
        }
        extensions = &extensions[4 + length..];
    }
    (versions, suites)
}

#[test]
fn only_tls_1_2_and_1_3_with_suites_that_seal_and_forget_are_offered() {
    let pki = Pki::new().unwrap();
    let mut bytes = Vec::new();
    connect(client(&pki)).write_tls(&mut bytes).unwrap();
    let (mut versions, suites) = offered(&bytes);
    versions.sort_unstable();
    assert_eq!(versions, [[3, 3], [3, 4]]);
    // TLS 1.3; ECDHE with AES-GCM or ChaCha20-Poly1305; and the mark that says that renegotiation is safe.
    let modern =
        [[0x13, 1], [0x13, 2], [0x13, 3], [0xc0, 0x2b], [0xc0, 0x2c], [0xc0, 0x2f], [0xc0, 0x30], [0xcc, 0xa8]];
    let modern = [&modern[..], &[[0xcc, 0xa9], [0, 0xff]]].concat();
    assert!(!suites.is_empty() && suites.iter().all(|suite| modern.contains(suite)), "{suites:02x?}");
}

#[test]
fn a_server_that_chooses_an_old_version_or_suite_is_refused() {
    let pki = Pki::new().unwrap();
    let ecdhe_gcm = [0xc0, 0x2f];
    let old = [
        // SSL 3.0, TLS 1.0 and 1.1.
        ([3, 0], ecdhe_gcm),
        ([3, 1], ecdhe_gcm),
        ([3, 2], ecdhe_gcm),
        // RSA without forward secrecy, CBC, 3DES, RC4, nothing at all, export.
        ([3, 3], [0, 0x9c]),
        ([3, 3], [0, 0x2f]),
        ([3, 3], [0xc0, 0x13]),
        ([3, 3], [0, 0x0a]),
        ([3, 3], [0, 0x05]),
        ([3, 3], [0, 0x01]),
        ([3, 3], [0, 0x03]),
    ];
    for (version, suite) in old {
        let mut client = connect(client(&pki));
        client.write_tls(&mut Vec::new()).unwrap();
        client.read_tls(&mut Cursor::new(server_hello(version, suite))).unwrap();
        let refused = client.process_new_packets();
        assert!(refused.is_err(), "{version:?} {suite:02x?}");
    }
    // The bytes are right: what is modern is not refused for itself.
    let mut client = connect(client(&pki));
    client.write_tls(&mut Vec::new()).unwrap();
    client.read_tls(&mut Cursor::new(server_hello([3, 3], ecdhe_gcm))).unwrap();
    let answer = client.process_new_packets();
    assert!(answer.is_ok() || format!("{answer:?}").contains("ExtendedMasterSecret"), "{answer:?}");
}
