//! The units that a configuration asks for.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use quittance_aws::column_names;
use quittance_aws::{
    Account, AwsError, Filters, Limiters, PlanError, SignIn, Way, accounts_of_organization, main_region, partition,
    partition_of_arn,
};
use quittance_core::{Backoff, Finding, Interval, Unit, World};
use tracing::{info, warn};

use crate::{
    Config, Files, KeyPath, Problem, Section,
    catalogue::service_of,
    codes,
    config::{Accounts, Common, Input, likely},
    connectors::Connectors,
    fingerprint::Fingerprint,
};

/// Levels of a tag of Devo's.
const MOST_LEVELS: usize = 6;

/// A unit and where it comes from.
pub(crate) struct PlannedUnit {
    pub(crate) unit: Unit,
    /// The input's name.
    pub(crate) input: String,
    /// The service's name.
    pub(crate) service: String,
    /// Its section.
    pub(crate) section: KeyPath,
    /// Its `reset_persistence_auth`.
    pub(crate) reset: Option<String>,
    /// How often it sees an event at least, as its user expects.
    pub(crate) expect_every: Option<Duration>,
    /// Of everything in the configuration that shapes it.
    pub(crate) fingerprint: Fingerprint,
    /// Who is asked: two units of one must not read the same.
    asked: String,
}

/// What a configuration asks for.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) units: Vec<PlannedUnit>,
    /// The inputs whose accounts AWS must be asked for first.
    pub(crate) organizations: Vec<Organization>,
}

/// An input whose accounts are those of an organization.
pub(crate) struct Organization {
    /// The input's name.
    pub(crate) input: String,
    fingerprint: Fingerprint,
    base: Arc<Account>,
    accounts: Accounts,
    sections: BTreeMap<String, Section>,
}

