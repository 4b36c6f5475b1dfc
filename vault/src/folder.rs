//! Key-encryption keys in a folder: one file each, of 64 hexadecimal digits, named by the key's id. The last by name is the current one.
//!
//! AES-256-GCM with a random nonce (NIST SP 800-38D, 8.2.2: at most 2^32 wraps for each key). A file that is put there is noticed
//! without a restart.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey},
    rand,
};
use daybook_schemas::hex::{Hex, unhex};

use crate::kek::{Answer, KekError, KeyEncryption};

const NONCE: usize = 12;
const LENGTH: usize = NONCE + 32 + 16;

/// The key-encryption keys of a folder.
pub struct FolderKeys {
    folder: PathBuf,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// When the folder was changed last, as it was read.
    changed: Option<SystemTime>,
    keys: BTreeMap<String, [u8; 32]>,
}

impl FolderKeys {
    /// The keys of that folder.
    ///
    /// # Errors
    /// There is none, or a file there is no key.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, KekError> {
        let keys = Self { folder: folder.into(), known: Mutex::default() };
        keys.current()?;
        Ok(keys)
    }

    /// Makes a new key, the current one from then on; its id.
    ///
    /// # Errors
    /// The file is there already, or cannot be written.
    pub fn make(folder: impl Into<PathBuf>, id: &str) -> Result<String, KekError> {
        let path = folder.into().join(id);
        let mut secret = [0; 32];
        rand::fill(&mut secret).expect("the system gives random bytes");
        let written = write_new(&path, &Hex(&secret).to_string());
        written.map_err(|error| KekError::Unreadable(format!("{}: {error}", path.display())))?;
        Ok(id.to_owned())
    }

    /// Their ids; the last is the current one.
    ///
    /// # Errors
    /// As [`FolderKeys::open`].
    pub fn ids(&self) -> Result<Vec<String>, KekError> {
        self.with(|known| known.keys.keys().cloned().collect())
    }

    fn with<T>(&self, look: impl FnOnce(&Known) -> T) -> Result<T, KekError> {
        let unreadable = |error| KekError::Unreadable(format!("vault.keys {}: {error}", self.folder.display()));
        let changed = fs::metadata(&self.folder).and_then(|folder| folder.modified()).map_err(unreadable)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.changed != Some(changed) {
            *known = Known { keys: self.read()?, changed: Some(changed) };
        }
        Ok(look(&known))
    }

    fn read(&self) -> Result<BTreeMap<String, [u8; 32]>, KekError> {
        let unreadable = |at: &std::path::Path, why: &dyn std::fmt::Display| {
            KekError::Unreadable(format!("vault.keys: {}: {why}", at.display()))
        };
        let mut keys = BTreeMap::new();
        for entry in fs::read_dir(&self.folder).map_err(|error| unreadable(&self.folder, &error))? {
            let entry = entry.map_err(|error| unreadable(&self.folder, &error))?;
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            // What editors and secret stores put beside.
            if name.starts_with('.') || !path.is_file() {
                continue;
            }
            let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
            let key = unhex(text.trim()).and_then(|key| key.try_into().ok());
            keys.insert(name, key.ok_or_else(|| unreadable(&path, &"must be 32 bytes as 64 hexadecimal digits"))?);
        }
        match keys.is_empty() {
            true => Err(unreadable(&self.folder, &"holds no key-encryption key: daybook vault key makes one")),
            false => Ok(keys),
        }
    }

    fn key(&self, kek: &str) -> Result<RandomizedNonceKey, KekError> {
        let found = self.with(|known| known.keys.get(kek).copied())?;
        let bytes = found.ok_or_else(|| KekError::Unknown(kek.to_owned()))?;
        Ok(RandomizedNonceKey::new(&AES_256_GCM, &bytes).expect("32 bytes are an AES-256 key"))
    }
}

impl KeyEncryption for FolderKeys {
    fn current(&self) -> Result<String, KekError> {
        self.with(|known| known.keys.keys().next_back().cloned().expect("a folder without keys was refused"))
    }

    fn wrap<'a>(&'a self, kek: &'a str, secret: &'a [u8; 32], context: &'a [u8]) -> Answer<'a, Vec<u8>> {
        Box::pin(async move {
            let mut sealed = secret.to_vec();
            let key = self.key(kek)?;
            let nonce = key.seal_in_place_append_tag(Aad::from(context), &mut sealed);
            let nonce = nonce.expect("AES-GCM seals up to 64 GiB");
            Ok([nonce.as_ref().as_slice(), &sealed].concat())
        })
    }

    fn unwrap<'a>(&'a self, kek: &'a str, wrapped: &'a [u8], context: &'a [u8]) -> Answer<'a, [u8; 32]> {
        Box::pin(async move {
            let altered = || KekError::Altered(kek.to_owned());
            if wrapped.len() != LENGTH {
                return Err(altered());
            }
            let (nonce, sealed) = wrapped.split_at(NONCE);
            let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| altered())?;
            let mut sealed = sealed.to_vec();
            let secret = self.key(kek)?.open_in_place(nonce, Aad::from(context), &mut sealed).map_err(|_| altered())?;
            (&*secret).try_into().map_err(|_| altered())
        })
    }
}

/// Writes a file that is not there yet, for its owner alone.
fn write_new(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_wrapped_unwraps_under_its_key_and_context_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert!(FolderKeys::open(folder.path()).is_err(), "an empty folder holds no key");
        FolderKeys::make(folder.path(), "0001").unwrap();
        assert!(FolderKeys::make(folder.path(), "0001").is_err(), "a key is never written over");
        let keys = FolderKeys::open(folder.path()).unwrap();
        let secret = [7; 32];
        let wrapped = keys.wrap("0001", &secret, b"row").await.unwrap();
        assert_ne!(wrapped, keys.wrap("0001", &secret, b"row").await.unwrap(), "no nonce twice");
        assert_eq!(keys.unwrap("0001", &wrapped, b"row").await, Ok(secret));
        assert_eq!(keys.unwrap("0001", &wrapped, b"another row").await, Err(KekError::Altered("0001".into())));
        assert_eq!(keys.unwrap("0002", &wrapped, b"row").await, Err(KekError::Unknown("0002".into())));
        for at in 0..wrapped.len() {
            let mut altered = wrapped.clone();
            altered[at] ^= 1;
            assert!(keys.unwrap("0001", &altered, b"row").await.is_err(), "byte {at}");
        }
        assert!(keys.unwrap("0001", &wrapped[1..], b"row").await.is_err());
    }

    #[tokio::test]
    async fn a_file_that_is_put_there_is_the_current_key() {
        let folder = tempfile::tempdir().unwrap();
        FolderKeys::make(folder.path(), "0001").unwrap();
        let keys = FolderKeys::open(folder.path()).unwrap();
        assert_eq!(keys.current(), Ok("0001".into()));
        std::thread::sleep(std::time::Duration::from_millis(20));
        FolderKeys::make(folder.path(), "0002").unwrap();
        assert_eq!(keys.current(), Ok("0002".into()));
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(folder.path().join("0003"), "no key").unwrap();
        let error = keys.current().unwrap_err().to_string();
        assert!(error.contains("0003") && !error.contains("no key"), "{error}");
    }
}
