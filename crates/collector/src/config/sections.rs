//! The sections of a configuration as types. Their doc comments are what a user reads in the schema.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use quittance_aws::{CallLimit, Endpoints, FilterSection, PlanError, Role, SignIn, is_account};
use quittance_core::Interval;
use quittance_devo::{Confirm, Newline};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::Value as Json;

use super::{Section, schema::FREE_TYPE};
use crate::catalogue;

/// How often a running unit is checked again: what is taken from it is said within a minute.
const WATCH: Duration = Duration::from_secs(45);

/// The same at the shortest.
const SHORTEST_WATCH: Duration = Duration::from_secs(10);

/// How long a unit may stand still before that is said.
const UNHEALTHY_AFTER: Duration = Duration::from_secs(300);

/// The same at the shortest: a confirmation alone takes some seconds.
const SHORTEST_STANDSTILL: Duration = Duration::from_secs(30);

/// How often files are looked at for changes.
const RELOAD: Duration = Duration::from_secs(5);

/// The same at the shortest.
const SHORTEST_RELOAD: Duration = Duration::from_millis(100);
/// The shortest token of the page, in characters.
const SHORTEST_TOKEN: usize = 16;

/// The collector itself.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Globals {
    /// Whether debug lines are logged too. `QUITTANCE_LOG` in the environment says it more closely, and wins.
    #[serde(default)]
    pub debug: bool,
    /// Its short id, for its log.
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
    /// How many MiB of events may be on their way in memory at a time; 32 if that is less.
    pub queue_max_size_in_mb: Option<usize>,
    /// How many events may be on their way in memory at a time. What was read together goes together, even if it is more.
    pub queue_max_size_in_messages: Option<usize>,
    /// How long events may be on their way until their delivery is confirmed, if that is less than an output's
    /// `confirm.interval`; 1 second at least.
    pub queue_max_elapsed_time_in_sec: Option<Interval>,
    /// How many messages Devo's collector puts together. Here what is read together stays so; this changes nothing.
    pub queue_wrap_max_size_in_messages: Option<u64>,
    /// The tag of the collector's own warnings and statistics, which every Devo output then gets as JSON events. Unset,
    /// they are only logged.
    #[schemars(extend("examples" = ["my.app.quittance.internal"]))]
    pub internal_tag: Option<String>,
    /// Our own bound of events on their way, in bytes, instead of Devo's or 32 MiB.
    pub outlet_max_bytes: Option<usize>,
    /// How often it is proved again, while a unit runs, that it may still do all it needs; 45 seconds if unset. It costs a few
    /// calls each time.
    #[schemars(extend("examples" = ["5m"]))]
    pub permission_check_interval: Option<Interval>,
    /// How long a unit that has work may stand still before it counts as unhealthy, and that is said; 5 minutes if unset, 30
    /// seconds at least.
    #[schemars(extend("examples" = ["5m"]))]
    pub unhealthy_after: Option<Interval>,
    /// The address and port where probes and metrics are answered (`/livez`, `/readyz`, `/healthz`, `/metrics`); none if unset.
    /// Whoever reaches it learns the names of units, tables and outputs, and numbers, and nothing else.
    #[schemars(extend("examples" = ["127.0.0.1:9464"]))]
    pub probes_address: Option<SocketAddr>,
    /// How often the configuration, and the certificates and secrets that it names, are looked at: what has changed is read again
    /// and taken, if it is right. 5 seconds if unset; 0 for never, then only SIGHUP does.
    #[schemars(extend("examples" = ["5s"]))]
    pub reload_interval: Option<Interval>,
    /// The address and port of the status page, for a browser and `quittance tap`; none if unset. It shows live events to who
    /// asks for them: one that is not this machine's own alone (`127.0.0.1`, `::1`) needs a `page_token`.
    #[schemars(extend("examples" = ["127.0.0.1:9465"]))]
    pub page_address: Option<SocketAddr>,
    /// What who opens the status page must know, 16 characters at least: in a browser, the password of any name; or `file:` and
    /// the file that holds it. Behind it travel events: put a proxy with TLS before a page that is reached from elsewhere.
    #[schemars(with = "Option<String>", extend("writeOnly" = true))]
    pub page_token: Option<SecretString>,
}

/// What may be said of the collector itself by who does not run it, in the place of the same keys of `globals`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct GlobalOverrides {
    /// Whether debug lines are logged.
    pub debug: Option<bool>,
    /// The tag of the collector's own warnings and statistics.
    pub internal_tag: Option<String>,
}

impl Globals {
    /// How often a unit that runs is checked again.
    pub fn watch(&self) -> Duration {
        self.permission_check_interval.map_or(WATCH, |Interval(every)| every.max(SHORTEST_WATCH))
    }

