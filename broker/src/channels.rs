//! The channels of one connection: their life, and content put together from its frames
//! (AMQP 0-9-1 section 4.2.6). What a method does is in [`methods`].

mod methods;

use std::collections::HashMap;

use amq_protocol::protocol::{AMQPClass, channel};
use bytes::{Bytes, BytesMut};

use crate::error::{Refusal, Scope};
use crate::message::Charge;
use crate::vhost::{ConnectionId, Publish, Vhost};
use crate::wire::frame::Kind;
use crate::wire::header;
use crate::wire::method::{self, Method, Text};
use crate::wire::properties::Properties;

/// The largest message, in bytes: RabbitMQ's default `max_message_size`.
const MAX_MESSAGE_SIZE: u64 = 128 * 1024 * 1024;
const BASIC: u16 = 60;
const PUBLISH: (u16, u16) = (BASIC, 40);
const CHANNEL: u16 = 20;
/// Also what RabbitMQ says when a body is longer than its header said.
const NO_BODY: &str = "expected content body, got non content body frame instead";

#[derive(Debug)]
pub(crate) struct Channels {
    connection: ConnectionId,
    channel_max: u16,
    states: HashMap<u16, State>,
}

/// What the next frame of a channel may be.
#[derive(Debug)]
enum State {
    Method,
    Header(Head),
    Body(Box<Content>),
    /// We have closed it and wait for the client to agree.
    Closing,
}

/// A basic.publish without its content.
#[derive(Debug)]
struct Head {
    exchange: Text,
    routing_key: Bytes,
    mandatory: bool,
}

#[derive(Debug)]
struct Content {
    head: Head,
    properties: Properties,
    missing: u64,
    body: BytesMut,
    /// Memory that is not in a message yet counts too.
    charge: Charge,
}

impl Channels {
    pub(crate) fn new(connection: ConnectionId, channel_max: u16) -> Self {
        Self {
            connection,
            channel_max,
            states: HashMap::new(),
        }
    }

    /// Carries out one frame of a channel other than 0.
    ///
    /// # Errors
    ///
    /// What ends the connection. What ends only the channel has been dealt with.
    pub(crate) fn frame(
        &mut self,
        vhost: &mut Vhost,
        kind: Kind,
        channel: u16,
        payload: Bytes,
    ) -> Result<(), Refusal> {
        let outcome = match self.states.remove(&channel) {
            None => return self.open(vhost, kind, channel, &payload),
            Some(State::Closing) => return self.closing(vhost, kind, channel, &payload),
            Some(state) => self.advance(vhost, state, kind, channel, payload),
        };
        match outcome {
            Ok(Some(next)) => {
                self.states.insert(channel, next);
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(refusal) if refusal.scope == Scope::Connection => Err(refusal),
            Err(refusal) => {
                self.close(vhost, channel, &refusal);
                Ok(())
            }
        }
    }

    /// Whether any channel waits for more of a body. The memory of a half that is not read to its end is never free.
    pub(crate) fn in_a_body(&self) -> bool {
        let mut states = self.states.values();
        states.any(|state| matches!(state, State::Body(_)))
    }

    /// Whether the last frame of a channel was a basic.publish.
    pub(crate) fn begins(&self, channel: u16) -> bool {
        matches!(self.states.get(&channel), Some(State::Header(_)))
    }

    /// The broker has closed a channel for a reason of its own, and said so.
    pub(crate) fn closed_by_broker(&mut self, channel: u16) {
        self.states.insert(channel, State::Closing);
    }

    /// Whether a channel is open, or closed and its client has not agreed yet.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn knows(&self, channel: u16) -> bool {
        self.states.contains_key(&channel)
    }

