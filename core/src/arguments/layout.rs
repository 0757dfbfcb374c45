//! Where each argument lies in a body. This is the scan of a request: whatever it passes over is checked for
//! all limits on the way, so the body is walked once before it is decoded.

use std::ops::Range;

use smallvec::SmallVec;

use crate::codec::{Codec, Fault, Head, MAX_DEPTH, MAX_ELEMENTS, Reader, malformed, skip};
use crate::error::{Code, Error, Executed};

/// The place of the argument of each parameter.
#[derive(Debug, Default)]
pub(super) struct Layout(SmallVec<[Place; 8]>);

/// No value is shorter than a byte, so a place that ends at 0 is that of an absent argument.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    start: u32,
    end: u32,
}

impl Layout {
    pub(super) fn get(&self, index: usize) -> Option<Range<usize>> {
        let place = self.0.get(index).filter(|place| place.end > 0)?;
        Some(place.start as usize..place.end as usize)
    }
}

/// Finds the arguments in a body of MessagePack.
pub(super) fn locate(body: &[u8], names: &[&str]) -> Result<Layout, Error> {
    let mut walk = Walk {
        reader: Reader::new(body),
        len: u32::try_from(body.len()).map_err(|_| fault(Fault::TooManyElements))?,
        elements: MAX_ELEMENTS,
    };
    let mut layout = Layout(SmallVec::from_elem(Place::default(), names.len()));
    match walk.reader.head().map_err(fault)? {
        Head::Map(len) => by_name(&mut walk, len, names, &mut layout)?,
        Head::Array(len) => by_position(&mut walk, len, names, &mut layout)?,
        head => match (names, &mut layout.0[..]) {
            ([_], [place]) => {
                walk.reader = Reader::new(body);
                *place = walk.value(MAX_DEPTH)?;
            }
            ([], _) if head == Head::Nil => {}
            _ => return Err(bare(names)),
        },
    }
    match walk.reader.len() {
        0 => Ok(layout),
        _ => Err(fault(Fault::TrailingBytes)),
    }
}

struct Walk<'a> {
    reader: Reader<'a>,
    len: u32,
    elements: usize,
}

impl Walk<'_> {
    /// The reader never holds more than the body, whose length fits.
    fn position(&self) -> u32 {
        self.len - self.reader.len() as u32
    }

    fn value(&mut self, depth: usize) -> Result<Place, Error> {
        let start = self.position();
        skip(&mut self.reader, depth, &mut self.elements).map_err(fault)?;
        let end = self.position();
        Ok(Place { start, end })
    }

    fn enter(&mut self, values: usize) -> Result<(), Error> {
        if values > self.reader.len() {
            return Err(fault(Fault::Truncated));
        }
        let left = self.elements.checked_sub(values);
        self.elements = left.ok_or_else(|| fault(Fault::TooManyElements))?;
        Ok(())
    }
}

fn by_name(
    walk: &mut Walk<'_>,
    len: usize,
    names: &[&str],
    layout: &mut Layout,
) -> Result<(), Error> {
    walk.enter(len.saturating_mul(2))?;
    for position in 0..len {
        let Head::Str(key_len) = walk.reader.head().map_err(fault)? else {
            return Err(fault(Fault::KeyNotString));
        };
        let key = walk.reader.bytes(key_len).map_err(fault)?;
        // Callers that know the method write its arguments in order.
        let is_key = |name: &&str| name.as_bytes() == key;
        let index = match names.get(position) {
            Some(name) if is_key(name) => Some(position),
            _ => names.iter().position(is_key),
        };
        let value = walk.value(MAX_DEPTH - 1)?;
        match index.and_then(|index| layout.0.get_mut(index)) {
            None => return Err(unknown(key, names)),
            Some(place) if place.end > 0 => {
                let key = shown(key);
                return Err(refusal(format!("argument `{key}` is there twice")));
            }
            Some(place) => *place = value,
        }
    }
    Ok(())
}

fn by_position(
    walk: &mut Walk<'_>,
    len: usize,
    names: &[&str],
    layout: &mut Layout,
) -> Result<(), Error> {
    if len > names.len() {
        return Err(refusal(format!(
            "{len} arguments by position, but {}; an array that is one argument travels in a map or in \
             another array",
            takes(names)
        )));
    }
    walk.enter(len)?;
    for place in layout.0.iter_mut().take(len) {
        *place = walk.value(MAX_DEPTH - 1)?;
    }
    Ok(())
}

fn fault(fault: Fault) -> Error {
    malformed(Codec::MsgPack, fault)
}

fn refusal(message: String) -> Error {
    Error::new(Code::InvalidArgument, message).with_executed(Executed::No)
}

fn unknown(key: &[u8], names: &[&str]) -> Error {
    let key = shown(key);
    refusal(match names {
        [] => format!("unknown argument `{key}`; the method takes none"),
        _ => format!("unknown argument `{key}`; known: {}", listed(names)),
    })
}

fn bare(names: &[&str]) -> Error {
    refusal(format!(
        "the body is a bare value, but {}; send a map of arguments by name",
        takes(names)
    ))
}

fn takes(names: &[&str]) -> String {
    match names {
        [] => "the method takes none".to_owned(),
        [name] => format!("the method takes only `{name}`"),
        _ => format!("the method takes {}: {}", names.len(), listed(names)),
    }
}

fn listed(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A peer chooses the key, and with it the size of the error.
fn shown(key: &[u8]) -> String {
    String::from_utf8_lossy(key).chars().take(64).collect()
}
