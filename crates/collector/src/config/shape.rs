//! Fits a tree to the schema: finds everything that does not fit, each with its place.
//!
//! What fits is brought into the form that the types read: keys under their first name, optional keys without a value
//! left out, empty sections where nothing is needed, secrets read from the files that hold them, and texts marked as such, so
//! that a section which is read as part of another (serde's `flatten`) finds what its keys want without being asked for it.

use std::path::PathBuf;

use quittance_core::Interval;
use serde_json::Value as Json;

use super::{
    Documents, KeyPath, Position, Problem,
    nearest::{by_likeness, nearest},
    schema::{Wanted, aliases, listed},
    secret_file,
    tree::{Entry, Node, Origin, Scalar, Value},
};
use crate::codes;

/// Fits `tree` to `schema`; relative paths of secrets begin beside the document that names them. Says which files of secrets
/// it names.
pub(crate) fn fit(tree: &mut Node, schema: &Json, documents: &Documents, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let mut fitting = Fitting { root: schema, documents, problems, secret_files: Vec::new() };
    fitting.fit(tree, &Wanted::of(schema, schema), Place { path: &KeyPath::default(), key_at: Position::START });
    fitting.secret_files
}

struct Fitting<'a> {
    root: &'a Json,
    documents: &'a Documents,
    problems: &'a mut Vec<Problem>,
    secret_files: Vec<PathBuf>,
}

/// Where a value belongs.
#[derive(Clone, Copy)]
struct Place<'p> {
    path: &'p KeyPath,
    key_at: Position,
}

