//! Conditions: what they look at, and what it must be.

use std::{borrow::Cow, collections::BTreeSet, net::IpAddr};

use ipnet::IpNet;
use quittance_formats::{Cells, Renamed};
use regex::bytes::{Regex, RegexBuilder};

use super::{Filters, Part, path, section::Condition, sieve::View};
use crate::PlanError;

/// Compiled, in bytes: a longer expression is refused at the start.
const LARGEST_REGEX: usize = 1 << 20;

/// Conditions within conditions.
const DEEPEST: usize = 16;

#[derive(Debug)]
pub(super) enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    /// Some value of the subject is like that.
    Is(Subject, Like),
    /// There is a value.
    Present(Subject),
}

/// What is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Subject {
    /// The values at a JSON path, by its number.
    Field(usize),
    /// A column, by its number among those that are asked for.
    Column(usize),
    Part(Part),
}

#[derive(Debug)]
pub(super) enum Like {
    OneOf(BTreeSet<Vec<u8>>),
    Prefix(Vec<Vec<u8>>),
    Within(Vec<IpNet>),
    Matches(Regex),
}

impl Like {
    pub(super) fn is_met(&self, text: &[u8]) -> bool {
        match self {
            Like::OneOf(texts) => texts.contains(text),
            Like::Prefix(prefixes) => prefixes.iter().any(|prefix| text.starts_with(prefix)),
            Like::Within(nets) => {
                let address = str::from_utf8(text).ok().and_then(|text| text.trim().parse::<IpAddr>().ok());
                // `::ffff:10.0.0.1` is an address of IPv4.
                let address = address.map(|address| address.to_canonical());
                address.is_some_and(|address| nets.iter().any(|net| net.contains(&address)))
            }
            Like::Matches(regex) => regex.is_match(text),
        }
    }
}

impl Test {
    pub(super) fn holds(&self, filters: &Filters, view: &mut View, event: &[u8]) -> bool {
        match self {
            Test::All(tests) => tests.iter().all(|test| test.holds(filters, view, event)),
            Test::Any(tests) => tests.iter().any(|test| test.holds(filters, view, event)),
            Test::Not(test) => !test.holds(filters, view, event),
            Test::Is(subject, like) => {
                view.any(filters, *subject, event, |text| text.is_some_and(|text| like.is_met(text)))
            }
            // Lines and rows have every column, and say so where there is nothing in it.
            Test::Present(subject @ Subject::Column(_)) => {
                view.any(filters, *subject, event, |text| !matches!(text, Some(b"" | b"-")))
            }
            Test::Present(subject) => view.any(filters, *subject, event, |_| true),
        }
    }
}

impl Filters {
    /// Reads the condition at a key.
    pub(super) fn test(&mut self, key: &str, condition: &Condition) -> Result<Test, PlanError> {
        if key.matches(['[', '.']).count() > 2 * DEEPEST {
            return Err(PlanError::new(key, format!("is more than {DEEPEST} conditions deep")));
        }
        let Condition { field, column, part, any, all, not, .. } = condition;
        let names = ["field", "column", "part", "any", "all", "not"];
        let given = [field.is_some(), column.is_some(), part.is_some(), any.is_some(), all.is_some(), not.is_some()];
        let given: Vec<&str> = names.into_iter().zip(given).filter(|(_, set)| *set).map(|(name, _)| name).collect();
        let [only] = given[..] else {
            let expected = "expected one of `field`, `column`, `part`, `any`, `all` and `not`";
            let problem = match &given[..] {
                [] => format!("says nothing that is looked at: {expected}"),
                several => format!("has `{}` at once: {expected}", several.join("`, `")),
            };
            return Err(PlanError::new(key, problem));
        };
        let below = |name: &str| format!("{key}.{name}");
        let subject = match (field, column, part) {
            (Some(field), ..) => {
                let steps = path::steps(field).map_err(|problem| PlanError::new(&below("field"), problem))?;
                Subject::Field(self.paths.add(&steps))
            }
            (_, Some(column), _) => {
                let number = self.columns.add(column);
                Subject::Column(number.map_err(|problem| PlanError::new(&below("column"), problem))?)
            }
            (.., Some(part)) => Subject::Part(*part),
            _ => return self.of_others(key, only, condition),
        };
        predicate(key, subject, condition)
    }

    fn of_others(&mut self, key: &str, only: &str, condition: &Condition) -> Result<Test, PlanError> {
        if let Some(said) = predicates(condition).first() {
            let problem = format!(
                "stands beside `{only}`: expected it within a condition that has a `field`, `column` or `part`"
            );
            return Err(PlanError::new(&format!("{key}.{said}"), problem));
        }
        if let Some(not) = &condition.not {
            return Ok(Test::Not(Box::new(self.test(&format!("{key}.not"), not)?)));
        }
        let conditions = condition.any.as_ref().or(condition.all.as_ref()).into_iter().flatten().enumerate();
        let tests =
            conditions.map(|(n, one)| self.test(&format!("{key}.{only}[{n}]"), one)).collect::<Result<Vec<_>, _>>()?;
        match (tests.is_empty(), only) {
            (true, _) => Err(PlanError::new(&format!("{key}.{only}"), "expected at least one condition")),
            (_, "any") => Ok(Test::Any(tests)),
            _ => Ok(Test::All(tests)),
        }
    }
}