    /// How long a unit may stand still.
    pub fn unhealthy_after(&self) -> Duration {
        self.unhealthy_after.map_or(UNHEALTHY_AFTER, |Interval(after)| after.max(SHORTEST_STANDSTILL))
    }

    /// How often files are looked at for changes, if they are.
    pub fn reload_interval(&self) -> Option<Duration> {
        self.reload_interval
            .map_or(Some(RELOAD), |Interval(every)| (!every.is_zero()).then(|| every.max(SHORTEST_RELOAD)))
    }

    /// What is wrong with who may see the page: the key, what it is, and what to do.
    pub(crate) fn check_page(&self) -> Option<(&'static str, String, &'static str)> {
        let address = self.page_address?;
        match &self.page_token {
            Some(token) if token.expose_secret().chars().count() < SHORTEST_TOKEN => {
                let problem = format!("is too short: expected {SHORTEST_TOKEN} characters at least");
                Some(("page_token", problem, "`openssl rand -hex 16` makes one"))
            }
            None if !address.ip().is_loopback() => {
                let problem = format!(
                    "`{address}` can be reached from elsewhere, and the page shows events: expected a `page_token`"
                );
                Some(("page_address", problem, "or write 127.0.0.1 in the place of the address"))
            }
            _ => None,
        }
    }

    pub(crate) fn override_with(&mut self, overrides: &GlobalOverrides) {
        self.debug = overrides.debug.unwrap_or(self.debug);
        if overrides.internal_tag.is_some() {
            self.internal_tag.clone_from(&overrides.internal_tag);
        }
    }
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
    /// How long something may stay in the quarantine before it is discarded; for ever if unset.
    #[schemars(extend("examples" = ["90d"]))]
    pub quarantine_max_age: Option<Interval>,
}

impl Default for PersistenceConfig {
    fn default() -> Self {
        PersistenceConfig {
            directory_name: "state".to_owned(),
            quarantine_max_bytes: 256 << 20,
            quarantine_max_age: None,
        }
    }
}

/// A destination.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "config", rename_all = "snake_case")]
pub enum Output {
    /// Devo's load balancer.
    DevoPlatform(DevoPlatform),
    /// A relay of Devo's in one's own network.
    Relay(Relay),
    /// A receiver of syslog over TLS.
    Syslog(Syslog),
    /// Standard output, one line an event: for trying things out.
    Console(Console),
}

impl Output {
    /// Whether the others need not wait for it.
    pub fn is_optional(&self) -> bool {
        match self {
            Output::DevoPlatform(devo) => devo.optional,
            Output::Relay(relay) => relay.optional,
            Output::Syslog(syslog) => syslog.optional,
            Output::Console(console) => console.optional,
        }
    }
}

/// Standard output.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "ConsoleOutput")]
pub struct Console {
    /// Whether the other outputs need not wait for it; what it cannot take is then lost to it, and counted.
    #[serde(default)]
    pub optional: bool,
}

/// A relay of Devo's in one's own network, which is reached over plain TCP: anybody on the way can read events, and change them.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "RelayOutput")]
pub struct Relay {
    /// Whether the other outputs need not wait for it; what it cannot take is then lost to it, and counted.
    #[serde(default)]
    pub optional: bool,
    /// Host name or address.
    #[schemars(extend("examples" = ["relay.example"]))]
    pub address: String,
    /// TCP port: that of the relay's rule for events that are tagged already.
    #[schemars(extend("examples" = [13000]))]
    pub port: u16,
    /// When deliveries are confirmed.
    #[serde(default)]
    pub confirm: Confirm,
    /// What becomes of a newline inside an event.
    #[serde(default)]
    pub newline: Newline,
}

/// A receiver of syslog over TLS (RFC 5425), which gets each event as a message of RFC 5424.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "SyslogOutput")]
pub struct Syslog {
    /// Whether the other outputs need not wait for it; what it cannot take is then lost to it, and counted.
    #[serde(default)]
    pub optional: bool,
    /// Host name or address, as the server's certificate must carry it.
    #[schemars(extend("examples" = ["syslog.example"]))]
    pub address: String,
    /// TCP port.
    #[serde(default = "syslog_tls")]
    pub port: u16,
    /// The certificates that the server's must descend from; a file in `certs/`.
    #[schemars(extend("examples" = ["chain.crt"]))]
    pub chain: String,
    /// Our certificate, if the server asks for one; a file in `certs/`.
    #[schemars(extend("examples" = ["client.crt"]))]
    pub cert: Option<String>,
    /// Its private key; a file in `certs/`.
    #[schemars(extend("examples" = ["client.key"]))]
    pub key: Option<String>,
    /// When deliveries are confirmed.
    #[serde(default)]
    pub confirm: Confirm,
}

fn syslog_tls() -> u16 {
    6514
}

