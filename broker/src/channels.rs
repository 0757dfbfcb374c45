//! STAND-IN until the real one is merged: opens and closes channels.

use amq_protocol::protocol::{AMQPClass, channel};
use bytes::Bytes;

use crate::error::Refusal;
use crate::vhost::Vhost;
use crate::vhost::ids::ConnectionId;
use crate::wire::frame::Kind;
use crate::wire::method::{self, Method};

pub(crate) struct Channels {
    connection: ConnectionId,
}

impl Channels {
    pub(crate) fn new(connection: ConnectionId, _channel_max: u16) -> Self {
        Self { connection }
    }

    pub(crate) fn frame(
        &mut self,
        vhost: &mut Vhost,
        kind: Kind,
        channel: u16,
        payload: Bytes,
    ) -> Result<(), Refusal> {
        if kind != Kind::Method {
            let text = "expected method frame, got non method frame instead";
            return Err(Refusal::unexpected_frame(text));
        }
        let reply = match method::decode(&payload)? {
            Method::Other(method) => match *method {
                AMQPClass::Channel(channel::AMQPMethod::Open(_)) => {
                    channel::AMQPMethod::OpenOk(channel::OpenOk {})
                }
                AMQPClass::Channel(channel::AMQPMethod::Close(_)) => {
                    channel::AMQPMethod::CloseOk(channel::CloseOk {})
                }
                _ => return Err(Refusal::not_implemented("stand-in")),
            },
            _ => return Err(Refusal::not_implemented("stand-in")),
        };
        vhost.send(self.connection, |out| {
            out.method(channel, AMQPClass::Channel(reply))
        });
        Ok(())
    }
}
