//! Secrets that stand in files of their own.

use std::{fs::File, io::Read, path::Path};

/// Longer than any key or password; whoever names a log file by mistake does not fill the memory.
const MAX_BYTES: u64 = 64 << 10;

/// The text of `path` without the newline that ends it. An error names the file and nothing of its content.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let name = path.display();
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot read the secret file `{name}`: {error}"))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("the secret file `{name}` is longer than {MAX_BYTES} bytes"));
    }
    let text = String::from_utf8(bytes).map_err(|_| format!("the secret file `{name}` is not UTF-8"))?;
    let text = text.strip_suffix('\n').map_or(&*text, |text| text.strip_suffix('\r').unwrap_or(text));
    if text.is_empty() {
        return Err(format!("the secret file `{name}` is empty"));
    }
    Ok(text.to_owned())
}
