//! The check that every body passes before serde sees it: it bounds stack, time and memory of all that
//! follows by the length of the body, with one loop and no recursion.

use super::format::{Fault, Head, Reader};
use super::{MAX_DEPTH, MAX_ELEMENTS};

/// An open container: how many values are still to come, and in the lowest bit whether it is a map. A map of
/// n entries counts as 2n values, so an even count means that a key comes next.
#[derive(Clone, Copy)]
struct Open(u32);

impl Open {
    const NONE: Self = Self(1 << 1);

    /// `values` is at most `MAX_ELEMENTS`.
    const fn new(values: usize, map: bool) -> Self {
        Self((values as u32) << 1 | map as u32)
    }

    const fn key_is_next(self) -> bool {
        self.0 & 0b11 == 0b01
    }

    const fn is_done(self) -> bool {
        self.0 <= 1
    }

    const fn take(&mut self) {
        self.0 -= 2;
    }
}

/// Checks that a body is exactly one value within all limits.
pub(crate) fn check(body: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::new(body);
    skip(&mut reader, MAX_DEPTH, &mut { MAX_ELEMENTS })?;
    if reader.len() > 0 {
        return Err(Fault::TrailingBytes);
    }
    Ok(())
}

/// Moves past one value, which may nest `depth` levels, and takes what it contains off `elements`.
///
/// Most bodies are a flat map, so that much is done without the stack that deeper ones need.
pub(crate) fn skip(
    reader: &mut Reader<'_>,
    depth: usize,
    elements: &mut usize,
) -> Result<(), Fault> {
    let Some(mut open) = step(reader, &mut { Open::NONE }, elements)? else {
        return Ok(());
    };
    if depth == 0 {
        return Err(Fault::TooDeep);
    }
    while !open.is_done() {
        if let Some(inner) = step(reader, &mut open, elements)? {
            return walk(reader, open, inner, depth, elements);
        }
    }
    Ok(())
}

/// Goes on with `inner`, and then with the rest of `open` around it.
fn walk(
    reader: &mut Reader<'_>,
    open: Open,
    inner: Open,
    depth: usize,
    elements: &mut usize,
) -> Result<(), Fault> {
    let mut outer = [Open::NONE; MAX_DEPTH];
    let deepest = depth.min(MAX_DEPTH) - 1;
    let mut level = 0;
    let mut open = open;
    let mut opened = Some(inner);
    loop {
        if let Some(inner) = opened {
            if level == deepest {
                return Err(Fault::TooDeep);
            }
            outer[level] = open;
            level += 1;
            open = inner;
        }
        while open.is_done() {
            if level == 0 {
                return Ok(());
            }
            level -= 1;
            open = outer[level];
        }
        opened = step(reader, &mut open, elements)?;
    }
}

/// Moves past one scalar, or into a container, which it returns.
#[inline]
fn step(
    reader: &mut Reader<'_>,
    open: &mut Open,
    elements: &mut usize,
) -> Result<Option<Open>, Fault> {
    let head = reader.head()?;
    if open.key_is_next() && !matches!(head, Head::Str(_)) {
        return Err(Fault::KeyNotString);
    }
    open.take();
    let (values, map) = match head {
        Head::Str(len) | Head::Bin(len) => {
            reader.bytes(len)?;
            return Ok(None);
        }
        Head::Array(len) => (len, false),
        Head::Map(len) => (len.saturating_mul(2), true),
        _ => return Ok(None),
    };
    // Each value takes a byte at least, so a length that lies is found before anybody counts to it.
    if values > reader.len() {
        return Err(Fault::Truncated);
    }
    *elements = elements.checked_sub(values).ok_or(Fault::TooManyElements)?;
    Ok(Some(Open::new(values, map)))
}
