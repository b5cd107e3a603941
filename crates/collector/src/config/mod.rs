//! The configuration in Devo's on-premise shape: `globals`, `outputs`, `inputs`.
//!
//! Or in that of the Collector Server: `global_overrides` and `inputs`, which another file completes.
//!
//! A file is read once, into a tree that knows where everything stood; references to the environment are replaced in
//! it; the tree is fitted to the schema that the types make, which finds all problems at once; then the types are read
//! from it. Whatever is found later, by a service or by its setup, can still be told with line and column.

mod deserialize;
mod documents;
mod environment;
mod json;
mod key_path;
mod nearest;
mod parse;
mod prints;
mod problem;
mod schema;
mod secret_file;
mod section;
mod sections;
mod shape;
mod shown;
mod tree;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use quittance_aws::{PlanError, SignIn};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{CollectorError, Files, codes};
use prints::Prints;
use tree::{Entry, Node, Places, Value};

pub use documents::Documents;
pub use key_path::KeyPath;
pub(crate) use nearest::nearest as likely;
pub use problem::{Problem, Problems};
pub use schema::schema;
pub use section::Section;
pub use sections::{
    Accounts, Autoconfig, Common, Console, DevoPlatform, GlobalOverrides, Globals, Input, Output, Persistence,
    PersistenceConfig, PersistenceKind, Relay, RequestsLimit, Syslog, Transport,
};
pub use tree::{Document, Position};

/// A whole configuration.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Config {
    /// The collector itself.
    pub globals: Globals,
    /// Destinations, by name.
    pub outputs: BTreeMap<String, Output>,
    /// Sources, by name.
    pub inputs: BTreeMap<String, Input>,
    /// What a document of the Collector Server says of the collector itself: it counts more than `globals`.
    #[serde(default)]
    pub global_overrides: GlobalOverrides,
    /// The files it came from.
    #[serde(skip)]
    pub documents: Documents,
    /// What was found in it that does not keep it from being used.
    #[serde(skip)]
    pub warnings: Vec<Problem>,
    #[serde(skip)]
    places: Places,
    #[serde(skip)]
    pub(crate) prints: Prints,
    /// The files that its secrets stand in.
    #[serde(skip)]
    pub(crate) secret_files: Vec<PathBuf>,
    #[serde(skip)]
    shown: String,
}

/// What reading a configuration came to.
#[derive(Debug)]
pub struct Examined {
    /// The configuration, if there is no error in it.
    pub config: Option<Config>,
    /// What is left of one with errors, without the sections that they are in: not to be run, but more may be wrong with
    /// it.
    pub(crate) rest: Option<Config>,
    /// Everything that is wrong with it.
    pub problems: Problems,
}

impl Config {
    /// Reads a configuration, in which there may be warnings but no error.
    pub fn load(documents: impl Into<Documents>) -> Result<Config, CollectorError> {
        let Examined { config, problems, .. } = Config::examine(documents)?;
        match config {
            Some(config) => Ok(Config { warnings: problems.all, ..config }),
            None => Err(CollectorError::Config(problems)),
        }
    }

    /// Reads a configuration and says everything that is wrong with it.
    pub fn examine(documents: impl Into<Documents>) -> Result<Examined, CollectorError> {
        let documents = documents.into();
        let read = |path: &Path| fs::read(path).map_err(|source| CollectorError::Read { path: path.into(), source });
        let config = read(&documents.config)?;
        let server = documents.server.as_deref().map(read).transpose()?;
        Ok(Config::examine_texts(&config, server.as_deref(), documents, &environment::of_process))
    }

    /// The same for what stands in `path`, with another environment: `lookup` gives a variable, or says why there is
    /// none.
    pub fn examine_text(bytes: &[u8], path: &Path, lookup: &dyn Fn(&str) -> Result<String, String>) -> Examined {
        Config::examine_texts(bytes, None, path.into(), lookup)
    }

    /// The same for what stands in `documents`.
    pub fn examine_texts(
        config: &[u8],
        server: Option<&[u8]>,
        documents: Documents,
        lookup: &dyn Fn(&str) -> Result<String, String>,
    ) -> Examined {
        let mut problems = Vec::new();
        let read = read(config, server, &documents, lookup, &mut problems);
        let (config, rest) = match problems.iter().any(Problem::is_error) {
            true => (None, read),
            false => (read, None),
        };
        Examined { config, rest, problems: Problems::new(documents, problems) }
    }

    /// Where the files are that it names.
    pub fn files(&self) -> Files {
        Files::beside(self.documents.outermost())
    }

