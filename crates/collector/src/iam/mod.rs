//! `quittance iam`: what AWS must allow for a configuration, and a template that sets everything up there. Nothing is asked of
//! AWS.
//!
//! Everything derives from what services say they read ([`quittance_aws::Source`]): [`policy`] from the calls, [`trust`] from the
//! roles, [`template`] from what feeds queues.

mod document;
mod policy;
mod reading;
mod template;
mod trust;

use std::collections::BTreeMap;

use quittance_aws::{Fed, Reads, is_account};
use serde_json::Value;

use crate::{CollectorError, Config};

pub use document::{Condition, Document, Effect, LARGEST_MANAGED, Statement};

use policy::Owner;
use reading::{Reader, input, readers};

/// What was written.
#[derive(Clone, PartialEq, Debug)]
pub struct Written {
    /// A policy document, several by the name of whose they are, or a template.
    pub json: Value,
    /// What a person should know of it.
    pub notes: Vec<String>,
}

/// What [`policy`] is asked for.
#[derive(Clone, Debug, Default)]
pub struct PolicyOptions {
    /// The input's name; may be left out where there is one.
    pub input: Option<String>,
    /// The number of the account that is read, where no role says it.
    pub account: Option<String>,
    /// Whether everyone's policies are wanted, not only that of who reads.
    pub all: bool,
}

/// What [`template`] is asked for.
#[derive(Clone, Debug, Default)]
pub struct TemplateOptions {
    /// The input's name; may be left out where there is one.
    pub input: Option<String>,
    /// Who signs in first.
    pub principal: Option<String>,
    /// For many accounts: whether the template of one of them is wanted, not that of their StackSet.
    pub member: bool,
    /// Whether buckets announce their objects through topics, for further readers.
    pub topics: bool,
}

/// The policy of who reads, with the least that the collector's calls need.
pub fn policy(config: &Config, options: &PolicyOptions) -> Result<Written, CollectorError> {
    let (name, chosen) = input(config, options.input.as_deref())?;
    let wrong = |problem: String| CollectorError::Permissions { input: name.to_owned(), problem };
    if let Some(odd) = options.account.as_ref().filter(|number| !is_account(number)) {
        return Err(wrong(format!("`{}` is no account: expected its number, twelve digits", odd.escape_debug())));
    }
    let readers = readers(config, name, chosen)?;
    let mut everyone = BTreeMap::new();
    let mut notes = Vec::new();
    for reader in &readers {
        let documents = of_everyone(reader, options.account.as_deref()).map_err(wrong)?;
        if options.all || std::ptr::eq(reader, &readers[0]) {
            notes.extend(notes_on(reader, options.account.as_deref()));
        }
        everyone.extend(documents);
    }
    let Some(first) = readers.first() else { return Err(wrong("nothing is read".to_owned())) };
    if options.all {
        notes.extend(everyone.iter().filter_map(|(whose, document)| too_long(whose, document)));
        let json = everyone.iter().map(|(whose, document)| (whose.clone(), document.to_json())).collect();
        return Ok(Written { json: Value::Object(json), notes });
    }
    let owner = Owner(first.account().or(options.account.as_deref()));
    let document = policy::of(&first.sources, owner);
    notes.extend(too_long("the policy", &document));
    if everyone.len() > 1 {
        let others = everyone.keys().filter(|whose| **whose != last(first)).map(String::as_str).collect::<Vec<_>>();
        notes.push(format!("`--all` prints the policies of others too: {}", others.join(", ")));
    }
    Ok(Written { json: document.to_json(), notes })
}

/// The trust policies of the roles that are assumed: one document, or an object of several by their ARNs, which is empty if no
/// role is assumed.
pub fn trust(config: &Config, name: Option<&str>, principal: Option<&str>) -> Result<Written, CollectorError> {
    let (name, chosen) = input(config, name)?;
    let wrong = |problem: String| CollectorError::Permissions { input: name.to_owned(), problem };
    checked_principal(principal).map_err(wrong)?;
    let mut all = BTreeMap::new();
    let mut notes = Vec::new();
    for reader in &readers(config, name, chosen)? {
        all.extend(trust::of(reader, principal).map_err(wrong)?);
        if let Some(role) = reader.roles.first().filter(|_| principal.is_none()) {
            notes.push(format!(
                "`{}` may be assumed by whomever its account allows to: `--principal` and an ARN says who signs in",
                role.arn
            ));
        }
    }
    if all.is_empty() {
        match principal {
            Some(trusted) => _ = all.insert(String::new(), trust::trusting(trusted, None)),
            None => notes.push(
                "no role is assumed, so nobody has to be trusted: `quittance iam policy` writes what the access key or the \
                 machine needs, and `--principal` with an ARN the trust policy of a role for it"
                    .to_owned(),
            ),
        }
    }
    let mut documents = all.into_iter().map(|(arn, document)| (arn, document.to_json()));
    let json = match documents.len() {
        1 => documents.next().map_or(Value::Null, |(_, document)| document),
        _ => Value::Object(documents.collect()),
    };
    Ok(Written { json, notes })
}

