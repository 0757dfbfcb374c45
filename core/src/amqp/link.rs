//! One AMQP connection: opened within a time limit, watched, closed in order or hung up.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::{AsyncTcpStream, ConnectionProperties, ErrorKind, Event};
use tokio::sync::watch;
use tokio::time::timeout;

use super::channel::Channel;
use super::failure::{failure, is_full, is_of_a_channel};
use super::runtime::Kit;
use super::socket::{Hangup, Socket};
use super::{Address, TlsOptions};
use crate::error::{Code, Error, Executed};

/// RabbitMQ's own default; lapin would believe a server that says "no limit" and allocate for it.
pub(super) const FRAME_MAX: u32 = 131_072;
/// How long an orderly close may take before the socket is hung up.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Clone, Debug)]
pub(crate) struct LinkOptions {
    /// Shown in the broker's list of connections.
    pub(crate) name: String,
    /// Bounds TCP, TLS and the AMQP handshake together.
    pub(crate) connect_timeout: Duration,
    pub(crate) heartbeat: Duration,
    pub(crate) tls: TlsOptions,
}

/// What became of a link.
#[derive(Clone, Debug)]
pub(crate) enum LinkState {
    Open,
    /// The broker takes no publishes now, for this reason.
    Blocked(Arc<str>),
    Lost(Arc<str>),
}

pub(crate) struct Link {
    connection: lapin::Connection,
    state: watch::Receiver<LinkState>,
    /// Whether numbers of channels were found that cannot be used again.
    has_ended: AtomicBool,
    // Last: lapin gets the chance to say goodbye before the socket goes.
    hangup: Hangup,
}

impl Link {
    pub(crate) async fn connect(address: &Address, options: &LinkOptions) -> Result<Self, Error> {
        let attempt = Self::attempt(address, options);
        timeout(options.connect_timeout, attempt).await.unwrap_or_else(|_| {
            Err(Error::new(
                Code::Unavailable,
                format!(
                    "{address} did not complete the handshake within {:?}; is it an AMQP broker, and is it well?",
                    options.connect_timeout
                ),
            )
            .with_executed(Executed::No))
        })
    }

    async fn attempt(address: &Address, options: &LinkOptions) -> Result<Self, Error> {
        let mut uri = address.uri.clone();
        let frame_max = *uri.query.frame_max.get_or_insert(FRAME_MAX);
        let (socket, hangup) = Socket::open(address, &options.tls, frame_max).await?;
        uri.query
            .heartbeat
            .get_or_insert(u16::try_from(options.heartbeat.as_secs().max(1)).unwrap_or(u16::MAX));
        let properties = ConnectionProperties::default()
            .with_connection_name(options.name.clone().into())
            .with_client_property("product".into(), "Leveret".into())
            .with_client_property("version".into(), env!("CARGO_PKG_VERSION").into());
        let socket = Arc::new(Mutex::new(Some(socket)));
        let connector = async move |_, _| {
            let socket = socket.lock().ok().and_then(|mut socket| socket.take());
            socket.map(AsyncTcpStream::Plain).ok_or_else(|| {
                ErrorKind::IOError(Arc::new(std::io::ErrorKind::NotConnected.into())).into()
            })
        };
        let runtime = async_rs::Runtime::new(Kit::current());
        let connection = lapin::Connection::connector(uri, runtime, connector, properties)
            .await
            .map_err(|error| refused(address, error))?;

        let (sender, state) = watch::channel(LinkState::Open);
        let events = connection.events_listener();
        let status = connection.status().clone();
        tokio::spawn(async move {
            let mut events = std::pin::pin!(events);
            // A loss between the handshake and the line that began to listen was told to nobody.
            if !status.connected() {
                let reason = "it was lost right after the handshake";
                sender.send_replace(LinkState::Lost(reason.into()));
                return;
            }
            while let Some(event) = events.next().await {
                match event {
                    Event::ConnectionBlocked(reason) => {
                        sender.send_replace(LinkState::Blocked(reason.into()));
                    }
                    Event::ConnectionUnblocked => {
                        sender.send_replace(LinkState::Open);
                    }
                    // A channel's death is told here too; that is the business of the channel's owner.
                    Event::Error(error) if !status.connected() => {
                        sender.send_replace(LinkState::Lost(error.to_string().into()));
                        return;
                    }
                    _ => {}
                }
            }
            sender.send_replace(LinkState::Lost("it was closed".into()));
        });
        Ok(Self {
            connection,
            state,
            has_ended: AtomicBool::new(false),
            hangup,
        })
    }

