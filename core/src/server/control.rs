//! Listens to the control exchange: cancels, for calls that run here or are about to arrive.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::calls::Calls;
use crate::amqp::{ConsumeOptions, Consumer};
use crate::connection::{Pauses, Session, Shared, next_session};
use crate::error::Error;
use crate::running::Ready;
use crate::topology::{Declare, ExchangeKind};
use crate::wire;

const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Is ready when the first attempt has been made, whether it worked or not: a login that may not use the exchange can
/// serve all the same.
pub(super) async fn listen(
    shared: Arc<Shared>,
    queues: Vec<(String, Arc<Calls>)>,
    instance: String,
    stop: CancellationToken,
    ready: Ready,
) {
    let exchange = shared.scoped(wire::CONTROL_EXCHANGE);
    let mut ready = Some(ready);
    let mut sessions = shared.sessions();
    let mut pauses = Pauses::from(RETRY_AFTER);
    loop {
        let session = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = shared.stopped().cancelled() => return,
            session = next_session(&mut sessions) => match session {
                Some(session) => session,
                None => return,
            },
        };
        let attaching = attach(&session, &exchange, &queues, &instance);
        let attached = session.unless_lost(attaching).await;
        if let Some(ready) = ready.take() {
            let _ = ready.send(Ok(()));
        }
        let pause = pauses.after(&attached);
        match attached {
            Ok(mut consumer) => tokio::select! {
                () = stop.cancelled() => return,
                () = receive(&mut consumer, &queues) => {}
                () = session.lost() => {}
            },
            Err(error) => tracing::warn!(%error, "calls cannot be cancelled on this server"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(pause) => {}
        }
    }
}

async fn attach(
    session: &Session,
    exchange: &str,
    queues: &[(String, Arc<Calls>)],
    instance: &str,
) -> Result<Consumer, Error> {
    session
        .consume
        .declare_exchange(exchange, ExchangeKind::Topic, Declare::Create)
        .await?;
    let channel = session.consume.channel().await?;
    let queue = format!("{}{}", wire::CONTROL_QUEUE_PREFIX, wire::random_name());
    channel.declare_exclusive(&queue).await?;
    for (name, _) in queues {
        channel
            .bind(&queue, exchange, &wire::control_key(name))
            .await?;
    }
    channel
        .bind(&queue, exchange, &wire::instance_key(instance))
        .await?;
    channel
        .consume(
            &queue,
            ConsumeOptions {
                no_ack: true,
                prefetch: 0,
            },
        )
        .await
}

async fn receive(consumer: &mut Consumer, queues: &[(String, Arc<Calls>)]) {
    while let Some(delivery) = consumer.next().await {
        if delivery.kind() != Some(wire::TYPE_CANCEL) {
            tracing::debug!(
                kind = delivery.kind(),
                "an unknown control message was ignored"
            );
            continue;
        }
        let Some(id) = delivery.correlation_id() else {
            continue;
        };
        let queue = wire::controlled_queue(&delivery.routing_key);
        for (_, calls) in queues.iter().filter(|(name, _)| queue == Some(name)) {
            calls.cancel(id);
        }
    }
}
