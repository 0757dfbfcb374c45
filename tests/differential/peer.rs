//! An AMQP client without opinions: it sends what a scenario says and writes down what comes back.

mod kinds;
mod quietly;
mod wire;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::rc::Rc;
use std::time::Duration;

use amq_protocol::protocol::{AMQPClass, BasicProperties, basic, channel, connection};

use crate::frame::{self, Frame};
use crate::methods as m;
use crate::render;
use crate::transcript::Transcript;
use kinds::{ends_a_wait, is_close};
use wire::Inner;

/// How long a broker may take. It is only ever waited for in full when the broker is at fault.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection of a scenario. Clones are the same connection.
#[derive(Clone)]
pub(crate) struct Peer(Rc<RefCell<Inner>>);

impl Peer {
    /// A bare TCP connection.
    pub(crate) fn dial(address: &str, label: char, transcript: Transcript) -> Self {
        let stream = TcpStream::connect(address).expect("a TCP connection to the broker");
        stream.set_nodelay(true).expect("nodelay");
        Self(Rc::new(RefCell::new(Inner {
            label,
            stream,
            received: Vec::new(),
            waiting: BTreeMap::new(),
            open: Vec::new(),
            gone: false,
            finished: false,
            answer_closes: true,
            patience: PATIENCE,
            last: Default::default(),
            transcript,
        })))
    }

    /// From now on the scenario itself answers `channel.close` and `connection.close`.
    pub(crate) fn leave_closes_alone(&self) {
        self.0.borrow_mut().answer_closes = false;
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.0.borrow().gone
    }

    pub(crate) fn is_open(&self, channel: u16) -> bool {
        self.0.borrow().open.contains(&channel)
    }

    /// Says something in the transcript.
    pub(crate) fn note(&self, text: &str) {
        let inner = self.0.borrow();
        inner.transcript.line(&format!("{}  # {text}", inner.label));
    }

    pub(crate) fn send(&self, channel: u16, method: &AMQPClass) {
        self.0.borrow().line(channel, '>', &render::method(method));
        self.quiet(&frame::method(channel, method));
    }

    /// Bytes that `what` describes.
    pub(crate) fn raw(&self, what: &str, bytes: &[u8]) {
        let inner = self.0.borrow();
        inner.transcript.line(&format!("{}  > {what}", inner.label));
        drop(inner);
        self.quiet(bytes);
    }

    /// Bytes that the transcript need not show.
    pub(crate) fn quiet(&self, bytes: &[u8]) {
        // A broker that has hung up is seen when reading.
        let _ = self.0.borrow_mut().stream.write_all(bytes);
    }

    /// A whole message, in one write.
    pub(crate) fn publish(&self, channel: u16, message: &m::Message) {
        let properties = render::properties(&message.properties);
        let shown = format!(
            "{} {{{properties}}} {}",
            render::method(&message.method()),
            render::body(&message.body)
        );
        self.0.borrow().line(channel, '>', &shown);
        self.quiet(&message.frames(channel));
    }

    /// The next frame of a channel, without a word in the transcript.
    pub(crate) fn quietly_read(&self, channel: u16) -> Frame {
        let (from, frame) = self.0.borrow_mut().next(channel);
        self.digest(from, &frame);
        frame
    }

    /// Sends a method and waits for what answers it.
    pub(crate) fn call(&self, channel: u16, method: &AMQPClass) -> Option<AMQPClass> {
        self.send(channel, method);
        self.answer(channel)
    }

    /// Everything up to the next answer to a method, or the end of the channel or connection.
    pub(crate) fn answer(&self, channel: u16) -> Option<AMQPClass> {
        loop {
            match self.read(channel) {
                Frame::Method(method) if ends_a_wait(&method) => {
                    if matches!(&method, AMQPClass::Basic(basic::AMQPMethod::GetOk(_))) {
                        self.messages(channel, 1);
                    }
                    return Some(method);
                }
                Frame::Protocol(_) | Frame::Gone | Frame::Silence => return None,
                _ => {}
            }
        }
    }

    /// The next frame of a channel, or of channel 0 if it ends the connection.
    pub(crate) fn read(&self, channel: u16) -> Frame {
        let (from, frame) = self.0.borrow_mut().next(channel);
        self.0.borrow().line(from, '<', &render::frame(&frame));
        self.digest(from, &frame);
        frame
    }

