//! Avro's binary primitives (specification 1.12, "Binary Encoding"): zigzag varints, and bytes behind their length.

use uuid::Uuid;

/// What was expected where something else was found.
pub(crate) type Expected = &'static str;

/// Writes a `long` or an `int`.
pub(crate) fn write_long(out: &mut Vec<u8>, n: i64) {
    let mut rest = ((n << 1) ^ (n >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Writes a count or a position. Those above `i64::MAX` come out negative, which every reader refuses.
pub(crate) fn write_count(out: &mut Vec<u8>, n: u64) {
    write_long(out, n.cast_signed());
}

/// Writes `bytes`, or a `string` as its UTF-8.
pub(crate) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_count(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Writes a UUID as its string of 36 characters.
pub(crate) fn write_uuid(out: &mut Vec<u8>, id: Uuid) {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    write_bytes(out, id.hyphenated().encode_lower(&mut text).as_bytes());
}

/// Reads primitives off the front of some bytes.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn long(&mut self) -> Result<i64, Expected> {
        let mut n = 0u64;
        for (place, byte) in self.rest.iter().take(10).enumerate() {
            let bits = u64::from(byte & 0x7f);
            if place == 9 && bits > 1 {
                return Err("a whole number of at most 64 bits");
            }
            n |= bits << (7 * place);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[place + 1..];
                return Ok((n >> 1).cast_signed() ^ -(n & 1).cast_signed());
            }
        }
        Err("a whole number, complete")
    }

    pub(crate) fn int(&mut self) -> Result<i32, Expected> {
        i32::try_from(self.long()?).map_err(|_| "a whole number of at most 32 bits")
    }

    pub(crate) fn count(&mut self) -> Result<u64, Expected> {
        u64::try_from(self.long()?).map_err(|_| "a whole number that is not negative")
    }

    pub(crate) fn flag(&mut self) -> Result<bool, Expected> {
        match self.rest.split_first() {
            Some((0, rest)) => {
                self.rest = rest;
                Ok(false)
            }
            Some((1, rest)) => {
                self.rest = rest;
                Ok(true)
            }
            _ => Err("a flag, 0 or 1"),
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Expected> {
        let length = self.long()?;
        let (bytes, rest) = usize::try_from(length)
            .ok()
            .and_then(|length| self.rest.split_at_checked(length))
            .ok_or("as many bytes as the length in front of them says")?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(crate) fn exactly<const N: usize>(&mut self, expected: Expected) -> Result<[u8; N], Expected> {
        self.bytes()?.try_into().map_err(|_| expected)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Expected> {
        std::str::from_utf8(self.bytes()?).map_err(|_| "text in UTF-8")
    }

    pub(crate) fn uuid(&mut self) -> Result<Uuid, Expected> {
        Uuid::try_parse_ascii(self.bytes()?).map_err(|_| "a UUID as text")
    }

    /// Which branch of a union of so many follows.
    pub(crate) fn branch(&mut self, branches: i64) -> Result<i64, Expected> {
        match self.long()? {
            branch if (0..branches).contains(&branch) => Ok(branch),
            _ => Err("one of the union's branches"),
        }
    }

    /// How many items the next block of an array or map holds; 0 ends it.
    pub(crate) fn block(&mut self) -> Result<usize, Expected> {
        let count = self.long()?;
        if count < 0 {
            // A negative count is followed by the block's size in bytes, for readers that want to skip it.
            self.long()?;
        }
        usize::try_from(count.unsigned_abs()).ok().filter(|count| *count <= ITEMS_MAX).ok_or("fewer items in a block")
    }
}

/// No list in an entry of 512 KiB comes near; a larger count is damage, and no memory is set aside for it.
const ITEMS_MAX: usize = 1 << 20;
