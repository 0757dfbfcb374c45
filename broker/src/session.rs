//! The protocol of one connection, from its first byte to its last, without a socket: bytes go in, frames for every
//! connection that they concern go into the [`Outbound`]s, and the answer says what becomes of the socket.

pub(crate) mod client;
mod closing;
mod handshake;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use amq_protocol::protocol::{AMQPClass, connection};
use bytes::BytesMut;

use crate::Name;
use crate::channels::Channels;
use crate::control::Control;
use crate::error::Refusal;
use crate::outbound::Outbound;
use crate::shared::{Host, Shared};
use crate::vhost::ConnectionId;
use crate::vhost::{NewConnection, Vhost};
use crate::wire::frame::{Decoder, Frame, Kind};
use crate::wire::method;
use client::Client;
pub(crate) use client::{Capabilities, Peer};
use closing::End;

/// What becomes of the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Read on.
    Read,
    /// Nothing more is looked at: send what waits, then that nothing follows.
    Close,
    /// Nothing more is looked at: let the peer wait before the cut, since it may be guessing passwords.
    Pause,
    /// Cut now.
    Abort,
}

/// See the [module](self).
pub(crate) struct Session {
    shared: Arc<Shared>,
    out: Arc<Outbound>,
    control: Arc<Control>,
    peer: Peer,
    decoder: Decoder,
    phase: Phase,
    client: Client,
    heartbeat: Duration,
    link: Option<Link>,
}

/// Where the connection is in its life; the states and their names are RabbitMQ's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Header,
    Starting,
    Tuning,
    Opening,
    Running,
    /// A close was sent or answered: only close and close-ok matter.
    Closed,
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Self::Header => "pre_init",
            Self::Starting => "starting",
            Self::Tuning => "tuning",
            Self::Opening => "opening",
            Self::Running => "running",
            Self::Closed => "closed",
        }
    }
}

/// An open connection's place in its virtual host.
struct Link {
    host: Arc<Host>,
    id: ConnectionId,
    channels: Channels,
}

impl Session {
    pub(crate) fn new(
        shared: Arc<Shared>,
        out: Arc<Outbound>,
        control: Arc<Control>,
        peer: Peer,
    ) -> Self {
        Self {
            shared,
            out,
            control,
            peer,
            decoder: Decoder::new(),
            phase: Phase::Header,
            client: Client::default(),
            heartbeat: Duration::ZERO,
            link: None,
        }
    }

    /// Takes every complete frame out of `input`, does what it says and sends what comes of it.
    pub(crate) fn receive(&mut self, input: &mut BytesMut) -> Next {
        let mut next = Next::Read;
        while next == Next::Read {
            let before = (self.phase, input.len());
            next = match self.phase {
                Phase::Header => self.protocol_header(input),
                Phase::Running => self.burst(input),
                _ => self.frame(input),
            };
            // What is left is looked at when the memory alarm is over.
            if before == (self.phase, input.len()) || self.control.is_blocked() {
                break;
            }
        }
        self.out.flush();
        next
    }

    /// The negotiated interval, once tuned; `None` when there is none.
    pub(crate) fn heartbeat(&self) -> Option<Duration> {
        (!self.heartbeat.is_zero()).then_some(self.heartbeat)
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn channels(&self) -> Option<&Channels> {
        Some(&self.link.as_ref()?.channels)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Running
    }

    /// Whether only the end is waited for.
    pub(crate) fn is_closing(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Whom log entries are about.
    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Closes the connection for a reason of the broker's own. Before it is open there is nobody to tell.
    pub(crate) fn close(&mut self, refusal: Refusal) -> Next {
        let next = match self.phase {
            Phase::Running | Phase::Opening => {
                self.fail(refusal);
                Next::Read
            }
            Phase::Closed => Next::Read,
            _ => Next::Abort,
        };
        self.out.flush();
        next
    }

    /// The socket is gone: everything that the connection held is released.
    pub(crate) fn end(&mut self) {
        self.phase = Phase::Closed;
        self.unlink();
    }

    /// The peer reads again: deliveries go on.
    pub(crate) fn drained(&self) {
        if let Some(link) = &self.link {
            link.host.run(|vhost| {
                if self.out.relieve() {
                    vhost.drained(link.id);
                }
            });
        }
    }

    /// All frames of an open connection, under one lock.
    fn burst(&mut self, input: &mut BytesMut) -> Next {
        let Some(mut link) = self.link.take() else {
            return Next::Abort;
        };
        let host = Arc::clone(&link.host);
        let mut vhost = host.lock();
        let Some(closed) = vhost.begin_burst(link.id) else {
            // A lever has ended it; the order to say so, or to cut, is on its way.
            vhost.release();
            self.link = Some(link);
            return Next::Read;
        };
        for channel in closed {
            link.channels.closed_by_broker(channel);
        }
        let mut end = None;
        loop {
            match self.decoder.next(input) {
                Ok(None) => break,
                Ok(Some(Frame::Heartbeat)) => {}
                Ok(Some(Frame::Content {
                    kind,
                    channel,
                    payload,
                })) => {
                    if kind == Kind::Method && method::is_fatal(&payload) {
                        end = Some(End::Cut);
                        break;
                    }
                    if channel == 0 {
                        end = self.channel_zero(kind, &payload);
                    } else {
                        let done = link.channels.frame(&mut vhost, kind, channel, payload);
                        end = done.err().map(End::Refused);
                    }
                    if end.is_some() {
                        break;
                    }
                    // Half a message would take memory until the alarm is over, and that may be because of it. But who
                    // begins another one meanwhile gets no further.
                    let goes_on = link.channels.in_a_body() && !link.channels.begins(channel);
                    if vhost.is_blocked(link.id) && !goes_on {
                        self.control.block();
                        break;
                    }
                }
                Err(fault) => {
                    end = Some(End::Fault(fault));
                    break;
                }
            }
        }
        match end {
            None => {
                vhost.release();
                self.link = Some(link);
                Next::Read
            }
            Some(end) => {
                // What came before the end is answered before it.
                vhost.end_burst();
                vhost.disconnect(link.id);
                // Half a message takes memory too: gone before that is looked at.
                drop(link);
                vhost.release();
                self.end_with(end)
            }
        }
    }

    fn unlink(&mut self) {
        if let Some(Link { host, id, channels }) = self.link.take() {
            host.run(|vhost| {
                vhost.disconnect(id);
                drop(channels);
            });
        }
    }

    /// False when the virtual host has been removed meanwhile.
    fn link(&mut self, host: &Arc<Host>, user: Name) -> bool {
        let connection = NewConnection {
            out: Arc::clone(&self.out),
            user,
            peer: self.peer.clone(),
            client_properties: std::mem::take(&mut self.client.properties),
            capabilities: self.client.capabilities,
            control: Arc::clone(&self.control),
        };
        let connect = |vhost: &mut Vhost| (!vhost.removed).then(|| vhost.connect(connection));
        self.link = host.run(connect).map(|id| Link {
            host: Arc::clone(host),
            id,
            channels: Channels::new(id, self.client.channel_max),
        });
        self.link.is_some()
    }

    fn send(&self, method: connection::AMQPMethod) {
        self.out.method(0, AMQPClass::Connection(method));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("peer", &self.peer)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
