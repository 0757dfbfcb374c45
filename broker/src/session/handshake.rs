//! From the protocol header to open-ok. Whom the broker does not know yet it tells little: most mistakes before the
//! connection is tuned end in a cut socket after a pause, as RabbitMQ does it.

use std::time::Duration;

use amq_protocol::protocol::{AMQPClass, connection};
use amq_protocol::types::{AMQPValue, FieldTable, LongString, ShortString};
use bytes::{Buf, Bytes, BytesMut};

use super::client::Capabilities;
use super::closing::internal;
use super::{Next, Phase, Session};
use crate::Name;
use crate::error::Refusal;
use crate::wire::encode::short;
use crate::wire::frame::{self, Fault, Frame, Kind, MIN_FRAME_MAX};
use crate::wire::method::{self, Method};

const HEADER: [u8; 8] = *b"AMQP\x00\x00\x09\x01";
/// How 0-9 asked, which RabbitMQ takes for 0-9-1.
const HEADER_0_9: [u8; 8] = *b"AMQP\x01\x01\x00\x09";

const TUNE: (u16, u16) = (10, 30);

impl Session {
    pub(super) fn protocol_header(&mut self, input: &mut BytesMut) -> Next {
        let Some(header) = input.first_chunk::<8>() else {
            return Next::Read;
        };
        if !matches!(*header, HEADER | HEADER_0_9) {
            input.clear();
            self.out.raw(&HEADER);
            return Next::Close;
        }
        input.advance(HEADER.len());
        self.phase = Phase::Starting;
        self.send(connection::AMQPMethod::Start(connection::Start {
            version_major: 0,
            version_minor: 9,
            server_properties: server_properties(),
            mechanisms: "PLAIN AMQPLAIN".into(),
            locales: "en_US".into(),
        }));
        Next::Read
    }

    /// One frame of a connection that is not open.
    pub(super) fn frame(&mut self, input: &mut BytesMut) -> Next {
        match self.decoder.next(input) {
            Ok(None | Some(Frame::Heartbeat)) => Next::Read,
            Ok(Some(Frame::Content {
                kind,
                channel,
                payload,
            })) => match self.phase {
                Phase::Closed => self.closed_frame(kind, channel, &payload),
                _ => self.handshake_frame(kind, channel, &payload),
            },
            Err(Fault::Stream(_)) if self.phase == Phase::Closed => Next::Pause,
            Err(Fault::Stream(refusal)) => {
                self.reject(refusal);
                Next::Pause
            }
            Err(Fault::Frame(_)) if self.phase == Phase::Closed => Next::Read,
            Err(Fault::Frame(refusal)) => self.reject(refusal),
        }
    }

    fn handshake_frame(&mut self, kind: Kind, channel: u16, payload: &Bytes) -> Next {
        if kind == Kind::Method && method::is_fatal(payload) {
            return match self.phase {
                Phase::Opening => Next::Abort,
                _ => Next::Pause,
            };
        }
        if kind != Kind::Method || channel != 0 {
            return self.reject(frame::unexpected(kind, payload));
        }
        let method = match method::decode(payload) {
            Ok(Method::Other(method)) => *method,
            Ok(_) => return self.reject(self.unexpected_method(payload)),
            Err(_) => return self.reject(internal()),
        };
        let done = match (self.phase, method) {
            (Phase::Starting, AMQPClass::Connection(connection::AMQPMethod::StartOk(start_ok))) => {
                return self.start_ok(start_ok);
            }
            (Phase::Tuning, AMQPClass::Connection(connection::AMQPMethod::TuneOk(tune_ok))) => {
                self.tune_ok(&tune_ok)
            }
            (Phase::Opening, AMQPClass::Connection(connection::AMQPMethod::Open(open))) => {
                self.open(open.virtual_host.as_str())
            }
            _ => Err(self.unexpected_method(payload)),
        };
        match done {
            Ok(()) => Next::Read,
            Err(refusal) => self.reject(refusal),
        }
    }

    /// Refuses a connection that is not open yet: with a word only where the client has proved who it is.
    fn reject(&mut self, refusal: Refusal) -> Next {
        if self.phase == Phase::Opening {
            self.fail(refusal);
            return Next::Read;
        }
        tracing::warn!(
            peer = %self.peer.address,
            state = self.phase.name(),
            code = refusal.code,
            text = %refusal.text,
            "refused a connection"
        );
        self.phase = Phase::Closed;
        Next::Pause
    }

    fn start_ok(&mut self, start_ok: connection::StartOk) -> Next {
        self.client.capabilities = Capabilities::of(&start_ok.client_properties);
        self.client.properties = start_ok.client_properties;
        let mechanism = start_ok.mechanism.as_str();
        let response = start_ok.response.as_bytes();
        let credentials = match mechanism {
            "PLAIN" => plain(response),
            "AMQPLAIN" => amqplain(response),
            _ => {
                let text = format!("unknown authentication mechanism '{mechanism}'");
                return self.reject(Refusal::command_invalid(text));
            }
        };
        let Some((user, password)) = credentials else {
            let text = format!("{mechanism} response is malformed");
            return self.reject(Refusal::syntax_error(text));
        };
        let local = self.peer.address.ip().to_canonical().is_loopback();
        let Some(user) = self.shared.log_in(&user, &password, local) else {
            return self.log_in_refused(mechanism);
        };
        self.client.user = Some(user);
        self.phase = Phase::Tuning;
        let settings = &self.shared.settings;
        self.send(connection::AMQPMethod::Tune(connection::Tune {
            channel_max: settings.channel_max,
            frame_max: settings.frame_max,
            heartbeat: settings.heartbeat.as_secs().try_into().unwrap_or(u16::MAX),
        }));
        Next::Read
    }

