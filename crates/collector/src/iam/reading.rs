//! Who reads what: the services of an input, by how they sign in.

use std::collections::BTreeSet;

use quittance_aws::{Fed, PlanError, Reads, Role, SignIn, Source, is_account};
use secrecy::ExposeSecret;

use crate::{
    CollectorError, Config, Problems, Section,
    catalogue::service_of,
    config::{Accounts, Common, Input},
};

/// A way to sign in, and what is read by it.
pub(super) struct Reader {
    /// The service that signs in so for itself; all others of the input if there is none.
    pub(super) service: Option<String>,
    /// Whether it begins with an access key, not with the machine's own credentials.
    pub(super) key: bool,
    /// Whether the first role is `base_assume_role`, which is in the account that signs in.
    pub(super) base: bool,
    /// The roles that are assumed, in their order.
    pub(super) roles: Vec<Role>,
    /// Accounts that are read in place of the one that is signed in to.
    pub(super) accounts: Option<Accounts>,
    /// What is read.
    pub(super) sources: Vec<Source>,
    /// The region that what belongs to an account as a whole stands in.
    pub(super) home: String,
}

/// The enabled input of that name; the only one if none is named.
pub(super) fn input<'c>(config: &'c Config, name: Option<&str>) -> Result<(&'c str, &'c Input), CollectorError> {
    let problem = |problem: String| {
        let names = config.inputs.keys().cloned().collect();
        Err(CollectorError::Input { problem, names })
    };
    let mut all = config.inputs.iter();
    match (name, all.next(), all.next()) {
        (None, Some((name, input)), None) => Ok((name, input)),
        (None, ..) => problem("there are several inputs".to_owned()),
        (Some(name), ..) => match config.inputs.get_key_value(name) {
            Some((name, input)) => Ok((name, input)),
            None => problem(format!("there is no enabled input `{}`", name.escape_debug())),
        },
    }
}

