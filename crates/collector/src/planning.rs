//! The units that a configuration asks for.

use std::sync::Arc;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use quittance_aws::{Account, AccountSettings, Limiters};
use quittance_core::{Unit, World};

use crate::{Config, Files, KeyPath, Problem, catalogue, connectors::Connectors};

/// A unit and where it comes from.
pub(crate) struct PlannedUnit {
    pub(crate) unit: Unit,
    /// The input's name.
    pub(crate) input: String,
    /// The service's name.
    pub(crate) service: String,
    /// Its section.
    pub(crate) section: KeyPath,
}

/// Plans every service of every input; what cannot be planned is noted in `problems`. Nothing is asked of AWS.
pub(crate) async fn plan(
    config: &Config,
    http: Option<&SharedHttpClient>,
    world: &World,
    problems: &mut Vec<Problem>,
) -> Vec<PlannedUnit> {
    let services = catalogue();
    let mut planned = Vec::new();
    let limiters = Limiters::default();
    let mut connectors = Connectors::new(http, Files::beside(&config.path));
    for (input_name, input) in &config.inputs {
        let http = match connectors.of(input) {
            Ok(http) => http,
            Err(error) => {
                let path = KeyPath::of(&["inputs", input_name]);
                problems.push(Problem::error(config.position(&path), &path, error.chain()));
                continue;
            }
        };
        let account = Arc::new(
            Account::new(AccountSettings {
                id: input.id.clone(),
                credentials: input.credentials.clone(),
                endpoint_url: input.endpoint_url.clone(),
                http,
                clock: world.clock.clone(),
                limiters: limiters.clone(),
                call_limits: input.call_limits(),
            })
            .await,
        );
        for (name, section) in &input.services {
            let by_name = services.iter().find(|service| service.name() == name);
            let is_free = |of: &str| section.node.lists("types", of);
            let by_type = || services.iter().find(|service| service.free_type().is_some_and(is_free));
            // The schema lets no other section pass.
            let Some(service) = by_name.or_else(by_type) else { continue };
            match service.plan(name, section, &account) {
                Ok(units) => planned.extend(units.into_iter().map(|unit| PlannedUnit {
                    unit,
                    input: input_name.clone(),
                    service: name.clone(),
                    section: section.path.clone(),
                })),
                Err(problem) => problems.push(problem),
            }
        }
    }
    for (index, one) in planned.iter().enumerate() {
        let same = |other: &&PlannedUnit| {
            other.unit.source == one.unit.source && config.inputs[&other.input].id == config.inputs[&one.input].id
        };
        if let Some(other) = planned[..index].iter().find(same) {
            let message = format!("`{}` is read by {} already", one.unit.source, other.section);
            let problem = Problem::error(config.position(&one.section), &one.section, message);
            problems.push(problem.with_hint("give each service a queue of its own, and each input an `id` of its own"));
        }
    }
    planned
}
