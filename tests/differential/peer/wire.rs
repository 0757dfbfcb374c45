//! The TCP connection under a peer: bytes in, frames out, each kept for the channel that it is for.

use std::collections::{BTreeMap, VecDeque};
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use amq_protocol::protocol::{AMQPClass, BasicProperties, connection};

use crate::frame::{self, Frame};
use crate::transcript::Transcript;

/// How long a broker may take that has already left something unsaid.
const IMPATIENCE: Duration = Duration::from_millis(300);

/// What is shared by the clones of a [`Peer`](super::Peer).
pub(super) struct Inner {
    pub(super) label: char,
    pub(super) stream: TcpStream,
    pub(super) received: Vec<u8>,
    pub(super) waiting: BTreeMap<u16, VecDeque<Frame>>,
    /// Channels that are open, as far as this side has seen.
    pub(super) open: Vec<u16>,
    pub(super) gone: bool,
    pub(super) finished: bool,
    pub(super) answer_closes: bool,
    pub(super) patience: Duration,
    /// The properties and body of the last message that came.
    pub(super) last: (BasicProperties, Vec<u8>),
    pub(super) transcript: Transcript,
}

impl Inner {
    pub(super) fn line(&self, channel: u16, direction: char, text: &str) {
        let label = self.label;
        self.transcript
            .line(&format!("{label}{channel} {direction} {text}"));
    }

    /// The next frame of `channel`. What ends the connection comes as well, behind what else was on the channel.
    pub(super) fn next(&mut self, channel: u16) -> (u16, Frame) {
        let deadline = Instant::now() + self.patience;
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
                // What is silent once is silent again: the rest of the scenario is not waited for as long.
                self.patience = IMPATIENCE;
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
    matches!(
        frame,
        Frame::Gone | Frame::Method(AMQPClass::Connection(connection::AMQPMethod::Close(_)))
    )
}
