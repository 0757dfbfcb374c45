//! The arguments of a call: written by name, read by name, by position or bare (`docs/protocol.md`,
//! section "Arguments"). Each argument is decoded on its own, so that an error can name it.

mod layout;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::codec::{
    Codec, EncodeError, Head, Limits, RESERVED, Reader, Rules, append, append_json, from_json,
    from_slice, from_text, malformed, refused, write_map_len, write_str,
};
use crate::error::{Code, Error, Executed};
use layout::{Layout, locate};

/// Writes the arguments of one call.
///
/// ```
/// use leveret::{ArgumentsWriter, Codec};
///
/// # fn main() -> Result<(), leveret::Error> {
/// let mut writer = ArgumentsWriter::new(Codec::Json, 2);
/// writer.push("item", "carrot")?;
/// writer.push("count", &30)?;
/// assert_eq!(writer.finish(), r#"{"item":"carrot","count":30}"#);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ArgumentsWriter {
    codec: Codec,
    body: Vec<u8>,
    /// One argument on its way from the encoder to JSON or text.
    scratch: Vec<u8>,
    limits: Limits,
    count: usize,
    pushed: usize,
}

impl ArgumentsWriter {
    /// Starts a body that will hold exactly `count` arguments.
    #[must_use]
    pub fn new(codec: Codec, count: usize) -> Self {
        let mut body = Vec::with_capacity(128);
        match codec {
            Codec::MsgPack => write_map_len(&mut body, count),
            Codec::Json => body.push(b'{'),
            Codec::Text => {}
        }
        let mut limits = Limits::default();
        limits.depth -= 1;
        limits.elements = limits.elements.saturating_sub(count.saturating_mul(2));
        Self {
            codec,
            body,
            scratch: Vec::new(),
            limits,
            count,
            pushed: 0,
        }
    }

    /// Adds the next argument.
    ///
    /// # Errors
    /// `InvalidArgument`, executed no, naming the argument, when the value has no form on the wire.
    pub fn push<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Error> {
        let outcome = match self.codec {
            Codec::MsgPack => {
                write_str(&mut self.body, name);
                append(value, &mut self.body, &mut self.limits)
            }
            Codec::Json | Codec::Text => self.push_text(name, value),
        };
        self.pushed += 1;
        outcome.map_err(|error| refused(format!("argument `{name}`: {error}"), error))
    }

    fn push_text<T: Serialize + ?Sized>(
        &mut self,
        name: &str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.scratch.clear();
        append(value, &mut self.scratch, &mut self.limits)?;
        if self.codec == Codec::Text && self.count == 1 {
            let mut reader = Reader::new(&self.scratch);
            match reader.head()? {
                Head::Nil => return Ok(()),
                Head::Str(len) => {
                    self.body.extend_from_slice(reader.bytes(len)?);
                    return Ok(());
                }
                // Bare, these would be read as the arguments themselves.
                Head::Array(_) | Head::Map(_) => {}
                _ => return append_json(&self.scratch, &mut self.body),
            }
        }
        match self.codec {
            Codec::Text if self.pushed == 0 => self.body.push(b'{'),
            _ if self.pushed == 0 => {}
            _ => self.body.push(b','),
        }
        let mut key = Vec::with_capacity(name.len() + 5);
        write_str(&mut key, name);
        append_json(&key, &mut self.body)?;
        self.body.push(b':');
        append_json(&self.scratch, &mut self.body)?;
        if self.codec == Codec::Text && self.pushed + 1 == self.count {
            self.body.push(b'}');
        }
        Ok(())
    }

    /// The finished body.
    #[must_use]
    pub fn finish(mut self) -> Bytes {
        debug_assert_eq!(self.pushed, self.count, "arguments pushed and announced");
        if self.codec == Codec::Json {
            self.body.push(b'}');
        }
        self.body.into()
    }
}

/// The arguments of one request, checked as a whole and decoded one by one.
///
/// ```
/// use leveret::{Arguments, Codec};
///
/// # fn main() -> Result<(), leveret::Error> {
/// let mut arguments = Arguments::parse(Codec::Json, br#"{"count":30}"#, &["item", "count"])?;
/// assert_eq!(arguments.take::<Option<String>>(0)?, None);
/// assert_eq!(arguments.take::<u32>(1)?, 30);
///
/// let error = Arguments::parse(Codec::Json, br#"{"dry_run":true}"#, &["n"]).unwrap_err();
/// assert_eq!(error.message(), "unknown argument `dry_run`; known: `n`");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Arguments<'a> {
    names: &'a [&'a str],
    body: Cow<'a, [u8]>,
    rules: Rules<'a>,
    layout: Layout,
    /// What is wrong with a text for every type but a string.
    refusal: Option<String>,
}

