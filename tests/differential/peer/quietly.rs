//! What a scenario needs but is not about: it leaves no word in the transcript, or few.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use amq_protocol::protocol::{AMQPClass, basic, connection};
use amq_protocol::types::FieldTable;

use super::kinds::{is_barrier, is_close};
use super::{PATIENCE, Peer};
use crate::frame::{self, Frame};
use crate::methods as m;
use crate::render;

/// The channel that [`Peer::put`] publishes on.
const STORES: u16 = 1000;

/// The channel that asks whether a queue is still there.
const PROBES: u16 = 1001;

impl Peer {
    /// The handshake, without a word in the transcript unless it fails.
    pub(crate) fn log_in(&self, login: &[u8], properties: FieldTable, tune_ok: AMQPClass) {
        self.quiet(b"AMQP\0\0\x09\x01");
        let start_ok = m::start_ok("PLAIN", login, properties);
        let steps = [
            vec![start_ok],
            vec![tune_ok, m::connection_open("/")],
            vec![],
        ];
        for step in steps {
            let (channel, frame) = self.0.borrow_mut().next(0);
            let refused = match &frame {
                Frame::Method(method) => is_close(method),
                _ => true,
            };
            if refused {
                self.0.borrow().line(channel, '<', &render::frame(&frame));
                self.digest(channel, &frame);
                return;
            }
            for method in step {
                self.quiet(&frame::method(0, &method));
            }
        }
    }

    /// Opens a channel without a word in the transcript.
    pub(crate) fn open(&self, channel: u16) {
        self.quiet(&frame::method(channel, &m::channel_open()));
        let (_, frame) = self.0.borrow_mut().next(channel);
        self.digest(channel, &frame);
        if !self.is_open(channel) {
            self.0.borrow().line(
                channel,
                '<',
                &format!("instead of channel.open-ok: {}", render::frame(&frame)),
            );
        }
    }

    /// Opens a channel unless it is open, after an error on it.
    pub(crate) fn open_again(&self, channel: u16) {
        if !self.is_open(channel) {
            self.open(channel);
        }
    }

    /// Ends the TCP connection as a client that dies.
    pub(crate) fn abort(&self) {
        let mut inner = self.0.borrow_mut();
        let label = inner.label;
        inner.transcript.line(&format!("{label}  # hangs up"));
        let _ = inner.stream.shutdown(Shutdown::Both);
        inner.gone = true;
    }

    /// Ends the connection properly, without a word in the transcript.
    pub(crate) fn close_quietly(&self) {
        if self.is_gone() || self.0.borrow().finished {
            return;
        }
        self.quiet(&frame::method(0, &m::connection_close(200, "")));
        loop {
            let (_, frame) = self.0.borrow_mut().next(0);
            match frame {
                Frame::Gone | Frame::Silence => break,
                Frame::Method(AMQPClass::Connection(connection::AMQPMethod::CloseOk(_))) => break,
                _ => {}
            }
        }
        self.0.borrow_mut().gone = true;
    }

    /// Publishes, and returns once the message is where it belongs: RabbitMQ answers a passive declaration out of turn.
    pub(crate) fn put(&self, message: &m::Message) {
        if !self.is_open(STORES) {
            self.open(STORES);
            self.quiet(&frame::method(STORES, &m::confirm_select("")));
            self.quietly_read(STORES);
        }
        self.publish(STORES, message);
        loop {
            match self.read(STORES) {
                Frame::Method(AMQPClass::Basic(
                    basic::AMQPMethod::Ack(_) | basic::AMQPMethod::Nack(_),
                ))
                | Frame::Gone
                | Frame::Silence => return,
                Frame::Method(method) if is_close(&method) => return,
                _ => {}
            }
        }
    }

    /// Publishes the last message that came to a queue, with the properties it came with.
    pub(crate) fn republish_last(&self, queue: &str) {
        let (properties, body) = self.0.borrow().last.clone();
        self.put(&m::Message {
            properties,
            body,
            ..m::message("", queue, "")
        });
    }

    /// Whatever the broker has said on a channel by the time that it answers a question on it.
    pub(crate) fn sync(&self, channel: u16) {
        if self.is_gone() || !self.is_open(channel) {
            return;
        }
        // Twice: a queue's delivery may reach the channel just after the answer that the queue itself gave it.
        for _ in 0..2 {
            self.quiet(&frame::method(
                channel,
                &m::exchange_declare("amq.direct", "direct", "passive"),
            ));
            loop {
                let (from, frame) = self.0.borrow_mut().next(channel);
                if matches!(&frame, Frame::Method(method) if is_barrier(method)) {
                    break;
                }
                self.0.borrow().line(from, '<', &render::frame(&frame));
                self.digest(from, &frame);
                if self.is_gone() || !self.is_open(channel) || matches!(frame, Frame::Silence) {
                    return;
                }
            }
        }
    }

    /// All that the broker still has to say on the channels that are open.
    pub(crate) fn sync_all(&self) {
        let open = self.0.borrow().open.clone();
        for channel in open {
            self.sync(channel);
        }
    }

    /// Waits for a queue to go by itself: mandatory messages for it come back then.
    pub(crate) fn wait_until_unroutable(&self, queue: &str) {
        if !self.is_open(PROBES) {
            self.open(PROBES);
        }
        let probe = m::message("", queue, "a probe").options("mandatory");
        let barrier = m::exchange_declare("amq.direct", "direct", "passive");
        let deadline = Instant::now() + PATIENCE;
        let mut gone = false;
        while !gone && Instant::now() < deadline && !self.is_gone() {
            self.quiet(&probe.frames(PROBES));
            self.quiet(&frame::method(PROBES, &barrier));
            loop {
                match self.quietly_read(PROBES) {
                    Frame::Header { .. } => gone = true,
                    Frame::Method(method) if is_barrier(&method) || is_close(&method) => break,
                    Frame::Gone | Frame::Silence => return,
                    _ => {}
                }
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.note(if gone {
            "the queue has gone"
        } else {
            render::SILENCE
        });
    }
}
