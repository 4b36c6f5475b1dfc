//! A large list of passwords known from breaches, looked up on disk: the SHA-1 hashes of Have I Been Pwned, sorted, one in
//! each line as `HASH:COUNT`. SHA-1 is the list's form; it protects nothing here.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest;

/// More than a line has.
const LINE: u64 = 128;

/// The list.
#[derive(Debug)]
pub struct Breached {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Breached {
    /// Opens the file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let list = Self { path: path.to_owned(), file, length };
        list.line_from(0)?;
        Ok(list)
    }

    /// Whether it holds the password: some thirty short reads for a list of thirty gigabytes.
    ///
    /// # Errors
    /// When the file cannot be read, or a line is not of its form.
    pub fn holds(&self, password: &str) -> io::Result<bool> {
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        // The line wanted begins at or behind `low` and before `high`.
        let (mut low, mut high) = (0, self.length);
        while low < high {
            let middle = low + (high - low) / 2;
            let Some((begins, found)) = self.line_from(middle)?.filter(|(begins, _)| *begins < high) else {
                high = middle;
                continue;
            };
            match found.as_str().cmp(&hash) {
                std::cmp::Ordering::Equal => return Ok(true),
                std::cmp::Ordering::Less => low = begins + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(false)
    }

    /// The hash of the first line that begins at or behind that place, and where it begins.
    fn line_from(&self, place: u64) -> io::Result<Option<(u64, String)>> {
        let from = place.saturating_sub(1);
        let mut bytes = vec![0; usize::try_from(2 * LINE).unwrap_or_default()];
        let mut read = 0;
        while read < bytes.len() {
            match self.file.read_at(&mut bytes[read..], from + read as u64)? {
                0 => break,
                more => read += more,
            }
        }
        bytes.truncate(read);
        // Unless it is the first, a line begins behind the end of another.
        let begins = match place {
            0 => Some(0),
            _ => bytes.iter().position(|byte| *byte == b'\n').map(|end| end + 1),
        };
        let Some(line) = begins.and_then(|begins| bytes.get(begins..)).filter(|line| !line.is_empty()) else {
            return Ok(None);
        };
        let hash = line.get(..40).and_then(|hash| std::str::from_utf8(hash).ok());
        match hash.filter(|hash| hash.bytes().all(|b| b.is_ascii_hexdigit())) {
            Some(hash) => Ok(Some((from + begins.unwrap_or_default() as u64, hash.to_ascii_uppercase()))),
            None => {
                let message = format!("{}: a line is not HASH:COUNT", self.path.display());
                Err(io::Error::new(io::ErrorKind::InvalidData, message))
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn every_line_is_found_and_nothing_else() {
        let sha1 = |text: &str| {
            let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
            hash.as_ref().iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02X}");
                text
            })
        };
        for count in [1, 2, 3, 500] {
            let mut hashes: Vec<String> = (0..count).map(|n| sha1(&format!("password {n}"))).collect();
            hashes.sort();
            let lines: Vec<_> = hashes.iter().enumerate().map(|(n, hash)| format!("{hash}:{}", n * 37)).collect();
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), lines.join("\r\n")).unwrap();
            let list = Breached::open(file.path()).unwrap();
            for n in 0..count {
                assert!(list.holds(&format!("password {n}")).unwrap(), "{n} of {count}");
            }
            assert!((count..count + 500).all(|n| !list.holds(&format!("password {n}")).unwrap()));
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "<html>").unwrap();
        assert!(Breached::open(file.path()).is_err());
    }
}
