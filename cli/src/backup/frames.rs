//! The file of a partition: its records one after the other, as bytes.
//!
//! It begins with the line `daybook records 1`. A record is the length of what follows (u32), its offset and its time in
//! milliseconds (i64), its key, the number of its headers (u16), each header's name (its length as u16) and value, and its
//! value. Key and values are a length (i32, -1 for none) and bytes. Numbers are big endian.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use daybook_journal::copy::Raw;
use sha2::{Digest, Sha256};

use super::files::{self, Kept};
use crate::fault::Fault;

const HEAD: &[u8] = b"daybook records 1\n";

/// No record of Kafka's comes near; a larger length is damage, and no memory is set aside for it.
const LONGEST: usize = 64 << 20;

/// Writes the file of a partition.
pub struct FramesWriter {
    out: BufWriter<File>,
    path: PathBuf,
    name: String,
    hash: Sha256,
    bytes: u64,
    frame: Vec<u8>,
}

impl FramesWriter {
    /// Begins the file.
    pub fn create(folder: &Path, name: &str) -> Result<Self, Fault> {
        let path = folder.join(name);
        let out = BufWriter::with_capacity(1 << 20, files::create(&path)?);
        let mut writer = Self { out, path, name: name.to_owned(), hash: Sha256::new(), bytes: 0, frame: HEAD.to_vec() };
        writer.put()?;
        Ok(writer)
    }

    /// Writes the next record.
    pub fn write(&mut self, raw: &Raw) -> Result<(), Fault> {
        self.frame.clear();
        self.frame.extend([0; 4]);
        encode(raw, &mut self.frame);
        let length = u32::try_from(self.frame.len() - 4).unwrap_or(u32::MAX);
        self.frame[..4].copy_from_slice(&length.to_be_bytes());
        self.put()
    }

    fn put(&mut self) -> Result<(), Fault> {
        self.hash.update(&self.frame);
        self.bytes += self.frame.len() as u64;
        self.out.write_all(&self.frame).map_err(Fault::file(&self.path))
    }

    /// Ends the file, durably; what the manifest says of it.
    pub fn finish(self) -> Result<Kept, Fault> {
        let file = self.out.into_inner().map_err(|error| Fault::file(&self.path)(error.into_error()))?;
        file.sync_all().map_err(Fault::file(&self.path))?;
        Ok(Kept { file: self.name, bytes: self.bytes, sha256: files::hex(&self.hash.finalize()) })
    }
}

/// Reads the file of a partition.
pub struct Frames {
    input: BufReader<File>,
    path: PathBuf,
    frame: Vec<u8>,
}

impl Frames {
    /// Begins to read.
    pub fn open(folder: &Path, kept: &Kept) -> Result<Self, Fault> {
        let path = folder.join(&kept.file);
        let input = BufReader::with_capacity(1 << 20, File::open(&path).map_err(Fault::file(&path))?);
        let mut frames = Self { input, path, frame: vec![0; HEAD.len()] };
        if !frames.fill()? || frames.frame != HEAD {
            return Err(frames.damaged("it does not begin as such a file does"));
        }
        Ok(frames)
    }

    /// The next record; none at the end.
    pub fn next(&mut self) -> Result<Option<Raw>, Fault> {
        self.frame.resize(4, 0);
        if !self.fill()? {
            return Ok(None);
        }
        let length = self.frame[..4].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        if length > LONGEST {
            return Err(self.damaged("a record is too long to be one"));
        }
        self.frame.resize(length, 0);
        if !self.fill()? {
            return Err(self.damaged("it ends within a record"));
        }
        decode(&self.frame).map(Some).ok_or_else(|| self.damaged("a record cannot be read"))
    }

    /// Reads as many bytes as the frame has room for; whether there were any.
    fn fill(&mut self) -> Result<bool, Fault> {
        let mut filled = 0;
        while filled < self.frame.len() {
            match self.input.read(&mut self.frame[filled..]) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(self.damaged("it ends within a record")),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Fault::file(&self.path)(error)),
            }
        }
        Ok(true)
    }

    fn damaged(&self, what: &str) -> Fault {
        Fault::asked(format!("{} is damaged: {what}", self.path.display()))
    }
}

