//! The sections of a configuration as types. Their doc comments are what a user reads in the schema.

use std::{collections::BTreeMap, time::Duration};

use quittance_aws::{CallLimit, Credentials};
use quittance_core::Interval;
use quittance_devo::{Confirm, Newline};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use super::{Section, schema::FREE_TYPE};
use crate::catalogue;

/// The collector itself.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Globals {
    /// Whether Devo's collector writes debug lines. Here `QUITTANCE_LOG` says what is logged; this changes nothing.
    #[serde(default)]
    pub debug: bool,
    /// Its short id.
    #[schemars(extend("type" = ["string", "integer"], "examples" = ["12345"]))]
    pub id: String,
    /// Its name: the host in every event's header.
    #[schemars(extend("examples" = ["aws01"]))]
    pub name: String,
    /// Where the state is kept.
    #[serde(default)]
    pub persistence: Persistence,
    /// Whether Devo's collector runs as two processes. Here there is one in any case; this changes nothing.
    pub multiprocessing: Option<bool>,
    /// Devo's bound of the internal queue, in MiB. Ours is 32 MiB if that is less.
    pub queue_max_size_in_mb: Option<usize>,
    /// Devo's bound of the internal queue, in messages. Ours is counted in bytes; this changes nothing.
    pub queue_max_size_in_messages: Option<u64>,
    /// How long a message may wait in Devo's internal queue. Ours waits for nothing but room; this changes nothing.
    pub queue_max_elapsed_time_in_sec: Option<Interval>,
    /// How many messages Devo's collector puts together. Here what is read together stays so; this changes nothing.
    pub queue_wrap_max_size_in_messages: Option<u64>,
    /// The tag of the collector's own warnings and statistics, which every Devo output then gets as JSON events. Unset,
    /// they are only logged.
    #[schemars(extend("examples" = ["my.app.quittance.internal"]))]
    pub internal_tag: Option<String>,
    /// Our own bound of events on their way, in bytes, instead of Devo's or 32 MiB.
    pub outlet_max_bytes: Option<usize>,
}

/// Where the state is kept.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct Persistence {
    /// The kind of store.
    #[serde(rename = "type", default)]
    pub kind: PersistenceKind,
    /// Settings of that kind.
    #[serde(default)]
    pub config: PersistenceConfig,
}

/// A kind of store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PersistenceKind {
    /// One folder on a local disk.
    #[default]
    Filesystem,
}

/// Settings of the store on a file system.
#[derive(Debug, Deserialize, JsonSchema)]
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
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "config", rename_all = "snake_case")]
pub enum Output {
    /// Devo's load balancer.
    DevoPlatform(DevoPlatform),
    /// Standard output, one line an event: for trying things out.
    Console(Console),
}

/// Standard output has nothing to set.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "ConsoleOutput")]
pub struct Console {}

/// Where Devo is, and our certificate there.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DevoPlatform {
    /// Host name.
    #[schemars(extend("examples" = ["collector-eu.devo.io"]))]
    pub address: String,
    /// TCP port.
    #[serde(default = "https")]
    pub port: u16,
    /// How Devo's collector connects. Here it is always TLS with our certificate.
    #[serde(rename = "type", default)]
    pub transport: Transport,
    /// The certificates that the server's must descend from; a file in `certs/`.
    #[schemars(extend("examples" = ["chain.crt"]))]
    pub chain: String,
    /// Our certificate; a file in `certs/`.
    #[schemars(extend("examples" = ["mydomain.crt"]))]
    pub cert: String,
    /// Its private key; a file in `certs/`.
    #[schemars(extend("examples" = ["mydomain.key"]))]
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
    /// An HTTP proxy to go through, as in `http://user:password@proxy.example:3128`, or `file:` and the file that holds
    /// it.
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub proxy: Option<SecretString>,
}

fn https() -> u16 {
    443
}

/// How Devo's collector connects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Transport {
    /// TLS.
    #[default]
    #[serde(rename = "SSL")]
    Ssl,
    /// Plain TCP, which is refused here.
    #[serde(rename = "TCP")]
    Tcp,
}

/// A source: an account and the services read in it.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Input {
    /// Its id: five digits at Devo.
    #[schemars(extend("type" = ["string", "integer"], "examples" = ["12351"]))]
    pub id: String,
    /// Whether it is read at all.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Devo's bound of API calls a second, in its older form. Queues and objects need none.
    pub requests_per_second: Option<f64>,
    /// Devo's bounds of API calls, each for itself; at most half of AWS's quota is used in any case. Queues and objects
    /// need none.
    #[serde(default)]
    pub requests_limits: Vec<RequestsLimit>,
    /// Devo's refresh of its service definitions. Here they are part of the program; this changes nothing.
    pub autoconfig: Option<Autoconfig>,
    /// How to sign in.
    pub credentials: Credentials,
    /// Where AWS is, if not at AWS: for private endpoints and emulators.
    pub endpoint_url: Option<String>,
    /// An HTTP proxy to reach AWS through, as in `http://user:password@proxy.example:3128`, or `file:` and the file that
    /// holds it; `none` for none. Unset, the environment decides: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`.
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub proxy: Option<SecretString>,
    /// A file of certificates (PEM) to trust at AWS beside the machine's own, for a proxy that looks inside. Unset,
    /// `AWS_CA_BUNDLE` names it.
    pub ca_bundle: Option<String>,
    /// What is read: sections by the name of a service.
    #[serde(deserialize_with = "by_the_services_themselves")]
    #[schemars(schema_with = "services")]
    pub services: BTreeMap<String, Section>,
}

impl Input {
    /// The user's own bounds of API calls, of both forms.
    pub(crate) fn call_limits(&self) -> Vec<CallLimit> {
        let second = |calls: f64| CallLimit { period: Duration::from_secs_f64(1.0 / calls.max(1e-6)), calls: 1 };
        let older = self.requests_per_second.filter(|calls| calls.is_normal() && *calls > 0.0).map(second);
        let newer = self.requests_limits.iter();
        let newer = newer.map(|limit| CallLimit { period: limit.period.0, calls: limit.number_of_requests });
        older.into_iter().chain(newer).collect()
    }
}

fn yes() -> bool {
    true
}

/// A bound of API calls.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct RequestsLimit {
    /// The time that is counted over.
    pub period: Interval,
    /// How many calls it may see.
    pub number_of_requests: u64,
}

/// Devo's refresh of its service definitions.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Autoconfig {
    /// Whether there is one.
    pub enabled: Option<bool>,
    /// How often.
    pub refresh_interval_in_seconds: Option<Interval>,
}

/// The sections stay trees until the services are there to read them.
fn by_the_services_themselves<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Section>, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| BTreeMap::new())
}

fn services(generator: &mut SchemaGenerator) -> Schema {
    let (mut sections, mut others) = (serde_json::Map::new(), serde_json::Value::Bool(false));
    for service in catalogue() {
        let section = service.schema(generator).to_value();
        if let Some(of) = service.free_type() {
            others = section.clone();
            others[FREE_TYPE] = of.into();
        }
        sections.insert(service.name().to_owned(), section);
    }
    json_schema!({ "title": "service", "type": "object", "properties": sections, "additionalProperties": others })
}