/// Plans every service of every input; what cannot be planned is noted in `problems`. Nothing is asked of AWS.
pub(crate) async fn plan(
    config: &Config,
    http: Option<&SharedHttpClient>,
    world: &World,
    limiters: &Limiters,
    problems: &mut Vec<Problem>,
) -> Plan {
    let mut plan = Plan::default();
    let (files, limits) = (config.files(), limits_of(config));
    let mut connectors = Connectors::new(http, files.clone());
    for (input_name, input) in &config.inputs {
        let Some(prints) = config.prints.inputs.get(input_name) else { continue };
        let way_print = Fingerprint::of((prints.way, limits, Fingerprint::of_files(&bundle(input, &files))));
        let http = match connectors.of(input) {
            Ok(http) => http,
            Err(error) => {
                let path = KeyPath::of(&["inputs", input_name]);
                problems.push(Problem::error(config.position(&path), &path, error.chain()).coded(error.code()));
                continue;
            }
        };
        let way = Way {
            http,
            clock: world.clock.clone(),
            endpoints: input.endpoints(),
            region: String::new(),
            limiters: limiters.clone(),
            call_limits: input.call_limits(),
        };
        let (own, shared): (Vec<_>, Vec<_>) =
            input.services.iter().partition(|(_, section)| section.credentials.is_some());
        for (name, section) in own {
            let Some(credentials) = &section.credentials else { continue };
            let asked = format!("{} for {name}", input.id);
            let sections = BTreeMap::from([(name.clone(), section.clone())]);
            let account = match credentials.read() {
                Ok(sign_in) => sign_in_to(input, &sign_in, &sections, way.clone()).await,
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            match account {
                Ok(account) => {
                    let asker = Asker { input: input_name, asked: &asked, fingerprint: way_print };
                    plan.units.extend(units(&asker, &sections, &account, problems));
                }
                Err(error) => problems.push(credentials.locate(error)),
            }
        }
        if shared.is_empty() {
            continue;
        }
        let sections = shared.into_iter().map(|(name, section)| (name.clone(), section.clone())).collect();
        let base = match sign_in_to(input, &input.credentials, &sections, way).await {
            Ok(account) => account,
            Err(PlanError { key, problem }) => {
                let path = KeyPath::of(&["inputs", input_name, "credentials", &key]);
                problems.push(Problem::error(config.position(&path), &path, problem).coded(&codes::CREDENTIALS));
                continue;
            }
        };
        let fingerprint = way_print.and(prints.credentials);
        let asker = Asker { input: input_name, asked: &input.id, fingerprint };
        let Some(accounts) = &input.accounts else {
            plan.units.extend(units(&asker, &sections, &base, problems));
            continue;
        };
        if accounts.organization {
            // Their sections are the same for every account: what is wrong with them is told now.
            let planned = units(&asker, &sections, &base, problems);
            read_twice(config, &merged(planned), problems);
            let (input, accounts) = (input_name.clone(), accounts.clone());
            plan.organizations.push(Organization { input, fingerprint, base, accounts, sections });
        } else {
            let members = accounts.numbers(&[]);
            plan.units.extend(units_of(&asker, &base, accounts, &members, &sections, problems));
        }
    }
    plan.units = merged(plan.units);
    read_twice(config, &plan.units, problems);
    plan
}

/// Who is signed in to, for these services.
async fn sign_in_to(
    input: &Input,
    sign_in: &SignIn,
    sections: &BTreeMap<String, Section>,
    way: Way,
) -> Result<Arc<Account>, PlanError> {
    let region = home(input, sign_in, sections)?;
    Account::sign_in(input.id.clone(), sign_in, Way { region, ..way }).await.map(Arc::new)
}

/// The region that STS is asked in: the user's own choice, or the first that is read, or the main one of the roles' partition.
fn home(input: &Input, sign_in: &SignIn, sections: &BTreeMap<String, Section>) -> Result<String, PlanError> {
    let mut in_use = sections.values().flat_map(|section| section.texts("regions"));
    let roles = sign_in.roles().map(|role| ("target_assume_role", role));
    let role = roles.last().and_then(|(key, role)| Some((key, partition_of_arn(role)?)));
    let region = input.region.as_deref().or_else(|| in_use.next());
    let Some((key, of_role)) = role else { return Ok(region.unwrap_or(main_region("aws")).to_owned()) };
    match region {
        Some(region) if partition(region) != of_role => {
            let key = if sign_in.has_target() { key } else { "base_assume_role" };
            let problem = format!(
                "is a role in `{of_role}`, but `{region}` is in `{}`: expected both in one partition",
                partition(region)
            );
            Err(PlanError::new(key, problem))
        }
        Some(region) => Ok(region.to_owned()),
        None => Ok(main_region(of_role).to_owned()),
    }
}

/// The files of certificates to trust at AWS, beside the machine's own.
pub(crate) fn bundle(input: &Input, files: &Files) -> Option<PathBuf> {
    input.ca_bundle.as_ref().map(|name| files.find(name).unwrap_or_else(|_| files.first(name)))
}

/// Of all bounds of calls: they count for whoever asks in the same account.
pub(crate) fn limits_of(config: &Config) -> Fingerprint {
    let bounds = config.inputs.values().map(|input| input.call_limits());
    Fingerprint::of(bounds.map(|all| all.iter().map(|one| (one.period, one.calls)).collect()).collect::<Vec<Vec<_>>>())
}

/// On whose behalf units are planned.
pub(crate) struct Asker<'a> {
    /// The input's name.
    pub(crate) input: &'a str,
    /// Who is asked.
    pub(crate) asked: &'a str,
    /// Of the way there, and of who signs in.
    pub(crate) fingerprint: Fingerprint,
}

