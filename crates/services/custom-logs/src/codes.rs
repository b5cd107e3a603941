//! The codes of what only custom logs find.

use quittance_core::{Code, Family::Setup};

/// The heading that they are listed under.
const CUSTOM_LOGS: &str = "Custom logs";

/// A log group is not there.
pub(crate) static NO_GROUP: Code = Code::new(
    Setup,
    160,
    "there is no such log group",
    "Its name is another, it is in another region or account, or nothing has written to it yet.",
    "Check `log_groups` and `regions`. It is read as soon as it is there.",
)
.of(CUSTOM_LOGS);

/// One log group among others refuses us.
pub(crate) static GROUP_REFUSED: Code = Code::new(
    Setup,
    161,
    "a log group cannot be read though others can",
    "logs:FilterLogEvents is not allowed on it, or it is of a class that cannot be read so.",
    "Allow logs:FilterLogEvents on it; if it is allowed, take the group out of `log_groups`.",
)
.of(CUSTOM_LOGS);

/// The filter pattern is none.
pub(crate) static PATTERN: Code = Code::new(
    Setup,
    162,
    "CloudWatch does not take the filter pattern",
    "`filter_pattern` is not written as CloudWatch Logs wants it.",
    "Write it as for `aws logs filter-log-events --filter-pattern`.",
)
.of(CUSTOM_LOGS);

/// All of them.
pub(crate) static CODES: &[&Code] = &[&NO_GROUP, &GROUP_REFUSED, &PATTERN];
