//! Finds all values at many paths of a JSON event in one walk over its bytes, for the filters of an event.
//!
//! Unlike [`fields::read`](crate::fields::read), which stops at the first, it finds every value: a key may stand twice, and
//! be spelt with escapes. What it does not find is not there.

use std::ops::Range;

use crate::scan::{Scan, is_space};
use crate::skip::Quoted;
use crate::text::says;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The longest path: a walk recurses as deep as that.
pub const MAX_STEPS: usize = 32;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The value at a key of an object, or at an index of a list if the key is a number.
    Key(String),
    /// Every value of an object or a list.
    Any,
}

/// Paths that are looked for together.
#[derive(Debug, Clone)]
pub struct Paths {
    /// A tree; its first node is the event itself.
    nodes: Vec<Node>,
    paths: usize,
}

#[derive(Debug, Clone, Default)]
struct Node {
    /// Paths that end here.
    ends: Vec<usize>,
    keys: Vec<(String, Option<usize>, usize)>,
    any: Option<usize>,
}

/// A value that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The path that leads to it, by the number that [`Paths::add`] gave it.
    pub path: usize,
    /// Where it stands: a string with its quotes.
    pub place: Range<usize>,
}

/// What a walk needs, kept from one event to the next so that nothing is allocated for each.
#[derive(Debug, Default)]
pub struct Walk {
    /// What was found, in the order of where it begins, an outer value before those inside it.
    pub found: Vec<Found>,
    /// Nodes that the value under way is at, one region for each level.
    active: Vec<usize>,
}

impl Default for Paths {
    fn default() -> Self {
        Paths { nodes: vec![Node::default()], paths: 0 }
    }
}

impl Paths {
    /// Looks for the values at `steps` too: at most [`MAX_STEPS`] of them. Answers the path's number; the same for the same.
    pub fn add(&mut self, steps: &[Step]) -> usize {
        let mut at = 0;
        for step in steps.iter().take(MAX_STEPS) {
            let next = self.nodes.len();
            let node = &mut self.nodes[at];
            let child = match step {
                Step::Any => *node.any.get_or_insert(next),
                Step::Key(key) => match node.keys.iter().find(|(other, ..)| other == key) {
                    Some((.., child)) => *child,
                    None => {
                        let index = key.parse().ok().filter(|index: &usize| index.to_string() == *key);
                        node.keys.push((key.clone(), index, next));
                        next
                    }
                },
            };
            if child == next {
                self.nodes.push(Node::default());
            }
            at = child;
        }
        if let Some(known) = self.nodes[at].ends.first() {
            return *known;
        }
        self.nodes[at].ends.push(self.paths);
        self.paths += 1;
        self.paths - 1
    }

    /// How many paths there are.
    pub fn len(&self) -> usize {
        self.paths
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.paths == 0
    }

    /// Finds all values at the paths, in an event that is one JSON object or several one after the other. Anything else has
    /// none.
    ///
    /// # Errors
    ///
    /// The place from which on the event is no JSON: what is before it was found, what comes after it is not known.
    pub fn find(&self, event: &[u8], walk: &mut Walk) -> Result<(), usize> {
        walk.found.clear();
        walk.active.clear();
        let start = if event.starts_with(BOM) { BOM.len() } else { 0 };
        let mut at = spaces(event, start);
        if event.get(at) != Some(&b'{') {
            return Ok(());
        }
        let mut walker = Walker { json: event, nodes: &self.nodes, walk };
        walker.walk.active.push(0);
        while at < event.len() {
            if event[at] != b'{' {
                return Err(at);
            }
            at = spaces(event, walker.value(at, 0)?);
        }
        Ok(())
    }
}

struct Walker<'a> {
    json: &'a [u8],
    nodes: &'a [Node],
    walk: &'a mut Walk,
}

impl Walker<'_> {
    /// Passes the value that starts at `at` and is at the nodes from `first` on. One past its end.
    fn value(&mut self, at: usize, first: usize) -> Result<usize, usize> {
        let json = self.json;
        let before = self.walk.found.len();
        for active in first..self.walk.active.len() {
            for path in &self.nodes[self.walk.active[active]].ends {
                // Until its end is known, it is as long as the event: damage within it is part of it.
                self.walk.found.push(Found { path: *path, place: at..json.len() });
            }
        }
        let own = before..self.walk.found.len();
        let is_way = |node: &Node| node.any.is_some() || !node.keys.is_empty();
        let goes_on = self.walk.active[first..].iter().any(|node| is_way(&self.nodes[*node]));
        let end = match json.get(at) {
            Some(b'{') if goes_on => self.object(at, first)?,
            Some(b'[') if goes_on => self.list(at, first)?,
            _ => skip(json, at).ok_or(at)?,
        };
        self.walk.found[own].iter_mut().for_each(|found| found.place.end = end);
        Ok(end)
    }

    /// The same for an object that has something to be found in it.
    fn object(&mut self, at: usize, first: usize) -> Result<usize, usize> {
        let json = self.json;
        let last = self.walk.active.len();
        let mut at = spaces(json, at + 1);
        if json.get(at) == Some(&b'}') {
            return Ok(at + 1);
        }
        loop {
            if json.get(at) != Some(&b'"') {
                return Err(at);
            }
            let key = &json[at..Quoted::default().advance(json, at + 1).ok_or(at)?];
            let colon = spaces(json, at + key.len());
            if json.get(colon) != Some(&b':') {
                return Err(at);
            }
            for active in first..last {
                let node = &self.nodes[self.walk.active[active]];
                let named = node.keys.iter().filter(|(name, ..)| says(key, name)).map(|(.., child)| *child);
                self.walk.active.extend(named.chain(node.any));
            }
            let end = self.below(spaces(json, colon + 1), last)?;
            at = spaces(json, end);
            match json.get(at) {
                Some(b',') => at = spaces(json, at + 1),
                Some(b'}') => return Ok(at + 1),
                _ => return Err(at),
            }
        }
    }

    /// The same for a list.
    fn list(&mut self, at: usize, first: usize) -> Result<usize, usize> {
        let json = self.json;
        let last = self.walk.active.len();
        let mut at = spaces(json, at + 1);
        if json.get(at) == Some(&b']') {
            return Ok(at + 1);
        }
        for item in 0.. {
            for active in first..last {
                let node = &self.nodes[self.walk.active[active]];
                let named = node.keys.iter().filter(|(_, index, _)| *index == Some(item)).map(|(.., child)| *child);
                self.walk.active.extend(named.chain(node.any));
            }
            at = spaces(json, self.below(at, last)?);
            match json.get(at) {
                Some(b',') => at = spaces(json, at + 1),
                Some(b']') => return Ok(at + 1),
                _ => break,
            }
        }
        Err(at)
    }

    /// Passes a value whose nodes stand from `last` on, and takes them away again.
    fn below(&mut self, at: usize, last: usize) -> Result<usize, usize> {
        let end = match self.walk.active.len() == last {
            true => skip(self.json, at).ok_or(at)?,
            false => self.value(at, last)?,
        };
        self.walk.active.truncate(last);
        Ok(end)
    }
}

/// One past the value that starts at `at`.
#[inline]
fn skip(json: &[u8], at: usize) -> Option<usize> {
    Scan::begin(*json.get(at)?)?.advance(json, at + 1).ok()?
}

/// The first place from `at` on without white space.
#[inline]
fn spaces(json: &[u8], at: usize) -> usize {
    let rest = json.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|&&byte| is_space(byte)).count()
}
