//! The body of an error reply: a map of `code`, `name`, `message`, `executed`, `retryable`,
//! `retry_after_ms` and `details` (`docs/protocol.md`, section "Errors").

use std::time::Duration;

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::amqp::Delivery;
use crate::codec::{self, Codec};
use crate::error::{Code, Error, Executed};

#[derive(Serialize)]
struct Written<'a> {
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    message: &'a str,
    executed: &'a str,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

/// Everything but `code` may be missing: foreign servers write these too.
#[derive(Deserialize)]
struct Read {
    code: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    executed: Option<String>,
    #[serde(default)]
    retryable: Option<bool>,
    #[serde(default)]
    retry_after_ms: Option<u64>,
}

/// Encodes an error for a caller who speaks `codec`; text has no form for errors, so it gets JSON.
pub(crate) fn write(error: &Error, codec: Codec) -> (Codec, Bytes) {
    let codec = if codec == Codec::Text {
        Codec::Json
    } else {
        codec
    };
    let written = Written {
        code: error.wire_code(),
        name: error.name(),
        message: error.message(),
        executed: error.executed().as_str(),
        retryable: error.retryable(),
        retry_after_ms: error
            .retry_after()
            .map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
    };
    // Strings, a bool and a number: there is nothing that could fail.
    let mut body = codec.encode(&written).unwrap_or_default();
    if let Some((from, details)) = error.raw_details() {
        let plain = body.clone();
        codec::add_field(codec, &mut body, "details", from, details);
        // Inside of this map they may be one level too deep, or one too many.
        let body = Bytes::from(body);
        let fits = codec.decode::<IgnoredAny>(&body).is_ok();
        return (codec, if fits { body } else { plain.into() });
    }
    (codec, body.into())
}

/// Reads an error reply. One that cannot be read is an error all the same.
pub(crate) fn read(reply: &Delivery) -> Error {
    let codec = Codec::from_content_type(reply.content_type()).unwrap_or(Codec::Json);
    parse(codec, &reply.body)
}

fn parse(codec: Codec, body: &Bytes) -> Error {
    let read: Read = match codec.decode(body) {
        Ok(read) => read,
        Err(error) => {
            return Error::new(
                Code::Unknown,
                "the service answered with an error that cannot be read",
            )
            .with_executed(Executed::Maybe)
            .with_source(error);
        }
    };
    let mut error = Error::from_wire_code(&read.code, read.message.unwrap_or_default())
        .with_executed(
            read.executed
                .as_deref()
                .map_or(Executed::Maybe, Executed::from_wire),
        );
    if let Some(name) = read.name {
        error = error.with_name(name);
    }
    if let Some(millis) = read.retry_after_ms {
        error = error.with_retry_after(Duration::from_millis(millis));
    }
    if let Some(retryable) = read.retryable {
        error = error.with_retryable(retryable);
    }
    if let Some((codec, details)) = codec::take_field(codec, body, "details") {
        error = error.with_raw_details(codec, details);
    }
    error
}

/// An error reply as a line for the log.
pub(crate) fn describe(content_type: &str, body: &Bytes) -> String {
    let codec = Codec::from_content_type(Some(content_type)).unwrap_or(Codec::Json);
    parse(codec, body).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(error: &Error, codec: Codec) -> Error {
        let (codec, body) = write(error, codec);
        parse(codec, &body)
    }

    #[test]
    fn an_error_survives_the_wire() {
        let error = Error::new(Code::Application, "too large")
            .with_name("TooLarge")
            .with_executed(Executed::Yes)
            .with_retry_after(Duration::from_millis(1500))
            .with_details(&[1_u64, u64::MAX])
            .expect("encodable");
        for codec in [Codec::MsgPack, Codec::Json, Codec::Text] {
            let read = round_trip(&error, codec);
            assert_eq!(read.code(), Code::Application);
            assert_eq!(read.name(), Some("TooLarge"));
            assert_eq!(read.message(), "too large");
            assert_eq!(read.executed(), Executed::Yes);
            assert_eq!(read.retry_after(), Some(Duration::from_millis(1500)));
            assert!(read.retryable());
            assert_eq!(read.details(), Some([1_u64, u64::MAX]), "{codec:?}");
        }
    }

    #[test]
    fn details_that_do_not_fit_into_the_error_are_left_out() {
        let mut deepest = serde_json::json!(0);
        while Error::new(Code::Internal, "")
            .with_details(&serde_json::json!([deepest]))
            .is_ok()
        {
            deepest = serde_json::json!([deepest]);
        }
        let error = Error::new(Code::Application, "too deep")
            .with_executed(Executed::Yes)
            .with_details(&deepest)
            .expect("as deep as a value may be");
        for codec in [Codec::MsgPack, Codec::Json] {
            let read = round_trip(&error, codec);
            assert_eq!(
                (read.code(), read.executed()),
                (Code::Application, Executed::Yes)
            );
            assert!(read.raw_details().is_none());
        }
    }

    #[test]
    fn details_keep_their_bytes_when_an_error_is_passed_on() {
        let bytes = Bytes::from_static(b"\x00\xff");
        let error = Error::new(Code::Internal, "")
            .with_details(&bytes)
            .expect("encodable");
        let read = round_trip(&round_trip(&error, Codec::Json), Codec::Json);
        assert_eq!(read.details(), Some(bytes));
    }

    #[test]
    fn an_unknown_code_stays_readable() {
        let body = Bytes::from_static(br#"{"code":"Sunspots","colour":"red"}"#);
        let error = parse(Codec::Json, &body);
        assert_eq!(
            (error.code(), error.wire_code()),
            (Code::Unknown, "Sunspots")
        );
        assert_eq!(error.executed(), Executed::Maybe);
        assert!(error.to_string().contains("Sunspots"));
    }

    #[test]
    fn an_unreadable_error_is_an_error() {
        for body in [&b""[..], b"\xc1", b"7", b"{}", b"{\"code\":1}"] {
            for codec in [Codec::MsgPack, Codec::Json, Codec::Text] {
                assert_eq!(
                    parse(codec, &Bytes::from_static(body)).code(),
                    Code::Unknown
                );
            }
        }
    }
}