    fn log_in_refused(&mut self, mechanism: &str) -> Next {
        tracing::warn!(peer = %self.peer.address, mechanism, "refused a login");
        if !self.client.capabilities.authentication_failure_close {
            self.phase = Phase::Closed;
            return Next::Pause;
        }
        self.fail(Refusal::access_refused(format!(
            "Login was refused using authentication mechanism {mechanism}. For details see the broker logfile."
        )));
        Next::Pause
    }

    fn tune_ok(&mut self, tune_ok: &connection::TuneOk) -> Result<(), Refusal> {
        let settings = &self.shared.settings;
        negotiated(
            "frame_max",
            MIN_FRAME_MAX,
            settings.frame_max,
            tune_ok.frame_max,
        )?;
        let channel_max = tune_ok.channel_max.into();
        negotiated("channel_max", 1, settings.channel_max.into(), channel_max)?;
        let frame_max = match tune_ok.frame_max {
            0 => settings.frame_max,
            frame_max => frame_max,
        };
        self.decoder.set_frame_max(frame_max);
        self.out.set_frame_max(frame_max);
        self.client.channel_max = tune_ok.channel_max;
        self.heartbeat = Duration::from_secs(tune_ok.heartbeat.into());
        self.phase = Phase::Opening;
        Ok(())
    }

    fn open(&mut self, name: &str) -> Result<(), Refusal> {
        let user = self.client.user.take().unwrap_or_default();
        let host = self.shared.host(name);
        let linked = host.is_some_and(|host| self.link(&host, Name::clone(&user)));
        if !linked {
            let text = format!("vhost {name} not found");
            return Err(Refusal::not_allowed(text).at(10, 40));
        }
        tracing::info!(
            peer = %self.peer.address,
            user = &*user,
            vhost = name,
            "opened a connection"
        );
        self.send(connection::AMQPMethod::OpenOk(connection::OpenOk {}));
        self.phase = Phase::Running;
        Ok(())
    }
}

/// What a client wants must not exceed what the broker offered; zero stands for no limit on either side.
fn negotiated(field: &str, min: u32, offered: u32, wanted: u32) -> Result<(), Refusal> {
    let (relation, bound, limit) = if wanted != 0 && wanted < min {
        ("lower", "minimum", min)
    } else if offered != 0 && (wanted == 0 || wanted > offered) {
        ("higher", "maximum", offered)
    } else {
        return Ok(());
    };
    let text = format!(
        "negotiated {field} = {wanted} is {relation} than the {bound} allowed value ({limit})"
    );
    let (class, method) = TUNE;
    Err(Refusal::not_allowed(text).at(class, method))
}

/// User and password out of `NUL user NUL password`; acting for another user is not supported.
fn plain(response: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let rest = response.strip_prefix(b"\0")?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    let (user, password) = (&rest[..end], &rest[end + 1..]);
    (!password.contains(&0)).then(|| (user.to_vec(), password.to_vec()))
}

/// User and password out of a field table without its length.
fn amqplain(response: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let length = u32::try_from(response.len()).ok()?;
    let mut raw = length.to_be_bytes().to_vec();
    raw.extend_from_slice(response);
    crate::wire::table::guard(&raw).ok()?;
    let (_, table) = amq_protocol::types::parsing::parse_field_table(raw.as_slice()).ok()?;
    let text = |name| match table.inner().get(name) {
        Some(AMQPValue::LongString(text)) => Some(text.as_bytes().to_vec()),
        _ => None,
    };
    Some((text("LOGIN")?, text("PASSWORD")?))
}

fn server_properties() -> FieldTable {
    let mut capabilities = FieldTable::default();
    for name in [
        "publisher_confirms",
        "exchange_exchange_bindings",
        "basic.nack",
        "consumer_cancel_notify",
        "connection.blocked",
        "consumer_priorities",
        "authentication_failure_close",
        "per_consumer_qos",
        "direct_reply_to",
    ] {
        capabilities.insert(name.into(), AMQPValue::Boolean(true));
    }
    let mut properties = FieldTable::default();
    properties.insert("capabilities".into(), AMQPValue::FieldTable(capabilities));
    for (name, value) in [
        ("cluster_name", "leveret"),
        (
            "information",
            "An in-memory broker: nothing survives a restart.",
        ),
        ("platform", "Rust"),
        ("product", "Leveret"),
        ("version", env!("CARGO_PKG_VERSION")),
    ] {
        let value = AMQPValue::LongString(LongString::from(value));
        properties.insert(ShortString::from(short(name)), value);
    }
    properties
}