/// Everyone who reads for an input: first what its own credentials read, then services that have theirs.
pub(super) fn readers(config: &Config, name: &str, input: &Input) -> Result<Vec<Reader>, CollectorError> {
    let mut problems = Vec::new();
    let mut readers = Vec::new();
    let mut shared = Vec::new();
    for (service, section) in &input.services {
        let Some(kind) = service_of(service, section) else { continue };
        let sources = match kind.sources(section) {
            Ok(mut sources) => {
                // Only who wants to hear of a silence is looked into for its cause.
                if section.read::<Common>().is_ok_and(|common| common.expect_every.is_some()) {
                    sources.extend(sources.iter().flat_map(Source::when_silent).collect::<Vec<_>>());
                }
                sources
            }
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        match &section.credentials {
            None => shared.extend(sources),
            Some(own) => match sign_in(own) {
                Ok((sign_in, roles)) => {
                    let home = home(input, &sources);
                    let (key, base) = (has_key(&sign_in), has_base(&sign_in));
                    let service = Some(service.clone());
                    readers.push(Reader { service, key, base, roles, accounts: None, sources, home });
                }
                Err(problem) => problems.push(problem),
            },
        }
    }
    if !problems.is_empty() {
        return Err(CollectorError::Config(Problems::new(config.documents.clone(), problems)));
    }
    if !shared.is_empty() {
        let permissions = |PlanError { key, problem }| CollectorError::Permissions {
            input: name.to_owned(),
            problem: format!("credentials.{key}: {problem}"),
        };
        let roles = roles(&input.credentials).map_err(permissions)?;
        let (key, base) = (has_key(&input.credentials), has_base(&input.credentials));
        let (accounts, home) = (input.accounts.clone(), home(input, &shared));
        readers.insert(0, Reader { service: None, key, base, roles, accounts, sources: shared, home });
    }
    Ok(readers)
}

fn sign_in(own: &Section) -> Result<(SignIn, Vec<Role>), crate::Problem> {
    let sign_in: SignIn = own.read()?;
    let roles = roles(&sign_in).map_err(|error| own.locate(error))?;
    Ok((sign_in, roles))
}

fn roles(sign_in: &SignIn) -> Result<Vec<Role>, PlanError> {
    let last = sign_in.roles().count();
    let external_id = sign_in.assume_role_external_id.as_deref().map(str::trim).filter(|_| sign_in.has_target());
    let role = |(index, arn): (usize, &str)| {
        let external_id = external_id.filter(|_| index + 1 == last);
        Role::new(("target_assume_role", "assume_role_external_id"), arn, external_id)
    };
    sign_in.roles().enumerate().map(role).collect()
}

fn has_key(sign_in: &SignIn) -> bool {
    sign_in.access_key.as_ref().is_some_and(|key| !key.expose_secret().trim().is_empty())
}

/// `base_assume_role` stands before `target_assume_role`.
fn has_base(sign_in: &SignIn) -> bool {
    sign_in.roles().count() > usize::from(sign_in.has_target())
}

fn home(input: &Input, sources: &[Source]) -> String {
    let mut all = sources.iter().flat_map(|source| &source.regions);
    let own = input.region.clone().filter(|own| all.clone().any(|region| region == own));
    own.or_else(|| all.next().cloned()).unwrap_or_default()
}

impl Reader {
    /// All regions that are read, in order.
    pub(super) fn regions(&self) -> Vec<String> {
        let all: BTreeSet<&String> = self.sources.iter().flat_map(|source| &source.regions).collect();
        all.into_iter().cloned().collect()
    }

    /// The account of the last role, where one is named and read.
    pub(super) fn account(&self) -> Option<&str> {
        self.roles.last().filter(|_| self.accounts.is_none()).and_then(|role| account_of(&role.arn))
    }

    /// The programs that send to its queues, each with what it sends to.
    pub(super) fn programs(&self) -> Vec<(&'static str, &Source)> {
        let program = |source: &'_ Source| match &source.reads {
            Reads::Queue(queue) => match queue.fed {
                Fed::Program { name } => Some(name),
                _ => None,
            },
            _ => None,
        };
        self.sources.iter().filter_map(|source| Some((program(source)?, source))).collect()
    }
}

/// The account in a role's ARN.
pub(super) fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| is_account(account))
}

/// What a queue is called, and in which account and region it is where its URL says so.
pub(super) struct QueueName<'q> {
    pub(super) name: &'q str,
    pub(super) account: Option<&'q str>,
    pub(super) region: Option<&'q str>,
    pub(super) by_url: bool,
}

/// The longest name of a queue.
const LONGEST: usize = 80;

/// The dead-letter queue that is made beside a queue, and that a policy takes for granted: AWS alone knows another's name.
pub(super) fn dead_letters(queue: &str) -> String {
    let (plain, suffix) = match queue.strip_suffix(".fifo") {
        Some(plain) => (plain, "-dlq.fifo"),
        None => (queue, "-dlq"),
    };
    // Names are ASCII.
    format!("{}{suffix}", &plain[..plain.len().min(LONGEST - suffix.len())])
}

/// Takes a queue's name or URL apart.
pub(super) fn queue_name(queue: &str) -> QueueName<'_> {
    let Some((_, rest)) = queue.split_once("://") else {
        return QueueName { name: queue, account: None, region: None, by_url: false };
    };
    let mut parts = rest.trim_end_matches('/').rsplit('/');
    let name = parts.next().unwrap_or_default();
    let account = parts.next().filter(|account| is_account(account));
    // `sqs.eu-west-1.amazonaws.com`, `vpce-1.sqs.eu-west-1.vpce.amazonaws.com`.
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    let mut labels = host.split('.').skip_while(|label| *label != "sqs" && *label != "sqs-fips");
    let region = labels.nth(1).filter(|_| host.contains(".amazonaws."));
    QueueName { name, account, region, by_url: true }
}
