//! Everything that can be known of a configuration before it runs: its shape, its certificates, its destinations and
//! the setup of its units.

use std::{collections::BTreeSet, error::Error, sync::Arc};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use futures_util::{StreamExt, future::join_all, stream};
use quittance_aws::{
    Limiters,
    codes::{KEY_REFUSED, NO_CREDENTIALS, SIGN_IN_REFUSED},
};
use quittance_core::{Code, Dial, Estimate, Finding, NoStore, Severity, World};
use quittance_devo::{DevoError, Handshakes, Identity, IdentityFile, Mode, examine_chain, examine_identity};

use crate::{
    CollectorError, Config, KeyPath, Parts, Problem, Problems, codes,
    config::{Documents, Examined, Output},
    destinations,
    outputs::pool,
    planning::{Plan, PlannedUnit, plan},
};

/// Setups under way at a time: enough to be quick, few enough for the quotas of small APIs.
const SETUPS: usize = 8;

/// What a check works with.
pub struct Reach {
    /// Clock and randomness.
    pub world: World,
    /// The connector of all AWS clients; without one, each input's settings make its own.
    pub http: Option<SharedHttpClient>,
    /// How to reach destinations.
    pub dial: Arc<dyn Dial>,
    /// Whether destinations and AWS are asked.
    pub online: bool,
}

/// What a check found.
#[derive(Debug)]
pub struct Report {
    /// Everything that is wrong.
    pub problems: Problems,
    /// The outputs, if the configuration could be read.
    pub outputs: Vec<CheckedOutput>,
    /// The units, if the configuration could be read.
    pub units: Vec<CheckedUnit>,
}

/// An output that was checked.
#[derive(Debug)]
pub struct CheckedOutput {
    /// Its name in the configuration.
    pub name: String,
    /// Where it leads.
    pub destination: String,
    /// Whether the others need not wait for it.
    pub optional: bool,
}

/// A unit that was checked.
#[derive(Debug)]
pub struct CheckedUnit {
    /// Its address.
    pub id: String,
    /// The name of its input.
    pub input: String,
    /// The name of its service.
    pub service: String,
    /// The tag of its events, with `{...}` where an event says a part of it.
    pub tag: String,
    /// What its calls come to in a month; nothing if it was not asked, or cannot be said.
    pub estimate: Option<Estimate>,
}

/// Checks the configuration in `documents`. Only a file that cannot be read is an error.
pub async fn check(documents: impl Into<Documents>, reach: Reach) -> Result<Report, CollectorError> {
    let Examined { config, rest, problems } = Config::examine(documents)?;
    let whole = config.is_some();
    let Some(config) = config.or(rest) else {
        return Ok(Report { problems, outputs: Vec::new(), units: Vec::new() });
    };
    let Reach { world, http, dial, online } = reach;
    // Of what cannot run nobody is asked.
    let online = online && whole;
    let handshakes = Handshakes::default();
    let parts = Parts { world, http, dial, handshakes, store: Arc::new(NoStore), messages: None };
    let mut problems = problems.all;
    let Plan { units: mut planned, organizations } =
        plan(&config, parts.http.as_ref(), &parts.world, &Limiters::default(), &mut problems).await;
    if online {
        for organization in organizations {
            match organization.find().await {
                Ok(found) => planned.extend(found),
                Err(error) => {
                    let path = KeyPath::of(&["inputs", &organization.input, "accounts", "organization"]);
                    let problem = Problem::error(config.position(&path), &path, error.chain());
                    let code = &codes::ORGANIZATION;
                    problems.push(problem.coded(code).with_hint(code.solution));
                }
            }
        }
    }
    let (outputs, (setups, estimates)) = tokio::join!(check_outputs(&config, &parts, online), async {
        match online {
            true => check_setups(&config, &planned).await,
            false => (Vec::new(), vec![None; planned.len()]),
        }
    });
    problems.extend(outputs);
    problems.extend(setups);
    if !whole {
        return Ok(Report { problems: config.problems(problems), outputs: Vec::new(), units: Vec::new() });
    }
    let units = planned.into_iter().zip(estimates).map(|(planned, estimate)| {
        let PlannedUnit { unit, input, service, .. } = planned;
        CheckedUnit { id: unit.id.to_string(), input, service, tag: unit.tag, estimate }
    });
    let outputs = config.outputs.iter().map(|(name, output)| CheckedOutput {
        name: name.clone(),
        destination: match output {
            Output::DevoPlatform(devo) => format!("{}:{}", devo.address, devo.port),
            Output::Relay(relay) => format!("{}:{} over plain TCP", relay.address, relay.port),
            Output::Syslog(syslog) => format!("{}:{}", syslog.address, syslog.port),
            Output::Console(_) => "standard output".to_owned(),
        },
        optional: output.is_optional(),
    });
    Ok(Report { outputs: outputs.collect(), units: units.collect(), problems: config.problems(problems) })
}

