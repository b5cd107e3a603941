//! The configuration in Devo's on-premise shape: `globals`, `outputs`, `inputs`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use quittance_aws::Credentials;
use quittance_devo::{Confirm, Newline};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use crate::CollectorError;

/// A whole configuration.
#[derive(Debug, Deserialize)]
pub struct Config {
    /// The collector itself.
    pub globals: Globals,
    /// Destinations, by name.
    pub outputs: BTreeMap<String, Output>,
    /// Sources, by name.
    pub inputs: BTreeMap<String, Input>,
    /// The file it came from.
    #[serde(skip)]
    pub path: PathBuf,
}

/// The collector itself.
#[derive(Debug, Deserialize)]
pub struct Globals {
    /// Its short id.
    #[serde(deserialize_with = "text_or_number")]
    pub id: String,
    /// Its name: the host in every event's header.
    pub name: String,
    /// Where the state is kept.
    #[serde(default)]
    pub persistence: Persistence,
    /// Devo's bound of the internal queue, in MiB. Ours is 32 MiB if that is less.
    pub queue_max_size_in_mb: Option<usize>,
    /// Our own bound, in bytes, instead of either.
    pub outlet_max_bytes: Option<usize>,
}

/// Where the state is kept.
#[derive(Debug, Default, Deserialize)]
pub struct Persistence {
    /// The kind of store: `filesystem`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Settings of that kind.
    #[serde(default)]
    pub config: PersistenceConfig,
}

/// Settings of the store on a file system.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub struct PersistenceConfig {
    /// The state's folder: beside `config/`, or an absolute path.
    pub directory_name: String,
    /// Bytes that the quarantine may hold.
    pub quarantine_max_bytes: u64,
}

impl Default for PersistenceConfig {
    fn default() -> Self {
        PersistenceConfig { directory_name: "state".to_owned(), quarantine_max_bytes: 256 << 20 }
    }
}

/// A destination.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", content = "config", rename_all = "snake_case")]
pub enum Output {
    /// Devo's load balancer.
    DevoPlatform(DevoPlatform),
    /// Standard output, one line an event: for trying things out.
    Console(Console),
}

/// Standard output has nothing to set.
#[derive(Debug, Default, Deserialize)]
pub struct Console {}

/// Where Devo is, and our certificate there.
#[derive(Debug, Deserialize)]
pub struct DevoPlatform {
    /// Host name.
    pub address: String,
    /// TCP port.
    #[serde(default = "https")]
    pub port: u16,
    /// The certificates that the server's must descend from; a file in `certs/`.
    pub chain: String,
    /// Our certificate; a file in `certs/`.
    pub cert: String,
    /// Its private key; a file in `certs/`.
    pub key: String,
    /// When deliveries are confirmed.
    #[serde(default)]
    pub confirm: Confirm,
    /// Whether events go compressed.
    #[serde(default)]
    pub compression: bool,
    /// What becomes of a newline inside an event.
    #[serde(default)]
    pub newline: Newline,
    /// An HTTP proxy to go through, as in `http://user:password@proxy.example:3128`.
    pub proxy: Option<SecretString>,
}

fn https() -> u16 {
    443
}

/// A source: an account and the services read in it.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// Its id: five digits at Devo.
    #[serde(deserialize_with = "text_or_number")]
    pub id: String,
    /// Whether it is read at all.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// How to sign in.
    pub credentials: Credentials,
    /// Where AWS is, if not at AWS: for private endpoints and emulators.
    pub endpoint_url: Option<String>,
    /// Sections by service name.
    pub services: BTreeMap<String, serde_yaml::Value>,
}

fn yes() -> bool {
    true
}

impl Config {
    /// Reads a configuration file.
    pub fn load(path: &Path) -> Result<Config, CollectorError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| CollectorError::Read { path: path.into(), source })?;
        let config =
            serde_yaml::from_str(&text).map_err(|source| CollectorError::Parse { path: path.into(), source })?;
        Ok(Config { path: path.into(), ..config })
    }
}

/// Ids are written with and without quotes.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum TextOrNumber {
        Text(String),
        Number(i64),
    }
    Ok(match TextOrNumber::deserialize(deserializer)? {
        TextOrNumber::Text(text) => text,
        TextOrNumber::Number(number) => number.to_string(),
    })
}
