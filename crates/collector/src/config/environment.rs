//! References to the environment: `${NAME}`, `${NAME:-default}`, and `$$` for a dollar.
//!
//! They are replaced in values alone, after YAML has been read, so that what a variable holds is always one value and
//! never more YAML. A dollar before anything else, as in a regular expression, stays as it is.

use std::env::{self, VarError};

use super::{
    KeyPath, Problem,
    tree::{Node, Origin, Scalar, Value},
};
use crate::codes;

/// Looks up a variable of this process.
pub(crate) fn of_process(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| match error {
        VarError::NotPresent => format!("the environment has no `{name}`"),
        VarError::NotUnicode(_) => format!("`{name}` in the environment is not UTF-8"),
    })
}

/// Looks up a variable, or says why there is none.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Replaces every reference below `node`.
pub(crate) fn expand(node: &mut Node, path: &KeyPath, lookup: Lookup<'_>, problems: &mut Vec<Problem>) {
    match &mut node.value {
        Value::Scalar(scalar) => {
            if let Err(message) = expand_scalar(scalar, lookup) {
                scalar.origin = Origin::Missing;
                problems.push(Problem::error(node.at, path, message).coded(&codes::VARIABLE).with_hint(HINT));
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                expand(item, &path.item(index), lookup, problems);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                expand(&mut entry.value, &path.key(&entry.key), lookup, problems);
            }
        }
    }
}

const HINT: &str = "`${NAME}` is a variable of the environment, `${NAME:-text}` has a default, `$$` is a dollar";

fn expand_scalar(scalar: &mut Scalar, lookup: Lookup<'_>) -> Result<(), String> {
    let mut expanded = String::with_capacity(scalar.text.len());
    let mut rest = scalar.text.as_str();
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            expanded.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let (reference, after) = after.split_once('}').ok_or("`${` without its `}`")?;
            expanded.push_str(&value(reference, lookup)?);
            scalar.origin = Origin::Elsewhere;
            rest = after;
        } else {
            expanded.push('$');
        }
    }
    expanded.push_str(rest);
    scalar.text = expanded;
    Ok(())
}

fn value(reference: &str, lookup: Lookup<'_>) -> Result<String, String> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    let well_formed = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !well_formed {
        return Err(format!("`${{{}}}` is no reference to a variable", reference.escape_debug()));
    }
    // As in a shell: an empty variable takes the default too.
    match (lookup(name), default) {
        (Ok(value), default) if !value.is_empty() || default.is_none() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (found, None) => found,
    }
}
