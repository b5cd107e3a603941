//! Filters: what a user drops, sends elsewhere, masks or samples on the way, by what events say.
//!
//! They stand between a service's router and its batches, in all three engines alike: an [`Account`](crate::Account) that a
//! service is planned with carries its filters, and every unit that is made with it has them. A [`Filters`] is compiled once;
//! a [`Sieve`] is one at work on the events of an object, a queue or a cursor.
//!
//! A verdict depends on the event and where it is from alone, so that it is the same when the event is given again, and on
//! another machine.

mod condition;
mod path;
mod section;
mod sieve;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc};

use quittance_core::{Code, Finding};
use quittance_formats::{column_names, paths::Paths};

use crate::{PlanError, TagTemplate};

use condition::{Columns, Test};
pub use section::{Action, Condition, FilterSection, Part};
pub(crate) use sieve::{Sieve, Verdict};

/// Names are shown in counts.
const LONGEST_NAME: usize = 64;

/// The filters of a service, in their order.
#[derive(Debug, Default)]
pub struct Filters {
    all: Vec<Filter>,
    /// Every JSON path that any of them asks for.
    paths: Paths,
    /// Every column.
    columns: Columns,
}

/// What becomes of an event that matches.
#[derive(Debug)]
struct Filter {
    /// Its address in counts, as in `audit-events-all/noise`.
    name: Arc<str>,
    when: Test,
    drop: bool,
    /// It keeps one of so many.
    sample: Option<u64>,
    route: Option<TagTemplate>,
    /// Numbers of JSON paths whose values are masked, in order.
    mask: Vec<usize>,
    /// Numbers of columns that are masked.
    mask_columns: Vec<usize>,
}

