//! The accounts of an organization.

use aws_sdk_organizations::types::AccountState;

use crate::{Account, AwsError};

/// The numbers of all active accounts of the organization that `account` manages, or has been delegated to list, in order.
pub async fn accounts_of_organization(account: &Account) -> Result<Vec<String>, AwsError> {
    const LIST: &str = "ListAccounts";
    let client = aws_sdk_organizations::Client::new(&account.config(account.region()));
    let mut numbers = Vec::new();
    let mut token: Option<String> = None;
    loop {
        account.turn(account.region(), LIST).await;
        let answer = client.list_accounts().set_next_token(token.clone()).send().await;
        let page = answer.map_err(|error| AwsError::api(LIST, account.id(), error))?;
        let active = page.accounts.unwrap_or_default().into_iter().filter(is_active);
        numbers.extend(active.filter_map(|account| account.id));
        match page.next_token {
            None => break,
            next if next == token => return Err(AwsError::RepeatedToken { operation: LIST }),
            next => token = next,
        }
    }
    numbers.sort();
    numbers.dedup();
    Ok(numbers)
}

/// `State` says it since September 2025, `Status` did before.
#[allow(deprecated, reason = "an older endpoint answers with the status alone")]
fn is_active(account: &aws_sdk_organizations::types::Account) -> bool {
    match account.state() {
        Some(state) => *state == AccountState::Active,
        None => account.status() == Some(&aws_sdk_organizations::types::AccountStatus::Active),
    }
}
