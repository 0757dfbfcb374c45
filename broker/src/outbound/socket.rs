//! From the buffer to the socket, and what holds bytes back on the way.

use std::io::{self, ErrorKind, IoSlice};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::Instant;

use super::buffer::Buffer;
use super::{LOW, Outbound, Sink, State};

/// Longer than anybody waits, and short enough for a clock.
const FOR_EVER: Duration = Duration::from_secs(30 * 365 * 86_400);

/// Parts that one system call writes.
const SLICES: usize = 32;

impl Outbound {
    /// Writes what the kernel takes now. What it does not take, the connection's task writes.
    pub(crate) fn flush(&self) {
        let mut state = self.state();
        state.dirty = false;
        if state.writing || state.full || state.stalled {
            return;
        }
        let Sink::Socket(socket) = &state.sink else {
            return;
        };
        let socket = Arc::clone(socket);
        state.writing = true;
        loop {
            // Whoever appended and flushed while this one was writing has left it here.
            let mut batch = state.next_batch();
            if batch.is_empty() {
                state.put_back(batch);
                break;
            }
            drop(state);
            let (written, ended) = write(&socket, &mut batch);
            self.written.fetch_add(written as u64, Ordering::Relaxed);
            state = self.state();
            state.unsent = state.unsent.saturating_sub(written);
            state.put_back(batch);
            match ended {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => state.full = true,
                Err(_) => state.close(),
            }
            if state.full || state.stalled || matches!(state.sink, Sink::Closed) {
                break;
            }
        }
        state.writing = false;
        let drained = self.congested() && state.unsent < LOW;
        let closed = matches!(state.sink, Sink::Closed);
        let wake = state.full || closed || drained || !state.held.is_empty();
        drop(state);
        if wake {
            self.wake.notify_one();
        }
    }

    /// Waits until the kernel takes bytes again, when it did not; only the connection's task asks.
    pub(crate) async fn writable(&self) {
        let socket = match &*self.state() {
            State {
                full: true,
                sink: Sink::Socket(socket),
                ..
            } => Arc::clone(socket),
            _ => return,
        };
        // An error shows at the write that follows.
        let _ = socket.writable().await;
        drop(socket);
        self.state().full = false;
        self.flush();
    }

    /// Whether [`Self::writable`] has something to wait for.
    pub(crate) fn is_full(&self) -> bool {
        self.state().full
    }

    /// Whether everything was handed to the kernel, or never will be.
    pub(crate) fn is_done(&self) -> bool {
        let state = self.state();
        matches!(state.sink, Sink::Closed) || (state.unsent == 0 && !state.writing)
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.state().sink, Sink::Closed)
    }

    /// Forgets the socket and what was not sent: nothing is accepted any more.
    pub(crate) fn close(&self) {
        self.state().close();
    }

    /// [`Self::close`] without telling the peer that nothing follows.
    pub(crate) fn reset(&self) {
        let sink = std::mem::replace(&mut self.state().sink, Sink::Closed);
        // Somebody who is writing right now keeps it, and then the peer sees an end before the reset.
        if let Sink::Socket(socket) = sink
            && let Some(socket) = Arc::into_inner(socket)
        {
            socket.forget();
        }
        self.close();
    }

    /// Writes nothing while `stalled`.
    pub(crate) fn stall(&self, stalled: bool) {
        self.state().stalled = stalled;
        if !stalled {
            self.flush();
        }
    }

    /// Holds back for that long what is sent from now on.
    pub(crate) fn delay(&self, delay: Option<Duration>) {
        self.state().delay = delay;
        self.flush();
    }

    /// When bytes that are held back may go.
    pub(crate) fn next_release(&self) -> Option<Instant> {
        self.state().held.front().map(|(due, _)| *due)
    }
}

impl State {
    /// What may be written now.
    fn next_batch(&mut self) -> Buffer {
        if self.delay.is_none() && self.held.is_empty() {
            return self.buffer.take();
        }
        let now = Instant::now();
        if !self.buffer.is_empty() {
            let delay = self.delay.unwrap_or_default();
            let due = now + delay.min(FOR_EVER);
            let held = self.buffer.take();
            self.held.push_back((due, held));
        }
        match self.held.front() {
            Some((due, _)) if *due <= now => self.held.pop_front().map(|(_, held)| held),
            _ => None,
        }
        .unwrap_or_default()
    }

    /// Takes back what [`Self::next_batch`] gave, as far as it was not written.
    fn put_back(&mut self, batch: Buffer) {
        if self.held.is_empty() && self.delay.is_none() {
            self.buffer.restore(batch);
        } else if !batch.is_empty() {
            self.held.push_front((Instant::now(), batch));
        }
    }

    fn close(&mut self) {
        self.sink = Sink::Closed;
        self.buffer = Buffer::default();
        self.held.clear();
        self.unsent = 0;
        self.full = false;
    }
}

/// Writes as much of `batch` as the kernel takes, and removes that from it.
fn write(socket: &OwnedWriteHalf, batch: &mut Buffer) -> (usize, io::Result<()>) {
    let mut total = 0;
    while !batch.is_empty() {
        let wrote = match batch.single() {
            Some(part) => socket.try_write(part),
            None => {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let count = batch.slices(&mut slices);
                socket.try_write_vectored(&slices[..count])
            }
        };
        match wrote {
            Ok(0) => return (total, Err(ErrorKind::WriteZero.into())),
            Ok(written) => {
                batch.advance(written);
                total += written;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (total, Err(error)),
        }
    }
    (total, Ok(()))
}