impl Filters {
    /// Reads the filters of the service's section of that name. The key of a problem is relative to the section.
    pub fn new(section: &str, filters: &[FilterSection]) -> Result<Filters, PlanError> {
        let mut compiled = Filters::default();
        let mut names = BTreeSet::new();
        for (index, filter) in filters.iter().enumerate() {
            let at = |key: &str| format!("filters[{index}].{key}");
            let own = filter.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
            let name = own.map_or_else(|| (index + 1).to_string(), str::to_owned);
            if name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
                let problem = format!("expected a name of at most {LONGEST_NAME} bytes, in printable characters");
                return Err(PlanError::new(&at("name"), problem));
            }
            if !names.insert(name.clone()) {
                let problem =
                    format!("`{name}` is the name of a filter before this one: what they drop is counted by name");
                return Err(PlanError::new(&at("name"), problem));
            }
            let name = format!("{section}/{name}").into();
            let filter = compiled.filter(name, index, filter)?;
            compiled.all.push(filter);
        }
        Ok(compiled)
    }

    fn filter(&mut self, name: Arc<str>, index: usize, filter: &FilterSection) -> Result<Filter, PlanError> {
        let at = |key: &str| format!("filters[{index}].{key}");
        let FilterSection { when, action, route, mask, mask_columns, sample, .. } = filter;
        let drop = *action == Some(Action::Drop);
        let others = [
            ("route", route.is_some()),
            ("mask", !mask.is_empty()),
            ("mask_columns", !mask_columns.is_empty()),
            ("sample", sample.is_some()),
        ];
        match others.iter().find(|(_, set)| *set) {
            Some((other, _)) if drop => {
                let problem =
                    format!("`drop` beside `{other}`: expected one of them, since what is dropped goes nowhere");
                return Err(PlanError::new(&at("action"), problem));
            }
            None if action.is_none() => {
                let problem = "says nothing that it does: expected `action: drop` or `action: send`, or one or more of \
                               `route`, `mask`, `mask_columns` and `sample`";
                return Err(PlanError::new(&format!("filters[{index}]"), problem));
            }
            _ => {}
        }
        if sample.is_some_and(|sample| sample < 2) {
            return Err(PlanError::new(
                &at("sample"),
                "keeps every event, or none: expected 2 or more, to keep one of so many",
            ));
        }
        let route =
            route.as_deref().map(|route| route_of(route).map_err(|problem| PlanError::new(&at("route"), problem)));
        let conditions = when.iter().enumerate().map(|(n, one)| self.test(&at(&format!("when[{n}]")), one));
        let when = Test::All(conditions.collect::<Result<_, _>>()?);
        let mut paths = Vec::new();
        for (n, path) in mask.iter().enumerate() {
            let path = path::steps(path).map_err(|problem| PlanError::new(&at(&format!("mask[{n}]")), problem))?;
            paths.push(self.paths.add(&path));
        }
        paths.sort_unstable();
        let mut columns = Vec::new();
        for (n, column) in mask_columns.iter().enumerate() {
            let number = self.columns.add(column);
            columns.push(number.map_err(|problem| PlanError::new(&at(&format!("mask_columns[{n}]")), problem))?);
        }
        let (sample, route) = (*sample, route.transpose()?);
        Ok(Filter { name, when, drop, sample, route, mask: paths, mask_columns: columns })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Their addresses in counts, in their order.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.all.iter().map(|filter| &filter.name)
    }

    /// What is likely not meant, each with the key that it stands at, relative to the section.
    pub fn advice(&self, filters: &[FilterSection], drops_all: &'static Code) -> Vec<(String, Finding)> {
        let mut found = Vec::new();
        let warn = |index: usize, key: &str, problem: String| {
            let key = format!("filters[{index}]{key}");
            (key, Finding::warning(drops_all, problem))
        };
        let takes_all = |filter: &Filter| matches!(&filter.when, Test::All(tests) if tests.is_empty());
        if let Some(first) = self.all.iter().position(takes_all) {
            if self.all[..=first].iter().all(|filter| filter.drop) {
                let problem = "drops every event of the service: it has no `when`, and no filter before it sends any";
                found.push(warn(first, "", problem.to_owned()));
            }
            if first + 1 < self.all.len() {
                let problem = format!("is never reached: filter {} has no `when`, and so takes every event", first + 1);
                found.push(warn(first + 1, "", problem));
            }
        }
        for (index, filter) in filters.iter().enumerate() {
            let route = filter.route.as_deref().map_or(0, |route| route.trim().split('.').count());
            if route > MOST_LEVELS {
                let problem = format!("has {route} levels: Devo's tags have {MOST_LEVELS} at most");
                found.push(warn(index, ".route", problem));
            }
        }
        found
    }

    /// Names of columns that no log of ours is known to have, each with the key that it stands at.
    pub fn odd_columns(filters: &[FilterSection]) -> Vec<(String, &str)> {
        fn of<'c>(key: &str, condition: &'c Condition, found: &mut Vec<(String, &'c str)>) {
            if let Some(column) = condition.column.as_deref().filter(|column| is_odd(column)) {
                found.push((format!("{key}.column"), column));
            }
            for (list, conditions) in [("any", &condition.any), ("all", &condition.all)] {
                for (n, one) in conditions.iter().flatten().enumerate() {
                    of(&format!("{key}.{list}[{n}]"), one, found);
                }
            }
            if let Some(not) = &condition.not {
                of(&format!("{key}.not"), not, found);
            }
        }
        let mut found = Vec::new();
        for (index, filter) in filters.iter().enumerate() {
            for (n, condition) in filter.when.iter().enumerate() {
                of(&format!("filters[{index}].when[{n}]"), condition, &mut found);
            }
            for (n, column) in filter.mask_columns.iter().enumerate().filter(|(_, column)| is_odd(column)) {
                found.push((format!("filters[{index}].mask_columns[{n}]"), column));
            }
        }
        found
    }
}

/// Levels of a tag of Devo's.
const MOST_LEVELS: usize = 6;

fn is_odd(column: &str) -> bool {
    let column = column.trim();
    column.parse::<usize>().is_err() && !column_names().any(|name| name.eq_ignore_ascii_case(column))
}

/// A tag of the user's own. What an event says of its type only its service knows.
fn route_of(route: &str) -> Result<TagTemplate, String> {
    let template = TagTemplate::new(route.trim(), "events")?;
    match template.has_event_type() {
        true => Err(format!(
            "tag `{}`: `{{event_type}}` is not known to a filter: there are `{{account}}` and `{{region}}`",
            route.trim()
        )),
        false => Ok(template),
    }
}
