//! Filters as a user writes them. The doc comments are what a user reads in the schema.

use schemars::JsonSchema;
use serde::Deserialize;

/// A filter: what becomes of the events that it matches. The first that matches decides; what none matches is sent.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "Filter")]
pub struct FilterSection {
    /// Its name, by which it is counted what it drops; its number if unset, from 1 on.
    pub name: Option<String>,
    /// Conditions that an event must meet, all of them. If there are none, every event matches.
    #[serde(default)]
    pub when: Vec<Condition>,
    /// `drop`, or `send` as it is, past the filters after this one. If unset, it is sent as `route`, `mask` and `sample` say.
    pub action: Option<Action>,
    /// Another tag for it, with `{account}` and `{region}` filled in: those that an object's key names, or those that are read.
    #[schemars(extend("examples" = ["my.app.aws.quiet"]))]
    pub route: Option<String>,
    /// Paths of JSON values that are overwritten where they stand, before the event is sent: texts with `*`, numbers with 0, and what
    /// objects and lists hold with blanks. The event keeps its length.
    #[serde(default)]
    #[schemars(extend("examples" = [["userIdentity.accessKeyId", "requestParameters.password"]]))]
    pub mask: Vec<String>,
    /// Columns that are overwritten where they stand, with `*`, by name or number.
    #[serde(default)]
    #[schemars(extend("examples" = [["cs(Cookie)"]]))]
    pub mask_columns: Vec<String>,
    /// Keeps one of so many and drops the others. Which ones is decided by the event itself, so that it is the same whenever it comes.
    pub sample: Option<u64>,
}

/// What is done with an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "FilterAction")]
pub enum Action {
    /// It goes nowhere, and is counted as filtered.
    Drop,
    /// It is sent.
    Send,
}

/// A condition: what is looked at (`field`, `column` or `part`), and what it must be; or `any`, `all` or `not` of others.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "FilterCondition")]
pub struct Condition {
    /// A value of a JSON event, by its path: `userIdentity.type`, `resources.*.ARN`, `/userIdentity/type`.
    #[schemars(extend("examples" = ["userIdentity.type"]))]
    pub field: Option<String>,
    /// A column of a line or row, by its name in the file's header or by its number, from 1 on.
    #[schemars(extend("examples" = ["srcaddr"]))]
    pub column: Option<String>,
    /// Something of the event as a whole.
    pub part: Option<Part>,
    /// It is one of these.
    #[serde(alias = "equals")]
    #[schemars(extend("x-aliases" = ["equals"], "examples" = [["GetObject", "HeadObject"]]))]
    pub is: Option<Vec<String>>,
    /// It begins with one of these.
    #[schemars(extend("examples" = [["Describe", "List"]]))]
    pub prefix: Option<Vec<String>>,
    /// It is an address in one of these networks.
    #[schemars(extend("examples" = [["10.0.0.0/8"]]))]
    pub cidr: Option<Vec<String>>,
    /// A regular expression that matches in it.
    #[serde(alias = "regex")]
    #[schemars(extend("x-aliases" = ["regex"], "examples" = ["^arn:aws:iam::[0-9]+:role/"]))]
    pub matches: Option<String>,
    /// Whether it is there at all; `null` is not.
    pub present: Option<bool>,
    /// One of these conditions is met.
    pub any: Option<Vec<Condition>>,
    /// All of these conditions are met.
    pub all: Option<Vec<Condition>>,
    /// This condition is not met.
    pub not: Option<Box<Condition>>,
}

/// What is known of an event as a whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "FilterPart")]
pub enum Part {
    /// All of its text.
    Text,
    /// The tag that it would get.
    Tag,
    /// The account that its object's key names, or that is read.
    Account,
    /// The region that its object's key names, or that is read.
    Region,
    /// The bucket of its object.
    Bucket,
    /// The key of its object.
    Key,
}