    /// How much of a body is to come.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn missing(&self, channel: u16) -> u64 {
        match self.states.get(&channel) {
            Some(State::Body(content)) => content.missing,
            _ => 0,
        }
    }

    fn open(
        &mut self,
        vhost: &mut Vhost,
        kind: Kind,
        channel: u16,
        payload: &Bytes,
    ) -> Result<(), Refusal> {
        if kind != Kind::Method {
            return Err(Refusal::unexpected_frame(
                "expected method frame, got non method frame instead",
            ));
        }
        let ids = method::ids(payload);
        match method::decode(payload).map_err(|refusal| refusal.at(ids.0, ids.1))? {
            Method::Other(other)
                if matches!(*other, AMQPClass::Channel(channel::AMQPMethod::Open(_))) =>
            {
                // RabbitMQ counts channels and takes any number for one.
                let most = usize::from(self.channel_max);
                if self.states.len() >= most {
                    return Err(Refusal::not_allowed(format!(
                        "number of channels opened ({most}) has reached the negotiated channel_max ({most})"
                    )));
                }
                vhost.open_channel(self.connection, channel);
                self.states.insert(channel, State::Method);
                let ok = channel::AMQPMethod::OpenOk(channel::OpenOk {});
                vhost.send(self.connection, channel, AMQPClass::Channel(ok));
                Ok(())
            }
            _ => Err(Refusal::channel_error("expected 'channel.open'").at(ids.0, ids.1)),
        }
    }

    /// Everything but the end is ignored.
    fn closing(
        &mut self,
        vhost: &mut Vhost,
        kind: Kind,
        channel: u16,
        payload: &Bytes,
    ) -> Result<(), Refusal> {
        let decoded = (kind == Kind::Method && method::ids(payload).0 == CHANNEL)
            .then(|| method::decode(payload).ok())
            .flatten();
        if let Some(Method::Other(other)) = decoded
            && let AMQPClass::Channel(method) = *other
        {
            match method {
                channel::AMQPMethod::CloseOk(_) => return Ok(()),
                channel::AMQPMethod::Close(_) => self.close_ok(vhost, channel),
                channel::AMQPMethod::Open(_) => {
                    let (class, method) = method::ids(payload);
                    return Err(methods::second_open().at(class, method));
                }
                _ => {}
            }
        }
        self.states.insert(channel, State::Closing);
        Ok(())
    }

    fn close_ok(&self, vhost: &mut Vhost, channel: u16) {
        let ok = channel::AMQPMethod::CloseOk(channel::CloseOk {});
        vhost.send(self.connection, channel, AMQPClass::Channel(ok));
    }

    /// Closes a channel because of what its client did.
    fn close(&mut self, vhost: &mut Vhost, channel: u16, refusal: &Refusal) {
        vhost.close_channel(self.connection, channel);
        vhost.send_close(self.connection, channel, refusal);
        self.states.insert(channel, State::Closing);
    }

    /// The state after a frame; `None` when the client has closed the channel.
    fn advance(
        &mut self,
        vhost: &mut Vhost,
        state: State,
        kind: Kind,
        channel: u16,
        payload: Bytes,
    ) -> Result<Option<State>, Refusal> {
        match (state, kind) {
            (State::Method, Kind::Method) => self.method(vhost, channel, &payload),
            (State::Method | State::Closing, _) => Err(Refusal::unexpected_frame(
                "expected method frame, got non method frame instead",
            )),
            (State::Header(head), Kind::Header) => {
                self.header(vhost, channel, head, &payload).map(Some)
            }
            (State::Header(_), _) => Err(Refusal::unexpected_frame(format!(
                "expected content header for class {BASIC}, got non content header frame instead"
            ))
            .at(PUBLISH.0, PUBLISH.1)),
            (State::Body(content), Kind::Body) => {
                self.body(vhost, channel, content, &payload).map(Some)
            }
            (State::Body(_), _) => Err(Refusal::unexpected_frame(NO_BODY).at(PUBLISH.0, PUBLISH.1)),
        }
    }

    fn method(
        &mut self,
        vhost: &mut Vhost,
        channel: u16,
        payload: &Bytes,
    ) -> Result<Option<State>, Refusal> {
        let ids = method::ids(payload);
        let outcome = match method::decode(payload) {
            Ok(Method::Publish {
                immediate: true, ..
            }) => Err(Refusal::not_implemented("immediate=true")),
            Ok(Method::Publish {
                exchange,
                routing_key,
                mandatory,
                immediate: false,
            }) => {
                vhost.publishes(self.connection);
                Ok(Some(State::Header(Head {
                    exchange,
                    routing_key,
                    mandatory,
                })))
            }
            Ok(Method::Ack { tag, multiple }) => {
                methods::ack(vhost, self.connection, channel, tag, multiple)
                    .map(|()| Some(State::Method))
            }
            Ok(Method::Other(other)) => {
                let call = methods::Call {
                    vhost,
                    connection: self.connection,
                    channel,
                    payload,
                };
                call.run(*other).map(|open| open.then_some(State::Method))
            }
            Err(refusal) => Err(refusal),
        };
        outcome.map_err(|refusal| refusal.at(ids.0, ids.1))
    }

    fn header(
        &mut self,
        vhost: &mut Vhost,
        channel: u16,
        head: Head,
        payload: &Bytes,
    ) -> Result<State, Refusal> {
        // The payload shares the read buffer, which would live as long as the message.
        let own = Bytes::copy_from_slice(payload);
        let (class, body_size, properties) =
            header::decode(&own).map_err(|refusal| refusal.at(PUBLISH.0, PUBLISH.1))?;
        if class != BASIC {
            return Err(Refusal::unexpected_frame(format!(
                "expected content header for class {BASIC}, got one for class {class} instead"
            ))
            .at(PUBLISH.0, PUBLISH.1));
        }
        if body_size > MAX_MESSAGE_SIZE {
            return Err(Refusal::precondition_failed(format!(
                "message size {body_size} is larger than configured max size {MAX_MESSAGE_SIZE}"
            ))
            .at(PUBLISH.0, PUBLISH.1));
        }
        let content = Content {
            head,
            properties,
            missing: body_size,
            body: BytesMut::new(),
            charge: vhost.meter.charge(),
        };
        if body_size == 0 {
            return self.publish(vhost, channel, content, Bytes::new());
        }
        Ok(State::Body(Box::new(content)))
    }

    fn body(
        &mut self,
        vhost: &mut Vhost,
        channel: u16,
        mut content: Box<Content>,
        payload: &Bytes,
    ) -> Result<State, Refusal> {
        let size = payload.len() as u64;
        if size > content.missing {
            return Err(Refusal::unexpected_frame(NO_BODY).at(PUBLISH.0, PUBLISH.1));
        }
        content.missing -= size;
        if content.missing == 0 && content.body.is_empty() {
            let body = Bytes::copy_from_slice(payload);
            return self.publish(vhost, channel, *content, body);
        }
        content.body.extend_from_slice(payload);
        content.charge.set(content.body.len());
        if content.missing > 0 {
            return Ok(State::Body(content));
        }
        let body = std::mem::take(&mut content.body).freeze();
        self.publish(vhost, channel, *content, body)
    }

    fn publish(
        &self,
        vhost: &mut Vhost,
        channel: u16,
        content: Content,
        body: Bytes,
    ) -> Result<State, Refusal> {
        let Content {
            head, properties, ..
        } = content;
        let publish = Publish {
            exchange: head.exchange.as_str(),
            routing_key: &head.routing_key,
            mandatory: head.mandatory,
            properties,
            body,
        };
        vhost
            .publish(self.connection, channel, publish)
            .map_err(|refusal| refusal.at(PUBLISH.0, PUBLISH.1))?;
        Ok(State::Method)
    }
}

impl Vhost {
    /// Tells a client that its channel has been closed.
    pub(crate) fn send_close(&mut self, id: ConnectionId, channel: u16, refusal: &Refusal) {
        let (class_id, method_id) = refusal.method;
        tracing::debug!(
            channel,
            code = refusal.code,
            text = refusal.text,
            "channel closed"
        );
        let close = channel::AMQPMethod::Close(channel::Close {
            reply_code: refusal.code,
            reply_text: refusal.reply_text(),
            class_id,
            method_id,
        });
        self.send(id, channel, AMQPClass::Channel(close));
    }
}
