//! Where the files that a configuration names are.

use std::path::{Path, PathBuf};

/// Where a configuration's certificates and state are.
#[derive(Clone, Debug)]
pub struct Files {
    /// Places to look for certificates, in order.
    folders: Vec<PathBuf>,
    beside: PathBuf,
}

impl Files {
    /// As Devo's collector lays them out: `certs/` beside `config/`, or beside the configuration, or where we are.
    pub fn beside(config: &Path) -> Files {
        let beside = config.parent().unwrap_or(Path::new(""));
        Files {
            folders: vec![beside.join("certs"), beside.join("../certs"), beside.to_owned(), PathBuf::from("certs")],
            beside: beside.to_owned(),
        }
    }

    /// The file called `name`, or every place where it is not.
    pub fn find(&self, name: &str) -> Result<PathBuf, String> {
        let name = Path::new(name);
        let places: Vec<PathBuf> = match name.is_absolute() {
            true => vec![name.to_owned()],
            false => self.folders.iter().map(|folder| folder.join(name)).collect(),
        };
        match places.iter().find(|place| place.is_file()) {
            Some(place) => Ok(place.clone()),
            None => Err(places.iter().map(|p| format!("`{}`", p.display())).collect::<Vec<_>>().join(", ")),
        }
    }

    /// Where the file called `name` is looked for first.
    pub(crate) fn first(&self, name: &str) -> PathBuf {
        self.folders.first().map_or_else(|| name.into(), |folder| folder.join(name))
    }

    /// The state's folder. As Devo's collector lays it out, `state/` stands beside `config/`; a configuration in a folder
    /// of another name has it beside itself.
    pub fn state(&self, name: &str) -> PathBuf {
        let in_config = self.beside.file_name().is_some_and(|folder| folder == "config");
        // An absolute name replaces whatever it is joined to.
        if in_config { self.beside.join("..").join(name) } else { self.beside.join(name) }
    }
}
