//! A folder with a configuration and certificates, and the command run on it.

use std::{fs, path::PathBuf, process::Command};

use quittance_testbed::certificates::Pki;
use tempfile::TempDir;

/// What the command said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `quittance` with these arguments.
pub(crate) fn quittance(arguments: &[&str]) -> Said {
    quittance_in(&[], arguments)
}

/// The same with these variables in its environment.
pub(crate) fn quittance_in(environment: &[(&str, &str)], arguments: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_quittance"))
        .args(arguments)
        .env_remove("QUITTANCE_LOG")
        .envs(environment.iter().copied())
        .output()
        .expect("the command starts");
    let text = |bytes| String::from_utf8(bytes).expect("the command says UTF-8");
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A configuration without a flaw, with its certificates.
pub(crate) struct Scene {
    folder: TempDir,
    pub(crate) pki: Pki,
    pub(crate) yaml: String,
}

impl Scene {
    pub(crate) fn new() -> Scene {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let pki = Pki::new().expect("certificates");
        pki.write_to(&folder.path().join("certs")).expect("certificates on disk");
        Scene { folder, pki, yaml: YAML.to_owned() }
    }

    /// The same with one text of the configuration replaced.
    pub(crate) fn but(mut self, old: &str, new: &str) -> Scene {
        assert!(self.yaml.contains(old), "`{old}` is not in the configuration");
        self.yaml = self.yaml.replacen(old, new, 1);
        self
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `quittance check` with more arguments. The folder's name is left out of what it says.
    pub(crate) fn check(&self, arguments: &[&str]) -> Said {
        self.check_in(&[], arguments)
    }

    /// The same with these variables in its environment.
    pub(crate) fn check_in(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Said {
        let path = self.file("config.yaml");
        fs::write(&path, &self.yaml).expect("the configuration on disk");
        let path = path.to_str().expect("a UTF-8 path");
        let said = quittance_in(environment, &[&["check", "--config", path], arguments].concat());
        let folder = format!("{}/", self.folder.path().display());
        Said { out: said.out.replace(&folder, ""), err: said.err.replace(&folder, ""), ..said }
    }
}

const YAML: &str = "\
globals:
  id: 12345
  name: aws01
outputs:
  devo_1:
    type: devo_platform
    config:
      address: localhost
      port: 443
      chain: chain.crt
      cert: client.crt
      key: client.key
inputs:
  aws:
    id: 12351
    endpoint_url: http://localhost:1
    credentials:
      access_key: AKIAEXAMPLE
      access_secret: not-really
    services:
      audit-events-all:
        types: [audits_s3]
        audit_sqs_queue_name: trail
        regions: [eu-west-1]
";

/// A name that others gave: it ends a line, begins another, clears a screen and turns what follows around.
pub(crate) const ODD: &str =
    "a\nERROR forged\r\u{1b}[2J\u{9b}31m\0\u{7f}\u{202e}\u{2066}\u{2028}<14>Jan  1 00:00:00 h a.b: z";

/// What a command said holds nothing that a terminal obeys.
pub(crate) fn assert_plain(said: &Said) {
    let acts = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    for text in [&said.out, &said.err] {
        assert!(!text.contains(acts), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("ERROR forged")), "{text}");
    }
}
