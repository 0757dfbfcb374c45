//! The MessagePack format itself, for all that looks at a body without a type: the scan, the search for
//! arguments and the transcoder cannot disagree about where a value ends.

/// Why a body is not acceptable MessagePack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("it ends before its value does")]
    Truncated,
    #[error("it contains the byte 0xc1 in place of a value")]
    Reserved,
    #[error("it contains an extension type; use a string or a number")]
    Extension,
    #[error("it contains a map with a key that is not a string")]
    KeyNotString,
    #[error("it is nested deeper than 64 levels")]
    TooDeep,
    #[error("it has more than 1000000 elements")]
    TooManyElements,
    #[error("there are bytes after its value")]
    TrailingBytes,
    #[error("it contains a string that is not UTF-8")]
    NotUtf8,
}

/// What a value starts with: the value itself, or how long the rest of it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Head {
    Nil,
    Bool(bool),
    Uint(u64),
    Int(i64),
    F32(f32),
    F64(f64),
    Str(usize),
    Bin(usize),
    Array(usize),
    Map(usize),
}

/// A place in a body.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    /// How many bytes are left.
    pub(crate) const fn len(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Fault::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    pub(crate) fn text(&mut self, len: usize) -> Result<&'a str, Fault> {
        std::str::from_utf8(self.bytes(len)?).map_err(|_| Fault::NotUtf8)
    }

    #[inline(always)]
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Fault::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// The width of a length is the caller's choice of `N`; no length of a body in memory exceeds `usize`.
    #[inline(always)]
    fn length<const N: usize>(&mut self) -> Result<usize, Fault> {
        let mut wide = [0; 8];
        wide[8 - N..].copy_from_slice(&self.fixed::<N>()?);
        usize::try_from(u64::from_be_bytes(wide)).map_err(|_| Fault::Truncated)
    }

    /// Inlined by force: it is most of the cost of a small call, and folding it into the match on its result
    /// took scan and decode of `{n: 30}` from 38 to 22 ns.
    #[inline(always)]
    pub(crate) fn head(&mut self) -> Result<Head, Fault> {
        let [first] = self.fixed()?;
        Ok(match first {
            0x00..=0x7f => Head::Uint(first.into()),
            0x80..=0x8f => Head::Map((first & 0x0f).into()),
            0x90..=0x9f => Head::Array((first & 0x0f).into()),
            0xa0..=0xbf => Head::Str((first & 0x1f).into()),
            0xc0 => Head::Nil,
            0xc1 => return Err(Fault::Reserved),
            0xc2 => Head::Bool(false),
            0xc3 => Head::Bool(true),
            0xc4 => Head::Bin(self.length::<1>()?),
            0xc5 => Head::Bin(self.length::<2>()?),
            0xc6 => Head::Bin(self.length::<4>()?),
            0xc7..=0xc9 | 0xd4..=0xd8 => return Err(Fault::Extension),
            0xca => Head::F32(f32::from_be_bytes(self.fixed()?)),
            0xcb => Head::F64(f64::from_be_bytes(self.fixed()?)),
            0xcc => Head::Uint(u8::from_be_bytes(self.fixed()?).into()),
            0xcd => Head::Uint(u16::from_be_bytes(self.fixed()?).into()),
            0xce => Head::Uint(u32::from_be_bytes(self.fixed()?).into()),
            0xcf => Head::Uint(u64::from_be_bytes(self.fixed()?)),
            0xd0 => Head::Int(i8::from_be_bytes(self.fixed()?).into()),
            0xd1 => Head::Int(i16::from_be_bytes(self.fixed()?).into()),
            0xd2 => Head::Int(i32::from_be_bytes(self.fixed()?).into()),
            0xd3 => Head::Int(i64::from_be_bytes(self.fixed()?)),
            0xd9 => Head::Str(self.length::<1>()?),
            0xda => Head::Str(self.length::<2>()?),
            0xdb => Head::Str(self.length::<4>()?),
            0xdc => Head::Array(self.length::<2>()?),
            0xdd => Head::Array(self.length::<4>()?),
            0xde => Head::Map(self.length::<2>()?),
            0xdf => Head::Map(self.length::<4>()?),
            0xe0..=0xff => Head::Int(i64::from(first as i8)),
        })
    }
}

pub(crate) const NIL: u8 = 0xc0;
/// The byte that is no value: what a decoder gets to read when there is nothing that it may accept.
pub(crate) const RESERVED: u8 = 0xc1;
pub(super) const ARRAY32: u8 = 0xdd;
pub(super) const MAP32: u8 = 0xdf;

/// A `Vec` takes whatever is written, so there is no error to report.
pub(crate) fn write_str(out: &mut Vec<u8>, value: &str) {
    let _ = rmp::encode::write_str(out, value);
}

/// As `write_str`; a map of arguments or fields is never longer than its parameters or fields in source code.
pub(crate) fn write_map_len(out: &mut Vec<u8>, len: usize) {
    let _ = rmp::encode::write_map_len(out, len as u32);
}