/// A template of CloudFormation with everything at AWS that an input reads from.
pub fn template(config: &Config, options: &TemplateOptions) -> Result<Written, CollectorError> {
    let (name, chosen) = input(config, options.input.as_deref())?;
    let wrong = |problem: String| CollectorError::Permissions { input: name.to_owned(), problem };
    checked_principal(options.principal.as_deref()).map_err(wrong)?;
    let readers = readers(config, name, chosen)?;
    let Some(first) = readers.first().filter(|reader| reader.service.is_none()) else {
        return Err(wrong(
            "every service signs in on its own: what each needs is set up by whom it belongs to".to_owned(),
        ));
    };
    let mut written = template::of(name, first, options).map_err(wrong)?;
    written.notes.extend(readers.iter().filter_map(|reader| reader.service.as_ref()).map(|service| {
        format!("`{service}` signs in on its own, and is left out: what it reads is set up by whom it belongs to")
    }));
    Ok(written)
}

fn checked_principal(principal: Option<&str>) -> Result<(), String> {
    match principal.filter(|text| !trust::is_principal(text)) {
        Some(odd) => Err(format!(
            "`{}` cannot be trusted: expected the ARN of a user or a role, an account's number, or a service as in \
             `ec2.amazonaws.com`",
            odd.escape_debug()
        )),
        None => Ok(()),
    }
}

/// Who signs in first.
fn first(reader: &Reader) -> String {
    let who = if reader.key { "access key" } else { "the machine's own credentials" };
    match &reader.service {
        Some(service) => format!("{who} of {service}"),
        None => who.to_owned(),
    }
}

/// Who reads, or assumes the roles of many accounts.
fn last(reader: &Reader) -> String {
    reader.roles.last().map_or_else(|| first(reader), |role| role.arn.clone())
}

/// The policies of all who have a part in what `reader` does, by their names.
fn of_everyone(reader: &Reader, account: Option<&str>) -> Result<BTreeMap<String, Document>, String> {
    let mut documents = BTreeMap::new();
    let mut who = first(reader);
    for role in &reader.roles {
        documents.insert(who, policy::to_assume([role.arn.clone()], false));
        who = role.arn.clone();
    }
    match &reader.accounts {
        None => {
            let owner = Owner(reader.account().or(account));
            documents.insert(who, policy::of(&reader.sources, owner));
        }
        Some(accounts) => {
            let members = trust::members(reader)?;
            let every = |arn: &str| arn.replace("{account}", "*");
            documents
                .insert(who, policy::to_assume(members.iter().map(|role| every(&role.arn)), accounts.organization));
            for role in members {
                let owner = Owner(reading::account_of(&role.arn));
                documents.insert(role.arn.clone(), policy::of(&reader.sources, owner));
            }
        }
    }
    let owner = Owner(reader.account().or(account));
    for (name, _) in reader.programs() {
        let sources = reader.programs().into_iter().filter(|(other, _)| *other == name).map(|(_, source)| source);
        documents.insert(format!("{name} (sends)"), policy::to_send(sources, owner));
    }
    Ok(documents)
}

/// What is not as exact as it could be.
fn notes_on(reader: &Reader, account: Option<&str>) -> Vec<String> {
    let mut notes = Vec::new();
    if reader.account().or(account).is_none() {
        notes.push(
            "the account's number is not known, so `*` stands in its place, with a condition that keeps it to the account of \
             who reads: `--account` and the number makes it exact"
                .to_owned(),
        );
    }
    for source in &reader.sources {
        if let Reads::Queue(queue) = &source.reads
            && let Fed::Objects { buckets, .. } = &queue.fed
            && buckets.is_empty()
        {
            let queue = &queue.queue;
            notes.push(format!(
                "the buckets whose objects queue `{queue}` announces are not known, so all buckets of the account may be read: \
                 name them under `buckets` in the service's section"
            ));
        }
    }
    notes.dedup();
    notes
}

fn too_long(whose: &str, document: &Document) -> Option<String> {
    let length = document.length();
    (length > LARGEST_MANAGED).then(|| {
        format!(
            "{whose} has {length} characters, more than the {LARGEST_MANAGED} of a managed policy: put it into the role as an \
             inline policy (10,240), or split it by its statements"
        )
    })
}
