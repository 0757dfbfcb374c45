//! One request between its arrival and its answer.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::reply::Answer;
use crate::amqp::{Acks, Channel, Delivery, Message, Writer};
use crate::codec::Codec;
use crate::context;
use crate::wire;

/// Where requests of one consumer came from and where their answers go.
pub(super) struct Desk {
    pub(super) acks: Acks,
    replies: Writer<u64>,
    /// Set when answers can no longer be written, so that the consumer is set up anew.
    pub(super) broken: CancellationToken,
    /// Of the queue, if it is one of a service's partitions.
    pub(super) partition: Option<u16>,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

impl Desk {
    pub(super) fn new(requests: Channel, replies: Channel, partition: Option<u16>) -> Self {
        Self {
            acks: Acks::new(requests),
            replies: Writer::new(replies),
            broken: CancellationToken::new(),
            partition,
        }
    }

    /// Acknowledges requests whose answers have been written; woken for the next ones. True when no answer is
    /// left to be written.
    pub(super) fn poll_settle(&self, cx: &mut Context<'_>) -> bool {
        self.replies.watch(cx);
        loop {
            if self.replies.look(|tags| self.acks.finish(tags)) == 0 {
                return true;
            }
            if !self.replies.poll_last(cx) {
                return false;
            }
        }
    }

    /// For whoever looks at the answers anyway.
    pub(super) fn do_not_wake(&self) {
        self.replies.unwatch();
    }

    /// Settles answers for as long as it is polled.
    pub(super) async fn settle(&self) {
        std::future::poll_fn(|cx| {
            self.poll_settle(cx);
            Poll::<()>::Pending
        })
        .await;
    }

    /// Waits until every answer has been written and acknowledged, or cannot be.
    pub(super) async fn drained(&self) {
        std::future::poll_fn(|cx| {
            if self.poll_settle(cx) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

/// A request and what is needed to answer it.
#[derive(Debug)]
pub(super) struct Job {
    /// Its place in the descriptor.
    pub(super) method: usize,
    /// The id of the logical call, when it is a UUID.
    pub(super) id: Option<Uuid>,
    pub(super) context: context::Context,
    pub(super) codec: Codec,
    pub(super) body: Bytes,
    pub(super) at_most_once: bool,
    /// A second delivery of it is not run: that could do harm, or go on for ever.
    pub(super) now_or_never: bool,
    pub(super) desk: Arc<Desk>,
}

impl Job {
    /// What orders it; requests without one are all of the same.
    pub(super) fn key(&self) -> &str {
        let delivery = self.context.delivery();
        delivery.header(wire::HEADER_KEY).unwrap_or_default()
    }

    /// Sends the answer, and acknowledges the request once it has been written.
    pub(super) fn answer(&self, answer: &Answer) {
        self.desk.answer(self.context.delivery(), answer);
    }
}

impl Desk {
    /// Answers a request and settles it.
    pub(super) fn answer(&self, request: &Delivery, answer: &Answer) {
        let Some(reply_to) = request.reply_to() else {
            if let Some(error) = answer.error_text() {
                tracing::warn!(method = request.kind(), %error, "a cast failed");
            }
            self.acks.finish(&[request.tag]);
            return;
        };
        let message = Message {
            // The default exchange: it reaches reply queues and direct reply-to addresses alike.
            exchange: "",
            routing_key: reply_to,
            kind: Some(answer.kind),
            content_type: Some(answer.content_type),
            correlation_id: request.correlation_id(),
            body: answer.body.clone(),
            ..Message::default()
        };
        if let Err(error) = self.replies.write(message, request.tag) {
            tracing::debug!(%error, "an answer could not be sent; the request will be delivered again");
            self.broken.cancel();
        }
    }
}