    /// That many frames of a channel.
    pub(crate) fn frames(&self, channel: u16, count: usize) {
        for _ in 0..count {
            match self.read(channel) {
                Frame::Gone | Frame::Silence => return,
                Frame::Method(method) if is_close(&method) => return,
                _ => {}
            }
        }
    }

    /// That many whole messages on a channel: deliveries or returns, and what stands between them.
    pub(crate) fn messages(&self, channel: u16, count: usize) {
        let mut left = count;
        let mut missing = 0;
        while left > 0 || missing > 0 {
            match self.read(channel) {
                Frame::Header { size, .. } => {
                    missing = size;
                    left = left.saturating_sub(1);
                }
                Frame::Body(body) => missing = missing.saturating_sub(body.len() as u64),
                Frame::Gone | Frame::Silence => return,
                Frame::Method(method) if is_close(&method) => return,
                _ => {}
            }
        }
    }

    fn digest(&self, channel: u16, frame: &Frame) {
        let mut inner = self.0.borrow_mut();
        match frame {
            Frame::Gone => inner.gone = true,
            Frame::Header { properties, .. } => inner.last = (properties.clone(), Vec::new()),
            Frame::Body(body) => inner.last.1.extend_from_slice(body),
            // RabbitMQ then leaves it to the client to hang up.
            Frame::Method(AMQPClass::Connection(connection::AMQPMethod::CloseOk(_))) => {
                inner.open.clear();
                inner.finished = true;
            }
            Frame::Method(AMQPClass::Channel(method)) => match method {
                channel::AMQPMethod::OpenOk(_) => inner.open.push(channel),
                channel::AMQPMethod::CloseOk(_) => inner.open.retain(|open| *open != channel),
                channel::AMQPMethod::Close(_) => {
                    inner.open.retain(|open| *open != channel);
                    if inner.answer_closes {
                        let close_ok =
                            AMQPClass::Channel(channel::AMQPMethod::CloseOk(channel::CloseOk {}));
                        let _ = inner.stream.write_all(&frame::method(channel, &close_ok));
                    }
                }
                _ => {}
            },
            Frame::Method(AMQPClass::Connection(connection::AMQPMethod::Close(_)))
                if inner.answer_closes =>
            {
                let _ = inner
                    .stream
                    .write_all(&frame::method(0, &m::connection_close_ok()));
                drop(inner);
                self.until_gone();
            }
            _ => {}
        }
    }

    /// Waits for the broker to end the TCP connection; what it still says on channel 0 is in the transcript.
    pub(crate) fn until_gone(&self) {
        loop {
            let (from, frame) = self.0.borrow_mut().next(0);
            self.0.borrow().line(from, '<', &render::frame(&frame));
            match frame {
                Frame::Gone => {
                    self.0.borrow_mut().gone = true;
                    return;
                }
                Frame::Silence => return,
                _ => {}
            }
        }
    }

    /// The name that the broker gave the queue or consumer of the last answer.
    pub(crate) fn name_in(answer: Option<&AMQPClass>) -> String {
        use amq_protocol::protocol::queue;
        match answer {
            Some(AMQPClass::Queue(queue::AMQPMethod::DeclareOk(ok))) => ok.queue.to_string(),
            Some(AMQPClass::Basic(basic::AMQPMethod::ConsumeOk(ok))) => ok.consumer_tag.to_string(),
            _ => "none".to_owned(),
        }
    }

    /// The `reply_to` of the next message on a channel, which is read.
    pub(crate) fn reply_to(&self, channel: u16) -> String {
        loop {
            match self.read(channel) {
                Frame::Header {
                    properties, size, ..
                } => {
                    if size > 0 {
                        self.read(channel);
                    }
                    return reply_to(&properties);
                }
                Frame::Gone | Frame::Silence => return "none".to_owned(),
                Frame::Method(method) if is_close(&method) => return "none".to_owned(),
                _ => {}
            }
        }
    }
}

fn reply_to(properties: &BasicProperties) -> String {
    properties
        .reply_to()
        .as_ref()
        .map_or_else(|| "none".to_owned(), ToString::to_string)
}
