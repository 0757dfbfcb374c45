//! Tells servers that a caller has given up. Best effort: at worst a handler runs to its deadline.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};

use crate::amqp::{Channel, Message};
use crate::connection::Session;
use crate::error::Error;
use crate::topology::ExchangeKind;
use crate::wire;

/// A call to be stopped.
#[derive(Debug)]
pub(super) struct Cancel {
    pub(super) queue: String,
    pub(super) message_id: String,
}

/// What the task is told.
#[derive(Debug)]
pub(super) enum Order {
    Cancel(Cancel),
    /// Tell when all cancels before this have been written to the socket.
    Flush(oneshot::Sender<()>),
}

/// Cancels waiting to be sent; more are dropped, since each costs every instance of a service a delivery.
const WAITING: usize = 4096;

/// How often the control exchange is looked for that was not there: each look in vain costs a channel.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// How many are written at a time.
const BATCH: usize = 64;

pub(super) fn start(session: Arc<Session>, exchange: String) -> mpsc::Sender<Order> {
    let (sender, mut orders) = mpsc::channel::<Order>(WAITING);
    tokio::spawn(async move {
        // Opened for the first cancel: most programs never cancel anything.
        let (mut channel, mut missing) = (None, None);
        let mut batch = Vec::new();
        while orders.recv_many(&mut batch, BATCH).await > 0 {
            let (mut cancels, mut flushes) = (Vec::new(), Vec::new());
            for order in batch.drain(..) {
                match order {
                    Order::Cancel(cancel) => cancels.push(cancel),
                    Order::Flush(done) => flushes.push(done),
                }
            }
            if !cancels.is_empty()
                && let Err(error) =
                    send(&session, &mut channel, &mut missing, &exchange, &cancels).await
            {
                tracing::debug!(%error, "calls cannot be cancelled on this connection");
                return;
            }
            for done in flushes {
                let _ = done.send(());
            }
        }
    });
    sender
}

async fn send(
    session: &Session,
    channel: &mut Option<Channel>,
    missing: &mut Option<Instant>,
    exchange: &str,
    cancels: &[Cancel],
) -> Result<(), Error> {
    if channel.as_ref().is_none_or(|channel| !channel.is_open()) {
        if missing.is_some_and(|since| since.elapsed() < LOOK_EVERY) {
            return Ok(());
        }
        *channel = session.unless_lost(open(session, exchange)).await?;
        *missing = channel.is_none().then(Instant::now);
    }
    let Some(channel) = channel else {
        return Ok(());
    };
    let written = join_all(
        cancels
            .iter()
            .map(|cancel| write(channel, exchange, cancel)),
    );
    session
        .unless_lost(async {
            written.await;
            Ok(())
        })
        .await
}

/// `None` while the exchange does not exist, which also means that no server would hear.
async fn open(session: &Session, exchange: &str) -> Result<Option<Channel>, Error> {
    // Publishing to an exchange that does not exist would close the channel.
    if !session
        .publish
        .has_exchange(exchange, ExchangeKind::Topic)
        .await?
    {
        return Ok(None);
    }
    Ok(Some(session.publish.channel().await?))
}

async fn write(channel: &Channel, exchange: &str, cancel: &Cancel) {
    let key = wire::control_key(&cancel.queue);
    channel
        .send(Message {
            exchange,
            routing_key: &key,
            kind: Some(wire::TYPE_CANCEL),
            correlation_id: Some(&cancel.message_id),
            ..Message::default()
        })
        .await;
}
