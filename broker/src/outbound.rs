//! What waits to be written to one connection. Whoever has something for a connection appends it under the broker's
//! lock and, once that is released, writes it to the socket on the spot: a message needs no hop to another task. Only
//! what the kernel does not take at once is left to the connection's own task.

mod buffer;
mod socket;

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use amq_protocol::protocol::AMQPClass;
use bytes::{Bytes, BytesMut};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::message::Message;
use crate::wire::encode;
use crate::wire::frame::MIN_FRAME_MAX;
use buffer::Buffer;

/// Unsent bytes above which nothing more is delivered to a connection, and below which deliveries go on.
const HIGH: usize = if cfg!(fuzzing) { 16 << 10 } else { 4 << 20 };
const LOW: usize = if cfg!(fuzzing) { 4 << 10 } else { 1 << 20 };

/// Unsent bytes above which a connection is not read either: whatever it asks for, it does not take the answers.
const CLOGGED: usize = 32 << 20;

pub(crate) struct Outbound {
    state: Mutex<State>,
    /// More than [`HIGH`] is unsent, until [`Self::relieve`].
    congested: AtomicBool,
    /// All bytes ever written, for heartbeats.
    written: AtomicU64,
    wake: Arc<Notify>,
}

struct State {
    buffer: Buffer,
    /// Bytes in `buffer`, in `held` and in the hands of a writer.
    unsent: usize,
    frame_max: usize,
    /// Something was appended since the last flush.
    dirty: bool,
    /// Somebody writes to the socket right now; it will look again when it is done.
    writing: bool,
    /// The kernel took no more: the connection's task writes on when it does.
    full: bool,
    stalled: bool,
    delay: Option<Duration>,
    held: VecDeque<(Instant, Buffer)>,
    sink: Sink,
}

#[derive(Clone)]
enum Sink {
    Socket(Arc<OwnedWriteHalf>),
    /// Keeps the bytes for [`Outbound::take`].
    Detached,
    Closed,
}

impl Outbound {
    /// Writes to `socket`; wakes `wake` when the connection's task has something to do for it.
    pub(crate) fn new(socket: OwnedWriteHalf, wake: Arc<Notify>) -> Arc<Self> {
        Self::with(Sink::Socket(Arc::new(socket)), wake)
    }

    /// Without a socket: collects what would be sent, for [`Self::take`].
    pub(crate) fn detached() -> Arc<Self> {
        Self::with(Sink::Detached, Arc::default())
    }

    fn with(sink: Sink, wake: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                buffer: Buffer::default(),
                unsent: 0,
                frame_max: MIN_FRAME_MAX as usize,
                dirty: false,
                writing: false,
                full: false,
                stalled: false,
                delay: None,
                held: VecDeque::new(),
                sink,
            }),
            congested: AtomicBool::new(false),
            written: AtomicU64::new(0),
            wake,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends frames; true when nothing waited for a flush before.
    fn append(&self, frames: impl FnOnce(&mut Buffer, usize)) -> bool {
        let mut state = self.state();
        if matches!(state.sink, Sink::Closed) {
            return false;
        }
        let before = state.buffer.len();
        let frame_max = state.frame_max;
        frames(&mut state.buffer, frame_max);
        state.unsent += state.buffer.len() - before;
        if state.unsent > HIGH {
            self.congested.store(true, Ordering::Relaxed);
        }
        !std::mem::replace(&mut state.dirty, true)
    }

    pub(crate) fn method(&self, channel: u16, method: AMQPClass) -> bool {
        self.append(|buffer, _| encode::method(buffer.tail(), channel, &method))
    }

    pub(crate) fn deliver(
        &self,
        channel: u16,
        consumer_tag: &str,
        delivery_tag: u64,
        redelivered: bool,
        message: &Message,
    ) -> bool {
        self.append(|buffer, frame_max| {
            let tail = buffer.tail();
            encode::deliver(
                tail,
                channel,
                consumer_tag,
                delivery_tag,
                redelivered,
                message,
            );
            buffer.body(channel, &message.body, frame_max);
        })
    }

    pub(crate) fn get_ok(
        &self,
        channel: u16,
        delivery_tag: u64,
        redelivered: bool,
        message_count: u32,
        message: &Message,
    ) -> bool {
        self.append(|buffer, frame_max| {
            let tail = buffer.tail();
            encode::get_ok(
                tail,
                channel,
                delivery_tag,
                redelivered,
                message_count,
                message,
            );
            buffer.body(channel, &message.body, frame_max);
        })
    }

    pub(crate) fn returned(&self, channel: u16, code: u16, text: &str, message: &Message) -> bool {
        self.append(|buffer, frame_max| {
            encode::returned(buffer.tail(), channel, code, text, message);
            buffer.body(channel, &message.body, frame_max);
        })
    }

    pub(crate) fn ack(&self, channel: u16, tag: u64, multiple: bool) -> bool {
        self.append(|buffer, _| encode::ack(buffer.tail(), channel, tag, multiple))
    }

    pub(crate) fn nack(&self, channel: u16, tag: u64, multiple: bool) -> bool {
        self.append(|buffer, _| encode::nack(buffer.tail(), channel, tag, multiple))
    }

    pub(crate) fn heartbeat(&self) -> bool {
        self.append(|buffer, _| encode::heartbeat(buffer.tail()))
    }

    /// The server's own protocol header, for who asked for another protocol.
    pub(crate) fn raw(&self, bytes: &[u8]) -> bool {
        self.append(|buffer, _| buffer.tail().extend_from_slice(bytes))
    }

    /// Whether the peer reads too slowly to be given more; ends with [`Self::relieve`].
    pub(crate) fn congested(&self) -> bool {
        self.congested.load(Ordering::Relaxed)
    }

    /// Whether so much is unsent that nothing more should be asked for.
    pub(crate) fn is_clogged(&self) -> bool {
        self.congested() && self.state().unsent > CLOGGED
    }

    /// Ends the congestion once little enough is unsent. Under the broker's lock, so that no delivery slips in between.
    pub(crate) fn relieve(&self) -> bool {
        let drained = self.congested() && self.state().unsent < LOW;
        if drained {
            self.congested.store(false, Ordering::Relaxed);
        }
        drained
    }

    /// Whether [`Self::relieve`] would do something.
    pub(crate) fn is_drained(&self) -> bool {
        self.congested() && self.state().unsent < LOW
    }

    pub(crate) fn set_frame_max(&self, frame_max: u32) {
        self.state().frame_max = frame_max.max(MIN_FRAME_MAX) as usize;
    }

    /// All bytes ever written.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// What was collected without a socket.
    pub(crate) fn take(&self) -> Bytes {
        let mut state = self.state();
        state.dirty = false;
        state.unsent = 0;
        let mut all = BytesMut::new();
        for part in std::mem::take(&mut state.buffer).into_parts() {
            all.extend_from_slice(&part);
        }
        all.freeze()
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
