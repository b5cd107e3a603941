//! Filter patterns of CloudWatch Logs: terms, and one comparison of a field of a JSON event.

use serde_json::Value;

/// What a message must have.
#[derive(Debug, PartialEq)]
pub(super) enum Pattern {
    /// All of `all`, one of `any` if there are some, none of `none`; each is looked for as it is written.
    Terms { all: Vec<String>, any: Vec<String>, none: Vec<String> },
    /// `{ $.field = value }`, or `!=`.
    Field { path: Vec<String>, equal: bool, value: String },
}

impl Pattern {
    /// Reads a pattern; `None` if it is not understood.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        match text.strip_prefix('{') {
            Some(rest) => Self::field(rest.strip_suffix('}')?),
            None => Self::terms(text),
        }
    }

    fn terms(text: &str) -> Option<Self> {
        let (mut all, mut any, mut none) = (Vec::new(), Vec::new(), Vec::new());
        let mut rest = text;
        while !rest.is_empty() {
            let (list, after) = match rest.as_bytes().first() {
                Some(b'?') => (&mut any, &rest[1..]),
                Some(b'-') => (&mut none, &rest[1..]),
                _ => (&mut all, rest),
            };
            let (term, after) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => after.split_at(after.find(char::is_whitespace).unwrap_or(after.len())),
            };
            if term.is_empty() {
                return None;
            }
            list.push(term.to_owned());
            rest = after.trim_start();
        }
        Some(Self::Terms { all, any, none })
    }

    fn field(text: &str) -> Option<Self> {
        let (path, value, equal) = match text.split_once("!=") {
            Some((path, value)) => (path, value, false),
            None => text.split_once('=').map(|(path, value)| (path, value, true))?,
        };
        let path = path.trim().strip_prefix("$.")?.split('.').map(str::to_owned).collect();
        let value = value.trim();
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        (!value.is_empty()).then(|| Self::Field { path, equal, value: value.to_owned() })
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        match self {
            Self::Terms { all, any, none } => {
                let has = |term: &String| message.contains(term.as_str());
                all.iter().all(has) && (any.is_empty() || any.iter().any(has)) && !none.iter().any(has)
            }
            Self::Field { path, equal, value } => {
                let Ok(json) = serde_json::from_str::<Value>(message) else { return false };
                let found = path.iter().try_fold(&json, |json, key| json.get(key));
                found.is_some_and(|found| {
                    let found = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
                    (found == *value) == *equal
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let read = Pattern::read(pattern).expect(pattern);
        yes.iter().for_each(|message| assert!(read.matches(message), "{pattern}: {message}"));
        no.iter().for_each(|message| assert!(!read.matches(message), "{pattern}: {message}"));
    }

    #[test]
    fn patterns_are_those_of_cloudwatch() {
        check("", &["anything", ""], &[]);
        check("ERROR", &["an ERROR here"], &["an error here"]);
        check("ERROR disk", &["disk: ERROR"], &["ERROR", "disk"]);
        check("\"disk full\"", &["the disk full of it"], &["full disk"]);
        check("?WARN ?ERROR", &["WARN", "ERROR"], &["INFO"]);
        check("ERROR -debug", &["ERROR"], &["ERROR debug"]);
        check(
            "{ $.user.name = \"ann\" }",
            &[r#"{"user":{"name":"ann"}}"#],
            &[r#"{"user":{"name":"bob"}}"#, "ann", "{}"],
        );
        check("{$.code != 200}", &[r#"{"code":500}"#], &[r#"{"code":200}"#]);
        for wrong in ["{ $.a = 1", "\"open", "{ a = 1 }", "{ $.a }", "?"] {
            assert_eq!(Pattern::read(wrong), None, "{wrong}");
        }
    }
}
