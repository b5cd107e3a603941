//! A collector at work: its units and outputs, and what a reload makes of them.

use std::{ops::ControlFlow, pin::pin};

use quittance_aws::Limiters;
use quittance_core::{Output as End, Supervisor, Watchdog, chain};
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use crate::{
    CollectorError, Config, Parts, age,
    check::check_outputs,
    codes,
    collector::{bound_outputs, unhealthy_after},
    config::{Examined, Output},
    fleet::Fleet,
    outputs::{Outputs, names, prepare},
    planning::{Organization, Plan, PlannedUnit, limits_of, plan},
    reloader::Reloader,
    sights::Sights,
};

/// Everything that a reload may change, and what it needs for that.
pub(crate) struct Running {
    pub(crate) config: Config,
    pub(crate) parts: Parts,
    pub(crate) supervisor: Supervisor,
    pub(crate) outputs: Outputs,
    pub(crate) limiters: Limiters,
    pub(crate) reloader: Reloader,
    pub(crate) fleet: Fleet,
    /// The organizations whose accounts are being looked for.
    pub(crate) finding: JoinSet<(String, Vec<PlannedUnit>)>,
}

impl Running {
    /// Runs until it is stopped and every unit has ended.
    pub(crate) async fn run(mut self, plan: Plan) {
        let (stop, clock) = (self.supervisor.stop.clone(), self.supervisor.world.clock.clone());
        let most = self.config.globals.persistence.config.quarantine_max_age.map(|age| age.0);
        let mut aging = pin!(age::watch(self.supervisor.store.clone(), clock, most));
        self.set_units(plan);
        let mut goes_on = true;
        while goes_on {
            let mut watching = pin!(self.watchdog().run());
            // Until others are to be watched.
            while goes_on {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {
                        self.finding.abort_all();
                        tokio::select! {
                            biased;
                            () = self.fleet.ended() => {}
                            () = &mut aging => {}
                            never = &mut watching => match never {},
                        }
                        goes_on = false;
                    }
                    Some(Ok((input, units))) = self.finding.join_next() => self.set_found(&input, units),
                    () = self.reloader.asked() => if Box::pin(self.reload()).await.is_break() { break },
                    () = self.fleet.tidy() => {}
                    () = &mut aging => {}
                    never = &mut watching => match never {},
                }
            }
        }
    }

    /// What is seen of it, as it is now.
    pub(crate) fn sights(&self) -> Sights {
        let (config, files) = (&self.config, self.config.files());
        let certificate = |(name, output): (&String, &Output)| match output {
            Output::DevoPlatform(settings) => Some((name.clone(), files.find(&settings.cert).ok()?)),
            Output::Syslog(settings) => Some((name.clone(), files.find(settings.cert.as_ref()?).ok()?)),
            Output::Relay(_) | Output::Console(_) => None,
        };
        Sights {
            id: config.globals.id.clone(),
            name: config.globals.name.clone(),
            calls: self.limiters.calls().clone(),
            senders: self.outputs.views(),
            certificates: config.outputs.iter().filter_map(certificate).collect(),
            configuration: config.shown().to_owned(),
            debug: config.globals.debug,
        }
    }

    fn watchdog(&self) -> Watchdog {
        let Supervisor { health, ledger, outputs, world, .. } = &self.supervisor;
        let (health, ledger, outputs, clock) = (health.clone(), ledger.clone(), outputs.clone(), world.clock.clone());
        Watchdog { health, ledger, outputs, clock, unhealthy_after: unhealthy_after(&self.config) }
    }

    /// Makes the planned units of those that run, and looks for the accounts of organizations.
    fn set_units(&mut self, Plan { units, organizations }: Plan) {
        let looked_for: Vec<_> = organizations.iter().map(|one| one.input.clone()).collect();
        // Their units go on until it is known which there are.
        let concerns = |found_by: Option<&str>| found_by.is_none_or(|input| !looked_for.iter().any(|one| one == input));
        let changes = self.fleet.reconcile(&self.supervisor, units, None, concerns);
        let crate::fleet::Changes { started, restarted, stopped, unchanged } = changes;
        info!(started, restarted, stopped, unchanged, "units");
        self.finding = JoinSet::new();
        for organization in organizations {
            self.finding.spawn(Organization::found(organization, self.supervisor.world.clone()));
        }
    }

    fn set_found(&mut self, input: &str, units: Vec<PlannedUnit>) {
        let changes = self.fleet.reconcile(&self.supervisor, units, Some(input), |found_by| found_by == Some(input));
        let crate::fleet::Changes { started, restarted, stopped, unchanged } = changes;
        info!(input, started, restarted, stopped, unchanged, "units of the organization's accounts");
    }

    /// Reads the configuration again, and takes it if it is right. Breaks if others are to be watched than before.
    async fn reload(&mut self) -> ControlFlow<()> {
        let at = self.supervisor.world.clock.wall();
        let health = self.supervisor.health.clone();
        let taken = match Box::pin(self.try_reload()).await {
            Ok(()) => {
                info!("configuration reloaded");
                health.reload(at, Ok(()));
                ControlFlow::Break(())
            }
            Err(refused) => {
                let reason = chain(&refused).lines().map(str::trim).collect::<Vec<_>>().join("; ");
                error!(code = %codes::RELOAD_REFUSED, "the changed configuration is refused, and the one before goes on: {reason}");
                health.reload(at, Err(reason));
                ControlFlow::Continue(())
            }
        };
        self.reloader.show(self.sights());
        taken
    }

    async fn try_reload(&mut self) -> Result<(), CollectorError> {
        self.reloader.reading();
        let examined = Config::examine(self.config.documents.clone());
        let Examined { config, rest, problems } = match examined {
            Ok(examined) => examined,
            Err(unread) => {
                self.reloader.was_read(None, None);
                return Err(unread);
            }
        };
        let Some(mut config) = config else {
            self.reloader.was_read(None, rest.as_ref());
            return Err(CollectorError::Config(problems));
        };
        config.warnings = problems.all;
        let taken = self.take(&config).await;
        match taken {
            Ok(()) => {
                self.reloader.was_read(Some(&config), None);
                self.config = config;
                Ok(())
            }
            Err(refused) => {
                self.reloader.was_read(None, Some(&config));
                Err(refused)
            }
        }
    }

    /// Takes another configuration, as a whole or not at all.
    async fn take(&mut self, config: &Config) -> Result<(), CollectorError> {
        let fixed = self.config.prints.need_restart(&config.prints);
        if !fixed.is_empty() {
            return Err(CollectorError::NeedsRestart { keys: fixed });
        }
        let mut problems = check_outputs(config, &self.parts, false).await;
        problems.extend(bound_outputs(config));
        // The paces that AWS was asked at go on, unless the user wants other ones.
        let limiters = match limits_of(config) == limits_of(&self.config) {
            true => self.limiters.clone(),
            false => Limiters::default(),
        };
        let plan = plan(config, self.parts.http.as_ref(), &self.parts.world, &limiters, &mut problems).await;
        let problems = config.problems(problems);
        if problems.errors() > 0 {
            return Err(CollectorError::Config(problems));
        }
        let prepared = prepare(config, &self.parts)?;
        for warning in config.warnings.iter().chain(&problems.all) {
            warn!("{}:{warning}", problems.file(warning).display());
        }
        // From here on nothing is refused.
        let outputs = self.outputs.apply(prepared);
        let ends = self.outputs.ends();
        if names(&ends) != names(&self.supervisor.outputs) {
            self.supervisor.health.set_outputs(ends.iter().map(End::readiness).collect());
            self.supervisor.outputs = ends;
        }
        self.supervisor.watch = config.globals.watch();
        self.limiters = limiters;
        if outputs > 0 {
            info!(outputs, "outputs changed");
        }
        self.set_units(plan);
        Ok(())
    }
}
