//! A configuration as a tree that remembers where everything stood.

use std::{collections::BTreeMap, fmt};

use super::KeyPath;

/// One of the files that make a configuration.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Document {
    /// The configuration itself.
    Config,
    /// What completes it, as a Collector Server does.
    Server,
}

/// A place in a file; lines and columns count from one, columns in characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position {
    /// The file.
    pub document: Document,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Position {
    /// The first character of the configuration.
    pub(crate) const START: Position = Position::new(1, 1);

    /// A place in the configuration itself.
    pub(crate) const fn new(line: usize, column: usize) -> Position {
        Position { document: Document::Config, line, column }
    }

    /// The first character after `text`.
    pub(crate) fn after(text: &str) -> Position {
        let last = text.rsplit('\n').next().unwrap_or_default();
        Position::new(text.matches('\n').count() + 1, last.chars().count() + 1)
    }
}

/// A value and where it stood. What it says appears in no debug output: it may be a secret.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) value: Value,
}

#[derive(Clone)]
pub(crate) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_at: Position,
    pub(crate) value: Node,
}

/// A text that is read as whatever its place wants.
#[derive(Clone)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Neither quoted nor a block: only then can it be a null.
    pub(crate) plain: bool,
    /// Where its text came from.
    pub(crate) origin: Origin,
}

/// Where a text came from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The configuration itself.
    Written,
    /// The environment, or a file of its own: no message repeats it.
    Elsewhere,
    /// It was to come from elsewhere and did not, which has been said already.
    Missing,
}

impl Node {
    /// The value of `key`, if this is a map that has it.
    pub(crate) fn child(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value),
            _ => None,
        }
    }

    /// Whether a text stands under `key`, alone or in a list.
    pub(crate) fn lists(&self, key: &str, text: &str) -> bool {
        let is = |node: &Node| node.scalar().is_some_and(|scalar| scalar.text == text);
        self.child(key).is_some_and(|below| match &below.value {
            Value::List(items) => items.iter().any(is),
            _ => is(below),
        })
    }

    /// The entries of a map; nothing else has any.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Says of everything that it stands in `document`.
    pub(crate) fn stands_in(&mut self, document: Document) {
        self.at.document = document;
        match &mut self.value {
            Value::Scalar(_) => {}
            Value::List(items) => items.iter_mut().for_each(|item| item.stands_in(document)),
            Value::Map(entries) => {
                for entry in entries {
                    entry.key_at.document = document;
                    entry.value.stands_in(document);
                }
            }
        }
    }

    /// The scalar, if it is one.
    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Whether it says nothing at all: a null or an empty text.
    pub(crate) fn is_blank(&self) -> bool {
        self.scalar().is_some_and(Scalar::is_blank)
    }

    /// What it is, in words, without what it says.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar(scalar) if scalar.is_blank() => "nothing",
            Value::Scalar(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a section of keys",
        }
    }

    /// `message` without any hidden text that stands in this node.
    pub(crate) fn redact(&self, message: String) -> String {
        match &self.value {
            Value::Scalar(scalar) if scalar.origin == Origin::Elsewhere && !scalar.is_blank() => {
                message.replace(&scalar.text, "…")
            }
            Value::Scalar(_) => message,
            Value::List(items) => items.iter().fold(message, |message, item| item.redact(message)),
            Value::Map(entries) => entries.iter().fold(message, |message, entry| entry.value.redact(message)),
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}:{}", self.kind(), self.at.line, self.at.column)
    }
}

impl Scalar {
    /// A null, as YAML writes it.
    pub(crate) fn is_null(&self) -> bool {
        self.plain && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }

    /// A null, or an empty text.
    pub(crate) fn is_blank(&self) -> bool {
        self.is_null() || self.text.is_empty()
    }

    /// A boolean as Devo's collector reads it, which follows YAML 1.1.
    pub(crate) fn as_bool(&self) -> Option<bool> {
        match &*self.text {
            "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
            "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
            _ => None,
        }
    }

    /// A whole number: decimal or `0x`, with underscores where one likes.
    pub(crate) fn as_integer(&self) -> Option<i128> {
        let text = self.text.strip_prefix('+').unwrap_or(&self.text);
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
        let (radix, digits) = digits.strip_prefix("0x").map_or((10, digits), |digits| (16, digits));
        if !digits.starts_with(|c: char| c.is_digit(radix)) {
            return None;
        }
        i128::from_str_radix(&digits.replace('_', ""), radix).ok().map(|number| sign * number)
    }

    /// A number that may have a fraction.
    pub(crate) fn as_float(&self) -> Option<f64> {
        let looks_like_one = self.text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
        self.text.parse().ok().filter(|number: &f64| looks_like_one && number.is_finite())
    }

    /// What it says, for a message: short, on one line, and not at all if it came from elsewhere.
    pub(crate) fn shown(&self) -> String {
        if self.origin != Origin::Written {
            return "a value that is not shown".to_owned();
        }
        let mut shown: String = self.text.chars().take(40).collect();
        if shown.len() < self.text.len() {
            shown.push('…');
        }
        format!("`{}`", shown.escape_debug())
    }
}

/// Where each key of a configuration stands, and each item of a list.
#[derive(Clone, Default, Debug)]
pub(crate) struct Places(BTreeMap<KeyPath, Position>);

impl Places {
    pub(crate) fn of(tree: &Node) -> Self {
        let mut places = Places::default();
        places.add(tree, &KeyPath::default());
        places
    }

    fn add(&mut self, node: &Node, path: &KeyPath) {
        match &node.value {
            Value::Scalar(_) => {}
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let path = path.item(index);
                    self.add(item, &path);
                    self.0.insert(path, item.at);
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    let path = path.key(&entry.key);
                    self.add(&entry.value, &path);
                    self.0.insert(path, entry.key_at);
                }
            }
        }
    }

    /// Takes in the places of `others` that are not known.
    pub(crate) fn add_missing(&mut self, others: Places) {
        for (path, position) in others.0 {
            self.0.entry(path).or_insert(position);
        }
    }

    /// The place of `path`.
    pub(crate) fn get(&self, path: &KeyPath) -> Option<Position> {
        self.0.get(path).copied()
    }

    /// The place of `path`, or of the nearest key above it that exists.
    pub(crate) fn find(&self, path: &KeyPath) -> Position {
        let mut path = path.clone();
        loop {
            if let Some(position) = self.get(&path) {
                return position;
            }
            match path.parent() {
                Some(parent) => path = parent,
                None => return Position::START,
            }
        }
    }
}
