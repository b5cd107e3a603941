//! From YAML (and so JSON) to the tree: what Devo's collector reads, within bounds.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use super::{
    KeyPath, Position, Problem,
    tree::{Entry, Node, Origin, Scalar, Value},
};
use crate::codes;

/// Sections inside sections; everything that walks the tree recurses.
const MAX_DEPTH: usize = 64;

/// Values in all, so that aliases of aliases cannot fill the memory.
const MAX_NODES: usize = 100_000;

/// Reads `text`. Keys given twice are noted in `problems` and their first value stays; after any other problem there is
/// no tree.
pub(crate) fn parse(text: &str, problems: &mut Vec<Problem>) -> Option<Node> {
    match build(text) {
        Ok(Some(mut tree)) => {
            drop_duplicates(&mut tree, &KeyPath::default(), problems);
            Some(tree)
        }
        Ok(None) => {
            problems.push(
                Problem::error(Position::START, &KeyPath::default(), "the configuration is empty")
                    .coded(&codes::SYNTAX),
            );
            None
        }
        Err(Broken { at, message }) => {
            problems.push(Problem::error(at, &KeyPath::default(), format!("no YAML: {message}")).coded(&codes::SYNTAX));
            None
        }
    }
}

/// Why a text has no tree.
struct Broken {
    at: Position,
    message: String,
}

impl Broken {
    fn new(at: Position, message: &str) -> Self {
        Broken { at, message: message.to_owned() }
    }
}

impl From<ScanError> for Broken {
    fn from(error: ScanError) -> Self {
        Broken::new(position(error.marker()), error.info())
    }
}

fn position(marker: &Marker) -> Position {
    Position::new(marker.line(), marker.col() + 1)
}

/// A list or a map whose end has not come yet.
struct Open {
    at: Position,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    /// With the key whose value comes next.
    Map(Vec<Entry>, Option<(String, Position)>),
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchored: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

fn build(text: &str) -> Result<Option<Node>, Broken> {
    let mut builder = Builder::default();
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event?;
        let at = position(&span.start);
        match event {
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return Err(Broken::new(at, "a second document begins: a configuration is one document"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.as_deref().is_none_or(|tag| tag.suffix != "str");
                known_tag(tag.as_deref(), at)?;
                let scalar = Scalar { text: text.into_owned(), plain, origin: Origin::Written };
                builder.add(Node { at, value: Value::Scalar(scalar) }, anchor)?;
            }
            Event::SequenceStart(anchor, tag) => {
                known_tag(tag.as_deref(), at)?;
                builder.open(Open { at, anchor, content: Content::List(Vec::new()) })?;
            }
            Event::MappingStart(anchor, tag) => {
                known_tag(tag.as_deref(), at)?;
                builder.open(Open { at, anchor, content: Content::Map(Vec::new(), None) })?;
            }
            Event::SequenceEnd | Event::MappingEnd => builder.close()?,
            Event::Alias(anchor) => {
                let node = builder.anchored.get(&anchor).cloned();
                let node = node.ok_or_else(|| Broken::new(at, "an alias inside the value that it names"))?;
                if builder.open.len() + depth(&node) > MAX_DEPTH {
                    return Err(Broken::new(at, "sections are nested too deeply"));
                }
                builder.nodes += size(&node);
                builder.add(node, 0)?;
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }
    Ok(builder.root)
}

/// `!!str` and its like are YAML's own; what they say is known from the place anyway.
fn known_tag(tag: Option<&Tag>, at: Position) -> Result<(), Broken> {
    const KNOWN: [&str; 7] = ["str", "int", "float", "bool", "null", "seq", "map"];
    match tag {
        Some(tag) if !(tag.is_yaml_core_schema() && KNOWN.contains(&&*tag.suffix)) => {
            Err(Broken::new(at, "tags such as `!name` mean nothing here"))
        }
        _ => Ok(()),
    }
}

impl Builder {
    fn open(&mut self, open: Open) -> Result<(), Broken> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Broken::new(open.at, "sections are nested too deeply"));
        }
        self.open.push(open);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Broken> {
        let Some(Open { at, anchor, content }) = self.open.pop() else { return Ok(()) };
        let value = match content {
            Content::List(items) => Value::List(items),
            Content::Map(entries, _) => Value::Map(merged(entries)?),
        };
        self.add(Node { at, value }, anchor)
    }

    /// Puts a whole value where it belongs.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Broken> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Broken::new(node.at, "more values than any configuration has"));
        }
        if anchor > 0 {
            self.anchored.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map(entries, next)) => match next.take() {
                Some((key, key_at)) => entries.push(Entry { key, key_at, value: node }),
                None => match node.value {
                    Value::Scalar(scalar) => *next = Some((scalar.text, node.at)),
                    _ => return Err(Broken::new(node.at, "a key must be a single value")),
                },
            },
        }
        Ok(())
    }
}

/// YAML 1.1's merge key: `<<: *base` brings in what the section does not say itself.
fn merged(entries: Vec<Entry>) -> Result<Vec<Entry>, Broken> {
    let (merges, mut entries): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.key == "<<");
    let mut said: HashSet<String> = match merges.is_empty() {
        true => return Ok(entries),
        false => entries.iter().map(|entry| entry.key.clone()).collect(),
    };
    for merge in merges {
        let bases = match merge.value.value {
            Value::List(bases) => bases,
            _ => vec![merge.value],
        };
        for base in bases {
            let Value::Map(base) = base.value else {
                return Err(Broken::new(merge.key_at, "`<<` takes an alias of a section"));
            };
            entries.extend(base.into_iter().filter(|entry| said.insert(entry.key.clone())));
        }
    }
    Ok(entries)
}

fn drop_duplicates(node: &mut Node, path: &KeyPath, problems: &mut Vec<Problem>) {
    match &mut node.value {
        Value::Scalar(_) => {}
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                drop_duplicates(item, &path.item(index), problems);
            }
        }
        Value::Map(entries) => {
            let mut first: HashMap<String, Position> = HashMap::new();
            entries.retain(|entry| match first.get(&entry.key) {
                None => first.insert(entry.key.clone(), entry.key_at).is_none(),
                Some(first) => {
                    let message = format!("the key is given twice, first in line {}", first.line);
                    problems.push(Problem::error(entry.key_at, &path.key(&entry.key), message).coded(&codes::SYNTAX));
                    false
                }
            });
            for entry in entries {
                drop_duplicates(&mut entry.value, &path.key(&entry.key), problems);
            }
        }
    }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::Scalar(_) => 1,
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|entry| size(&entry.value)).sum::<usize>(),
    }
}

fn depth(node: &Node) -> usize {
    let below = match &node.value {
        Value::Scalar(_) => return 0,
        Value::List(items) => items.iter().map(depth).max(),
        Value::Map(entries) => entries.iter().map(|entry| depth(&entry.value)).max(),
    };
    1 + below.unwrap_or(0)
}