/// Where Devo is, and our certificate there.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DevoPlatform {
    /// Whether the other outputs need not wait for it; what it cannot take is then lost to it, and counted.
    #[serde(default)]
    pub optional: bool,
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
    /// Devo's bound of API calls a second, in its older form.
    pub requests_per_second: Option<f64>,
    /// Devo's bounds of API calls, for each API in each account and region by itself; at most half of AWS's quota is used
    /// in any case, where calls of queues and objects are not meant.
    #[serde(default)]
    pub requests_limits: Vec<RequestsLimit>,
    /// Devo's refresh of its service definitions. Here they are part of the program; this changes nothing.
    pub autoconfig: Option<Autoconfig>,
    /// How to sign in. Left out, the machine's own credentials are used.
    #[serde(default)]
    pub credentials: SignIn,
    /// Other accounts to read in place of the one that is signed in to: each by a role there.
    pub accounts: Option<Accounts>,
    /// The region that is asked about the account as a whole, STS first of all. Unset, the first one that a service reads.
    #[schemars(extend("examples" = ["eu-west-1"]))]
    pub region: Option<String>,
    /// Where AWS is, if not at AWS: for private endpoints and emulators. `{region}` in it stands for the region.
    pub endpoint_url: Option<String>,
    /// The same for single services, as for VPC endpoints: `cloudtrail`, `events`, `guardduty`, `logs`, `monitoring`,
    /// `organizations`, `s3`, `sqs`, `sts`.
    #[serde(default)]
    #[schemars(extend("examples" = ["{sqs: \"https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com\"}"]))]
    pub endpoints: BTreeMap<String, String>,
    /// Whether AWS's endpoints with FIPS 140 cryptography are used.
    #[serde(default)]
    pub use_fips_endpoint: bool,
    /// Whether AWS's endpoints for IPv4 and IPv6 are used.
    #[serde(default)]
    pub use_dualstack_endpoint: bool,
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

/// Accounts that one input reads, each by the role of the same name there.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Accounts {
    /// The ARN of the role to assume in each, with `{account}` in the place of its number.
    #[schemars(extend("examples" = ["arn:aws:iam::{account}:role/quittance"]))]
    pub role: String,
    /// The external id that these roles want to hear.
    #[serde(alias = "assume_role_external_id")]
    #[schemars(extend("x-aliases" = ["assume_role_external_id"]))]
    pub external_id: Option<String>,
    /// Their numbers, twelve digits each.
    #[serde(default)]
    #[schemars(extend("examples" = [["\"111122223333\""]]))]
    pub ids: Vec<String>,
    /// Whether all active accounts of the organization are read. They are listed at each start; who signs in must be its
    /// management account, or one that may list it.
    #[serde(default)]
    pub organization: bool,
    /// Numbers of accounts that are left out.
    #[serde(default)]
    pub except: Vec<String>,
}

impl Accounts {
    /// The role in one of the accounts.
    pub(crate) fn role_in(&self, number: &str) -> Result<Role, PlanError> {
        Role::new(("role", "external_id"), &self.role.replace("{account}", number), self.external_id.as_deref())
    }

    /// Which accounts are read, of those that were listed and those that were found, in order.
    pub(crate) fn numbers(&self, found: &[String]) -> Vec<String> {
        let all = self.ids.iter().chain(found).filter(|number| !self.except.contains(number)).cloned();
        let mut all: Vec<String> = all.collect();
        all.sort();
        all.dedup();
        all
    }

    /// What cannot be meant.
    pub(crate) fn check(&self, credentials: &SignIn) -> Result<(), PlanError> {
        if !self.role.contains("{account}") {
            let problem = "names one role: expected `{account}` in the place of the number, as in \
                           `arn:aws:iam::{account}:role/quittance`";
            return Err(PlanError::new("role", problem));
        }
        self.role_in("111122223333")?;
        for (key, numbers) in [("ids", &self.ids), ("except", &self.except)] {
            if let Some(odd) = numbers.iter().find(|number| !is_account(number)) {
                let problem = format!("`{}` is no account: expected its number, twelve digits", odd.escape_debug());
                return Err(PlanError::new(key, problem));
            }
        }
        if self.ids.is_empty() && !self.organization {
            return Err(PlanError::new("ids", "no account is named: expected `ids`, or `organization: true`"));
        }
        if credentials.has_target() {
            let problem = "stands beside `credentials.target_assume_role`: expected one of them, since both say which role is \
                           assumed last";
            return Err(PlanError::new("role", problem));
        }
        Ok(())
    }
}

impl Input {
    /// Where AWS is.
    pub(crate) fn endpoints(&self) -> Endpoints {
        Endpoints {
            all: self.endpoint_url.clone(),
            services: self.endpoints.clone(),
            fips: self.use_fips_endpoint,
            dual_stack: self.use_dualstack_endpoint,
        }
    }

