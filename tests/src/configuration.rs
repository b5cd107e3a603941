//! A folder with certificates and a configuration, in the shape of Devo's own collector.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use quittance_testbed::certificates::{Identity, Pki};
use tempfile::TempDir;

use crate::cloud::{QUEUE, REGION};

/// A temporary folder and a public key infrastructure.
pub struct Place {
    folder: TempDir,
    /// Everyone's certificates.
    pub pki: Pki,
}

/// Which certificates the collector gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Those that the receiver takes.
    Right,
    /// A client's of another authority.
    Stranger,
    /// A client's that has expired.
    Expired,
    /// The right ones, but the authority trusted is not the receiver's.
    StrangerChain,
    /// The configuration names a client's certificate that is not there.
    NoFile,
}

impl Place {
    /// Makes both.
    pub fn new() -> Result<Place> {
        let folder = tempfile::Builder::new().prefix("quittance-test-").tempdir().context("cannot make a folder")?;
        Ok(Place { folder, pki: Pki::new()? })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves the folder where it is, for a look at it.
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }

    /// Writes the certificates and the configuration; returns the configuration's path.
    pub fn write(&self, configuration: &Configuration) -> Result<PathBuf> {
        let certs = self.folder().join("certs");
        fs::create_dir_all(&certs)?;
        let chain = match configuration.credentials {
            Credentials::StrangerChain => &self.pki.stranger_authority,
            _ => &self.pki.authority,
        };
        fs::write(certs.join("chain.crt"), chain.pem())?;
        let client: Option<&Identity> = match configuration.credentials {
            Credentials::Right | Credentials::StrangerChain => Some(&self.pki.client),
            Credentials::Stranger => Some(&self.pki.stranger),
            Credentials::Expired => Some(&self.pki.expired),
            Credentials::NoFile => None,
        };
        if let Some(client) = client {
            client.write_to(&certs, "domain")?;
        }
        let config = self.folder().join("config");
        fs::create_dir_all(&config)?;
        let path = config.join("config.yaml");
        fs::write(&path, configuration.to_yaml()).context("cannot write the configuration")?;
        Ok(path)
    }
}

/// What differs between the tests' configurations.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Host name or address of the receiver.
    pub address: String,
    /// Port of the receiver.
    pub port: u16,
    /// Where AWS is.
    pub endpoint: String,
    /// The collector's certificates.
    pub credentials: Credentials,
    /// `confirm.interval`.
    pub interval: &'static str,
    /// `confirm.end_timeout`.
    pub end_timeout: &'static str,
    /// `confirm.max_bytes`.
    pub max_bytes: Option<u64>,
    /// Further keys of `confirm`, as YAML.
    pub confirm: String,
    /// Further keys of the output's `config`, as YAML.
    pub output: String,
    /// Other outputs than the usual one, as YAML.
    pub outputs: Option<String>,
    /// Further keys of `globals`, as YAML.
    pub globals: String,
    /// Further keys of the input, as YAML.
    pub input: String,
    /// `credentials.access_secret`.
    pub access_secret: &'static str,
    /// Further keys of `credentials`, as YAML.
    pub credentials_keys: String,
    /// The sections under `services`, as YAML.
    pub services: String,
}

impl Configuration {
    /// The usual one: audit events from a trail's queue.
    pub fn new(port: u16, endpoint: &str) -> Configuration {
        Configuration {
            address: "localhost".to_owned(),
            port,
            endpoint: endpoint.to_owned(),
            credentials: Credentials::Right,
            interval: "300ms",
            end_timeout: "30s",
            max_bytes: None,
            confirm: String::new(),
            output: String::new(),
            outputs: None,
            globals: String::new(),
            input: String::new(),
            access_secret: "test",
            credentials_keys: String::new(),
            services: audits(QUEUE, REGION),
        }
    }

    /// A Devo output of that name at a port of this machine, with the certificates and settings of this configuration.
    pub fn devo(&self, name: &str, port: u16) -> String {
        let Configuration { address, interval, end_timeout, .. } = self;
        let max_bytes = self.max_bytes.map(|bytes| format!("max_bytes: {bytes}")).unwrap_or_default();
        let (output, confirm) = (indented(4, &self.output), indented(6, &format!("{}\n{max_bytes}", self.confirm)));
        format!(
            r#"{name}:
  type: devo_platform
  config:
    address: {address}
    port: {port}
    type: SSL
    chain: chain.crt
    cert: domain.crt
    key: domain.key
{output}    confirm:
      interval: {interval}
      end_timeout: {end_timeout}
{confirm}"#
        )
    }

    fn to_yaml(&self) -> String {
        let Configuration { endpoint, access_secret, .. } = self;
        let outputs = self.outputs.clone().unwrap_or_else(|| self.devo("devo_1", self.port));
        let (globals, outputs, input) = (indented(2, &self.globals), indented(2, &outputs), indented(4, &self.input));
        let services = indented(6, &self.services);
        let credentials = indented(6, &self.credentials_keys);
        format!(
            r#"globals:
  debug: false
  id: tests
  name: collector
{globals}outputs:
{outputs}inputs:
  aws:
    id: 10001
    enabled: true
    endpoint_url: {endpoint}
{input}    credentials:
      access_key: AKIATESTTESTTESTTEST
      access_secret: {access_secret}
{credentials}    services:
{services}"#
        )
    }
}

/// The lines that are not empty, each further to the right.
fn indented(by: usize, yaml: &str) -> String {
    yaml.lines().filter(|line| !line.is_empty()).map(|line| format!("{:by$}{line}\n", "")).collect()
}

/// The section of audit events from a trail's queue.
pub fn audits(queue: &str, region: &str) -> String {
    format!(
        "audit-events-all:\n  types: [audits_s3]\n  audit_sqs_queue_name: {queue}\n  auto_event_type: true\n  \
         regions: [{region}]"
    )
}
