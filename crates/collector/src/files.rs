//! Where the files that a configuration names are.

use std::path::{Path, PathBuf};

/// Places to look for certificates, in order.
#[derive(Clone, Debug)]
pub struct Files {
    folders: Vec<PathBuf>,
}

impl Files {
    /// As Devo's collector lays them out: `certs/` beside `config/`, or beside the configuration, or where we are.
    pub fn beside(config: &Path) -> Files {
        let beside = config.parent().unwrap_or(Path::new(""));
        Files {
            folders: vec![beside.join("certs"), beside.join("../certs"), beside.to_owned(), PathBuf::from("certs")],
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
}
