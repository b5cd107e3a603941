//! Organizations: the accounts, in short pages.

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use super::body::Body;
use super::error::ApiError;
use super::request::Call;
use super::{FakeAws, lock};

/// Accounts on a page; the real one gives up to 20, and fewer as it likes.
const PAGE: usize = 3;

impl FakeAws {
    /// Adds an account to the organization.
    pub fn add_member(&self, account: impl Into<String>, active: bool) {
        lock(&self.0.members).push((account.into(), active));
    }

    pub(super) fn answer_organizations(&self, call: &Call, body: &Bytes) -> Result<Response<Body>, ApiError> {
        if call.api != "ListAccounts" {
            return Err(ApiError::new(400, "UnknownOperationException", "Not an operation that is here."));
        }
        let asked: Value = super::json::read(body)?;
        let members = lock(&self.0.members);
        if members.is_empty() {
            let message = "Your account is not a member of an organization.";
            return Err(ApiError::new(400, "AWSOrganizationsNotInUseException", message));
        }
        let from: usize = asked["NextToken"].as_str().and_then(|token| token.parse().ok()).unwrap_or(0);
        let page: Vec<Value> = members
            .iter()
            .skip(from)
            .take(PAGE)
            .map(|(id, active)| {
                let (status, state) = if *active { ("ACTIVE", "ACTIVE") } else { ("SUSPENDED", "SUSPENDED") };
                json!({ "Id": id, "Name": id, "Status": status, "State": state })
            })
            .collect();
        let next = (from + PAGE < members.len()).then(|| (from + PAGE).to_string());
        Ok(super::json::answer(&json!({ "Accounts": page, "NextToken": next })))
    }
}
