//! Whether lapin can read a content header. This follows amq-protocol's parser to the byte: it accepts
//! what that accepts, unless it is nested so deep that parsing it by recursion would be a danger.

/// Class, weight and body size come before the properties.
const FIXED: usize = 12;
/// How deep tables and arrays may lie in each other; the table of headers is the first. RabbitMQ's own
/// headers (`x-death`) need three.
const DEPTH: u32 = 16;

pub(super) type Check = Result<(), &'static str>;

const CUT_OFF: &str = "lengths that do not add up";

/// What a property is, as far as it matters for finding its end.
#[derive(Clone, Copy)]
enum Property {
    Text,
    Table,
    Fixed(usize),
}

/// In the order of their flags, from the highest.
const PROPERTIES: [Property; 14] = {
    use Property::{Fixed, Table, Text};
    [
        Text,     // content-type
        Text,     // content-encoding
        Table,    // headers
        Fixed(1), // delivery-mode
        Fixed(1), // priority
        Text,     // correlation-id
        Text,     // reply-to
        Text,     // expiration
        Text,     // message-id
        Fixed(8), // timestamp
        Text,     // type
        Text,     // user-id
        Text,     // app-id
        Text,     // cluster-id
    ]
};

/// Checks the payload of a content header frame.
pub(super) fn check(payload: &[u8]) -> Check {
    let (_, payload) = payload.split_at_checked(FIXED).ok_or(CUT_OFF)?;
    let (flags, properties) = payload.split_first_chunk().ok_or(CUT_OFF)?;
    let mut rest = Rest {
        bytes: properties,
        ascii: properties.is_ascii(),
    };
    let mut flags = u16::from_be_bytes(*flags);
    // Two flags have no property; lapin ignores them.
    while let Some(property) = PROPERTIES.get(flags.leading_zeros() as usize) {
        match *property {
            Property::Text => rest.short_string()?,
            Property::Table => rest.table(DEPTH)?,
            Property::Fixed(length) => rest.skip(length)?,
        }
        flags &= !(0x8000 >> flags.leading_zeros());
    }
    if rest.bytes.is_empty() {
        Ok(())
    } else {
        Err(CUT_OFF)
    }
}

/// What has not been looked at yet.
struct Rest<'a> {
    bytes: &'a [u8],
    /// Known of all bytes at once, which is cheaper than to look into every string.
    ascii: bool,
}

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(CUT_OFF)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn chunk<const N: usize>(&mut self) -> Result<&'a [u8; N], &'static str> {
        let (chunk, rest) = self.bytes.split_first_chunk().ok_or(CUT_OFF)?;
        self.bytes = rest;
        Ok(chunk)
    }

    fn skip(&mut self, length: usize) -> Check {
        self.take(length).map(|_| ())
    }

    fn short_string(&mut self) -> Check {
        let [length] = *self.chunk()?;
        let text = self.take(length.into())?;
        if self.ascii || std::str::from_utf8(text).is_ok() {
            Ok(())
        } else {
            Err("a short string that is not UTF-8")
        }
    }

    /// What has its length in front: a long string, bytes, the inside of a table or an array.
    fn long(&mut self) -> Result<Self, &'static str> {
        let length = u32::from_be_bytes(*self.chunk()?);
        let length = usize::try_from(length).map_err(|_| CUT_OFF)?;
        Ok(Self {
            bytes: self.take(length)?,
            ascii: self.ascii,
        })
    }

    /// `depth` is how many levels there may be, this one included.
    fn table(&mut self, depth: u32) -> Check {
        let (mut inside, depth) = self.nested(depth)?;
        while !inside.bytes.is_empty() {
            inside.short_string()?;
            inside.value(depth)?;
        }
        Ok(())
    }

    fn array(&mut self, depth: u32) -> Check {
        let (mut inside, depth) = self.nested(depth)?;
        while !inside.bytes.is_empty() {
            inside.value(depth)?;
        }
        Ok(())
    }

    fn nested(&mut self, depth: u32) -> Result<(Self, u32), &'static str> {
        let depth = depth.checked_sub(1).ok_or("tables nested too deep")?;
        Ok((self.long()?, depth))
    }

    fn value(&mut self, depth: u32) -> Check {
        let [tag] = *self.chunk()?;
        match tag {
            b'V' => Ok(()),
            b't' | b'b' | b'B' => self.skip(1),
            b's' | b'u' | b'U' => self.skip(2),
            b'i' | b'I' | b'f' => self.skip(4),
            b'D' => self.skip(5),
            b'l' | b'L' | b'd' | b'T' => self.skip(8),
            b'S' | b'x' => self.long().map(|_| ()),
            b'F' => self.table(depth),
            b'A' => self.array(depth),
            _ => Err("a value of an unknown type"),
        }
    }
}
