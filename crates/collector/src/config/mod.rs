//! The configuration in Devo's on-premise shape: `globals`, `outputs`, `inputs`.
//!
//! A file is read once, into a tree that knows where everything stood; references to the environment are replaced in
//! it; the tree is fitted to the schema that the types make, which finds all problems at once; then the types are read
//! from it. Whatever is found later, by a service or by its setup, can still be told with line and column.

mod deserialize;
mod environment;
mod key_path;
mod nearest;
mod parse;
mod problem;
mod schema;
mod secret_file;
mod section;
mod sections;
mod shape;
mod tree;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use quittance_aws::PlanError;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{CollectorError, codes};
use tree::{Entry, Node, Places, Value};

pub use key_path::KeyPath;
pub use problem::{Problem, Problems};
pub use schema::schema;
pub use section::Section;
pub use sections::{
    Accounts, Autoconfig, Common, Console, DevoPlatform, Globals, Input, Output, Persistence, PersistenceConfig,
    PersistenceKind, RequestsLimit, Transport,
};
pub use tree::Position;

/// A whole configuration.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Config {
    /// The collector itself.
    pub globals: Globals,
    /// Destinations, by name.
    pub outputs: BTreeMap<String, Output>,
    /// Sources, by name.
    pub inputs: BTreeMap<String, Input>,
    /// The file it came from.
    #[serde(skip)]
    pub path: PathBuf,
    /// What was found in it that does not keep it from being used.
    #[serde(skip)]
    pub warnings: Vec<Problem>,
    #[serde(skip)]
    places: Places,
}

/// What reading a configuration came to.
#[derive(Debug)]
pub struct Examined {
    /// The configuration, if there is no error in it.
    pub config: Option<Config>,
    /// Everything that is wrong with it.
    pub problems: Problems,
}

impl Config {
    /// Reads a configuration file, in which there may be warnings but no error.
    pub fn load(path: &Path) -> Result<Config, CollectorError> {
        let Examined { config, problems } = Config::examine(path)?;
        match config {
            Some(config) => Ok(Config { warnings: problems.all, ..config }),
            None => Err(CollectorError::Config(problems)),
        }
    }

    /// Reads a configuration file and says everything that is wrong with it.
    pub fn examine(path: &Path) -> Result<Examined, CollectorError> {
        let bytes = fs::read(path).map_err(|source| CollectorError::Read { path: path.into(), source })?;
        Ok(Config::examine_text(&bytes, path, &environment::of_process))
    }

    /// The same for what stands in `path`, with another environment: `lookup` gives a variable, or says why there is
    /// none.
    pub fn examine_text(bytes: &[u8], path: &Path, lookup: &dyn Fn(&str) -> Result<String, String>) -> Examined {
        let mut problems = Vec::new();
        let config = read(bytes, path, lookup, &mut problems);
        Examined { config, problems: Problems::new(path.into(), problems) }
    }

    /// Where the key at `path` stands, or the nearest one above it.
    pub fn position(&self, path: &KeyPath) -> Position {
        self.places.find(path)
    }
}

fn read(bytes: &[u8], path: &Path, lookup: environment::Lookup<'_>, problems: &mut Vec<Problem>) -> Option<Config> {
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = Position::after(&String::from_utf8_lossy(&bytes[..error.valid_up_to()]));
            problems.push(Problem::error(at, &KeyPath::default(), "not UTF-8").coded(&codes::UNREADABLE));
            return None;
        }
    };
    let root = KeyPath::default();
    let mut tree = parse::parse(text, problems)?;
    let mut places = Places::of(&tree);
    environment::expand(&mut tree, &root, lookup, problems);
    shape::fit(&mut tree, &schema(), path.parent().unwrap_or(Path::new("")), problems);
    // Keys that stand under another name are found under their first one too.
    places.add_missing(Places::of(&tree));
    let disabled = take_disabled(&mut tree);
    // Devo's collector ignores such an input, so nothing in it may keep the others from running.
    for problem in problems.iter_mut().filter(|problem| disabled.iter().any(|input| problem.path.is_within(input))) {
        problem.severity = quittance_core::Severity::Warning;
    }
    if problems.iter().any(Problem::is_error) {
        return None;
    }
    let mut config: Config = match deserialize::from_node(&tree) {
        Ok(config) => config,
        Err(misfit) => {
            let at = misfit.at.unwrap_or_else(|| places.find(&misfit.path));
            problems.push(Problem::error(at, &misfit.path, misfit.message));
            return None;
        }
    };
    for (name, input) in &mut config.inputs {
        input.services = services(&tree, name);
    }
    config.path = path.to_owned();
    config.places = places;
    let before = problems.len();
    config.judge(problems);
    (!problems[before..].iter().any(Problem::is_error)).then_some(config)
}

/// Takes the inputs that are switched off out of the tree.
fn take_disabled(tree: &mut Node) -> Vec<KeyPath> {
    let Value::Map(sections) = &mut tree.value else { return Vec::new() };
    let inputs = sections.iter_mut().find(|entry| entry.key == "inputs").map(|entry| &mut entry.value.value);
    let Some(Value::Map(inputs)) = inputs else { return Vec::new() };
    let is_disabled = |entry: &Entry| {
        let enabled = entry.value.child("enabled").and_then(Node::scalar).and_then(|scalar| scalar.as_bool());
        enabled == Some(false)
    };
    inputs.extract_if(.., |entry| is_disabled(entry)).map(|entry| KeyPath::of(&["inputs", &entry.key])).collect()
}

fn services(tree: &Node, input: &str) -> BTreeMap<String, Section> {
    let path = KeyPath::of(&["inputs", input, "services"]);
    let sections =
        tree.child("inputs").and_then(|inputs| inputs.child(input)).and_then(|input| input.child("services"));
    let section = |Entry { key, key_at, value }: &Entry| {
        (key.clone(), Section::of_service(path.key(key), *key_at, value.clone()))
    };
    sections.map(|sections| sections.entries().iter().map(section).collect()).unwrap_or_default()
}

impl Config {
    /// What the shape does not tell.
    fn judge(&self, problems: &mut Vec<Problem>) {
        let mut error = |path: KeyPath, message: &str, hint: &str| {
            problems.push(Problem::error(self.position(&path), &path, message).with_hint(hint));
        };
        if self.outputs.is_empty() {
            error(KeyPath::of(&["outputs"]), "there is no output", "for example one of `type: devo_platform`");
        }
        if self.inputs.values().all(|input| input.services.is_empty()) {
            error(KeyPath::of(&["inputs"]), "no input is enabled and has a service", "there would be nothing to do");
        }
        for (name, input) in &self.inputs {
            for PlanError { key, problem } in input.check_way() {
                let path = key.split('.').fold(KeyPath::of(&["inputs", name]), |path, key| path.key(key));
                error(path, &problem, "");
            }
        }
        for (name, output) in &self.outputs {
            if let Output::DevoPlatform(DevoPlatform { transport: Transport::Tcp, .. }) = output {
                error(
                    KeyPath::of(&["outputs", name, "config", "type"]),
                    "plain TCP is not supported for `devo_platform`: events would travel readable, and unproved",
                    "write `type: SSL`, with the `chain`, `cert` and `key` of your domain",
                );
            }
        }
    }
}
