//! What would become of samples, by a service's section as it stands in a configuration: nothing is asked of AWS or of a
//! destination, and no credentials are needed.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use quittance_aws::Account;
use quittance_core::{Failure, Judged, Sample, Unit, World, codes::NOT_JUDGED};

use crate::{
    CollectorError, Config, Documents, Problem, Problems, Section,
    catalogue::catalogue,
    config::Examined,
    fingerprint::Fingerprint,
    planning::{Asker, units},
};

/// Whose events samples are.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The configuration; without one, the service as it is with nothing set.
    pub documents: Option<Documents>,
    /// The input; may be left out where one alone has the service.
    pub input: Option<String>,
    /// The service, by the name of its section.
    pub service: String,
}

/// Judges samples, each by the unit of the service that it fits best. The answer is in the order of the samples.
pub async fn judge(wanted: &Wanted, samples: &[Sample]) -> Result<Vec<Vec<Judged>>, CollectorError> {
    let examined = match &wanted.documents {
        Some(documents) => Config::examine(documents.clone())?,
        None => Config::examine_text(with_nothing_set(&wanted.service)?.as_bytes(), Path::new("none"), &|_| {
            Ok(String::new())
        }),
    };
    let (input, section, problems) = section(examined, wanted)?;
    let account = Arc::new(Account::of_samples(World::system().clock).await);
    let mut found = Vec::new();
    let sections = BTreeMap::from([(wanted.service.clone(), section)]);
    let asker = Asker { input: &input, asked: "samples", fingerprint: Fingerprint::of(()) };
    let planned = units(&asker, &sections, &account, &mut found);
    if found.iter().any(Problem::is_error) {
        return Err(CollectorError::Config(Problems::new(problems.documents, found)));
    }
    // A region after the other has the same kinds.
    let units: Vec<Unit> = planned.into_iter().map(|planned| planned.unit).collect();
    let mut all = Vec::with_capacity(samples.len());
    for sample in samples {
        let said =
            |Failure { error, code, .. }| CollectorError::Sample { name: sample.name.clone(), source: error, code };
        let ranked = units.iter().filter_map(|unit| Some((unit.puller.takes(sample)?, unit)));
        let best = ranked.reduce(|best, one| if one.0 > best.0 { one } else { best });
        let Some((_, unit)) = best else {
            let why = "no unit of the service reads such a thing; one that composes its events, as `metrics-all` does, has no samples";
            return Err(CollectorError::Sample { name: sample.name.clone(), source: why.into(), code: &NOT_JUDGED });
        };
        all.push(unit.puller.judge(sample).await.map_err(said)?);
    }
    Ok(all)
}

/// The section that is asked for. What is wrong elsewhere, or with secrets that are not there, is of no matter.
fn section(examined: Examined, wanted: &Wanted) -> Result<(String, Section, Problems), CollectorError> {
    let Examined { config, rest, problems } = examined;
    let is_of_section = |problem: &Problem| matches!(problem.path.keys()[..], ["inputs", _, "services", service, ..] if service == wanted.service);
    if problems.all.iter().any(|problem| problem.is_error() && is_of_section(problem)) {
        return Err(CollectorError::Config(problems));
    }
    let Some(config) = config.or(rest) else { return Err(CollectorError::Config(problems)) };
    let has = |name: &String| wanted.input.as_ref().is_none_or(|input| input == name);
    let mut names = Vec::new();
    let mut found = Vec::new();
    for (name, input) in config.inputs.into_iter().filter(|(name, _)| has(name)) {
        names.extend(input.services.keys().cloned());
        found.extend(
            input
                .services
                .into_iter()
                .filter(|(service, _)| *service == wanted.service)
                .map(|(_, section)| (name.clone(), section)),
        );
    }
    match found.len() {
        0 => Err(CollectorError::NoService { service: wanted.service.clone(), names }),
        1 => {
            let (name, section) = found.remove(0);
            Ok((name, section, problems))
        }
        _ => {
            let problem = format!("several inputs have a service `{}`", wanted.service);
            Err(CollectorError::Input { problem, names: found.into_iter().map(|(name, _)| name).collect() })
        }
    }
}

/// A configuration of one service, with what it cannot be without.
fn with_nothing_set(service: &str) -> Result<String, CollectorError> {
    let keys = match service {
        "service-events-all" | "sqs-cloudwatch-consumer" => "cloudwatch_sqs_queue_name: samples",
        "audit-events-all" => "types: [audits_s3, audits_api], audit_sqs_queue_name: samples",
        "non-cloudwatch-logs" => {
            "types: [vpcflowlogs, cloudfront], vpcflowlogs_sqs_queue_name: samples, cloudfront_sqs_queue_name: samples"
        }
        "cisco-umbrella" => "cisco_umbrella_sqs_queue_name: samples",
        "voiso" => "voiso_sqs_queue_name: samples",
        "custom-logs" => "log_groups: [samples], tag: my.app.logs.samples",
        _ => "",
    };
    if !catalogue().iter().any(|one| one.name() == service) {
        let names = catalogue().iter().map(|one| one.name().to_owned()).collect();
        return Err(CollectorError::NoService { service: service.to_owned(), names });
    }
    let comma = if keys.is_empty() { "" } else { ", " };
    let services = format!("{{{service}: {{regions: [us-east-1]{comma}{keys}}}}}");
    Ok(format!(
        "globals: {{id: \"1\", name: samples}}\noutputs: {{none: {{type: console}}}}\ninputs: {{samples: {{id: \"1\", services: {services}}}}}\n"
    ))
}
