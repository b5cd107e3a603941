//! A configuration for people's eyes, once it was fitted to its schema: then what is secret is known.

use std::fmt::Write;

use super::tree::{Entry, Node, Origin, Scalar, Value};

/// The tree as YAML, with what is secret, and all that came from the environment or from files, left out.
pub(crate) fn shown(tree: &Node) -> String {
    let mut text = String::new();
    write(&mut text, tree, 0);
    text
}

fn write(text: &mut String, node: &Node, depth: usize) {
    let indent = "  ".repeat(depth);
    match &node.value {
        Value::Scalar(scalar) => line(text, format_args!("{indent}{}", value(scalar))),
        Value::List(items) => {
            for item in items {
                match item.scalar() {
                    Some(scalar) => line(text, format_args!("{indent}- {}", value(scalar))),
                    None => {
                        line(text, format_args!("{indent}-"));
                        write(text, item, depth + 1);
                    }
                }
            }
        }
        Value::Map(entries) => {
            for Entry { key, value: below, .. } in entries {
                let key = key.escape_debug();
                match below.scalar() {
                    Some(scalar) => line(text, format_args!("{indent}{key}: {}", value(scalar))),
                    None => {
                        line(text, format_args!("{indent}{key}:"));
                        write(text, below, depth + 1);
                    }
                }
            }
        }
    }
}

fn value(scalar: &Scalar) -> String {
    // A name and a password may stand in any address.
    let has_password = scalar.text.split_once("://").is_some_and(|(_, rest)| rest.contains('@'));
    match scalar.origin {
        Origin::Written if !has_password => scalar.text.escape_debug().to_string(),
        _ => "(hidden)".to_owned(),
    }
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    writeln!(text, "{what}").expect("a string takes every write");
}
