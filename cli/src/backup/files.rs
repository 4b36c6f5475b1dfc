//! The files of a backup: readable by their owner alone, and known by size and SHA-256.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::fault::Fault;

/// Bytes read at once.
const GULP: usize = 1 << 20;

/// What the manifest says of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its path in the folder.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// The SHA-256 of its content, in hexadecimal.
    pub sha256: String,
}

impl Kept {
    /// Whether the file is there, and the same.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn check(&self, folder: &Path) -> Result<(), Fault> {
        let path = folder.join(&self.file);
        let bytes = match fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Fault::asked(format!("{} is missing, which the manifest names", path.display())));
            }
            Err(error) => return Err(Fault::file(path)(error)),
        };
        if bytes != self.bytes {
            let why = if bytes < self.bytes { "it was cut" } else { "something was added" };
            let said = format!("{} has {bytes} bytes instead of {}: {why}", path.display(), self.bytes);
            return Err(Fault::asked(said));
        }
        let found = sha256(&path)?;
        if found != self.sha256 {
            let said = format!("{} was altered: its SHA-256 is {found} instead of {}", path.display(), self.sha256);
            return Err(Fault::asked(said));
        }
        Ok(())
    }
}

/// Makes a folder that nobody else can look into; one that is there must be empty.
pub fn make_folder(folder: &Path) -> Result<(), Fault> {
    match fs::read_dir(folder) {
        Ok(mut found) => match found.next() {
            None => Ok(()),
            Some(_) => Err(Fault::asked(format!("{} is not empty; name a folder of its own", folder.display()))),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(Fault::file(folder))
        }
        Err(error) => Err(Fault::file(folder)(error)),
    }
}

/// Makes a file that is not there yet, and that nobody else can read.
pub fn create(path: &Path) -> Result<File, Fault> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(Fault::file(path))
}

/// Writes a whole file, durably; what the manifest says of it.
pub fn write(folder: &Path, name: &str, content: &[u8]) -> Result<Kept, Fault> {
    let path = folder.join(name);
    let mut file = create(&path)?;
    io::Write::write_all(&mut file, content).and_then(|()| file.sync_all()).map_err(Fault::file(&path))?;
    Ok(Kept { file: name.to_owned(), bytes: content.len() as u64, sha256: hex(&Sha256::digest(content)) })
}

/// Reads a whole file.
pub fn read(folder: &Path, kept: &Kept) -> Result<Vec<u8>, Fault> {
    let path = folder.join(&kept.file);
    fs::read(&path).map_err(Fault::file(&path))
}

fn sha256(path: &Path) -> Result<String, Fault> {
    let mut file = File::open(path).map_err(Fault::file(path))?;
    let (mut hash, mut gulp) = (Sha256::new(), vec![0; GULP]);
    loop {
        match file.read(&mut gulp).map_err(Fault::file(path))? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&gulp[..read]),
        }
    }
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