/// The units of `sections` in each of these accounts. The account's number is part of their address.
fn units_of(
    asker: &Asker<'_>,
    base: &Account,
    accounts: &Accounts,
    members: &[String],
    sections: &BTreeMap<String, Section>,
    problems: &mut Vec<Problem>,
) -> Vec<PlannedUnit> {
    let mut planned = Vec::new();
    for number in members {
        let Ok(role) = accounts.role_in(number) else { continue };
        let id = format!("{}/{number}", base.id());
        let account = Arc::new(base.in_role(id.clone(), &role));
        let in_role = (number, &accounts.role, &accounts.external_id);
        let asker = Asker { asked: &id, fingerprint: asker.fingerprint.and(in_role), ..*asker };
        planned.extend(units(&asker, sections, &account, problems));
    }
    planned
}

pub(crate) fn units(
    asker: &Asker<'_>,
    sections: &BTreeMap<String, Section>,
    account: &Arc<Account>,
    problems: &mut Vec<Problem>,
) -> Vec<PlannedUnit> {
    let mut planned = Vec::new();
    for (name, section) in sections {
        // The schema lets no other section pass.
        let Some(service) = service_of(name, section) else { continue };
        problems.extend(zero_period(section));
        let common = section.read::<Common>().and_then(|common| {
            let filters = Filters::new(name, &common.filters).map_err(|error| section.locate(error))?;
            Ok((common, filters))
        });
        let (common, filters) = match common {
            Ok(common) => common,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        problems.extend(advice_on_filters(section, &common, &filters));
        let account = match filters.is_empty() {
            true => account,
            false => &Arc::new(account.filtered(Arc::new(filters))),
        };
        let expect_every = common.expect_every.map(|every| every.0).filter(|every| !every.is_zero());
        match service.plan(name, section, account) {
            Ok(units) => {
                problems.extend(service.advice(section).into_iter().map(|(key, found)| of_key(section, key, found)));
                problems.extend(long_tags(section));
                planned.extend(units.into_iter().map(|unit| PlannedUnit {
                    unit,
                    input: asker.input.to_owned(),
                    service: name.clone(),
                    section: section.path.clone(),
                    reset: common.reset_persistence_auth.clone(),
                    expect_every,
                    fingerprint: asker.fingerprint.and((asker.input, asker.asked, name, section.print())),
                    asked: asker.asked.to_owned(),
                }));
            }
            Err(problem) => problems.push(problem),
        }
    }
    planned
}

/// What is likely not meant of filters.
fn advice_on_filters(section: &Section, common: &Common, filters: &Filters) -> Vec<Problem> {
    let said = filters.advice(&common.filters, &codes::FILTERS).into_iter();
    let mut problems: Vec<Problem> = said.map(|(key, found)| of_key(section, &key, found)).collect();
    for (key, column) in Filters::odd_columns(&common.filters) {
        if let Some(near) = likely(column.trim(), column_names()) {
            let problem = format!("no log is known to have a column `{}`", column.trim().escape_debug());
            let fix = format!("did you mean `{near}`?");
            problems.push(of_key(section, &key, Finding::warning(&codes::FILTERS, problem).with_fix(fix)));
        }
    }
    problems
}

/// A time between pulls of nothing, which no service can keep.
fn zero_period(section: &Section) -> Option<Problem> {
    let key = "request_period_in_seconds";
    let zero = section.text(key)?.parse::<Interval>().is_ok_and(|period| period.0.is_zero());
    let problem = "0 is no time between two pulls: expected more, or no such key for the service's own";
    zero.then(|| section.locate(PlanError::new(key, problem)))
}

/// Tags of the user's own that have more levels than Devo's.
fn long_tags(section: &Section) -> Vec<Problem> {
    let tags = section.keys().filter(|key| *key == "tag" || key.ends_with("_tag"));
    let long = tags.filter_map(|key| {
        let levels = section.text(key)?.trim().split('.').count();
        let problem = format!("has {levels} levels: Devo's tags have {MOST_LEVELS} at most");
        let warning = || Finding::warning(&codes::TAG_LEVELS, problem);
        (levels > MOST_LEVELS).then(|| of_key(section, key, warning()))
    });
    long.collect()
}

/// What is found of a section's key, at its place.
fn of_key(section: &Section, key: &str, Finding { code, severity, problem, fix }: Finding) -> Problem {
    Problem { severity, ..section.locate(PlanError::new(key, problem)) }.coded(code).with_hint(fix)
}

/// Units that share a puller become one: that of the last, with the services and tags of all.
fn merged(planned: Vec<PlannedUnit>) -> Vec<PlannedUnit> {
    let mut all: Vec<PlannedUnit> = Vec::with_capacity(planned.len());
    for one in planned {
        match all.iter_mut().find(|other| Arc::ptr_eq(&other.unit.puller, &one.unit.puller)) {
            Some(other) => {
                other.service = format!("{}, {}", other.service, one.service);
                let tag = format!("{}, {}", other.unit.tag, one.unit.tag);
                other.unit = Unit { tag, ..one.unit };
                let words: Vec<_> = other.reset.take().into_iter().chain(one.reset).collect();
                other.reset = Some(words.join(", ")).filter(|words| !words.is_empty());
                other.expect_every = other.expect_every.into_iter().chain(one.expect_every).min();
                other.fingerprint = other.fingerprint.and(one.fingerprint);
            }
            None => all.push(one),
        }
    }
    all
}

fn read_twice(config: &Config, planned: &[PlannedUnit], problems: &mut Vec<Problem>) {
    let mut readers: BTreeMap<_, Vec<(&PlannedUnit, Option<&str>)>> = BTreeMap::new();
    for one in planned {
        let source = &one.unit.source;
        let (source, owner) = plain(source);
        let same = readers.entry((&one.asked, source)).or_default();
        let other = same.iter().find(|(_, other)| owner.is_none() || other.is_none() || owner == *other).copied();
        same.push((one, owner));
        let Some((other, _)) = other else { continue };
        let section = &other.section;
        let (message, hint) = if one.unit.source == other.unit.source {
            let message = format!("`{}` is read by {section} already", one.unit.source);
            (message, "give each input an `id` of its own, and name each queue in one input alone")
        } else {
            let message = format!("`{}` is the queue that {section} reads as `{}`", one.unit.source, other.unit.source);
            (message, "write the queue the same way in both; if they are queues of two accounts, write both URLs")
        };
        let problem = Problem::error(config.position(&one.section), &one.section, message).coded(&codes::READ_TWICE);
        problems.push(problem.with_hint(hint));
    }
}

/// A source with a queue's URL as with its name, and the account in that URL.
fn plain(source: &str) -> ((&str, &str), Option<&str>) {
    let Some((region, url)) = source.split_once('/').filter(|(_, queue)| queue.contains("://")) else {
        return (source.split_once('/').unwrap_or(("", source)), None);
    };
    let mut parts = url.trim_end_matches('/').rsplit('/');
    let name = parts.next().unwrap_or_default();
    ((region, name), parts.next())
}

impl Organization {
    /// The units of all accounts that there are now.
    pub(crate) async fn find(&self) -> Result<Vec<PlannedUnit>, AwsError> {
        let found = accounts_of_organization(&self.base).await?;
        let members = self.accounts.numbers(&found);
        info!(input = self.input, accounts = members.len(), "accounts of the organization found");
        let asker = Asker { input: &self.input, asked: self.base.id(), fingerprint: self.fingerprint };
        // Sections were planned once without a problem.
        Ok(merged(units_of(&asker, &self.base, &self.accounts, &members, &self.sections, &mut Vec::new())))
    }

    /// The same, however long it takes; with the input's name.
    pub(crate) async fn found(self, World { clock, random }: World) -> (String, Vec<PlannedUnit>) {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(300), random.fork());
        loop {
            match self.find().await {
                Ok(units) => return (self.input, units),
                Err(error) => {
                    warn!(input = self.input, code = %codes::ORGANIZATION, error = error.chain(), "the accounts of the organization cannot be listed yet");
                }
            }
            clock.sleep(backoff.wait()).await;
        }
    }
}