pub(crate) async fn check_outputs(config: &Config, parts: &Parts, online: bool) -> Vec<Problem> {
    let checks = config.outputs.iter().map(|(name, output)| check_output(config, name, output, parts, online));
    join_all(checks).await.concat()
}

async fn check_output(config: &Config, name: &str, output: &Output, parts: &Parts, online: bool) -> Vec<Problem> {
    let section = KeyPath::of(&["outputs", name, "config"]);
    let named = match output {
        Output::DevoPlatform(settings) => [&settings.chain, &settings.cert, &settings.key].map(Some),
        Output::Syslog(settings) => [Some(&settings.chain), settings.cert.as_ref(), settings.key.as_ref()],
        Output::Relay(_) | Output::Console(_) => [None; 3],
    };
    let mut problems = check_files(config, &section, parts, named);
    if problems.iter().any(Problem::is_error) {
        return problems;
    }
    let (globals, files) = (&config.globals, config.files());
    let (pool, mode) = match output {
        Output::DevoPlatform(settings) => (pool(name, settings, globals, &files, parts), settings.confirm.mode),
        Output::Relay(settings) => (Ok(destinations::relay(name, settings, globals, parts)), settings.confirm.mode),
        Output::Syslog(settings) => {
            (destinations::syslog(name, settings, globals, &files, parts), settings.confirm.mode)
        }
        Output::Console(_) => return problems,
    };
    let failed = |error: &(dyn Error + 'static), code| {
        Problem::error(config.position(&section), &section, quittance_core::chain(error)).coded(code)
    };
    match pool {
        Err(error) => problems.push(failed(&error, error.code().unwrap_or(&codes::VALUE))),
        Ok(pool) if online => match pool.probe().await {
            Ok(()) => {}
            Err(error @ DevoError::NeverEnded { .. }) if mode != Mode::Closed => {
                let code = &quittance_devo::codes::WEAK_PROOF;
                let problem = Problem { severity: Severity::Warning, ..failed(&error, code) };
                problems.push(problem.with_hint(
                    "deliveries are then confirmed by the peer's acknowledgements, a weaker proof: see `confirm.mode`",
                ));
            }
            Err(error) => {
                // The others do not wait for one that is optional.
                let severity = if output.is_optional() { Severity::Warning } else { Severity::Error };
                let problem = Problem { severity, ..failed(&error, error.code()) };
                problems.push(problem.with_hint(error.code().solution));
            }
        },
        Ok(_) => {}
    }
    problems
}