    pub(crate) fn state(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }

    pub(crate) fn is_blocked(&self) -> bool {
        matches!(*self.state.borrow(), LinkState::Blocked(_))
    }

    pub(crate) fn is_lost(&self) -> bool {
        !self.connection.status().connected()
    }

    /// How many channels it has room for.
    pub(crate) fn channel_max(&self) -> u16 {
        match self.connection.configuration().channel_max() {
            0 => u16::MAX,
            most => most,
        }
    }

    pub(crate) async fn channel(&self) -> Result<Channel, Error> {
        loop {
            match self.connection.create_channel().await {
                Ok(channel) => {
                    let frame_max = self.connection.configuration().frame_max();
                    return Ok(Channel::new(channel, frame_max));
                }
                // Nobody says so of a channel that is being opened: it is how the last one of this number ended, which
                // lapin (4.12.3) tells every later one of that number, once the broker has closed one, and keeps a place
                // for that one besides. The next number may do.
                Err(error) if is_of_a_channel(&error) => self.has_ended.store(true, Relaxed),
                Err(error) if is_full(&error) && self.has_ended.load(Relaxed) => {
                    self.hangup.now();
                    return Err(Error::new(
                        Code::Unavailable,
                        "the broker has closed so many channels of this connection that it is being replaced",
                    )
                    .with_executed(Executed::No)
                    .with_source(error));
                }
                Err(error) => return Err(failure("opening a channel", error)),
            }
        }
    }

    /// Ends it without a word. Whoever uses it is told, and the broker gives what came by it to others.
    pub(crate) fn hang_up(&self) {
        self.hangup.now();
    }

    pub(crate) async fn close(&self) {
        // A peer that does not answer gets hung up on when the link is dropped.
        let _ = timeout(CLOSE_TIMEOUT, self.connection.close(200, "goodbye".into())).await;
    }
}

/// Most who read this are about to try Leveret.
const NO_BROKER: &str = "nothing listens there: start a broker, by `leveret-broker`, `docker run -p 5672:5672 rabbitmq`, \
     `apt install rabbitmq-server` or `brew install rabbitmq && brew services start rabbitmq`";

pub(super) fn unreachable(address: &Address, what: &str, error: std::io::Error) -> Error {
    let refused = error.kind() == std::io::ErrorKind::ConnectionRefused;
    let advice = if refused && address.is_loopback() {
        NO_BROKER
    } else {
        "check the host and port, and that a broker runs there"
    };
    let message = format!("{address} cannot be reached ({what}: {error}); {advice}");
    Error::new(Code::Unavailable, message)
        .with_executed(Executed::No)
        .with_source(error)
}

fn refused(address: &Address, error: lapin::Error) -> Error {
    let (code, advice) = match error.kind() {
        ErrorKind::ProtocolError(amqp) => match amqp.kind() {
            AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => {
                (Code::Unauthenticated, "check user and password")
            }
            AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => (
                Code::PermissionDenied,
                "check that the vhost exists and that the user may use it (rabbitmqctl list_permissions); the vhost `/` is \
                 written %2f, or left out with its slash",
            ),
            _ => (Code::Unavailable, "see the broker's log"),
        },
        ErrorKind::InvalidProtocolVersion(_) => (Code::Unavailable, "it does not speak AMQP 0-9-1"),
        ErrorKind::ParsingError(_) => {
            let message = format!("{address} does not speak AMQP 0-9-1; check the port");
            return Error::new(Code::Unavailable, message)
                .with_executed(Executed::No)
                .with_source(error);
        }
        _ => (Code::Unavailable, "see the broker's log"),
    };
    let said = match error.kind() {
        ErrorKind::ProtocolError(amqp) => amqp.get_message().to_string(),
        _ => error.to_string(),
    };
    Error::new(
        code,
        format!("{address} refused the connection: {said}; {advice}"),
    )
    .with_executed(Executed::No)
    .with_source(error)
}
