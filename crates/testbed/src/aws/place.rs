//! Where something is: what other accounts and regions have is not seen from here.

use super::request::Call;
use super::{ACCOUNT, FakeAws, REGION};

/// An account and a region of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Twelve digits.
    pub account: String,
    /// As in `eu-west-1`.
    pub region: String,
}

impl Place {
    /// A region of an account.
    pub fn new(account: impl Into<String>, region: impl Into<String>) -> Self {
        Self { account: account.into(), region: region.into() }
    }
}

/// [`ACCOUNT`] and [`REGION`].
impl Default for Place {
    fn default() -> Self {
        Self::new(ACCOUNT, REGION)
    }
}

impl FakeAws {
    /// The account of who calls, and the region that the call was signed for.
    pub(super) fn place_of(&self, call: &Call) -> Place {
        Place::new(self.0.credentials.account(call), call.region.as_deref().unwrap_or(REGION))
    }
}