impl<'a> Arguments<'a> {
    /// Checks a body against the names of the method's parameters.
    ///
    /// # Errors
    /// `InvalidArgument`, executed no: malformed body, unknown or repeated name, too many positions.
    pub fn parse(codec: Codec, body: &'a [u8], names: &'a [&'a str]) -> Result<Self, Error> {
        if codec == Codec::Text && names.len() == 1 {
            return Self::parse_one_text(body, names);
        }
        if body.is_empty() && names.is_empty() {
            return Ok(Self::new(names, Cow::Borrowed(body), Rules::MSGPACK));
        }
        let (body, rules) = match codec {
            Codec::MsgPack => (Cow::Borrowed(body), Rules::MSGPACK),
            Codec::Json => {
                let body = from_json(body).map_err(|error| malformed(codec, error))?;
                (Cow::Owned(body), Rules::JSON)
            }
            Codec::Text => {
                let raw = text(body)?;
                let body = from_text(raw).map_err(|error| malformed(codec, error))?;
                (Cow::Owned(body), Rules::JSON)
            }
        };
        let mut arguments = Self::new(names, body, rules);
        arguments.layout = locate(&arguments.body, names)?;
        Ok(arguments)
    }

    /// The arguments as one MessagePack map by name. The usual body is one already and is only checked.
    pub(crate) fn named(codec: Codec, body: &Bytes, names: &[&str]) -> Result<Bytes, Error> {
        if codec == Codec::MsgPack && is_map(body) {
            locate(body, names)?;
            return Ok(body.clone());
        }
        let arguments = Arguments::parse(codec, body, names)?;
        if let Some(refusal) = arguments.refusal {
            return Err(Error::new(Code::InvalidArgument, refusal).with_executed(Executed::No));
        }
        let given = || {
            let places = (0..).map_while(|index| Some((index, names.get(index)?)));
            places.filter_map(|(index, name)| {
                let place = arguments.layout.get(index)?;
                Some((*name, arguments.body.get(place)?))
            })
        };
        let mut out = Vec::with_capacity(body.len() + 16 * names.len() + 8);
        write_map_len(&mut out, given().count());
        for (name, value) in given() {
            write_str(&mut out, name);
            out.extend_from_slice(value);
        }
        Ok(out.into())
    }

    /// Whether the one parameter is a string is known only when it is taken, and a string is whatever the
    /// text is: so nothing about its content can be refused before.
    fn parse_one_text(body: &'a [u8], names: &'a [&'a str]) -> Result<Self, Error> {
        let raw = text(body)?;
        let mut arguments = Self::new(names, Cow::Borrowed(&[]), Rules::text(raw));
        match from_text(raw) {
            Ok(body) => {
                match locate(&body, names) {
                    Ok(layout) => arguments.layout = layout,
                    Err(error) => arguments.refusal = Some(error.message().to_owned()),
                }
                arguments.body = Cow::Owned(body);
            }
            Err(error) => {
                arguments.refusal = Some(malformed(Codec::Text, error).message().to_owned());
            }
        }
        Ok(arguments)
    }

    fn new(names: &'a [&'a str], body: Cow<'a, [u8]>, rules: Rules<'a>) -> Self {
        Self {
            names,
            body,
            rules,
            layout: Layout::default(),
            refusal: None,
        }
    }

    /// Decodes the argument of the parameter with this index. An absent one is read as nil.
    ///
    /// # Errors
    /// `InvalidArgument`, executed no, naming the argument.
    pub fn take<T: DeserializeOwned>(&mut self, index: usize) -> Result<T, Error> {
        let name = self.names.get(index).copied().unwrap_or_default();
        let value = self
            .layout
            .get(index)
            .and_then(|place| self.body.get(place));
        let absent = match self.refusal {
            None => NIL,
            Some(_) => RESERVED,
        };
        from_slice(value.unwrap_or(&[absent]), self.rules).map_err(|error| {
            match (&self.refusal, value) {
                (Some(refusal), _) => refused(refusal.clone(), error),
                (None, None) => refused(format!("missing argument `{name}`"), error),
                (None, Some(_)) => refused(format!("argument `{name}`: {error}"), error),
            }
        })
    }
}

fn is_map(body: &[u8]) -> bool {
    matches!(Reader::new(body).head(), Ok(Head::Map(_)))
}

/// What an absent argument is read from.
const NIL: u8 = 0xc0;

fn text(body: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(body).map_err(|error| malformed(Codec::Text, error))
}