    /// What cannot be meant of how the input is reached; the key of a problem is relative to the input.
    pub(crate) fn check_way(&self) -> Vec<PlanError> {
        let below = |section: &str, result: Result<(), PlanError>| {
            result.err().map(|PlanError { key, problem }| PlanError::new(&format!("{section}.{key}"), problem))
        };
        let mut problems = Vec::new();
        problems.extend(below("credentials", self.credentials.check()));
        problems.extend(self.accounts.as_ref().and_then(|all| below("accounts", all.check(&self.credentials))));
        for service in self.endpoints.keys().filter(|name| Endpoints::names().all(|known| known != *name)) {
            let known: Vec<_> = Endpoints::names().collect();
            let problem = format!("no service of this name is asked: expected one of `{}`", known.join("`, `"));
            problems.push(PlanError::new(&format!("endpoints.{service}"), problem));
        }
        if self.requests_per_second.is_some_and(|calls| !calls.is_finite() || calls <= 0.0) {
            let problem = "would allow no call at all: expected more than 0, or no such key for no bound of one's own";
            problems.push(PlanError::new("requests_per_second", problem));
        }
        for limit in &self.requests_limits {
            let zero = [("period", limit.period.0.is_zero()), ("number_of_requests", limit.number_of_requests == 0)];
            for (key, _) in zero.into_iter().filter(|(_, zero)| *zero) {
                let problem = format!("`{key}` is 0 and would allow no call at all: expected more, or no such bound");
                problems.push(PlanError::new("requests_limits", problem));
            }
        }
        let custom = self.endpoint_url.is_some() || !self.endpoints.is_empty();
        for (key, set) in
            [("use_fips_endpoint", self.use_fips_endpoint), ("use_dualstack_endpoint", self.use_dualstack_endpoint)]
        {
            if set && custom {
                let problem = "chooses among AWS's own endpoints: expected it without `endpoint_url` and `endpoints`";
                problems.push(PlanError::new(key, problem));
            }
        }
        problems
    }

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

/// Every service may have its own.
pub(crate) const CREDENTIALS: &str = "credentials";

fn credentials_of_service(generator: &mut SchemaGenerator) -> Json {
    let mut schema = generator.subschema_for::<SignIn>();
    schema.insert(
        "description".to_owned(),
        "How to sign in for this service alone, instead of the input's `credentials` and `accounts`.".into(),
    );
    schema.to_value()
}

/// Keys that every service has besides its own.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Common {
    /// Any word. Whenever it is another one than before, what is remembered of how far the service has come (checkpoints,
    /// and the events that were delivered) is forgotten once at the start, and read from its `start_time` again.
    #[schemars(extend("type" = ["string", "integer", "null"], "examples" = ["2026-01-15"]))]
    pub reset_persistence_auth: Option<String>,
    /// How often there is an event at least. If there is none for that long, the cause is looked for and said, in the log and in
    /// the health of the unit. Never, if unset.
    #[schemars(extend("examples" = ["2h"]))]
    pub expect_every: Option<Interval>,
    /// What is dropped, sent to another table, masked or sampled on the way, by what events say: the first filter that matches
    /// decides, and what none matches is sent.
    #[serde(default)]
    pub filters: Vec<FilterSection>,
}

fn services(generator: &mut SchemaGenerator) -> Schema {
    let mut common = Common::json_schema(generator);
    let credentials = credentials_of_service(generator);
    if let Some(Json::Object(keys)) = common.get_mut("properties") {
        keys.insert(CREDENTIALS.to_owned(), credentials);
    }
    let (mut sections, mut others) = (serde_json::Map::new(), Json::Bool(false));
    for service in catalogue() {
        let schema = service.schema(generator);
        let section = with_keys(schema, &common, generator).to_value();
        if let Some(of) = service.free_type() {
            others = section.clone();
            others[FREE_TYPE] = of.into();
        }
        sections.insert(service.name().to_owned(), section);
    }
    json_schema!({ "title": "service", "type": "object", "properties": sections, "additionalProperties": others })
}

/// Adds the keys of `more` to a section, where it is defined.
fn with_keys(mut section: Schema, more: &Schema, generator: &mut SchemaGenerator) -> Schema {
    let properties = more.get("properties").and_then(Json::as_object).cloned().unwrap_or_default();
    let name = section.get("$ref").and_then(Json::as_str).and_then(|reference| reference.rsplit('/').next());
    let keys = match name.map(str::to_owned) {
        Some(name) => {
            generator.definitions_mut().get_mut(&name).and_then(|definition| definition.get_mut("properties"))
        }
        None => section.get_mut("properties"),
    };
    if let Some(Json::Object(keys)) = keys {
        keys.extend(properties);
    }
    section
}
