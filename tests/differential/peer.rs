//! An AMQP client without opinions: it sends what a scenario says and writes down what comes back.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::rc::Rc;
use std::time::{Duration, Instant};

use amq_protocol::protocol::{AMQPClass, BasicProperties, basic, channel, connection};
use amq_protocol::types::FieldTable;

use crate::frame::{self, Frame};
use crate::methods as m;
use crate::render;
use crate::transcript::Transcript;

/// How long a broker may take. It is only ever waited for in full when the broker is at fault.
const PATIENCE: Duration = Duration::from_secs(10);

/// The channel that [`Peer::put`] publishes on.
const STORES: u16 = 1000;

/// The channel that asks whether a queue is still there.
const PROBES: u16 = 1001;

/// A connection of a scenario. Clones are the same connection.
#[derive(Clone)]
pub(crate) struct Peer(Rc<RefCell<Inner>>);

struct Inner {
    label: char,
    stream: TcpStream,
    received: Vec<u8>,
    waiting: BTreeMap<u16, VecDeque<Frame>>,
    /// Channels that are open, as far as this side has seen.
    open: Vec<u16>,
    gone: bool,
    finished: bool,
    answer_closes: bool,
    /// The properties and body of the last message that came.
    last: (BasicProperties, Vec<u8>),
    transcript: Transcript,
}

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
        self.0
            .borrow()
            .line(channel, '>', &render::method(method));
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

    /// Publishes, and returns once the message is where it belongs: RabbitMQ answers a passive declaration out of turn.
    pub(crate) fn put(&self, message: &m::Message) {
        if !self.is_open(STORES) {
            self.open(STORES);
            self.quiet(&frame::method(STORES, &m::confirm_select("")));
            self.quietly_read(STORES);
        }
        self.publish(STORES, message);
        self.frames(STORES, 1);
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

    /// Whatever the broker has said on a channel by the time that it answers a question on it.
    pub(crate) fn sync(&self, channel: u16) {
        if self.is_gone() || !self.is_open(channel) {
            return;
        }
        // Twice: a queue's delivery may reach the channel just after the answer that the queue itself gave it.
        for _ in 0..2 {
            self.quiet(&frame::method(channel, &m::exchange_declare("amq.direct", "direct", "passive")));
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

    /// Opens a channel without a word in the transcript.
    pub(crate) fn open(&self, channel: u16) {
        self.quiet(&frame::method(channel, &m::channel_open()));
        let (_, frame) = self.0.borrow_mut().next(channel);
        self.digest(channel, &frame);
        if !self.is_open(channel) {
            self.0
                .borrow()
                .line(channel, '<', &format!("instead of channel.open-ok: {}", render::frame(&frame)));
        }
    }

    /// The handshake, without a word in the transcript unless it fails.
    pub(crate) fn log_in(&self, login: &[u8], properties: FieldTable, tune_ok: AMQPClass) {
        self.quiet(b"AMQP\0\0\x09\x01");
        let start_ok = m::start_ok("PLAIN", login, properties);
        let steps = [vec![start_ok], vec![tune_ok, m::connection_open("/")], vec![]];
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
        self.note(if gone { "the queue has gone" } else { render::SILENCE });
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
                        let close_ok = AMQPClass::Channel(channel::AMQPMethod::CloseOk(
                            channel::CloseOk {},
                        ));
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
                Frame::Header { properties, size, .. } => {
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

impl Inner {
    fn line(&self, channel: u16, direction: char, text: &str) {
        let label = self.label;
        self.transcript
            .line(&format!("{label}{channel} {direction} {text}"));
    }

    /// The next frame of `channel`. What ends the connection comes as well, behind what else was on the channel.
    fn next(&mut self, channel: u16) -> (u16, Frame) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(frame) = self.waiting.entry(channel).or_default().pop_front() {
                return (channel, frame);
            }
            let on_zero = self.waiting.entry(0).or_default();
            if on_zero.front().is_some_and(ends_connection) {
                let frame = on_zero.pop_front().expect("just seen");
                return (0, frame);
            }
            if let Some((from, frame)) = frame::take(&mut self.received) {
                self.waiting.entry(from).or_default().push_back(frame);
                continue;
            }
            if self.gone {
                return (0, Frame::Gone);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return (channel, Frame::Silence);
            }
            self.fill(left);
        }
    }

    fn fill(&mut self, patience: Duration) {
        let mut buffer = [0; 16 * 1024];
        self.stream
            .set_read_timeout(Some(patience))
            .expect("a read timeout");
        match self.stream.read(&mut buffer) {
            Ok(0) => self.waiting.entry(0).or_default().push_back(Frame::Gone),
            Ok(count) => self.received.extend_from_slice(&buffer[..count]),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(_) => self.waiting.entry(0).or_default().push_back(Frame::Gone),
        }
    }
}

fn ends_connection(frame: &Frame) -> bool {
    match frame {
        Frame::Gone => true,
        Frame::Method(AMQPClass::Connection(connection::AMQPMethod::Close(_))) => true,
        _ => false,
    }
}

fn is_close(method: &AMQPClass) -> bool {
    matches!(
        method,
        AMQPClass::Connection(connection::AMQPMethod::Close(_))
            | AMQPClass::Channel(channel::AMQPMethod::Close(_))
    )
}

fn is_barrier(method: &AMQPClass) -> bool {
    use amq_protocol::protocol::exchange;
    matches!(
        method,
        AMQPClass::Exchange(exchange::AMQPMethod::DeclareOk(_))
    )
}

/// Every method but those that a broker sends of its own accord on an open channel.
fn ends_a_wait(method: &AMQPClass) -> bool {
    !matches!(
        method,
        AMQPClass::Basic(
            basic::AMQPMethod::Deliver(_)
                | basic::AMQPMethod::Return(_)
                | basic::AMQPMethod::Ack(_)
                | basic::AMQPMethod::Nack(_)
                | basic::AMQPMethod::Cancel(_)
        )
    )
}