impl Fitting<'_> {
    fn fit(&mut self, node: &mut Node, wanted: &Wanted, place: Place<'_>) {
        if node.scalar().is_some_and(|scalar| scalar.origin == Origin::Missing) || wanted.is_anything() {
            return;
        }
        if wanted.is_secret() {
            self.fit_secret(node, place);
        } else if let Some(choices) = wanted.choices() {
            self.fit_choice(node, wanted, &choices, place);
        } else if let Some(tagged) = wanted.tagged(self.root) {
            let tag = node.child(&tagged.key).and_then(Node::scalar).map(|scalar| scalar.text.as_str());
            match tag.and_then(|tag| tagged.variants.get(tag)) {
                Some(variant) => self.fit_section(node, variant, place),
                None => self.unknown_variant(node, &tagged.key, tagged.variants.keys().map(String::as_str), place),
            }
        } else if wanted.is_section() {
            self.fit_section(node, wanted, place);
        } else if wanted.is_list() {
            self.fit_list(node, wanted, place);
        } else {
            self.fit_scalar(node, wanted, place);
        }
    }

    fn fit_section(&mut self, node: &mut Node, wanted: &Wanted, place: Place<'_>) {
        if node.is_blank() {
            node.value = Value::Map(Vec::new());
        }
        let at = node.at;
        let Value::Map(entries) = &mut node.value else { return self.misfit(node, wanted, place) };
        let mut blank: Vec<(Entry, KeyPath)> = Vec::new();
        let mut fitted: Vec<Entry> = Vec::with_capacity(entries.len());
        // Keys of `fitted` as the user wrote them.
        let mut written: Vec<String> = Vec::with_capacity(entries.len());
        for mut entry in std::mem::take(entries) {
            let path = place.path.key(&entry.key);
            let as_written = entry.key.clone();
            let below = Place { path: &path, key_at: entry.key_at };
            let schema = match wanted.key(&entry.key) {
                Some((key, schema)) => {
                    if key != entry.key {
                        entry.key = key.to_owned();
                    }
                    schema
                }
                None => match wanted.free_keys().or_else(|| claimed(&entry.value, wanted)) {
                    Some(schema) => schema,
                    None => {
                        self.unknown_key(&entry, wanted, below);
                        continue;
                    }
                },
            };
            let below_wanted = Wanted::of(schema, self.root);
            // A null or an empty text stands for a key that is not there; a section may be all defaults.
            if entry.value.is_blank() && !below_wanted.is_section() && wanted.free_keys().is_none() {
                blank.push((entry, path));
                continue;
            }
            if let Some(at) = fitted.iter().position(|other| other.key == entry.key) {
                let message =
                    format!("another name of `{}`, which stands in line {}", written[at], fitted[at].key_at.line);
                self.problems.push(Problem::error(entry.key_at, &path, message));
                continue;
            }
            self.fit(&mut entry.value, &below_wanted, below);
            fitted.push(entry);
            written.push(as_written);
        }
        for key in wanted.required() {
            if fitted.iter().any(|entry| entry.key == key) {
                continue;
            }
            let below = Wanted::of(wanted.key(key).map_or(&Json::Null, |(_, schema)| schema), self.root);
            if below.is_section() && below.required().next().is_none() && below.free_keys().is_none() {
                let value = Node { at, value: Value::Map(Vec::new()) };
                fitted.push(Entry { key: key.to_owned(), key_at: place.key_at, value });
                continue;
            }
            let (key_at, path, found) = match blank.iter().find(|(blank, _)| blank.key == key) {
                Some((blank, path)) => (blank.key_at, path.clone(), "no value"),
                None => (place.key_at, place.path.key(key), "missing"),
            };
            let message = format!("{found}: expected {}", below.in_words());
            self.problems.push(with_example(Problem::error(key_at, &path, message), &below, key));
        }
        node.value = Value::Map(fitted);
    }

    fn unknown_key(&mut self, entry: &Entry, wanted: &Wanted, place: Place<'_>) {
        let ignored = Problem::warning(place.key_at, place.path, "unknown key, ignored").coded(&codes::UNKNOWN_KEY);
        let names = wanted.keys().flat_map(|(key, schema)| std::iter::once(key).chain(aliases(schema)));
        let problem = match (wanted.closed_to(), nearest(&entry.key, names)) {
            (Some(noun), _) => {
                let names = by_likeness(&entry.key, wanted.keys().map(|(key, _)| key));
                let message = format!("there is no {noun} of this name: expected one of {}", listed(names));
                let problem = Problem::error(place.key_at, place.path, message);
                match wanted.free_by_type() {
                    Some((of, _)) => problem.with_hint(format!("a {noun} of any name has `types: [{of}]`")),
                    None => problem,
                }
            }
            (None, Some(near)) => ignored.with_hint(format!("did you mean `{near}`?")),
            (None, None) => ignored.with_hint(format!("known here: {}", listed(wanted.keys().map(|(key, _)| key)))),
        };
        self.problems.push(problem);
    }

    fn unknown_variant<'n>(
        &mut self,
        node: &Node,
        key: &str,
        names: impl Iterator<Item = &'n str> + Clone,
        place: Place<'_>,
    ) {
        let expected = format!("expected one of {}", listed(names.clone()));
        let problem = match node.child(key) {
            _ if !matches!(node.value, Value::Map(_)) => {
                Problem::error(place.key_at, place.path, format!("expected a section of keys, found {}", node.kind()))
            }
            None => Problem::error(place.key_at, &place.path.key(key), format!("missing: {expected}")),
            Some(tag) => {
                let message = format!("{expected}, found {}", shown(tag));
                let near = tag.scalar().and_then(|scalar| nearest(&scalar.text, names));
                let problem = Problem::error(tag.at, &place.path.key(key), message);
                near.map_or(problem.clone(), |near| problem.with_hint(format!("did you mean `{near}`?")))
            }
        };
        self.problems.push(problem);
    }

    fn fit_list(&mut self, node: &mut Node, wanted: &Wanted, place: Place<'_>) {
        let Value::List(items) = &mut node.value else { return self.misfit(node, wanted, place) };
        let Some(schema) = wanted.items() else { return };
        let wanted = Wanted::of(schema, self.root);
        let mut index = 0;
        items.retain_mut(|item| {
            let path = place.path.item(index);
            index += 1;
            if item.is_blank() && !wanted.is_section() {
                self.problems.push(Problem::warning(item.at, &path, "empty item, ignored"));
                return false;
            }
            let at = item.at;
            self.fit(item, &wanted, Place { path: &path, key_at: at });
            true
        });
    }

    fn fit_choice(&mut self, node: &mut Node, wanted: &Wanted, choices: &[&str], place: Place<'_>) {
        match &mut node.value {
            Value::Scalar(scalar) if choices.contains(&scalar.text.as_str()) => scalar.plain = false,
            _ => self.wrong_choice(node, wanted, choices, place),
        }
    }

    fn wrong_choice(&mut self, node: &Node, wanted: &Wanted, choices: &[&str], place: Place<'_>) {
        match node.scalar() {
            Some(scalar) if !scalar.is_blank() => {
                let message = format!("expected {}, found {}", wanted.in_words(), scalar.shown());
                let problem = Problem::error(node.at, place.path, message);
                self.problems.push(match nearest(&scalar.text, choices.iter().copied()) {
                    Some(near) => problem.with_hint(format!("did you mean `{near}`?")),
                    None => problem,
                });
            }
            _ => self.misfit(node, wanted, place),
        }
    }

    fn fit_scalar(&mut self, node: &mut Node, wanted: &Wanted, place: Place<'_>) {
        let (least, greatest) = wanted.bounds();
        let within = |number: f64| (least..=greatest).contains(&number);
        let fits = |scalar: &Scalar| match wanted {
            _ if wanted.is_interval() => scalar.text.parse::<Interval>().is_ok(),
            _ if wanted.is_text() => true,
            _ if wanted.is_boolean() => scalar.as_bool().is_some(),
            _ if wanted.is_integer() => scalar.as_integer().is_some_and(|number| within(number as f64)),
            _ if wanted.is_number() => scalar.as_float().is_some_and(within),
            _ => true,
        };
        if !node.scalar().is_some_and(|scalar| !scalar.is_null() && fits(scalar)) {
            self.misfit(node, wanted, place);
        } else if let Value::Scalar(scalar) = &mut node.value {
            scalar.plain = !wanted.is_text();
        }
    }

    fn fit_secret(&mut self, node: &mut Node, place: Place<'_>) {
        let Value::Scalar(scalar) = &mut node.value else {
            let message = format!("expected a secret text, or `file:` and the path of a file, found {}", node.kind());
            self.problems.push(Problem::error(place.key_at, place.path, message));
            return;
        };
        if let Some(file) = scalar.text.strip_prefix("file:") {
            let file = self.documents.folder(node.at.document).join(file);
            match secret_file::read(&file) {
                Ok(secret) => scalar.text = secret,
                Err(message) => self.problems.push(Problem::error(node.at, place.path, message)),
            }
            self.secret_files.push(file);
        }
        scalar.origin = Origin::Elsewhere;
    }

    fn misfit(&mut self, node: &Node, wanted: &Wanted, place: Place<'_>) {
        let at = match node.scalar() {
            Some(scalar) if !scalar.is_blank() => node.at,
            _ => place.key_at,
        };
        let found = match wanted.is_section() || wanted.is_list() {
            // What stands in the place of a whole section may be anything, a secret too.
            true => node.kind().to_owned(),
            false => shown(node),
        };
        let problem = Problem::error(at, place.path, format!("expected {}, found {found}", wanted.in_words()));
        let key = place.path.last_key().unwrap_or_default();
        self.problems.push(with_example(problem, wanted, key));
    }
}

/// The schema of a section whose type lets it have any name.
fn claimed<'w>(section: &Node, wanted: &'w Wanted) -> Option<&'w Json> {
    wanted.free_by_type().filter(|(of, _)| section.lists("types", of)).map(|(_, schema)| schema)
}

fn shown(node: &Node) -> String {
    match node.scalar() {
        Some(scalar) if !scalar.is_blank() => scalar.shown(),
        _ => node.kind().to_owned(),
    }
}

fn with_example(problem: Problem, wanted: &Wanted, key: &str) -> Problem {
    match wanted.example(key) {
        Some(example) => problem.with_hint(format!("for example `{example}`")),
        None => problem,
    }
}
