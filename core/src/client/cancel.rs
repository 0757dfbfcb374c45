//! Tells servers that a caller has given up. Best effort: at worst a handler runs to its deadline.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::amqp::{Channel, Message};
use crate::connection::Session;
use crate::error::Error;
use crate::wire;

/// A call to be stopped.
#[derive(Debug)]
pub(super) struct Cancel {
    pub(super) queue: String,
    pub(super) message_id: String,
}

/// Cancels waiting to be sent; more are dropped, since each costs every instance of a service a delivery.
const WAITING: usize = 4096;

pub(super) fn start(session: Arc<Session>, exchange: String) -> mpsc::Sender<Cancel> {
    let (sender, mut cancels) = mpsc::channel::<Cancel>(WAITING);
    tokio::spawn(async move {
        // Opened for the first cancel: most programs never cancel anything.
        let mut channel = None;
        while let Some(cancel) = cancels.recv().await {
            if channel
                .as_ref()
                .is_none_or(|channel: &Channel| !channel.is_open())
            {
                match session.unless_lost(open(&session, &exchange)).await {
                    Ok(opened) => channel = opened,
                    Err(error) => {
                        tracing::debug!(%error, "calls cannot be cancelled on this connection");
                        return;
                    }
                }
            }
            if let Some(channel) = &channel {
                send(channel, &exchange, &cancel);
            }
        }
    });
    sender
}

/// `None` while the exchange does not exist, which also means that no server would hear.
async fn open(session: &Session, exchange: &str) -> Result<Option<Channel>, Error> {
    // Publishing to an exchange that does not exist would close the channel.
    if !session.publish.has_topic_exchange(exchange).await? {
        return Ok(None);
    }
    Ok(Some(session.publish.channel().await?))
}

fn send(channel: &Channel, exchange: &str, cancel: &Cancel) {
    let key = wire::control_key(&cancel.queue);
    channel.send(Message {
        exchange,
        routing_key: &key,
        kind: Some(wire::TYPE_CANCEL),
        correlation_id: Some(&cancel.message_id),
        ..Message::default()
    });
}
