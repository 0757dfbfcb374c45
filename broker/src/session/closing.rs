//! How a connection ends: by its client, by what the client did wrong, or by the broker.

use amq_protocol::protocol::{AMQPClass, connection};
use bytes::Bytes;

use super::{Next, Phase, Session};
use crate::error::Refusal;
use crate::wire::frame::{self, Fault, Kind};
use crate::wire::method::{self, Method};

/// Why an open connection is open no more.
pub(super) enum End {
    /// The client asked for it.
    Closed,
    Cut,
    Refused(Refusal),
    Fault(Fault),
}

impl Session {
    pub(super) fn end_with(&mut self, end: End) -> Next {
        match end {
            End::Closed => {
                self.phase = Phase::Closed;
                self.send(connection::AMQPMethod::CloseOk(connection::CloseOk {}));
                Next::Read
            }
            End::Cut => {
                tracing::warn!(peer = %self.peer.address, "cut a connection that sent an unknown method");
                Next::Abort
            }
            End::Refused(refusal) | End::Fault(Fault::Frame(refusal)) => {
                self.fail(refusal);
                Next::Read
            }
            End::Fault(Fault::Stream(refusal)) => {
                self.fail(refusal);
                Next::Pause
            }
        }
    }

    /// A frame on channel 0 of an open connection; `Some` ends it.
    pub(super) fn channel_zero(&self, kind: Kind, payload: &Bytes) -> Option<End> {
        if kind != Kind::Method {
            return Some(End::Refused(frame::unexpected(kind, payload)));
        }
        let Ok(method) = method::decode(payload) else {
            return Some(End::Refused(internal()));
        };
        if let Method::Other(method) = method
            && let AMQPClass::Connection(method) = *method
        {
            match method {
                connection::AMQPMethod::Close(close) => {
                    let (code, text) = (close.reply_code, close.reply_text.as_str());
                    tracing::debug!(peer = %self.peer.address, code, text, "the client closes its connection");
                    return Some(End::Closed);
                }
                connection::AMQPMethod::UpdateSecret(_) => {
                    // Passwords do not expire, so there is nothing to renew.
                    let ok = connection::UpdateSecretOk {};
                    self.send(connection::AMQPMethod::UpdateSecretOk(ok));
                    return None;
                }
                _ => {}
            }
        }
        Some(End::Refused(self.unexpected_method(payload)))
    }

    pub(super) fn unexpected_method(&self, payload: &Bytes) -> Refusal {
        let (class, method) = method::ids(payload);
        let state = self.phase.name();
        let text = format!("unexpected method in connection state {state}");
        Refusal::channel_error(text).at(class, method)
    }

    /// A frame of a connection that is closed already.
    pub(super) fn closed_frame(&mut self, kind: Kind, channel: u16, payload: &Bytes) -> Next {
        const CLOSE: (u16, u16) = (10, 50);
        const CLOSE_OK: (u16, u16) = (10, 51);
        match method::ids(payload) {
            _ if kind != Kind::Method || channel != 0 => Next::Read,
            CLOSE => {
                self.send(connection::AMQPMethod::CloseOk(connection::CloseOk {}));
                Next::Read
            }
            CLOSE_OK => Next::Abort,
            _ => Next::Read,
        }
    }

    /// Tells the client why its connection is closed. What it held is released first, as RabbitMQ does.
    pub(super) fn fail(&mut self, refusal: Refusal) {
        self.unlink();
        self.phase = Phase::Closed;
        tracing::info!(
            peer = %self.peer.address,
            code = refusal.code,
            text = %refusal.text,
            "closed a connection"
        );
        let (class_id, method_id) = refusal.method;
        self.send(connection::AMQPMethod::Close(connection::Close {
            reply_code: refusal.code,
            reply_text: refusal.reply_text(),
            class_id,
            method_id,
        }));
    }
}

/// As RabbitMQ answers what it crashes on.
pub(super) fn internal() -> Refusal {
    let mut refusal = Refusal::internal_error("");
    refusal.text = "INTERNAL_ERROR".to_owned();
    refusal
}