fn encode(raw: &Raw, out: &mut Vec<u8>) {
    out.extend(raw.offset.to_be_bytes());
    out.extend(raw.timestamp.to_be_bytes());
    put(out, raw.key.as_deref());
    out.extend((raw.headers.len() as u16).to_be_bytes());
    for (name, value) in &raw.headers {
        out.extend((name.len() as u16).to_be_bytes());
        out.extend(name.as_bytes());
        put(out, value.as_deref());
    }
    put(out, raw.value.as_deref());
}

fn put(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    let length = bytes.map_or(-1, |bytes| bytes.len() as i32);
    out.extend(length.to_be_bytes());
    out.extend(bytes.unwrap_or_default());
}

fn decode(bytes: &[u8]) -> Option<Raw> {
    let mut fields = Fields(bytes);
    let (offset, timestamp) = (i64::from_be_bytes(fields.take()?), i64::from_be_bytes(fields.take()?));
    let key = fields.bytes()?;
    let mut headers = Vec::new();
    for _ in 0..u16::from_be_bytes(fields.take()?) {
        let length = u16::from_be_bytes(fields.take()?);
        let name = String::from_utf8(fields.slice(length.into())?.to_vec()).ok()?;
        headers.push((name, fields.bytes()?));
    }
    let value = fields.bytes()?;
    fields.0.is_empty().then_some(Raw { offset, timestamp, key, headers, value })
}

/// The bytes of a record that are still to be read.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    /// Bytes behind their length: the inner `None` is a value that is none.
    fn bytes(&mut self) -> Option<Option<Vec<u8>>> {
        match i32::from_be_bytes(self.take()?) {
            -1 => Some(None),
            length => Some(Some(self.slice(usize::try_from(length).ok()?)?.to_vec())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raws() -> Vec<Raw> {
        let bare = Raw { offset: 0, timestamp: -1, ..Raw::default() };
        let full = Raw {
            offset: 7,
            timestamp: 1_795_284_476_171,
            key: Some(Vec::new()),
            headers: vec![("gate".into(), Some(vec![1, 0, 255])), ("gate".into(), None), (String::new(), Some(vec![]))],
            value: Some(vec![9; 300]),
        };
        vec![bare, full]
    }

    #[test]
    fn a_record_comes_back_as_it_was_and_no_part_of_one_does() {
        for raw in raws() {
            let mut bytes = Vec::new();
            encode(&raw, &mut bytes);
            assert_eq!(decode(&bytes).as_ref(), Some(&raw));
            for length in 0..bytes.len() {
                assert_eq!(decode(&bytes[..length]), None, "cut at {length}");
            }
            assert_eq!(decode(&[&bytes[..], &[0]].concat()), None);
        }
    }

    #[test]
    fn a_file_that_was_cut_or_altered_is_named() {
        let folder = std::env::temp_dir().join(format!("daybook-frames-{}", uuid::Uuid::new_v4()));
        files::make_folder(&folder).unwrap();
        let mut writer = FramesWriter::create(&folder, "a.records").unwrap();
        raws().iter().for_each(|raw| writer.write(raw).unwrap());
        let kept = writer.finish().unwrap();
        kept.check(&folder).unwrap();
        let mut frames = Frames::open(&folder, &kept).unwrap();
        let read: Vec<Raw> = std::iter::from_fn(|| frames.next().unwrap()).collect();
        assert_eq!(read, raws());

        let path = folder.join("a.records");
        let whole = std::fs::read(&path).unwrap();
        let said = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            kept.check(&folder).unwrap_err().to_string()
        };
        let mut altered = whole.clone();
        altered[60] ^= 1;
        assert!(said(&altered).contains("a.records was altered: its SHA-256 is"));
        assert!(said(&whole[..whole.len() - 1]).ends_with("it was cut"));
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let mut frames = Frames::open(&folder, &kept).unwrap();
        let fault = std::iter::from_fn(|| frames.next().transpose()).find_map(Result::err).unwrap();
        assert!(fault.to_string().contains("a.records is damaged: it ends within a record"), "{fault}");
        std::fs::remove_file(&path).unwrap();
        assert!(kept.check(&folder).unwrap_err().to_string().contains("a.records is missing"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