/// The keys of a condition that say what something must be.
fn predicates(condition: &Condition) -> Vec<&'static str> {
    let Condition { is, prefix, cidr, matches, present, .. } = condition;
    let given = [
        ("is", is.is_some()),
        ("prefix", prefix.is_some()),
        ("cidr", cidr.is_some()),
        ("matches", matches.is_some()),
        ("present", present.is_some()),
    ];
    given.into_iter().filter(|(_, set)| *set).map(|(name, _)| name).collect()
}

fn predicate(key: &str, subject: Subject, condition: &Condition) -> Result<Test, PlanError> {
    let [only] = predicates(condition)[..] else {
        let problem = match &predicates(condition)[..] {
            [] => "says nothing that it must be: expected one of `is`, `prefix`, `cidr`, `matches` and `present`"
                .to_owned(),
            several => format!(
                "has `{}` at once: expected one of them; conditions below `when` must all be met",
                several.join("`, `")
            ),
        };
        return Err(PlanError::new(key, problem));
    };
    let key = format!("{key}.{only}");
    let Condition { is, prefix, cidr, matches, present, .. } = condition;
    if let Some(present) = present {
        let test = Test::Present(subject);
        return Ok(if *present { test } else { Test::Not(Box::new(test)) });
    }
    if let Some(expression) = matches {
        let regex = RegexBuilder::new(expression).size_limit(LARGEST_REGEX).dfa_size_limit(LARGEST_REGEX).build();
        return match regex {
            Ok(regex) => Ok(Test::Is(subject, Like::Matches(regex))),
            Err(error) => {
                // The last line of several says what is wrong.
                let error = error.to_string();
                let error = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
                Err(PlanError::new(&key, format!("no regular expression: {error}")))
            }
        };
    }
    let texts = is.as_ref().or(prefix.as_ref()).or(cidr.as_ref()).map(Vec::as_slice).unwrap_or_default();
    if texts.is_empty() {
        return Err(PlanError::new(&key, "expected at least one entry"));
    }
    let bytes = texts.iter().map(|text| text.as_bytes().to_vec());
    Ok(Test::Is(
        subject,
        match only {
            "is" => Like::OneOf(bytes.collect()),
            "prefix" => Like::Prefix(bytes.collect()),
            _ => Like::Within(
                texts
                    .iter()
                    .enumerate()
                    .map(|(n, text)| net(&format!("{key}[{n}]"), text))
                    .collect::<Result<_, _>>()?,
            ),
        },
    ))
}

/// A network, or one address.
fn net(key: &str, text: &str) -> Result<IpNet, PlanError> {
    let text = text.trim();
    let net = text.parse::<IpNet>().ok().or_else(|| Some(IpNet::from(text.parse::<IpAddr>().ok()?)));
    net.ok_or_else(|| {
        let problem =
            format!("`{}` is no network: expected one as in `10.0.0.0/8` or `2001:db8::/32`", text.escape_debug());
        PlanError::new(key, problem)
    })
}

/// The columns that are asked for.
#[derive(Debug, Default)]
pub(super) struct Columns(Vec<Column>);

#[derive(PartialEq, Eq, Debug)]
enum Column {
    Named(String),
    /// From 0 on.
    Number(usize),
}

impl Columns {
    /// Answers its number among them.
    pub(super) fn add(&mut self, column: &str) -> Result<usize, String> {
        let column = column.trim();
        let column = match column.parse::<usize>() {
            Ok(0) => return Err("columns are counted from 1 on".to_owned()),
            Ok(number) => Column::Number(number - 1),
            Err(_) if column.is_empty() => return Err("expected a column's name, or its number".to_owned()),
            Err(_) => Column::Named(column.to_owned()),
        };
        let known = self.0.iter().position(|other| *other == column);
        Ok(known.unwrap_or_else(|| {
            self.0.push(column);
            self.0.len() - 1
        }))
    }

    /// Where each of them stands in a row, as far as that is known without a header.
    pub(super) fn places(&self) -> Vec<Option<usize>> {
        let number = |column: &Column| match column {
            Column::Number(number) => Some(*number),
            Column::Named(_) => None,
        };
        self.0.iter().map(number).collect()
    }

    /// The same below a header.
    pub(super) fn places_below(&self, Renamed { header, cells, .. }: &Renamed) -> Vec<Option<usize>> {
        let place = |column: &Column| match column {
            Column::Number(number) => Some(*number),
            Column::Named(name) => cells.named(header, name),
        };
        self.0.iter().map(place).collect()
    }
}

/// The text of a cell.
pub(super) fn cell(cells: Cells, row: &[u8], index: usize) -> Option<Cow<'_, [u8]>> {
    let place = cells.find(row, index)?;
    Some(cells.text(row, place))
}
