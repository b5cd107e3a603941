//! The log groups that are read: which ones the user wants, and which there are.

use std::collections::BTreeSet;

use aws_sdk_cloudwatchlogs::{Client, types::LogGroup};
use quittance_aws::{AwsError, Calls, PlanError, Quota, listed, windows::Token};
use quittance_core::Class;

/// For an account in a region.
const DESCRIBE_LOG_GROUPS: Quota = Quota { api: "DescribeLogGroups", per_second: 10.0 };

/// How often a page is asked for before its listing begins anew.
const TRIES: u32 = 5;

/// The longest name of a group.
const LONGEST_NAME: usize = 512;

/// What the user wants.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) names: Vec<Name>,
    pub(crate) linked: bool,
}

/// A name under `log_groups`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Name {
    /// This group.
    Exact(String),
    /// All whose name begins so.
    Prefix(String),
}

/// A group, as its cursor names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Group {
    pub(crate) account: String,
    pub(crate) name: String,
}

impl Name {
    fn text(&self) -> &str {
        let (Name::Exact(text) | Name::Prefix(text)) = self;
        text
    }

    fn means(&self, name: &str) -> bool {
        match self {
            Name::Exact(wanted) => name == wanted,
            Name::Prefix(wanted) => name.starts_with(wanted),
        }
    }
}

impl Wanted {
    pub(crate) fn new(names: &[String], linked: bool) -> Result<Self, PlanError> {
        let name = |text: &String| {
            let (name, plain) = match text.strip_suffix('*') {
                Some(prefix) => (Name::Prefix(prefix.to_owned()), prefix),
                None => (Name::Exact(text.clone()), text.as_str()),
            };
            let is_name = |b: u8| b.is_ascii_alphanumeric() || b"_-/.#".contains(&b);
            match plain.len() <= LONGEST_NAME && plain.bytes().all(is_name) {
                true => Ok(name),
                false => {
                    let problem = format!(
                        "`{}` is no log group: expected a name as in `/aws/lambda/orders`, or its beginning and `*`",
                        text.escape_debug()
                    );
                    Err(PlanError::new("log_groups", problem))
                }
            }
        };
        Ok(Wanted { names: listed("log_groups", names)?.iter().map(name).collect::<Result<_, _>>()?, linked })
    }

    /// The cursors of all groups that are wanted and there. Nobody is asked for a group of our own that has its full name.
    pub(crate) async fn find(&self, client: &Client, calls: &Calls) -> Result<Vec<String>, AwsError> {
        let mut found = BTreeSet::new();
        for name in &self.names {
            match name {
                Name::Exact(name) if !self.linked => drop(found.insert(name.clone())),
                _ => found.extend(self.list(name, client, calls, usize::MAX).await?),
            }
        }
        Ok(found.into_iter().collect())
    }

    /// The cursors that a name means, on so many pages at most.
    pub(crate) async fn list(
        &self,
        name: &Name,
        client: &Client,
        calls: &Calls,
        pages: usize,
    ) -> Result<Vec<String>, AwsError> {
        let (mut found, mut token, mut count) = (Vec::new(), Token::First, 0);
        while let Some(send) = token.to_send()
            && count < pages
        {
            let request = client
                .describe_log_groups()
                .set_log_group_name_prefix(Some(name.text().to_owned()).filter(|prefix| !prefix.is_empty()))
                .set_include_linked_accounts(self.linked.then_some(true))
                .set_next_token(send);
            let mut tries = 1;
            let answer = loop {
                match calls.call(DESCRIBE_LOG_GROUPS, name.text(), request.clone().send()).await {
                    // The pages before would be lost. Each call waits for its turn, and the longer the more it is throttled.
                    Err(error) if tries < TRIES && matches!(error.class(), Class::Throttled | Class::Retry) => {
                        tries += 1
                    }
                    answer => break answer?,
                }
            };
            token.follow(DESCRIBE_LOG_GROUPS.api, answer.next_token)?;
            let groups = answer.log_groups.unwrap_or_default();
            let wanted = groups.iter().filter(|group| group.log_group_name().is_some_and(|group| name.means(group)));
            found.extend(wanted.filter_map(|group| cursor(group, &calls.at().account)));
            count += 1;
        }
        Ok(found)
    }
}

/// What a group is followed by: its name in our own account, its ARN in another's. Our own keep their name whether
/// others are read or not, so that what is known of them stays known.
fn cursor(group: &LogGroup, own: &str) -> Option<String> {
    let name = group.log_group_name()?;
    // Without the `:*` that `arn` has at its end, and FilterLogEvents does not take.
    let arn = group.log_group_arn().or(group.arn()).map(|arn| arn.trim_end_matches(":*"));
    let cursor = arn.filter(|arn| arn.split(':').nth(4).is_some_and(|account| account != own)).unwrap_or(name);
    Some(cursor.to_owned())
}

impl Group {
    /// The group of a cursor; one without an ARN is in the account `own`.
    pub(crate) fn of(cursor: &str, own: &str) -> Group {
        let mut parts = cursor.splitn(7, ':').skip(4);
        let (account, name) = match (cursor.starts_with("arn:"), parts.next(), parts.nth(1)) {
            (true, Some(account), Some(name)) => (account, name),
            _ => (own, cursor),
        };
        Group { account: account.to_owned(), name: name.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_stand_for_all_that_begin_so() {
        let names = ["/aws/lambda/*", "/app/web", "*", "/app/web"].map(str::to_owned);
        let wanted = Wanted::new(&names, false).unwrap();
        let expected =
            [Name::Prefix("/aws/lambda/".to_owned()), Name::Exact("/app/web".to_owned()), Name::Prefix(String::new())];
        assert_eq!(wanted.names, expected);
        assert!(wanted.names[0].means("/aws/lambda/orders") && !wanted.names[0].means("/aws/rds/orders"));
        assert!(wanted.names[1].means("/app/web") && !wanted.names[1].means("/app/web2"));
        for wrong in ["a b", "*/app", "/app/**", "größe", &"x".repeat(513)] {
            assert!(Wanted::new(&[wrong.to_owned()], false).is_err(), "{wrong}");
        }
        assert!(Wanted::new(&[], false).is_err());
    }

    #[test]
    fn a_cursor_is_a_name_of_our_own_or_the_arn_of_anothers() {
        let arn = "arn:aws:logs:eu-west-1:444455556666:log-group:/app/web";
        let group = LogGroup::builder().log_group_name("/app/web").arn(format!("{arn}:*")).log_group_arn(arn).build();
        assert_eq!(cursor(&group, "111122223333").as_deref(), Some(arn));
        assert_eq!(cursor(&group, "444455556666").as_deref(), Some("/app/web"));
        let group = |account: &str| Group { account: account.to_owned(), name: "/app/web".to_owned() };
        assert_eq!(Group::of(arn, "111122223333"), group("444455556666"));
        assert_eq!(Group::of("/app/web", "111122223333"), group("111122223333"));
    }
}
