//! The MessagePack format itself: heads are read and written here and nowhere else, so that the scan, the
//! decoder and the transcoder cannot disagree about where a value ends.

use std::fmt;

/// Why a body is not acceptable MessagePack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Truncated,
    Reserved,
    Extension,
    KeyNotString,
    TooDeep,
    TooManyElements,
    TrailingBytes,
    NotUtf8,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "it ends before its value does",
            Self::Reserved => "it contains the byte 0xc1 in place of a value",
            Self::Extension => "it contains an extension type; use a string or a number",
            Self::KeyNotString => "it contains a map with a key that is not a string",
            Self::TooDeep => "it is nested deeper than 64 levels",
            Self::TooManyElements => "it has more than 1000000 elements",
            Self::TrailingBytes => "there are bytes after its value",
            Self::NotUtf8 => "it contains a string that is not UTF-8",
        })
    }
}

impl std::error::Error for Fault {}

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

    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
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

pub(super) const NIL: u8 = 0xc0;
pub(super) const FALSE: u8 = 0xc2;
pub(super) const TRUE: u8 = 0xc3;
pub(super) const ARRAY32: u8 = 0xdd;
pub(super) const MAP32: u8 = 0xdf;

fn write<const N: usize>(out: &mut Vec<u8>, first: u8, rest: [u8; N]) {
    out.push(first);
    out.extend_from_slice(&rest);
}

/// The shortest form that holds the number.
pub(super) fn write_uint(out: &mut Vec<u8>, value: u64) {
    if value < 0x80 {
        out.push(value as u8);
    } else if let Ok(value) = u8::try_from(value) {
        write(out, 0xcc, value.to_be_bytes());
    } else if let Ok(value) = u16::try_from(value) {
        write(out, 0xcd, value.to_be_bytes());
    } else if let Ok(value) = u32::try_from(value) {
        write(out, 0xce, value.to_be_bytes());
    } else {
        write(out, 0xcf, value.to_be_bytes());
    }
}

/// The shortest form; what is not negative is written unsigned, as every other implementation does.
pub(super) fn write_int(out: &mut Vec<u8>, value: i64) {
    if let Ok(value) = u64::try_from(value) {
        write_uint(out, value);
    } else if value >= -0x20 {
        out.push(value as u8);
    } else if let Ok(value) = i8::try_from(value) {
        write(out, 0xd0, value.to_be_bytes());
    } else if let Ok(value) = i16::try_from(value) {
        write(out, 0xd1, value.to_be_bytes());
    } else if let Ok(value) = i32::try_from(value) {
        write(out, 0xd2, value.to_be_bytes());
    } else {
        write(out, 0xd3, value.to_be_bytes());
    }
}

pub(super) fn write_f32(out: &mut Vec<u8>, value: f32) {
    write(out, 0xca, value.to_be_bytes());
}

pub(super) fn write_f64(out: &mut Vec<u8>, value: f64) {
    write(out, 0xcb, value.to_be_bytes());
}

/// A length that does not fit 32 bits is cut: it belongs to a value of 4 GiB, which the size limit refuses.
fn write_wide_len(out: &mut Vec<u8>, head16: u8, head32: u8, len: usize) {
    match u16::try_from(len) {
        Ok(len) => write(out, head16, len.to_be_bytes()),
        Err(_) => write(out, head32, (len as u32).to_be_bytes()),
    }
}

pub(crate) fn write_str(out: &mut Vec<u8>, value: &str) {
    match value.len() {
        len @ 0..32 => out.push(0xa0 | len as u8),
        len @ 32..256 => write(out, 0xd9, [len as u8]),
        len => write_wide_len(out, 0xda, 0xdb, len),
    }
    out.extend_from_slice(value.as_bytes());
}

pub(super) fn write_bin_len(out: &mut Vec<u8>, len: usize) {
    match u8::try_from(len) {
        Ok(len) => write(out, 0xc4, [len]),
        Err(_) => write_wide_len(out, 0xc5, 0xc6, len),
    }
}

pub(super) fn write_array_len(out: &mut Vec<u8>, len: usize) {
    match len {
        0..16 => out.push(0x90 | len as u8),
        _ => write_wide_len(out, 0xdc, ARRAY32, len),
    }
}

pub(crate) fn write_map_len(out: &mut Vec<u8>, len: usize) {
    match len {
        0..16 => out.push(0x80 | len as u8),
        _ => write_wide_len(out, 0xde, MAP32, len),
    }
}
