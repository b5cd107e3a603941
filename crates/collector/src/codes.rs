//! The codes of what is wrong with a configuration, and the list of all codes that there are.

use quittance_core::{Code, Family::InitVariables};

use crate::catalogue;

/// The file cannot be read.
pub(crate) static UNREADABLE: Code = Code::new(
    InitVariables,
    1,
    "the configuration cannot be read",
    "There is no such file, it may not be read, or it is not UTF-8.",
    "Check the path and the file's mode.",
);

/// It is no YAML.
pub(crate) static SYNTAX: Code = Code::new(
    InitVariables,
    2,
    "the configuration is no YAML",
    "Indentation, quotes or brackets are not as YAML wants them, or a key stands twice.",
    "Look at the line and column that are named, and at the line above.",
);

/// A value is not one of those that a key takes.
pub(crate) static VALUE: Code = Code::new(
    InitVariables,
    3,
    "a key is missing, or has a value that it does not take",
    "The text beside it says which key, what was expected and what was found.",
    "Correct it; `quittance schema` and config.yaml.example say what each key takes.",
);

/// Something works otherwise than it may seem.
pub(crate) static DOUBTFUL: Code = Code::new(
    InitVariables,
    4,
    "something is ignored, or not as it seems",
    "The text beside it says what.",
    "Correct it, or leave it if it is meant so.",
);

/// A key that nobody knows.
pub(crate) static UNKNOWN_KEY: Code = Code::new(
    InitVariables,
    5,
    "a key is not known, and ignored",
    "It is misspelt, in another place than it should be, or of another collector.",
    "Correct it, or take it out.",
);

/// The environment lacks a variable.
pub(crate) static VARIABLE: Code = Code::new(
    InitVariables,
    6,
    "a variable of the environment is not set",
    "`${NAME}` stands for a variable that this process does not have, or is no reference at all.",
    "Set it, give it a default as in `${NAME:-text}`, or write `$$` for a dollar.",
);

/// A combination of credentials that means nothing.
pub(crate) static CREDENTIALS: Code = Code::new(
    InitVariables,
    7,
    "these credentials do not go together",
    "A key without its secret, an external id without a role, roles of different partitions.",
    "Give access_key and access_secret, roles, both, or nothing for the machine's own credentials.",
);

/// Two units would read the same.
pub(crate) static READ_TWICE: Code = Code::new(
    InitVariables,
    8,
    "the same is read twice",
    "Two sections read the same queue, or ask the same API, in one account and region.",
    "Leave one of them out.",
);

/// A file that is named is not there.
pub(crate) static FILE_MISSING: Code = Code::new(
    InitVariables,
    9,
    "a file is missing",
    "A file that the configuration names is in none of the places where it is looked for.",
    "Put it into certs/ beside the configuration, or give its path.",
);

/// The accounts of an organization cannot be listed.
pub(crate) static ORGANIZATION: Code = Code::new(
    InitVariables,
    10,
    "the accounts of the organization cannot be listed",
    "Who signs in is neither the organization's management account nor one that it lets list accounts.",
    "Sign in as one of them, with organizations:ListAccounts, or list the accounts in `ids`.",
);

/// An id or a name is not as Devo's collector wants it.
pub(crate) static NOT_AS_DEVOS: Code = Code::new(
    InitVariables,
    11,
    "an id or a name is not as Devo's collector takes it",
    "There, `globals.id` has 1 to 5 characters, `globals.name` 1 to 10, and an input's `id` is five digits.",
    "Nothing, if this collector alone reads the configuration: it uses them as they are. Else shorten them.",
);

/// A tag of more levels than tables have.
pub(crate) static TAG_LEVELS: Code = Code::new(
    InitVariables,
    12,
    "a tag has many levels",
    "Devo's tags have up to six levels: those of the table, and some that tell its sources apart.",
    "Leave some out, or make sure that your domain takes such a tag.",
);

/// A changed configuration is not taken.
pub(crate) static RELOAD_REFUSED: Code = Code::new(
    InitVariables,
    14,
    "a changed configuration is refused",
    "It has an error, or changes what cannot change while the collector runs. The text beside it says which; the configuration \
     before goes on.",
    "Correct it: it is read again when a file changes, or at SIGHUP. What needs a restart is taken by a restart.",
);

/// Filters that do something else than what is likely meant.
pub(crate) static FILTERS: Code = Code::new(
    InitVariables,
    15,
    "a filter is likely not what is meant",
    "It drops everything of its service, is never reached, sends to a tag of many levels, or names a column that no log has.",
    "Try it on a sample by `quittance test`. The first filter that matches decides; what none matches is sent.",
);

/// Its own codes.
static OWN: &[&Code] = &[
    &UNREADABLE,
    &SYNTAX,
    &VALUE,
    &DOUBTFUL,
    &UNKNOWN_KEY,
    &VARIABLE,
    &CREDENTIALS,
    &READ_TWICE,
    &FILE_MISSING,
    &ORGANIZATION,
    &NOT_AS_DEVOS,
    &TAG_LEVELS,
    &RELOAD_REFUSED,
    &FILTERS,
];

/// Every code there is, by number.
pub fn codes() -> Vec<&'static Code> {
    let catalogue = catalogue();
    let of_services = catalogue.iter().flat_map(|service| service.describe().codes);
    let of_crates = [
        OWN,
        quittance_core::codes::CODES,
        quittance_aws::codes::CODES,
        quittance_devo::codes::CODES,
        quittance_state::CODES,
    ];
    let mut all: Vec<&Code> = of_crates.into_iter().flatten().chain(of_services).copied().collect();
    all.sort_by_key(|code| code.number);
    all
}
