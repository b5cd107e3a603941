//! Who may assume the roles of a configuration.

use std::collections::BTreeMap;

use quittance_aws::{Role, is_account};

use super::{
    document::{Condition, Document, Statement, when},
    reading::{Reader, account_of},
};

/// The trust policies of all roles that `reader` assumes, by their ARNs. `principal` is who signs in first. An error says what is
/// not known.
pub(super) fn of(reader: &Reader, principal: Option<&str>) -> Result<BTreeMap<String, Document>, String> {
    let mut documents = BTreeMap::new();
    let mut before = principal.map(str::to_owned);
    for (index, role) in reader.roles.iter().enumerate() {
        let trusted = match &before {
            Some(trusted) => trusted.clone(),
            // The keys or the machine of a base role are in its own account; a role in another account says so by its name.
            None if index == 0 && reader.base => root(&role.arn),
            None => return Err(unknown(&role.arn)),
        };
        documents.insert(role.arn.clone(), trusting(&trusted, role.external_id.as_deref()));
        before = Some(role.arn.clone());
    }
    for role in members(reader)? {
        let Some(trusted) = &before else { return Err(unknown(&role.arn)) };
        documents.insert(role.arn.clone(), trusting(trusted, role.external_id.as_deref()));
    }
    Ok(documents)
}

/// The roles of the accounts that are read in place of the one that is signed in to.
pub(super) fn members(reader: &Reader) -> Result<Vec<Role>, String> {
    let Some(accounts) = &reader.accounts else { return Ok(Vec::new()) };
    let mut roles = Vec::new();
    for number in accounts.numbers(&[]) {
        roles.push(accounts.role_in(&number).map_err(|error| error.to_string())?);
    }
    if accounts.organization {
        roles.push(Role { arn: accounts.role.clone(), external_id: accounts.external_id.clone() });
    }
    Ok(roles)
}

/// The policy of a role that `trusted` may assume: an ARN, an account's number, or a service of AWS.
pub(super) fn trusting(trusted: &str, external_id: Option<&str>) -> Document {
    let kind = if is_service(trusted) { "Service" } else { "AWS" };
    let condition = external_id
        .filter(|id| !id.is_empty())
        .map_or_else(Condition::new, |id| when("StringEquals", "sts:ExternalId", [id.to_owned()]));
    Document::new(vec![Statement {
        sid: "Collector".to_owned(),
        principal: BTreeMap::from([(kind, trusted.to_owned())]),
        action: vec!["sts:AssumeRole".to_owned()],
        condition,
        ..Statement::default()
    }])
}

/// Whether it can be trusted: an ARN of IAM or STS, an account's number, a service of AWS.
pub(super) fn is_principal(text: &str) -> bool {
    let arn = text.strip_prefix("arn:aws").and_then(|rest| rest.split_once(':'));
    let is_arn = arn.is_some_and(|(_, rest)| rest.starts_with("iam::") || rest.starts_with("sts::"));
    is_account(text) || is_service(text) || (is_arn && account_of(text).is_some())
}

fn is_service(text: &str) -> bool {
    !text.contains(':') && (text.ends_with(".amazonaws.com") || text.ends_with(".amazonaws.com.cn"))
}

/// Everyone in the account of a role whom the account itself allows to assume it.
pub(super) fn root(arn: &str) -> String {
    let partition = arn.split(':').nth(1).unwrap_or("aws");
    format!("arn:{partition}:iam::{}:root", account_of(arn).unwrap_or_default())
}

fn unknown(role: &str) -> String {
    format!(
        "`{role}` is assumed by someone whom the configuration does not name: expected `--principal` and the ARN of that user \
         or role"
    )
}
