//! Whether a request, task or event can be read here, whatever is in it.

use super::{HEADER_VERSION, VERSION};
use crate::amqp::Delivery;
use crate::error::{Code, Error, Executed};

/// Some libraries always say which encoding their text has.
const NO_ENCODING: [&str; 3] = ["utf-8", "binary", "identity"];

pub(crate) fn check_version(delivery: &Delivery) -> Result<(), Error> {
    if !delivery.has_header(HEADER_VERSION)
        || delivery.header_number(HEADER_VERSION) == Some(VERSION)
    {
        return Ok(());
    }
    refuse(format!(
        "the message's wire version is not known here, only {VERSION}"
    ))
}

pub(crate) fn check_encoding(delivery: &Delivery) -> Result<(), Error> {
    let harmless = |encoding: &str| {
        NO_ENCODING
            .iter()
            .any(|none| none.eq_ignore_ascii_case(encoding))
    };
    match delivery.content_encoding() {
        Some(encoding) if !harmless(encoding) => refuse(format!(
            "the content encoding {encoding:?} is not known here"
        )),
        _ => Ok(()),
    }
}

fn refuse(message: String) -> Result<(), Error> {
    Err(Error::new(Code::Unimplemented, message).with_executed(Executed::No))
}