    /// All of it as YAML for people, but for what is secret or came from the environment or from files.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Keys that are set and change nothing.
    pub fn without_effect(&self) -> Vec<String> {
        let globals = [
            ("globals.multiprocessing", self.globals.multiprocessing.is_some()),
            ("globals.queue_wrap_max_size_in_messages", self.globals.queue_wrap_max_size_in_messages.is_some()),
        ];
        let inputs = self.inputs.iter().filter(|(_, input)| input.autoconfig.is_some());
        let inputs = inputs.map(|(name, _)| format!("inputs.{name}.autoconfig"));
        globals.into_iter().filter(|(_, set)| *set).map(|(key, _)| key.to_owned()).chain(inputs).collect()
    }

    /// Everything that is wrong with it.
    pub(crate) fn problems(&self, all: Vec<Problem>) -> Problems {
        Problems::new(self.documents.clone(), all)
    }

    /// Where the key at `path` stands, or the nearest one above it.
    pub fn position(&self, path: &KeyPath) -> Position {
        self.places.find(path)
    }
}

/// Reads what fits: all of it if no error is among the problems.
fn read(
    config: &[u8],
    server: Option<&[u8]>,
    documents: &Documents,
    lookup: environment::Lookup<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Config> {
    let root = KeyPath::default();
    let of_config = read_text(config, Document::Config, problems);
    let mut tree = match server {
        None => of_config?,
        Some(server) => {
            let of_server = read_text(server, Document::Server, problems);
            documents.joined(of_config?, of_server?, problems)
        }
    };
    let mut places = Places::of(&tree);
    environment::expand(&mut tree, &root, lookup, problems);
    let absent = ["globals", "outputs"].into_iter().filter(|key| tree.child(key).is_none()).collect::<Vec<_>>();
    let secret_files = shape::fit(&mut tree, &schema::of_types(), documents, problems);
    if server.is_none() && tree.child("inputs").is_some() {
        documents::advise(&absent, problems);
    }
    // Keys that stand under another name are found under their first one too.
    places.add_missing(Places::of(&tree));
    let shown = shown::shown(&tree);
    let disabled = take_disabled(&mut tree);
    // Devo's collector ignores such an input, so nothing in it may keep the others from running.
    for problem in problems.iter_mut().filter(|problem| disabled.iter().any(|input| problem.path.is_within(input))) {
        problem.severity = quittance_core::Severity::Warning;
    }
    let whole = !problems.iter().any(Problem::is_error);
    if !whole {
        take_misfits(&mut tree, problems)?;
    }
    let mut config: Config = match deserialize::from_node(&tree) {
        Ok(config) => config,
        Err(_) if !whole => return None,
        Err(misfit) => {
            let at = misfit.at.unwrap_or_else(|| places.find(&misfit.path));
            problems.push(Problem::error(at, &misfit.path, misfit.message));
            return None;
        }
    };
    for (name, input) in &mut config.inputs {
        input.services = services(&tree, name);
    }
    config.globals.override_with(&config.global_overrides);
    config.documents = documents.clone();
    config.places = places;
    config.prints = Prints::of(&tree);
    config.secret_files = secret_files;
    config.shown = shown;
    let before = problems.len();
    config.judge(whole, problems);
    config.compare_with_devos(problems);
    for problem in &problems[before..] {
        // Services are planned without it.
        let keys = problem.path.keys();
        let ["inputs", name, key @ ("credentials" | "accounts"), ..] = keys[..] else { continue };
        let Some(input) = config.inputs.get_mut(name) else { continue };
        match key {
            "credentials" => input.credentials = SignIn::default(),
            _ => input.accounts = None,
        }
    }
    Some(config)
}

fn read_text(bytes: &[u8], document: Document, problems: &mut Vec<Problem>) -> Option<Node> {
    let mut found = Vec::new();
    let mut tree = match str::from_utf8(bytes) {
        Ok(text) => parse::parse(&json::to_yaml(text.trim_start_matches('\u{feff}')), &mut found),
        Err(error) => {
            let at = Position::after(&String::from_utf8_lossy(&bytes[..error.valid_up_to()]));
            found.push(Problem::error(at, &KeyPath::default(), "not UTF-8").coded(&codes::UNREADABLE));
            None
        }
    };
    tree.iter_mut().for_each(|tree| tree.stands_in(document));
    found.iter_mut().for_each(|problem| problem.at.document = document);
    problems.append(&mut found);
    tree
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

/// Takes the sections that errors are in out of the tree: services, or what else inputs and outputs have. `None` if one is
/// anywhere else.
fn take_misfits(tree: &mut Node, problems: &[Problem]) -> Option<()> {
    for problem in problems.iter().filter(|problem| problem.is_error()) {
        match problem.path.keys()[..] {
            ["inputs", input, "services", service, ..] => take(tree, &["inputs", input, "services", service]),
            // Whatever else it is, services are planned without it.
            ["inputs", input, key, ..] if !matches!(key, "id" | "services") => take(tree, &["inputs", input, key]),
            [section @ ("inputs" | "outputs"), name, ..] => take(tree, &[section, name]),
            _ => return None,
        }
    }
    Some(())
}

/// Takes the value at a path of keys out of the tree.
fn take(tree: &mut Node, path: &[&str]) {
    let Value::Map(entries) = &mut tree.value else { return };
    match path {
        [] => {}
        [key] => entries.retain(|entry| entry.key != *key),
        [key, below @ ..] => {
            if let Some(entry) = entries.iter_mut().find(|entry| entry.key == *key) {
                take(&mut entry.value, below);
            }
        }
    }
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
    /// Ids and names that Devo's collector would not take. Here they may be what they want.
    fn compare_with_devos(&self, problems: &mut Vec<Problem>) {
        let characters = |text: &str, most| (1..=most).contains(&text.chars().count());
        let Globals { id, name, .. } = &self.globals;
        let mut found = vec![
            (["globals", "id"].to_vec(), id, characters(id, 5), "1 to 5 characters"),
            (["globals", "name"].to_vec(), name, characters(name, 10), "1 to 10 characters"),
        ];
        for (input, Input { id, .. }) in &self.inputs {
            let five_digits = id.len() == 5 && id.bytes().all(|b| b.is_ascii_digit());
            found.push((vec!["inputs", input, "id"], id, five_digits, "five digits"));
        }
        for (path, value, _, wanted) in found.into_iter().filter(|(_, _, is_devos, _)| !is_devos) {
            let path = KeyPath::of(&path);
            let message = format!("Devo's collector takes {wanted}, and not `{}`", value.escape_debug());
            problems.push(Problem::warning(self.position(&path), &path, message).coded(&codes::NOT_AS_DEVOS));
        }
    }

    /// What the shape does not tell, of a configuration that is whole or of what is left of one.
    fn judge(&self, whole: bool, problems: &mut Vec<Problem>) {
        let mut error = |path: KeyPath, message: &str, hint: &str| {
            problems.push(Problem::error(self.position(&path), &path, message).with_hint(hint));
        };
        if whole && self.outputs.is_empty() {
            error(KeyPath::of(&["outputs"]), "there is no output", "for example one of `type: devo_platform`");
        } else if whole && self.outputs.values().all(Output::is_optional) {
            error(
                KeyPath::of(&["outputs"]),
                "every output is optional: sources would forget events that nobody has",
                "take `optional` out of one",
            );
        }
        if whole && self.inputs.values().all(|input| input.services.is_empty()) {
            error(KeyPath::of(&["inputs"]), "no input is enabled and has a service", "there would be nothing to do");
        }
        if let Some((key, message, hint)) = self.globals.check_page() {
            error(KeyPath::of(&["globals", key]), &message, hint);
        }
        for (name, input) in &self.inputs {
            for PlanError { key, problem } in input.check_way() {
                let path = key.split('.').fold(KeyPath::of(&["inputs", name]), |path, key| path.key(key));
                error(path, &problem, "");
            }
        }
        for (name, output) in &self.outputs {
            let section = KeyPath::of(&["outputs", name, "config"]);
            match output {
                Output::DevoPlatform(DevoPlatform { transport: Transport::Tcp, .. }) => error(
                    section.key("type"),
                    "plain TCP is not supported for `devo_platform`: events would travel readable, and unproved",
                    "write `type: SSL`, with the `chain`, `cert` and `key` of your domain; a relay in your own network is an \
                     output of `type: relay`",
                ),
                Output::Syslog(Syslog { cert: Some(_), key: None, .. }) => {
                    error(
                        section.key("cert"),
                        "has no private key beside it: expected `key` too",
                        "or neither of them",
                    );
                }
                Output::Syslog(Syslog { cert: None, key: Some(_), .. }) => {
                    error(
                        section.key("key"),
                        "has no certificate beside it: expected `cert` too",
                        "or neither of them",
                    );
                }
                _ => {}
            }
        }
    }
}
