//! References to the environment and to files of secrets.

use std::fs;

use quittance_collector::config::{Config, Output};

use crate::support::{check, environment, good_but, read};

#[test]
fn references_are_replaced() {
    let config = read(&good_but("port: 443", "port: ${PORT}"));
    let Output::DevoPlatform(devo) = &config.outputs["devo_1"] else { panic!("another output") };
    assert_eq!(devo.port, 8443);
    for (written, meant) in [
        ("${WORD}", "word"),
        ("\"a ${WORD} b\"", "a word b"),
        ("${WORD}${WORD}", "wordword"),
        ("${GONE:-other}", "other"),
        ("${EMPTY:-other}", "other"),
        ("a${EMPTY}b", "ab"),
        ("$${WORD}", "${WORD}"),
        ("costs $$5 or $5", "costs $5 or $5"),
        ("'.*\\.json$'", ".*\\.json$"),
        ("${GONE:-a:b-c}", "a:b-c"),
    ] {
        assert_eq!(read(&good_but("aws01", written)).globals.name, meant, "{written}");
    }
}

#[test]
fn a_variable_is_one_value_and_never_yaml() {
    assert_eq!(read(&good_but("aws01", "${YAML}")).globals.name, "x\nevil: [1, 2]");
}

#[test]
fn a_missing_variable_is_told_once() {
    check(
        &good_but("port: 443", "port: ${GONE}"),
        &[
            "9:13: error: outputs.devo_1.config.port: the environment has no `GONE` (`${NAME}` is a variable of the environment, `${NAME:-text}` has a default, `$$` is a dollar)",
        ],
    );
    check(
        &good_but("aws01", "${GO NE}"),
        &[
            "3:9: error: globals.name: `${GO NE}` is no reference to a variable (`${NAME}` is a variable of the environment, `${NAME:-text}` has a default, `$$` is a dollar)",
        ],
    );
    check(
        &good_but("aws01", "${GONE"),
        &[
            "3:9: error: globals.name: `${` without its `}` (`${NAME}` is a variable of the environment, `${NAME:-text}` has a default, `$$` is a dollar)",
        ],
    );
}

#[test]
fn what_came_from_elsewhere_is_never_shown() {
    check(
        &good_but("port: 443", "port: ${SECRET}"),
        &[
            "9:13: error: outputs.devo_1.config.port: expected a whole number from 0 to 65535, found a value that is not shown",
        ],
    );
    check(
        &good_but("[audits_s3]", "\"${SECRET}\""),
        &[
            "21:16: error: inputs.aws.services.audit-events-all.types: expected a list, found a single value (for example `types: [audits_s3]`)",
        ],
    );
    check(
        &good_but("devo_platform", "${SECRET}"),
        &[
            "6:11: error: outputs.devo_1.type: expected one of `console`, `devo_platform`, `relay`, `syslog`, found a value that is not shown",
        ],
    );
    check(
        &good_but("port: 443", "confirm: {interval: \"${SECRET}\"}"),
        &[
            "9:27: error: outputs.devo_1.config.confirm.interval: expected a duration: seconds, or a number with a unit as in `5s`, `10m` or `2h`, found a value that is not shown (for example `interval: 5s`)",
        ],
    );
    check(
        &good_but("access_secret: not-really", "access_secret: [not-really]"),
        &[
            "18:7: error: inputs.aws.credentials.access_secret: expected a secret text, or `file:` and the path of a file, found a list",
        ],
    );
    let config = read(&good_but("not-really", "hunter2"));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn a_secret_may_stand_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let config = |secret: &str| {
        let yaml = good_but("not-really", secret);
        Config::examine_text(yaml.as_bytes(), &folder.path().join("config.yaml"), &environment)
    };
    let secret = |text: &[u8]| fs::write(folder.path().join("secret"), text).unwrap();
    let told = |config: quittance_collector::config::Examined| {
        config.problems.all.iter().map(|p| p.message.replace(folder.path().to_str().unwrap(), "")).collect::<Vec<_>>()
    };
    let read = |config: quittance_collector::config::Examined| {
        let config = config.config.unwrap();
        let secret = config.inputs["aws"].credentials.access_secret.as_ref().unwrap();
        secrecy::ExposeSecret::expose_secret(secret).to_owned()
    };

    secret(b" spaces stay \n\n");
    assert_eq!(read(config("file:secret")), " spaces stay \n");
    secret(b"windows\r\n");
    assert_eq!(read(config(&format!("file:{}", folder.path().join("secret").display()))), "windows");

    secret(b"\n");
    assert_eq!(told(config("file:secret")), ["the secret file `/secret` is empty"]);
    secret(b"\xff");
    assert_eq!(told(config("file:secret")), ["the secret file `/secret` is not UTF-8"]);
    secret(&vec![b'x'; 100_000]);
    assert_eq!(told(config("file:secret")), ["the secret file `/secret` is longer than 65536 bytes"]);
    assert_eq!(
        told(config("file:gone")),
        ["cannot read the secret file `/gone`: No such file or directory (os error 2)"]
    );
}
