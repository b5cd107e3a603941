//! Configurations to read, and the one way to compare what was found in them.

use std::path::Path;

use quittance_collector::config::{Config, Examined, Problem};

/// A configuration without a flaw.
pub(crate) const GOOD: &str = "\
globals:
  id: 12345
  name: aws01
outputs:
  devo_1:
    type: devo_platform
    config:
      address: collector-eu.devo.io
      port: 443
      chain: chain.crt
      cert: mydomain.crt
      key: mydomain.key
inputs:
  aws:
    id: 12351
    credentials:
      access_key: AKIAEXAMPLE
      access_secret: not-really
    services:
      audit-events-all:
        types: [audits_s3]
        audit_sqs_queue_name: devo-cloudtrail
        regions: [eu-west-1]
";

/// `GOOD` with one text replaced by another.
pub(crate) fn good_but(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old), "`{old}` is not in the good configuration");
    GOOD.replacen(old, new, 1)
}

/// The environment of these tests.
pub(crate) fn environment(name: &str) -> Result<String, String> {
    match name {
        "SECRET" => Ok("hunter2".into()),
        "PORT" => Ok("8443".into()),
        "WORD" => Ok("word".into()),
        "EMPTY" => Ok(String::new()),
        "YAML" => Ok("x\nevil: [1, 2]".into()),
        _ => Err(format!("the environment has no `{name}`")),
    }
}

/// Reads `yaml` as the file `config.yaml`.
pub(crate) fn examine(yaml: &str) -> Examined {
    Config::examine_text(yaml.as_bytes(), Path::new("config.yaml"), &environment)
}

/// Reads `yaml` and compares everything that was found in it.
#[track_caller]
pub(crate) fn check(yaml: &str, expected: &[&str]) {
    let examined = examine(yaml);
    let found: Vec<String> = examined.problems.all.iter().map(without_code).collect();
    assert_eq!(found, expected, "in\n{yaml}");
    assert_eq!(examined.config.is_some(), examined.problems.errors() == 0);
}

/// Reads `yaml`, in which there is no error.
#[track_caller]
pub(crate) fn read(yaml: &str) -> Config {
    let examined = examine(yaml);
    examined.config.unwrap_or_else(|| panic!("{}", examined.problems))
}

/// A problem as it is told, but for its code.
pub(crate) fn without_code(problem: &Problem) -> String {
    let (said, code) = (problem.to_string(), format!(" [{}]", problem.code));
    said.strip_suffix(&code).unwrap_or_else(|| panic!("`{said}` ends with `{code}`")).to_owned()
}