/// What is wrong with the files of an output: its `chain`, `cert` and `key`.
fn check_files(config: &Config, section: &KeyPath, parts: &Parts, names: [Option<&String>; 3]) -> Vec<Problem> {
    let files = config.files();
    let mut problems = Vec::new();
    let mut find = |key: &str, file: &str| {
        let found = files.find(file);
        found.map_err(|looked| {
            let path = section.key(key);
            let problem = Problem::error(config.position(&path), &path, format!("there is no file `{file}`"));
            let problem = problem.coded(&codes::FILE_MISSING);
            problems.push(problem.with_hint(format!("looked for {looked}")));
        })
    };
    let [chain, cert, key] = ["chain", "cert", "key"];
    let found =
        [chain, cert, key].into_iter().zip(names).map(|(key, name)| name.map(|name| find(key, name)).transpose());
    // All of them, whether or not one is missing.
    let found: Vec<Result<_, ()>> = found.collect();
    let Ok(found) = found.into_iter().collect::<Result<Vec<_>, ()>>() else { return problems };
    let now = parts.world.clock.wall();
    let findings = match &found[..] {
        [Some(chain), Some(cert), Some(key)] => examine_identity(&Identity { chain, cert, key }, now),
        [Some(chain), ..] => examine_chain(chain, now).into_iter().map(|found| (IdentityFile::Chain, found)).collect(),
        _ => Vec::new(),
    };
    for (file, finding) in findings {
        let key = match file {
            IdentityFile::Chain => chain,
            IdentityFile::Cert => cert,
            IdentityFile::Key => key,
        };
        problems.push(of_finding(config, &section.key(key), "", finding));
    }
    problems
}

/// What each unit's setup found, and what its calls come to if it found nothing wrong.
async fn check_setups(config: &Config, planned: &[PlannedUnit]) -> (Vec<Problem>, Vec<Option<Estimate>>) {
    let watch = config.globals.watch();
    let checks = planned.iter().map(|planned| async move {
        let about = format!("unit {}: ", planned.unit.id);
        let (findings, estimate) = match planned.unit.setup.check().await {
            Ok(findings) if findings.iter().any(|finding| finding.severity == Severity::Error) => (findings, None),
            Ok(findings) => (findings, planned.unit.setup.estimate(watch).await.ok()),
            Err(failure) => {
                (vec![Finding::error(failure.code, format!("could not be checked: {}", failure.chain()))], None)
            }
        };
        let problems = findings.into_iter().map(|found| of_setup(config, planned, &about, found));
        (problems.collect::<Vec<_>>(), estimate)
    });
    let (found, estimates): (Vec<_>, Vec<_>) = stream::iter(checks).buffered(SETUPS).unzip().await;
    let mut found = found.concat();
    // Every unit of an account meets the same refusal, each by a call of its own.
    let mut refused = BTreeSet::new();
    found.retain(|problem| !is_of_sign_in(problem.code) || refused.insert((problem.path.clone(), problem.code.number)));
    (found, estimates)
}

/// What concerns who signs in is told where that is said, and not as the unit's own.
fn of_setup(config: &Config, planned: &PlannedUnit, about: &str, found: Finding) -> Problem {
    match is_of_sign_in(found.code) {
        true => of_finding(config, &signed_in_by(config, planned), "", found),
        false => of_finding(config, &planned.section, about, found),
    }
}

fn is_of_sign_in(code: &Code) -> bool {
    [&SIGN_IN_REFUSED, &KEY_REFUSED, &NO_CREDENTIALS].contains(&code)
}

/// The section that says who signs in for a unit.
fn signed_in_by(config: &Config, planned: &PlannedUnit) -> KeyPath {
    let Some(input) = config.inputs.get(&planned.input) else { return planned.section.clone() };
    match input.services.get(&planned.service) {
        Some(section) if section.credentials.is_some() => planned.section.key("credentials"),
        _ if input.accounts.is_some() => KeyPath::of(&["inputs", &planned.input, "accounts"]),
        _ => KeyPath::of(&["inputs", &planned.input, "credentials"]),
    }
}

fn of_finding(config: &Config, path: &KeyPath, about: &str, finding: Finding) -> Problem {
    let problem = Problem::error(config.position(path), path, format!("{about}{}", finding.problem));
    Problem { severity: finding.severity, code: finding.code, ..problem }.with_hint(finding.fix)
}
